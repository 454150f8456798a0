"""Every public name, used once as a user would; mypy checks it in strict mode, nothing runs it."""

from pathlib import Path

import trustthepixels
from trustthepixels.infer import (
    DecodeSize,
    Detector,
    Device,
    DigestError,
    Doubt,
    ExportCheckError,
    FileStatus,
    ImageError,
    InputError,
    Limits,
    MissingExtraError,
    ModelError,
    ModelSpec,
    OutOfMemoryError,
    OutputError,
    ProviderError,
    ScanOptions,
    ScanRow,
    SignatureError,
    SourceLostError,
    SpecError,
    TruncatedPolicy,
    TrustThePixelsError,
    UsageError,
    Verdict,
    VerdictLabel,
    WalkOptions,
    bundled_models,
)


def judged(photo: Path) -> Verdict | None:
    limits = Limits(truncated=TruncatedPolicy.SCORE, decode_size=DecodeSize.FULL)
    try:
        detector = Detector(bundled_models()[0], Device.CPU, limits=limits)
        return detector.predict(photo)
    except ImageError as error:
        print(error.status is FileStatus.TOO_LARGE, error.reason)
    except (DigestError, SignatureError, SpecError, ModelError) as error:
        print(error.exit_code)
    except (OutOfMemoryError, ProviderError) as error:
        print(error.exit_code)
    except (SourceLostError, InputError, OutputError, MissingExtraError, UsageError) as error:
        print(error.exit_code)
    except (ExportCheckError, TrustThePixelsError) as error:
        print(error.exit_code)
    return None


def scanned(detector: Detector, folder: Path) -> list[ScanRow]:
    spec: ModelSpec = detector.spec
    print(spec.name, trustthepixels.__version__)
    options = ScanOptions(walk=WalkOptions(include=("*.jpg",)), batch_size=2)
    return [*detector.scan(folder, options), *detector.judge([("a.jpg", b"")])]


def is_sure(row: ScanRow) -> bool:
    verdict = row.verdict
    if verdict is None or verdict.doubt is Doubt.TINY:
        return False
    return verdict.label is not VerdictLabel.UNSURE
