"""Calibration: logits to probabilities and thresholds."""
