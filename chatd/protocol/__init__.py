"""The wire of chat/1, without I/O: lines, fields, commands, replies, events, errors.

What is declared is declared here, so that it is all there, in one order, whichever of it a program
asks for first.
"""

from . import commands, devices, events, gateway, sealed, services

__all__ = ["commands", "devices", "events", "gateway", "sealed", "services"]
