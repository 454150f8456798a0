"""Which labelled pictures there are, and who sees which."""
