"""Any text at all: no exception escapes, and nothing of the case's own is left."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycase.redaction.shadow import fold
from tests.unit.redaction.test_redactor import WHO, clean

PHONE = "+49 40 5550123"
IDENTITY = {**WHO, "ContactPhone": PHONE, "SiteAddress": "9 Quarry Lane, Eastwick"}
FORMS = st.sampled_from(
    [
        "Odalys Ferrucci",
        "FERRUCCI, ODALYS",
        "odalys.ferrucci",
        "ferrucci_odalys",
        "oferrucci01",
        "odalys.ferrucci@brightmoor.example",
        "odalys.ferrucci%40brightmoor.example",
        "Brightmoor-Mills",
        "brightmoormills",
        "040 5550123",
        "0049405550123",
        "9 Quarry Lane",
        unicodedata.normalize("NFD", "Ódalys Ferrúcci"),
    ]
)
NOISE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "\n> ",
            "=C3=BC",
            "%",
            "=",
            "&lt;",
            "<b>",
            "Hi ",
            "Best,\n",
            "\x1e",
            "--\n",
            "1.2.3.4",
            "\u0301" * 40,
            "Ã¼",
        ]
    ),
)
TEXTS = st.lists(st.tuples(NOISE, FORMS, NOISE), min_size=1, max_size=4).map(
    lambda parts: "x " + " ".join(f"{a} {form} {b}" for a, form, b in parts)
)


@settings(max_examples=120, deadline=None)
@given(TEXTS, st.sampled_from(["CaseComment", "WorkOrder", "Task"]))
def test_no_derived_form_of_the_identity_is_left(text: str, table: str) -> None:
    """Whatever stands around it."""
    once = clean(text, table, identity=IDENTITY)
    low = fold(once).replace("%40", "@")
    assert not [w for w in ("odalys", "ferrucci", "brightmoor", "quarry lane", "5550123") if w in low]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ContactName", "ab " * 7000),
        ("ContactName", "a" * 20_000),
        ("ContactName", "李" * 20_000),
        ("AccountName", "Ab c, " * 3500),
        ("SiteAddress", "Ab 1, " * 3500),
        ("ContactEmail", "a@b.example;" * 1700),
        ("ContactPhone", "1 " * 10_000),
    ],
)
def test_endless_identity_values_end(column: str, value: str) -> None:
    """They are cut before forms are made of them (issue 12, kind 14)."""
    assert clean("the fan is loud", identity={column: value}) == "the fan is loud"
