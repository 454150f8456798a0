"""An evaluation as text, JSON, plots and a page."""
