"""Measured rates are remembered per hardware, boundary and preset; a damaged file is as good as none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from phasewell.errors import StorageError
from phasewell.runs.planning.rates import STORE_TO_TABLE, MeasuredRate, known_rate, rates_path, remember_rates

RATE = MeasuredRate("Some CPU, 2 cores", STORE_TO_TABLE, "phase", 3e8, "0.1.0+abc", "2026-11-22T10:00:00+00:00")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHASEWELL_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_the_newest_rate_of_each_subject_is_known(state: Path) -> None:
    assert known_rate(*RATE.subject) is None
    other = replace(RATE, hardware="Some GPU", pixels_per_s=5e9)
    assert remember_rates([RATE, other]) == state / "rates.json"
    newer = replace(RATE, pixels_per_s=4e8, at="2026-11-23T10:00:00+00:00")
    remember_rates([newer])
    assert known_rate(*RATE.subject) == newer
    assert known_rate(*other.subject) == other
    assert known_rate(RATE.hardware, RATE.boundary, "paper-r") is None
    assert [path.name for path in state.iterdir()] == ["rates.json"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"rates": [{"hardware": 1}]}', b'{"rates": 3}'])
def test_a_damaged_file_is_as_good_as_none_and_is_replaced(state: Path, damage: bytes) -> None:
    remember_rates([RATE]).write_bytes(damage)
    assert known_rate(*RATE.subject) is None
    remember_rates([RATE])
    assert known_rate(*RATE.subject) == RATE


def test_the_folder_follows_the_standard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PHASEWELL_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert rates_path() == tmp_path / "phasewell" / "rates.json"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # which the standard says to ignore
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert rates_path() == tmp_path / "home" / ".local" / "state" / "phasewell" / "rates.json"


def test_a_file_in_the_way_is_named(state: Path) -> None:
    state.write_text("a file")
    with pytest.raises(StorageError, match="state"):
        remember_rates([RATE])
