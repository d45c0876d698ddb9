"""What must be true once all faults have ended and everything was reconciled, checked by plain SQL.

Nothing of everycase judges here: object ids, hashes and words are worked out anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import uuid5

import numpy as np
import psycopg
from psycopg.rows import dict_row

from tests.support.changing_export import POISON, TEXT, ChangingExport, Flaw, parent_of, word_of
from tests.support.hands import NAMESPACE, STAGING
from tests.support.providers import vector_of

WORD = re.compile(r"qz\d{5}v\d+")
STAMPS = ("checksum", "children_checksum", "text_hash", "space", "recipe", "vector_hash", "object_hash")
_NOT_PROPERTIES = {*STAMPS, "id", "composite", "generation", "loaded_at", "lexemes"}
_TEXTS = {
    "Case": "description",
    "Task": "description",
    "WorkOrder": "problem_description",
    "CaseComment": "comment_body",
    "EmailMessage": "text_body",
    "WorkOrderFeed": "body",
}

Row = dict[str, Any]


TextOf = Callable[[str], str]
"""The text of a hash that a provider was given; "" where none was."""


def broken(dsn: str, export: ChangingExport, text_of: TextOf, dimensions: int) -> list[str]:
    """The invariants that do not hold, each in a sentence that says whose.

    `dimensions`: of the vectors of the stand-in provider.
    """
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as conn:
        state = _State(conn, export, text_of, dimensions)
        return [said for rule in _RULES for said in rule(state)]


@dataclass
class _State:
    """Tables, index and export, each read once."""

    conn: psycopg.Connection[Row]
    export: ChangingExport
    text_of: TextOf
    dimensions: int

    def rows(self, statement: str) -> list[Row]:
        return self.conn.execute(statement).fetchall()  # type: ignore[arg-type]

    @cached_property
    def staged(self) -> dict[str, dict[str, Row]]:
        """The live staged rows of each object, by id."""
        return {
            name: {r["id"]: r for r in self.rows(f"select * from udp.{table} where not is_deleted")}
            for name, table in STAGING.items()
        }

    @cached_property
    def cases(self) -> dict[str, Row]:
        return self.staged["Case"]

    @cached_property
    def lineage(self) -> dict[str, Row]:
        return {r["record_id"]: r for r in self.rows("select * from recon.data_lineage")}

    @cached_property
    def objects(self) -> list[Row]:
        return self.rows("select * from vector_index.support_case")

    @cached_property
    def vectors(self) -> list[Row]:
        """Every vector row of every space: its table, its object, its numbers."""
        tables = self.rows(
            "select tablename as name from pg_tables "
            "where schemaname = 'vector_index' and tablename like 'vector\\_%'"
        )
        return [
            r
            for t in tables
            for r in self.rows(
                f"select '{t['name']}' as space_table, id, embedding::real[] as vector "
                f"from vector_index.{t['name']}"
            )
        ]

    @cached_property
    def failures(self) -> list[Row]:
        return self.rows("select * from recon.failed_records where not resolved")

    @cached_property
    def must_fail(self) -> dict[str, str]:
        """The staged cases that nothing can load, and the type of failure that must say so."""
        found = {i: "EmbeddingRejected" for i, c in self.cases.items() if POISON in (c["description"] or "")}
        found |= {
            i: "MissingRequiredField"
            for i, c in self.cases.items()
            if not c["case_number"] or not (c["subject"] or c["description"])
        }
        eldest: dict[str, Row] = {}
        for c in sorted(self.cases.values(), key=lambda c: (c["created_date"], c["id"])):
            if eldest.setdefault(c["case_number"], c) is not c:
                found[c["id"]] = "MissingRequiredField"
        return found

    def words(self, case_id: str) -> set[str]:
        """What a case and its children say, as they are staged."""
        orders = {i for i, w in self.staged["WorkOrder"].items() if w["parent_id"] == case_id}
        rows = [("Case", self.cases[case_id])]
        for name in STAGING:
            parents = orders if name == "WorkOrderFeed" else {case_id}
            if name != "Case":
                rows += [(name, r) for r in self.staged[name].values() if r["parent_id"] in parents]
        return {w for name, r in rows for w in WORD.findall(r[_TEXTS[name]] or "")}


# ── source and staging ───────────────────────────────────────────────────────────────────────────


def _staged_as_exported(s: _State) -> Iterator[str]:
    """Staged ids are the truth's, less the unreadable; and so are parents and words."""
    for name in STAGING:
        unreadable = s.export.unreadable(name)
        truth = {i: r for i, r in s.export.live(name).items() if i not in unreadable}
        staged = {i: r for i, r in s.staged[name].items() if i not in unreadable}
        yield from _differences(f"{name} rows staged", set(staged), set(truth))
        for i in set(staged) & set(truth):
            said = WORD.findall(staged[i][_TEXTS[name]] or "")
            if said != WORD.findall(truth[i][TEXT[name]]):
                yield f"{name} {i} is staged with {said}, the source says {word_of(truth[i])}"
            if name != "Case" and staged[i]["parent_id"] != parent_of(name, truth[i]):
                yield f"{name} {i} is staged under another parent than the source's"


def _flaws_are_reported(s: _State) -> Iterator[str]:
    """What could not be read is an open failure, and so are children whose parent could not be read."""
    malformed = {f["record_id"] for f in s.failures if f["error_type"] == "MalformedRecord"}
    unreadable = [pair for name in STAGING for pair in s.export.unreadable(name).items()]
    named = {i for i, flaw in unreadable if flaw is not Flaw.NAMELESS}
    doubled = {i for name, i in s.export.doubles if i in s.export.live(name)}
    yield from _differences("malformed rows reported", malformed, named | doubled)
    waited_for = {f["record_id"] for f in s.failures if f["error_type"] == "MissingChildData"}
    present = {r["id"] for t in ("case", "workorder") for r in s.rows(f"select id from udp.{t}")}
    orphans = {
        r["parent_id"]
        for name in STAGING
        if name != "Case"
        for r in s.staged[name].values()
        if r["parent_id"] not in present
    }
    yield from _differences("parents waited for that are there", waited_for - orphans, set())
    yield from _differences("unreadable parents waited for", waited_for & malformed, orphans & malformed)


# ── cases ────────────────────────────────────────────────────────────────────────────────────────


def _loaded_or_openly_failed(s: _State) -> Iterator[str]:
    """Each staged case is loaded or has an open failure, and only cases that must fail have one."""
    there = {o["case_id"] for o in s.objects}
    failed = {
        f["record_id"]: f["error_type"]
        for f in s.failures
        if f["record_id"] in s.cases
        and f["disposition"] != "skip"
        and f["stage"] != "extraction"
        and f["source_object"] == "Case"
    }
    for i in s.cases:
        row = s.lineage.get(i)
        state = f"{row['status']} at {row['current_stage']}" if row else "in no lineage"
        is_loaded = row is not None and row["status"] == "completed" and i in there
        if is_loaded == (i in failed):
            yield f"case {i} is {state}, in the index: {i in there}, openly failed: {failed.get(i)}"
        if s.must_fail.get(i) != failed.get(i):
            yield f"case {i} ({state}) failed with {failed.get(i)} and should with {s.must_fail.get(i)}"
        if i in failed and row is not None and row["status"] != "failed":
            yield f"case {i} is openly failed and {state}"


def _nothing_is_left_half_way(s: _State) -> Iterator[str]:
    for i, row in s.lineage.items():
        if row["status"] == "in_progress":
            yield f"case {i} is in progress"
        if row["status"] != "deleted" and i not in s.cases:
            yield f"case {i} is {row['status']} and not staged"


# ── index ────────────────────────────────────────────────────────────────────────────────────────


def _no_object_too_many(s: _State) -> Iterator[str]:
    """The index has no orphan, no duplicate and no object of a deleted case."""
    for column in ("case_id", "case_number"):
        for value, n in Counter(o[column] for o in s.objects).items():
            if n > 1:
                yield f"{n} objects of {column} {value}"
    for o in s.objects:
        if o["case_id"] not in s.cases:
            yield f"object {o['id']} is of {o['case_id']}, which is no live case"
        elif o["id"] != uuid5(NAMESPACE, o["case_number"]):
            yield f"object {o['id']} is not named after its case number"
        elif (row := s.lineage.get(o["case_id"])) is None or row["object_id"] != o["id"]:
            yield f"object {o['id']} is not the one that lineage knows of {o['case_id']}"


def _loaded_is_equal(s: _State) -> Iterator[str]:
    """Stamps are lineage's, hashes are those of the content, words are those of the staged rows."""
    for o in s.objects:
        i, row = o["case_id"], s.lineage.get(o["case_id"])
        if row is None or row["status"] != "completed" or i not in s.cases:
            continue
        if wrong := [n for n in STAMPS if o[n] != row[n]]:
            yield f"object of {i}: {', '.join(wrong)} are not lineage's"
        if o["case_number"] != row["case_number"] or o["case_number"] != s.cases[i]["case_number"]:
            yield f"object of {i} has another case number than lineage or staging"
        if o["generation"] > row["generation"] or row["generation"] != s.cases[i]["generation"]:
            yield (
                f"case {i} has the generations {s.cases[i]['generation']} in staging, {row['generation']} in "
                f"lineage, {o['generation']} in the index"
            )
        if o["object_hash"] != _object_hash(o):
            yield f"object of {i}: its properties are not those of its object_hash"
        properties = " ".join(str(v) for k, v in o.items() if k not in _NOT_PROPERTIES)
        embedded = s.text_of(o["text_hash"])
        for where, text in (
            ("text", o["composite"]),
            ("properties", properties),
            ("embedded text", embedded),
        ):
            yield from _differences(f"words in the {where} of {i}", set(WORD.findall(text)), s.words(i))


def _every_object_is_found_by_its_words(s: _State) -> Iterator[str]:
    """The lexical half holds a row with words for each object, and no others."""
    rows = s.rows("select id, lexemes::text <> '' as has_words from vector_index.case_words")
    worded = {str(r["id"]) for r in rows if r["has_words"]}
    yield from _differences("objects with words", worded, {str(o["id"]) for o in s.objects})


def _object_hash(o: Row) -> str:
    body = {k: v for k, v in sorted(o.items()) if v and k not in _NOT_PROPERTIES}
    text = json.dumps([body, o["composite"]], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _one_true_vector_each(s: _State) -> Iterator[str]:
    """One vector row an object, in one table, and it is the model's at half precision."""
    owned = Counter(v["id"] for v in s.vectors)
    by_id = {v["id"]: np.asarray(v["vector"], dtype=np.float32) for v in s.vectors}
    loaded = [o for o in s.objects if s.lineage.get(o["case_id"], {}).get("status") == "completed"]
    for o in loaded:
        if owned[o["id"]] != 1:
            yield f"object of {o['case_id']} has {owned[o['id']]} vectors"
    for o in loaded:
        found = by_id.get(o["id"])
        if found is None:
            continue
        true = vector_of(s.text_of(o["text_hash"]), s.dimensions)
        if hashlib.sha256(found.astype("<f2").tobytes()).hexdigest() != o["vector_hash"]:
            yield f"object of {o['case_id']}: its vector is not that of its vector_hash"
        if found.shape != true.shape or not np.allclose(found, true, rtol=1e-3, atol=1e-4):
            yield f"object of {o['case_id']}: its vector is not the model's of its text"


# ── personal data ────────────────────────────────────────────────────────────────────────────────


def _nothing_personal(s: _State) -> Iterator[str]:
    """No planted name or address in anything that is kept beside staging, in any form of letters."""
    tables = s.rows(
        "select schemaname || '.' || tablename as name from pg_tables "
        "where schemaname in ('recon', 'vector_index') and tablename <> 'embedding_cache'"
    )
    for t in tables:
        text = "\n".join(r["row"] for r in s.rows(f"select t::text as row from {t['name']} t")).lower()
        if found := sum(p.lower() in text for p in s.export.planted):
            yield f"{found} names or addresses in {t['name']}"


def _differences(what: str, found: set[str], due: set[str]) -> Iterator[str]:
    if more := found - due:
        yield f"{what}: too many: {', '.join(sorted(more))}"
    if fewer := due - found:
        yield f"{what}: lacking: {', '.join(sorted(fewer))}"


_RULES = (
    _staged_as_exported,
    _flaws_are_reported,
    _loaded_or_openly_failed,
    _nothing_is_left_half_way,
    _no_object_too_many,
    _loaded_is_equal,
    _every_object_is_found_by_its_words,
    _one_true_vector_each,
    _nothing_personal,
)
