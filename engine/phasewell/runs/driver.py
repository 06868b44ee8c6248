"""One run from plan to manifest: lock, plan, feed an executor, recover, commit. The same call resumes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from phasewell.config import Config, load_config
from phasewell.device import Device
from phasewell.errors import (
    EXIT_DONE,
    EXIT_INCOMPLETE,
    EXIT_SIGINT,
    InputError,
    PhasewellError,
    StalledError,
    StorageError,
    UsageError,
)
from phasewell.manifest import RunManifest
from phasewell.plate import Plate
from phasewell.runs.commit import begin_run, finish_run
from phasewell.runs.executors import make_executor
from phasewell.runs.folder.kept_labels import prepare_labels
from phasewell.runs.folder.ledger import Ledgers, prepare_folders, restore_parts, retire_parts, scan_stages
from phasewell.runs.folder.lock import RunLock
from phasewell.runs.folder.run_result import RunResult
from phasewell.runs.folder.source_plate import open_configured
from phasewell.runs.folder.unit_plan import UnitPlan
from phasewell.runs.interruption import InterruptedRunError, StopSignal, stop_on_signals
from phasewell.runs.planning.run_plan import Plan, cut_leases, plan_plate
from phasewell.runs.planning.sizing import size_run
from phasewell.runs.watching.metrics import serve_metrics
from phasewell.runs.watching.notification import check_command
from phasewell.runs.watching.observation import Observer, ReportProgress, last_line
from phasewell.runs.worker.receipts import Executor, TaskContext, WorkersLostError

_REBUILDS = 3  # in a row without one finished unit


def run(config: Config | Path | str, progress: ReportProgress | None = None, resume: str | None = None) -> RunResult:
    """Process a plate as a configuration, or the TOML file that holds it, says; resumes what an earlier run left.

    `progress` is called with (frames done, frames in all). `resume` is the command that the last line names.
    The bytes of parts, profile and manifest depend on plate, configuration and code only. A finished run is verified
    and left untouched. Raises UsageError (64), InputError (65), UnavailableError (69), OutputError (73),
    StorageError (74), LockedError (75), StalledError (76), SecurityError (77) and InterruptedRunError (130, 143);
    each carries the last line as a note, and after each the same call goes on where this one stopped.
    """
    if not isinstance(config, Config):
        resume = resume or f"phasewell run {shlex.quote(str(config))}"
        config = load_config(config)
    resume = resume or "the same call"
    try:
        return _run(_absolute(config), progress, resume)
    except PhasewellError as error:
        if not hasattr(error, "__notes__"):  # refused before anything was counted
            error.add_note(last_line("refused", {}, resume))
        raise


def _run(config: Config, progress: ReportProgress | None, resume: str) -> RunResult:
    plate = open_configured(config)
    folder = config.run.output
    device = Device(config.compute.device, config.compute.engine)
    sizes = size_run(plate, config, device)
    executor = make_executor(config.compute, device, sizes.workers, sizes.gpu_bytes)
    check_command(config.watch.notify)
    observed = Observer(folder, progress, config.watch, config.compute.stall_timeout_s)
    with (
        RunLock(folder),
        stop_on_signals() as stop,
        serve_metrics(config.watch.metrics_port, observed.document) as address,
        observed as observer,
    ):
        try:
            if address:
                observer.event("metrics", address=address)
            manifest = _run_locked(plate, config, executor, observer, stop)
        except BaseException as error:
            status = "interrupted" if isinstance(error, InterruptedRunError | KeyboardInterrupt) else "failed"
            code = error.exit_code if isinstance(error, PhasewellError) else 1
            code = EXIT_SIGINT if isinstance(error, KeyboardInterrupt) else code
            error.add_note(observer.finish(status, code, resume, f"{type(error).__name__}: {error}"))
            raise
        complete = manifest.n_processed == manifest.n_expected
        code = EXIT_DONE if complete else EXIT_INCOMPLETE
        line = observer.finish("done" if complete else "incomplete", code, resume)
    return RunResult(
        folder=folder,
        run_id=manifest.run_id,
        n_expected=manifest.n_expected,
        n_processed=manifest.n_processed,
        n_quarantined=manifest.n_quarantined,
        n_missing=manifest.n_missing,
        n_cells=sum(part.n_cells for part in manifest.parts),
        exit_code=code,
        last_line=line,
    )


def _absolute(config: Config) -> Config:
    """Return the configuration with folders that mean the same in every worker."""
    store, output = config.plate.store.absolute(), config.run.output.absolute()
    platemap = config.foreign.platemap
    if output == store or store in output.parents:
        raise UsageError(f"run.output {output}: lies inside the plate store, which a run never writes; choose another")
    return config.model_copy(
        update={
            "plate": config.plate.model_copy(update={"store": store}),
            "run": config.run.model_copy(update={"output": output}),
            "foreign": config.foreign.model_copy(update={"platemap": platemap.absolute() if platemap else None}),
        }
    )


def _run_locked(plate: Plate, config: Config, executor: Executor, observer: Observer, stop: StopSignal) -> RunManifest:
    folder = config.run.output
    try:
        prepare_folders(folder)
        plan = plan_plate(plate, config)
        begin_run(folder, plate, config, plan)
        for ledger in plan.ledgers.values():
            restore_parts(folder, ledger)
        observer.plan_made(plan)
        for path in (path for ledger in plan.ledgers.values() for path in ledger.damaged):
            observer.event("damaged_part", path=str(path))
        if plan.remaining:
            _check_disk(plan)
            if any(unit.label_fields for unit in plan.remaining):
                prepare_labels(folder, plate)
            ledgers = _execute(plate, plan, config, executor, observer, stop)
        else:
            ledgers = scan_stages(folder, plan.units)
        _check_plate(plan, config)
        manifest = finish_run(folder, config, plan, ledgers)
        for ledger in ledgers.values():
            retire_parts(folder, ledger)
    except PhasewellError:
        raise
    except OSError as error:
        raise StorageError(f"{folder}: {error}; free space or repair the disk, then run the command again") from error
    return manifest


def _execute(
    plate: Plate, plan: Plan, config: Config, executor: Executor, observer: Observer, stop: StopSignal
) -> Ledgers:
    """Feed the executor until every unit is done; look at the disk and start again when workers are lost.

    Returns what the disk holds then.
    """
    output = config.run.output
    context = TaskContext(
        config=config,
        run_folder=output,
        plate_digest=plan.plate_digest,
        code_version=plan.code_version,
        device=plan.device,
        threads=plan.sizes.threads,
        batch_frames=plan.sizes.batch_frames,
        scoring=plan.scoring,
    )
    remaining: Sequence[UnitPlan] = plan.remaining
    ledgers = plan.ledgers
    failures = 0
    while remaining:
        before = observer.n_done
        try:
            leases = cut_leases(remaining, plate, config, plan)
            executor(context, leases, observer.take, stop.check, observer.begin)
        except WorkersLostError as error:
            observer.workers_lost(str(error))
        ledgers = scan_stages(output, plan.units)
        left = ((unit, tuple(s for s in unit.due if unit.address not in ledgers[s].done)) for unit in remaining)
        remaining = [replace(unit, due=due) for unit, due in left if due]
        failures = failures + 1 if observer.n_done == before else 1
        if remaining and failures > _REBUILDS:
            raise StalledError(
                f"{len(remaining)} units remain, first well {remaining[0].well} time {remaining[0].time}: workers were "
                f"lost or made no progress {failures} times in a row; see events.jsonl, then run the command again"
            )
    return ledgers


def _check_disk(plan: Plan) -> None:
    if plan.disk_free_bytes < plan.disk_needed_bytes:
        raise StorageError(
            f"{plan.output}: {plan.disk_free_bytes} bytes free, about {plan.disk_needed_bytes} needed; free space or "
            "set run.labels=none, then run the command again"
        )


def _check_plate(plan: Plan, config: Config) -> None:
    from phasewell.images import plate_digest

    if plate_digest(open_configured(config)) != plan.plate_digest:
        raise InputError(f"plate {plan.plate}: changed during the run; run the command again to add what is new")
