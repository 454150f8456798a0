"""Results as a document, as plots, and held against the goals."""
