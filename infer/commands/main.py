"""The ``trustthepixels`` command: a table of its sub-commands, none of them imported here."""

import click

from .lazy import LazyCommand, LazyGroup

COMMANDS = (
    LazyCommand(
        "prepare-data",
        "trustthepixels.train.commands.prepare_data:prepare_data",
        "Turn a data set into AI/, Real/ and a manifest.",
        extra="train",
    ),
    LazyCommand(
        "train",
        "trustthepixels.train.commands.train:train",
        "Fine-tune a model on labelled pictures.",
        extra="train",
    ),
    LazyCommand(
        "evaluate",
        "trustthepixels.train.commands.evaluate:evaluate",
        "Measure a model on labelled pictures.",
        extra="train",
    ),
    LazyCommand(
        "calibrate",
        "trustthepixels.train.commands.calibrate:calibrate",
        "Fit a model's probabilities on sources that its like never saw.",
        extra="train",
    ),
    LazyCommand(
        "study",
        "trustthepixels.train.commands.study:study",
        "Compare training recipes under one protocol.",
        extra="train",
    ),
    LazyCommand(
        "export",
        "trustthepixels.export.commands.export:export",
        "Write a checkpoint as a checked ONNX file.",
        extra="export",
    ),
    LazyCommand(
        "scan",
        "trustthepixels.infer.commands.scan:scan",
        "Write one row for every picture in folders.",
        takes_signals=True,
    ),
    LazyCommand(
        "predict",
        "trustthepixels.infer.commands.predict:predict",
        "Print the verdict on single pictures.",
    ),
    LazyCommand(
        "bench",
        "trustthepixels.infer.commands.bench:bench",
        "Measure images per second on this machine.",
    ),
    LazyCommand(
        "info",
        "trustthepixels.infer.commands.info:info",
        "Print what a model is and how its verdicts are made.",
    ),
)

group = click.version_option(package_name="trustthepixels", message="%(prog)s %(version)s")(
    LazyGroup(
        COMMANDS,
        name="trustthepixels",
        help="Tells AI-generated pictures from photographs, and says when it cannot know.",
    )
)
