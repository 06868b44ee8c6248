"""Print what the bindings say of names: run with stub libraries, in a process of its own.

Reads [[name, ...], ...] from stdin, each a way of attributes from the module; writes the documentation of each, null
where there is no such name.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import tensorrt_bindings as trt


def find(way: list[str]) -> str | None:
    """Return the documentation of what lies at the end of a way."""
    found: Any = trt
    for name in way:
        if not hasattr(found, name):
            return None
        found = getattr(found, name)
    return str(found.__doc__ or "")


if __name__ == "__main__":
    print(json.dumps([trt.__version__, [find(way) for way in json.load(sys.stdin)]]))
