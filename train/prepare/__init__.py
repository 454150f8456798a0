"""Preparation of a data set as JPEG files with a manifest."""
