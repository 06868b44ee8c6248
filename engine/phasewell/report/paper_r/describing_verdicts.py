"""What the paper says of populations beside what is found here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.report.paper_r.describing_sizes import by_lot, nearest
from phasewell.report.paper_r.outcome import Verdict
from phasewell.report.theme import hour_text

if TYPE_CHECKING:
    from phasewell.report.paper_r.outcome import Outcome

LOW_R2 = 0.5
"""An R2 below this explains less than half; the paper calls 0.09 low, and "low" has no other limit in it."""
LEVEL = 0.05


def verdicts(outcome: Outcome) -> list[Verdict]:
    """Return one verdict per claim on populations; those of steps that show nothing cannot be told."""
    makers: dict[str, Callable[[Mapping[str, Any]], list[Verdict]]] = {
        "growth": _growth,
        "passages": _passages,
        "sizes": _sizes,
        "spread": _spread,
        "components": _components,
        "clouds": _clouds,
    }
    found: list[Verdict] = []
    for name, make in makers.items():
        step = outcome.steps.get(name)
        if step is not None and ("reason" not in step or name == "sizes"):
            found += make(step)
    return found


def _growth(step: Mapping[str, Any]) -> list[Verdict]:
    above, n, line = step["above_limit"], step["n_clones"], step["fold_line"]
    found = [
        Verdict(
            "R6",
            "Fig. 2c",
            "12 of 15 clones grew more than fourfold",
            f"{above} of {n} clones more than {step['limit']:g}-fold, "
            f"{hour_text(step['first_h'])} to {hour_text(step['last_h'])} h",
            2 * above > n,
        )
    ]
    if line is not None:
        text = f"R² = {line['r2']:.2f} (p = {line['p']:.2g}, n = {line['n']})"
        claim = "growth rate does not predict the limit, R² = 0.09"
        found.append(Verdict("R7", "Fig. 2d", claim, text, line["r2"] < LOW_R2))
    if step["comparison"] is not None:
        c = step["comparison"]
        text = (
            f"{c['mean_first']:.2f}- against {c['mean_second']:.2f}-fold, Student p = {c['student_p']:.2g}, "
            f"Welch p = {c['welch_p']:.2g}, n = {c['n_first']} + {c['n_second']} lots"
        )
        agrees = c["difference"] > 0 and c["student_p"] < LEVEL
        found.append(Verdict("R6", "Suppl. Fig. 2", "clones grow more than bulk cells", text, agrees))
    return found


def _passages(step: Mapping[str, Any]) -> list[Verdict]:
    if step["range"] is None:
        return []
    n, going, other = len(step["clones"]), len(step["still_growing"]), len(step["differing"])
    text = (
        f"{n - going} of {n} clones until the harvest fell below the seeding; {other} limits differ from the plate map"
    )
    claim = "200,000 cells a dish, passaged until growth stopped; the last passage is the limit"
    return [Verdict("R28", "Fig. 2a", claim, text, not going and not other)]


def _sizes(step: Mapping[str, Any]) -> list[Verdict]:
    tests = {(row["number"], row["time_h"]): row for row in step["tests"]}
    claims = {
        6.0: ("same size at 6 h: median 358 and 335 µm², p < 0.22", False),
        30.0: ("clones smaller at 30 h: median 363 and 473 µm², p < 0.000001", True),
    }
    found = []
    for hour, (claim, differ) in claims.items():
        row = tests.get(("median_um2", hour))
        if row is None:
            continue
        text = (
            f"mean of lots' medians {row['mean_first']:.0f} and {row['mean_second']:.0f} µm², Student p = "
            f"{row['student_p']:.2g}, Welch p = {row['welch_p']:.2g}, g = {row['hedges_g']:.1f}, "
            f"n = {row['n_first']} + {row['n_second']} lots"
        )
        smaller = row["difference"] < 0 and row["student_p"] < LEVEL
        found.append(Verdict("R9", "Fig. 3a", claim, text, smaller if differ else row["student_p"] >= LEVEL))
    last = step["times_h"][-1]
    more = {
        "sd_log10": ("R26", "Fig. 3a, 3b", "clones are more homogeneous", -1, "SD of log10 area {:.3f} and {:.3f}"),
        "round_share": (
            "R27",
            "Fig. 3b",
            "more round, dividing cells among clones",
            1,
            "round cells {:.1%} and {:.1%}",
        ),
    }
    for number, (item, place, claim, sign, words) in more.items():
        row = tests.get((number, last))
        if row is not None:
            text = words.format(row["mean_first"], row["mean_second"])
            text += f" at {hour_text(last)} h, Student p = {row['student_p']:.2g}, n = {row['n_first']} + "
            agrees = sign * row["difference"] > 0 and row["student_p"] < LEVEL
            found.append(Verdict(item, place, claim, f"{text}{row['n_second']} lots", agrees))
    return found + _broad(step)


def _broad(step: Mapping[str, Any]) -> list[Verdict]:
    """Return whether clones of low potency stay broad: rank correlation of SD of log10 area with potency."""
    lots, time = step["groups"]["clones"]["lots"], nearest(step["times_h"], (90.0,))[0]
    spread = by_lot(lots, time, "sd_log10")
    potency = np.array([step["potency"][name] for name in lots])
    known = np.isfinite(spread)
    if known.sum() < 4 or np.ptp(potency[known]) == 0 or np.ptp(spread[known]) == 0:
        return []
    ranks = [np.array([(v < w).sum() + ((w == v).sum() + 1) / 2 for v in w]) for w in (spread[known], potency[known])]
    r = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    text = f"rank correlation of SD of log10 area with the limit {r:+.2f} at {hour_text(step['times_h'][time])} h, "
    claim = "clones of low potency stay broad in size"
    return [Verdict("R10", "Fig. 3c", claim, f"{text}n = {int(known.sum())} clones", r < 0)]


def _spread(step: Mapping[str, Any]) -> list[Verdict]:
    line = next(row["line"] for row in step["by_hour"] if row["time_h"] == step["shown_h"])
    text = f"R² = {line['r2']:.2f} at {hour_text(step['shown_h'])} h (p = {line['p']:.2g}, n = {line['n']})"
    return [Verdict("R11", "Fig. 3d", "SD of area explains the limit poorly (R² low)", text, line["r2"] < LOW_R2)]


def _components(step: Mapping[str, Any]) -> list[Verdict]:
    lines = step["potency_lines"]
    if len(lines) < 2 or lines[1] is None:
        return []
    early = sum(row["shares"][1] for row in step["share_by_hour"] if 24 <= row["time_h"] <= 30)
    hours = sum(24 <= row["time_h"] <= 30 for row in step["share_by_hour"]) / len(step["share_by_hour"])
    r2 = ", ".join(f"PC{i + 1} {line['r2']:.2f}" for i, line in enumerate(lines) if line is not None)
    found = [
        Verdict(
            "R12",
            "Fig. 3f",
            "low and high potency part slightly along PC2",
            f"R² with the limit: {r2} (n = {lines[1]['n']})",
            lines[1]["p"] < LEVEL,
        )
    ]
    if hours:
        text = f"24 to 30 h make {100 * early:.0f} % of PC2; even shares would be {100 * hours:.0f} %"
        found.append(Verdict("R12", "Suppl. Table 2", "PC2 is made by 24 to 30 h", text, early > 1.5 * hours))
    return found


def _clouds(step: Mapping[str, Any]) -> list[Verdict]:
    windows = step["windows"]
    found = []
    if len(step["fields"]) > 1:
        within = [[c["sd_within"] for c in window["conditions"]] for window in windows]
        if all(v is not None for row in within for v in row):
            few, many = step["fields"][0], step["fields"][-1]
            ratio = float(np.mean([row[0] / row[-1] for row in within if row[-1]]))
            text = f"clouds of {few} fields are {ratio:.2f} times as wide as those of {many}"
            found.append(Verdict("R25", "Fig. 5", "more fields make the profile robust", text, ratio > 1))
    if len(windows) > 1:
        parts = [windows[i]["conditions"][-1]["separation"] for i in (0, -1)]
        if None not in parts:
            text = f"SD between clones / SD of a cloud: {parts[0]:.1f} at the first hour, {parts[1]:.1f} over all"
            claim = "a longer window parts the clones better"
            found.append(Verdict("R25", "Fig. 5", claim, text, parts[1] > parts[0]))
    return found
