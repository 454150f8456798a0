"""Logits to probabilities and thresholds."""
