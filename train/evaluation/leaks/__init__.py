"""File facts that reveal a picture's class, and probes for them."""
