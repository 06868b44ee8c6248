"""Damaged, hostile and odd files: each gets a reason and costs only itself; never half a frame, never a crash."""

from __future__ import annotations

import os
import random
import struct
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.images import decode
from phasewell.images.decode import Decoded, DecodeJob, DecodePool, decode_file, digest_file, inspect_file
from phasewell.images.headers import REASONS, BadImageError
from source_images import (
    picture,
    png_bytes,
    png_declaring,
    tiff_bytes,
    tiff_declaring,
    tiff_from_tags,
)

PIXELS = picture(7, (40, 48))
GOOD = {
    "raw": tiff_bytes(PIXELS, rowsperstrip=8),
    "lzw": tiff_bytes(PIXELS, compression="lzw", rowsperstrip=8),
    "deflate": tiff_bytes(PIXELS, compression="zlib", rowsperstrip=8),
    "zstd": tiff_bytes(PIXELS, compression="zstd"),
    "packbits": tiff_bytes(PIXELS, compression="packbits"),
    "tiled": tiff_bytes(PIXELS, compression="zlib", tile=(16, 16)),
    "png": png_bytes(PIXELS),
}
CUTS = (0.01, 0.1, 0.5, 0.9, 0.99)


def run(path: Path, data: bytes, shape: tuple[int, int] = (40, 48), dtype: str = "uint8") -> Decoded:
    path.write_bytes(data)
    result = decode_file(DecodeJob(str(path), shape, dtype))
    assert (result.pixels is None) == (result.reason is not None)
    assert result.reason is None or result.reason in REASONS
    return result


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults") / "frame"


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("cut", [*CUTS, -1])
def test_a_cut_file_is_truncated_or_whole(scratch: Path, kind: str, cut: float) -> None:
    good = GOOD[kind]
    result = run(scratch, good[:-1] if cut == -1 else good[: int(len(good) * cut)])
    assert result.reason == "truncated", result


@settings(max_examples=300)
@given(kind=st.sampled_from(sorted(GOOD)), share=st.floats(0, 1, exclude_max=True))
def test_no_cut_ever_gives_other_pixels(scratch: Path, kind: str, share: float) -> None:
    result = run(scratch, GOOD[kind][: int(len(GOOD[kind]) * share)])
    assert result.reason in ("truncated", "empty_file") or (result.pixels == PIXELS).all()


@pytest.mark.parametrize("cut", [*CUTS, -1])
def test_a_cut_real_export_is_truncated_or_whole(data: Path, scratch: Path, cut: float) -> None:
    """These writers put the directory at the end of the file (ImageXpress, NIS) or in front (Harmony)."""
    for name in (
        "imagexpress/ImageXpress_exported/9987_Plate_3435/TimePoint_1/9987_B02_s1_w1.TIF",
        "t98g_phase/timelapse_xy01/images/20180101ef002xy01t01.tif",
        "operetta_harmony/Images/r03c03f01p01-ch1sk1fk1fl1.tiff",
    ):
        good = (data / name).read_bytes()
        header = inspect_file(str(data / name))
        whole = decode_file(DecodeJob(str(data / name), header.shape, header.dtype)).pixels
        result = run(scratch, good[:-1] if cut == -1 else good[: int(len(good) * cut)], header.shape, header.dtype)
        if result.reason is None and cut in (0.99, -1):  # private tags end the file: every pixel is still there
            assert (result.pixels == whole).all()
        else:
            assert result.reason == "truncated", (name, result)


@settings(max_examples=300)
@given(kind=st.sampled_from(sorted(GOOD)), seed=st.integers(0, 2**32))
def test_random_damage_gives_a_frame_of_the_right_form_or_a_reason(scratch: Path, kind: str, seed: int) -> None:
    chance = random.Random(seed)
    damaged = bytearray(GOOD[kind])
    for _ in range(chance.randint(1, 8)):
        damaged[chance.randrange(min(len(damaged), chance.choice([64, 512, 10**6])))] = chance.randrange(256)
    result = run(scratch, bytes(damaged))
    assert result.pixels is None or (result.pixels.shape, result.pixels.dtype) == ((40, 48), np.uint8)


def test_png_damage_is_always_found(scratch: Path) -> None:
    good = GOOD["png"]
    for position in range(0, len(good), 7):
        damaged = bytearray(good)
        damaged[position] ^= 0x10
        assert run(scratch, bytes(damaged)).reason is not None, position


LOOP = tiff_declaring(40, 48, 1, following=72, nbytes=64)
ODD = {
    "empty": (b"", "empty_file"),
    "text": (b"this is no image at all, whatever its name says", "not_an_image"),
    "jpeg": (b"\xff\xd8\xff\xe0" + bytes(100), "unsupported"),
    "gif": (b"GIF89a" + bytes(100), "unsupported"),
    "rgb": (tiff_bytes(np.stack([PIXELS, PIXELS, 255 - PIXELS], -1), photometric="rgb"), "not_grayscale"),
    "rgba": (png_bytes(np.stack([PIXELS] * 4, -1)), "not_grayscale"),
    "palette": (tiff_bytes(PIXELS, photometric="palette", colormap=np.zeros((3, 256), np.uint16)), "not_grayscale"),
    "16 bit": (tiff_bytes(PIXELS.astype(np.uint16)), "wrong_dtype"),
    "signed": (tiff_bytes(PIXELS.astype(np.int8)), "wrong_dtype"),
    "1 bit": (tiff_bytes(PIXELS > 9), "wrong_dtype"),
    "float": (tiff_bytes(PIXELS.astype(np.float32)), "wrong_dtype"),
    "NaN": (tiff_bytes(np.where(PIXELS > 9, np.nan, 1).astype(np.float32)), "non_finite"),
    "infinite": (tiff_bytes(np.where(PIXELS > 9, np.inf, 1)), "non_finite"),
    "other size": (tiff_bytes(PIXELS[:-1]), "wrong_size"),
    "1 x 1": (tiff_bytes(PIXELS[:1, :1]), "wrong_size"),
    "0 x 48": (tiff_declaring(0, 48), "wrong_size"),
    "two pages": (tiff_bytes(np.stack([PIXELS, PIXELS])), "unexpected_pages"),
    "loop": (LOOP, "bad_structure"),
    "no image": (b"II*\0" + bytes(20), "bad_structure"),
    "a million tags": (b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 65535 + 4), "bad_structure"),
    "bomb": (tiff_declaring(30000, 30000), "too_large"),
    "png bomb": (png_declaring(30000, 30000), "too_large"),
    "2^31": (tiff_declaring(2**31, 2**31), "too_large"),
    "12000": (png_declaring(12000, 12000), "wrong_size"),
    "strip beyond the end": (tiff_declaring(40, 48, 1, nbytes=2000), "truncated"),
    "short strip": (tiff_declaring(40, 48, 1, nbytes=64), "truncated"),
    "no bytes for a strip": (tiff_declaring(40, 48, 1, nbytes=0), "bad_structure"),
    "old jpeg in tiff": (tiff_declaring(40, 48, 6), "unsupported"),
    "jpeg in tiff": (tiff_declaring(40, 48, 7), "unsupported"),
    "no strips": (tiff_from_tags({256: (1, 48), 257: (1, 40), 258: (1, 8), 262: (1, 1)}), "bad_structure"),
    "a billion strips": (
        tiff_from_tags({256: (1, 48), 257: (1, 40), 258: (1, 8), 262: (1, 1), 273: (2**30, 8), 279: (2**30, 8)}),
        "bad_structure",
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_file_has_its_reason(scratch: Path, kind: str) -> None:
    data, reason = ODD[kind]
    assert run(scratch, data).reason == reason


@pytest.mark.parametrize("kind", ["bomb", "png bomb", "2^31", "a billion strips", "a million tags"])
def test_a_bomb_is_refused_from_its_header_within_50_mb(scratch: Path, kind: str) -> None:
    scratch.write_bytes(ODD[kind][0])
    tracemalloc.start()
    with pytest.raises(BadImageError):
        inspect_file(str(scratch))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 << 20


def test_a_strip_that_inflates_to_more_than_it_declares_is_refused(scratch: Path) -> None:
    import zlib

    body = zlib.compress(bytes(64 << 20))
    tags = {256: (1, 48), 257: (1, 40), 258: (1, 8), 259: (1, 8), 262: (1, 1), 273: (1, 8), 278: (1, 40)}
    tracemalloc.start()
    result = run(scratch, tiff_from_tags(tags | {279: (1, len(body))}, body))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.reason == "bad_structure"
    assert peak < 10 << 20


def test_pipes_folders_and_links_never_block(tmp_path: Path) -> None:
    pipe, folder, link = tmp_path / "pipe.tif", tmp_path / "folder.tif", tmp_path / "link.tif"
    os.mkfifo(pipe)
    folder.mkdir()
    link.symlink_to(link)
    for path in (pipe, folder, link):
        assert decode_file(DecodeJob(str(path), (4, 4), "uint8")).reason == "not_regular_file"
        with pytest.raises(BadImageError, match="not_regular_file"):
            digest_file(str(path))
    assert decode_file(DecodeJob(str(tmp_path / "gone.tif"), (4, 4), "uint8")).reason == "unreadable"


def test_a_file_that_may_not_be_read_is_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(decode.os, "open", refuse)
    assert decode_file(DecodeJob(str(tmp_path / "x.tif"), (4, 4), "uint8")).reason == "permission_denied"


def test_a_file_that_grows_while_it_is_read_is_not_used(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch.write_bytes(GOOD["raw"])
    read = os.read

    def read_and_grow(descriptor: int, count: int) -> bytes:
        with scratch.open("ab") as file:
            file.write(b"more")
        return read(descriptor, count)

    monkeypatch.setattr(decode.os, "read", read_and_grow)
    assert decode_file(DecodeJob(str(scratch), (40, 48), "uint8")).reason == "changed_during_read"


# A child that misbehaves on files named so; everything else decodes as always.
MISBEHAVE = """
import os, signal, time
from phasewell.images import decode
original = decode.decode_file
def decode_file(job):
    if job.path.endswith("/crash"): os.kill(os.getpid(), signal.SIGSEGV)
    if job.path.endswith("/hang"): time.sleep(60)
    if job.path.endswith("/exit"): os._exit(3)
    if job.path.endswith("/print"): os.write(1, b"a library prints"); print("and Python prints", flush=True)
    return original(job)
def eat(*arguments): bytearray(3 << 30)
if "{eat}": decode._decode = eat
decode.decode_file = decode_file
decode.serve()
"""


def misbehaving(monkeypatch: pytest.MonkeyPatch, eat: str = "") -> None:
    monkeypatch.setattr(decode, "_CHILD_MAIN", f"exec({MISBEHAVE.replace('{eat}', eat)!r})")


def test_a_dying_or_hanging_child_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    misbehaving(monkeypatch)
    names = ["1", "crash", "2", "exit", "3", "print", "hang", "4"]
    for name in names:
        (tmp_path / name).write_bytes(GOOD["raw"])
    threads = threading.active_count()
    with DecodePool(2, timeout_s=5) as pool:
        jobs = {name: pool.submit(DecodeJob(str(tmp_path / name), (40, 48), "uint8")) for name in names}
        results = {name: job.result() for name, job in jobs.items()}
    bad = {name: result.reason for name, result in results.items() if result.reason}
    assert bad == {"crash": "crash", "exit": "crash", "hang": "timeout"}
    assert all((results[name].pixels == PIXELS).all() for name in set(names) - bad.keys())
    assert threading.active_count() == threads


def test_a_child_that_wants_more_memory_than_a_frame_may_take_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    misbehaving(monkeypatch, eat="yes")
    (tmp_path / "x").write_bytes(GOOD["raw"])
    with DecodePool(1) as pool:
        assert pool.submit(DecodeJob(str(tmp_path / "x"), (40, 48), "uint8")).result().reason == "too_large"


def test_the_pool_takes_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n\xf0\x9f\x98\x80 '.tif")
    Path(name).write_bytes(GOOD["lzw"])
    with DecodePool(1) as pool:
        result = pool.submit(DecodeJob(name, (40, 48), "uint8")).result()
    assert (result.pixels == PIXELS).all()


def test_tiff_with_a_directory_in_the_wrong_place(scratch: Path) -> None:
    assert run(scratch, b"II*\0" + struct.pack("<I", 10**9) + bytes(100)).reason == "truncated"
    assert run(scratch, b"MM\0+" + bytes(2)).reason == "truncated"
