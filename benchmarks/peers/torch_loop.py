"""The plain PyTorch loop that a research repository offers: one picture after the other."""

from pathlib import Path

import click

from .record import Record


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--device", default="cpu")
def main(weights: Path, folder: Path, out: Path, device: str) -> None:
    """Classify all pictures of FOLDER."""
    import torch
    from PIL import Image
    from torchvision import transforms

    from .timm_model import timm_model

    model, spec = timm_model(weights)
    model = model.to(device)
    transform = transforms.Compose(
        [
            transforms.Resize(spec.input_size),
            transforms.ToTensor(),
            transforms.Normalize(spec.mean, spec.std),
        ]
    )
    record = Record(out)
    for path in sorted(folder.iterdir()):
        image = Image.open(path).convert("RGB")
        with torch.no_grad():
            real, ai = model(transform(image).unsqueeze(0).to(device))[0].tolist()
        record.add(path, ai - real)
    record.write()


if __name__ == "__main__":
    main()
