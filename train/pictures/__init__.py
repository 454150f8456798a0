"""A labelled picture to arrays and tensors."""
