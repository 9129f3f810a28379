"""What the server tells by HTTP, where it is asked to: health, metrics, and the activation page.

Nothing here is imported by a server that has no `http` address.
"""
