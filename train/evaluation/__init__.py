"""Evaluation of a model on labelled pictures."""
