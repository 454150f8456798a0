"""Preparation of a data set as files with a manifest."""
