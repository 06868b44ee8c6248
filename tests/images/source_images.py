"""Image files for the tests of the source readers: good ones by tifffile and imagecodecs, bad ones byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile

PATTERN = r"(?P<well>[A-Za-z]+\d+)_s(?P<field>\d+)_t(?P<time>-?\d+).*"


def picture(seed: int = 0, shape: tuple[int, int] = (24, 32), dtype: str = "uint8") -> np.ndarray[Any, Any]:
    top = 65535 if dtype == "uint16" else 255
    return np.random.default_rng(seed).integers(0, top + 1, shape).astype(dtype)


def tiff_bytes(pixels: np.ndarray[Any, Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    byteorder, bigtiff = options.pop("byteorder", "<"), options.pop("bigtiff", False)
    with tifffile.TiffWriter(stream, byteorder=byteorder, bigtiff=bigtiff) as writer:
        writer.write(pixels, metadata=None, **options)
    return stream.getvalue()


def png_bytes(pixels: np.ndarray[Any, Any]) -> bytes:
    return bytes(imagecodecs.png_encode(pixels))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def png_declaring(height: int, width: int, colour: int = 0) -> bytes:
    """A PNG that declares any size, with a few bytes of pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    body = zlib.compress(bytes(64))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def tiff_from_tags(tags: dict[int, tuple[int, int]], data: bytes = bytes(64), following: int = 0) -> bytes:
    """A little-endian TIFF with LONG tags: code -> (count, value or offset); the data begin at byte 8."""
    start = 8 + len(data)
    entries = b"".join(struct.pack("<HHII", code, 4, *tags[code]) for code in sorted(tags))
    return b"II*\0" + struct.pack("<I", start) + data + struct.pack("<H", len(tags)) + entries + struct.pack(
        "<I", following
    )  # fmt: skip


def tiff_declaring(height: int, width: int, compression: int = 8, **more: int) -> bytes:
    """A TIFF of one strip that declares any size."""
    tags = {256: (1, width), 257: (1, height), 258: (1, 8), 259: (1, compression), 262: (1, 1), 273: (1, 8)}
    tags |= {277: (1, 1), 278: (1, height), 279: (1, more.pop("nbytes", 64))}
    return tiff_from_tags(tags, **more)  # type: ignore[arg-type]


def write_plate(
    folder: Path, wells: tuple[str, ...] = ("A01", "B02"), fields: int = 2, times: int = 2, dtype: str = "uint8"
) -> dict[tuple[str, str, int], np.ndarray[Any, Any]]:
    """Write a small plate of TIFFs named for PATTERN; return its pixels by (well, field, time)."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = {}
    for number, well in enumerate(wells):
        for field in range(1, fields + 1):
            for time in range(times):
                pixels = picture(number * 100 + field * 10 + time, dtype=dtype)
                frames[well, str(field), time] = pixels
                (folder / f"{well}_s{field}_t{time}.tif").write_bytes(tiff_bytes(pixels))
    return frames
