"""Fixtures of the tests of tables: a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from postgres_server import Server, running_server

_NUMBERS = count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return a running server, without any database of ours."""
    with running_server() as running:
        yield running


@pytest.fixture
def database(server: Server) -> str:
    """Return the name of an empty database on the server."""
    return server.create(f"empty{next(_NUMBERS)}")
