"""Commands for the rows of a finished scan: look at them, convert them, act on them."""
