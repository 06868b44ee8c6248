"""How few fields and how early: the grid of windows and numbers of fields of a finished run, and what it saves."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import UsageError
from phasewell.potency import FieldSums, find_economy, fit_grid
from phasewell.potency.economy import MIN_DRAWS
from phasewell.runs.finished.fitting import write_json
from phasewell.runs.finished.study import FitChoice, read_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

FIELD_COUNTS = 12  # about so many numbers of fields, evenly spread on a logarithmic scale


def fit_model_grid(
    run: Path | str,
    kind: str = "lasso",
    choice: FitChoice | None = None,
    *,
    fields: Sequence[int] = (),
    draws: int = MIN_DRAWS,
    deals: int = 0,
    margin: float = 0.1,
    confidence: float = 0.8,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Validate one kind of model over windows x numbers of fields and find the smallest part of a plate that suffices.

    All windows start at the first hour. `fields` are numbers of random fields (empty: about twelve up to all), drawn
    anew `draws` times; `deals` repeats the grid on that many random deals of the targets, for the family-wise p of the
    best cell. Good enough is a cell within `margin` of the full plate's RMSE in `confidence` of the draws (see
    `find_economy`). `workers` processes share the draws; 0 = one per core. `progress` is called with (tasks done,
    tasks). Written to RUN/models/grid_<kind>.json. Returns the document: the grid, `economy` and `choice`.
    Raises UsageError as `read_study`, `fit_grid` and `find_economy` do, before any work where it can.
    """
    chosen = choice or FitChoice()
    if draws < MIN_DRAWS:
        raise UsageError(
            f"--draws {draws}: a share of draws says little below {MIN_DRAWS}; expected {MIN_DRAWS} or more"
        )
    if chosen.fields is not None:
        raise UsageError("the grid takes numbers of fields; give them as --grid-fields")
    study = read_study(Path(run), (), chosen)
    sums = FieldSums(study.field_moments())
    counts = tuple(fields) or spread_counts(len(sums.field_moments.fields))
    stacks = [sums.nested(study.draw + draw) for draw in range(draws)]
    with _Pool(workers, draws * len(counts), progress) as pool:
        grid = fit_grid(
            stacks, study.targets, study.groups, kind, fields=counts, deals=deals, seed=study.seed, executor=pool
        )
    economy = find_economy(grid, margin, confidence)
    document = grid.to_dict() | {"economy": economy.to_dict(), "choice": study.describe()}
    document["choice"]["fields"] = list(counts)
    write_json(Path(run) / "models" / f"grid_{kind}.json", document)
    return document


def spread_counts(fields: int) -> tuple[int, ...]:
    """Return about twelve numbers of fields from 1 to all, evenly spread on a logarithmic scale."""
    return tuple(sorted({round(float(count)) for count in np.geomspace(1, fields, FIELD_COUNTS)}))


class _Pool(Executor):
    """What `fit_grid` needs of an executor: tasks in order, over processes or here, with progress."""

    def __init__(self, workers: int, tasks: int, progress: Callable[[int, int], None] | None) -> None:
        wanted = workers or len(os.sched_getaffinity(0))
        self._tasks, self._progress = tasks, progress
        self._processes: ProcessPoolExecutor | None = None
        if wanted > 1:
            # spawned: threads of Arrow and BLAS do not survive a fork
            self._processes = ProcessPoolExecutor(min(wanted, tasks), multiprocessing.get_context("spawn"))

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *error: object) -> None:
        if self._processes:
            self._processes.shutdown(cancel_futures=True)

    def map(
        self, fn: Callable[..., Any], *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[Any]:
        """Yield the results of `fn` on every task, in order."""
        results: Iterator[Any] = map(fn, *iterables)
        if self._processes:
            results = self._processes.map(fn, *iterables, timeout=timeout, chunksize=chunksize)
        for done, result in enumerate(results, 1):
            if self._progress:
                self._progress(done, self._tasks)
            yield result
