"""Measuring a server as its users see it: what `chatctl bench` is made of."""
