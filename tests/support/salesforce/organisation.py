"""An organisation's rows in memory, and everything that can happen to them.

Moments are kept as text in GMT with milliseconds (`2026-01-02T03:04:05.000`), which sorts as they do.
A row is a list in the order of its object's fields and is replaced when it changes, never altered.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from threading import RLock
from typing import Any

from everycase.domain.rows import long_id
from tests.support.salesforce.schema import ObjectType, standard_schema

Row = list[Any]
USER = "005000000000001AAA"
"""Who the integration user is."""
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def stamp(when: datetime) -> str:
    """A moment as the organisation keeps it."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds")[:23]


class Table:
    """The rows of one object, by their 18-character id."""

    def __init__(self, kind: ObjectType) -> None:
        self.type = kind
        self.place = {f.name.lower(): i for i, f in enumerate(kind.fields)}
        self.rows: dict[str, Row] = {}
        self.deletions: list[tuple[str, str]] = []
        """When, and which id: what `/deleted` answers from."""
        self._ids: list[str] | None = None

    def ids(self) -> list[str]:
        """All ids in order."""
        if self._ids is None:
            self._ids = sorted(self.rows)
        return self._ids

    def put(self, record_id: str, values: Mapping[str, Any]) -> None:
        """Insert a row, or replace the values that are named."""
        row = list(self.rows.get(record_id) or [None] * len(self.type.fields))
        for name, value in values.items():
            row[self.place[name.lower()]] = value
        if record_id not in self.rows and self._ids is not None:
            insort(self._ids, record_id)
        self.rows[record_id] = row

    def remove(self, record_id: str) -> None:
        del self.rows[record_id]
        self._ids = None

    def value(self, record_id: str, name: str) -> Any:
        return self.rows[record_id][self.place[name.lower()]]


class Organisation:
    """Six objects of support, the people they name, and a clock. Every method holds the lock."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        id: str = "00D000000000001EAA",
        is_sandbox: bool = True,
    ) -> None:
        self.clock, self.id = clock, id
        self.lock = RLock()
        self.tables = {name: Table(kind) for name, kind in standard_schema().items()}
        self.hidden_fields: set[tuple[str, str]] = set()
        self.hidden_objects: set[str] = set()
        self.hidden_rows: set[str] = set()
        self.is_deletion_log_purged = False
        self.found: dict[str, list[Row]] | None = None
        """Where it is a dict, what queries find is kept in it: for an organisation that never changes."""
        self._late: list[tuple[datetime, str, str, dict[str, Any]]] = []
        self._blanked: dict[str, Row] = {}
        self._next = 0
        self.load("Organization", id, Name="Example Support", OrganizationType="Developer Edition")
        self.change("Organization", id, InstanceName="EX1", IsSandbox=is_sandbox)
        self.grant_view_all_data()

    def grant_view_all_data(self, *, is_granted: bool = True) -> None:
        """What the permission set of the integration user says."""
        for name in ("PermissionSet", "PermissionSetAssignment"):
            self.tables[name] = Table(self.tables[name].type)
        granted = self.add("PermissionSet", PermissionsViewAllData=is_granted)
        self.add("PermissionSetAssignment", AssigneeId=USER, PermissionSetId=granted)

    def now(self) -> str:
        return stamp(self.clock())

    def new_id(self, name: str) -> str:
        """A well-formed id that no row has."""
        self._next += 1
        number, text = self._next, ""
        while number:
            number, digit = divmod(number, 62)
            text = _BASE62[digit] + text
        return long_id(self.tables[name].type.prefix + "9Z" + text.rjust(10, "0"))

    def table(self, name: str) -> Table:
        """The rows of an object, those that have just become visible among them."""
        with self.lock:
            self._let_late_rows_in()
            return self.tables[name]

    # ── what happens to rows ─────────────────────────────────────────────────────────────────────

    def load(self, name: str, record_id: str, **values: Any) -> None:
        """A row as it is given: nothing is stamped."""
        with self.lock:
            self.tables[name].put(record_id, {"IsDeleted": False, "Id": record_id, **values})

    def add(self, name: str, **values: Any) -> str:
        """A new row, stamped now; its id."""
        with self.lock:
            record_id, when = self.new_id(name), self.now()
            stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), when)
            self.load(name, record_id, **(stamps | values))
            return record_id

    def add_late(self, name: str, *, stamped: datetime, visible_at: datetime, **values: Any) -> str:
        """A row of a slow transaction: its stamp is older than the moment it can be seen."""
        with self.lock:
            record_id = self.new_id(name)
            when = stamp(stamped)
            stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), when)
            self._late.append((visible_at, name, record_id, stamps | values))
            return record_id

    def change(self, name: str, record_id: str, **values: Any) -> None:
        """An edit; a stamp moves as it does for a user's."""
        with self.lock:
            when = self.now()
            stamps = {"LastModifiedDate": when, "SystemModstamp": when}
            self.tables[name].put(record_id, stamps | values)

    def change_silently(self, name: str, record_id: str, **values: Any) -> None:
        """What a formula does: another value, and no stamp."""
        with self.lock:
            self.tables[name].put(record_id, values)

    def delete(self, name: str, record_id: str, *, blanks: bool = True, **values: Any) -> None:
        """Into the recycle bin; long texts are blanked, as Salesforce may do."""
        with self.lock:
            table = self.tables[name]
            self._blanked[record_id] = table.rows[record_id]
            texts = [f.name for f in table.type.fields if f.type == "textarea"] if blanks else []
            blank: dict[str, Any] = dict.fromkeys(texts)
            when = self.now()
            table.put(record_id, {**blank, "IsDeleted": True, "SystemModstamp": when, **values})
            table.deletions.append((when, record_id))

    def undelete(self, name: str, record_id: str) -> None:
        """Out of the recycle bin, with all that it had."""
        with self.lock:
            table = self.tables[name]
            table.rows[record_id] = self._blanked.pop(record_id)
            table.put(record_id, {"IsDeleted": False, "SystemModstamp": self.now()})
            table.deletions = [d for d in table.deletions if d[1] != record_id]

    def purge(self, name: str, record_id: str, *, is_logged: bool = True) -> None:
        """A hard deletion: the row is nowhere, and `/deleted` may know of it."""
        with self.lock:
            table = self.tables[name]
            table.remove(record_id)
            if is_logged and all(d[1] != record_id for d in table.deletions):
                table.deletions.append((self.now(), record_id))

    def merge(self, winner: str, loser: str) -> None:
        """Two cases become one: the loser goes, and its children change hands without a stamp."""
        with self.lock:
            self.change("Case", winner)
            self.delete("Case", loser, MasterRecordId=winner)
            for name, parent in _PARENTS:
                table = self.tables[name]
                at = table.place[parent.lower()]
                for record_id in [i for i, r in table.rows.items() if r[at] == loser]:
                    table.put(record_id, {parent: winner})

    def _let_late_rows_in(self) -> None:
        now = self.clock()
        due = [late for late in self._late if late[0] <= now]
        for late in due:
            _, name, record_id, values = late
            self._late.remove(late)
            self.load(name, record_id, **values)

    # ── what can be seen ─────────────────────────────────────────────────────────────────────────

    def live(self, name: str) -> Iterator[tuple[str, Row]]:
        """Rows that are not deleted, whoever may see them."""
        table = self.table(name)
        at = table.place["isdeleted"]
        return ((i, r) for i, r in list(table.rows.items()) if not r[at])


_PARENTS = (
    ("Case", "ParentId"),
    ("Task", "WhatId"),
    ("WorkOrder", "CaseId"),
    ("CaseComment", "ParentId"),
    ("EmailMessage", "ParentId"),
)
