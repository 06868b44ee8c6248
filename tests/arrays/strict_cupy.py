"""A stand-in for CuPy that refuses what CuPy refuses, over NumPy arrays, for machines without a GPU.

It offers only the functions, methods and keywords of the tables below (a contract test holds them against the real
CuPy). No array becomes a NumPy array unless `get` or `asnumpy` is called, and NumPy's functions refuse its arrays. What
a GPU leaves open is made to differ from NumPy: which of several assignments to one place wins, the order of sums, the
order of equal keys in a sort, what `empty` holds and how components are numbered. Every call, and everything for which
the host has to wait, is counted.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage as scipy_ndimage

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "append": ("arr", "values", "axis"),
    "arange": ("start", "stop", "step", "dtype"),
    "argsort": ("a", "axis"),
    "asarray": ("a", "dtype"),
    "ascontiguousarray": ("a", "dtype"),
    "bincount": ("x", "weights", "minlength"),
    "clip": ("a", "a_min", "a_max", "out"),
    "concatenate": ("tup", "axis"),
    "count_nonzero": ("a", "axis"),
    "cumsum": ("a", "axis", "dtype"),
    "diff": ("a", "n", "axis", "prepend", "append"),
    "empty": ("shape", "dtype"),
    "empty_like": ("prototype", "dtype"),
    "flatnonzero": ("a",),
    "full": ("shape", "fill_value", "dtype"),
    "lexsort": ("keys",),
    "ones": ("shape", "dtype"),
    "pad": ("array", "pad_width", "mode"),
    "searchsorted": ("a", "v", "side"),
    "stack": ("tup", "axis"),
    "take": ("a", "indices", "axis"),
    "unique": ("ar", "return_index", "return_inverse", "return_counts", "axis"),
    "where": ("condition", "x", "y"),
    "zeros": ("shape", "dtype"),
    "zeros_like": ("a", "dtype"),
}
UFUNCS = ("abs", "add", "floor", "maximum", "minimum", "multiply", "sqrt", "subtract")
UFUNC_KEYWORDS = ("out", "dtype")
AT_DTYPES = {  # of the array that minimum.at and its like change: CUDA's atomics as CuPy uses them
    "add": ("int32", "float16", "float32", "float64", "uint32", "uint64"),
    "maximum": ("int32", "float32", "float64", "uint32", "uint64"),
    "minimum": ("int32", "float32", "float64", "uint32", "uint64"),
}
METHODS: dict[str, tuple[str, ...]] = {
    "all": ("axis",),
    "any": ("axis",),
    "argmax": ("axis",),
    "astype": ("dtype", "copy"),
    "copy": (),
    "get": (),
    "max": ("axis",),
    "min": ("axis",),
    "ravel": (),
    "reshape": ("shape",),
    "sum": ("axis", "dtype"),
    "swapaxes": ("axis1", "axis2"),
    "trace": ("offset", "axis1", "axis2"),
    "transpose": ("axes",),
    "view": ("dtype",),
}
ATTRIBUTES = ("T", "dtype", "flags", "nbytes", "ndim", "shape", "size")
SCALARS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
LABEL_KEYWORDS = ("structure", "output")
WAITING = ("asarray", "bincount", "flatnonzero", "unique", "get", "label")  # the host waits for them, or they for it

_chance = np.random.default_rng(0)
calls: Counter[str] = Counter()
"""How often each name was called since `forget`."""


def forget(seed: int = 0) -> None:
    """Forget the calls, and choose anew what a GPU leaves open."""
    global _chance  # noqa: PLW0603 - one GPU
    _chance = np.random.default_rng(seed)
    calls.clear()


class ndarray:  # noqa: N801 - CuPy's name
    """An array in the memory of no host."""

    __slots__ = ("_values",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values)

    def __array__(self, *_: Any, **__: Any) -> Any:
        """Refuse: CuPy converts nothing implicitly."""
        raise TypeError("implicit conversion of a device array to NumPy: call .get()")

    def __array_ufunc__(self, ufunc: Any, *_: Any, **__: Any) -> Any:
        """Refuse: the engine calls the functions of its `xp`."""
        raise TypeError(f"numpy.{ufunc.__name__} was called with a device array")

    def __array_function__(self, function: Any, *_: Any) -> Any:
        """Refuse: the engine calls the functions of its `xp`."""
        raise TypeError(f"numpy.{function.__name__} was called with a device array")

    def __getattr__(self, name: str) -> Any:
        if name in ATTRIBUTES:
            value = getattr(self._values, name)
            return ndarray(value) if isinstance(value, np.ndarray) else value
        if name in METHODS:
            return _offer(name, METHODS[name], getattr(self._values, name), positional=name in ("reshape", "transpose"))
        raise AttributeError(f"a CuPy array as used here has no {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "_values":
            raise AttributeError(f"{name} of a device array cannot be set")
        object.__setattr__(self, name, value)

    def get(self) -> Any:
        """Return the array in host memory."""
        calls["get"] += 1
        return self._values.copy()

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Any:
        """Refuse: frame by frame is what a GPU must not do."""
        raise TypeError("a device array is gone through element by element")

    def __bool__(self) -> bool:
        calls["wait"] += 1
        return bool(self._values)

    def __int__(self) -> int:
        calls["wait"] += 1
        return int(self._values)

    __index__ = __int__

    def __getitem__(self, key: Any) -> ndarray:
        calls["getitem"] += 1
        return ndarray(self._values[_index(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        calls["setitem"] += 1
        index, given = _index(key), _operand(value)
        if isinstance(index, np.ndarray) and index.dtype.kind in "iu" and not np.isscalar(given) and np.ndim(given):
            order = _chance.permutation(index.size)  # of equal places, any may win
            index, given = index.ravel()[order], np.broadcast_to(given, index.shape).ravel()[order]
        self._values[index] = given


def _index(key: Any) -> Any:
    parts = [_operand(one) if isinstance(one, ndarray) else one for one in (key if isinstance(key, tuple) else (key,))]
    for given, part in zip(key if isinstance(key, tuple) else (key,), parts, strict=True):
        if not isinstance(given, ndarray | slice | int | np.integer) and given is not None and given is not Ellipsis:
            raise TypeError(f"a device array is indexed by {type(part).__name__}: an implicit copy to the device")
    return tuple(parts) if isinstance(key, tuple) else parts[0]


def _operand(value: Any) -> Any:
    # what an operation takes: device arrays and scalars, never an array of the host
    if isinstance(value, ndarray):
        return value._values
    if isinstance(value, np.ndarray) or (isinstance(value, list | tuple) and any(map(_is_array, value))):
        raise TypeError(f"unsupported type {type(value)}: expected a device array")
    return value


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _wrap(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_wrap(one) for one in value)
    return ndarray(value) if isinstance(value, np.ndarray | np.generic) else value


def _offer(name: str, allowed: tuple[str, ...], function: Callable[..., Any], positional: bool = False) -> Any:
    # a function or method whose keywords are checked, and whose arrays are taken out and wrapped again
    def call(*arguments: Any, **named: Any) -> Any:
        if (unknown := set(named) - set(allowed)) or (len(arguments) > len(allowed) and not positional):
            raise TypeError(f"{name} does not take {', '.join(sorted(unknown)) or 'so many arguments'}")
        calls[name] += 1
        return _wrap(function(*map(_operand, arguments), **{key: _operand(value) for key, value in named.items()}))

    return call


def _operator(symbol: str) -> None:
    def call(self: ndarray, *others: Any) -> Any:
        calls["operator"] += 1
        result = getattr(operator, symbol)(self._values, *(_operand(other) for other in others))
        if symbol.startswith("i") and symbol != "invert":
            self._values = result
            return self
        return ndarray(result)

    def reflected(self: ndarray, other: Any) -> Any:
        calls["operator"] += 1
        return ndarray(getattr(operator, symbol)(_operand(other), self._values))

    setattr(ndarray, f"__{symbol.rstrip('_')}__", call)
    if symbol.rstrip("_") in ("add", "sub", "mul", "and", "or", "floordiv", "mod"):
        setattr(ndarray, f"__r{symbol.rstrip('_')}__", reflected)


for _symbol in ("add", "sub", "mul", "floordiv", "mod", "and_", "or_", "lt", "le", "gt", "ge", "eq", "ne"):
    _operator(_symbol)
for _symbol in ("invert", "neg", "iadd", "isub", "imul", "iand", "ior"):
    _operator(_symbol)


class _Ufunc:
    def __init__(self, name: str) -> None:
        self._name, self._function = name, getattr(np, name)
        if name not in AT_DTYPES:
            self.at = None  # type: ignore[assignment,method-assign]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        result = _offer(self._name, UFUNC_KEYWORDS, self._function, positional=True)(*arguments, **named)
        return named["out"] if named.get("out") is not None else result

    def at(self, array: ndarray, indices: ndarray, values: Any) -> None:
        calls[f"{self._name}.at"] += 1
        if array.dtype.name not in AT_DTYPES[self._name]:
            raise TypeError(f"{self._name}.at only supports {', '.join(AT_DTYPES[self._name])}, not {array.dtype}")
        places, given = _operand(indices), np.broadcast_to(_operand(values), indices.shape).astype(array.dtype)
        order = _chance.permutation(places.size)
        self._function.at(array._values, places[order], given[order])


def _empty(shape: Any, dtype: Any = float) -> Any:
    return _rubbish(np.empty(shape, dtype))


def _empty_like(prototype: Any, dtype: Any = None) -> Any:
    return _rubbish(np.empty_like(prototype, dtype))


def _rubbish(values: Any) -> Any:
    values.reshape(-1).view(np.uint8)[...] = 0x5A
    return values


def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    order = _chance.permutation(len(x))
    return np.bincount(x[order], None if weights is None else weights[order], minlength)


def _argsort(a: Any, axis: int = -1) -> Any:
    assert a.ndim == 1 and axis == -1
    order = _chance.permutation(len(a))  # equal keys in any order
    return order[np.argsort(a[order], kind="stable")]


def _lexsort(keys: Any) -> Any:
    assert isinstance(keys, np.ndarray) and keys.ndim == 2, "CuPy's lexsort takes one array of keys"
    order = _chance.permutation(keys.shape[1])
    return order[np.lexsort(keys[:, order])]


def _diff(a: Any, n: int = 1, axis: int = -1, **around: Any) -> Any:
    return np.diff(a, n, axis, **around)


def _concatenated(function: Any) -> Any:
    def call(tup: Any, axis: int = 0) -> Any:
        assert all(isinstance(one, ndarray) for one in tup), "CuPy concatenates device arrays only"
        return function([one._values for one in tup], axis=axis)

    return call


def asarray(a: Any, dtype: Any = None) -> ndarray:
    """Copy to the GPU; an array that is there stays."""
    calls["asarray"] += 1
    if isinstance(a, ndarray):
        return a if dtype is None else ndarray(a._values.astype(dtype, copy=False))
    return ndarray(np.array(a, dtype))


def asnumpy(a: ndarray) -> Any:
    """Copy from the GPU."""
    return a.get()


class _Ndimage:
    def label(self, input: ndarray, structure: Any = None, output: ndarray | None = None) -> Any:
        """Number components in no order; CuPy waits for their count."""
        calls["label"] += 1
        assert isinstance(input, ndarray), "input must be cupy.ndarray"
        if isinstance(structure, ndarray):
            raise TypeError("a structure on the device is copied back by every call")
        labels, count = scipy_ndimage.label(input._values, structure)
        number = np.concatenate([[0], _chance.permutation(count) + 1])
        if output is None:
            return ndarray(number[labels].astype(np.int32)), count
        output._values[...] = number[labels]
        return count


ndimage = _Ndimage()
_OWN = {
    "argsort": _argsort, "bincount": _bincount, "concatenate": _concatenated(np.concatenate), "diff": _diff,
    "empty": _empty, "empty_like": _empty_like, "lexsort": _lexsort, "stack": _concatenated(np.stack),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in SCALARS:
        return getattr(np, name)
    if name in UFUNCS:
        return _Ufunc(name)
    if name in FUNCTIONS:
        return _offer(name, FUNCTIONS[name], _OWN.get(name) or getattr(np, name))
    raise AttributeError(f"the stand-in for CuPy offers no {name}: look it up in CuPy, then add it to the tables")
