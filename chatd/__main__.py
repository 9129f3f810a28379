"""`python -m chatd`."""

from chatd.server.cli import main

if __name__ == "__main__":
    main()
