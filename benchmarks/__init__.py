"""Benchmarks: ours beside theirs, in one sitting, on real databases. ``python -m benchmarks --list`` names them."""
