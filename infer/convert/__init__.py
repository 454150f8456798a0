"""Rows of a finished scan in other formats: Parquet, SQLite, CSV, JSON lines."""
