"""Texts to put together at random: what the sample, the evaluation and the reduced failing inputs hold."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.redaction_eval import identities, mails, technical
from benchmarks.redaction_eval.cases import CASE_ID, MAIN_FIELDS
from benchmarks.redaction_sample import joined_cases
from hypothesis import strategies as st

from everycase.domain.cases import JoinedCase, Record, RedactedCase
from everycase.domain.catalogue import Catalogue
from everycase.sources.sample.source import write_sample

CATALOGUE = Catalogue()
SHARED = Path(__file__).resolve().parents[4] / "shared" / "inputs" / "redaction_cases.jsonl"


@functools.cache
def people() -> list[tuple[dict[str, str], list[identities.Form]]]:
    """Identity columns, and the ways in which their values are written."""
    return list(identities.forms(rounds=1))


@functools.cache
def sample() -> list[JoinedCase]:
    with tempfile.TemporaryDirectory() as folder:
        write_sample(Path(folder), cases=40, seed=17)
        return list(joined_cases(Path(folder)).values())


@functools.cache
def texts() -> dict[str, list[str]]:
    """By kind: paragraphs of the sample, reduced inputs, mails, logs."""
    found = {
        "sample": [
            p for c in sample() for r in c.records() for v in r.values.values() for p in v.split("\n\n")
        ],
        "mail": [m.body for m in mails.mails(60)],
        "log": [s.text for s in technical.samples(2)],
    }
    if SHARED.is_file():
        lines = SHARED.read_text(encoding="utf-8").splitlines()
        found["reduced"] = [json.loads(line)["text"] for line in lines]
    return found


@functools.cache
def any_text() -> st.SearchStrategy[str]:
    """A whole text of one kind; each kind as often as the others."""
    return st.one_of(*(st.sampled_from(sorted(set(t))) for t in texts().values()))


def case_with(said: Mapping[str, str], identity: Mapping[str, str]) -> JoinedCase:
    """A case whose main field of each table holds what is said there."""
    values = {"Id": CASE_ID, "CaseNumber": "40000001", "Subject": "s"}
    if "Case" in said:
        values["Description"] = said["Case"]
    children = {
        o.name: (Record(object=o.name, id="00a7T000002AbcDQAS", values={MAIN_FIELDS[o.name]: said[o.name]}),)
        if o.name in said
        else ()
        for o in CATALOGUE.children
    }
    case = Record(object="Case", id=CASE_ID, values=values, identity=dict(identity))
    return JoinedCase(case=case, children=children, generation=1)


def again(case: JoinedCase, redacted: RedactedCase) -> JoinedCase:
    """The case as it came out, with the identity columns that it had."""
    first, *rest = [redacted.case, *(r for rows in redacted.children.values() for r in rows)]
    records = [
        Record(object=r.object, id=r.id, when=r.when, values=r.values, identity=old.identity)
        for r, old in zip([first, *rest], case.records(), strict=True)
    ]
    children = {o: tuple(r for r in records[1:] if r.object == o) for o in case.children}
    return JoinedCase(case=records[0], children=children, generation=1)


def values_of(redacted: RedactedCase) -> list[tuple[str, dict[str, str]]]:
    rows = [redacted.case, *(r for found in redacted.children.values() for r in found)]
    return [(r.object, dict(r.values)) for r in rows]
