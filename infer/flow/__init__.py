"""How threads hand work on; it knows no images."""
