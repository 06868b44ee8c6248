"""One command for a machine with a GPU and without a network: builds the kernels, checks them, measures them.

python benchmarks/device.py check     tests marked `gpu`, then memcheck and racecheck where compute-sanitizer is there
python benchmarks/device.py measure   rates of every kernel and of the chain, in rows; parity with the CPU or no row
python benchmarks/device.py           both

Needs CuPy with its compiler, NumPy, SciPy, pydantic, and CMake, ninja, nanobind and scikit-build-core for the build of
the CPU kernels, which lies in build/device; pytest and hypothesis for `check`. Rows and logs go to $OUT, else to
benchmarks/results. --cells, --presets and --batches choose a part of the measurement; --commit names the code where
there is no repository.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "build" / "device" / f"python{sys.version_info.major}.{sys.version_info.minor}"
TESTS = ("kernels/test_gpu_parity.py", "kernels/test_gpu_counts_mechanics.py", "quality/test_quality_parity.py")
TESTS += ("descriptors/test_descriptors_parity.py",)
SANITIZER_SECONDS = 200


def main() -> int:
    """Build, then run the chosen stages; the exit status is 0 if every one of them succeeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="stage", help="check or measure; both when none is named")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", ROOT / "benchmarks" / "results")))
    parser.add_argument("--cells", type=int, nargs="+", default=[150, 600])
    parser.add_argument("--presets", nargs="+", default=["paper-r", "phase"])
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=512, help="of a block")
    parser.add_argument("--commit", default="")
    options = parser.parse_args()
    stages = options.stages or ["check", "measure"]
    if unknown := set(stages) - {"check", "measure"}:
        parser.error(f"unknown stage {', '.join(sorted(unknown))}: expected check or measure")
    options.out.mkdir(parents=True, exist_ok=True)
    environment = build() | ({"PHASEWELL_COMMIT": options.commit} if options.commit else {})
    probe = "import cupy; assert cupy.cuda.runtime.getDeviceCount()"
    if run("GPU", [sys.executable, "-c", probe], environment, options.out / "gpu.log"):
        raise SystemExit("no GPU is visible to CuPy: nothing to check or measure here")
    done = [check(environment, options.out)] if "check" in stages else []
    if "measure" in stages:
        arguments = [
            str(options.out),
            "--repeats",
            str(options.repeats),
            "--threads",
            str(options.threads),
            "--presets",
            *options.presets,
        ]
        arguments += ["--cells", *map(str, options.cells), "--batches", *map(str, options.batches)]
        done.append(run("measure", [sys.executable, "benchmarks/device_rates.py", *arguments], environment) == 0)
    return 0 if all(done) else 1


def build() -> dict[str, str]:
    """Build and install the checkout beside it, unless that was done with the same sources; return the environment."""
    paths = [ROOT / "pyproject.toml"]
    for folder in ("engine", "kernels"):
        paths += [p for p in (ROOT / folder).rglob("*") if p.suffix in {".py", ".cuh", ".cpp", ".hpp", ".txt"}]
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    stamp = BUILT / "sources.sha256"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(BUILT), os.environ.get("PYTHONPATH", "")])}
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return dict(environment)
    shutil.rmtree(BUILT, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    if run("build", [*command, "--target", str(BUILT), str(ROOT)], dict(os.environ)):
        raise SystemExit("the kernels could not be built")
    stamp.write_text(digest.hexdigest())
    return dict(environment)


def check(environment: dict[str, str], out: Path) -> bool:
    """Run the tests marked `gpu`, and small frames under the sanitizers; logs go to `out`."""
    paths = [str(ROOT / "tests" / name) for name in TESTS]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "gpu",
        "-p",
        "no:cacheprovider",
        "-o",
        "filterwarnings=default",
    ]
    command += ["-rs", "--continue-on-collection-errors", *paths]
    good = run("tests", command, environment, out / "gpu_tests.log") == 0
    sanitizer = shutil.which("compute-sanitizer")
    if sanitizer is None:
        print("compute-sanitizer is not installed: no memcheck, no racecheck")
        return good
    for tool in ("memcheck", "racecheck"):
        command = [sanitizer, "--tool", tool, "--error-exitcode", "9", sys.executable, "benchmarks/device_rates.py"]
        log = out / f"{tool}.log"
        good &= run(tool, [*command, str(out), "--small"], environment, log, SANITIZER_SECONDS) == 0
    return good


def run(what: str, command: list[str], environment: dict[str, str], log: Path | None = None, seconds: int = 480) -> int:
    """Run a command in the checkout and say how it went; its output goes to `log`, the end of it also here."""
    start = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, timeout=seconds, check=False, text=True,
            stdout=subprocess.PIPE if log else None, stderr=subprocess.STDOUT if log else None,
        )  # fmt: skip
        status, text = done.returncode, done.stdout or ""
    except subprocess.TimeoutExpired as error:
        found = error.stdout or b""
        status, text = 124, found.decode(errors="replace") if isinstance(found, bytes) else found
    if log:
        log.write_text(text)
        print("\n".join(text.splitlines()[-15:]))
    print(f"{what}: exit status {status} after {time.monotonic() - start:.0f} s", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
