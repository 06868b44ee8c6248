"""The plan of a run: which units there are, which remain, how they are leased, and what that will take."""

from __future__ import annotations

import fnmatch
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from phasewell.config import Config, PlateConfig, load_config
from phasewell.device import Device
from phasewell.device_facts import DeviceFacts
from phasewell.errors import InputError, UsageError
from phasewell.names import one_line
from phasewell.plate import FrameRecord, Plate, Unit, parse_well
from phasewell.runs.folder.code import code_version
from phasewell.runs.folder.kept_labels import KeptLabels
from phasewell.runs.folder.keys import cells_stage, run_id, unit_key
from phasewell.runs.folder.ledger import Ledgers, scan_stages
from phasewell.runs.folder.source_plate import open_configured
from phasewell.runs.folder.unit_plan import SAMPLE_FIELDS, UnitPlan
from phasewell.runs.planning.forecast import expect_rate
from phasewell.runs.planning.sizing import Sizes, size_run
from phasewell.runs.worker.memory import projected_disk_bytes
from phasewell.runs.worker.scoring import ScoringPlan, plan_scoring


@dataclass(frozen=True)
class Plan:
    """What a run will do. `remaining` are the units that lack a part, with what is due; leases are its cuts, in order.

    `scoring` says who scores, None where nobody does.
    """

    run_id: str
    plate: str
    plate_digest: str
    code_version: str
    output: Path
    device: str
    facts: DeviceFacts
    executor: str
    sizes: Sizes
    units: tuple[UnitPlan, ...]
    remaining: tuple[UnitPlan, ...]
    leases: tuple[tuple[UnitPlan, ...], ...]
    n_fields: int
    disk_needed_bytes: int
    disk_free_bytes: int
    forecast_s: float
    pixels_per_s: float  # of one worker: what leases and forecast rest on
    rate_source: str
    ledgers: Ledgers
    scoring: ScoringPlan | None = None

    @property
    def workers(self) -> int:
        """Processes that compute at once."""
        return self.sizes.workers

    @property
    def projected_task_bytes(self) -> int:
        """Peak memory of one worker on its host."""
        return self.sizes.host_bytes

    @property
    def n_expected(self) -> int:
        """Frames expected: units x fields."""
        return len(self.units) * self.n_fields

    @property
    def n_remaining(self) -> int:
        """Expected frames of the units that remain."""
        return len(self.remaining) * self.n_fields

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as a JSON document."""
        return {
            "run_id": self.run_id,
            "plate": self.plate,
            "plate_digest": self.plate_digest,
            "code_version": self.code_version,
            "output": str(self.output),
            "device": self.device,
            "facts": self.facts.to_dict(),
            "executor": self.executor,
            "workers": self.workers,
            "threads": self.sizes.threads,
            "batch_frames": self.sizes.batch_frames,
            "units": len(self.units),
            "units_done": len(self.units) - len(self.remaining),
            "units_to_score": sum("scores" in unit.due for unit in self.remaining),
            "scores_by": None if self.scoring is None else self.scoring.session_document(),
            "units_remaining": [f"{unit.well}-t{unit.time:03d}" for unit in self.remaining],
            "frames_expected": self.n_expected,
            "frames_remaining": self.n_remaining,
            "leases": len(self.leases),
            "memory_bytes_per_worker": self.sizes.host_bytes,
            "memory_bytes": self.workers * self.sizes.host_bytes,
            "gpu_memory_bytes_per_worker": self.sizes.gpu_bytes,
            "disk_needed_bytes": self.disk_needed_bytes,
            "disk_free_bytes": self.disk_free_bytes,
            "forecast_minutes": round(self.forecast_s / 60, 1),
            "pixels_per_s": self.pixels_per_s * self.workers,
            "rate_source": self.rate_source,
        }

    def to_text(self) -> str:
        """Return the plan for people."""
        done = len(self.units) - len(self.remaining)
        sizes, mb = self.sizes, 1e6
        gpu = f", {sizes.gpu_bytes / mb:.0f} MB of its GPU" if sizes.gpu_bytes else ""
        return "\n".join(
            (
                f"plate {one_line(self.plate)}: {len(self.units)} units of {self.n_fields} fields, "
                f"{self.n_expected} frames",
                f"done already: {done} units; to do: {len(self.remaining)} units, {self.n_remaining} frames",
                *self._scores_lines(),
                f"executor {self.executor}: {self.workers} workers of {sizes.threads} threads, each "
                f"{sizes.batch_frames} frames at once; {len(self.leases)} leases",
                f"device {self.facts.to_text()}",
                f"forecast: {_how_long(self.forecast_s)} ({self.rate_source})",
                f"memory: {sizes.host_bytes / mb:.0f} MB a worker{gpu}; {self.workers * sizes.host_bytes / mb:.0f} MB "
                "in all on this host",
                f"disk: {self.disk_needed_bytes / mb:.0f} MB needed, {self.disk_free_bytes / mb:.0f} MB free",
            )
        )

    def _scores_lines(self) -> list[str]:
        if self.scoring is None:
            return []
        due = sum("scores" in unit.due for unit in self.remaining)
        return [f"scores: {self.scoring.identity}; to do: {due} units"]


def _how_long(seconds: float) -> str:
    if seconds < 60:
        return "under a minute"
    return f"about {seconds / 60:.0f} minutes" if seconds < 6000 else f"about {seconds / 3600:.1f} hours"


def plan(config: Config | Path | str) -> Plan:
    """Return what `run` would do with this configuration; writes nothing.

    Raises UsageError for wells or times the plate lacks and frames a model cannot take, InputError for an unreadable
    plate or model and UnavailableError for an absent device or backend.
    """
    config = config if isinstance(config, Config) else load_config(config)
    return plan_plate(open_configured(config), config)


def plan_plate(plate: Plate, config: Config) -> Plan:
    """Return the plan for an open plate."""
    from phasewell.images import plate_digest

    code, digest = code_version(), plate_digest(plate)
    device = Device(config.compute.device, config.compute.engine)
    sizes, facts = size_run(plate, config, device), device.facts()
    expected = expect_rate(facts, device, config, code)
    rate = expected.pixels_per_s * (1 if device.is_gpu else sizes.threads)
    scoring = plan_scoring(plate, config, replace(device, threads=sizes.threads))
    units = _plan_units(plate, config, code, scoring)
    output = config.run.output
    ledgers = scan_stages(output, units)
    kept = KeptLabels(output)
    remaining = [replace(unit, due=due) for unit in units if (due := _due(unit, ledgers, kept))]
    pixels = plate.frame_shape[0] * plate.frame_shape[1]
    n_frames = sum(unit.n_present for unit in remaining)
    return Plan(
        run_id=run_id(digest, config, code, scoring.session_document() if scoring else None),
        plate=plate.name,
        plate_digest=digest,
        code_version=code,
        output=output,
        device=device.name,
        facts=facts,
        executor=config.compute.executor,
        sizes=sizes,
        units=units,
        remaining=tuple(remaining),
        leases=make_leases(remaining, pixels, rate, config.compute.lease_s, sizes.workers),
        pixels_per_s=rate,
        rate_source=expected.source,
        n_fields=len(plate.fields),
        disk_needed_bytes=projected_disk_bytes(plate, n_frames, sum(len(unit.label_fields) for unit in remaining)),
        disk_free_bytes=shutil.disk_usage(_existing_parent(output)).free,
        forecast_s=n_frames * pixels / rate / sizes.workers,
        ledgers=ledgers,
        scoring=scoring,
    )


def _plan_units(plate: Plate, config: Config, code: str, scoring: ScoringPlan | None) -> tuple[UnitPlan, ...]:
    cells, scores = cells_stage(plate, config, code), scoring.stage(plate) if scoring else None
    due = ("cells",) if scores is None else ("cells", "scores")
    labelled = label_choice(plate, config)
    units = []
    for unit in select_units(plate, config.plate):
        records, time_h = plate.reader.read_records(unit), plate.times_h[unit.time]
        key = unit_key(cells, unit, time_h, records)
        scores_key = "" if scores is None else unit_key(scores, unit, time_h, records)
        present = sum(record.status == "present" for record in records)
        fields = _label_fields(config, unit, records, labelled)
        units.append(UnitPlan(unit.well, unit.time, key, present, fields, scores_key, due))
    return tuple(units)


def _due(unit: UnitPlan, ledgers: Ledgers, kept: KeptLabels) -> tuple[str, ...]:
    settled = {stage: ledgers[stage].is_settled(unit.address) for stage in unit.due}
    settled["cells"] = settled["cells"] and kept.holds(unit)  # labels are made with cells
    return tuple(stage for stage in unit.due if not settled[stage])


def select_units(plate: Plate, choice: PlateConfig) -> tuple[Unit, ...]:
    """Return the chosen units in plate order; raises UsageError for a well or time that chooses nothing."""
    wells = set(plate.wells) if not choice.wells else set()
    for pattern in choice.wells:
        matched = fnmatch.filter(plate.wells, _canonical_pattern(pattern))
        if not matched:
            raise UsageError(
                f"plate.wells: {pattern!r} matches no well of plate {plate.name}: {', '.join(plate.wells)}"
            )
        wells |= set(matched)
    times = set(choice.times) or set(range(len(plate.times_h)))
    if wrong := sorted(times - set(range(len(plate.times_h)))):
        raise UsageError(f"plate.times: {wrong}: plate {plate.name} has times 0..{len(plate.times_h) - 1}")
    return tuple(unit for unit in plate.units() if unit.well in wells and unit.time in times)


def _canonical_pattern(pattern: str) -> str:
    try:
        return parse_well(pattern)
    except InputError:
        return pattern.strip().upper()


def make_leases(
    units: Sequence[UnitPlan], pixels: int, pixels_per_s: float, lease_s: float, workers: int
) -> tuple[tuple[UnitPlan, ...], ...]:
    """Cut units into leases of at least `lease_s` seconds of work, in order.

    Near the end of a small run leases are shorter, so that every worker gets some.
    """
    share_s = sum(unit.n_present for unit in units) * pixels / pixels_per_s / (4 * workers)
    least_s = min(lease_s, max(share_s, 1e-9))
    leases: list[tuple[UnitPlan, ...]] = []
    current: list[UnitPlan] = []
    work_s = 0.0
    for unit in units:
        current.append(unit)
        work_s += unit.n_present * pixels / pixels_per_s
        if work_s >= least_s:
            leases.append(tuple(current))
            current, work_s = [], 0.0
    return (*leases, tuple(current)) if current else tuple(leases)


def cut_leases(
    units: Sequence[UnitPlan], plate: Plate, config: Config, planned: Plan
) -> tuple[tuple[UnitPlan, ...], ...]:
    """Return the leases of some of a plan's units."""
    pixels = plate.frame_shape[0] * plate.frame_shape[1]
    return make_leases(units, pixels, planned.pixels_per_s, config.compute.lease_s, planned.workers)


def label_choice(plate: Plate, config: Config) -> frozenset[int]:
    """Return the times whose labels are kept: none, all, or the first, middle and last of the chosen times."""
    if config.run.labels == "none":
        return frozenset()
    times = sorted(set(config.plate.times) or set(range(len(plate.times_h))))
    if config.run.labels == "all" or not times:
        return frozenset(times)
    return frozenset((times[0], times[len(times) // 2], times[-1]))


def _label_fields(config: Config, unit: Unit, records: Sequence[FrameRecord], times: frozenset[int]) -> tuple[str, ...]:
    present = tuple(record.key.field for record in records if record.status == "present")
    if unit.time not in times:
        return ()
    return present if config.run.labels == "all" else present[:SAMPLE_FIELDS]


def _existing_parent(path: Path) -> Path:
    path = path.absolute()
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path
