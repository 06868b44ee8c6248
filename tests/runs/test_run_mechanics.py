"""One run, its folder, its second call, and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from phasewell import runs
from phasewell.config import Config, PlateConfig, QualityConfig
from phasewell.errors import InputError, UsageError
from phasewell.images import open_plate, open_writer
from phasewell.manifest import RunManifest
from phasewell.tables.parts import find_parts, read_part

Make = Callable[..., Config]
Digests = Callable[[Path], dict[str, str]]


def parts_of(folder: Path) -> dict[tuple[str, int], dict[str, dict[str, object]]]:
    """Return {(well, time): {field: row}}."""
    rows = {}
    for part in find_parts(folder / "parts" / "cells"):
        rows[part.well, part.time] = {row["field"]: row for row in read_part(part).to_pylist()}
    return rows


def replace_section(config: Config, **sections: object) -> Config:
    return config.model_copy(update=sections)


def test_counts_add_up_and_every_frame_has_a_row(make_config: Make) -> None:
    result = runs.run(make_config())
    assert (result.n_expected, result.n_processed, result.n_quarantined, result.n_missing) == (18, 15, 2, 1)
    assert result.exit_code == 10
    assert result.last_line == 'status=incomplete done=15 quarantined=2 missing=1 resume="the same call"'
    rows = parts_of(result.folder)
    assert len(rows) == 6
    assert all(list(unit) == ["1", "2", "3"] for unit in rows.values())
    assert rows["A02", 1]["2"]["status"] == "missing"
    assert rows["B01", 0]["1"]["reason"] == "all_black"
    assert rows["B01", 0]["3"]["reason"] == "too_bright"
    assert rows["B01", 0]["3"]["mean_v"] == pytest.approx(239.3, abs=0.1)
    good = rows["A01", 0]["1"]
    assert good["n_cells"] == len(good["cells"]) > 0
    assert good["confluence"] > 0


def test_manifest_names_parts_in_plate_order_and_nothing_of_the_place(make_config: Make) -> None:
    result = runs.run(make_config())
    text = result.manifest.read_text()
    manifest = RunManifest.model_validate_json(text)
    assert [(part.well, part.time) for part in manifest.parts] == [
        (w, t) for w in ("A01", "A02", "B01") for t in (0, 1)
    ]
    assert all((result.folder / part.path).is_file() for part in manifest.parts)
    assert str(result.folder.parent) not in text
    assert "compute" not in manifest.config
    assert json.loads((result.folder / "run.json").read_text())["config"]["compute"]["device"] == "cpu"


def test_second_call_does_nothing(make_config: Make) -> None:
    first = runs.run(make_config())
    kept = [p for p in first.folder.rglob("*") if p.is_file() and p.name not in ("events.jsonl", "heartbeat.json")]
    before = {p: p.stat() for p in kept if p.name not in ("status.json", "status.html", "run.lock")}
    assert runs.plan(make_config()).remaining == ()
    second = runs.run(make_config())
    assert second == first
    for path, stat in before.items():
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns), path


def test_progress_counts_frames_to_the_end(make_config: Make) -> None:
    seen: list[tuple[int, int]] = []
    runs.run(make_config(), progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 18)
    assert seen[-1] == (18, 18)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_changed_stage_gives_new_keys_and_a_way_back(make_config: Make, digests: Digests) -> None:
    config = make_config()
    runs.run(config)
    original = digests(config.run.output)
    stricter = replace_section(config, quality=QualityConfig(reject_mean_v_above=None))
    assert len(runs.plan(stricter).remaining) == 6
    assert runs.run(stricter).n_processed == 16
    assert len(list(find_parts(config.run.output / "parts" / "cells"))) == 6
    assert len(list(find_parts(config.run.output / "superseded" / "cells"))) == 6
    back = replace_section(config, run=config.run.model_copy(update={"labels": "none"}))
    assert runs.plan(back).remaining == ()
    runs.run(back)
    runs.run(config)
    assert digests(config.run.output) == original


def test_profile_settings_and_compute_keep_every_part(make_config: Make) -> None:
    config = make_config()
    first = runs.run(config)
    other = replace_section(config, profile=config.profile.model_copy(update={"fields": 2}))
    assert runs.plan(other).remaining == ()
    assert runs.run(other).run_id != first.run_id
    assert runs.plan(make_config(executor="serial", lease_s=9.0)).run_id == first.run_id


def test_flipped_bit_costs_one_unit(make_config: Make, digests: Digests) -> None:
    config = make_config()
    folder = runs.run(config).folder
    before = digests(folder)
    victim = next(find_parts(folder / "parts" / "cells"))
    data = bytearray(victim.path.read_bytes())
    data[len(data) // 2] ^= 8
    victim.path.write_bytes(data)
    assert [unit.address for unit in runs.plan(config).remaining] == [(victim.well, victim.time)]
    others = {p.path: p.path.stat().st_mtime_ns for p in find_parts(folder / "parts" / "cells") if p != victim}
    runs.run(config)
    assert digests(folder) == before
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in others.items())


def test_damaged_chunk_costs_one_frame_until_it_is_repaired(make_config: Make, digests: Digests, store: Path) -> None:
    config = make_config(labels="none")
    healthy = runs.run(make_config("healthy", labels="none"))
    shard = store / "A" / "01" / "0" / "0" / "c" / "0" / "0" / "0" / "0"
    original = shard.read_bytes()
    shard.write_bytes(bytes([original[0] ^ 1]) + original[1:])
    result = runs.run(config)
    assert (result.exit_code, result.n_processed, result.n_quarantined) == (10, 14, 3)
    expected, found = parts_of(healthy.folder), parts_of(result.folder)
    hurt = found["A01", 0].pop("1")
    assert (hurt["status"], hurt["reason"], hurt["cells"]) == ("quarantined", "chunk_damaged", None)
    del expected["A01", 0]["1"]
    assert found == expected
    shard.write_bytes(original)
    assert [unit.address for unit in runs.plan(config).remaining] == [("A01", 0)]
    runs.run(config)
    assert digests(result.folder) == digests(healthy.folder)


def test_new_frames_cost_only_their_unit(make_config: Make, store: Path) -> None:
    config = make_config()
    runs.run(config)
    writer, plate = open_writer(store), open_plate(store)
    frame = plate.frames("A01", 0).pixels[0]
    writer.update_unit(plate.unit("A02", 1), {"2": frame})
    assert [unit.address for unit in runs.plan(config).remaining] == [("A02", 1)]
    assert runs.run(config).n_missing == 0


def test_labels_are_a_plate_of_the_sampled_fields(make_config: Make) -> None:
    result = runs.run(make_config())
    labels = open_plate(result.folder / "labels.zarr")
    unit = labels.unit("A01", 1)
    pixels, keys = labels.reader.read_raw(unit)  # type: ignore[attr-defined]
    assert [key.field for key in keys] == ["1", "2", "3"], "up to four, as the report shows of a well"
    assert pixels.dtype == np.int32
    cells = parts_of(result.folder)["A01", 1]["1"]["cells"]
    assert isinstance(cells, list)
    assert [cell["label"] for cell in cells] == [int(label) for label in np.unique(pixels[0]) if label]
    assert len(labels.reader.read_records(unit)) == 3


def test_asking_for_more_labels_keeps_the_parts(make_config: Make) -> None:
    runs.run(make_config(labels="none"))
    folder = make_config().run.output
    assert not (folder / "labels.zarr").exists()
    stamps = {p.path: p.path.stat().st_mtime_ns for p in find_parts(folder / "parts" / "cells")}
    assert len(runs.plan(make_config(labels="all")).remaining) == 6
    runs.run(make_config(labels="all"))
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    labels = open_plate(folder / "labels.zarr").reader.read_raw(open_plate(folder / "labels.zarr").unit("A01", 0))  # type: ignore[attr-defined]
    assert len(labels[0]) == 3


def test_part_of_a_plate(make_config: Make) -> None:
    config = make_config()
    part = replace_section(config, plate=PlateConfig(store=config.plate.store, wells=("a*",), times=(1,)))
    assert [unit.address for unit in runs.plan(part).units] == [("A01", 1), ("A02", 1)]
    assert runs.run(part).n_expected == 6
    assert [unit.well for unit in runs.plan(config).remaining] == ["A01", "A02", "B01", "B01"]
    assert runs.run(config).n_expected == 18
    for wrong in ({"wells": ("C9",)}, {"times": (2,)}):
        with pytest.raises(UsageError, match=r"C9|times"):
            runs.plan(replace_section(config, plate=PlateConfig(store=config.plate.store, **wrong)))


def test_profile_of_a_run(make_config: Make) -> None:
    result = runs.run(make_config())
    whole = runs.profile(result)
    assert whole.wells == ("A01", "A02", "B01")
    assert whole.values.shape == (3, 48)
    assert whole.n_fields.tolist() == [[3, 3], [3, 2], [1, 3]]
    early = runs.profile(result.folder, window_h=(0, 3), fields=("2",))
    assert early.times_h == (0.0,)
    assert early.n_fields_expected == 1


def test_status_of_a_finished_run_and_of_no_run(make_config: Make, tmp_path: Path) -> None:
    result = runs.run(make_config())
    state = runs.status(result.folder)
    assert (state["state"], state["done"], state["parts"], state["stalled"]) == ("incomplete", 15, 6, False)
    with pytest.raises(InputError, match=r"run\.json"):
        runs.status(tmp_path)


def test_a_folder_belongs_to_one_plate(make_config: Make, tmp_path: Path) -> None:
    config = make_config()
    runs.run(config)
    path = config.run.output / "run.json"
    path.write_text(path.read_text().replace('"plate": "small"', '"plate": "other"'))
    with pytest.raises(UsageError, match="other"):
        runs.run(config)
    with pytest.raises(UsageError, match="inside the plate store"):
        runs.run(replace_section(config, run=config.run.model_copy(update={"output": config.plate.store / "run"})))
