"""The command line: parse, call one function, print."""

from __future__ import annotations

import json as jsonlib
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from phasewell import __version__
from phasewell.bench.command import bench_app
from phasewell.console import (
    Json,
    OnDevice,
    Quiet,
    RunFile,
    Set,
    default_text,
    describe_usage,
    device_setting,
    options_of,
    show,
    with_options,
)
from phasewell.errors import (
    EXIT_DONE,
    EXIT_INCOMPLETE,
    EXIT_SIGINT,
    InputError,
    PhasewellError,
    UnavailableError,
    UsageError,
)
from phasewell.learning_commands import reproduce_app, train
from phasewell.names import terminal_text
from phasewell.potency_commands import fit, predict
from phasewell.report_commands import report
from phasewell.results_commands import export, load
from phasewell.serving_commands import quantise_app
from phasewell.status_commands import status

if TYPE_CHECKING:
    from collections.abc import Callable

app = cyclopts.App(
    name="phasewell",
    version=__version__,
    help="From a plate of raw phase-contrast frames to a potency prediction, with the same numbers on every device.\n\n"
    "New here: phasewell demo. What a verb takes: phasewell VERB --help.",
    default_parameter=Parameter(negative_iterable=(), show_default=default_text),
)
Layout = Literal[
    "auto", "regex", "table", "imagexpress", "operetta", "cellvoyager", "gen5", "incucyte", "ome-tiff"
]  # fmt: skip
config_app = cyclopts.App(name="config", help="Write, show or describe a run's configuration.")


def demo(output: Path = Path("demo"), *, quiet: Quiet = False, json: Json = False) -> int:
    """Run the bundled real mini-plate, a simulated screen and lines for a network, from frames to report.

    Parameters
    ----------
    output
        Folder for the plates, runs and reports.
    """
    from phasewell.demo import run_demo

    result = run_demo(output, progress=not quiet, say=lambda line: print(line, file=sys.stderr if json else sys.stdout))
    show(result, "\n".join(result["summary"]), json)
    return EXIT_DONE


def doctor(*, json: Json = False) -> int:
    """Show devices, versions and free space, and what is missing with the line that installs it."""
    from phasewell.doctor import examine

    report = examine()
    show(report, "\n".join(report["lines"]), json)
    return EXIT_DONE


@Parameter(name="*")
@dataclass(frozen=True)
class SourceOptions:
    """How the files of a source are read."""

    layout: Layout = "auto"
    "Which scheme names the files."
    pattern: str | None = None
    "For layouts regex and ome-tiff: a regular expression with the groups well, field, time, channel; or biostation."
    table: Path | None = None
    "For layout table: CSV or Parquet with file names and plate, well, field, time."
    pixel_size_um: float | None = None
    "um per pixel where the files do not say it; there is no default."
    plate: str | None = None
    "Which plate, where the source has several."
    channel: str | None = None
    "Which channel makes the plate, where the source has several."
    plane: str | None = None
    "Which focal plane, where the source has several."
    interval_h: float | None = None
    "Hours between times, where the files only count them."
    platemap: Path | None = None
    "CSV or TOML with a row per well: clone, potency, donor and what else is known."
    name: str | None = None
    "Name of the plate. Left out: as the source calls it."


def ingest(
    source: Path,
    store: Path,
    *,
    options: SourceOptions = SourceOptions(),
    window: tuple[int, int] | None = None,
    codec: Literal["raw", "zstd"] = "raw",
    workers: int = 0,
    again: tuple[str, ...] = (),
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Read a folder of raw frames into a plate store; run it again to add only what is new.

    Parameters
    ----------
    source
        Folder of raw frames; it is never written.
    store
        The OME-Zarr plate to make or to extend, such as plate.zarr.
    window
        Low and high grey value that map a 16-bit plate to 8 bit; fixed at the first ingest. Left out: from a sample.
    codec
        How frames are stored: raw, or compressed by zstd.
    workers
        Decoding processes; 0 = one per core.
    again
        A well and time such as A01:3, whose files are read again to repair what is damaged in the store.
    dry_run
        Only say what would be read: wells x fields x times, missing, duplicates, odd shapes, unmatched names.
    """
    from phasewell.images import describe_intake, scan
    from phasewell.images import ingest as ingest_plate

    chosen: dict[str, Any] = {**vars(options)}
    if dry_run:
        found = scan(source, **chosen).to_dict()
        show(found, describe_intake(found), json)
        return EXIT_DONE
    with _progress("ingest", quiet) as progress:
        chosen |= {"window": window or "auto", "codec": codec, "workers": workers, "again": again}
        report = ingest_plate(source, store, **chosen, progress=progress)
    document = report.to_dict()
    show(document, describe_intake(document), json)
    return EXIT_DONE if report.is_complete and not document["blank"] else EXIT_INCOMPLETE


def validate(store: Path, *, set_: Set = (), json: Json = False) -> int:
    """Check a plate store: metadata against OME-NGFF, and the checksum of every stored frame.

    What an OME-Zarr plate of another program leaves open is given as --set foreign.interval_h=6 and so on.

    Parameters
    ----------
    store
        The plate store, such as plate.zarr.
    """
    from phasewell.config import parse_foreign
    from phasewell.images import validate_plate

    report = validate_plate(store, foreign=parse_foreign(set_))
    show(report.to_dict(), report.to_text(), json)
    return EXIT_DONE if report.is_valid else InputError.exit_code


def simulate(
    store: Path,
    *,
    clones: int | None = None,
    lines: int | None = None,
    wells: int | None = None,
    bulk_lots: int | None = None,
    fields: int = 64,
    times: int | None = None,
    seed: int = 0,
    size: int | None = None,
    workers: int = 0,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Make a synthetic plate with known truth; the same seed gives the same bytes.

    Parameters
    ----------
    store
        The plate store to make, such as plate.zarr.
    clones
        How many clones, one a well. Left out: 15.
    lines
        How many donor lines instead of clones, half of class high and half of class low.
    wells
        How many wells of each line or bulk lot. Left out: 1 of a line, 3 of a lot.
    bulk_lots
        How many lots of conventionally processed bulk cells beside the clones. Left out: none.
    fields
        Fields of view per well.
    times
        How many times, 6 h apart. Left out: 15 from 6 h on; of lines 5 from 24 h on.
    seed
        The same seed and numbers give the same plate.
    size
        Height and width of a frame in px. Left out: 1000; of lines 904 x 1224.
    workers
        Processes; 0 = one per core.
    """
    from phasewell import runs

    if (lines is not None and (clones is not None or bulk_lots is not None)) or (wells and not (lines or bulk_lots)):
        raise UsageError(
            "simulate: a plate holds clones or lines: --clones with --bulk-lots, or --lines; --wells of a lot or line"
        )
    shape = None if size is None else (size, size)
    given = {"clones": clones, "lines": lines, "times": times, "frame_shape": shape, "bulk_lots": bulk_lots}
    given["wells" if lines is not None else "bulk_wells"] = wells
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    make = runs.simulate if lines is None else runs.simulate_lines
    with _progress("simulate", quiet) as progress:
        plate = make(store, **chosen, fields=fields, seed=seed, workers=workers, progress=progress)
    document = {"store": str(store), "wells": len(plate.wells), "frames": plate.n_frames_expected, "simulated": True}
    show(document, f"{store}: simulated, {len(plate.wells)} wells, {plate.n_frames_expected} frames", json)
    return EXIT_DONE


def plan(config: RunFile, *, device: OnDevice = None, set_: Set = (), json: Json = False) -> int:
    """Say what a run would do: units to do and cached, minutes, memory and disk."""
    from phasewell.config import load_config
    from phasewell.runs import plan as plan_run

    planned = plan_run(load_config(config, (*set_, *device_setting(device))))
    show(planned.to_dict(), planned.to_text(), json)
    return EXIT_DONE


def run(
    config: RunFile,
    *,
    device: OnDevice = None,
    metrics_port: int | None = None,
    set_: Set = (),
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Process a plate: segment, measure, commit. The same command resumes after any interruption.

    Parameters
    ----------
    metrics_port
        Serve /metrics for Prometheus on this port of 127.0.0.1 while the run works: sets watch.metrics_port.
    """
    from phasewell.config import load_config
    from phasewell.runs import run as run_plate

    port = () if metrics_port is None else (f"watch.metrics_port={metrics_port}",)
    set_ = (*set_, *device_setting(device), *port)
    with _progress("run", quiet) as progress:
        resume = shlex.join(["phasewell", "run", str(config), *(f"--set={item}" for item in set_)])
        result = run_plate(load_config(config, set_), progress=progress, resume=resume)
    show(result.to_dict(), result.last_line, json)
    return int(result.exit_code)


@config_app.command(name="init")
def config_init(
    path: Path = Path("run.toml"), *, store: str = "plate.zarr", output: str = "run", json: Json = False
) -> int:
    """Write a configuration with every key, its default and what it means.

    Parameters
    ----------
    path
        The file to write; one that is there is left alone.
    store
        The plate store to run on, as the file names it.
    output
        The run folder, as the file names it.
    """
    from phasewell.config import describe_config

    if path.exists():
        raise UsageError(f"{path} exists; choose another name or edit it")
    path.write_text(describe_config(store, output), encoding="utf-8")
    show({"config": str(path)}, str(path), json)
    return EXIT_DONE


@config_app.command(name="show")
def config_show(path: RunFile, *, set_: Set = (), json: Json = False) -> int:  # noqa: ARG001 - always JSON
    """Show the configuration as a run would see it."""
    from phasewell.config import load_config

    document = load_config(path, set_).model_dump(mode="json")
    print(jsonlib.dumps(document, indent=2))
    return EXIT_DONE


@config_app.command(name="schema")
def config_schema(*, json: Json = False) -> int:  # noqa: ARG001 - always JSON
    """Print the JSON schema of the configuration, for editors."""
    from phasewell.config import Config

    print(jsonlib.dumps(Config.model_json_schema(), indent=2))
    return EXIT_DONE


def completion(shell: Literal["bash", "zsh", "fish"]) -> int:
    """Print the completion script of a shell.

    Parameters
    ----------
    shell
        Which shell; its manual says where the script belongs.
    """
    print(app.generate_completion(shell=shell))
    return EXIT_DONE


VERBS = {  # in the order in which a plate meets them
    "Begin": (demo, doctor, completion),
    "A plate": (ingest, validate, simulate, config_app, plan, run, status),
    "Results": (report, export, load),
    "Models": (fit, predict, train, quantise_app, reproduce_app),
    "This machine": (bench_app,),
}
for place, (heading, verbs) in enumerate(VERBS.items()):
    group = cyclopts.Group(heading, sort_key=place)
    for number, verb in enumerate(verbs):
        registered = verb if isinstance(verb, cyclopts.App) else cyclopts.App(name=verb.__name__)
        registered.group, registered.sort_key = group, number
        if registered is not verb:
            registered.default(verb)
        app.command(registered)

app["--help"].group = app["--version"].group = cyclopts.Group("Options", sort_key=len(VERBS))


def _progress(verb: str, quiet: bool) -> Any:
    from phasewell.progress import bar, no_bar

    return no_bar() if quiet else bar(verb)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; errors become one message and the code of their class."""
    tokens = sys.argv[1:] if arguments is None else arguments
    code = _guard(lambda: app(tokens, exit_on_error=False, print_error=False, result_action="return_value"), tokens)
    if arguments is None:
        sys.exit(code)
    return code


def _guard(call: Callable[[], Any], tokens: list[str]) -> int:
    try:
        result = call()
    except PhasewellError as error:
        message = "\n".join([str(error), *getattr(error, "__notes__", ())])
        code, message = error.exit_code, with_options(_without_secrets(message, tokens), options_of(app, tokens))
    except cyclopts.CycloptsError as error:
        code, message = UsageError.exit_code, describe_usage(error)
    except ModuleNotFoundError as error:
        from phasewell.doctor import explain_missing

        code, message = UnavailableError.exit_code, explain_missing(error)
    except KeyboardInterrupt:
        code, message = EXIT_SIGINT, "interrupted; the same command resumes"
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    else:
        return result if isinstance(result, int) else EXIT_DONE
    message = _without_secrets(message, tokens)
    print(terminal_text(f"phasewell: {message}"), file=sys.stderr)
    if "--json" in tokens:
        print(jsonlib.dumps({"error": message, "exit_code": code}))
    return code


def _without_secrets(message: str, tokens: list[str]) -> str:
    if not any("@" in token for token in tokens):  # none that could be a data source name
        return message
    from phasewell.tables.postgres.dsn import mask_secrets

    return mask_secrets(message, tokens)
