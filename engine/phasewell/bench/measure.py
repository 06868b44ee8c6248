"""One bench run: conditions, ceilings, every boundary, the verdict; and the rates are kept for `plan`."""

from __future__ import annotations

import datetime
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from phasewell.bench.boundaries import Bench, Say, measure_resident
from phasewell.bench.ceilings import measure_ceilings
from phasewell.bench.conditions import describe_conditions, installed_versions
from phasewell.bench.documents import BenchDocument
from phasewell.bench.frames import FRAME_BYTES, Effort, choose_effort, make_plate
from phasewell.bench.network import measure_network, open_network
from phasewell.bench.rows import REQUIRED, STORE_TO_TABLE, Row
from phasewell.bench.scored_runs import measure_store_to_scores
from phasewell.bench.verdict import REQUIRED_NETWORK, judge
from phasewell.bench.whole_runs import measure_store_to_table
from phasewell.device import Device
from phasewell.errors import OutputError, StorageError
from phasewell.networks import check_network
from phasewell.runs.folder.code import code_version
from phasewell.runs.planning.rates import MeasuredRate, remember_rates

_VERSIONS = (
    "pyarrow", "zarr", "torch", "openvino", "tensorrt", "cupy-cuda13x", "cupy-cuda12x", "nvidia-ml-py",
)  # fmt: skip


def run_bench(
    device: Device | str = "auto",
    quick: bool = False,
    folder: Path | None = None,
    say: Say = lambda _line: None,
    effort: Effort | None = None,
    network: str = REQUIRED_NETWORK,
) -> BenchDocument:
    """Measure a device: ceilings, then every boundary with its parity, then the verdict on the required one.

    Frames are simulated into a plate store in a folder of its own below `folder` (default: the system's folder for
    temporary files), which is removed at the end. `effort` says how much is measured; left out, `quick` chooses.
    `network` is what scores the frames; the requirement is of the default. Raises UsageError for an unknown network,
    UnavailableError for an absent device, OutputError when `folder` cannot be used, StorageError when it is too small.
    """
    check_network(network, 2)
    where = device if isinstance(device, Device) else Device(device)
    chosen = effort or choose_effort(where, quick)
    started, began = _now(), time.perf_counter()
    with _own_folder(folder) as own, _current(where):
        conditions = _conditions(where, chosen, own)
        say(f"ceilings of {conditions['hardware']['hardware']}")
        ceilings = measure_ceilings(where, own, chosen.copy_mib, chosen.file_mib, chosen.pace)
        say(f"simulating {chosen.frames} frames")
        store = own / "plate.zarr"
        plate = make_plate(store, chosen)
        bench = Bench(where, chosen, ceilings, conditions, say)
        rows: list[Row] = []
        rows += measure_resident(bench, plate)
        opened = open_network(bench, own, network)
        rows += measure_network(bench, plate, opened, network)
        rows += measure_store_to_table(bench, plate, store, own)
        rows += measure_store_to_scores(bench, plate, store, own, opened, network)
    return BenchDocument(
        quick=quick,
        started_at=started,
        seconds=time.perf_counter() - began,
        conditions=conditions,
        ceilings=ceilings.found,
        rows=tuple(rows),
        verdict=judge(rows, ceilings, FRAME_BYTES, network),
        remembered=_remember(rows, conditions, network),
    )


def _conditions(device: Device, effort: Effort, folder: Path) -> dict[str, Any]:
    return {
        **describe_conditions(*installed_versions(*_VERSIONS)),
        "code_version": code_version(),
        "hardware": device.facts().to_dict(),
        "threads": device.threads,
        "frames_of_plate": effort.frames,
        "folder": str(folder.parent),
    }


@contextmanager
def _own_folder(folder: Path | None) -> Iterator[Path]:
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        own = tempfile.TemporaryDirectory(prefix="phasewell-bench-", dir=folder, ignore_cleanup_errors=True)
    except OSError as error:
        where = folder or Path(tempfile.gettempdir())
        raise OutputError(f"{where}: cannot be used ({error.strerror}); give another place with --folder") from error
    with own as name:
        yield Path(name)


def _current(device: Device) -> Any:
    # CuPy allocates and records events on the current GPU of the thread
    return device.xp.cuda.Device(device.index) if device.is_gpu else nullcontext()


def _remember(rows: Sequence[Row], conditions: dict[str, Any], network: str) -> str:
    """Keep the rates of whole runs for `plan`, those with a network of the required one; return where, or why not."""
    kept = (STORE_TO_TABLE, REQUIRED) if network == REQUIRED_NETWORK else (STORE_TO_TABLE,)
    rates = [
        MeasuredRate(
            hardware=conditions["hardware"]["hardware"],
            boundary=row.boundary,
            preset=row.preset,
            pixels_per_s=row.frames_per_s * FRAME_BYTES,
            code_version=conditions["code_version"],
            at=_now(),
        )
        for row in rows
        if row.boundary in kept and row.frames_per_s is not None
    ]
    if not rates:
        return "no rate of a whole run was measured"
    try:
        return str(remember_rates(rates))
    except StorageError as error:
        return f"not kept for `plan`: {error}"


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
