"""A run made up of arrays, so that every part of a report can be tested without running anything."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell import runs
from phasewell.cells import DEFINITIONS_ID, DESCRIPTOR_NAMES
from phasewell.config import ComputeConfig, Config, PlateConfig, RunConfig
from phasewell.images import create_plate
from phasewell.manifest import RunManifest
from phasewell.plate import Field, FrameKey, FrameRecord, Unit
from phasewell.potency.evaluation import Coefficient, Evaluation, Prediction
from phasewell.profiles import FieldMoments, Moments, Profile, profile_columns
from phasewell.report.content import Content, PlateFacts
from phasewell.report.curves import histogram
from phasewell.report.evaluations import ModelReport, Scores, Shuffles
from phasewell.report.overlay import make_picture
from phasewell.report.well_scores import BINS, RunScores, WellScore

QUALITY = ("mean_v", "saturated_fraction", "black_fraction", "focus", "illumination_gradient", "confluence")


def discs(rng: np.random.Generator, n: int, side: int = 400) -> tuple[Any, Any]:
    """Return a grey frame (side, side) uint8 with n discs and their labels int32."""
    y, x = np.mgrid[:side, :side]
    labels = np.zeros((side, side), dtype=np.int32)
    for i in range(n):
        cy, cx = rng.integers(20, side - 20, 2)
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= rng.integers(60, 300)] = i + 1
    pixels = np.clip(128 + 40 * (labels > 0) + rng.normal(0, 8, labels.shape), 0, 255)
    return pixels.astype(np.uint8), labels


def make_moments(rng: np.random.Generator, wells: Any, times: Any, fields: Any, growth: Any, lost: Any) -> FieldMoments:
    shape = (len(wells), len(times), len(fields))
    cells = rng.poisson(30 * growth[:, :, None] * np.ones(shape)).astype(np.int64)
    measured = ~lost
    cells[lost] = 0
    mean = rng.normal(100, 5, (*shape, 12)) + np.arange(len(wells))[:, None, None, None]
    m2 = rng.uniform(50, 90, (*shape, 12)) * cells[..., None]
    n = np.repeat(cells[..., None], 12, axis=3)
    moments = Moments(n, np.where(n > 0, mean, 0.0), np.where(n > 1, m2, 0.0))
    return FieldMoments(wells, times, fields, moments, cells, measured, 0.87)


def make_frames(
    rng: np.random.Generator, wells: Any, times: Any, fields: Any, lost: Any, reason: str
) -> dict[str, Any]:
    rows = [(w, f, t) for w in range(len(wells)) for t in range(len(times)) for f in range(len(fields))]
    gone = np.array([lost[w, t, f] for w, f, t in rows], dtype=bool)
    quarantined = gone & (rng.random(len(rows)) < 0.5)
    status = np.where(quarantined, "quarantined", np.where(gone, "missing", "processed"))
    flags = np.empty(len(rows), dtype=object)
    for i in range(len(rows)):
        flags[i] = ("saturated",) if not gone[i] and rng.random() < 0.04 else ()
    columns: dict[str, Any] = {
        "well": np.array([wells[w] for w, _, _ in rows], dtype=object),
        "field": np.array([fields[f] for _, f, _ in rows], dtype=object),
        "time": np.array([t for _, _, t in rows], dtype=np.int64),
        "time_h": np.array([times[t] for _, _, t in rows], dtype=np.float64),
        "status": status.astype(object),
        "reason": np.where(quarantined, reason, np.where(gone, "not in the source", "")).astype(object),
        "flags": flags,
    }
    ranges = ((110, 140), (0, 0.08), (0, 0.001), (200, 500), (5, 70), (0.1, 0.7))
    for name, (low, high) in zip(QUALITY, ranges, strict=True):
        columns[name] = np.where(gone, np.nan, rng.uniform(low, high, len(rows)))
    return columns


def make_model(
    rng: np.random.Generator, kind: str, wells: Any, groups: Any, truth: Any, times: Any, noise: float
) -> ModelReport:
    predicted = truth + rng.normal(0, noise, len(truth))
    n = len(truth)
    baseline = (truth.sum() - truth) / (n - 1)
    rmse, base = float(np.sqrt(np.mean((predicted - truth) ** 2))), float(np.sqrt(np.mean((baseline - truth) ** 2)))
    better = rmse < 0.95 * base
    columns = profile_columns(times)[:7]
    weights = (0.9, -0.7, 0.5, -0.4, 0.2, 0.1, -0.05)
    named = (
        tuple(Coefficient(c.title, *c, w) for c, w in zip(columns, weights, strict=False)) if kind == "lasso" else ()
    )
    verdict = f"{'better' if better else 'no better'} than the baseline (RMSE is {rmse / base:.2f} x the baseline)"
    rows = tuple(
        Prediction(w, str(g), float(t), float(p), float(b))
        for w, g, t, p, b in zip(wells, groups, truth, predicted, baseline, strict=True)
    )
    evaluation = Evaluation(
        kind,
        "nested",
        rmse,
        base,
        1 - (rmse / base) ** 2,
        0.01,
        verdict,
        better,
        n,
        n,
        24 * len(times),
        rows,
        named,
        (),
        (),
    )
    return ModelReport(evaluation, Scores(rmse * 0.9, base, 1 - (0.9 * rmse / base) ** 2), Shuffles(1.04, 20, 0.048))


def make_scores(rng: np.random.Generator, wells: Any, times: Any, classes: tuple[str, ...]) -> RunScores:
    """Return made-up scores; the first well has no scored frame, the last a tie between the first two classes."""
    counts = rng.multinomial(40, np.full(BINS, 1 / BINS), (len(wells), len(classes)))
    counts[:1] = 0
    rows = []
    for w, well in enumerate(wells):
        mean = rng.dirichlet(np.ones(len(classes)))
        votes = (20, 20, *(0 for _ in classes[2:])) if w == len(wells) - 1 else (30, 10, *(0 for _ in classes[2:]))
        known = w > 0
        rows.append(
            WellScore(
                well,
                tuple(float(m) if known else None for m in mean),
                tuple(0.1 if known else None for _ in mean),
                votes if known else tuple(0 for _ in classes),
                classes[0] if known and votes[0] != votes[1] else None,
                40 if known else 0,
                44,
                times[0] if times else 0.0,
                times[-1] if times else 0.0,
            )
        )
    hourly = rng.random((len(classes), len(wells), len(times)))
    said = {"network": "densenet13", "pretrained": False, "origin": "untrained: seed 1", "precision": "f32"}
    return RunScores(said, classes, tuple(rows), hourly, counts, {"too_bright": 44, "missing": 4 * len(wells)})


def make_manifest(name: str, label: str, n_expected: int, n_quarantined: int, n_missing: int) -> RunManifest:
    """Return the manifest of a made-up run on plate `name`, whose clones stand under `label` in the plate map."""
    return RunManifest(
        run_id="3f" * 16, plate=name, plate_digest="ab" * 32,
        config={"plate": {"store": "plate.zarr"}, "segmentation": {"preset": "phase"},
                "quality": {"reject_mean_v_above": 230.0, "flag_saturated_fraction_above": 0.05,
                            "flag_illumination_gradient_above": 60.0},
                "model": {"target": "potency", "group": label}},
        code_version="0.1.0", definitions=DEFINITIONS_ID, parts=(), files={}, n_expected=n_expected,
        n_processed=n_expected - n_quarantined - n_missing, n_quarantined=n_quarantined, n_missing=n_missing,
    )  # fmt: skip


def make_content(
    wells: tuple[str, ...] = ("A01", "A02", "B01"),
    times: tuple[float, ...] = (6.0, 12.0, 18.0),
    fields: tuple[str, ...] = ("f1", "f2"),
    *,
    name: str = "screen 7",
    lost_share: float = 0.1,
    simulated: bool = False,
    models: bool = False,
    scores: tuple[str, ...] = (),
    pictures: int = 0,
    empty: bool = False,
    label: str = "clone",
    reason: str = "decode_error: tile 3 ends early",
    seed: int = 1,
) -> Content:
    """Return a made-up run; `empty` leaves no frame measured, `label` names an annotation, `scores` names classes."""
    rng = np.random.default_rng(seed)
    shape = (len(wells), len(times), len(fields))
    lost = np.ones(shape, dtype=bool) if empty else rng.random(shape) < lost_share
    rate = rng.uniform(0.01, 0.025, len(wells))
    growth = np.exp(rate[:, None] * np.asarray(times)[None])
    moments = make_moments(rng, wells, times, fields, growth, lost)
    frames = make_frames(rng, wells, times, fields, lost, reason)
    potency = 7.0 + 6.0 * rng.random(len(wells))
    clones = [f"REC{i + 1}" for i in range(len(wells))]
    platemap = {w: {label: c, "potency": float(p)} for w, c, p in zip(wells, clones, potency, strict=True)}
    columns = profile_columns(times)
    values = rng.normal(size=(len(wells), len(columns))) + potency[:, None] * rng.normal(size=len(columns))
    values[:, 5:6] = 1.0
    values[:1, 7:8] = np.nan
    counts = np.where(moments.measured, moments.n_cells, 0).sum(axis=2)
    profile = Profile(wells, times, columns, values, counts, moments.measured.sum(axis=2), len(fields), 0.87)
    shown = [times[0], times[-1]] if len(times) > 1 else [times[0]] if times else []
    found = (
        []
        if empty
        else [
            d for n in DESCRIPTOR_NAMES for d in histogram(n, {h: rng.lognormal(5 + h / 90, 0.5, 500) for h in shown})
        ]
    )
    drawn = []
    for well in wells[:pictures]:
        for hour in shown:
            pixels, labels = discs(rng, 14)
            drawn.append(make_picture(pixels, labels, well=well, field=fields[0], time_h=hour, pixel_size_um=0.87))
    n_quarantined, n_missing = (int((frames["status"] == s).sum()) for s in ("quarantined", "missing"))
    manifest = make_manifest(name, label, int(np.prod(shape)), n_quarantined, n_missing)
    provenance = {"simulated": "seed 0"} if simulated else {"licence": "MIT", "source": "oist/Usiigaci"}
    reports = ()
    if models:
        kinds = (("lasso", 0.5), ("forest", 1.1), ("xgboost", 2.4))
        reports = tuple(make_model(rng, kind, wells, clones, potency, times, noise) for kind, noise in kinds)
    return Content(
        manifest=manifest,
        plate=PlateFacts(name, wells, fields, times, 0.87, (1022, 1024), "uint8", None, platemap, provenance),
        frames=frames, moments=moments, profile=profile, distributions=tuple(found), models=reports,
        pictures=tuple(drawn), manifest_sha256="cd" * 32,
        scores=make_scores(rng, wells, times, scores) if scores else None,
    )  # fmt: skip


@pytest.fixture
def content() -> Callable[..., Content]:
    """Return `make_content`."""
    return make_content


@pytest.fixture(scope="module")
def make() -> Callable[..., Content]:
    """Return `make_content` to fixtures of a module."""
    return make_content


BLOBS_SHAPE = (220, 240)
BLOBS_FIELDS = (Field("f1", 0, 0), Field("f2", 0, 1))


def draw_blobs(rng: np.random.Generator, n: int) -> Any:
    """Return a frame with n dark, sharp-edged blobs on a grey background, (height, width) uint8."""
    y, x = np.mgrid[: BLOBS_SHAPE[0], : BLOBS_SHAPE[1]]
    pixels = np.full(BLOBS_SHAPE, 128.0) + rng.normal(0, 2, BLOBS_SHAPE)
    for i in range(n):
        cy, cx = 40 + 70 * (i // 3) + rng.integers(-8, 9), 40 + 75 * (i % 3) + rng.integers(-8, 9)
        inside = (y - cy) ** 2 / 380 + (x - cx) ** 2 / 240 <= 1
        pixels[inside] = 90 + 40 * ((x[inside] // 3 + y[inside] // 3) % 2)
    return np.clip(pixels, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder: 2 wells x 2 hours x 2 fields, one frame missing, one quarantined, one too bright."""
    folder = tmp_path_factory.mktemp("report")
    writer = create_plate(
        folder / "plate.zarr", name="<b>small</b>", wells=("A01", "B02"), fields=BLOBS_FIELDS, times_h=(6.0, 12.5),
        frame_shape=BLOBS_SHAPE, dtype="uint8", pixel_size_um=0.87, platemap={"A01": {"clone": "<i>R&D</i>"}},
        provenance={"simulated": "blobs, seed 0", "licence": "CC0"},
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for w, well in enumerate(("A01", "B02")):
        for time in (0, 1):
            frames = {field.name: draw_blobs(rng, 3 + 2 * time + w) for field in BLOBS_FIELDS}
            status = dict.fromkeys(frames, "present")
            reason: dict[str, str | None] = dict.fromkeys(frames)
            if (well, time) == ("A01", 0):
                del frames["f2"]
                status["f2"] = "missing"
            if (well, time) == ("B02", 0):
                del frames["f1"]
                status["f1"], reason["f1"] = "quarantined", "truncated"
            if (well, time) == ("B02", 1):
                frames["f2"] = np.full(BLOBS_SHAPE, 255, np.uint8)
            records = [
                FrameRecord(FrameKey("<b>small</b>", well, f.name, time), status[f.name], reason[f.name])
                for f in BLOBS_FIELDS
            ]
            writer.write_unit(Unit("<b>small</b>", well, time), frames, records)
    config = Config(
        plate=PlateConfig(store=folder / "plate.zarr"),
        run=RunConfig(output=folder / "run", labels="sample"),
        compute=ComputeConfig(device="cpu", executor="serial"),
    )
    runs.run(config)
    return folder / "run"


OWN_SERVICES = (".google.com", ".googleapis.com", ".gvt1.com")  # the browser asks them by itself, for no page


class Browser:
    """Headless Chromium with an empty profile and no network, for one page at a time."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder = program, folder

    def open(self, page: Path, *flags: str) -> tuple[str, list[str], list[str]]:
        """Return (the document after its scripts ran, console messages, addresses asked for on a network)."""
        log = self.folder / "net.json"
        command = [
            self.program, "--headless=new", "--no-sandbox", "--disable-gpu",
            f"--user-data-dir={self.folder / 'profile'}",
            "--disable-background-networking", "--disable-component-update", "--no-first-run", "--window-size=1280,900",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000", "--enable-logging=stderr",
            f"--log-net-log={log}", *flags, "--dump-dom", page.as_uri(),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=True)
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        found = re.findall(
            r'"url":"((?:https?|wss?)://([^/"]+)[^"]*)"', log.read_text(encoding="utf-8", errors="replace")
        )
        asked = [address for address, host in found if not host.endswith(OWN_SERVICES)]
        return done.stdout, console, asked


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """Return a headless Chromium; skips by name where none is installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    folder = tmp_path / "chromium"
    folder.mkdir()
    return Browser(program, folder)
