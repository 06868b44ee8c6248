"""The command line that benchmarks share: a folder to work in, and a quick form that writes no rows."""

from __future__ import annotations

import argparse
from pathlib import Path


def folder_parser(about: str | None, quick: str) -> argparse.ArgumentParser:
    """Return the parser of a benchmark: `folder` for what it makes, and `--quick` in the words of `quick`."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help=f"{quick}, no rows written")
    return parser
