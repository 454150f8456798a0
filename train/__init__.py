"""Data preparation, fine-tuning and evaluation (needs the ``train`` extra)."""
