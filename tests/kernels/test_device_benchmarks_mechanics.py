"""The command for a GPU machine: its steps end in time and lose nothing of each other, and what they run does run."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
PLAYED = """
import sys
sys.path[:0] = [{tests!r}, {benchmarks!r}]
import played_cupy
played_cupy.play()
import device_rates
sys.argv = ["device_rates.py", {out!r}, "--small"]
sys.exit(device_rates.main())
"""


@pytest.fixture(scope="module")
def device() -> ModuleType:
    spec = importlib.util.spec_from_file_location("device_command", ROOT / "benchmarks" / "device.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["device_command"] = module
    spec.loader.exec_module(module)
    return module


def test_small_frames_on_a_played_gpu(tmp_path: Path) -> None:
    code = PLAYED.format(tests=str(Path(__file__).parent), benchmarks=str(ROOT / "benchmarks"), out=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the bytes of the CPU" in done.stdout


def test_a_step_that_fails_or_hangs_does_not_lose_the_others(device: ModuleType, tmp_path: Path) -> None:
    session = device.Session(tmp_path, {}, time.monotonic() + 100, [])
    device.LIMITS_S["hang"] = device.TOO_SHORT_S = 1
    assert session.run("good", [sys.executable, "-c", "print('fine')"]) == 0
    assert session.run("bad", [sys.executable, "-c", "raise SystemExit(3)"]) == 3
    hang = "import time; print('begun', flush=True); time.sleep(60)"
    assert session.run("hang", [sys.executable, "-c", hang]) == 124
    session.end_s = time.monotonic()
    assert session.run("late", [sys.executable, "-c", "print('never')"]) == 1
    steps = json.loads((tmp_path / "device_steps.json").read_text())
    assert [(one["step"], one["status"]) for one in steps] == [("good", 0), ("bad", 3), ("hang", 124), ("late", None)]
    assert "no time left" in steps[-1]["why"]
    log = (tmp_path / "device.log").read_text()
    assert "fine" in log and "begun" in log and "never" not in log.replace("print('never')", "")


def test_steps_by_name(device: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["device.py", "check", "rates"])
    assert device.parse().steps == ["compile", "tests", "memcheck", "racecheck", "rates"]
    monkeypatch.setattr(sys, "argv", ["device.py"])
    assert device.parse().steps == ["compile", "tests", "memcheck", "racecheck", "rates", "bench", "dask-cuda"]
    assert all((ROOT / "tests" / name).exists() for name in device.TESTS)
    monkeypatch.setattr(sys, "argv", ["device.py", "everything"])
    with pytest.raises(SystemExit):
        device.parse()


def test_packages_are_named_once_with_versions() -> None:
    lines = (ROOT / "benchmarks" / "device_packages.txt").read_text().splitlines()
    named = [line for line in lines if line and not line.startswith("#")]
    assert all(line.count("==") == 1 for line in named)
    assert len({line.partition("==")[0] for line in named}) == len(named) > 20
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    pinned = {name.lower().replace("_", "-"): version.split()[0] for name, version in pinned.items()}
    for line in named:
        name, version = line.split("==")
        assert pinned.get(name, version) == version, f"{name}: {version}, tested with {pinned[name]}"
