"""How fast it is, measured the same way everywhere: `python -m benchmarks`, or `make bench`.

    generate    captures of any size from a seed; no corpus needed
    measure     whole processes on one file, against `cat` and the peers that are installed
    bench_*.py  single kernels, under pytest-benchmark: `pytest benchmarks`

What measures other processes imports no numpy: a small parent disturbs neither the clock nor the memory figures.
"""
