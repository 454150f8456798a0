"""A scan from files to rows."""
