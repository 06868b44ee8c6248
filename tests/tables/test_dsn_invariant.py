"""A data source name is read or refused, and its password is never shown: not in errors, text or repr."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phasewell.cli import main
from phasewell.errors import UsageError
from phasewell.tables import find_dsn
from phasewell.tables.postgres.dsn import VARIABLE, mask_secrets, parse_dsn

SECRET = "hunter2-s3cret"
PASSWORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=6).map(lambda text: f"S3c{text}R3t")
MISTYPED = (
    "postgre://ann:{}@db.lab/results",
    "postgres:/ann:{}@db.lab/results",
    "postgresql//ann:{}@db.lab/results",
    "mysql://ann:{}@db.lab/results",
    "ann:{}@db.lab/results",
    "postgresql://ann:{}@db.lab:port/results",
    "postgresql://ann:{}@db.lab:99999/results",
    "postgresql://ann:{}@db.lab/results?sslmode",
    "postgresql://ann:{}@db.lab/res/ults",
    "postgresql://ann:{}@@db.lab/results",
    "postgresql://ann:{}/x@db.lab/results",
    "host=db.lab password={}",
    "{}",
)


def test_parts_are_read_and_quoted_for_libpq() -> None:
    dsn = parse_dsn("postgresql://ann:p%40ss%27%5C@db.lab:5433/my%20results?sslmode=require", "test")
    for setting in ("user='ann'", r"password='p@ss\'\\'", "host='db.lab'", "port='5433'", "dbname='my results'"):
        assert setting in dsn.conninfo
    assert "sslmode='require'" in dsn.conninfo
    assert dsn.shown == "database my results at db.lab:5433"
    several = parse_dsn("postgres://a,b:6432,[::1]/x", "test")
    assert "host='a,b,::1'" in several.conninfo
    assert "port=',6432,'" in several.conninfo
    socket = parse_dsn("postgresql://ann@/x?host=/run/postgresql&connect_timeout=3", "test")
    assert "host='/run/postgresql'" in socket.conninfo
    assert "connect_timeout='3'" in socket.conninfo
    assert socket.secrets == ()


@given(PASSWORDS)
def test_no_password_is_shown_whatever_it_is(password: str) -> None:
    dsn = parse_dsn(f"postgresql://ann:{quote(password, safe='')}@db.lab/results", "test")
    assert password not in dsn.shown
    assert password not in repr(dsn)
    assert password not in dsn.redact(f"error near {password}")
    assert quote(password, safe="") not in dsn.redact(f"error near {quote(password, safe='')}")


@given(PASSWORDS, st.sampled_from(MISTYPED[:6]))
def test_a_mistyped_dsn_is_refused_without_a_word_of_it(password: str, form: str) -> None:
    text = form.format(password)
    with pytest.raises(UsageError) as caught:
        parse_dsn(text, "the variable X")
    assert password not in str(caught.value)
    assert password not in mask_secrets(f"unknown option {text}", [text])


@pytest.mark.parametrize("form", MISTYPED)
def test_every_mistyped_form_ends_in_64_and_prints_no_password(
    form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = form.format(SECRET)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    file = tmp_path / "dsn"
    file.write_text(dsn)
    monkeypatch.setenv(VARIABLE, dsn)
    assert main(["load", "run"]) == 64  # from the environment
    monkeypatch.delenv(VARIABLE)
    assert main(["load", "run", "--dsn-file", str(file)]) == 64
    assert main(["load", "run", "--json", dsn]) == 64
    said = "".join(capfd.readouterr())
    assert SECRET not in said
    assert "expected" in said
    if form != "{}" and "host=" not in form:  # in a wrong place
        for arguments in (["load", dsn], ["load", dsn, "run"], ["load", "run", f"--dsn={dsn}"], ["report", dsn], [dsn]):
            assert main(arguments) in (64, 65)
        assert SECRET not in "".join(capfd.readouterr())
    assert list(here.iterdir()) == []  # no folder of that name is made


def test_a_password_on_the_command_line_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "run", f"postgresql://ann:{SECRET}@db.lab/results"]) == 64
    said = "".join(capfd.readouterr())
    assert SECRET not in said
    for word in ("--dsn-file", VARIABLE, "PGPASSFILE"):
        assert word in said


def test_where_the_dsn_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    file.write_text(f"postgresql://ann:{SECRET}@file.lab/x\n")
    environment = {VARIABLE: "postgresql://env.lab/x"}
    found = [
        find_dsn("postgresql://given.lab/x", file, environment),
        find_dsn(None, file, environment),
        find_dsn(None, None, environment),
    ]
    assert [dsn.shown.split()[-1] for dsn in found if dsn] == ["given.lab", "file.lab", "env.lab"]
    assert find_dsn(None, None, {}) is None
    for wrong in (tmp_path / "absent", tmp_path):
        with pytest.raises(UsageError, match="--dsn-file"):
            find_dsn(None, wrong, {})
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        find_dsn(None, file, {})
