"""The scanner of an earlier checkout, with the models that it bundles: ``--earlier CHECKOUT``."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..inputs.checkout import scanner_of
from ..names import EARLIER, EARLIER_EDGE
from ..settings import Settings
from .agreement import from_csv
from .contestants import Contestant


@dataclass(frozen=True, slots=True)
class Earlier:
    """Commands of an earlier checkout.

    Attributes:
        commit: first digits of its commit.
        environment: variables that put its modules before the installed ones.
    """

    commit: str
    environment: dict[str, str]

    def command(self, entry: str) -> list[str | Path]:
        """Return one of its commands: ``scan_folder`` or ``trustthepixels``."""
        program = f"from trustthepixels.infer.commands.entry import {entry}; {entry}()"
        return [sys.executable, "-P", "-c", program]


def earlier(settings: Settings) -> Earlier | None:
    """Return the commands of ``settings.earlier``; ``None`` if there is none."""
    checkout = settings.earlier
    if checkout is None:
        return None
    asked = ["git", "-C", str(checkout), "rev-parse", "--short=7", "HEAD"]
    commit = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    place = settings.work / f"earlier-{commit}"
    behind = filter(None, [os.environ.get("PYTHONPATH")])
    return Earlier(commit, scanner_of(checkout, place, *behind))


def earlier_scanners(settings: Settings) -> list[Contestant]:
    """Return the earlier scanner with its default and its edge model."""
    build = earlier(settings)
    if build is None:
        return []

    def contestant(name: str, model: str) -> Contestant:
        def arguments(folder: Path, out: Path) -> list[str | Path]:
            options = ["--model", model, "--device", settings.device, "--quiet", "--force"]
            return [*build.command("scan_folder"), folder, "--out", out, *options]

        return Contestant(
            name, arguments, from_csv, None, build.commit, environment=build.environment
        )

    return [contestant(EARLIER, "default"), contestant(EARLIER_EDGE, "edge")]
