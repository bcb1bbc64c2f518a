"""``python -m matching``: the engine on files, without a database."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
