"""From a data set to JPEG files and a manifest."""
