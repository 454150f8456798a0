"""Request of a scan: one field for each option of ``scan-folder``, with its default.

A field's ``Option`` holds the rest of the command line: name, text, range. The commands make their
options from these fields, so a new option is one field here.
"""

from dataclasses import dataclass, field

from ..choices import DEFAULT_MODEL, Device, Existing, Mark, RowFormat, Trust
from ..errors import UsageError
from ..images.limits import DEFAULT_LIMITS, Isolation, Limits
from ..stores.options import DEFAULT_STORE_OPTIONS, StoreOptions
from .option import OPTIONS, Option, Unit, option, options_within

_CORES = "the cores that this process may use"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """Request of a scan. A number that is ``None`` depends on the machine or the model.

    Raises:
        UsageError: the request has neither a path nor a list, or a mark on JSON lines.
    """

    paths: tuple[str, ...] = ()
    out: str = field(
        metadata={
            OPTIONS: (
                Option(
                    "--out",
                    "Where the rows go; - is standard output, and an address such as "
                    "s3://BUCKET/ROWS/ takes them in parts.",
                    "FILE|-",
                ),
            ),
        }
    )
    row_format: RowFormat = option(
        RowFormat.CSV, Option("--format", "CSV, or one JSON object on each line.")
    )
    mark: Mark = option(
        Mark.NONE,
        Option(
            "--excel",
            "Begin the CSV with a byte order mark, so that Excel shows all names rightly.",
            sets=Mark.BYTE_ORDER,
        ),
    )
    existing: Existing = option(
        Existing.REFUSE,
        Option(
            "--force",
            "Replace an existing FILE when the scan is done.",
            sets=Existing.REPLACE,
        ),
        Option(
            "--resume",
            "Resume FILE of an interrupted scan; begin it if it does not exist.",
            sets=Existing.RESUME,
        ),
        Option(
            "--update",
            "Scan again what is new, changed or failed since FILE was finished, and keep all other "
            "rows; begin it where there is none.",
            sets=Existing.UPDATE,
        ),
    )
    files_from: str | None = option(
        None,
        Option(
            "--files-from",
            "Also scan the paths in FILE, one to a line or separated by NUL; - is standard input.",
            "FILE|-",
        ),
    )
    shard: str | None = option(
        None,
        Option(
            "--shard",
            "Scan only part K of N, the files whose path hashes there, such as 3/16; "
            "'trustthepixels merge' puts the parts together.",
            "K/N",
        ),
    )
    include: tuple[str, ...] = option(
        (),
        Option(
            "--include",
            "In folders, scan only files that match, by the rules of gitignore, but in any case; "
            "may be repeated. '*.png' matches names, '2024/**' paths below PATH.",
            "GLOB",
        ),
    )
    exclude: tuple[str, ...] = option(
        (),
        Option(
            "--exclude",
            "In folders, leave out files and folders that match, such as '.*' for hidden ones; "
            "may be repeated.",
            "GLOB",
        ),
    )
    any_name: bool = option(
        False,
        Option(
            "--any-name",
            "In folders, also scan files that are not named like pictures, where their first bytes "
            "are a picture's.",
            sets=True,
        ),
    )
    system_files: bool = option(
        False,
        Option(
            "--system-files",
            "In folders, also scan what Macs, NAS boxes and file managers leave, such as '._*', "
            "@eaDir and .thumbnails.",
            sets=True,
        ),
    )
    allow_empty: bool = option(
        False, Option("--allow-empty", "Succeed where there is nothing to scan.", sets=True)
    )
    follow_links: bool = option(
        False, Option("--follow-links", "Enter links to folders; loops end.", sets=True)
    )
    stores: StoreOptions = options_within(
        DEFAULT_STORE_OPTIONS,
        {
            "endpoint": Option(
                "--endpoint",
                "Server of s3://, gs:// and az:// addresses, if it is not the provider's own.",
                "URL",
            ),
            "region": Option("--region", "Region of s3:// buckets.", "NAME"),
            "anonymous": Option(
                "--anonymous",
                "Sign no request: read public buckets without credentials. Otherwise these come "
                "from the environment, as the stores' own tools take them.",
                sets=True,
            ),
        },
    )
    limits: Limits = options_within(
        DEFAULT_LIMITS,
        {
            "max_pixels": Option(
                "--max-pixels", "Refuse larger images before they are decoded.", "N", least=1
            ),
            "max_bytes": Option(
                "--max-bytes",
                "Refuse larger files before they are read.",
                "SIZE",
                unit=Unit.BYTES,
            ),
            "timeout_s": Option(
                "--timeout", "Give a file up after so long.", "SECONDS", above=0, most=86_400
            ),
            "truncated": Option(
                "--truncated",
                "Refuse images whose end is missing, or judge the rest of them, with a note.",
            ),
            "decode_size": Option(
                "--decode",
                "Decode JPEGs of several megapixels at a half, a quarter or an eighth of their "
                "size, where that is still six times what the model sees; or in full.",
            ),
        },
    )
    memory: int | None = option(
        None,
        Option(
            "--memory",
            "For all files being decoded together; files wait for their share, and one that needs "
            "more is refused.",
            "SIZE",
            default="half of what there is, at most 2G",
            unit=Unit.BYTES,
        ),
    )
    isolation: Isolation = option(
        Isolation.ODD,
        Option(
            "--isolate",
            "Decode in separate processes the files whose header does not bound what they cost, "
            "or all of them.",
        ),
    )
    provenance: bool = option(
        False,
        Option(
            "--provenance",
            "Also read what each file states about its origin (content credentials, XMP, EXIF, "
            "texts), and add the columns origin, origin_grade and origin_evidence. It moves no "
            "verdict.",
            sets=True,
        ),
    )
    provenance_details: str | None = option(
        None,
        Option(
            "--provenance-details",
            "Also write all that was read to FILE, one JSON object for each picture; it can hold "
            "prompts and names. Implies --provenance.",
            "FILE",
        ),
    )
    report: str | None = option(
        None,
        Option(
            "--report",
            "Also write a page to FILE when the scan is done, with the counts and the pictures "
            "worth a look; see 'trustthepixels report'.",
            "FILE",
        ),
    )
    trust_list: str | None = option(
        None,
        Option(
            "--trust-list",
            "Certificates of trusted signers, in place of the bundled C2PA Trust List. Implies "
            "--provenance.",
            "FILE",
        ),
    )
    model: str = option(
        DEFAULT_MODEL,
        Option(
            "--model",
            "A bundled model by name, or an ONNX file written by 'trustthepixels export'.",
            "NAME|FILE",
        ),
    )
    trust: Trust = option(
        Trust.VERIFIED,
        Option(
            "--allow-unverified",
            "Use a model file whose content does not match its digest, with a warning.",
            sets=Trust.ALLOW_UNVERIFIED,
        ),
    )
    device: Device = option(
        Device.AUTO,
        Option("--device", "Where the model runs; auto takes CUDA where it works, else the CPU."),
    )
    false_positive_rate: float | None = option(
        None,
        Option(
            "--fpr",
            "Share of photographs that may be called AI: 0.01 or 0.05.",
            "RATE",
            default="the model's",
            least=0,
            most=1,
        ),
    )
    threshold: float | None = option(
        None,
        Option(
            "--threshold",
            "Call a picture AI from this probability on, instead of --fpr.",
            "P",
            least=0,
            most=1,
        ),
    )
    unsure: bool = option(
        True, Option("--no-unsure", "Two verdicts: real is all that is not ai.", sets=False)
    )
    batch_size: int | None = option(
        None,
        Option(
            "--batch-size",
            "Images in one batch of the model.",
            "N",
            default="4 on the CPU, else 64",
            least=1,
            most=4096,
        ),
    )
    threads: int | None = option(
        None,
        Option(
            "--threads",
            "Threads of the model on the CPU.",
            "N",
            default=_CORES,
            least=1,
            most=1024,
        ),
    )
    decode_threads: int | None = option(
        None,
        Option(
            "--decode-threads",
            "Threads that read and decode.",
            "N",
            default=_CORES,
            least=1,
            most=1024,
        ),
    )
    decode_processes: int | None = option(
        None,
        Option(
            "--decode-processes",
            "Processes that decode in parallel in a long scan; 0 disables them.",
            "N",
            default="one for each decode thread from 8 threads on, else none",
            least=0,
            most=1024,
        ),
    )
    quiet: bool = option(False, Option("--quiet", "Say nothing but errors.", sets=True))

    @property
    def reads_provenance(self) -> bool:
        """True if an option asks for what files state about their origin."""
        return self.provenance or bool(self.provenance_details or self.trust_list)

    def __post_init__(self) -> None:
        """Refuse a request for nothing, and options that exclude each other."""
        if not self.paths and self.files_from is None:
            raise UsageError("name at least one PATH, or a list with --files-from")
        if self.mark is not Mark.NONE and self.row_format is not RowFormat.CSV:
            raise UsageError("--excel is for CSV; leave out --excel or --format jsonl")
