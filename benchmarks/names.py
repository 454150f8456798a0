"""What contestants and image sets are called in the results."""

OURS, OURS_FP32, OURS_EDGE = "scan-folder", "scan-folder, fp32", "scan-folder, edge"
PIPELINE, TORCH, TIMM = "transformers pipeline", "plain PyTorch loop", "timm-style loop"

SMALL, CAMERA = "500×375 JPEG", "2–12 megapixels JPEG"
PNG, WEBP = "500×375 PNG", "500×375 WebP"
