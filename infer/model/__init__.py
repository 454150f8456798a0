"""Models: an ONNX file to probabilities to verdicts."""
