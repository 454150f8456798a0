"""Requests to object stores: all that speaks to obstore."""
