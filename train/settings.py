"""Settings of one training run, as its ``config.json`` stores them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from trustthepixels.infer.errors import InputError, OutputError, UsageError
from trustthepixels.infer.images.shape import InputShape, View

CONFIG_NAME = "config.json"
SPLITS_NAME = "splits.csv"
WEIGHTS_NAME = "weights.safetensors"
CHECKPOINTS_NAME = "checkpoints"
"""Files of a run folder, and the folder of its checkpoints; its logs lie beside them."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Every setting that decides the result of a run, besides the data.

    Attributes:
        data: folder with ``manifest.csv`` or with ``AI/`` and ``Real/``.
        recipe: name in ``recipes.RECIPES``.
        architecture: timm's name of the backbone.
        init: ``imagenet``, ``random`` or a file.
        average_with: further weights, in the same forms; the start is the mean of all, see
            ``starting_weights.average``.
        part_init: file of the network that sees the part, or empty, see
            ``starting_weights.initialise``.
        image_size: side of the square views in pixels, at validation and inference.
        input_views: views of a picture, joined in the network.
        train_size: side of the augmented views in pixels. Random crops show things larger than
            whole pictures do; a size below ``image_size`` evens that out and saves time (FixRes,
            Touvron et al. 2019).
        epochs: passes over the training pictures; 0 fits the last layer alone, see ``last_layer``.
        batch_size: pictures per optimiser step and device.
        learning_rate: learning rate at the top of the schedule.
        seed: seed of the split, the order and the augmentation.
        exclude_sources: sources of the manifest that take no part at all.
        splits: a ``file,split`` CSV; empty makes the split from the seed.
        fold: fold of ``folds.py``, whose sources are the test and take no other part; it replaces
            ``splits`` and the seed's split.
        hard: folders of ``evaluate --mistakes`` with pictures that join the training split.
        teachers: weights of trained networks whose mean answers replace the labels.
        held_out: fit on all sources, and calibrate on five fits that leave sources out, see
            ``all_sources``.
        inverse_penalty: scikit-learn's ``C`` of the last layer, with ``epochs`` 0; ``None`` for the
            network's usual one, see ``last_layer``.
        learned_sources: CSV whose column ``source`` names what the stages learned, or empty; with
            ``held_out`` these sources calibrate nothing.
        views: changed views of each training picture to keep in memory, see ``kept_views``; 0
            changes each picture anew in every epoch.
    """

    data: str
    recipe: str = "web-light"
    architecture: str = "resnet34"
    init: str = "imagenet"
    image_size: int = 224
    train_size: int = 224
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 3e-4
    seed: int = 42
    exclude_sources: tuple[str, ...] = ()
    splits: str = ""
    fold: int | None = None
    hard: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()
    average_with: tuple[str, ...] = ()
    held_out: bool = False
    inverse_penalty: float | None = None
    learned_sources: str = ""
    views: int = 0
    part_init: str = ""
    input_views: tuple[View, ...] = (View.WHOLE,)

    @property
    def input_shape(self) -> InputShape:
        """Shape of one picture in the network's input."""
        return InputShape(self.image_size, self.image_size, self.input_views)


def open_run(folder: Path, settings: TrainSettings, *, resume: bool) -> None:
    """Create the run folder and its config, or check that it holds the same run.

    Raises:
        OutputError: the folder exists and ``resume`` was not asked for, or cannot be made.
        InputError: the folder has no run to resume.
        UsageError: the run to resume had other settings; the text names them.
    """
    config = folder / CONFIG_NAME
    if not resume:
        if config.exists():
            raise OutputError(f"{folder} holds a run already; use --resume or another --out")
        if (folder / CHECKPOINTS_NAME).exists():
            raise OutputError(f"{folder} holds checkpoints of another run; use another --out")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            config.write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write {config}: {error.strerror}") from error
        return
    try:
        before = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"no run to resume in {folder} ({error})") from error
    now = json.loads(json.dumps(asdict(settings)))
    # Older runs had one teacher at most, under another name.
    if before.get("teacher"):
        before.setdefault("teachers", [before["teacher"]])
    # A setting that did not exist when the run began had the value that is now its default.
    usual = json.loads(json.dumps(asdict(TrainSettings(data=settings.data))))
    changed = sorted(key for key in now if now[key] != before.get(key, usual[key]))
    if changed:
        raise UsageError(f"{folder} was started with other settings: {', '.join(changed)}")
