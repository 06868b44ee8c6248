"""Reads the fenced blocks of a Markdown page, and runs them as a reader would, one after the other in one folder."""

from __future__ import annotations

import contextlib
import fnmatch
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phasewell.cli import main
from phasewell.config import parse_config

LANGUAGES = {"bash", "python", "sql", "toml", "csv", "sh", "ini", "text", "json", "yaml"}
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[^\n]*)\n(?P<body>.*?)^(?P=indent)```\s*$", re.MULTILINE | re.DOTALL
)
_NOTE = re.compile(r"<!-- (?P<word>given|file|append|exit|not run|output)(?:: (?P<value>[^\n]*?))? -->")
_SHELL = set("|&;<>$`(){}*?~")  # what only a shell understands


@dataclass
class Snippet:
    """A fenced block, and what the comments right before it say."""

    page: str
    line: int
    language: str
    text: str
    notes: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page}:{self.line} ({self.language or 'no language'})"


def read_snippets(page: Path, name: str) -> list[Snippet]:
    """Return the blocks of a page in order; comments belong to the next block."""
    text, found, after = page.read_text(encoding="utf-8"), [], 0
    for match in _FENCE.finditer(text):
        if match["language"].startswith("{"):
            continue  # a directive of the site, not code
        notes = {note["word"]: note["value"] or "" for note in _NOTE.finditer(text, after, match.start())}
        body = match["body"].replace("\n" + match["indent"], "\n").removeprefix(match["indent"])
        line = text.count("\n", 0, match.start()) + 1
        found.append(Snippet(name, line, match["language"].strip(), body, notes))
        after = match.end()
    return found


class Reader:
    """Does in a folder what a page says. `given` are makers of what a page may begin with, and return variables."""

    def __init__(self, folder: Path, given: dict[str, Any], set_variable: Any = None) -> None:
        self.folder, self.given, self.set_variable = folder, given, set_variable
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.printed = ""

    def follow(self, snippet: Snippet) -> None:
        """Do one block; raises AssertionError that names page and line when it does not do what the page says."""
        if source := snippet.notes.get("given"):
            for name, value in (self.given[source](self.folder) or {}).items():
                self.set_variable(name, value)
        if "not run" in snippet.notes:
            return
        try:
            getattr(self, f"_{snippet.language or 'text'}")(snippet)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"{snippet}: {type(error).__name__}: {error}\n{self.printed[-2000:]}") from error

    def _bash(self, snippet: Snippet) -> None:
        printed, code = [], 0
        for line in _logical_lines(snippet.text):
            assert code == 0, f"{line!r} comes after a command that ended with {code}"
            out, code = self._command(line)
            printed.append(out)
        self.printed = "".join(printed)
        expected, _, without = snippet.notes.get("exit", "0").partition(" ")
        if without:  # "69 without a GPU"
            from phasewell.device import count_gpus

            expected = "0" if count_gpus() else expected
        assert code == int(expected), f"ended with {code}"

    def _command(self, line: str) -> tuple[str, int]:
        words = shlex.split(line, comments=True)
        if not words:
            return "", 0
        bare = re.sub(r"'[^']*'", "", line).partition(" #")[0]
        if words[0] == "phasewell" and not _SHELL & set(bare):
            stream = io.StringIO()
            with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
                code = main(words[1:])
            return stream.getvalue(), code
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line], capture_output=True, text=True, env=environment, check=False
        )
        return done.stdout + done.stderr, done.returncode

    def _python(self, snippet: Snippet) -> None:
        stream = io.StringIO()
        with contextlib.redirect_stdout(stream):
            exec(compile(snippet.text, str(snippet), "exec"), self.names)
        self.printed = stream.getvalue()

    def _sql(self, snippet: Snippet) -> None:
        import duckdb

        with duckdb.connect(str(self.folder / "run" / "results.duckdb"), read_only=True) as database:
            for statement in filter(None, (part.strip() for part in snippet.text.split(";"))):
                self.printed = str(database.sql(statement))

    def _toml(self, snippet: Snippet) -> None:
        document = tomllib.loads(snippet.text)
        if not self._kept(snippet):
            document.setdefault("plate", {}).setdefault("store", "plate.zarr")
            document.setdefault("run", {}).setdefault("output", "run")
            parse_config(document, str(snippet))

    def _csv(self, snippet: Snippet) -> None:
        assert self._kept(snippet), "say <!-- file: NAME --> before it"

    _sh = _ini = _json = _yaml = _csv

    def _text(self, snippet: Snippet) -> None:
        if self._kept(snippet) or "output" not in snippet.notes:
            commands = [
                line for line in snippet.text.splitlines() if re.match(r"\s*(\$ |phasewell |pip |\.venv)", line)
            ]
            assert not commands, f"a command in a block that nobody runs: {commands[0]}"
            return
        rest = iter(self.printed.splitlines())
        for expected in snippet.text.splitlines():
            pattern = re.sub(r"([\[\]?*])", r"[\1]", expected.rstrip()).replace("...", "*")
            assert any(fnmatch.fnmatchcase(line.rstrip(), pattern) for line in rest), f"not printed: {expected!r}"

    def _kept(self, snippet: Snippet) -> bool:
        for word, mode in (("file", "w"), ("append", "a")):
            if name := snippet.notes.get(word):
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open(mode, encoding="utf-8") as file:
                    file.write(snippet.text)
                if path.suffix in (".sh", ".py"):
                    path.chmod(0o755)
                return True
        return False


def _logical_lines(text: str) -> list[str]:
    lines = text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
