"""Holds ``accurate.onnx``, which ``trustthepixels.infer.model.bundled`` finds by name."""
