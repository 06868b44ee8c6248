"""The verbs `bench` and `bench compare`: parse, call one function, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from phasewell.console import Json, Quiet, show
from phasewell.errors import EXIT_DONE

bench_app = cyclopts.App(name="bench", help="Measure this machine, or compare what two machines measured.")


@bench_app.default
def bench(
    *,
    device: str = "auto",
    network: str = "densenet121",
    quick: Annotated[bool, Parameter(negative="")] = False,
    output: Path | None = None,
    folder: Path | None = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Measure a device from frames to committed tables, with parity, ceilings and one verdict.

    Parameters
    ----------
    device
        cpu, cuda:N, or auto: the first GPU, else the CPU.
    network
        What scores the frames: densenet121, vgg19, resnet50v2, inceptionv3, xception, or a small one.
    quick
        Few frames and repeats: under two minutes on two cores.
    output
        File for the JSON document, which `phasewell bench compare` reads.
    folder
        Where the simulated plate and the runs lie meanwhile; its disk is what is measured. Left out: the system's
        folder for temporary files.
    """
    from phasewell.bench.documents import write_document
    from phasewell.bench.measure import run_bench
    from phasewell.bench.text import describe_document

    def say(line: str) -> None:
        if not quiet:
            print(line, file=sys.stderr)

    document = run_bench(device, quick, folder, say, network=network)
    if output is not None:
        write_document(document, output)
    show(document.to_dict(), describe_document(document), json)
    return document.exit_code


@bench_app.command
def compare(first: Path, second: Path, /, *, output: Path | None = None, json: Json = False) -> int:
    """Set two bench results side by side: rates, shares of the ceilings, ratios, and conditions that differ.

    Parameters
    ----------
    first
        Result of `phasewell bench --output`; ratios are second / first.
    output
        Page to write, such as compare.html: the tables and a picture; it opens offline.
    """
    from phasewell.bench.comparison import compare_documents
    from phasewell.bench.documents import read_document

    compared = compare_documents(read_document(first), read_document(second), (first.stem, second.stem))
    document = compared.to_dict()
    if output is not None:
        from phasewell.bench.page import write_comparison_page

        document["page"] = str(write_comparison_page(compared, output))
    show(document, compared.to_text(), json)
    return EXIT_DONE
