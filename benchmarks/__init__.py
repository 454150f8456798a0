"""How fast the scanner is, beside what else one could use: ``python -m benchmarks --data DIR``."""
