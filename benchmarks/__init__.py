"""Benchmarks of speed and quality; anyone can run them."""
