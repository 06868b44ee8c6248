"""TIFF, classic and BigTIFF: a bounded header reader, and a decoder that never fills in what is not there."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.images.headers import BadImageError, ImageHeader, Read, Segment, check_declared

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FORMATS = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d"}
_FORMATS |= {13: "I", 16: "Q", 17: "q", 18: "Q"}
_MAX_IFD_ENTRIES = 4096
_MAX_VALUES = 1 << 20  # of one tag: 16384 rows in strips of one row are 2^14
_MAX_DESCRIPTION = 1 << 20
_MAX_PAGES = 64
_MAX_CHOSEN_PAGES = 4096  # where one of many is asked for
_NIS_CALIBRATION = 65326
_WANTED = {254, 256, 257, 258, 259, 262, 266, 270, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 339}
_WANTED |= {282, 283, _NIS_CALIBRATION}
_COMPRESSIONS = {1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "packbits", 50000: "zstd", 34925: "lzma"}
_DTYPES = {(1, 8): "uint8", (1, 16): "uint16", (3, 32): "float32", (3, 64): "float64", (3, 16): "float16"}

Tags = dict[int, Any]


class _File:
    """The few numbers every read of this file needs."""

    def __init__(self, read: Read, size: int) -> None:
        self._read, self.size = read, size
        start = self.bytes(0, 4)
        self.endian = "<" if start[:2] == b"II" else ">"
        self.big = struct.unpack(self.endian + "H", start[2:4])[0] == 43
        self.pointer = "Q" if self.big else "I"

    def bytes(self, offset: int, count: int) -> bytes:
        data = self._read(offset, count) if 0 <= offset < self.size else b""
        if len(data) < count:
            raise BadImageError("truncated", f"needs bytes {offset} to {offset + count} of a file of {self.size}")
        return data

    def unpack(self, layout: str, offset: int) -> tuple[Any, ...]:
        layout = self.endian + layout
        return struct.unpack(layout, self.bytes(offset, struct.calcsize(layout)))

    def first_ifd(self) -> int:
        if not self.big:
            return int(self.unpack("I", 4)[0])
        if self.unpack("HH", 4) != (8, 0):
            raise BadImageError("bad_structure", "BigTIFF with offsets that are not 8 bytes")
        return int(self.unpack("Q", 8)[0])


def read_tiff_header(read: Read, size: int, page: int | None = None) -> ImageHeader:
    """Return the header of the one image in a TIFF; reduced copies (thumbnails, pyramids) may follow it.

    With `page`, of that image of several, counted from 0.

    Raises BadImageError: truncated, bad_structure, unexpected_pages, too_large, not_grayscale, unsupported.
    """
    file = _File(read, size)
    offset, seen, tags = file.first_ifd(), set[int](), Tags()
    if offset == 0:
        raise BadImageError("bad_structure", "TIFF without an image")
    if page is not None:
        return _describe(file, _read_page(file, offset, page))
    while offset:
        if offset in seen:
            raise BadImageError("bad_structure", f"the list of images comes back to byte {offset}")
        seen.add(offset)
        if len(seen) > _MAX_PAGES:
            raise BadImageError("unexpected_pages", f"more than {_MAX_PAGES} images")
        image, offset = _read_ifd(file, offset)
        if len(seen) == 1:
            tags = image
        elif not _number(image, 254, 0) & 1:  # bit 0: a reduced copy of another image
            raise BadImageError("unexpected_pages", "more than one image where one is expected")
    return _describe(file, tags)


def _read_page(file: _File, offset: int, page: int) -> Tags:
    """Return the tags of one image, passing over those before it; a list that comes back ends at the limit."""
    if not 0 <= page < _MAX_CHOSEN_PAGES:
        raise BadImageError("unexpected_pages", f"image {page}; at most {_MAX_CHOSEN_PAGES} are read")
    count_format, entry_size = ("Q", 20) if file.big else ("H", 12)
    for passed in range(page):
        count = file.unpack(count_format, offset)[0]
        if not 0 < count <= _MAX_IFD_ENTRIES:
            raise BadImageError("bad_structure", f"{count} tags in image {passed}")
        offset = int(file.unpack(file.pointer, offset + struct.calcsize(count_format) + count * entry_size)[0])
        if offset == 0:
            raise BadImageError("truncated", f"image {page} of a file with {passed + 1}")
    return _read_ifd(file, offset)[0]


def _read_ifd(file: _File, offset: int) -> tuple[Tags, int]:
    count_format, entry_size = ("Q", 20) if file.big else ("H", 12)
    count = file.unpack(count_format, offset)[0]
    if not 0 < count <= _MAX_IFD_ENTRIES:
        raise BadImageError("bad_structure", f"{count} tags in one image")
    start = offset + struct.calcsize(count_format)
    block = file.bytes(start, count * entry_size)
    following = file.unpack(file.pointer, start + count * entry_size)[0]
    tags = Tags()
    for position in range(0, len(block), entry_size):
        code, kind = struct.unpack_from(file.endian + "HH", block, position)
        if code in _WANTED:
            tags[code] = _read_value(file, block[position : position + entry_size], code, kind)
    return tags, int(following)


def _read_value(file: _File, entry: bytes, code: int, kind: int) -> Any:
    n = struct.unpack_from(file.endian + file.pointer, entry, 4)[0]
    layout = _FORMATS.get(kind)
    limit = _MAX_DESCRIPTION if code == 270 else _MAX_VALUES
    if layout is None or n > limit:
        if code in (270, 282, 283, _NIS_CALIBRATION):
            return None  # metadata: the pixels do not need it
        raise BadImageError("bad_structure", f"tag {code} of type {kind} with {n} values")
    nbytes = n * struct.calcsize("=" + layout)
    inline = entry[-(8 if file.big else 4) :]
    if nbytes <= len(inline):
        data = inline[:nbytes]
    else:
        data = file.bytes(struct.unpack(file.endian + file.pointer, inline)[0], nbytes)
    if layout == "s":
        return data
    return struct.unpack(f"{file.endian}{n * len(layout)}{layout[0]}", data)


def _number(tags: Tags, code: int, default: int | None = None) -> int:
    values = tags.get(code)
    if not isinstance(values, tuple) or not values:
        if default is None:
            raise BadImageError("bad_structure", f"tag {code} is missing")
        return default
    if len(set(values)) != 1:
        raise BadImageError("bad_structure", f"tag {code} has different values {values[:4]}")
    return int(values[0])


def _describe(file: _File, tags: Tags) -> ImageHeader:
    height, width = _number(tags, 257), _number(tags, 256)
    samples = _number(tags, 277, 1)
    check_declared(height, width, samples)
    bits, kind = _number(tags, 258, 1), _number(tags, 339, 1)
    photometric, compression = _number(tags, 262, 1), _number(tags, 259, 1)
    flags: list[str] = []
    if photometric == 3 and samples == 1 and bits == 8 and _is_grey_ramp(tags.get(320)):
        flags.append("grey_palette")
    elif photometric not in (0, 1, 2) or samples not in (1, 3) or (photometric == 2) != (samples == 3):
        raise BadImageError("not_grayscale", f"photometric {photometric} with {samples} samples")
    if compression not in _COMPRESSIONS:
        raise BadImageError("unsupported", f"TIFF compression {compression}; expected one of none, LZW, deflate, zstd")
    if _number(tags, 274, 1) != 1:
        flags.append("orientation_ignored")
    if photometric == 0:
        flags.append("inverted")
    predictor = _number(tags, 317, 1)
    dtype = _DTYPES.get((kind, bits), {1: "uint", 2: "int", 3: "float"}.get(kind, "sample") + str(bits))
    if predictor not in (1, 2) and dtype in ("uint8", "uint16"):
        raise BadImageError("unsupported", f"TIFF predictor {predictor}")
    if _number(tags, 266, 1) != 1 and bits % 8:
        raise BadImageError("wrong_dtype", f"{bits} bits in reversed order")
    planar = samples > 1 and _number(tags, 284, 1) == 2
    text = tags.get(270)
    description = text.rstrip(b"\0 \r\n").decode("utf-8", "replace") if isinstance(text, bytes) else ""
    calibration = tags.get(_NIS_CALIBRATION)
    return ImageHeader(
        "tiff",
        height,
        width,
        samples,
        dtype,
        description,
        tuple(flags),
        float(calibration[0]) if isinstance(calibration, tuple) and len(calibration) == 1 else None,
        file.endian == ">",
        compression,
        predictor,
        planar,
        photometric == 0,
        _segments(file, tags, height, width, samples if planar else 1, samples * bits // (samples if planar else 1)),
        (_ratio(tags.get(282)), _ratio(tags.get(283))),
    )


def _ratio(value: Any) -> float | None:
    if not isinstance(value, tuple) or len(value) != 2 or not all(value):
        return None
    return float(value[0] / value[1])


def _is_grey_ramp(colours: Any) -> bool:
    if not isinstance(colours, tuple) or len(colours) != 768:
        return False
    table = np.array(colours, np.int64).reshape(3, 256)
    return bool((table >> 8 == np.arange(256)).all())


def _segments(
    file: _File, tags: Tags, height: int, width: int, planes: int, bits_per_pixel: int
) -> tuple[Segment, ...]:
    tiled = 322 in tags or 324 in tags
    if tiled:
        step_y, step_x = _number(tags, 323), _number(tags, 322)
    else:
        step_y, step_x = min(_number(tags, 278, height), height), width
    if step_y < 1 or step_x < 1:
        raise BadImageError("bad_structure", f"strips or tiles of {step_y} x {step_x}")
    check_declared(step_y, step_x, 1)
    offsets = tags.get(324) if tiled else tags.get(273)
    counts = tags.get(325) if tiled else tags.get(279)
    places = [(p, y, x) for p in range(planes) for y in range(0, height, step_y) for x in range(0, width, step_x)]
    if counts is None and len(places) == 1 and _number(tags, 259, 1) == 1:
        counts = ((height * width * bits_per_pixel + 7) // 8,)
    if not isinstance(offsets, tuple) or not isinstance(counts, tuple):
        raise BadImageError("bad_structure", "no strips and no tiles")
    if not len(offsets) == len(counts) == len(places):
        raise BadImageError("bad_structure", f"{len(offsets)} offsets, {len(counts)} sizes for {len(places)} strips")
    segments = []
    for (plane, y, x), offset, nbytes in zip(places, offsets, counts, strict=True):
        if offset == 0 or nbytes == 0:
            raise BadImageError("bad_structure", f"no bytes for the strip or tile at row {y}, column {x}")
        if offset + nbytes > file.size:
            raise BadImageError("truncated", f"pixels up to byte {offset + nbytes} of a file of {file.size}")
        rows = step_y if tiled else min(step_y, height - y)
        segments.append(Segment(offset, nbytes, y, x, rows, step_x, plane))
    return tuple(segments)


def decode_tiff(data: bytes, header: ImageHeader) -> NDArray[Any]:
    """Return the pixels (height, width) or (height, width, samples) in native byte order, MINISWHITE inverted.

    `data` is the whole file. Every strip must give exactly its bytes: raises BadImageError("truncated") otherwise.
    """
    dtype = np.dtype(header.dtype)
    stored = dtype.newbyteorder(">" if header.big_endian else "<")
    per_segment = 1 if header.planar else header.samples
    pixels = np.empty((header.samples if header.planar else 1, header.height, header.width, per_segment), dtype)
    for segment in header.segments:
        shape = (segment.height, segment.width, per_segment)
        expected = int(np.prod(shape)) * dtype.itemsize
        raw = _decompress(data[segment.offset : segment.offset + segment.nbytes], header.compression, expected)
        block = np.frombuffer(raw, stored, count=expected // dtype.itemsize).reshape(shape).astype(dtype)
        if header.predictor == 2:
            np.cumsum(block, axis=1, dtype=dtype, out=block)  # wraps, as the differences did
        target = pixels[segment.plane, segment.y : segment.y + segment.height, segment.x : segment.x + segment.width]
        target[...] = block[: target.shape[0], : target.shape[1]]
    image = np.moveaxis(pixels[..., 0], 0, -1) if header.planar else pixels[0]
    if header.inverted and dtype.kind == "u":
        image = np.iinfo(dtype).max - image
    return image if header.samples > 1 else image[..., 0]


def _decompress(data: bytes, compression: int, expected: int) -> bytes | bytearray:
    import imagecodecs

    name = _COMPRESSIONS[compression]
    decoded: bytes | bytearray = data
    if name != "none":
        decode = {
            "LZW": imagecodecs.lzw_decode,
            "deflate": imagecodecs.deflate_decode,
            "packbits": imagecodecs.packbits_decode,
            "zstd": imagecodecs.zstd_decode,
            "lzma": imagecodecs.lzma_decode,
        }[name]
        try:
            decoded = decode(data, out=expected)  # never more than the declared bytes
        except (RuntimeError, ValueError) as error:  # every codec has its own subclass of RuntimeError
            raise BadImageError("bad_structure", f"{name} strip cannot be decoded: {error}") from error
    if len(decoded) < expected:
        raise BadImageError("truncated", f"{name} strip gives {len(decoded)} of {expected} bytes")
    return decoded
