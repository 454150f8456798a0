"""Part ``peers``: the scanner next to other tools, on the same pictures."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ..inputs.models import float32_model, transformers_model
from ..inputs.pictures import camera_jpegs, files_of, small_jpegs
from ..names import OURS, OURS_FP32
from ..peers.agreement import P_AI, SAME_WEIGHTS, compare
from ..peers.contestants import (
    Contestant,
    best_settings,
    has_transformers,
    in_python,
    pipeline,
    scanners,
    timm_loop,
    torch_loop,
    weights_spec,
)
from ..peers.earlier import earlier_scanners
from ..peers.record import steady_rate
from ..processes import Run, run
from ..series import interleaved
from ..settings import Settings

Json = dict[str, Any]


def measure(settings: Settings) -> Json:
    """Measure whole processes on small and on camera pictures, and the loops in steady state."""
    small, camera = small_jpegs(settings), camera_jpegs(settings)
    peers: list[Contestant] = []
    camera_peers: list[Contestant] = []
    count = settings.counts.sweep
    if has_transformers():
        sweep = partial(best_settings, settings, "peers.hf_pipeline", transformers_model(settings))
        peers.append(pipeline(settings, sweep(small, count)))
        camera_peers.append(pipeline(settings, sweep(camera, -(-count // 3))))
    best = best_settings(settings, "peers.timm_loop", settings.weights, small, count)
    timm = timm_loop(settings, best)
    loops = [in_python(settings, OURS_FP32, str(float32_model(settings)), SAME_WEIGHTS)]
    loops += [in_python(settings, OURS, "default", None), timm]
    ours = [*scanners(settings), *earlier_scanners(settings)]
    return {
        "absent": [] if has_transformers() else ["transformers"],
        "small": _compared(settings, small, [*ours, *peers, torch_loop(settings)]),
        "camera": _compared(settings, camera, [*ours, *camera_peers]),
        "steady": _compared(settings, small, loops, steady=True),
    }


def _compared(
    settings: Settings, folder: Path, contestants: list[Contestant], *, steady: bool = False
) -> Json:
    """Run all contestants by turns; compare their answers with those of the float32 model."""
    out = {one.name: settings.work / f"answers-{number}" for number, one in enumerate(contestants)}
    rates: dict[str, list[float]] = {one.name: [] for one in contestants}

    def take(one: Contestant) -> Run:
        out[one.name].unlink(missing_ok=True)
        done = run(one.arguments(folder, out[one.name]), environment=one.environment)
        if steady:
            stamps = json.loads(out[one.name].read_text())["stamps"]
            rates[one.name].append(steady_rate(stamps))
        return done

    runs = interleaved(
        settings.counts.repeats, {one.name: partial(take, one) for one in contestants}
    )
    answers: dict[str, P_AI] = {one.name: one.answers(out[one.name]) for one in contestants}
    rule = weights_spec(settings).rule()
    described: Json = {}
    for one in contestants:
        agreement = compare(answers[one.name], answers[OURS_FP32], rule)
        described[one.name] = {
            "settings": one.settings,
            "wall_s": [done.wall_s for done in runs[one.name]],
            "cpu_s": [done.cpu_s for done in runs[one.name]],
            "peak_mb": [done.peak_mb for done in runs[one.name]],
            "agreement": asdict(agreement),
            "tolerance": one.tolerance,
            "void": agreement.is_void(one.tolerance),
        }
        if steady:
            described[one.name]["images_per_s"] = rates[one.name]
    return {"images": len(files_of(folder)), "contestants": described}
