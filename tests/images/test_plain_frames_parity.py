"""Uncompressed strips read straight from the file are what the decoder gives; everything else is left to it."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.images import ingest, intake, plain
from phasewell.images.decode import DecodeJob, decode_file
from phasewell.images.plain import read_plain
from source_images import picture, png_bytes, tiff_bytes
from test_ingest_faults_invariant import write_corpus
from test_ingest_resume_invariant import GIVEN, content

DEEP, FLAT = picture(3, (40, 48), "uint16"), picture(4, (40, 48))
PLAIN = {
    "one strip": tiff_bytes(FLAT),
    "strips": tiff_bytes(FLAT, rowsperstrip=7),
    "rows": tiff_bytes(FLAT, rowsperstrip=1),
    "big": tiff_bytes(FLAT, bigtiff=True, rowsperstrip=16),
    "inverted": tiff_bytes(FLAT, photometric="miniswhite"),
    "deep": tiff_bytes(DEEP, rowsperstrip=9),
    "deep, big-endian": tiff_bytes(DEEP, byteorder=">", rowsperstrip=9),
    "deep, inverted, big-endian": tiff_bytes(DEEP, byteorder=">", photometric="miniswhite"),
}
OTHER = {
    "lzw": tiff_bytes(FLAT, compression="lzw"),
    "tiles": tiff_bytes(FLAT, tile=(16, 16)),
    "rgb": tiff_bytes(np.stack([FLAT] * 3, -1), photometric="rgb"),
    "predictor": tiff_bytes(FLAT, compression="zlib", predictor=True),
    "pages": tiff_bytes(np.stack([FLAT, FLAT])),
    "png": png_bytes(FLAT),
    "other size": tiff_bytes(FLAT[1:]),
    "other depth": tiff_bytes(DEEP),
    "cut": tiff_bytes(FLAT)[:-1],
    "empty": b"",
}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plain") / "frame"


def job_of(path: Path, dtype: str = "uint8") -> DecodeJob:
    return DecodeJob(str(path), (40, 48), dtype)


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("given_memory", [False, True])
def test_a_plain_file_gives_the_decoders_frame(scratch: Path, kind: str, given_memory: bool) -> None:
    scratch.write_bytes(PLAIN[kind])
    job = job_of(scratch, "uint16" if "deep" in kind else "uint8")
    expected, memory = decode_file(job), np.full((40, 48), 9, job.dtype) if given_memory else None
    found = read_plain(job, memory)
    assert found is not None
    assert (found.pixels == expected.pixels).all() and found.pixels.dtype == expected.pixels.dtype
    assert (found.reason, found.detail, found.flags) == (None, "", expected.flags)
    assert memory is None or "big-endian" in kind or np.shares_memory(found.pixels, memory)


@pytest.mark.parametrize("kind", OTHER)
def test_anything_else_is_left_to_the_decoder(scratch: Path, kind: str) -> None:
    scratch.write_bytes(OTHER[kind])
    assert read_plain(job_of(scratch)) is None


def test_links_pipes_and_missing_files_are_left_to_the_decoder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "link")
    assert [read_plain(job_of(tmp_path / name)) for name in ("pipe", "link", "nothing")] == [None] * 3


@settings(max_examples=300)
@given(kind=st.sampled_from(["one strip", "strips", "big", "inverted"]), seed=st.integers(0, 2**32))
def test_damage_never_gives_another_frame_than_the_decoder(scratch: Path, kind: str, seed: int) -> None:
    chance = random.Random(seed)
    damaged = bytearray(PLAIN[kind])
    for _ in range(chance.randint(1, 4)):
        damaged[chance.randrange(min(len(damaged), chance.choice([200, 400, 10**6])))] = chance.randrange(256)
    scratch.write_bytes(damaged[: chance.choice([len(damaged), chance.randrange(len(damaged))])])
    found, expected = read_plain(job_of(scratch)), decode_file(job_of(scratch))
    if found is not None:
        assert expected.pixels is not None
        assert (found.pixels == expected.pixels).all() and found.flags == expected.flags


def test_a_file_that_changes_while_it_is_read_is_left_to_the_decoder(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch.write_bytes(PLAIN["strips"])
    assert read_plain(job_of(scratch)) is not None
    read = os.preadv

    def read_and_touch(*arguments: Any) -> int:
        os.utime(scratch, ns=(1, 1))
        return read(*arguments)

    monkeypatch.setattr(plain.os, "preadv", read_and_touch)
    assert read_plain(job_of(scratch)) is None


def test_a_store_is_the_same_whoever_read_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    write_corpus(source)
    read_here = []
    monkeypatch.setattr(plain, "read_plain", lambda *a: read_here.append(a) or read_plain(*a))
    first = ingest(source, tmp_path / "a.zarr", **GIVEN)
    assert len(read_here) >= 10  # all good TIFFs, and the one of the probe
    monkeypatch.setattr(plain, "is_plain", lambda *_: False)
    second = ingest(source, tmp_path / "b.zarr", **GIVEN)
    assert content(tmp_path / "a.zarr") == content(tmp_path / "b.zarr")
    assert [f.reason for f in first.scan.frames] == [f.reason for f in second.scan.frames]
    assert [f.detail for f in first.scan.frames] == [f.detail for f in second.scan.frames]
    assert intake.read_frame is plain.read_frame
