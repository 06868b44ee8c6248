"""What a status says of memory and of durations, against values worked out by hand."""

from __future__ import annotations

import os
from pathlib import Path

from phasewell.runs.watching.host_memory import resident_bytes
from phasewell.runs.watching.status_text import duration


def test_memory_counts_a_process_and_all_below_it(tmp_path: Path) -> None:
    def process(pid: int, parent: int, pages: int, name: str = "python") -> None:
        (tmp_path / str(pid)).mkdir()
        fields = ["S", str(parent), *["0"] * 19, str(pages), *["0"] * 10]
        (tmp_path / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")

    for pid, parent, pages in ((10, 1, 5), (11, 10, 7), (12, 11, 11), (13, 1, 1000)):
        process(pid, parent, pages)
    process(14, 12, 13, "a) b (c")

    assert resident_bytes(10, tmp_path) == (5 + 7 + 11 + 13) * os.sysconf("SC_PAGE_SIZE")
    assert resident_bytes(99, tmp_path) is None
    assert (resident_bytes() or 0) > 10_000_000


def test_durations_are_said_as_people_say_them() -> None:
    assert [duration(s) for s in (0.4, 99, 100, 5940, 6000, 11_100, 180_000)] == [
        *("0 s", "99 s", "2 min", "99 min", "1 h 40 min", "3 h 05 min", "2 d 2 h"),
    ]
