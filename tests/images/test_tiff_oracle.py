"""Our header reader and decoder give the pixels that tifffile and imagecodecs give, for every kind of file we take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from phasewell.images.decode import DecodeJob, decode_file, inspect_file
from source_images import picture, png_bytes, tiff_bytes


def decoded(path: Path, data: bytes, shape: tuple[int, int], dtype: str) -> tuple[np.ndarray, tuple[str, ...]]:
    path.write_bytes(data)
    result = decode_file(DecodeJob(str(path), shape, dtype))
    assert result.reason is None, result.detail
    assert result.pixels is not None
    return result.pixels, result.flags


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiff") / "frame.tif"


@settings(max_examples=150)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    dtype=st.sampled_from(["uint8", "uint16"]),
    compression=st.sampled_from([None, "lzw", "zlib", "adobe_deflate", "packbits", "zstd", "lzma"]),
    predictor=st.booleans(),
    byteorder=st.sampled_from("<>"),
    bigtiff=st.booleans(),
    tile=st.sampled_from([None, (16, 16), (32, 16)]),
    rows=st.integers(1, 80),
    seed=st.integers(0, 99),
)
def test_every_container_gives_the_written_pixels(
    scratch: Path,
    shape: tuple[int, int],
    dtype: str,
    compression: str | None,
    predictor: bool,
    byteorder: str,
    bigtiff: bool,
    tile: tuple[int, int] | None,
    rows: int,
    seed: int,
) -> None:
    pixels = picture(seed, shape, dtype) // (1 + seed % 3 * 80)  # noise, and runs that compress
    options: dict = {"byteorder": byteorder, "bigtiff": bigtiff, "compression": compression}
    options |= {"predictor": predictor and compression is not None} | (
        {"tile": tile} if tile else {"rowsperstrip": rows}
    )
    found, flags = decoded(scratch, tiff_bytes(pixels, **options), shape, dtype)
    assert (found == pixels).all() and found.dtype == dtype and flags == ()
    assert found.flags.c_contiguous and found.dtype.isnative


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_min_is_white_is_inverted_with_a_flag(scratch: Path, dtype: str) -> None:
    pixels = picture(1, dtype=dtype)
    found, flags = decoded(scratch, tiff_bytes(pixels, photometric="miniswhite"), pixels.shape, dtype)
    assert (found == np.iinfo(dtype).max - pixels).all()
    assert flags == ("inverted",)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("kind", ["tiff", "planar", "png"])
def test_rgb_of_equal_channels_collapses_with_a_flag(scratch: Path, dtype: str, kind: str) -> None:
    pixels = picture(2, dtype=dtype)
    colour = np.stack([pixels] * 3, axis=-1)
    data = {
        "tiff": lambda: tiff_bytes(colour, photometric="rgb"),
        "planar": lambda: tiff_bytes(np.moveaxis(colour, -1, 0).copy(), photometric="rgb", planarconfig="separate"),
        "png": lambda: png_bytes(colour),
    }[kind]()
    found, flags = decoded(scratch, data, pixels.shape, dtype)
    assert (found == pixels).all()
    assert flags == ("rgb_collapsed",)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_png_gives_the_written_pixels(scratch: Path, dtype: str) -> None:
    pixels = picture(3, dtype=dtype)
    found, flags = decoded(scratch, png_bytes(pixels), pixels.shape, dtype)
    assert (found == pixels).all() and flags == ()


def test_a_palette_that_is_a_grey_ramp_is_grey(scratch: Path) -> None:
    pixels = picture(4)
    ramp = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))
    found, flags = decoded(scratch, tiff_bytes(pixels, photometric="palette", colormap=ramp), pixels.shape, "uint8")
    assert (found == pixels).all() and flags == ("grey_palette",)


def test_a_reduced_copy_behind_the_image_is_no_second_page(scratch: Path) -> None:
    pixels = picture(5)
    with tifffile.TiffWriter(scratch) as writer:
        writer.write(pixels, metadata=None)
        writer.write(pixels[::2, ::2], metadata=None, subfiletype=1)
    found, _ = decoded(scratch, scratch.read_bytes(), pixels.shape, "uint8")
    assert (found == pixels).all()


@pytest.mark.parametrize(
    "pattern",
    [
        "t98g_phase/timelapse_xy01/images/*t0[1-3].tif",
        "imagexpress/ImageXpress_exported/9987_Plate_3435/*/*s1*.TIF",
        "imagexpress/ImageXpress_database/*/*/*/*/*.tif",
        "operetta_harmony/Images/*.tiff",
        "bbbc013_96well/images/Channel1-0*.tif",
        "cv8000_layout/*D08*Z01*.tif",
        "ali_timelapse/*.tif",
    ],
)
def test_real_exports_decode_as_tifffile_decodes_them(data: Path, pattern: str) -> None:
    files = sorted(data.glob(pattern))
    assert files
    for path in files:
        expected = tifffile.imread(path)
        header = inspect_file(str(path))
        assert header.shape == expected.shape and header.dtype == expected.dtype.name
        result = decode_file(DecodeJob(str(path), header.shape, header.dtype))
        assert result.pixels is not None, result.detail
        assert (result.pixels == expected).all()
