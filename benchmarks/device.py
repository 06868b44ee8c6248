"""One command for a machine with a GPU and without a network: builds the engine, checks it there, measures it.

python benchmarks/device.py check     kernels compiled, tests marked `gpu`, memcheck and racecheck on small frames
python benchmarks/device.py measure   rates of the kernels and of whole runs, with the ceilings of the same minutes
python benchmarks/device.py           both; or any steps by name: compile tests memcheck racecheck rates bench dask-cuda
python benchmarks/device.py networks  the five networks alone by torch, batches of 1 to 256

Every step has a limit of its own, and all together --seconds: a step that fails or runs out of time does not lose the
others, whose results are written as they come. A rate without parity is not written.

Needs CuPy with its compiler, and CMake, ninja, nanobind and scikit-build-core for the build of the CPU kernels, which
lies in build/device; pytest and hypothesis for `tests`. device_packages.txt names what whole runs need besides, as
wheels for a machine that cannot fetch them: --wheels FOLDER installs them. Rows and logs go to $OUT, else to
benchmarks/results: device.jsonl, device_networks.jsonl, bench.json, device_steps.json and device.log. --cells,
--presets and --batches choose a part of `rates`; --commit names the code where there is no repository.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "build" / "device" / f"python{sys.version_info.major}.{sys.version_info.minor}"
STAGES = {"check": ("compile", "tests", "memcheck", "racecheck"), "measure": ("compile", "rates", "bench", "dask-cuda")}
LIMITS_S = {
    "compile": 240,
    "tests": 240,
    "memcheck": 150,
    "racecheck": 150,
    "rates": 240,
    "bench": 300,
    "dask-cuda": 120,
    "networks": 420,
}
TOO_SHORT_S = 20  # a step that has less time left is not begun
TESTS = ("kernels/test_gpu_parity.py", "kernels/test_gpu_counts_mechanics.py", "quality/test_quality_parity.py")
TESTS += ("descriptors/test_descriptors_parity.py", "arrays/test_array_engine_parity.py", "runs")


@dataclass
class Session:
    """What the steps share: environment, where results go, when time is up, and how each step went."""

    out: Path
    environment: dict[str, str]
    end_s: float  # by time.monotonic
    steps: list[dict[str, object]] = field(default_factory=list)

    def run(self, step: str, command: list[str], extra: Mapping[str, str] | None = None, cwd: Path = ROOT) -> int:
        """Run a command within the step's limit and what time is left; its output goes to device.log."""
        limit = min(LIMITS_S.get(step, 60), self.end_s - time.monotonic())
        if limit < TOO_SHORT_S:
            return self.note(step, None, 0.0, "not begun: no time left")
        start, environment = time.monotonic(), self.environment | dict(extra or {})
        child = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            output, why = child.communicate(timeout=limit)[0], ""
            status = child.returncode
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # with what it has started
            output, why = child.communicate()[0], f"stopped after {limit:.0f} s"
            status = 124
        text = output.decode(errors="replace")
        with (self.out / "device.log").open("a") as log:
            log.write(f"\n===== {step}: {' '.join(command)}\n{text}\n")
        print("\n".join(text.splitlines()[-12:]))
        return self.note(step, status, time.monotonic() - start, why)

    def note(self, step: str, status: int | None, seconds: float, why: str = "") -> int:
        """Keep how a step went, on disk at once; return its exit status."""
        self.steps.append({"step": step, "status": status, "seconds": round(seconds, 1), "why": why})
        (self.out / "device_steps.json").write_text(json.dumps(self.steps, indent=1) + "\n")
        print(
            f"{step}: {'skipped' if status is None else f'exit status {status}'} after {seconds:.0f} s {why}",
            flush=True,
        )
        return 1 if status is None else status


def main() -> int:
    """Build, then run the chosen steps; the exit status is 0 if every one of them succeeded."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "device.log").write_text("")
    environment = dict(os.environ) | ({"PHASEWELL_COMMIT": options.commit} if options.commit else {})
    session = Session(options.out, environment, time.monotonic() + options.seconds)
    if options.wheels and install_wheels(session, options.wheels):
        raise SystemExit("the wheels could not be installed: see device.log")
    if build(session):
        raise SystemExit("the engine could not be built: see device.log")
    probe = "import cupy; n = cupy.cuda.runtime.getDeviceCount(); print(n, 'GPUs', cupy.__version__); assert n"
    if session.run("GPU", [sys.executable, "-c", probe]) and not options.play:
        raise SystemExit("no GPU is visible to CuPy: nothing to check or measure here")
    failed = [step for step in options.steps if run_step(step, session, options)]
    print("\n".join(f"{one['step']:>12}  {one['status']}  {one['seconds']} s  {one['why']}" for one in session.steps))
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    """Return the options; `steps` has the names of the steps in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "stages", nargs="*", metavar="step", help="check, measure or steps by name; all when none is named"
    )
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", ROOT / "benchmarks" / "results")))
    parser.add_argument("--seconds", type=float, default=570.0, help="for everything together")
    parser.add_argument("--wheels", type=Path, help="folder of wheels to install beside the build")
    parser.add_argument("--cells", type=int, nargs="+", default=[150, 600])
    parser.add_argument("--presets", nargs="+", default=["phase", "paper-r"])
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 132, 264])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=512, help="of a block")
    parser.add_argument("--commit", default="")
    parser.add_argument(
        "--play", action="store_true", help="go on without a GPU, to see that every step starts and ends"
    )
    options = parser.parse_args()
    named = options.stages or ["check", "measure"]
    if unknown := set(named) - set(STAGES) - set(LIMITS_S):
        parser.error(f"unknown step {', '.join(sorted(unknown))}: expected {', '.join([*STAGES, *LIMITS_S])}")
    options.steps = list(dict.fromkeys(step for name in named for step in STAGES.get(name, (name,))))
    return options


def install_wheels(session: Session, folder: Path) -> int:
    """Install wheels beside the build, where Python looks first."""
    target = BUILT.parent / f"{BUILT.name}-wheels"
    session.environment["PYTHONPATH"] = os.pathsep.join([str(target), session.environment.get("PYTHONPATH", "")])
    wheels = sorted(map(str, folder.glob("*.whl")))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]
    return session.run("wheels", [*command, "--upgrade", "--target", str(target), *wheels])


def build(session: Session) -> int:
    """Build and install the checkout beside it, unless that was done with the same sources."""
    paths = [ROOT / "pyproject.toml"]
    for folder in ("engine", "kernels"):
        paths += [p for p in (ROOT / folder).rglob("*") if p.suffix in {".py", ".cuh", ".cpp", ".hpp", ".txt"}]
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    stamp = BUILT / "sources.sha256"
    before = session.environment.get("PYTHONPATH", "")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    if not stamp.exists() or stamp.read_text() != digest.hexdigest():
        shutil.rmtree(BUILT, ignore_errors=True)
        LIMITS_S["build"] = 300
        if session.run("build", [*command, "--target", str(BUILT), str(ROOT)]):
            return 1
        stamp.write_text(digest.hexdigest())
    session.environment["PYTHONPATH"] = os.pathsep.join([str(BUILT), str(ROOT / "benchmarks"), before])
    return 0


def run_step(step: str, session: Session, options: argparse.Namespace) -> int:
    """Run one step by its name; return its exit status."""
    rates = [sys.executable, "benchmarks/device_rates.py", str(session.out)]
    if step == "compile":
        return compile_kernels(session)
    if step == "tests":
        command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "-rs"]
        command += ["-o", "filterwarnings=default", "--continue-on-collection-errors"]
        return session.run(step, [*command, *(str(ROOT / "tests" / name) for name in TESTS)])
    if step == "networks":
        device = ["--device", "cpu", "--networks", "densenet13", "--batches", "1", "8"] if options.play else []
        return session.run(step, [sys.executable, "benchmarks/device_networks.py", str(session.out), *device])
    if step in ("memcheck", "racecheck"):
        sanitizer = shutil.which("compute-sanitizer")
        if sanitizer is None:
            return session.note(step, None, 0.0, "compute-sanitizer is not installed")
        return session.run(step, [sanitizer, "--tool", step, "--error-exitcode", "9", *rates, "--small"])
    if step == "rates":
        chosen = ["--repeats", options.repeats, "--threads", options.threads, "--presets", *options.presets]
        chosen += ["--cells", *options.cells, "--batches", *options.batches]
        return session.run(step, [*rates, *map(str, chosen)])
    return run_whole(step, session, options)


def run_whole(step: str, session: Session, options: argparse.Namespace) -> int:
    """Run a step that goes from a plate store to committed tables; its files lie in a RAM disk where there is one."""
    memory = Path("/dev/shm")
    folder = (memory if memory.is_dir() else session.out) / f"phasewell_{os.getpid()}"
    device = "cpu" if options.play else "cuda:0"
    folder.mkdir()
    try:
        if step == "bench":
            command = [
                sys.executable,
                "-m",
                "phasewell",
                "bench",
                "--device",
                device,
                "--json",
                "--folder",
                str(folder),
            ]
            return session.run(
                step, [*command, "--output", str(session.out / "bench.json"), *["--quick"][: options.play]]
            )
        executors = ["serial", "dask" if options.play else "dask-cuda"]
        return session.run(step, [sys.executable, "benchmarks/device_runs.py", str(folder), device, *executors])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compile_kernels(session: Session) -> int:
    """Compile every kernel file for this GPU, side by side; CuPy keeps the machine code for the steps after it."""
    listed = (
        "from phasewell_kernels.sources import entry_points as e; print(*sorted({one.file for one in e().values()}))"
    )
    files = subprocess.run(
        [sys.executable, "-c", listed], env=session.environment, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    code = "import sys, cupy; from phasewell_kernels.sources import OPTIONS, flat_source\n"
    code += "cupy.RawModule(code=flat_source(sys.argv[1]), options=OPTIONS).compile()"

    def one(file: str) -> int:
        return session.run("compile", [sys.executable, "-c", code, file])

    with ThreadPoolExecutor(max_workers=len(files)) as pool:
        return max(pool.map(one, files))


if __name__ == "__main__":
    sys.exit(main())
