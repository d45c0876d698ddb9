"""Redaction is stable: the same case gives the same, twice changes nothing, a value has one placeholder."""

from __future__ import annotations

import re

import pytest
from benchmarks.redaction_eval.cases import MAIN_FIELDS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycase.domain.catalogue import Catalogue
from everycase.redaction.redactor import TableRedactor
from tests.unit.redaction.pieces import again, any_text, case_with, people, sample, texts, values_of

REDACTOR = TableRedactor(catalogue=Catalogue())
PLACEHOLDER = re.compile(r"<([A-Z]+)_\d+>")
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, str]]:
    """What is said in which table, and the identity columns. A mail is one text, for it is cut as one."""
    identity, forms = draw(st.sampled_from(people()))
    piece = st.one_of(st.sampled_from(forms).map(lambda f: f.text), any_text())
    said = {}
    for table in draw(st.lists(st.sampled_from(sorted(MAIN_FIELDS)), min_size=1, max_size=3, unique=True)):
        pieces = draw(st.lists(piece, min_size=1, max_size=1 if table == "EmailMessage" else 4))
        said[table] = draw(st.sampled_from((" ", "\n", "\n\n"))).join(pieces)
    return said, identity


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(cases())
def test_the_same_case_comes_out_the_same_and_redacted_twice_it_does_not_change(
    made: tuple[dict[str, str], dict[str, str]],
) -> None:
    """In whichever table a text stands; the identity columns are there both times."""
    case = case_with(*made)
    once = REDACTOR.redact(case)
    assert values_of(TableRedactor(catalogue=Catalogue()).redact(case)) == values_of(once)
    assert values_of(REDACTOR.redact(again(case, once))) == values_of(once)


_BETWEEN = (
    "\n",
    "\n\n",
    "\n-- \n",
    "\n\nBest regards,\n",
    "\n---------- Forwarded message ----------\n",
    "\n-----Original Message-----\nFrom: Ada <a@b.example>\nSent: Monday\nTo: Bo\nSubject: x\n\n",
    "\n\nOn 4 Jan 2023, Ada Quill <a@x.example> wrote:\n",
)
"""What stands between mails that somebody pasted below one another."""


@st.composite
def threads(draw: st.DrawFn) -> str:
    """Two to four whole mails in one body, quoted or not."""
    mail = st.sampled_from(sorted(set(texts()["mail"])))
    body = draw(mail)
    for _ in range(draw(st.integers(1, 3))):
        body += draw(st.sampled_from(_BETWEEN)) + draw(mail)
    return "\n".join(f"> {line}" for line in body.split("\n")) if draw(st.booleans()) else body


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(threads())
def test_mails_pasted_into_one_body_do_not_change_when_redacted_twice(body: str) -> None:
    """All their signatures go at once."""
    case = case_with({"EmailMessage": body}, {})
    once = REDACTOR.redact(case)
    assert values_of(REDACTOR.redact(again(case, once))) == values_of(once)


def test_sample_cases_redacted_twice_do_not_change() -> None:
    """Whole cases, with all their tables."""
    for case in sample():
        once = REDACTOR.redact(case)
        assert values_of(REDACTOR.redact(again(case, once))) == values_of(once)


@pytest.mark.parametrize(
    "text",
    [
        "the password for admin is S3cret!9, ilorest login x -u admin -p S3cret!9",
        "the password for admin is S3cret!9, the state is unknown-3",
        "On 11 Jan 2023, Ada Quill <a@x.example> wrote:\n> the fan is loud.\n>\n> On 4 Jan, Bo wrote:\n>> ok",
        "| > On 4 Jan 2023 Ada Quill wrote:\n| > the fan is loud",
    ],
)
def test_what_was_once_changed_by_a_second_pass(text: str) -> None:
    """A placeholder stands for a password; a mail that is only a quote loses its attributions at once."""
    for table in MAIN_FIELDS:
        case = case_with({table: text}, {})
        once = REDACTOR.redact(case)
        assert values_of(REDACTOR.redact(again(case, once))) == values_of(once)
        assert "fan is loud" in str(values_of(once)) or "fan" not in text


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(st.data())
def test_a_value_has_one_placeholder_in_all_sections(data: st.DataObject) -> None:
    """Written the same way in every table, with other texts around it."""
    identity, forms = data.draw(st.sampled_from(people()))
    value = data.draw(
        st.sampled_from([identity[c] for c in ("ContactName", "ContactEmail", "ContactPhone", "AccountName")])
    )
    other = st.sampled_from(forms).map(lambda f: f.text)
    tables = sorted(MAIN_FIELDS)
    said = {t: f"{data.draw(other)}\n\nTold by: [{value}] at noon." for t in tables}
    found = values_of(REDACTOR.redact(case_with(said, identity)))
    told = {
        v.rpartition("Told by: [")[2].partition("]")[0]
        for table, values in found
        for v in [values[MAIN_FIELDS[table]]]
    }
    assert len(told) == 1
    assert PLACEHOLDER.search(told.pop())
