"""The page gate by itself, on the book that was built in the current folder."""

import sys
from pathlib import Path

from .gate import main

sys.exit(main(Path.cwd()))
