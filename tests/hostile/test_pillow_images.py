"""The test pictures of Pillow's source distribution: each a row, none hangs, none crashes.

They are fetched with pip, or taken from the archive that ``PILLOW_SDIST`` names.
"""

import os
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import PIL
import pytest

from trustthepixels.infer.files.walk import Found
from trustthepixels.infer.flow.budget import MemoryBudget
from trustthepixels.infer.images.limits import Isolation, Limits
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.isolation.pool import WorkerPool
from trustthepixels.infer.results import FileStatus
from trustthepixels.infer.scan.prepare import PreparedImage, Resources, prepare

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pillow")
    archive = os.environ.get("PILLOW_SDIST")
    if archive is None:
        command = [sys.executable, "-m", "pip", "download", "--no-binary", "pillow", "--no-deps"]
        run = subprocess.run(
            [*command, f"pillow=={PIL.__version__}", "-d", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        archives = list(folder.glob("*.tar.gz"))
        if not archives:
            pytest.skip(f"Pillow's source cannot be fetched: {run.stderr.strip()[-200:]}")
        archive = str(archives[0])
    with tarfile.open(archive) as source:
        source.extractall(folder, filter="data")
    return sorted(path for path in folder.glob("*/Tests/images/**/*") if path.is_file())


@pytest.mark.parametrize("isolation", Isolation)
def test_every_one_gets_an_honest_row(images, isolation):
    pool = WorkerPool()
    resources = Resources(MemoryBudget(), pool, isolation)
    statuses: Counter[str] = Counter()
    for path in images:
        result = prepare(Found(os.fsencode(path)), InputShape(224, 224), Limits(), resources)
        row = result.row if isinstance(result, PreparedImage) else result
        assert (row.status is FileStatus.OK) == isinstance(result, PreparedImage)
        assert bool(row.error) == (row.status is not FileStatus.OK)
        for sign in ("crashed", "killed", "failed with"):
            assert sign not in row.error, (path, row)
        assert row.status is not FileStatus.TOO_SLOW, path
        statuses[row.status.value] += 1
    pool.cancel()
    print(isolation.value, len(images), dict(statuses))
    assert statuses["ok"] > len(images) / 4
