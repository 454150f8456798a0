"""Names of contestants, image sets and parts in the results."""

OURS, OURS_FP32, OURS_EDGE = "scan-folder", "scan-folder, fp32", "scan-folder, edge"
EARLIER, EARLIER_EDGE = "earlier scan-folder", "earlier scan-folder, edge"
PIPELINE, TORCH, TIMM = "transformers pipeline", "plain PyTorch loop", "timm-style loop"

SMALL, CAMERA = "500×375 JPEG", "2–12 megapixels JPEG"
PNG, WEBP = "500×375 PNG", "500×375 WebP"

CPU, CUDA = "cpu", "cuda"
DEVICES = (CPU, CUDA)
"""Devices on which the models can run."""


def part_key(part: str, device: str) -> str:
    """Return the key of a part in ``results.json``; for the CPU, its name alone."""
    return part if device == CPU else f"{part} on {device}"


def plot_name(plot: str, device: str) -> str:
    """Return the name of a plot's file without its suffix."""
    return plot if device == CPU else f"{plot}-{device}"
