"""``trustthepixels page``: a folder with a page that judges pictures in a browser."""

import click

from ...choices import Existing
from ...page.write import MODELS, PageRequest, write_page
from ...system.terminal import note
from ..results.shared import force_option


@click.command()
@click.option("--out", required=True, metavar="DIR", help="Where the page's folder goes.")
@click.option("--runtime", metavar="DIR", help="Folder of the unpacked npm package.")
@click.option(
    "--model",
    "models",
    multiple=True,
    default=MODELS,
    show_default=True,
    metavar="MODEL",
    help="Bundled model by name, or an ONNX file; may be repeated. The first opens at once.",
)
@force_option("a page")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def page(
    *, out: str, runtime: str | None, models: tuple[str, ...], existing: Existing, quiet: bool
) -> None:
    """Write a page that judges pictures in a browser, as a folder for any web server.

    The page uploads nothing: its policy allows connections to its own server only. It takes three
    files of onnxruntime-web from the folder of --runtime, and the command fetches nothing.

    A server with the headers in DIR/_headers lets the page use several threads.
    """
    size = write_page(PageRequest(out=out, runtime=runtime, models=models, existing=existing))
    if not quiet:
        note(f"wrote {out} ({size / 1e6:.0f} MB); try it: python -m http.server --directory {out}")
