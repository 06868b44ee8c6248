"""Three plates, end to end: a real one measured against hand masks, simulated ones with models and a network."""

from __future__ import annotations

import importlib.util
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from phasewell import images, report, runs
from phasewell.config import ComputeConfig, Config, InferenceConfig, PlateConfig, RunConfig
from phasewell.demo.lines import MODEL, score_lines
from phasewell.errors import OutputError
from phasewell.progress import bar, no_bar

REAL = Path(__file__).parent / "t98g"
ORIGIN = {
    "origin": "oist/Usiigaci, commit 9501d80c747cf82870dd596818fcf5c28c94d733, mapped to 8 bit",
    "licence": "MIT, (c) 2018 Okinawa Institute of Science & Technology Graduate University",
}
SIMULATED = {"clones": 15, "fields": 6, "times": 5, "seed": 0, "frame_shape": (1000, 1000)}


def run_demo(output: Path, progress: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Make the plates, runs and reports under `output`; a second call resumes and changes nothing.

    Returns a JSON-able account: agreement with the hand masks, model errors, scores of lines, the reports, and summary
    lines.
    Raises OutputError when `output` cannot be made.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be made ({error.strerror}); give another folder with --output") from error
    started = time.monotonic()
    show = bar if progress else lambda _verb: no_bar()
    real = _real_plate(output, show, say)
    simulated = _simulated_plate(output, show, say)
    lines = score_lines(output, lambda store, run: _run(store, run, show, say, "sample", network=True), show, say)
    seconds = time.monotonic() - started
    summary = [*real["lines"], *simulated["lines"], *lines["lines"], f"demo finished in {seconds:.0f} s"]
    parts = {"real": real, "simulated": simulated, "lines": lines}
    return {**parts, "seconds": round(seconds, 1), "summary": summary}


def _compute() -> ComputeConfig:
    """Use every core where the extra `cluster` is installed; the numbers are the same without."""
    return ComputeConfig(executor="dask" if importlib.util.find_spec("distributed") else "serial")


def _run(
    store: Path,
    folder: Path,
    show: Any,
    say: Callable[[str], None],
    labels: Literal["all", "sample"],
    network: bool = False,
) -> Any:
    config = Config(
        plate=PlateConfig(store=store),
        run=RunConfig(output=folder, labels=labels),
        compute=_compute(),
        inference=InferenceConfig(model=MODEL, backend="openvino") if network else InferenceConfig(),
    )
    with show("run") as progress:
        result = runs.run(config, progress=progress, resume=f"phasewell demo {shlex.quote(str(folder.parent))}")
    say(f"  {result.last_line}")
    return result


def _real_plate(output: Path, show: Any, say: Callable[[str], None]) -> dict[str, Any]:
    store, folder = output / "t98g.zarr", output / "t98g-run"
    say("real mini-plate: phase contrast of T98G cells, 3 chambers as wells, hand masks for 6 of 8 frames")
    with show("ingest") as progress:
        images.ingest(REAL, store, layout="table", table=REAL / "frames.csv", progress=progress)
    images.open_writer(store).extend(provenance=ORIGIN)
    result = _run(store, folder, show, say, labels="all")
    agreement = runs.measure_agreement(folder, REAL / "masks.csv")
    page = report.write_report(folder)
    overall = agreement["chambers"]["all"]
    lines = [
        f"real mini-plate: {result.n_processed} frames measured, {result.n_missing} the source does not have",
        f"  agreement with hand masks: foreground IoU K {overall['K']:.2f}, after step 8 R {overall['R']:.2f}, "
        f"instance F1 {overall['F1']:.2f}",
        f"  report: {page}",
    ]
    return {"store": str(store), "run": str(folder), "report": str(page), "agreement": agreement, "lines": lines}


def _simulated_plate(output: Path, show: Any, say: Callable[[str], None]) -> dict[str, Any]:
    store, folder = output / "simulated.zarr", output / "simulated-run"
    say("SIMULATED screen: 15 clones, potency known; it shows the way, not the biology")
    with show("simulate") as progress:
        runs.simulate(store, **SIMULATED, progress=progress)
    _run(store, folder, show, say, labels="sample")
    fitted = runs.fit_models(folder, ("lasso",), shuffles=20)  # the forest would take minutes for as many
    fitted += runs.fit_models(folder, ("forest", "xgboost"))
    page = report.write_report(folder)
    lines = ["simulated screen (leave one clone out):"]
    lines += [f"  {model['kind']}: {model['sentence']}" for model in fitted]
    lines.append(f"  report: {page}")
    return {"store": str(store), "run": str(folder), "report": str(page), "models": fitted, "lines": lines}
