"""A run that dies by SIGKILL at a chosen file-system call. Started as a program by the recovery tests.

`python killed_run.py sweep CONFIG.json FOLDER N...` runs once per N into FOLDER/N and kills the process group at the
N-th call of fsync, replace, rename, unlink or mkdir: before the call when N is even, after it when N is odd. N = 0
counts the calls of a whole run into FOLDER/calls. `python killed_run.py run CONFIG.json` only runs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from phasewell import runs
from phasewell.config import Config

CALLS = ("fsync", "replace", "rename", "unlink", "mkdir")


def die() -> None:
    os.killpg(0, signal.SIGKILL)


def arm(number: int) -> list[int]:
    """Make the `number`-th call deadly; return a list whose only item counts the calls."""
    count = [0]

    def wrap(call: Any) -> Any:
        def counted(*arguments: Any, **keywords: Any) -> Any:
            count[0] += 1
            here = count[0]
            if here == number and number % 2 == 0:
                die()
            result = call(*arguments, **keywords)
            if here == number:
                die()
            return result

        return counted

    for name in CALLS:
        setattr(os, name, wrap(getattr(os, name)))
    return count


def sweep(config: Config, folder: Path, numbers: list[int]) -> None:
    for number in numbers:
        child = os.fork()  # nothing has been computed yet, so no thread is lost
        if child:
            os.waitpid(child, 0)
            continue
        os.setpgid(0, 0)
        run_config = config.run.model_copy(update={"output": folder / str(number)})
        count = arm(number)
        runs.run(config.model_copy(update={"run": run_config}))
        (folder / "calls").write_text(str(count[0]))
        os._exit(0)


def main() -> None:
    verb, path, *rest = sys.argv[1:]
    config = Config.model_validate(json.loads(Path(path).read_text()))
    if verb == "sweep":
        sweep(config, Path(rest[0]), [int(number) for number in rest[1:]])
    else:
        print("ready", flush=True)
        runs.run(config, progress=lambda done, _: print(done, flush=True))


if __name__ == "__main__":
    main()
