"""Measures chatd, beside the servers people would pick instead: `make bench`."""
