"""chatd: a chat server that a person can drive with netcat."""

__version__ = "1.0.0"
