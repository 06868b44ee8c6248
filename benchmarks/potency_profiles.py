"""All profiles of 15 windows x 64 field counts of 15 clones from moments, and the same from rows of cells with pandas.

Run: python benchmarks/potency_profiles.py [cells a field of the peer's table, 100 by default] on an idle machine; takes
half a minute. The peer groups the rows of cells once for every cell of the grid. It is timed on a table of fewer cells
and on some cells of the grid; its time for the 10 million cells that the moments stand for is computed in proportion to
the rows grouped, which the row states. Both get the same fields, and their numbers are compared.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import pandas as pd
from phasewell.cells import DESCRIPTOR_NAMES
from phasewell.descriptors import build_profile
from phasewell.potency import FieldSums
from phasewell.profiles import FieldMoments, Moments, order_fields
from potency_grid import CLONES, FIELDS, HOURS, SAMPLE, make_moments
from rows import write_rows

CALLS = 200
MUST_MS = 10.0
TABLE_CELLS = 100  # a field and hour of the peer's table


def profiles_row(moments: FieldMoments) -> dict[str, Any]:
    """Time all 960 profiles, sums included, and check some of them against the pooling of single profiles."""
    cpu, wall = [], []
    for seed in range(CALLS + 1):
        start, begun = time.process_time(), time.perf_counter()
        stack = FieldSums(moments).nested(seed)
        cpu.append(1e3 * (time.process_time() - start))
        wall.append(1e3 * (time.perf_counter() - begun))
    worst, start = 0.0, time.process_time()
    for hours, fields in SAMPLE:
        wanted = build_profile(moments, (6.0, 6.0 * hours), fields, seed=CALLS)
        found = stack.profile(fields - 1, hours)
        worst = max(worst, float(np.abs(found.values / wanted.values - 1).max()))
    each = (time.process_time() - start) / len(SAMPLE)
    return {
        "work": "960 profiles (15 windows x 64 field counts) of 15 clones from field moments",
        "calls": CALLS,
        "first_cpu_ms": cpu[0],
        "p50_cpu_ms": float(np.median(cpu[1:])),
        "p95_cpu_ms": float(np.quantile(cpu[1:], 0.95)),
        "least_cpu_ms": min(cpu[1:]),
        "p50_wall_ms": float(np.median(wall[1:])),
        "must_ms": MUST_MS,
        "reached": float(np.median(wall[1:])) < MUST_MS,
        "threads": 1,
        "peer": "build_profile a cell of the grid, field by field",
        "peer_cpu_s_computed": each * HOURS * FIELDS,
        "parity_largest_relative_difference": worst,
        "boundary": "moments in memory to profiles in memory",
    }


def make_cells(each: int, seed: int = 0) -> pd.DataFrame:
    """Return a table of `each` cells a clone, hour and field, one row a cell."""
    rng = np.random.default_rng(seed)
    shape = (CLONES, HOURS, FIELDS, each)
    table = pd.DataFrame(rng.normal(100.0, 12.0, (int(np.prod(shape)), 12)), columns=list(DESCRIPTOR_NAMES))
    for name, axis in zip(("well", "time", "field"), np.indices(shape, dtype=np.int32), strict=False):
        table[name] = axis.ravel()
    return table


def as_moments(table: pd.DataFrame, like: FieldMoments) -> FieldMoments:
    """Return the moments of the fields of a table of cells, on the axes of `like`."""
    fields = table.groupby(["well", "time", "field"])[list(DESCRIPTOR_NAMES)]
    shape = (CLONES, HOURS, FIELDS, len(DESCRIPTOR_NAMES))
    n, mean, variance = (v.to_numpy().reshape(shape) for v in (fields.count(), fields.mean(), fields.var()))
    names = (like.wells, like.times_h, like.fields)
    return FieldMoments(*names, Moments(n, mean, (n - 1) * variance), n[..., 0], like.measured, like.pixel_size_um)


def pandas_row(moments: FieldMoments, each: int) -> dict[str, Any]:
    """Time group-bys over rows of cells on the sample of cells of the grid; the rest is computed."""
    table = make_cells(each)
    of_table = as_moments(table, moments)
    order = order_fields(of_table, np.arange(HOURS), 0)
    rank = np.argsort(order, axis=1)[table["well"], table["field"]]  # place of a row's field in its well's draw
    stack = FieldSums(of_table).nested(0)
    seconds, grouped, worst = [], [], 0.0
    for hours, fields in SAMPLE:
        start = time.process_time()
        rows = table[(table["time"] < hours) & (rank < fields)]
        found = rows.groupby(["well", "time"])[list(DESCRIPTOR_NAMES)].agg(["mean", "std"])
        seconds.append(time.process_time() - start)
        grouped.append(len(rows))
        values = found.to_numpy().reshape(CLONES, -1)
        worst = max(worst, float(np.abs(values / stack.profile(fields - 1, hours).values - 1).max()))
    by_row = sum(seconds) / sum(grouped)
    whole = float(moments.n_cells.sum()) * (HOURS + 1) / 2 / HOURS * (FIELDS + 1) / 2 / FIELDS * HOURS * FIELDS
    return {
        "work": "the same 960 profiles from rows of cells: pandas, one group-by a cell of the grid",
        "rows_of_the_table": len(table),
        "sample": [{"hours": h, "fields": f, "cpu_s": s} for (h, f), s in zip(SAMPLE, seconds, strict=True)],
        "cpu_ns_a_row_grouped": 1e9 * by_row,
        "grid_cpu_s_computed": by_row * whole,
        "computed_for": f"{moments.n_cells.sum() / 1e6:.1f} million cells, in proportion to the rows grouped",
        "parity_largest_relative_difference": worst,
        "parity": "profiles from the moments of the table's own cells",
        "boundary": "table of cells in memory to profiles in memory",
    }


def main() -> None:
    """Measure both rows, print them and write results/potency_profiles.jsonl."""
    moments = make_moments()
    found = []
    for row in (profiles_row(moments), pandas_row(moments, int(sys.argv[1]) if len(sys.argv) > 1 else TABLE_CELLS)):
        found.append(row)
        print({name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}, flush=True)
    write_rows("potency_profiles", found, "numpy", "pandas")


if __name__ == "__main__":
    main()
