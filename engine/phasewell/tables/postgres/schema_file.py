"""Write or check deploy/schema.sql: `python -m phasewell.tables.postgres.schema_file PATH [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

from phasewell.tables.postgres.migrating import schema_statements

HEADER = """\
-- The results schema of phasewell for PostgreSQL, as `phasewell load` makes it in an empty database.
-- Generated from the migrations and the table descriptions; do not edit. Apply with:
--   psql --single-transaction --set ON_ERROR_STOP=1 --file schema.sql DATABASE
"""


def schema_text() -> str:
    """Return the text of deploy/schema.sql."""
    return HEADER + "".join(f"\n{statement};\n" for statement in schema_statements())


def main(arguments: list[str]) -> int:
    """Write the file, or with --check say whether it is up to date (exit 1 when it is not)."""
    path, text = Path(arguments[0]), schema_text()
    if "--check" in arguments:
        current = path.is_file() and path.read_text(encoding="utf-8") == text
        print(f"{path}: {'up to date' if current else 'differs; make it anew without --check'}")
        return 0 if current else 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
