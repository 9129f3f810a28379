"""The gateway: messages to people outside, by mail and text message."""
