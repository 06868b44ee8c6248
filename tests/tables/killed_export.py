"""Exports that kill themselves with SIGKILL at their K-th step on disk: run as a program, it tries every K.

One line of JSON per format: the number of steps that were reached, which is when an export ended by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from phasewell.tables import export


def at_step(number: int, stop: Callable[[], None]) -> None:
    """Call `stop` before the K-th fsync, rename, removal or file opened for writing of this process."""
    count = 0

    def before(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                stop()
            return real(*arguments, **options)

        return step

    os.fsync = before(os.fsync)
    for name in ("replace", "unlink", "open"):
        setattr(Path, name, before(getattr(Path, name)))


def main(run: Path, folder: Path, formats: list[str]) -> None:
    for to in formats:
        number, ended = 0, False
        while not ended:
            number += 1
            output = folder / to / str(number)
            shutil.copytree(folder / f"{to}-old", output)
            child = os.fork()
            if child == 0:
                at_step(number, lambda: os.kill(os.getpid(), signal.SIGKILL))
                export(run, to, output)  # type: ignore[arg-type]
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            ended = os.WIFEXITED(status)
            assert os.WEXITSTATUS(status) == 0 if ended else os.WTERMSIG(status) == signal.SIGKILL
        print(json.dumps({"to": to, "steps": number}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
