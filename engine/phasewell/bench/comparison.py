"""Two bench results side by side: rates, shares of the ceilings, ratios, and every condition that differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from phasewell.bench.ceilings import Ceiling
from phasewell.bench.documents import BenchDocument
from phasewell.bench.rows import BOUNDARIES, Row
from phasewell.bench.text import is_busy, share_text, table_text
from phasewell.bench.verdict import Verdict

_EXPECTED_TO_DIFFER = ("hardware", "processor", "cores", "threads", "folder", "load_average")
"""Conditions that belong to the machine: they are shown, and are no reason to doubt a comparison."""


@dataclass(frozen=True)
class Side:
    """One row, or the best of several, of one result."""

    frames_per_s: float | None
    spread: float | None
    share: str
    parity: str
    """The comparison with the CPU, or why there is no rate."""


@dataclass(frozen=True)
class Pair:
    """One boundary and batch size in both results; `ratio` is second / first, None where one has no rate.

    `clear` is False when the difference is smaller than the spread of the repeats.
    """

    boundary: str
    batch: str
    first: Side
    second: Side
    ratio: float | None
    clear: bool | None


@dataclass(frozen=True)
class Limit:
    """One ceiling in both results."""

    name: str
    unit: str
    first: float | None
    second: float | None
    ratio: float | None


@dataclass(frozen=True)
class Difference:
    """One condition that is not the same; `doubtful` when the numbers may differ because of it, not of the machine."""

    condition: str
    first: str
    second: str
    doubtful: bool


@dataclass(frozen=True)
class Comparison:
    """Everything that two results say about each other. Names are those of the two files."""

    names: tuple[str, str]
    hardware: tuple[str, str]
    titles: tuple[str, str]
    pairs: tuple[Pair, ...]
    best: tuple[Pair, ...]
    """One pair a boundary: the fastest batch of each side."""
    limits: tuple[Limit, ...]
    differences: tuple[Difference, ...]
    verdicts: tuple[Verdict, Verdict]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON document."""
        document = asdict(self)
        return document | {"verdicts": [verdict.model_dump(mode="json") for verdict in self.verdicts]}

    def to_text(self) -> str:
        """Return the tables for people."""
        a, b = self.names
        lines = [f"{name}: {title}" for name, title in zip(self.names, self.titles, strict=True)]
        heads = ("boundary", "batch", a, b, f"{b} / {a}", f"{a} of ceiling", f"{b} of ceiling")
        limits = ("ceiling", a, b, f"{b} / {a}")
        return "\n".join(
            (
                *lines,
                "",
                table_text(heads, [_pair_cells(pair) for pair in self.pairs], "lrrrrrr"),
                table_text(limits, [_limit_cells(limit) for limit in self.limits], "lrrr"),
                *self._difference_lines(),
                *(f"{name}: {verdict.sentence}" for name, verdict in zip(self.names, self.verdicts, strict=True)),
            )
        )

    def _difference_lines(self) -> list[str]:
        lines = [f"{one.condition}: {one.first} | {one.second}" for one in self.differences if not one.doubtful]
        lines += [
            f"CONDITIONS DIFFER, {one.condition}: {one.first} | {one.second}"
            for one in self.differences
            if one.doubtful
        ]
        return [*lines, ""]


def compare_documents(first: BenchDocument, second: BenchDocument, names: tuple[str, str] = ("A", "B")) -> Comparison:
    """Set two results side by side; ratios are second / first. Equal names become A and B."""
    if names[0] == names[1]:
        names = (f"{names[0]} (A)", f"{names[1]} (B)")
    return Comparison(
        names=names,
        hardware=(first.conditions["hardware"]["hardware"], second.conditions["hardware"]["hardware"]),
        titles=(_title(first), _title(second)),
        pairs=tuple(_pairs(first, second)),
        best=tuple(_best_pairs(first, second)),
        limits=tuple(_limits(first, second)),
        differences=tuple(_differences(first, second)),
        verdicts=(first.verdict, second.verdict),
    )


def _title(document: BenchDocument) -> str:
    facts = document.conditions["hardware"]
    return f"{facts['hardware']} ({facts['name']}), commit {document.conditions['commit']}, {document.started_at}"


def _pairs(first: BenchDocument, second: BenchDocument) -> list[Pair]:
    sides = [{(row.boundary, row.batch_frames): row for row in document.rows} for document in (first, second)]
    keys = list(dict.fromkeys([*sides[0], *sides[1]]))
    keys.sort(key=lambda key: (_order(key[0]), key[1] or 0))
    return [_pair(key[0], "" if key[1] is None else str(key[1]), *(side.get(key) for side in sides)) for key in keys]


def _best_pairs(first: BenchDocument, second: BenchDocument) -> list[Pair]:
    pairs = []
    for boundary in BOUNDARIES:
        rows = [_best(document, boundary) for document in (first, second)]
        if any(row is not None for row in rows):
            batches = " / ".join("-" if row is None or not row.batch_frames else str(row.batch_frames) for row in rows)
            pairs.append(_pair(boundary, batches, *rows))
    return pairs


def _best(document: BenchDocument, boundary: str) -> Row | None:
    rows = [row for row in document.rows if row.boundary == boundary]
    return max(rows, key=lambda row: row.frames_per_s or 0.0, default=None)


def _order(boundary: str) -> int:
    return BOUNDARIES.index(boundary) if boundary in BOUNDARIES else len(BOUNDARIES)


def _pair(boundary: str, batch: str, first: Row | None, second: Row | None) -> Pair:
    one, two = _side(first), _side(second)
    ratio = two.frames_per_s / one.frames_per_s if one.frames_per_s and two.frames_per_s else None
    noise = max(one.spread or 0.0, two.spread or 0.0)
    clear = None if ratio is None else max(ratio, 1 / ratio) > 1 + noise
    return Pair(boundary, batch, one, two, ratio, clear)


def _side(row: Row | None) -> Side:
    if row is None:
        return Side(None, None, "-", "not in this result")
    if row.frames_per_s is None:
        return Side(None, None, "-", f"{row.state}: {row.reason}")
    return Side(row.frames_per_s, row.spread, share_text(row), row.parity.describe() if row.parity else "")


def _limits(first: BenchDocument, second: BenchDocument) -> list[Limit]:
    sides = [{ceiling.title: ceiling for ceiling in document.ceilings} for document in (first, second)]
    limits = []
    for title in dict.fromkeys([*sides[0], *sides[1]]):
        one, two = (_value(side.get(title)) for side in sides)
        unit = next(side[title].unit for side in sides if title in side)
        limits.append(Limit(title, unit, one, two, two / one if one and two else None))
    return limits


def _value(ceiling: Ceiling | None) -> float | None:
    return None if ceiling is None else ceiling.value


def _differences(first: BenchDocument, second: BenchDocument) -> list[Difference]:
    a, b = first.conditions, second.conditions
    found = [
        _difference(key, a.get(key), b.get(key), key not in _EXPECTED_TO_DIFFER)
        for key in {**a, **b}
        if key not in _NESTED
    ]
    for group, of_code in _NESTED.items():
        one, two = (_mapping(under.get(group)) for under in (a, b))
        for key in {**one, **two}:
            if key == "free_bytes":
                continue
            both = key in one and key in two  # what only one of them has belongs to the machine
            name = f"version of {key}" if of_code else key
            found.append(_difference(name, one.get(key), two.get(key), of_code and both))
    found.append(_difference("quick", first.quick, second.quick, True))
    for what, read in _ROW_CONDITIONS.items():
        for boundary in BOUNDARIES:
            told = [sorted({read(row) for row in side.rows if row.boundary == boundary}) for side in (first, second)]
            if all(told):
                found.append(
                    _difference(f"{what} of {boundary}", "; ".join(told[0]), "; ".join(told[1]), what != "engine")
                )
    loads = [f"load {under['load_average']:g} before the start" if is_busy(under) else "no" for under in (a, b)]
    if set(loads) != {"no"}:  # also where it was the same on both
        found.append(Difference("others used the cores", loads[0], loads[1], True))
    return [one for one in found if one is not None]


def _difference(condition: str, first: Any, second: Any, doubtful: bool) -> Difference | None:
    return None if first == second else Difference(condition, _text(first), _text(second), doubtful)


_NESTED = {"hardware": False, "versions": True}
"""Conditions that are mappings; the second may make numbers differ, the first is what is compared."""
_ROW_CONDITIONS: dict[str, Callable[[Row], str]] = {
    "frames": lambda row: row.frame,
    "preset": lambda row: row.preset,
    "inside": lambda row: row.inside,
    "engine": lambda row: row.engine,
}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return "absent" if value is None else str(value)


def _pair_cells(pair: Pair) -> tuple[str, ...]:
    shown = [pair.boundary, pair.batch, *(rate_text(side) for side in (pair.first, pair.second))]
    return (*shown, ratio_text(pair), pair.first.share, pair.second.share)


def rate_text(side: Side) -> str:
    """Return the rate, or in short why there is none."""
    return f"{side.frames_per_s:,.1f}" if side.frames_per_s is not None else side.parity.partition(":")[0]


def ratio_text(pair: Pair) -> str:
    """Return the ratio; "~" before it when the repeats spread further than it is from 1."""
    return "-" if pair.ratio is None else f"{'' if pair.clear else '~'}{pair.ratio:.2f}"


def _limit_cells(limit: Limit) -> tuple[str, ...]:
    values = (
        "not measured" if value is None else f"{value:,.3g} {limit.unit}" for value in (limit.first, limit.second)
    )
    return (limit.name, *values, "-" if limit.ratio is None else f"{limit.ratio:.2f}")
