"""Speed of the scanner next to that of other tools: ``python -m benchmarks --data DIR``."""
