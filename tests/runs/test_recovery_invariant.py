"""Whatever kills a run, and whenever: the same call afterwards gives the bytes of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from phasewell import runs
from phasewell.config import Config

PROGRAM = Path(__file__).parent / "killed_run.py"
Make = Callable[..., Config]
Digests = Callable[[Path], dict[str, str]]


def write_config(config: Config, path: Path) -> Path:
    path.write_text(config.model_dump_json())
    return path


def start(path: Path) -> subprocess.Popen[str]:
    """Start a run in a process group of its own and wait until it has imported everything."""
    command = [sys.executable, str(PROGRAM), "run", str(path)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill_group(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_kill_at_random_moments_then_same_command(make_config: Make, digests: Digests, tmp_path: Path) -> None:
    whole = runs.run(make_config("whole"))
    expected = digests(whole.folder)
    moments = random.Random(11)
    killed_before_end = 0
    for i in range(10):
        config = make_config(f"killed-{i}")
        process = start(write_config(config, tmp_path / "config.json"))
        time.sleep(moments.uniform(0.0, 0.4))
        kill_group(process)
        killed_before_end += not (config.run.output / "manifest.json").exists()
        assert runs.run(config).n_expected == whole.n_expected  # the lock died with its process
        assert digests(config.run.output) == expected, f"kill {i}"
    assert killed_before_end  # else this test would show nothing


def test_kill_at_file_system_calls_then_same_command(make_config: Make, digests: Digests, tmp_path: Path) -> None:
    expected = digests(runs.run(make_config("whole")).folder)
    folder, path = tmp_path / "sweep", write_config(make_config(), tmp_path / "config.json")
    folder.mkdir()
    command = [sys.executable, str(PROGRAM), "sweep", str(path), str(folder)]
    subprocess.run([*command, "0"], check=True)
    n_calls = int((folder / "calls").read_text())
    assert n_calls > 60
    points = sorted(random.Random(3).sample(range(1, n_calls + 1), 8))
    subprocess.run([*command, *map(str, points)], check=True)
    for point in points:
        config = make_config(f"sweep/{point}")
        runs.run(config)
        assert digests(config.run.output) == expected, f"killed at call {point} of {n_calls}"


def test_finished_parts_survive_a_kill_untouched(make_config: Make, tmp_path: Path) -> None:
    config = make_config()
    process = start(write_config(config, tmp_path / "config.json"))
    assert process.stdout is not None
    while int(process.stdout.readline()) < 6:  # two of six units
        pass
    kill_group(process)
    before = {path: path.stat() for path in (config.run.output / "parts" / "cells").glob("*.parquet")}
    assert len(before) >= 2
    runs.run(config)
    for path, stat in before.items():
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)


@pytest.mark.slow
def test_kill_of_a_dask_run_then_same_command(make_config: Make, digests: Digests, tmp_path: Path) -> None:
    expected = digests(runs.run(make_config("whole")).folder)
    for i, done_when_killed in enumerate((3, 12)):
        config = make_config(f"killed-{i}", executor="dask", workers=2)
        process = start(write_config(config, tmp_path / "config.json"))
        assert process.stdout is not None
        while int(process.stdout.readline()) < done_when_killed:
            pass
        kill_group(process)
        runs.run(config.model_copy(update={"compute": make_config().compute}))
        assert digests(config.run.output) == expected, f"killed after {done_when_killed} frames"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_a_run_that_resumes(
    make_config: Make, digests: Digests, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    config = make_config()
    config_path = write_config(config, tmp_path / "config.json")
    script = (
        "import os, sys; from pathlib import Path; from phasewell import runs; from phasewell.config import Config\n"
        "config = Config.model_validate_json(Path(sys.argv[1]).read_text())\n"
        "def stop(done, _):\n"
        f"    if done: os.kill(os.getpid(), {int(number)})\n"
        "try: runs.run(config, progress=stop)\n"
        "except runs.InterruptedRunError as error: sys.exit(error.exit_code)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(config_path)], check=False)
    assert ended.returncode == code
    state = runs.status(config.run.output)
    assert state["state"] == "interrupted"
    assert 0 < state["done"] < state["expected"]
    assert not (config.run.output / "manifest.json").exists()
    runs.run(config)
    assert digests(config.run.output) == digests(runs.run(make_config("whole")).folder)
