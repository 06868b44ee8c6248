"""Names from outside (plates, fields, clones, files): kept as they are, shown so that a terminal cannot obey them."""

from __future__ import annotations

import unicodedata

# marks that turn the direction of the text after them: a name could pose as another one
_DIRECTION = {"\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"}
_ESCAPED = {"Cc", "Cs", "Zl", "Zp"}  # control characters, halves of surrogate pairs, line and paragraph separators


def stored_name(text: str) -> str:
    """Return a name as it is stored: unchanged, but for bytes that were no UTF-8 (surrogate escapes): as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def one_line(text: str) -> str:
    """Return a text for one line of a terminal, a log or a message: what would act and not show is escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c.encode("unicode_escape").decode("ascii") if _acts(c) else c for c in text)


def terminal_text(text: str, encoding: str | None = None) -> str:
    """Return text of several lines as `one_line` does line by line; what `encoding` lacks is escaped too."""
    lines = "\n".join(one_line(line) for line in text.split("\n"))
    return lines if encoding is None else lines.encode(encoding, "backslashreplace").decode(encoding)


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _ESCAPED or character in _DIRECTION
