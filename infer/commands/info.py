"""``trustthepixels info``: description of a model and its verdicts."""

import json
from dataclasses import asdict

import click

from ..choices import DEFAULT_MODEL
from ..model.bundled import load_model
from ..model.file import ModelFile
from ..provenance.credentials.trust import bundled_trust_list
from ..system.terminal import printable


@click.command()
@click.argument("model", default=DEFAULT_MODEL, metavar="[MODEL]")
@click.option("--json", "as_json", is_flag=True, help="Print the specification as JSON.")
def info(model: str, as_json: bool) -> None:
    """Describe MODEL: a bundled model by name, or an ONNX file of trustthepixels export.

    The file's digest is verified; neither ONNX Runtime nor a device is needed.
    """
    file = load_model(model)
    if as_json:
        click.echo(json.dumps(asdict(file.spec), indent=2, sort_keys=True))
        return
    rows = [(name, printable(value)) for name, value in _rows(file)]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}".rstrip())


def _rows(file: ModelFile) -> list[tuple[str, str]]:
    spec = file.spec
    calibration, thresholds = spec.calibration, spec.thresholds
    views = "" if len(spec.views) == 1 else f", views: {', '.join(spec.views)}"
    rows = [
        ("name", spec.name),
        ("file", f"{file.path} ({len(file.content) / 1e6:.1f} MB)"),
        ("architecture", f"{spec.architecture}, {spec.precision}"),
        ("input", f"{spec.input_size[1]}×{spec.input_size[0]} RGB, 8 bit{views}"),
        ("resize", f"{spec.resize}, {spec.interpolation}"),
        ("mean, std", f"{_numbers(spec.mean)}, {_numbers(spec.std)} (inside the graph)"),
        ("labels", ", ".join(spec.labels)),
        (
            "p_ai",
            f"sigmoid((logit ai - logit real) / {calibration.temperature:g} "
            f"{'-' if calibration.bias < 0 else '+'} {abs(calibration.bias):g})",
        ),
    ]
    for point in thresholds.ai:
        usual = point.false_positive_rate == thresholds.default_false_positive_rate
        at = f"verdict ai at --fpr {point.false_positive_rate:g}"
        rows.append((at, f"p_ai >= {point.threshold:.6g}{' (default)' if usual else ''}"))
    rows.append(("verdict real", f"p_ai < {thresholds.real:.6g}; between the two it is unsure"))
    rows += [
        (f"measured {name}", f"{spec.evaluation[name]:.6g}") for name in sorted(spec.evaluation)
    ]
    rows += [(f"made with {name}", spec.versions[name]) for name in sorted(spec.versions)]
    data = f"sha256 {spec.data_fingerprint}" if spec.data_fingerprint else "unknown"
    trust_list = bundled_trust_list()
    rows += [
        (
            "trust list",
            f"{trust_list.name} of {trust_list.date}, {trust_list.count} certificates "
            f"({trust_list.licence}); for --provenance",
        ),
        ("training data", data),
        ("weights", f"sha256 {spec.graph_digest}, verified"),
        ("schema version", str(spec.schema_version)),
    ]
    return rows


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
