"""Training recipes compared under one protocol."""
