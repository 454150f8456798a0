"""The ``trustthepixels`` command: a table of its sub-commands, each imported when it is called."""

import importlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

import click

from ..errors import MissingExtraError
from ..system.versions import missing_distributions
from .early_signals import leave_signals_to_the_command
from .run import SHORT_HELP, version_option

_DISTRIBUTION = "trustthepixels"


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Name and place of a sub-command.

    Attributes:
        name: name as the user types it.
        target: ``module:attribute`` of a ``click.Command``.
        help: one line for the group's ``--help``.
        extra: the optional dependencies that it needs; empty for none.
        takes_signals: true if it handles signals by itself, from its first moment.
    """

    name: str
    target: str
    help: str
    extra: str = ""
    takes_signals: bool = False

    def load(self) -> click.Command:
        """Import the command; without its extra it can only show its help."""
        module, _, attribute = self.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        missing = missing_distributions(_DISTRIBUTION, self.extra) if self.extra else []
        if missing:
            command = copy(command)
            command.callback = partial(_refuse, self, ", ".join(missing))
        if not self.takes_signals:
            leave_signals_to_the_command()
        return command


def _refuse(lazy: LazyCommand, missing: str, *_: object, **__: object) -> NoReturn:
    raise MissingExtraError(f"trustthepixels {lazy.name}", lazy.extra, missing)


class LazyGroup(click.Group):
    """A group over ``LazyCommand``s; its own ``--help`` imports none of them."""

    def __init__(self, commands: Sequence[LazyCommand], name: str, help: str) -> None:
        super().__init__(name=name, help=help, no_args_is_help=False, context_settings=SHORT_HELP)
        self._lazy = {command.name: command for command in commands}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table, which is the order of the work."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; return ``None`` if the name is unknown."""
        lazy = self._lazy.get(cmd_name)
        return None if lazy is None else lazy.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands' lines from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(lazy.name, lazy.help) for lazy in self._lazy.values()])


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
        "Calibrate a model on sources held out from training.",
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
        "import-tower",
        "trustthepixels.export.commands.import_tower:import_tower",
        "Read CLIP's weights out of an ONNX file, to train on.",
        extra="export",
    ),
    LazyCommand(
        "scan",
        "trustthepixels.infer.commands.scan:scan",
        "Write one row for every picture in folders.",
        takes_signals=True,
    ),
    LazyCommand(
        "scan-cluster",
        "trustthepixels.infer.commands.cluster.scan_cluster:scan_cluster",
        "The same on several machines, with Ray.",
        extra="ray",
        takes_signals=True,
    ),
    LazyCommand(
        "merge",
        "trustthepixels.infer.commands.results.merge:merge",
        "Put the parts of scans with --shard together.",
    ),
    LazyCommand(
        "report",
        "trustthepixels.infer.commands.results.report:report",
        "Write a page with the pictures worth a look.",
    ),
    LazyCommand(
        "sort",
        "trustthepixels.infer.commands.results.sort:sort",
        "Copy, link or move pictures into folders by verdict.",
    ),
    LazyCommand(
        "convert",
        "trustthepixels.infer.commands.results.convert:convert",
        "Turn rows into Parquet, SQLite, CSV or JSON lines.",
    ),
    LazyCommand(
        "page",
        "trustthepixels.infer.commands.web.page:page",
        "Write a page that judges pictures in a browser.",
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
        "Describe a model and its verdicts.",
    ),
)

group = version_option(
    LazyGroup(
        COMMANDS,
        name="trustthepixels",
        help="Tell AI-generated pictures from photographs.",
    )
)
