"""Image formats, one file for each."""
