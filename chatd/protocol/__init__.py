"""The wire of chat/1, without I/O: lines, fields, commands, replies, events, errors."""
