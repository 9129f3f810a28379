"""The client of chat/1: a library, the commands and the screen built on it."""
