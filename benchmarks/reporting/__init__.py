"""Results as a document and as plots, compared with the goals."""
