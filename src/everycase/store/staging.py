"""The staging tables: rows in by COPY, merged as sets, and read back as joined cases (contract §3, §4)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from everycase.domain.cases import JoinedCase, Record
from everycase.domain.catalogue import Catalogue, Kind, SourceObject
from everycase.domain.rows import MalformedRow, iso, recompute_hash
from everycase.store.db import Connection
from everycase.store.queries import queries

MANY = 500
"""Changed rows after which a table's statistics are made anew."""

MOST_NAMED = 100
"""Missing parents of one object that are named; an export of the last years lacks thousands."""

_encode = json.JSONEncoder(ensure_ascii=False).encode
_KEEPING = ("created_date", "last_modified_date", "system_modstamp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """Children that wait for a parent which is not staged."""

    parent_id: str
    """Of many missing parents, the name of their object."""
    parent_object: str
    waiting: Mapping[str, int]
    parents: int
    """How many missing parents this stands for."""


@lru_cache(maxsize=4096)
def _spelt(when: datetime | None) -> str | None:
    """A moment in PostgreSQL's own format, made once: the driver would format it for each column anew."""
    return str(when) if when else None


class StagingTable:
    """One staging table, as the catalogue describes it."""

    def __init__(self, obj: SourceObject, schema: str = "udp") -> None:
        self.object = obj
        self.name = sql.Identifier(schema, obj.table)
        self.content = [f for f in obj.fields if f.column not in ("id", "parent_id", *_KEEPING)]
        names = ["id", "parent_id", *(f.column for f in self.content)]
        if obj.parent:
            names.append("ordered_by")
        self.columns = [*names, *_KEEPING, "is_deleted", "identity", "row_hash", "source_version"]
        self._statements: dict[str, bytes] = {}

    def compose(self, module: str, name: str, **parts: sql.Composable) -> sql.Composed:
        return sql.SQL(queries(module)[name]).format(table=self.name, **parts)

    def statement(self, name: str) -> bytes:
        """A block of merging.sql for this table, composed once: every chunk of rows executes it."""
        if name not in self._statements:
            self._statements[name] = self._merging(name).as_bytes(None)
        return self._statements[name]

    def _merging(self, name: str) -> sql.Composed:
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        assignments: list[sql.Composable] = [
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in self.columns if c != "id"
        ]
        if not self.object.parent:
            assignments.append(sql.SQL("generation = nextval('udp.generation')"))
        return self.compose("merging", name, columns=columns, assignments=sql.SQL(", ").join(assignments))

    def statements(self, *names: str) -> bytes:
        """Several blocks of merging.sql, to be sent as one."""
        return b";\n".join(map(self.statement, names))

    def row(self, record: Record) -> list[object]:
        """A record in the order of `columns`, as text for COPY."""
        parent = record.parent_id if self.object.parent else record.values.get("ParentId")
        cells: list[object] = [record.id, parent, *(record.values.get(f.name) for f in self.content)]
        if self.object.parent:
            cells.append(_spelt(record.when))
        stamps = (record.created_date, record.last_modified_date, record.system_modstamp)
        cells += map(_spelt, stamps)
        cells += ("f", _encode(record.identity) if record.identity else "{}")
        cells += (record.row_hash, record.source_version)
        return cells


def read_mark(conn: Connection, obj: SourceObject, source: str) -> str:
    """The mark up to which this source has been read; empty where staging is not what it was then.

    Rows that were added to staging, taken from it or altered behind our back make it empty, so that
    everything is read again.
    """
    statement = StagingTable(obj).compose("staging", "mark")
    row = conn.execute(statement, {"source": source, "object": obj.name}).fetchone()
    return row[0] if row else ""


def is_marked(conn: Connection, obj: SourceObject, source: str) -> bool:
    """Whether there is a mark, so that its digest must follow what is staged."""
    statement = queries("staging")["is_marked"]
    return conn.execute(statement, {"source": source, "object": obj.name}).fetchone() is not None


def set_mark(conn: Connection, obj: SourceObject, source: str, mark: str) -> None:
    """Remember how far was read; an empty `mark` forgets."""
    name = "set_mark" if mark else "clear_mark"
    given = {"source": source, "object": obj.name, "mark": mark}
    conn.execute(StagingTable(obj).compose("staging", name), given)


def live_among(conn: Connection, obj: SourceObject, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that are staged and not deleted."""
    statement = StagingTable(obj).compose("staging", "live_among")
    return {r[0] for r in conn.execute(statement, {"ids": list(ids)})} if ids else set()


def waiting_children(conn: Connection, source: str) -> list[Orphans]:
    """Parents that are not staged and may still come: they could not be read, or their object has no mark.

    Where a parent's object was read whole, a parent that is not staged does not exist: its children belong
    to no case. Of a source that is asked for what changed, a parent may come for a day. The first parents of
    each object stand one by one, the others together, so memory is bounded.
    """
    given = {"source": source, "named": MOST_NAMED}
    rows = conn.execute(queries("staging")["waiting_children"], given).fetchall()
    return [Orphans(parent_id=p, parent_object=o, waiting=w, parents=n) for p, o, w, n in rows]


# ── the join ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A joined case, and the id of an older live case that has the same case number, if there is one."""

    case: JoinedCase
    elder: str | None


def join(conn: Connection, catalogue: Catalogue, ids: Sequence[str], *, schema: str = "udp") -> list[Joined]:
    """LEFT JOIN with Case first: every live case of `ids`, with all its children (contract §4).

    One statement for each object. The case is read first: a child that comes in between makes the case's
    generation rise, so what is joined here is then looked at again.
    """
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        cases = cursor.execute(_select(catalogue.case, "cases", "c", schema), {"ids": list(ids)}).fetchall()
        children = {obj.name: _children(cursor, obj, ids, schema) for obj in catalogue.children}
    return [
        Joined(
            case=JoinedCase(
                case=_record(catalogue.case, row),
                children={name: tuple(found.get(row["id"], ())) for name, found in children.items()},
                generation=row["generation"],
            ),
            elder=row["elder"],
        )
        for row in cases
    ]


def altered_rows(
    conn: Connection, obj: SourceObject, *, sample: int | None, seed: int, only: Sequence[str] | None = None
) -> Iterator[str]:
    """Ids of live rows whose hash is not that of what they hold; `sample` of them are looked at, None: all.

    Streamed: memory does not grow with the rows.
    """
    table = StagingTable(obj)
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    statement = table.compose("staging", "rows_to_recompute", columns=columns)
    given = {"sample": sample, "seed": seed, "only": list(only) if only is not None else None}
    with conn.transaction(), conn.cursor(name="altered_rows", row_factory=dict_row) as cursor:
        cursor.itersize = MANY
        for row in cursor.execute(statement, given):
            if not _is_as_hashed(obj, row):
                yield row["id"]


def _is_as_hashed(obj: SourceObject, row: Mapping[str, Any]) -> bool:
    try:
        return recompute_hash(obj, _record(obj, row)) == str(row["row_hash"])
    except MalformedRow:
        return False


def disbelieve(conn: Connection, obj: SourceObject, ids: Sequence[str]) -> None:
    """Clear the hash of altered rows, so that the next read replaces them by what the source has."""
    conn.execute(StagingTable(obj).compose("staging", "disbelieve"), {"ids": list(ids)})


def _children(cursor: Any, obj: SourceObject, ids: Sequence[str], schema: str) -> dict[str, list[Record]]:
    block = "children" if obj.parent_object == "Case" else "feed"
    found: dict[str, list[Record]] = {}
    for row in cursor.execute(_select(obj, block, "t", schema), {"ids": list(ids)}):
        found.setdefault(row["case_id"], []).append(_record(obj, row))
    return found


def _select(obj: SourceObject, block: str, alias: str, schema: str) -> sql.Composed:
    own = [f for f in obj.fields if f.name not in ("Id",)]
    columns = sql.SQL(", ").join(sql.Identifier(alias, f.column) for f in own)
    parents = {name: sql.Identifier(schema, name) for name in ("case", "workorder")}
    return StagingTable(obj, schema).compose("join", block, columns=columns, **parents)


def _record(obj: SourceObject, row: Mapping[str, Any]) -> Record:
    values = {f.name: _text(f.kind, row[f.column]) for f in obj.fields if row[f.column] is not None}
    return Record(
        object=obj.name,
        id=row["id"],
        parent_id=row["parent_id"],
        values=values,
        identity=row["identity"],
        when=row["ordered_by"] if obj.parent else row["created_date"],
        created_date=row.get("created_date"),
        last_modified_date=row.get("last_modified_date"),
        system_modstamp=row.get("system_modstamp"),
        row_hash=row["row_hash"],
    )


def _text(kind: Kind, value: object) -> str:
    if kind is Kind.MOMENT and isinstance(value, datetime):
        return iso(value)
    if kind is Kind.FLAG:
        return "true" if value else "false"
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinStatistics:
    """One row of `multi_table_join_stats`."""

    case_id: str
    case_number: str | None
    children: Mapping[str, int]
    composite_text_length: int | None
    was_truncated: bool | None
    fields_populated: int
    at: datetime


def add_join_statistics(conn: Connection, rows: Sequence[JoinStatistics]) -> None:
    def counts(name: str) -> list[int]:
        return [r.children.get(name, 0) for r in rows]

    if not rows:
        return
    conn.execute(
        queries("join")["add_stats"],
        {
            "case_id": [r.case_id for r in rows],
            "case_number": [r.case_number for r in rows],
            "case_found": [True for _ in rows],
            "tasks": counts("Task"),
            "workorders": counts("WorkOrder"),
            "comments": counts("CaseComment"),
            "emails": counts("EmailMessage"),
            "feeds": counts("WorkOrderFeed"),
            "length": [r.composite_text_length for r in rows],
            "truncated": [r.was_truncated for r in rows],
            "fields": [r.fields_populated for r in rows],
            "at": [r.at for r in rows],
        },
    )
