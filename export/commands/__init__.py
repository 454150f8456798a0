"""Commands of the export half."""
