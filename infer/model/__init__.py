"""An ONNX file to probabilities to verdicts."""
