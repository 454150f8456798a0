"""The bundled ONNX models."""
