"""Every name and number of arguments of TensorRT that the engine uses, against the real bindings of 11.x and 10.16.

The bindings are compiled against three libraries of a gigabyte that nobody can install from an index; nine functions of
them are missing to import the bindings, and here those return nothing. So names, classes and signatures are the real
ones, and nothing can be built or run.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from phasewell.inference import tensorrt_engine

VERSIONS = ("11.4.0.106", "10.16.1.11")
CLASSES = {
    "builder": "Builder",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "config": "IBuilderConfig",
    "profile": "IOptimizationProfile",
    "runtime": "Runtime",
    "engine": "ICudaEngine",
    "context": "IExecutionContext",
}
STUBS = {
    "nvinfer": (
        "createInferBuilder_INTERNAL",
        "createInferRefitter_INTERNAL",
        "createInferRuntime_INTERNAL",
        "getBuilderPluginRegistry",
        "getPluginRegistry",
    ),
    "nvinfer_plugin": ("initLibNvInferPlugins",),
    "nvonnxparser": (
        "createNvOnnxParserRefitter_INTERNAL",
        "createNvOnnxParser_INTERNAL",
        "getNvOnnxParserVersion",
    ),
}
SOURCE = Path(tensorrt_engine.__file__).read_text()


def used_names(source: str) -> Iterator[tuple[tuple[str, ...], int | None]]:
    """Yield (way from the module, number of arguments where it is called) of everything of TensorRT in a source."""
    tree = ast.parse(source)
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    calls = {
        id(node.func): len(node.args) + len(node.keywords) for node in ast.walk(tree) if isinstance(node, ast.Call)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        way, value = [node.attr], node.value
        while isinstance(value, ast.Attribute):
            way, value = [value.attr, *way], value.value
        if isinstance(value, ast.Name) and value.id in {"trt", *CLASSES}:
            first = [] if value.id == "trt" else [CLASSES[value.id]]
            yield (*first, *way), calls.get(id(node))


def argument_counts(name: str, documentation: str) -> list[tuple[int, int]]:
    """Return (fewest, most) arguments of every signature in a documentation, `self` apart."""
    counts = []
    for found in re.findall(rf"\b{name}\((self[^)]*)\)", documentation):
        parts = re.split(r",\s*(?=\w+:)", re.sub(r"\[[^\]]*\]", "", found))[1:]
        counts.append((sum("=" not in part for part in parts), len(parts)))
    return counts


def ask(version: str, folder: Path, ways: list[tuple[str, ...]]) -> tuple[str, list[str | None]]:
    bindings = Path(sys.prefix) / "tensorrt" / version
    if not bindings.is_dir():
        pytest.skip(f"the bindings of TensorRT {version} are not there: `make test` installs them")
    major = version.partition(".")[0]
    for library, functions in STUBS.items():
        source = "".join(f"void *{name}(void) {{ return 0; }}\n" for name in functions)
        target = folder / f"lib{library}.so.{major}"
        command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", f"-Wl,-soname,{target.name}", "-o", str(target)]
        subprocess.run(command, input=source, text=True, check=True)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("tensorrt_names.py"))],
        input=json.dumps(ways),
        env={**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": str(bindings)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, documentation = json.loads(done.stdout)
    return said, documentation


@pytest.mark.parametrize("version", VERSIONS)
def test_every_name_exists_and_takes_these_arguments(version: str, tmp_path: Path) -> None:
    used = sorted(set(used_names(SOURCE)), key=str)
    ways = [way for way, _ in used]
    assert len(ways) > 20
    questions = [way if count is None or len(way) > 1 else (*way, "__init__") for way, count in used]
    absent = [("NoSuchName",), ("Builder", "no_such_method"), ("BuilderFlag", "NO_SUCH_FLAG")]
    said, found = ask(version, tmp_path, questions + absent)
    assert said == version
    assert found[-3:] == [None] * 3
    checked = 0
    for (way, count), name, documentation in zip(used, (way[-1] for way in questions), found[:-3], strict=True):
        assert documentation is not None, f"TensorRT {version} has no {'.'.join(way)}"
        if count is not None and (counts := argument_counts(name, documentation)):
            assert any(few <= count <= many for few, many in counts), f"{way} with {count} arguments: {documentation}"
            checked += 1
    assert checked >= 12


def test_all_of_its_calls_are_seen() -> None:
    """The check knows objects by their names: what it sees are the calls that a person counts in the source."""
    seen = {way for way, _ in used_names(SOURCE)}
    assert {("NetworkDefinitionCreationFlag", "STRONGLY_TYPED"), ("IExecutionContext", "execute_async_v3")} < seen
    assert {way[0] for way in seen} >= set(CLASSES.values()) - {"INetworkDefinition"}
    assert ("Builder", "nothing") in {way for way, _ in used_names("builder.nothing(1)")}
    assert argument_counts("f", "f(self: a.B, x: int, y: tuple[int, int] = 0) -> None") == [(1, 2)]
