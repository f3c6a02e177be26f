"""`python -m autoresearch` is the command line."""

import sys

from autoresearch.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
