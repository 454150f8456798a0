"""The bundled ONNX models, each under its name; ``bundled`` finds them."""

DEFAULT_MODEL = "default"
