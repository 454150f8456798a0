"""Checked export to ONNX (needs the ``export`` extra)."""
