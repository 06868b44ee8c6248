"""What `phasewell bench` says of this machine: every boundary with its parity, and the verdict on the required one.

Usage: python benchmarks/requirement.py FOLDER [--quick] on an idle machine. FOLDER's disk is what is measured.
--quick writes no rows.
"""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from typing import Any

from command import folder_parser
from phasewell.bench import run_bench
from phasewell.bench.text import describe_document
from rows import write_rows


def main() -> int:
    """Measure, print, and write results/requirement.jsonl."""
    arguments = folder_parser(__doc__, "few frames and repeats").parse_args()
    document = run_bench(quick=arguments.quick, folder=arguments.folder, say=lambda line: print(line, file=sys.stderr))
    print(describe_document(document))
    rows: list[dict[str, Any]] = [{"measured": "boundary", **row.model_dump(mode="json")} for row in document.rows]
    rows += [{"measured": "ceiling", **asdict(ceiling), "how": _nameless(ceiling.how)} for ceiling in document.ceilings]
    rows.append({"measured": "verdict", **document.verdict.model_dump(mode="json")})
    if not arguments.quick:
        print(write_rows("requirement", rows, "pyarrow", "zarr", "torch", "openvino"))
    return document.exit_code


def _nameless(text: str) -> str:
    """Return the words without the folder that the storage was measured in."""
    return re.sub(r" at \S+(?=,)", "", text)


if __name__ == "__main__":
    sys.exit(main())
