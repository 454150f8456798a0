"""Mutants by the ten thousand: no crash, no hang, no leak, and an honest answer to each."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz import fuzz, mutants

HERE = Path(__file__).parent
MUTANTS = 50_000


def test_a_few_mutants(tmp_path):
    report = fuzz(60, seed=3, folder=tmp_path)
    assert report["odd"] == []
    assert sum(report["statuses"].values()) == 60


def test_mutants_are_the_same_for_the_same_seed():
    assert list(mutants(20, 5)) == list(mutants(20, 5))
    assert list(mutants(20, 5)) != list(mutants(20, 6))


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_fifty_thousand_mutants(tmp_path):
    # In a process of its own, because a crash of this one would end all tests.
    command = [sys.executable, str(HERE / "fuzz.py"), "--mutants", str(MUTANTS), "--seed"]
    seed = os.environ.get("FUZZ_SEED", "0")
    run = subprocess.run(
        [*command, seed, "--folder", str(tmp_path)], capture_output=True, text=True, check=False
    )
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    assert report["odd"] == [], f"seed {seed}: the files are in {tmp_path}"
    assert sum(report["statuses"].values()) == MUTANTS
    assert report["descriptors"][0] == report["descriptors"][1]
    assert report["threads"][0] == report["threads"][1]
    assert report["memory_growth_mb"] < 20


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize(
    "target", ["container", "jpeg_structure", "exif", "placement", "rows", "resume"]
)
def test_parsers_survive_a_coverage_guided_fuzzer(target, tmp_path):
    runs = os.environ.get("ATHERIS_RUNS", "200000")
    command = [sys.executable, str(HERE / "fuzz_headers.py"), target, f"-runs={runs}"]
    command += ["-max_len=4096", "-timeout=10", "-rss_limit_mb=2048", "-seed=1"]
    run = subprocess.run(
        [*command, f"-artifact_prefix={tmp_path}/", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
