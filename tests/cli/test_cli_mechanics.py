"""The command line: cheap to start, JSON everywhere, exit codes of the contract."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import cyclopts
import pytest
from phasewell.cli import app, main
from phasewell.console import with_options
from phasewell.doctor import explain_missing

HEAVY = {
    "numpy",
    "scipy",
    "zarr",
    "pyarrow",
    "duckdb",
    "sklearn",
    "xgboost",
    "altair",
    "distributed",
    "pandas",
    "pydantic",
}
VERBS = {
    "demo", "doctor", "ingest", "validate", "simulate", "plan", "run", "status", "fit", "predict", "report", "export",
    "load", "config", "completion", "bench", "quantise", "train", "reproduce",
}  # fmt: skip


def commands(root: cyclopts.App) -> list[cyclopts.App]:
    found = []
    for name in root:
        if not name.startswith("-"):
            found += [root[name], *commands(root[name])]
    return found


def test_help_loads_no_heavy_library() -> None:
    code = "import sys; from phasewell.cli import main; main(['--help']); print(*sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: phasewell" in done.stdout
    assert not HEAVY & {name.partition(".")[0] for name in done.stderr.split()}


def test_verbs_are_those_of_the_design() -> None:
    assert {name for name in app if not name.startswith("-")} == VERBS


def test_every_argument_of_every_verb_is_explained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "600")
    lines: list[str] = []
    for path in [[name] for name in VERBS] + [["reproduce", "paper-k"], ["reproduce", "paper-r"], ["config", "init"]]:
        assert main([*path, "--help"]) == 0
        lines += [
            f"{path}: {line}" for line in capsys.readouterr().out.splitlines() if line.startswith("│") and "--" in line
        ]
    assert len(lines) > 100
    assert [line for line in lines if "[default: None]" in line or "--empty-" in line] == []
    explained = re.compile(r"│( \*)? +(\S+ ){1,4} {1,}[^\[ ]")
    assert [line for line in lines if not explained.search(re.sub(r"(--\S+|-q)( [A-Z]\S*)*", "X", line) + " ")] == []


def test_help_has_every_verb_once_in_the_order_of_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("│ ")]
    found = [word for word in shown if word in VERBS]
    assert sorted(found) == sorted(VERBS)
    assert found.index("ingest") < found.index("run") < found.index("report") < found.index("fit")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("plate: the source has 2: a, b; choose one with plate=", "choose one with --plate"),
        ("simulate: fields=0; expected 1..10000", "simulate: --fields 0; expected"),
        ("none of 3 images says it; give pixel_size_um, the um", "give --pixel-size-um, the um"),
        ("layout='regex' with pattern=, or", "--layout regex with --pattern, or"),
        ("give foreign.pixel_size_um, or plate", "give foreign.pixel_size_um, or plate"),
        ("/data/plate=7/pixel_size_um: not there", "/data/plate=7/pixel_size_um: not there"),
        ("column 'pixel_size_um' twice; my_fields=3", "column 'pixel_size_um' twice; my_fields=3"),
    ],
)
def test_messages_of_the_library_name_options(message: str, said: str) -> None:
    options = {"--plate", "--fields", "--pixel-size-um", "--layout", "--pattern"}
    assert said in with_options(message, options)


def test_every_verb_speaks_json() -> None:
    for command in commands(app):
        if command.default_command and command.name[0] != "completion":
            arguments = command.assemble_argument_collection()
            assert any("--json" in argument.names for argument in arguments), command.name


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "--no-such-option"], 64, "--no-such-option"),
        (["no-such-verb"], 64, "no-such-verb"),
        (["run"], 64, "run: CONFIG is missing; see phasewell run --help"),
        (["train", "plate.zarr"], 64, "train: --output is missing"),
        (["simulate", "plate.zarr", "--fields", "0"], 64, "--fields 0; expected 1..10000"),
        (["run", "absent.toml"], 64, "config init"),
        (["config", "show", "wrong.toml"], 64, "did you mean preset?"),
        (["ingest", "empty", "plate.zarr", "--pixel-size-um", "1"], 65, "empty"),
    ],
)
def test_errors_end_with_their_code(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "wrong.toml").write_text('[plate]\nstore="p"\n[run]\noutput="o"\n[segmentation]\nprest="phase"\n')
    assert main(arguments) == code
    assert said in capsys.readouterr().err


def test_an_error_is_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(tmp_path / "absent.toml"), "--json"]) == 64
    assert json.loads(capsys.readouterr().out)["exit_code"] == 64


def test_doctor_names_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["cores"] >= 1
    assert report["kernels"].startswith("cpu")


def test_config_init_is_a_valid_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.toml"
    assert main(["config", "init", str(path)]) == 0
    assert main(["config", "init", str(path)]) == 64
    capsys.readouterr()
    assert main(["config", "show", str(path), "--set", "compute.workers=2"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["compute"]["workers"] == 2
    assert shown["plate"]["store"] == str(tmp_path / "plate.zarr")


def test_simulate_makes_clones_or_lines_and_not_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--fields", "1", "--times", "1", "--size", "64", "--quiet", "--json"]
    assert main(["simulate", str(tmp_path / "lines.zarr"), "--lines", "2", "--wells", "2", *small]) == 0
    assert json.loads(capsys.readouterr().out)["wells"] == 4
    for wrong in (["--clones", "2", "--lines", "2"], ["--wells", "2"]):
        assert main(["simulate", str(tmp_path / "other.zarr"), *wrong, *small]) == 64
        assert "clones or lines" in capsys.readouterr().err
    assert not (tmp_path / "other.zarr").exists()


def test_a_missing_extra_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")

    monkeypatch.setattr("phasewell.runs.train_model", absent, raising=False)
    assert main(["train", str(tmp_path / "plate.zarr"), "--output", str(tmp_path / "model")]) == 69
    assert "torch is not installed; it comes with the extra train. In the checkout: " in capsys.readouterr().err
    with pytest.raises(ModuleNotFoundError, match="elsewhere"):
        explain_missing(ModuleNotFoundError("elsewhere", name="elsewhere"))


def test_a_password_that_reads_like_an_argument_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["load", str(tmp_path), "postgres+tcp://loader:workers=1@db.example.org/screens"]) == 64
    said = capsys.readouterr()
    assert "workers" not in said.err + said.out
