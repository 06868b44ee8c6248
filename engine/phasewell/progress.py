"""The progress bar of long commands: frames (or another unit) done, per second, time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phasewell.runs.watching.observation import ReportProgress


@contextmanager
def bar(verb: str, unit: str = "frames") -> Iterator[ReportProgress]:
    """Show a bar on stderr while the block runs; plain lines every tenth where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: object) -> Text:
            speed = getattr(task, "speed", None)
            return Text(f"{speed:.1f} {unit}/s" if speed else f"- {unit}/s")

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), Rate(), TimeRemainingColumn())
    shown_tenth = -1
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(verb, total=None)

        def show(done: int, total: int) -> None:
            nonlocal shown_tenth
            progress.update(task, completed=done, total=total)
            tenth = 10 * done // max(total, 1)
            if not console.is_terminal and tenth != shown_tenth:
                shown_tenth = tenth
                console.print(f"{verb}: {done} of {total} {unit}", highlight=False)

        yield show


@contextmanager
def no_bar() -> Iterator[None]:
    """Show nothing."""
    yield None
