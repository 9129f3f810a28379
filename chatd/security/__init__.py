"""Secrets and names, without I/O: keys, boxes at rest, tokens, passwords, names, throttles."""
