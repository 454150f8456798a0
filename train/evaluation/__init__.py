"""A model on labelled pictures."""
