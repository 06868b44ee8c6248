"""Disks that are full or may not be written: a store is only read, and an output says what it lacks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from phasewell import runs
from phasewell.cli import main
from phasewell.config import Config
from phasewell.errors import OutputError, StorageError

Make = Callable[..., Config]
Digests = Callable[[Path], dict[str, str]]


def mount(*arguments: str) -> None:
    """Mount; skips by name where that is not allowed."""
    if subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount")


@pytest.fixture
def protect() -> Iterator[Callable[[Path], None]]:
    """Return what makes a folder read-only for everybody, as a medium is; undone after the test."""
    places: list[Path] = []

    def install(place: Path) -> None:
        mount("--bind", str(place), str(place))
        places.append(place)
        mount("-o", "remount,ro,bind", str(place))

    yield install
    for place in places:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_store_that_may_not_be_written_is_enough(
    make_config: Make, digests: Digests, store: Path, protect: Callable[[Path], None]
) -> None:
    whole = digests(runs.run(make_config("whole")).folder)
    protect(store)
    with pytest.raises(OSError, match="Read-only"):
        (store / "file").write_text("")
    assert digests(runs.run(make_config()).folder) == whole


def test_an_output_that_may_not_be_written_is_refused_before_any_work(
    make_config: Make, protect: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config()
    config.run.output.mkdir()
    protect(config.run.output)
    monkeypatch.setattr("phasewell.runs.driver.plan_plate", lambda *_: pytest.fail("planned"))
    with pytest.raises(OutputError, match=r"set run\.output") as caught:
        runs.run(config)
    assert caught.value.exit_code == 73


def test_a_finished_run_that_may_not_be_written_is_read_and_named(
    make_config: Make,
    digests: Digests,
    protect: Callable[[Path], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What would be written into it is refused with 73 and the way out, and written elsewhere on request."""
    folder = runs.run(make_config()).folder
    before = digests(folder)
    protect(folder)
    for verb, remedy in (
        (["load"], "give another output: phasewell export RUN OUTPUT --to duckdb"),
        (["export"], "give another --output"),
        (["report"], "give another output"),
    ):
        assert main([*verb, str(folder)]) == 73
        assert remedy in capsys.readouterr().err
    for to in ("duckdb", "csv"):
        assert main(["export", str(folder), str(tmp_path / "elsewhere"), "--to", to]) == 0
    assert main(["report", str(folder), "--output", str(tmp_path / "elsewhere" / "page.html"), "-q"]) == 0
    assert digests(folder) == before


@pytest.mark.slow
def test_a_disk_that_fills_under_dask_ends_with_74_and_resumes(
    make_config: Make, digests: Digests, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    config = make_config(executor="dask", workers=1, lease_s=0.001)
    config = config.model_copy(update={"run": config.run.model_copy(update={"output": small_disk / "run"})})
    monkeypatch.setattr("phasewell.runs.driver._check_disk", lambda _plan: None)
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - 60_000))
    with pytest.raises(StorageError, match="free") as caught:
        runs.run(config)
    assert caught.value.exit_code == 74
    assert "status=failed" in caught.value.__notes__[-1]
    (small_disk / "ballast").unlink()
    runs.run(config)
    assert digests(config.run.output) == digests(runs.run(make_config("whole")).folder)
