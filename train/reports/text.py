"""Evaluation as text for the terminal."""

from collections.abc import Iterator, Sequence

from trustthepixels.infer.results import LABELS
from trustthepixels.infer.system.terminal import printable

from ..evaluation.figures import VERDICTS, SourceResult
from ..evaluation.goals import TargetResult, check_targets
from ..evaluation.leaks.probe import LeakProbe
from ..evaluation.measurement import Measurement, Report
from ..evaluation.parts import Part
from ..metrics.bootstrap import CONFIDENCE
from ..metrics.titles import TITLES, interval_text, short_text, value_text

_MAX_FAILURES = 10
_CELL = 17
"""Width of a figure and its interval if several tiers stand side by side."""


def terminal_report(report: Report) -> str:
    """Return the whole report as text, without a newline at its end."""
    blocks = [_heading(report)]
    for measurements in report.by_part:
        blocks += [
            _part(measurements),
            _figures(measurements),
            _verdicts(measurements[0]),
            _sources(measurements),
            _failures(measurements[0]),
        ]
    blocks += [_probe(probe) for probe in report.probes]
    blocks.append(_targets(check_targets(report)))
    return "\n\n".join("\n".join(block) for lines in blocks if (block := list(lines)))


def trained_on_text(part: Part) -> str:
    """Return one line on whether these pictures can show what the model does with new ones."""
    if part.trained_on is None:
        return "cannot know whether the model was trained on these pictures"
    if part.trained_on:
        count = f"{part.trained_on} of these {len(part.samples)} pictures"
        return f"warning: the model was trained on {count}, so the figures are too good"
    return "the model was trained on none of these pictures, by the splits that it records"


def _heading(report: Report) -> Iterator[str]:
    spec, rule = report.model.spec, report.rule
    yield f"model     {report.model.file}: {spec.name}, {spec.precision}"
    yield f"verdicts  ai from p_ai {rule.ai:.4f}, real below {rule.real:.4f}, unsure between"


def _targets(results: Sequence[TargetResult]) -> Iterator[str]:
    if not any(result.estimate for result in results):
        return
    yield f"{'goal':<37}{'bound':>16}  {'measured':>8}   {'interval':<16}{'':<14}from"
    for result in results:
        if result.part is None or result.estimate is None:
            continue
        goal = result.goal
        bound = f"{goal.direction} {value_text(goal.metric, goal.bound)}"
        value = value_text(goal.metric, result.estimate.value)
        interval = interval_text(goal.metric, result.estimate)
        origin = printable(f"{result.part.title}, {goal.tier}")
        measured = f"{value:>8}   {interval:<16}{result.status:<14}{origin}"
        yield f"{goal.figure:<37}{bound:>16}  {measured}"
    missing = sum(result.estimate is None for result in results)
    if missing:
        yield f"{missing} of the goals not measured in this run"


def _part(measurements: Sequence[Measurement]) -> Iterator[str]:
    first = measurements[0]
    tally = first.evaluation.verdicts
    counts = [f"{sum(tally[label].values())} {label}" for label in reversed(LABELS)]
    yield f"data      {printable(first.part.full_title)}"
    yield f"training  {trained_on_text(first.part)}"
    yield f"tier      {', '.join(one.tier for one in measurements)}"
    yield f"pictures  {', '.join(counts)}, {len(first.evaluation.failed)} not decodable"


def _figures(measurements: Sequence[Measurement]) -> Iterator[str]:
    if len(measurements) == 1:
        yield f"{'figure':<31}{'value':>8}   {CONFIDENCE:.0%} interval"
        for name, title in TITLES.items():
            estimate = measurements[0].evaluation.metrics[name]
            value, interval = value_text(name, estimate.value), interval_text(name, estimate)
            yield f"{title:<31}{value:>8}   {interval}"
        return
    yield f"{'figure, ' + f'{CONFIDENCE:.0%} interval':<29}" + "".join(
        f"{one.tier:>{_CELL}}" for one in measurements
    )
    for name, title in TITLES.items():
        cells = (short_text(name, one.evaluation.metrics[name]) for one in measurements)
        yield f"{title:<29}" + "".join(f"{cell:>{_CELL}}" for cell in cells)


def _verdicts(measurement: Measurement) -> Iterator[str]:
    evaluation = measurement.evaluation
    columns = [f"{verdict:>8}" for verdict in VERDICTS]
    yield f"{'verdict':<12}{''.join(columns)}{'p>=0.5':>10}{'p<0.5':>8}   {measurement.tier}"
    for label in reversed(LABELS):
        verdicts = "".join(f"{evaluation.verdicts[label][verdict]:>8}" for verdict in VERDICTS)
        halves = evaluation.confusion[label]
        yield f"{'true ' + label:<12}{verdicts}{halves['ai']:>10}{halves['real']:>8}"


def _sources(measurements: Sequence[Measurement]) -> Iterator[str]:
    first, *others = measurements
    results = first.evaluation.sources
    if not any(result.source for result in results):
        return
    names = [printable(result.source) or "-" for result in results]
    width = 2 + max(len("source"), *(len(name) for name in names))
    yield (
        f"{'source':<{width}}{'class':<6}{'n':>6}{'recall':>9}   {'interval':<15}{'paired':>7}"
        f"{'FPR':>8}   {'interval':<15}"
        + "".join(f"{verdict:>8}" for verdict in VERDICTS)
        + "".join(f"{one.tier:>12}" for one in others)
    )
    in_tiers = [{(r.label, r.source): r for r in one.evaluation.sources} for one in others]
    for name, result in zip(names, results, strict=True):
        row = f"{name:<{width}}{result.label:<6}{result.count:>6}"
        row += f"{value_text('', result.recall.value):>9}   {interval_text('', result.recall):<15}"
        row += f"{value_text('', result.paired_balanced_accuracy.value):>7}"
        row += _false_positives(result)
        row += "".join(f"{result.verdicts[verdict]:>8}" for verdict in VERDICTS)
        same = (tier.get((result.label, result.source)) for tier in in_tiers)
        yield row + "".join(
            f"{value_text('', other.recall.value) if other else '-':>12}" for other in same
        )
    yield "paired: balanced accuracy of the source's recall and the whole other class's"
    yield "FPR: photographs with verdict ai" + ("; further tiers: recall" if others else "")


def _false_positives(result: SourceResult) -> str:
    if result.label == "ai":
        return f"{'':>8}   {'':<15}"
    value, interval = value_text("", result.called_ai.value), interval_text("", result.called_ai)
    return f"{value:>8}   {interval:<15}"


def _failures(measurement: Measurement) -> Iterator[str]:
    failed = measurement.evaluation.failed
    if not failed:
        return
    yield f"not decodable, and in none of the figures: {len(failed)}"
    for prediction in failed[:_MAX_FAILURES]:
        yield f"  {printable(prediction.sample.file)}: {prediction.status} ({prediction.error})"
    if len(failed) > _MAX_FAILURES:
        yield f"  and {len(failed) - _MAX_FAILURES} more"


def _probe(probe: LeakProbe) -> Iterator[str]:
    yield f"leak probes on {printable(probe.part.title)}"
    yield f"  {'balanced accuracy from file facts alone':<41}{'value':>8}   interval"
    for one in probe.facts:
        value = value_text("", one.balanced_accuracy.value)
        yield f"  {one.stage:<41}{value:>8}   {interval_text('', one.balanced_accuracy)}"
    yield f"  {'change of p_ai in the other codec':<41}{'mean':>8}{'absolute':>10}{'verdicts':>10}"
    for swap in probe.swaps:
        name = f"{swap.count} {swap.label} as {swap.codec}"
        mean, absolute = swap.mean_change.value, swap.mean_absolute_change.value
        changed = value_text("", swap.verdict_changes.value)
        yield f"  {name:<41}{mean:>+8.4f}{absolute:>10.4f}{changed:>10}"
