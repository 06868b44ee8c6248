"""What is used of CuPy exists in the real one, under these names and keywords; it imports without a driver."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import strict_cupy

cupy = pytest.importorskip("cupy", reason="cupy-cuda13x is not installed: names and keywords are not held against it")


def parameters_of(function: Any) -> list[str]:
    """Return the names of a function's parameters, of a compiled method from the first line of its docstring."""
    try:
        return [*inspect.signature(function).parameters]
    except (TypeError, ValueError):
        line = re.search(r"\((.*)\)", function.__doc__.splitlines()[0])
        assert line, function
        names = [part.split("=")[0].split()[-1].lstrip("*") for part in line[1].split(",")]
        return [name for name in names if name]


@pytest.mark.parametrize("name", strict_cupy.FUNCTIONS)
def test_functions(name: str) -> None:
    there = parameters_of(getattr(cupy, name))
    wanted = strict_cupy.FUNCTIONS[name]
    assert set(wanted) <= set(there), f"cupy.{name}({', '.join(there)})"
    assert [one for one in there if one in wanted] == [*wanted], "positions"


@pytest.mark.parametrize("name", strict_cupy.METHODS)
def test_methods(name: str) -> None:
    there, wanted = parameters_of(getattr(cupy.ndarray, name)), strict_cupy.METHODS[name]
    assert set(wanted) <= set(there), f"cupy.ndarray.{name}({', '.join(there)})"


@pytest.mark.parametrize("name", strict_cupy.UFUNCS)
def test_ufuncs(name: str) -> None:
    ufunc = getattr(cupy, name)
    assert isinstance(ufunc, cupy.ufunc)
    loops = set(ufunc.types)
    wanted = {"abs": "h->h", "sqrt": "d->d", "floor": "d->d"}.get(name)
    assert ({wanted} if wanted else {f"{kind * 2}->{kind}" for kind in "bBhHiIlL"}) <= loops
    assert (name in strict_cupy.AT_DTYPES) <= hasattr(ufunc, "at")


def test_what_else_an_array_has() -> None:
    assert set(strict_cupy.ATTRIBUTES) <= set(dir(cupy.ndarray))
    assert all(issubclass(getattr(cupy, name), object) for name in strict_cupy.SCALARS)
    from cupyx.scipy import ndimage

    assert [*inspect.signature(ndimage.label).parameters] == ["input", *strict_cupy.LABEL_KEYWORDS]
