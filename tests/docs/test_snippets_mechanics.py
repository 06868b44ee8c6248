"""Every block of code in the documentation does what its page says, in a fresh folder for each page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from snippets import LANGUAGES, Reader, Snippet, read_snippets

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    if "made" not in path.relative_to(ROOT).parts
)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_every_snippet_of_a_page_runs(
    name: str, tmp_path: Path, given: dict[str, Callable[[Path], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    reader = Reader(tmp_path, given, monkeypatch.setenv)
    for snippet in read_snippets(ROOT / name, name):
        reader.follow(snippet)


def test_every_block_has_a_language_and_what_is_not_run_has_a_reason() -> None:
    blocks = [block for name in PAGES for block in read_snippets(ROOT / name, name)]
    assert [str(block) for block in blocks if block.language not in LANGUAGES | {""}] == []
    assert [str(block) for block in blocks if len(block.notes.get("not run", "a reason")) < 8] == []
    runnable = [block for block in blocks if block.language in ("bash", "python", "sql")]
    left_out = [block for block in runnable if "not run" in block.notes]
    assert len(left_out) < len(runnable) / 3, "most of what the pages say must be run"


def follow(tmp_path: Path, text: str) -> Reader:
    page = tmp_path / "page.md"
    page.write_text(text)
    reader = Reader(tmp_path, {})
    for snippet in read_snippets(page, "page.md"):
        reader.follow(snippet)
    return reader


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("```bash\nfalse\n```\n", "page.md:1 (bash)"),
        ("a\n\n```bash\nphasewell status nowhere\n```\n", "ended with 65"),
        ("```bash\nfalse\ntrue\n```\n", "comes after a command"),
        ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```toml\n[comput]\ndevice = 'cpu'\n```\n", "did you mean compute"),
        ("```csv\na,b\n```\n", "<!-- file"),
        ("```\nphasewell run run.toml\n```\n", "nobody runs"),
        ("```bash\necho one\n```\n<!-- output -->\n```text\ntwo\n```\n", "not printed: 'two'"),
    ],
)
def test_a_snippet_that_does_not_do_what_it_says_fails(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(AssertionError) as caught:
        follow(tmp_path, text)
    assert told in str(caught.value)


def test_blocks_run_in_order_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "<!-- file: a/b.csv -->\n```csv\nx,y\n1,2\n```\n```bash\ncat a/b.csv |\\\n  wc -l  # lines\n```\n"
        "<!-- output -->\n```text\n2\n```\n```python\nvalue = 6 * 7\n```\n"
        "- in a list\n\n  ```python\n  print(value, '[x]')\n  ```\n<!-- output -->\n"
        "```text\n4... [x]\n```\n<!-- not run: needs a GPU -->\n```bash\nfalse\n```\n"
        "<!-- exit: 3 -->\n```bash\nexit 3\n```\n"
    )
    assert follow(tmp_path, text).names["value"] == 42
    blocks = [str(block) for block in read_snippets(tmp_path / "page.md", "page.md")]
    assert len(blocks) == 8


def test_snippets_know_their_comments(tmp_path: Path) -> None:
    page = tmp_path / "p.md"
    page.write_text("<!-- given: raw -->\n<!-- exit: 10 -->\n```bash\ntrue\n```\n\n```bash\ntrue\n```\n")
    first, second = read_snippets(page, "p.md")
    assert isinstance(first, Snippet)
    assert (first.notes, second.notes) == ({"given": "raw", "exit": "10"}, {})
