"""Damage to tables and index by plain SQL, as somebody with a psql prompt might do it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import psycopg

from tests.support.faults import Ledger

NAMESPACE = UUID("6f1d3c52-4f0e-5f0a-9c5c-0e7e5ca5e000")
"""The object id of a case is the UUIDv5 of its number under it: said here again, to be independent."""

STAGING = {
    "Case": "case",
    "Task": "task",
    "WorkOrder": "workorder",
    "CaseComment": "casecomment",
    "EmailMessage": "emailmessage",
    "WorkOrderFeed": "workorderfeed",
}

LINEAGE_CHANGES = (
    "checksum = 'x'",
    "children_checksum = 'x'",
    "row_hash = 'x'",
    "text_hash = 'x'",
    "space = 'other/model@7'",
    "recipe = 'x'",
    "tried_recipe = 'x'",
    "object_id = gen_random_uuid()",
    "object_id = null",
    "object_hash = 'x'",
    "vector_hash = 'x'",
    "generation = 0",
    "generation = generation + 1000000",
    "status = 'failed'",
    "status = 'deleted'",
    "status = 'completed'",
    "weaviate_timestamp = null",
    "case_number = '1'",
)
STAGED_CHANGES = ("row_hash = 'x'", "is_deleted = not is_deleted", "parent_id = null, row_hash = 'y'")
ALTERED = "altered in place"
TEXT_COLUMNS = {
    "case": "description",
    "task": "description",
    "workorder": "problem_description",
    "casecomment": "comment_body",
    "emailmessage": "text_body",
    "workorderfeed": "body",
}
AHEAD = {
    "recon.reconciliation_runs": "start_time = now() + interval '400 days'",
    "recon.failed_records": "next_retry_time = now() + interval '400 days'",
    "recon.schedule": "last_start = now() + interval '400 days'",
    "recon.data_lineage": "updated_at = now() + interval '400 days'",
    "recon.provider_state": "updated_at = now() + interval '400 days', "
    "held_until = now() + interval '400 days', requests_at = now() + interval '400 days'",
}
"""As a machine would write them whose clock is ahead."""
WATERMARK_CHANGES = ("version = 'x'", "digest = digest + 1")
VECTOR_CHANGES = {
    "short": "substring(vector from 1 for 100)",
    "odd": "substring(vector from 1 for 101)",
    "not a number": "set_byte(set_byte(vector, 0, 0), 1, 126)",
    "zero": "decode(repeat('00', length(vector)), 'hex')",
    "another sign": "set_byte(vector, 1, get_byte(vector, 1) # 128)",
}
PROPERTY_CHANGES = (
    "subject = 'x'",
    "comment_comment_body = array['x']",
    "composite = composite || ' x'",
    "priority = null",
    "task_subject = task_subject || array['x']",
)
STAMP_CHANGES = (
    "checksum = 'x'",
    "children_checksum = 'x'",
    "text_hash = 'x'",
    "recipe = 'x'",
    "vector_hash = 'x'",
    "object_hash = 'x'",
    "generation = 0",
    "generation = generation + 1000000",
    "case_id = 'x'",
    "case_number = 'x'",
    "space = 'other/model@7'",
)

_LINEAGE = "recon.data_lineage"
_OBJECTS = "vector_index.support_case"


@dataclass
class Hands:
    """Each fault says what it did, "" for nothing. What is paid for is forgiven where the cache is harmed."""

    dsn: str
    rng: random.Random
    ledger: Ledger

    def do_harm(self, name: str) -> str:
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            self.conn = conn
            told = FAULTS[name](self)
        return f"{name}: {told}" if told else f"{name}: nothing to do it to"

    # ── lineage ──────────────────────────────────────────────────────────────────────────────

    def lose_lineage(self) -> str:
        return self._delete(_LINEAGE, "record_id")

    def alter_lineage(self) -> str:
        return self._update(_LINEAGE, "record_id", self.rng.choice(LINEAGE_CHANGES))

    def strand(self) -> str:
        """Leave cases in progress, as a run does that died."""
        stage = self.rng.choice(("extracted", "pii_removed", "embedding_generated"))
        change = f"status = 'in_progress', current_stage = '{stage}', run_id = gen_random_uuid()"
        return self._update(_LINEAGE, "record_id", change, where="status <> 'deleted'")

    def lose_failures(self) -> str:
        return self._delete(
            "recon.failed_records", "record_id", where="not resolved and stage <> 'extraction'"
        )

    # ── staging ──────────────────────────────────────────────────────────────────────────────

    def lose_staged(self) -> str:
        return self._delete(f"udp.{self.rng.choice(list(STAGING.values()))}", "id")

    def alter_staged(self) -> str:
        """What was staged is not what was read, and its hash says so."""
        table = self.rng.choice(list(STAGING.values()))
        return self._update(f"udp.{table}", "id", self.rng.choice(STAGED_CHANGES))

    def alter_staged_cells(self) -> str:
        """A text is changed in place, and its row hash is kept."""
        table = self.rng.choice(list(TEXT_COLUMNS))
        return self._update(f"udp.{table}", "id", f"{TEXT_COLUMNS[table]} = '{ALTERED}'")

    def write_times_ahead(self) -> str:
        table = self.rng.choice(list(AHEAD))
        done = self.conn.execute(f"update {table} set {AHEAD[table]}").rowcount  # type: ignore[arg-type]
        return f"{done} rows of {table}" if done else ""

    def lose_watermarks(self) -> str:
        return self._delete("recon.watermarks", "object")

    def alter_watermarks(self) -> str:
        return self._update("recon.watermarks", "object", self.rng.choice(WATERMARK_CHANGES))

    def lie_about_staged(self) -> str:
        """Rows are lost, and the watermark was made to agree with what is left."""
        name, table = self.rng.choice(list(STAGING.items()))
        told = self._delete(f"udp.{table}", "id")
        self.conn.execute(
            "update recon.watermarks set (row_count, digest) = (select count(*), "
            f"coalesce(sum(hashtextextended(id || row_hash, 0)), 0) from udp.{table} where not is_deleted) "
            "where object = %s",
            (name,),
        )
        return told

    # ── cache ────────────────────────────────────────────────────────────────────────────────

    def lose_kept_vectors(self) -> str:
        return self._on_cache("delete from recon.embedding_cache where text_hash = any (%s)")

    def alter_kept_vectors(self) -> str:
        how = self.rng.choice(list(VECTOR_CHANGES))
        told = self._on_cache(
            f"update recon.embedding_cache set vector = {VECTOR_CHANGES[how]} where text_hash = any (%s)"
        )
        return told and f"{how}: {told}"

    # ── index ────────────────────────────────────────────────────────────────────────────────

    def lose_objects(self) -> str:
        return self._delete(_OBJECTS, "id")

    def lose_vectors(self) -> str:
        return self._delete(self._vectors(), "id")

    def overwrite_vectors(self) -> str:
        table = self._vectors()
        another = f"(select embedding from {table} order by id limit 1)"
        return self._update(table, "id", f"embedding = {another}")

    def lose_words(self) -> str:
        """The lexical half of the index."""
        return self._delete("vector_index.case_words", "id")

    def alter_properties(self) -> str:
        return self._update(_OBJECTS, "id", self.rng.choice(PROPERTY_CHANGES))

    def alter_stamps(self) -> str:
        return self._update(_OBJECTS, "id", self.rng.choice(STAMP_CHANGES))

    def add_foreign(self) -> str:
        return self._copy(
            self.rng.randint(1, 4), "gen_random_uuid()", "'500foreign' || id", "'F' || case_number"
        )

    def add_duplicates(self) -> str:
        return self._copy(self.rng.randint(1, 4), "gen_random_uuid()", "case_id", "case_number")

    def put_back_deleted(self) -> str:
        """Objects of cases that were deleted, as a restored backup would bring them."""
        gone = self.conn.execute(
            "select record_id, case_number from recon.data_lineage where status = 'deleted' "
            "and case_number is not null order by record_id limit 3"
        ).fetchall()
        for case_id, number in gone:
            self._copy(1, f"'{uuid5(NAMESPACE, number)}'::uuid", f"'{case_id}'", f"'{number}'")
        return ", ".join(i for i, _ in gone)

    def move_to_another_space(self) -> str:
        chosen = self._some("select id from vector_index.support_case")
        self._give_other_vectors(chosen)
        self.conn.execute(f"delete from {self._vectors()} where id = any (%s)", (chosen,))
        return self._on(f"update {_OBJECTS} set space = 'other/model@256' where id = any (%s)", chosen)

    def give_second_vectors(self) -> str:
        chosen = self._some("select id from vector_index.support_case")
        return ", ".join(map(str, chosen)) + self._give_other_vectors(chosen) if chosen else ""

    # ── means ────────────────────────────────────────────────────────────────────────────────

    def _delete(self, table: str, key: str, *, where: str = "true") -> str:
        chosen = self._some(f"select {key} from {table} where {where}")
        told = self._on(f"delete from {table} where {key} = any (%s) and {where}", chosen)
        return told and f"of {table} {told}"

    def _update(self, table: str, key: str, change: str, *, where: str = "true") -> str:
        chosen = self._some(f"select {key} from {table} where {where}")
        told = self._on(f"update {table} set {change} where {key} = any (%s) and {where}", chosen)
        return told and f"{change} of {table} {told}"

    def _on(self, statement: str, keys: Sequence[object]) -> str:
        if not keys:
            return ""
        self.conn.execute(statement, (list(keys),))  # type: ignore[arg-type]
        return ", ".join(map(str, keys))

    def _some(self, statement: str) -> list[Any]:
        """Up to three of what a query names, at random."""
        found = sorted({r[0] for r in self.conn.execute(statement)})  # type: ignore[arg-type]
        return self.rng.sample(found, min(len(found), self.rng.randint(1, 3)))

    def _vectors(self) -> str:
        found = self.conn.execute(
            "select tablename from pg_tables "
            r"where schemaname = 'vector_index' and tablename like 'vector\_chathpe%'"
        ).fetchone()
        assert found is not None
        return f"vector_index.{found[0]}"

    def _give_other_vectors(self, ids: Sequence[UUID]) -> str:
        """Also in another space, whose table sorts before or behind ours."""
        table = f"vector_index.vector_{self.rng.choice('az')}_other_256"
        self.conn.execute(
            f"create table if not exists {table} (id uuid primary key references {_OBJECTS} (id) "
            "on delete cascade, embedding halfvec(256) not null)"
        )
        self.conn.execute(
            f"insert into {table} select id, embedding from {self._vectors()} where id = any (%s) "
            "on conflict do nothing",
            (list(ids),),
        )
        return f" in {table}"

    def _on_cache(self, statement: str) -> str:
        chosen = self._some("select text_hash from recon.embedding_cache")
        for key in [k for k in self.ledger.paid if k[0] in chosen]:
            self.ledger.forgive(key)
        return self._on(statement, chosen)

    def _copy(self, n: int, object_id: str, case_id: str, number: str) -> str:
        """Objects that look like others but for who they are; with their vectors."""
        columns = self.conn.execute(
            "select column_name from information_schema.columns where table_schema = 'vector_index' "
            "and table_name = 'support_case' and column_name not in ('id', 'case_id', 'case_number')"
        )
        names, vectors = ", ".join(r[0] for r in columns), self._vectors()
        rows = self.conn.execute(
            f"with chosen as materialized (select id as model, {object_id} as id, {case_id} as case_id, "
            f"{number} as case_number, {names} from {_OBJECTS} order by md5(id || %s) limit %s), "
            f"made as (insert into {_OBJECTS} (id, case_id, case_number, {names}) "
            f"select id, case_id, case_number, {names} from chosen on conflict do nothing returning id) "
            "select made.id, chosen.model from made join chosen using (id)",
            (str(self.rng.random()), n),
        ).fetchall()
        for made, model in rows:
            self.conn.execute(
                f"insert into {vectors} select %s, embedding from {vectors} where id = %s", (made, model)
            )
        return f"{len(rows)} objects" if rows else ""


FAULTS: Mapping[str, Callable[[Hands], str]] = {
    "lose lineage": Hands.lose_lineage,
    "alter lineage": Hands.alter_lineage,
    "leave in progress": Hands.strand,
    "lose failures": Hands.lose_failures,
    "lose staged rows": Hands.lose_staged,
    "alter staged rows": Hands.alter_staged,
    "alter staged cells": Hands.alter_staged_cells,
    "write times ahead": Hands.write_times_ahead,
    "lose watermarks": Hands.lose_watermarks,
    "alter watermarks": Hands.alter_watermarks,
    "lie about what is staged": Hands.lie_about_staged,
    "lose kept vectors": Hands.lose_kept_vectors,
    "alter kept vectors": Hands.alter_kept_vectors,
    "lose objects": Hands.lose_objects,
    "lose vectors": Hands.lose_vectors,
    "lose words": Hands.lose_words,
    "overwrite vectors": Hands.overwrite_vectors,
    "alter properties": Hands.alter_properties,
    "alter stamps": Hands.alter_stamps,
    "add foreign objects": Hands.add_foreign,
    "add duplicates": Hands.add_duplicates,
    "put back deleted objects": Hands.put_back_deleted,
    "move to another space": Hands.move_to_another_space,
    "give second vectors": Hands.give_second_vectors,
}
"""What hands may do, by name."""
