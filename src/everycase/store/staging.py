"""The staging tables: rows in by COPY, merged as sets, and read back as joined cases (contract §3, §4)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from everycase.domain.cases import JoinedCase, Record
from everycase.domain.catalogue import Catalogue, Kind, SourceObject
from everycase.domain.rows import iso
from everycase.store.db import Connection
from everycase.store.queries import queries

MANY = 500
"""Changed rows after which a table's statistics are made anew."""

_KEEPING = ("created_date", "last_modified_date", "system_modstamp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Double:
    """An id that came in more than one row, with different contents."""

    record_id: str
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanishing:
    """What a complete enumeration did not name, before anything is done about it."""

    read: int
    live: int
    vanished: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """Children that wait for a parent which is not staged."""

    parent_id: str
    parent_object: str
    waiting: Mapping[str, int]


class StagingTable:
    """One staging table, as the catalogue describes it."""

    def __init__(self, obj: SourceObject) -> None:
        self.object = obj
        self.name = sql.Identifier("udp", obj.table)
        self.content = [f for f in obj.fields if f.column not in ("id", "parent_id", *_KEEPING)]
        names = ["id", "parent_id", *(f.column for f in self.content)]
        if obj.parent:
            names.append("ordered_by")
        self.columns = [*names, *_KEEPING, "is_deleted", "identity", "row_hash"]

    def compose(self, module: str, name: str, **parts: sql.Composable) -> sql.Composed:
        return sql.SQL(queries(module)[name]).format(table=self.name, **parts)

    def statement(self, name: str) -> sql.Composed:
        """A block of staging.sql for this table."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        assignments: list[sql.Composable] = [
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in self.columns if c != "id"
        ]
        if not self.object.parent:
            assignments.append(sql.SQL("generation = nextval('udp.generation')"))
        return self.compose("staging", name, columns=columns, assignments=sql.SQL(", ").join(assignments))

    def row(self, record: Record) -> list[object]:
        """A record in the order of `columns`."""
        parent = record.parent_id if self.object.parent else record.values.get("ParentId")
        cells: list[object] = [record.id, parent, *(record.values.get(f.name) for f in self.content)]
        if self.object.parent:
            cells.append(record.when)
        cells += (record.created_date, record.last_modified_date, record.system_modstamp)
        cells += (record.is_deleted, json.dumps(record.identity, ensure_ascii=False), record.row_hash)
        return cells


class Merge:
    """One object's rows on their way into staging, inside one transaction of `conn`."""

    def __init__(self, conn: Connection, obj: SourceObject) -> None:
        self._conn = conn
        self.table = StagingTable(obj)

    def copy(self, records: Iterable[Record]) -> None:
        """Stream records in; memory does not grow with the rows."""
        self._run("drop_load")
        self._run("create_load")
        with self._conn.cursor() as cursor, cursor.copy(self.table.statement("copy")) as copy:
            for record in records:
                copy.write_row((*self.table.row(record), record.line))
        self._run("newest")
        self._run("prepare_newest")
        self._conn.execute("analyze newest")

    def doubles(self) -> list[Double]:
        rows = self._conn.execute(self.table.statement("doubles")).fetchall()
        return [Double(record_id=i, first_line=a, last_line=b) for i, a, b in rows]

    def find_vanished(self, spared: Sequence[str]) -> Vanishing:
        """What staging has and this enumeration has not. Call `forget_vanished` to withhold it."""
        self._conn.execute(self.table.statement("vanished"), {"spared": list(spared)})
        row = self._conn.execute(self.table.statement("counts")).fetchone()
        assert row is not None
        return Vanishing(read=row[0], live=row[1], vanished=row[2])

    def forget_vanished(self) -> None:
        self._run("forget_vanished")

    def apply(self) -> int:
        """Write what differs, mark what vanished, touch the cases of both; how many rows changed."""
        self._run("changed")
        self._conn.execute("analyze changed")
        self._run("upsert")
        self._run("mark_vanished")
        if not self.table.object.parent:
            self._run("touched_by_namesakes")
        elif self.table.object.parent_object == "Case":
            self._run("touched_by_children")
        else:
            self._run("touched_by_feed")
        row = self._conn.execute(self.table.statement("tally")).fetchone()
        assert row is not None
        changed = int(row[0]) + int(row[1])
        if changed >= MANY:
            self._run("refresh_statistics")
        return changed

    def _run(self, name: str) -> None:
        self._conn.execute(self.table.statement(name))


def read_version(conn: Connection, obj: SourceObject, source: str) -> str | None:
    """The version of the source's object that staging holds whole, None when that is not known.

    Rows that were added to staging, taken from it or altered behind our back make it unknown, so that
    the object is read again.
    """
    statement = StagingTable(obj).statement("watermark")
    row = conn.execute(statement, {"source": source, "object": obj.name}).fetchone()
    return row[0] if row else None


def set_version(conn: Connection, obj: SourceObject, source: str, version: str) -> None:
    """Remember what was read whole; an empty `version` forgets."""
    name = "set_watermark" if version else "clear_watermark"
    given = {"source": source, "object": obj.name, "version": version}
    conn.execute(StagingTable(obj).statement(name), given)


def waiting_children(conn: Connection) -> list[Orphans]:
    rows = conn.execute(queries("staging")["waiting_children"]).fetchall()
    return [Orphans(parent_id=p, parent_object=o, waiting=w) for p, o, w in rows]


# ── the join ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A joined case, and the id of an older live case that has the same case number, if there is one."""

    case: JoinedCase
    elder: str | None


def join(conn: Connection, catalogue: Catalogue, ids: Sequence[str]) -> list[Joined]:
    """LEFT JOIN with Case first: every live case of `ids`, with all its children (contract §4).

    One statement for each object. The case is read first: a child that comes in between makes the case's
    generation rise, so what is joined here is then looked at again.
    """
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        cases = cursor.execute(_select(catalogue.case, "cases", "c"), {"ids": list(ids)}).fetchall()
        children = {obj.name: _children(cursor, obj, ids) for obj in catalogue.children}
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


def _children(cursor: Any, obj: SourceObject, ids: Sequence[str]) -> dict[str, list[Record]]:
    block = "children" if obj.parent_object == "Case" else "feed"
    found: dict[str, list[Record]] = {}
    for row in cursor.execute(_select(obj, block, "t"), {"ids": list(ids)}):
        found.setdefault(row["case_id"], []).append(_record(obj, row))
    return found


def _select(obj: SourceObject, block: str, alias: str) -> sql.Composed:
    own = [f for f in obj.fields if f.name not in ("Id",)]
    columns = sql.SQL(", ").join(sql.Identifier(alias, f.column) for f in own)
    return StagingTable(obj).compose("join", block, columns=columns)


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
