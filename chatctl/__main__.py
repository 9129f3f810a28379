"""`python -m chatctl`."""

from .cli import main

main()
