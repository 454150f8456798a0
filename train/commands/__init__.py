"""Commands of the training half."""
