"""Builds and speaks to kernels/harness: the kernels under sanitizers and as emulated blocks of real threads.

`python tests/kernels/harness.py fuzz 100000 1 50` builds it and passes the words on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent.parent
KERNELS = ROOT / "kernels"
BUILD = ROOT / "build" / "harness"

Case = dict[str, np.ndarray[Any, Any]]

SANITIZERS = {
    "address": ("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    "thread": ("-fsanitize=thread",),
}
COMMON = ("-O1", "-g1", "-ffp-contract=off", "-pthread")
EMULATED = ("-std=c++20", "-DPW_EMULATED", "-DPW_ISA=emulated", f"-I{KERNELS / 'cpu'}")
SERIAL = {
    "plain": ("-std=c++17", "-DPW_ISA=plain"),
    "avx2": ("-std=c++17", "-DPW_ISA=avx2", "-march=x86-64-v3"),
    "avx512": ("-std=c++17", "-DPW_ISA=avx512", "-march=x86-64-v4", "-mprefer-vector-width=512"),
}


def compiler() -> str | None:
    return shutil.which("g++")


def is_x86() -> bool:
    return platform.machine() in ("x86_64", "AMD64")


def serial_builds(kind: str) -> list[str]:
    """Return the builds of the CPU product beside the emulated one; the thread sanitizer has no use for them."""
    return [] if kind == "thread" else ["plain", "avx2", "avx512"] if is_x86() else ["plain"]


@cache
def text_with_includes(path: Path) -> str:
    text = path.read_text()
    included = [(path.parent / name).resolve() for name in re.findall(r'#include "(\S+)"', text)]
    # emulation.hpp is found on the include path
    there = [name if name.exists() else KERNELS / "cpu" / name.name for name in included]
    return text + "".join(text_with_includes(name) for name in there)


def objects(kind: str) -> Iterable[tuple[Path, list[str]]]:
    """Yield (object file, command that makes it), the file named by the digest of all that goes into it."""
    sets = serial_builds(kind)
    linked = ["-DPW_EMULATED_LINKED", *(f"-DPW_{name.upper()}_LINKED" for name in sets)]
    table_sources = [*sorted((KERNELS / "cpu").glob("*.cpp")), KERNELS / "harness" / "vocabulary.cpp"]
    driver_sources = [path for path in sorted((KERNELS / "harness").glob("*.cpp")) if path not in table_sources]
    jobs: list[tuple[Path, tuple[str, ...]]] = []
    for source in table_sources:
        jobs += [(source, flags) for flags in (EMULATED, *(SERIAL[name] for name in sets))]
    jobs += [(source, ("-std=c++20", *linked)) for source in driver_sources]
    for source, flags in jobs:
        command = [str(compiler()), *COMMON, *SANITIZERS[kind], *(["-DPW_X86"] if is_x86() else []), *flags]
        digest = hashlib.sha256((" ".join(command) + text_with_includes(source)).encode()).hexdigest()[:16]
        made = BUILD / kind / f"{source.stem}-{digest}.o"
        yield made, [*command, "-c", str(source)]


def make(made: Path, command: list[str]) -> None:
    """Run a compiler that writes `made`, which is there whole or not at all."""
    part = made.with_suffix(".part")
    done = subprocess.run([*command, "-o", part], capture_output=True, text=True, check=False)
    assert done.returncode == 0, " ".join(command) + "\n" + done.stderr
    part.rename(made)


def build(kind: str) -> Path:
    """Return the harness of a kind, address or thread; what did not change since the last build is not compiled again.

    One process at a time: test workers wait for each other here.
    """
    (BUILD / kind).mkdir(parents=True, exist_ok=True)
    with (BUILD / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = dict(objects(kind))
        for old in set((BUILD / kind).glob("*.o")) - set(wanted):
            old.unlink()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda made: made.exists() or make(made, wanted[made]), wanted))
        digest = hashlib.sha256(" ".join(sorted(made.name for made in wanted)).encode()).hexdigest()[:16]
        program = BUILD / kind / f"harness-{digest}"
        if not program.exists():
            for old in (BUILD / kind).glob("harness-*"):
                old.unlink()
            make(program, [str(compiler()), *SANITIZERS[kind], "-pthread", *map(str, wanted)])
    return program


def environment() -> dict[str, str]:
    """Return the environment with what the sanitizers are to do."""
    settings = {"TSAN_OPTIONS": "halt_on_error=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    # its stacks on the heap are not aligned for 64-byte vectors
    settings["ASAN_OPTIONS"] = "detect_stack_use_after_return=0"
    return {**os.environ, **settings}


def start(program: Path, *words: str | int | Path) -> subprocess.CompletedProcess[str]:
    """Run the harness; the caller looks at its exit status."""
    command = [program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment())


def ask(program: Path, *words: str | int | Path) -> str:
    """Run the harness and return what it says; anything but success is an AssertionError with all it said."""
    done = start(program, *words)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def write_cases(path: Path, cases: Iterable[Case]) -> None:
    with path.open("wb") as file:
        for case in cases:
            for name, array in case.items():
                sides = "".join(f" {side}" for side in array.shape)
                file.write(f"{name} {array.dtype.str[1:]}{sides}\n".encode() + np.ascontiguousarray(array).tobytes())
            file.write(b"end\n")


def read_cases(path: Path) -> list[Case]:
    cases: list[Case] = []
    case: Case = {}
    with path.open("rb") as file:
        while line := file.readline().decode().split():
            if line == ["end"]:
                cases.append(case)
                case = {}
                continue
            name, kind, *sides = line
            shape = tuple(map(int, sides))
            dtype = np.dtype(kind)
            count = int(np.prod(shape, dtype=np.int64))
            case[name] = np.frombuffer(file.read(count * dtype.itemsize), dtype).reshape(shape)
    return cases


def draw_cases(program: Path, operation: str, count: int, seed: int, folder: Path) -> list[Case]:
    ask(program, "draw", operation, count, seed, folder / "drawn.cases")
    return read_cases(folder / "drawn.cases")


def run_cases(
    program: Path, operation: str, cases: Iterable[Case], builds: Iterable[str], folder: Path
) -> list[dict[str, Case]]:
    """Return for every case its results by build."""
    write_cases(folder / "given.cases", cases)
    ask(program, "run", operation, folder / "given.cases", folder / "results.cases", *builds)
    found: list[dict[str, Case]] = []
    for flat in read_cases(folder / "results.cases"):
        by_build: dict[str, Case] = {}
        for name, array in flat.items():
            build_name, _, result = name.partition("/")
            by_build.setdefault(build_name, {})[result] = array
        found.append(by_build)
    return found


def main() -> int:
    if compiler() is None:
        print("g++ is not installed", file=sys.stderr)
        return 69
    return subprocess.run([build("address"), *sys.argv[1:]], check=False, env=environment()).returncode


if __name__ == "__main__":
    sys.exit(main())
