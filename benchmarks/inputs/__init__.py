"""Pictures and models that the benchmarks run on."""
