"""Writes the pages of the site that say what the code says: commands, configuration, notebooks."""

from __future__ import annotations

import inspect
import json
import typing
from pathlib import Path
from typing import Any

NOTEBOOKS = ("first_plate", "potency", "throughput")


def make_pages(docs: Path) -> None:
    """Write docs/made anew; files that say the same already are not touched."""
    made = docs / "made"
    made.mkdir(exist_ok=True)
    pages = {"commands.md": commands_page(), "configuration.md": configuration_page()}
    pages |= {f"{name}.md": notebook_page(docs / "notebooks" / f"{name}.ipynb") for name in NOTEBOOKS}
    for name, text in pages.items():
        path = made / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def commands_page() -> str:
    """Return every verb with its arguments, as `phasewell VERB --help` says them."""
    from phasewell.cli import app

    body = app.generate_docs(output_format="markdown", usage_name="phasewell").partition("## Table of Contents")[2]
    body = body.partition("\n## ")[2]
    return (
        "# Commands\n\nEvery verb takes `--json`: one document on standard output, text for people on standard error.\n"
        "Exit codes: [](../reference/exit_codes.md).\n\n## " + body
    )


def configuration_page() -> str:
    """Return every key of run.toml with its type, default and meaning, from the models that validate it."""
    from phasewell.config import Config

    lines = ["# Configuration", ""]
    lines.append("`phasewell config init run.toml` writes a file with all of it. Unknown keys are errors.")
    for section, entry in Config.model_fields.items():
        model: Any = entry.annotation
        lines += ["", f"## [{section}]", "", inspect.cleandoc(model.__doc__ or ""), ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        for key, item in model.model_fields.items():
            default = "–" if item.default is None else f"`{_toml(item.default)}`"
            default = "required" if item.is_required() else default
            meaning = " ".join((item.description or "").split()).replace("|", "\\|")
            lines.append(f"| `{key}` | {_type_words(item.annotation)} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value, default=str)


def _type_words(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_words(arguments[0])
    if origin is typing.Literal:
        return ", ".join(f"`{json.dumps(choice)}`" for choice in arguments)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"list of {_type_words(arguments[0])}"
        return f"{len(arguments)} x {_type_words(arguments[0])}"
    if arguments:
        return " or ".join(_type_words(each) for each in arguments if each is not type(None))
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "Path": "path"}.get(
        annotation.__name__, annotation.__name__
    )


def notebook_page(path: Path) -> str:
    """Return a notebook with the outputs it holds as a Markdown page."""
    pieces = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            pieces.append(source)
            continue
        pieces.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                encoded = "".join(data["image/png"]).replace("\n", "")
                pieces.append(f'<img alt="figure of the cell above" src="data:image/png;base64,{encoded}">')
                continue
            text = "".join(output.get("text", data.get("text/plain", "")))
            pieces.append(f"```text\n{text.rstrip()}\n```")
    link = f"The notebook itself is `docs/notebooks/{path.name}`; CI runs it from top to bottom."
    return "\n\n".join([*pieces, link]) + "\n"
