"""Object stores: pictures that are read from them, and rows that are written to them."""
