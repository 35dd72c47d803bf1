"""Benchmarks of imglint against similar tools: `make bench`. Not part of the package."""
