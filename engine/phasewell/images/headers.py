"""What an image file says of itself, read before any pixel is: format, size, depth, samples, where the bytes lie.

Only bounded reads: a header may declare anything, so nothing is allocated from what it declares.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from phasewell.errors import InputError

# Every reason a delivered frame can be unusable for; `FrameRecord.reason` holds one of these.
REASONS = {
    "empty_file": "the file has no bytes",
    "truncated": "the file ends before its pixels do",
    "not_an_image": "the file is no TIFF and no PNG",
    "unsupported": "an image format or compression that is not read (JPEG, because damage in it does not show)",
    "not_grayscale": "more than one channel with different values, a palette, or transparency",
    "wrong_dtype": "not the pixel type of this plate",
    "wrong_size": "not the frame size of this plate",
    "non_finite": "floating point with NaN or infinite values",
    "unexpected_pages": "more than one image in the file",
    "bad_structure": "the file contradicts itself",
    "too_large": "more pixels or bytes than one frame may have",
    "bad_index": "a well, field or time that no plate has",
    "duplicate_conflict": "two files with different bytes for the same well, field and time",
    "not_regular_file": "a folder, pipe, socket or device",
    "permission_denied": "the file may not be read",
    "unreadable": "the system failed to read the file",
    "changed_during_read": "the file changed while it was read",
    "timeout": "decoding took longer than one frame may take",
    "crash": "the decoder died on this file",
    "chunk_damaged": "the stored bytes fail their checksum",
    "chunk_missing": "a part of the stored frame is not there; Zarr would read it as the fill value",
}

Read = Callable[[int, int], bytes]  # (offset, count) -> at most `count` bytes, fewer at the end of the file
MAX_PIXELS = 1 << 28  # per frame; 16384 x 16384
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG_MAGIC = b"\xff\xd8\xff"
_OTHER_MAGICS = (b"GIF8", b"BM", b"\0\0\0\x0cjP  ", b"RIFF", b"\xabKTX")


class BadImageError(InputError):
    """A file that cannot become a frame; `reason` is a key of REASONS, the message says what was found."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Segment:
    """One strip or tile: where its bytes lie and which samples of which pixels it holds (tiles may overhang)."""

    offset: int
    nbytes: int
    y: int
    x: int
    height: int
    width: int
    plane: int = 0


@dataclass(frozen=True)
class ImageHeader:
    """Size and structure of one image; `dtype` is "uint8", "uint16" or a name such as "float32" that is refused."""

    format: str  # "tiff" or "png"
    height: int
    width: int
    samples: int
    dtype: str
    description: str = ""  # TIFF ImageDescription
    flags: tuple[str, ...] = ()
    calibration_um: float | None = None  # NIS-Elements keeps um per pixel in a tag of its own
    big_endian: bool = False
    compression: int = 1
    predictor: int = 1
    planar: bool = False  # one plane per sample
    inverted: bool = False
    segments: tuple[Segment, ...] = field(default=(), repr=False)
    resolution: tuple[float | None, float | None] = (None, None)  # pixels per unit, x and y; the unit is elsewhere

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width


def read_header(read: Read, size: int, page: int | None = None) -> ImageHeader:
    """Return the header of a TIFF or PNG of `size` bytes; `page` is the image of a TIFF with several, from 0.

    Raises BadImageError with a reason; reads at most a few MB whatever the file declares.
    """
    if size == 0:
        raise BadImageError("empty_file", "0 bytes")
    magic = read(0, 16)
    if magic[:4] in _TIFF_MAGICS:
        from phasewell.images.tiff import read_tiff_header

        return read_tiff_header(read, size, page)
    if magic[:8] == PNG_MAGIC:
        if page:
            raise BadImageError("bad_structure", f"a PNG has no image {page}")
        return _read_png_header(read, size)
    known = (*_TIFF_MAGICS, PNG_MAGIC)
    if any(size < len(start) and start.startswith(magic) for start in known):
        raise BadImageError("truncated", f"{size} bytes, the start of an image")
    if magic.startswith(_JPEG_MAGIC):
        raise BadImageError("unsupported", "JPEG: a damaged JPEG decodes to wrong pixels; export TIFF or PNG")
    if magic.startswith(_OTHER_MAGICS):
        raise BadImageError("unsupported", f"image format starting with {magic[:4]!r}; export TIFF or PNG")
    raise BadImageError("not_an_image", f"starts with {magic[:8]!r}")


def check_declared(height: int, width: int, samples: int) -> None:
    """Raise BadImageError when a declared size is empty or more than one frame may have."""
    if height < 1 or width < 1 or samples < 1:
        raise BadImageError("wrong_size", f"declares {height} x {width} with {samples} samples")
    if height * width > MAX_PIXELS:
        raise BadImageError("too_large", f"declares {height} x {width}; at most {MAX_PIXELS} pixels")


def _read_png_header(read: Read, size: int) -> ImageHeader:
    head = read(0, 33)
    if len(head) < 33:
        raise BadImageError("truncated", f"PNG of {size} bytes")
    if head[12:16] != b"IHDR" or zlib.crc32(head[12:29]) != int.from_bytes(head[29:33], "big"):
        raise BadImageError("bad_structure", "PNG without a valid IHDR chunk")
    width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    bits, colour = head[24], head[25]
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour)
    if samples is None:
        raise BadImageError("bad_structure", f"PNG colour type {colour}")
    check_declared(height, width, samples)
    if colour in (3, 4, 6):
        raise BadImageError("not_grayscale", "PNG with a palette" if colour == 3 else "PNG with transparency")
    if read(size - 12, 12) != b"\0\0\0\0IEND\xaeB`\x82":
        raise BadImageError("truncated", f"PNG of {size} bytes without its end mark")
    return ImageHeader("png", height, width, samples, f"uint{bits}" if bits in (8, 16) else f"{bits}-bit")


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, body) of every chunk up to IEND; raises BadImageError for a bad checksum or a missing end."""
    position = len(PNG_MAGIC)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + length
        if end > len(data):
            break
        kind, body = data[position + 4 : position + 8], data[position + 8 : end - 4]
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[end - 4 : end], "big"):
            raise BadImageError("bad_structure", f"PNG chunk {kind!r} at byte {position} fails its checksum")
        yield kind, body
        if kind == b"IEND":
            return
        position = end
    raise BadImageError("truncated", "PNG without its end mark")
