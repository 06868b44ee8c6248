"""The schema in the database: made, versioned, checked, described with units, and read by roles that may only read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from adbc_driver_manager import Error
from database_runs import Sample, write_database_run
from phasewell.errors import UsageError
from phasewell.tables import load_run
from phasewell.tables.postgres import migrating
from phasewell.tables.postgres.migrating import migrate, migrations, verify
from phasewell.tables.postgres.schema_file import main as schema_file
from phasewell.tables.postgres.session import Session
from phasewell.tables.postgres.storage import stored_tables
from phasewell.tables.schema import TABLES, columns_table
from postgres_server import Server

SCHEMA_SQL = Path(__file__).parents[2] / "deploy" / "schema.sql"
SMALL = Sample(wells=("A01", "A02"), n_times=1, scored=False)
CATALOGUE = """
    SELECT n.nspname::text AS s, c.relname::text AS r, a.attname::text AS a, format_type(a.atttypid, a.atttypmod) AS t,
           a.attnotnull AS nn, a.attidentity::text AS i, col_description(c.oid, a.attnum) AS d,
           obj_description(c.oid) AS o, pg_get_viewdef(c.oid) AS v
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE n.nspname IN ('phasewell', 'phasewell_store') AND a.attnum > 0 AND c.relkind IN ('r', 'v')
    ORDER BY 1, 2, a.attnum"""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_database_run(tmp_path_factory.mktemp("schema") / "run", SMALL)


@pytest.fixture(scope="module")
def loaded(server: Server, run_dir: Path) -> str:
    database = server.create("schema_loaded")
    load_run(run_dir, server.dsn(database), workers=1)
    return database


def test_the_schema_file_is_up_to_date_and_makes_what_a_load_makes(
    server: Server, database: str, loaded: str, run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert schema_file([str(SCHEMA_SQL), "--check"]) == 0, capsys.readouterr().out
    (tmp_path / "old.sql").write_text("-- other")
    assert schema_file([str(tmp_path / "old.sql"), "--check"]) == 1
    command = [str(server.bin / "psql"), "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction"]
    subprocess.run([*command, "--file", str(SCHEMA_SQL), server.uri(database)], check=True, capture_output=True)
    assert server.query(database, CATALOGUE) == server.query(loaded, CATALOGUE)
    report = load_run(run_dir, server.dsn(database), workers=1)
    assert (report.migrated, report.n_parts_loaded) == (0, 2)


def test_the_migrations_make_what_the_tables_say(server: Server, loaded: str) -> None:
    """A table or column that is added to the tables needs a migration: this names it."""
    session = Session(server.dsn(loaded))
    session.transaction(verify)
    assert session.transaction(lambda connection: migrate(connection, "test")) == 0
    session.close()
    versions = server.query(loaded, "SELECT version, applied_by FROM phasewell_store.schema_version ORDER BY version")
    assert [row["version"] for row in versions] == [migration.version for migration in migrations()]


def test_a_later_version_migrates_a_database_with_rows_in_it(
    server: Server, database: str, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_run(run_dir, server.dsn(database), workers=1)
    before = server.query(database, "SELECT * FROM phasewell.current_cells ORDER BY well, field, label")
    step = "ALTER TABLE phasewell_store.plates ADD COLUMN barcode text"
    later = (*migrations(), migrating.Migration(len(migrations()) + 1, "barcodes", (step,)))
    monkeypatch.setattr(migrating, "migrations", lambda: later)
    report = load_run(run_dir, server.dsn(database), workers=1)
    assert (report.migrated, report.n_parts_already) == (1, 2)
    versions = server.query(database, "SELECT max(version) AS v FROM phasewell_store.schema_version")
    assert versions == [{"v": len(later)}]
    assert server.query(database, "SELECT barcode FROM phasewell_store.plates") == [{"barcode": None}]
    assert server.query(database, "SELECT * FROM phasewell.current_cells ORDER BY well, field, label") == before
    monkeypatch.undo()  # the version before refuses it
    with pytest.raises(
        UsageError, match=f"has version {len(later)}, phasewell .* knows up to version {len(later) - 1}"
    ):
        load_run(run_dir, server.dsn(database), workers=1)


def test_every_column_says_its_meaning_and_unit(server: Server, loaded: str) -> None:
    found = {(row["s"], row["r"], row["a"]): row["d"] for row in server.query(loaded, CATALOGUE)}
    assert all(found.values()), [place for place, text in found.items() if not text]
    assert found["phasewell", "current_cells", "area"].endswith("[px2]")
    assert found["phasewell_store", "frames", "true_time_h"].endswith("[h]")
    for table, columns in TABLES.items():
        for column in columns:
            said = found["phasewell", table, column.name]
            assert said == column.description + (f" [{column.unit}]" if column.unit else "")
    tables = {row["r"]: row["o"] for row in server.query(loaded, CATALOGUE)}
    assert all(tables.values())
    stored = server.query(loaded, "SELECT * FROM phasewell.columns")
    assert sorted(map(repr, stored)) == sorted(map(repr, columns_table().to_pylist()))


@pytest.mark.parametrize(
    ("change", "undo", "said"),
    [
        (
            "ALTER TABLE phasewell_store.cells RENAME area TO area_px",
            "ALTER TABLE phasewell_store.cells RENAME area_px TO area",
            r"phasewell_store\.cells has no column area; it has area_px instead, renamed by hand\?",
        ),
        (
            "ALTER TABLE phasewell_store.load_ledger ALTER n_frames TYPE text",
            "ALTER TABLE phasewell_store.load_ledger ALTER n_frames TYPE integer USING n_frames::integer",
            r"phasewell_store\.load_ledger\.n_frames is of type text, expected integer",
        ),
        (
            "ALTER TABLE phasewell_store.hour_scores RENAME TO hour_score",
            "ALTER TABLE phasewell_store.hour_score RENAME TO hour_scores",
            r"no table phasewell_store\.hour_scores",
        ),
        (
            "ALTER TABLE phasewell_store.moments RENAME CONSTRAINT moments_pkey TO old",
            "ALTER TABLE phasewell_store.moments RENAME CONSTRAINT old TO moments_pkey",
            None,
        ),
        (
            "ALTER TABLE phasewell_store.moments DROP CONSTRAINT moments_pkey",
            "ALTER TABLE phasewell_store.moments ADD PRIMARY KEY (part_id, field_index, descriptor)",
            r"phasewell_store\.moments lacks its primary key \(part_id, field_index, descriptor\)",
        ),
        (
            "ALTER VIEW phasewell.current_cells RENAME TO my_cells",
            "ALTER VIEW phasewell.my_cells RENAME TO current_cells",
            r"no view phasewell\.current_cells",
        ),
        (
            "INSERT INTO phasewell_store.schema_version VALUES (99, 'from the future', 'phasewell 9')",
            "DELETE FROM phasewell_store.schema_version WHERE version = 99",
            r"has version 99, phasewell .* knows up to version \d+: update phasewell",
        ),
    ],
)
def test_a_schema_that_somebody_changed_is_refused_by_name(
    server: Server, loaded: str, run_dir: Path, change: str, undo: str, said: str | None
) -> None:
    server.execute(loaded, change)
    try:
        if said is None:  # the name of a constraint is nobody's business
            assert not load_run(run_dir, server.dsn(loaded), workers=1).changed
            return
        with pytest.raises(UsageError, match=said) as caught:
            load_run(run_dir, server.dsn(loaded), workers=1)
        assert caught.value.exit_code == 64
    finally:
        server.execute(loaded, undo)


def test_readers_read_the_views_and_nothing_else(server: Server, loaded: str) -> None:
    server.execute(loaded, "CREATE ROLE ann LOGIN", "GRANT phasewell_reader TO ann")
    for table in (*TABLES, *(f"current_{name}" for name in TABLES if name != "columns"), "load_history"):
        server.query(loaded, f"SELECT * FROM phasewell.{table} LIMIT 1", user="ann")
    for statement in (
        "SELECT * FROM phasewell_store.cells",
        "DELETE FROM phasewell.columns",
        "UPDATE phasewell.columns SET unit = 'mm'",
        "INSERT INTO phasewell.columns VALUES ('a', 'b', 1, 'c', 'd', 'e')",
        "DROP VIEW phasewell.current_cells",
        "CREATE TABLE phasewell.mine (x integer)",
    ):
        with pytest.raises(Error, match=r"permission denied|must be owner"):
            server.execute(loaded, statement, user="ann")


def test_a_loader_loads_and_changes_no_schema(
    server: Server, database: str, loaded: str, run_dir: Path, tmp_path: Path
) -> None:
    server.execute(loaded, "CREATE ROLE bob LOGIN", "GRANT phasewell_loader TO bob")
    other = write_database_run(
        tmp_path / "other", Sample(plate="bob's", n_times=1, run="bob", wells=("A01",), faulty=False)
    )
    assert load_run(other, server.dsn(loaded, "bob"), workers=1).n_parts_loaded == 2
    assert server.query(loaded, "SELECT count(*) AS n FROM phasewell.current_frames WHERE plate = 'bob''s'", "bob") == [
        {"n": 3}
    ]
    with pytest.raises(Error, match="must be owner"):
        server.execute(loaded, "DROP TABLE phasewell_store.cells", user="bob")
    with pytest.raises(UsageError, match=r"permission denied for database.*nothing of this part was loaded"):
        load_run(run_dir, server.dsn(database, "bob"), workers=1)  # an empty database: bob may not make the schema
    server.execute(loaded, "CREATE ROLE eve LOGIN")
    with pytest.raises(UsageError, match="permission denied for schema phasewell_store"):
        load_run(run_dir, server.dsn(loaded, "eve"), workers=1)


def test_who_is_not_let_in_is_told_at_once(server: Server, run_dir: Path) -> None:
    for dsn, said in (
        (server.dsn("no_such_one"), 'database "no_such_one" does not exist'),
        (server.dsn("postgres", "nobody"), 'role "nobody" does not exist'),
    ):
        with pytest.raises(UsageError, match=said):
            load_run(run_dir, dsn)


def test_the_stored_tables_have_keys_of_their_own_columns() -> None:
    for table in stored_tables():
        assert set(table.key) <= set(table.columns), table.name
        assert table.key
