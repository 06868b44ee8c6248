"""The text of the GPU kernels: entry points and parameters as the source declares them, and one flat file of each."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SOURCES = Path(__file__).parent
# No contraction of a * b + c: the same bits as on a CPU. CuPy adds CUPY_OPTIONS by itself: functions for sizes of
# scratch carry no mark of the device, as a host compiler reads them too, and a run-time compiler refuses such functions
# unless it is told what they are. Denormal numbers, which -ftz=true makes 0, occur nowhere: the only floats that are
# no small integers are those of scale_images, whose door keeps them far away.
OPTIONS = ("-std=c++17", "--fmad=false")
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")

_ENTRY = re.compile(r"^PW_KERNEL\s+(?:__launch_bounds__\([^)]*\)\s+)?(\w+)\(([^)]*)\)", re.MULTILINE)
_ENTRY_POINTS = re.compile(r"^#ifdef PW_CUDA\n(?:(?!#).*\n)*?PW_KERNEL(?:.*\n)*?#endif\n", re.MULTILINE)
_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"$', re.MULTILINE)


class Entry(NamedTuple):
    """An entry point: its file, and type and name of every parameter, such as ("const uint8_t*", "pixels")."""

    file: str
    parameters: tuple[tuple[str, str], ...]


@functools.cache
def entry_points() -> dict[str, Entry]:
    """Return the entry points of all .cuh files by name, as their source declares them."""
    found = {}
    for path in sorted(SOURCES.glob("*.cuh")):
        for name, text in _ENTRY.findall(path.read_text()):
            pairs = (re.fullmatch(r"(.*?[*\s])\s*(\w+)", " ".join(one.split())) for one in text.split(","))
            found[name] = Entry(
                path.name, tuple((pair[1].replace(" *", "*").strip(), pair[2]) for pair in pairs if pair)
            )
    return found


def flat_source(file: str) -> str:
    """Return a .cuh file with every .cuh it includes in place, each once, so that a compiler cache sees all of it.

    The entry points of those it includes are left out: compiling them again would more than double the time.
    """
    seen: set[str] = set()

    def expand(name: str) -> str:
        if name in seen:
            return ""
        seen.add(name)
        text = (SOURCES / name).read_text()
        if name != file:
            text = _ENTRY_POINTS.sub("", text)
        return _INCLUDE.sub(lambda found: expand(found[1]), text)

    return expand(file)


_SCALARS = {"int32_t": np.int32, "uint32_t": np.uint32, "int64_t": np.int64, "float": np.float32}
_ARRAYS = {f"{name}*": np.dtype(name.removesuffix("_t")) for name in ("int8_t", "uint8_t", "int16_t", "uint16_t")}
_ARRAYS |= {f"{name}*": np.dtype(name.removesuffix("_t")) for name in ("int32_t", "uint32_t", "int64_t", "uint64_t")}
_ARRAYS |= {"float*": np.dtype("float32"), "double*": np.dtype("float64")}


def typed_arguments(
    name: str, arguments: list[Any], places: tuple[int, int], strides: tuple[int, int]
) -> tuple[Any, ...]:
    """Return the arguments of a launch as the entry point declares them, with its scratch memory where it takes it.

    `places` and `strides` are addresses and bytes per block of the small and of the large scratch memory: a parameter
    `char*` and the one after it. An entry point with one `char*` takes whichever it has.
    Raises TypeError where a value does not fit its parameter.
    """
    scratch = list(zip(places, strides, strict=True))
    parameters = entry_points()[name].parameters
    where = [index for index, (kind, _) in enumerate(parameters) if kind == "char*"]
    if len(where) == 1:
        scratch = [max(scratch)]
    values = list(arguments)
    for index, pair in zip(where, scratch, strict=False):
        values[index:index] = pair
    if len(values) != len(parameters):
        raise TypeError(f"{name}: {len(values)} arguments for {len(parameters)} parameters")
    return tuple(_typed(name, *one) for one in zip(parameters, values, strict=True))


def _typed(name: str, parameter: tuple[str, str], value: Any) -> Any:
    kind = parameter[0].removeprefix("const ")
    if kind == "char*":
        return np.uint64(value)
    if kind in _SCALARS and isinstance(value, int | float | np.generic):
        return _SCALARS[kind](value)  # type: ignore[arg-type]
    wanted = _ARRAYS.get(kind, np.dtype(np.int32) if kind.startswith("pw::") else None)  # structures of int32
    if wanted is None or getattr(value, "dtype", None) != wanted:
        raise TypeError(f"{name}: {parameter[1]} is {kind}, not {getattr(value, 'dtype', type(value).__name__)}")
    return value
