"""The numbers of README.md (the main ones) and docs/measurements.md (all), generated from rows so that none is typed.

Usage: python benchmarks/readme_table.py [--check]
Replaces what stands between the two `measured` comments of both; --check only says whether they are up to date.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rows import RESULTS

README = Path(__file__).parent.parent / "README.md"
EVERYTHING = README.parent / "docs" / "measurements.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def main() -> int:
    """Write both pages' parts, or with --check return 1 when one is out of date."""
    check = asks_for_check(__doc__)
    everything = [*accuracy(), "", *potency(), "", *lines_of_cells(), "", *speed()]
    return replace_measured(README, [*headlines(), "", *speed(brief=True)], check) | replace_measured(
        EVERYTHING, everything, check
    )


def headlines() -> list[str]:
    """Return one line each on segmentation, potency and networks, with what each number has to be compared with."""
    lines = []
    for row in read_rows("t98g"):
        if row["plate"] == "hand" and row["chamber"] == "all":
            lines.append(
                f"- Real phase contrast (T98G, {row['fields']} fields) against hand masks: foreground IoU "
                f"{row['K']:.2f}, F1 of cells {row['F1']:.2f}. The preset was fitted on "
                "these fields: this is no forecast."
            )
    found = [row for row in read_rows("simulated_screen") if row["measured"] == "potency" and row["seed"] == 0]
    if found:
        errors = ", ".join(f"{row['kind']} {row['rmse']:.2f}" for row in found)
        lines.append(
            f"- **Simulated** screen of {found[0]['clones']} clones, one left out at a time: RMSE {errors}, beside "
            f"{found[0]['baseline_rmse']:.2f} for the mean of the other clones."
        )
    judged = [row for row in read_rows("simulated_lines") if "plates" in row]
    network = next((row for row in judged if row["model"].startswith("network")), None)
    logistic = next((row for row in judged if row["model"].startswith("logistic, measured")), None)
    if network and logistic:
        lines.append(
            f"- **Simulated** donor lines of two classes on {network['plates']} plates: AUC of lines "
            f"{network['line_auc_mean']:.2f} ± {network['line_auc_sd']:.2f} (a small network), beside "
            f"{logistic['line_auc_mean']:.2f} ± {logistic['line_auc_sd']:.2f} (logistic regression on descriptors)."
        )
    return lines


def asks_for_check(description: str | None) -> bool:
    """Return whether the command line says --check."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 when the page is out of date")
    return bool(parser.parse_args().check)


def replace_measured(page: Path, lines: list[str], check: bool) -> int:
    """Put `lines` between the two comments of a page; with `check` only return 1 when that would change it."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    new = before + BEGIN + "\n".join(lines) + "\n" + END + after
    if check:
        return int(new != text)
    page.write_text(new, encoding="utf-8")
    return 0


def read_rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of one result file; empty when it was not measured."""
    path = RESULTS / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def accuracy() -> list[str]:
    """Return the agreement with hand masks per chamber."""
    rows = [row for row in read_rows("t98g") if row["plate"] == "hand"]
    lines = [
        "Agreement with hand masks on real phase contrast (T98G, 10x, 0.87 um/px; the preset was fitted on these",
        "fields, so this is a fit and no forecast; the masks leave out many round cells and debris):",
        "",
        "| chamber | fields | K: foreground IoU | R: the same after step 8 | F1: cells at IoU > 0.5, after step 8 |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        chamber = "all" if row["chamber"] == "all" else row["chamber"]
        lines.append(f"| {chamber} | {row['fields']} | {row['K']:.2f} | {row['R']:.2f} | {row['F1']:.2f} |")
    return lines


def potency() -> list[str]:
    """Return the models on the simulated screen, never an RMSE without its baseline and Q2."""
    rows = [row for row in read_rows("simulated_screen") if row["measured"] == "potency"]
    if not rows:
        return ["Potency models on a simulated screen: not measured."]
    first, last = rows[0]["window_h"]
    lines = [
        f"**Simulated** screen of {rows[0]['clones']} clones, {rows[0]['fields']} fields per well, hours "
        f"{first:g}-{last:g}; leave one clone out:",
        "",
        "| model | RMSE | baseline RMSE (mean) | Q2 | RMSE on true cells | shuffled potencies: RMSE / baseline |",
        "|---|---|---|---|---|---|",
    ]
    for row in (row for row in rows if row["seed"] == 0):
        shuffled = f"{row['shuffle_median_ratio']:.2f}" if "shuffle_median_ratio" in row else "not measured"
        lines.append(
            f"| {row['kind']} | {row['rmse']:.2f} | {row['baseline_rmse']:.2f} | {row['q2']:.2f} | "
            f"{row['truth_rmse']:.2f} | {shuffled} |"
        )
    draws = [row["rmse"] for row in rows if row["kind"] == "lasso"]
    shown = ", ".join(f"{rmse:.2f}" for rmse in draws)
    return [*lines, "", f"LASSO on {len(draws)} draws of the fields: RMSE {shown} (15 clones are few)."]


def speed(brief: bool = False) -> list[str]:
    """Return rates with their boundary and conditions; `brief`: those of whole ways, at the fewest cells a frame."""
    lines = ["| speed | rate | conditions |", "|---|---|---|"]
    if brief:
        return lines + whole_runs(brief) + networks(brief) + [line for line in grids() if " 50 draws " in line]
    for row in read_rows("kernels"):
        if row["who"] != "phasewell kernels" or row["cores"] != "2 processes":
            continue
        peer = f"{row['times_the_best_peer']:.0f} x {row['best_peer']} in the same run"
        if row["boundary"].startswith("frames to labels"):
            what = f"fused kernels, frames to labels and 12 descriptors, preset `{row['preset']}` ({peer})"
            lines.append(_rate(what, row["frames_per_s"], row))
        elif row["boundary"].startswith("labels and adjusted"):
            lines.append(_rate(f"12 descriptors of given labels ({peer})", row["cells_per_s"], row, "cells/s"))
    lines += whole_runs()
    lines += networks()
    profiles = {"p50_wall_ms" in row: row for row in read_rows("potency_profiles")}
    if profiles:
        ours, peer = profiles[True], profiles[False]
        beside = f"pandas, one group-by a cell of the grid: {peer['grid_cpu_s_computed']:.0f} s, computed"
        under = ours["conditions"]
        where = f"1 thread, {under['processor']}, commit {under['commit']}"
        lines.append(f"| {ours['work']} ({beside}) | {ours['p50_wall_ms']:.1f} ms | {where} |")
    lines += grids()
    for row in read_rows("simulation"):
        if row["boundary"].startswith("arguments to plate store"):
            lines.append(_rate("simulate a plate of 15 hours, arguments to shards", row["frames_per_second"], row))
    return lines


def grids() -> list[str]:
    """Return how long whole grids of models, and the figure set of paper R, take."""
    lines = []
    for row in (*read_rows("potency_grid"), *read_rows("paper_r")):
        if "wall_s" in row and row["workers"] > 1:
            seconds = f"{row['wall_s']:.3g} s"
            under = row["conditions"]
            where = f"{row['workers']} processes, {under['cores']} cores {under['processor']}, commit {under['commit']}"
            lines.append(f"| {row['work']} | {seconds} | {where} |")
    return lines


def whole_runs(brief: bool = False) -> list[str]:
    """Return rates of runs and of ingest, storage included."""
    lines = []
    compared = [row for row in read_rows("engine") if "share_of_kernels" in row]
    fewest = min((row["cells_per_frame"] for row in compared), default=0)
    for row in compared:
        if not brief or row["cells_per_frame"] == fewest:
            beside = f"{row['share_of_kernels']:.0%} of the kernels alone, {row['times_the_best_peer']:.0f} x "
            what = f"plate store to committed cell table, preset `{row['preset']}` ({beside}{row['best_peer']})"
            lines.append(_rate(what, row["frames_per_s"], row))
    for row in [] if brief else read_rows("soak"):
        slowing = f"last tenth {-row['slowing']:+.0%} in rate, {row['memory_growth']:+.0%} in memory"
        lines.append(_rate(f"the same over {row['frames']:,} simulated frames ({slowing})", row["frames_per_s"], row))
    for row in [] if brief else read_rows("simulated_rates"):
        what = f"the same on a simulated plate of 960 frames, engine `{row['engine']}`"
        lines.append(_rate(what, row["run_frames_per_s"], row))
    for row in read_rows("ingest"):
        if "goal_frames_per_s" in row:
            lines.append(
                _rate("ingest of uncompressed TIFF into the plate store, with fsync", row["frames_per_s"], row)
            )
    loading = {row["what"]: row for row in read_rows("loading")}
    for what, row in loading.items():
        if what == "load: every part new":
            bound = loading["bound: COPY, integer key"]["cell_rows_per_s"]
            beside = f"COPY of the cells alone {bound:,.0f}; contents {row['parity'].split(':')[0]}"
            version = row["server"]["server_version"].split()[0]
            name = f"load into PostgreSQL {version} on the same cores, fsync on ({beside})"
            lines.append(_rate(name, row["cell_rows_per_s"], row, "cell rows/s"))
    return lines


def networks(brief: bool = False) -> list[str]:
    """Return the rates with a network, and the verdict on the one boundary that is required."""
    lines = []
    for row in read_rows("serving"):
        if brief and (row["network"], row["precision"]) != ("densenet121", "int8"):
            continue
        beside = ", ".join(f"{who} {rate:.0f}" for who, rate in row["peers_frames_per_s"].items())
        beside = f"{row['share_of_raw']:.0%} of OpenVINO alone; {beside}"
        what = f"frames to scores, `{row['network']}` in {row['precision']} ({beside})"
        lines.append(_rate(what, row["frames_per_s"], row))
    for row in read_rows("requirement"):
        if row["measured"] == "verdict":
            bound = f"{row['reached_share']:.0%} of what its parts allow on the same cores"
            asked = f"required > {row['required_frames_per_s']:.0f} frames/s **{row['state']}** ({bound})"
            what = f"store to tables with a DenseNet121 score of every frame: {asked}"
            lines.append(_rate(what, row["frames_per_s"], row))
    return lines


def lines_of_cells() -> list[str]:
    """Return what a network sees in simulated lines, never without the logistic model it has to beat."""
    rows = read_rows("simulated_lines")
    if not rows:
        return ["Networks on simulated donor lines: not measured."]
    lines = [
        f"**Simulated** donor lines of two classes, learned from {rows[0]['learned_from_lines']}, judged on lines that "
        "no model has seen, `pretrained: false`:",
        "",
        "| model | judged on | AUC of frames | AUC of lines |",
        "|---|---|---|---|",
    ]
    for row in rows:
        if "plates" in row:
            judged = f"{row['plates']} plates of 8 lines, mean ± SD over plates"
            values = (f"{row[f'{of}_auc_mean']:.2f} ± {row[f'{of}_auc_sd']:.2f}" for of in ("frame", "line"))
            lines.append(f"| {row['model']} | {judged} | {' | '.join(values)} |")
        else:
            judged = f"{row['lines']} lines, {row['frames']} frames"
            lines.append(f"| {row['model']} | {judged} | {row['frame_auc']:.2f} | {row['line_auc']:.2f} |")
    return [*lines, *(_difference(row) for row in rows if "plates" in row and row["model"].startswith("network"))]


def _difference(row: dict[str, Any]) -> str:
    low, high = row["frame_auc_less_measured_95"]
    return (
        f"\nPlate by plate the network's AUC of frames less that of the logistic model on measured descriptors is "
        f"{row['frame_auc_less_measured_mean']:+.3f} (SD {row['frame_auc_less_measured_sd']:.3f} over {row['plates']} "
        f"plates, 95 % interval of the mean {low:+.3f} to {high:+.3f}); it is not below on "
        f"{row['frame_auc_plates_not_below_measured']} of them."
    )


def _rate(what: str, rate: float | None, row: dict[str, Any], unit: str = "frames/s") -> str:
    under = row["conditions"]
    shown = "not measured" if rate is None else f"{rate:,.0f} {unit}"
    cells = f"{row['cells_per_frame']:.0f} cells a frame, " if row.get("cells_per_frame") else ""
    return f"| {what} | {shown} | {cells}{under['cores']} cores {under['processor']}, commit {under['commit']} |"


if __name__ == "__main__":
    sys.exit(main())
