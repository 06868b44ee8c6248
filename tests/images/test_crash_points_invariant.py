"""A process that dies at any file operation of a write leaves a readable plate, and the same write finishes it.

The sweep forks a clean interpreter (no threads), and the child leaves by `os._exit` at the K-th open, fsync,
mkdir or rename: no handler runs, as after SIGKILL.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from phasewell.images import create_plate
from phasewell.plate import Field

_SWEEP = """
import json, os, sys
from pathlib import Path

calls = {"left": 10**9}


def dying(operation):
    def wrapped(*arguments, **options):
        calls["left"] -= 1
        if calls["left"] == 0:
            os._exit(9)
        return operation(*arguments, **options)

    return wrapped


os.fsync = dying(os.fsync)
for name in ("open", "mkdir", "replace", "rename"):
    setattr(Path, name, dying(getattr(Path, name)))


def dies_at(k, action):
    child = os.fork()
    if child == 0:
        calls["left"] = k
        try:
            action()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9), code
    return code == 9
"""

_WRITE = (
    _SWEEP
    + """
import numpy as np
from phasewell.images.store import open_plate, open_writer

root = Path(sys.argv[1])
writer, plate = open_writer(root), open_plate(root)
unit = writer.unit("A01", 0)
old = {name: np.full((6, 5), 10 + at, np.uint8) for at, name in enumerate("abc")}
new = {"a": old["a"], "b": old["b"] + 100, "c": old["c"] + 100}
outcomes, k = [], 0
while True:
    k += 1
    before = sys.argv[2]
    if before == "old":
        writer.write_unit(unit, old)
    else:
        writer.write_unit(unit, {})
    died = dies_at(k, lambda: writer.write_unit(unit, new))
    batch, records = plate.reader.read_unit(unit)
    seen = {key.field: int(np.unique(frame).item()) for key, frame in zip(batch.keys, batch.pixels)}
    assert len(records) == 3
    for name, value in seen.items():
        assert value in (int(old[name][0, 0]), int(new[name][0, 0])), (k, seen)
    outcomes.append([sorted(seen.values()), sorted(record.status for record in records)])
    writer.write_unit(unit, new)
    assert len(plate.reader.read_frames(unit)) == 3, k
    if not died:
        break
print(json.dumps(outcomes))
"""
)

_CREATE = (
    _SWEEP
    + """
import shutil
from phasewell.errors import InputError
from phasewell.images.files import install_folder
from phasewell.images.store import open_plate

made, target = Path(sys.argv[1]), Path(sys.argv[2])
files = {str(path.relative_to(made)): path.read_bytes() for path in sorted(made.rglob("zarr.json"))}
outcomes, k = [], 0
while True:
    k += 1
    died = dies_at(k, lambda: install_folder(target, files))
    outcomes.append(target.exists())
    if not target.exists():
        try:
            open_plate(target)
        except InputError:
            pass
        else:
            raise AssertionError(k)
        install_folder(target, files)
    found = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == files, k
    assert [path.name for path in target.parent.iterdir()] == [target.name], k
    open_plate(target)
    shutil.rmtree(target)
    if not died:
        break
print(json.dumps(outcomes))
"""
)


def make_plate(path: Path) -> Path:
    create_plate(
        path,
        name="p",
        wells=["A1", "B2"],
        fields=[Field(name, 0, at) for at, name in enumerate("abc")],
        times_h=[0, 6],
        frame_shape=(6, 5),
        dtype="uint8",
        pixel_size_um=1.0,
    )
    return path


def sweep(script: str, *arguments: str) -> list:
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outcomes: list = json.loads(done.stdout)
    assert len(outcomes) > 12  # points that were swept
    return outcomes


def test_dying_anywhere_in_the_first_write_leaves_the_unit_uncommitted_or_whole(tmp_path: Path) -> None:
    outcomes = sweep(_WRITE, str(make_plate(tmp_path / "p")), "nothing")
    none, whole = [[], ["missing"] * 3], [[10, 111, 112], ["present"] * 3]
    assert [outcome for outcome in outcomes if outcome not in (none, whole)] == []
    assert outcomes[0] == none
    assert outcomes[-1] == whole


def test_dying_anywhere_in_a_rewrite_leaves_old_or_new_frames_and_doubts_only_changed_ones(tmp_path: Path) -> None:
    outcomes = sweep(_WRITE, str(make_plate(tmp_path / "p")), "old")
    old, new = [[10, 11, 12], ["present"] * 3], [[10, 111, 112], ["present"] * 3]
    doubt = [[10], ["present", "quarantined", "quarantined"]]  # the shard is new, the records are old
    assert [outcome for outcome in outcomes if outcome not in (old, doubt, new)] == []
    order = [[old, doubt, new].index(outcome) for outcome in outcomes]
    assert order == sorted(order)
    assert set(order) == {0, 1, 2}


def test_dying_anywhere_in_making_a_plate_leaves_none_or_all_of_it(tmp_path: Path) -> None:
    outcomes = sweep(_CREATE, str(make_plate(tmp_path / "made")), str(tmp_path / "new" / "p"))
    assert outcomes == sorted(outcomes)  # absent up to one point, whole from there on
    assert outcomes[0] is False
    assert outcomes[-1] is True
