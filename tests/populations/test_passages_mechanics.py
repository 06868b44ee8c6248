"""The passage ledger: read, written back, and refused with the line, the clone and the remedy."""

from __future__ import annotations

import math

import pytest
from phasewell.errors import InputError
from phasewell.populations import read_passages, write_passages

GOOD = """clone,passage,seeded_cells,harvested_cells
c1,4,200000,800000
c1,3,200000,400000
c2,3,200000,400000
c1,5,200000,150000
"""


def test_a_ledger_says_limit_arrest_and_doublings() -> None:
    ledger = read_passages(GOOD, "passages.csv")
    assert ledger.limits == {"c1": 5, "c2": 3}
    first, second = ledger.histories
    assert (first.arrested, second.arrested) == (True, False)  # c2 still grows: its limit is a lower bound
    assert first.doublings == pytest.approx(1 + 2)
    assert first.passages[-1].doublings == pytest.approx(math.log2(0.75))
    assert read_passages(write_passages(ledger), "again") == ledger


def test_separators_order_and_further_columns_do_not_matter() -> None:
    text = "\ufeffPassage;note;Clone;harvested_cells;seeded_cells\r\n3;x;c1;4e5;200000\r\n"
    (history,) = read_passages(text, "x").histories
    assert (history.clone, history.passages[0].harvested) == ("c1", 400_000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column clone, passage, seeded_cells, harvested_cells"),
        ("clone,passage\nc1,3\n", "no column seeded_cells, harvested_cells"),
        ("clone,passage,seeded_cells,harvested_cells\n", "no row"),
        (GOOD + "c1,5,200000,1\n", "line 6: clone c1 passage 5 again"),
        (GOOD + "c1,7,200000,1\n", "clone c1: passage 6 is missing between 3 and 7"),
        (GOOD + ",7,200000,1\n", "line 6: no clone"),
        (GOOD + "c3,3,0,1\n", "seeded_cells '0'"),
        (GOOD + "c3,3,200000,-1\n", "harvested_cells '-1'"),
        (GOOD + "c3,3.5,200000,1\n", "passage '3.5'"),
        (GOOD + "c3,3,200000,many\n", "harvested_cells 'many'"),
        (GOOD + "c3,3,200000,inf\n", "harvested_cells 'inf'"),
        (GOOD + "c3,3,200000\n", "harvested_cells ''"),
    ],
)
def test_a_bad_ledger_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"passages\.csv") as caught:
        read_passages(text, "passages.csv")
    assert said in str(caught.value)


def test_a_field_of_many_megabytes_is_refused() -> None:
    with pytest.raises(InputError, match="field larger"):
        read_passages("x" * 200_000, "p")
    with pytest.raises(InputError, match="field larger"):
        read_passages("clone,passage,seeded_cells,harvested_cells\n" + "x" * 200_000 + ",3,1,1\n", "p")
