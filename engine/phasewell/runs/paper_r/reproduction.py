"""The whole of paper R on a finished run, in order; each step is made once, and the same call resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasewell.errors import UsageError
from phasewell.runs.folder.code import potency_code_version
from phasewell.runs.folder.lock import RunLock
from phasewell.runs.folder.step_ledger import StepLedger
from phasewell.runs.interruption import stop_on_signals
from phasewell.runs.paper_r.describing import STEPS
from phasewell.runs.paper_r.material import read_material
from phasewell.runs.paper_r.modelling import ModelSteps
from phasewell.runs.paper_r.scale import PaperRScale, choose_scale
from phasewell.runs.paper_r.stepping import Step, run_steps

if TYPE_CHECKING:
    from concurrent.futures import Executor

Say = Callable[[str], None]


def reproduce_paper_r(
    run: Path | str,
    output: Path | str,
    scale: PaperRScale | str = "smoke",
    *,
    target: str | None = None,
    group: str | None = None,
    ledger: Path | str | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Reproduce paper R on a finished run whose plate map names clone and potency, and return the result.

    Images are read for a few panels only, where they are there. `output` is a folder for this reproduction alone: what
    is done lies there, and the same call goes on from it. `workers` above 1 spreads models, grids and bootstraps over
    that many processes of a Dask cluster, `scheduler` over a running one, while this process describes the populations;
    the numbers are the same. `ledger` is a CSV of passages. `say` is told what is being done. The result is also
    written as OUTPUT/result.json; the page is `phasewell.report.paper_r.write_paper_r`.
    Raises InputError for an unfinished run and fewer than 3 clones, UsageError for a folder of another reproduction,
    LockedError while another process works there, UnavailableError without Dask, InterruptedRunError when told to stop.
    """
    chosen = choose_scale(scale) if isinstance(scale, str) else scale
    if workers < 1:
        raise UsageError(f"workers {workers}: expected 1 or more")
    folder = Path(output)
    material = read_material(run, chosen.last_h, target, group, ledger)
    if folder.resolve() == material.run.resolve():
        raise UsageError(f"output {folder}: is the run itself; choose another folder")
    identity = {
        "paper": "R",
        "plate": material.plate.name,
        "scale": chosen.model_dump(mode="json"),
        "data_sha256": material.sha256,
    }
    with RunLock(folder), stop_on_signals() as stop:
        kept = StepLedger(folder, identity, potency_code_version())
        models = ModelSteps(material, chosen)
        descriptions = [
            Step(name, name.replace("_", " "), describe, lambda: (material, chosen)) for name, describe in STEPS.items()
        ]
        with _open_executor(workers, scheduler) as executor:
            made = run_steps(descriptions, models.steps(), kept, executor, say, stop.check)
        steps = {name: made[name] for name in STEPS} | models.join(made)
        result = {
            "paper": "R",
            "scale": chosen.model_dump(mode="json"),
            "material": material.to_dict(),
            "steps": steps,
            "code_versions": kept.code_versions(),
        }
        return kept.finish(result)


@contextmanager
def _open_executor(workers: int, scheduler: str | None) -> Iterator[Executor | None]:
    """Yield an executor on a Dask cluster, None where everything is computed in this process."""
    if workers == 1 and scheduler is None:
        yield None
        return
    from phasewell.runs.executors.dask_cluster import open_pool

    with open_pool(workers, scheduler) as executor:
        yield executor
