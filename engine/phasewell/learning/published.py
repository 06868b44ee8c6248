"""What paper K printed, as data: to set measured numbers beside, never to compute with."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _text() -> str:
    return files("phasewell.learning").joinpath("paper_k.json").read_text("utf-8")


def published_tables() -> dict[str, Any]:
    """Return tables 1 and 2 of paper K: rows by network name, or before and after, in the order of `columns`.

    Fractions, but `frames_per_s`. Networks bear the names of `make_network`.
    """
    document: dict[str, Any] = json.loads(_text())
    return document
