"""An export on disk that changes as an organisation's cases do, and knows the truth about itself.

Every row says a word of its own in its text, `qz00042v1`, which no redaction touches: by these words
alone anybody can tell whether what is in the index is what the rows say. Every row also names a person
of its own, in an identity column and in its text, who must be found nowhere.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from tests.support.exports import HEADERS, Row, case, child, record_id

CHILDREN = ("Task", "WorkOrder", "CaseComment", "EmailMessage", "WorkOrderFeed")
LINKS = {"Task": "WhatId", "WorkOrder": "CaseId"}
"""Where a child names its parent; elsewhere in ParentId."""

POISON = "polonium"
"""The stand-in for the provider rejects a text with this word."""

TEXT = {
    "Case": "Description",
    "Task": "Description",
    "WorkOrder": "Problem_Description__c",
    "CaseComment": "CommentBody",
    "EmailMessage": "TextBody",
    "WorkOrderFeed": "Body",
}
_PERSON = {
    "Case": "ContactName",
    "Task": "OwnerName",
    "WorkOrder": "EngineerName",
    "CaseComment": "CreatedByName",
    "EmailMessage": "FromName",
    "WorkOrderFeed": "CreatedByName",
}
_MAIL = {"Case": "ContactEmail", "EmailMessage": "FromAddress"}
_ID_FIELDS = ("CaseNumber", "WhatId", "CaseId", "ParentId")
"""Whichever of them an object has; a Case has its number and the id of its parent case."""
_FIRST = "Odalys Brannoch Yevgenya Tancredo Ulrike Fenwick Zephyrine Casimir Thandeka Lubomir".split()
_SYLLABLES = "bor vek tal mun dri sop zan kel wix fur hag lom pid nus rew jat".split()
_EPOCH = datetime(2024, 11, 4, 8, tzinfo=UTC)


class Damage(StrEnum):
    """What may happen to one file of an export on its way to us."""

    CUT_SHORT = "cut short"
    EMPTIED = "emptied"
    LOST = "lost"


class Flaw(StrEnum):
    """What makes one row unreadable; all but the last leave its id readable."""

    DATE = "impossible date"
    NARROW = "too few columns"
    BYTES = "not UTF-8"
    PERSON_FOR_ID = "a person in an id field"
    LONG_NUMBER = "a number of 6,000 characters"
    NAMELESS = "no id"

    @property
    def spares_deletion(self) -> bool:
        """Whether such a row is read where it is marked as deleted: id and mark are enough then."""
        return self in (Flaw.DATE, Flaw.PERSON_FOR_ID, Flaw.LONG_NUMBER)


@dataclass
class ChangingExport:
    """The organisation (`tables`, by object and record id), and the files that it was exported to."""

    folder: Path
    rng: random.Random
    tables: dict[str, dict[str, Row]] = field(default_factory=lambda: {n: {} for n in HEADERS})
    flaws: dict[tuple[str, str], Flaw] = field(default_factory=dict)
    """How a row is written so that it cannot be read, by object and id."""
    doubles: dict[tuple[str, str], Row] = field(default_factory=dict)
    """Older copies of rows that are written as well."""
    damages: dict[str, Damage] = field(default_factory=dict)
    awaited: dict[str, str] = field(default_factory=dict)
    """Parents that have not come yet, with their object."""
    planted: set[str] = field(default_factory=set)
    """Names and addresses that no tracking table and no index may contain."""
    serial: int = 0

    @staticmethod
    def begin(folder: Path, rng: random.Random, *, cases: int) -> ChangingExport:
        """An export of so many cases with children of all kinds."""
        made = ChangingExport(folder, rng)
        for _ in range(cases):
            made._new_case()
        made.write()
        return made

    # ── the truth ────────────────────────────────────────────────────────────────────────────

    def live(self, name: str) -> dict[str, Row]:
        """The rows of an object that are there and not deleted, readable or not."""
        return {i: r for i, r in self.tables[name].items() if r["IsDeleted"] == "false"}

    def unreadable(self, name: str) -> dict[str, Flaw]:
        """The rows of an object that cannot be read, by id."""
        rows, live = self.flaws.items(), self.live(name)
        return {i: f for (n, i), f in rows if n == name and (i in live or not f.spares_deletion)}

    @property
    def is_whole(self) -> bool:
        """Whether the files name every row there is."""
        return not self.damages and Flaw.NAMELESS not in self.flaws.values()

    # ── changes of the organisation ──────────────────────────────────────────────────────────

    def change(self, name: str | None = None) -> str:
        """One change at random, or the one that is named; what it was. The files are written anew."""
        name = name or self.rng.choice(list(CHANGES))
        told = CHANGES[name](self)
        self.write()
        return f"{name}: {told}" if told else f"{name}: nothing to do it to"

    def _add_cases(self) -> str:
        return ", ".join(self._new_case()["Id"] for _ in range(self.rng.randint(1, 4)))

    def _change_case(self) -> str:
        return self._on_one("Case", self._say_anew)

    def _close_without_resolution(self) -> str:
        def blank(name: str, row: Row) -> None:
            row["Resolution_Plain_Text__c"] = ""
            self._touch(row)

        return self._on_one("Case", blank)

    def _add_child(self) -> str:
        made = self._new_child(self.rng.choice(CHILDREN))
        return f"{made['Id']}" if made else ""

    def _change_child(self) -> str:
        return self._on_one(self.rng.choice(CHILDREN), self._say_anew)

    def _remove_child(self) -> str:
        name = self.rng.choice(CHILDREN)
        return self._on_one(name, self._delete)

    def _re_parent(self) -> str:
        """The child moves to another case, or a feed item to another work order."""
        name = self.rng.choice(CHILDREN)

        def move(name: str, row: Row) -> None:
            parents = list(self.live(_parent_object(name)))
            if parents:
                row[LINKS.get(name, "ParentId")] = self.rng.choice(parents)
                self._touch(row)

        return self._on_one(name, move)

    def _delete_cases(self) -> str:
        """A few, each by absence or by its mark; the children go or are left behind."""
        gone = self._some(list(self.live("Case")), 3)
        for i in gone:
            if self.rng.random() < 0.5:
                for name in CHILDREN:
                    for row in [r for r in self.tables[name].values() if r[LINKS.get(name, "ParentId")] == i]:
                        self._delete(name, row)
            self._delete("Case", self.tables["Case"][i])
        return ", ".join(gone)

    def _mark_most(self) -> str:
        """Half of the cases are marked as deleted, as by a filter that somebody got wrong."""
        live = self.live("Case")
        for i in self.rng.sample(list(live), len(live) // 2):
            live[i]["IsDeleted"] = "true"
            self._touch(live[i])
        return f"{len(live) // 2} of {len(live)}"

    def _long_value(self) -> str:
        """A status that no index of a column takes."""

        def lengthen(name: str, row: Row) -> None:
            row["Status"] = "Open" * 1500
            self._touch(row)

        return self._on_one("Case", lengthen)

    def _undelete_case(self) -> str:
        """Out of the recycle bin."""
        marked = [i for i, r in self.tables["Case"].items() if r["IsDeleted"] == "true"]
        for i in marked[:1]:
            self.tables["Case"][i]["IsDeleted"] = "false"
            self._touch(self.tables["Case"][i])
        return ", ".join(marked[:1])

    def _orphan(self) -> str:
        """A child whose parent comes later."""
        name = self.rng.choice(CHILDREN)
        parent = record_id(_parent_object(name), self._next())
        self.awaited[parent] = _parent_object(name)
        return self._new_child(name, parent)["Id"]

    def _parent_comes(self) -> str:
        for parent, name in list(self.awaited.items())[:1]:
            del self.awaited[parent]
            if name == "Case":
                self._new_case(Id=parent)
            else:
                self._new_child(name, Id=parent)
            return parent
        return ""

    def _blank_case(self) -> str:
        def blank(name: str, row: Row) -> None:
            row["Subject"] = row["Description"] = ""
            self._touch(row)

        return self._on_one("Case", blank)

    def _namesake(self) -> str:
        """A second case of a number, older or newer than the first."""

        def double(name: str, row: Row) -> None:
            when = _EPOCH + timedelta(hours=self.rng.choice((-5, 5)))
            self._new_case(CaseNumber=row["CaseNumber"], CreatedDate=_stamp(when))

        return self._on_one("Case", double)

    def _renumber(self) -> str:
        """A case gets a number of its own; or two cases swap theirs."""
        some = [self.tables["Case"][i] for i in self._some(list(self.live("Case")), 2)]
        for row in some:
            self._touch(row)
        if len(some) == 2 and self.rng.random() < 0.5:
            some[0]["CaseNumber"], some[1]["CaseNumber"] = some[1]["CaseNumber"], some[0]["CaseNumber"]
        elif some:
            some[0]["CaseNumber"] = f"{41_000_000 + self._next()}"
        return ", ".join(r["Id"] for r in some)

    def _poison(self) -> str:
        def poison(name: str, row: Row) -> None:
            self._say_anew(name, row)
            row["Description"] += f" There is {POISON} in it."

        return self._on_one("Case", poison)

    def _spoil_row(self) -> str:
        name = self.rng.choice(tuple(HEADERS))

        def spoil(name: str, row: Row) -> None:
            flaws = [f for f in Flaw if name == "Case" or f is not Flaw.LONG_NUMBER]
            self.flaws[name, row["Id"]] = self.rng.choice(flaws)

        return self._on_one(name, spoil)

    def _double_row(self) -> str:
        """An older copy of a row comes with it."""
        name = self.rng.choice(tuple(HEADERS))

        def double(name: str, row: Row) -> None:
            self.doubles[name, row["Id"]] = dict(row)
            self._say_anew(name, row)

        return self._on_one(name, double)

    def _mend_rows(self) -> str:
        """Somebody looks after what was reported: half of the bad rows and texts are put right."""
        flawed = [k for k in self.flaws if self.rng.random() < 0.5]
        for key in flawed:
            del self.flaws[key]
        self.doubles.clear()
        sick = [r for r in self.live("Case").values() if not r["Subject"] or POISON in r["Description"]]
        for row in sick:
            if self.rng.random() < 0.5:
                row["Subject"] = "Mended"
                self._say_anew("Case", row)
        return f"{len(flawed)} rows"

    # ── what happens to the files ────────────────────────────────────────────────────────────

    def damage(self) -> str:
        """One file is cut short, emptied or lost on its way."""
        name = self.rng.choice(tuple(HEADERS))
        self.damages[name] = self.rng.choice(list(Damage))
        self.write()
        return f"{name} is {self.damages[name]}"

    def mend(self, wanted: Collection[str]) -> None:
        """The export is copied again, whole; rows without an id and those that are `wanted` are put right."""
        self.damages.clear()
        self.flaws = {k: f for k, f in self.flaws.items() if f is not Flaw.NAMELESS and k[1] not in wanted}
        self.write()

    def write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in HEADERS:
            path, header = self.folder / f"{name}.csv", _header(name)
            match self.damages.get(name):
                case Damage.LOST:
                    path.unlink(missing_ok=True)
                case Damage.EMPTIED:
                    path.write_bytes(_line(header))
                case Damage.CUT_SHORT:
                    path.write_bytes(b"".join(self._cut(list(self._lines(name, header)))))
                case None:
                    path.write_bytes(b"".join(self._lines(name, header)))

    def _lines(self, name: str, header: list[str]) -> Iterator[bytes]:
        yield _line(header)
        for i, row in self.tables[name].items():
            if (name, i) in self.doubles:
                yield _line([self.doubles[name, i].get(c, "") for c in header])
            yield _spoilt(row, header, self.flaws.get((name, i)))

    @staticmethod
    def _cut(lines: list[bytes]) -> list[bytes]:
        """Through the middle, in the middle of a row; a file without rows in its header."""
        at = len(lines) // 2
        return [*lines[:at], lines[at][: len(lines[at]) // 3]]

    # ── rows ─────────────────────────────────────────────────────────────────────────────────

    def _new_case(self, **values: str) -> Row:
        n = self._next()
        row = self._keep("Case", case(n, **values))
        for name in CHILDREN:
            if self.rng.random() < 0.6:
                self._new_child(name, row["Id"] if name != "WorkOrderFeed" else "")
        return row

    def _new_child(self, name: str, parent: str = "", **values: str) -> Row:
        """A child of `parent`, or of any; an empty row where there is none."""
        parents = [parent] if parent else list(self.live(_parent_object(name)))
        if not parents:
            return {}
        return self._keep(name, child(name, self._next(), self.rng.choice(parents), **values))

    def _keep(self, name: str, row: Row) -> Row:
        n = self.serial
        last = "".join(_SYLLABLES[(n >> s) & 15] for s in (0, 4, 8)).capitalize()
        row[_PERSON[name]] = row["Person"] = f"{_FIRST[n % len(_FIRST)]} {last}"
        self.planted.add(last)
        if name in _MAIL:
            row[_MAIL[name]] = f"{last.lower()}.{n}@brightmoor.example"
            self.planted.add(row[_MAIL[name]])
        row["Word"], row["Version"] = f"qz{n:05d}", "0"
        self.tables[name][row["Id"]] = row
        self._say_anew(name, row)
        return row

    def _say_anew(self, name: str, row: Row) -> None:
        """A text that the row has never had, with its word and its person."""
        row["Version"] = str(int(row["Version"]) + 1)
        told = f"{row[_PERSON[name]]} says that fan {word_of(row)} is loud."
        if name in _MAIL and self.rng.random() < 0.5:
            told += f"\nWrite to {row[_MAIL[name]]}, she knows."
        row[TEXT[name]] = f"<p>{told}</p>" if name == "WorkOrderFeed" else told
        self._touch(row)

    def _touch(self, row: Row) -> None:
        row["LastModifiedDate"] = row["SystemModstamp"] = _stamp(_EPOCH + timedelta(minutes=self._next()))

    def _delete(self, name: str, row: Row) -> None:
        if self.rng.random() < 0.5:
            row["IsDeleted"] = "true"
            self._touch(row)
        else:
            del self.tables[name][row["Id"]]
            self.flaws.pop((name, row["Id"]), None)
            self.doubles.pop((name, row["Id"]), None)

    def _on_one(self, name: str, do: Callable[[str, Row], None]) -> str:
        rows = self.live(name)
        if not rows:
            return ""
        chosen = self.rng.choice(list(rows))
        do(name, rows[chosen])
        return chosen

    def _some(self, ids: list[str], most: int) -> list[str]:
        return self.rng.sample(ids, min(len(ids), self.rng.randint(1, most)))

    def _next(self) -> int:
        self.serial += 1
        return self.serial


CHANGES: Mapping[str, Callable[[ChangingExport], str]] = {
    "add cases": ChangingExport._add_cases,
    "change a case": ChangingExport._change_case,
    "close a case without resolution": ChangingExport._close_without_resolution,
    "add a child": ChangingExport._add_child,
    "change a child": ChangingExport._change_child,
    "remove a child": ChangingExport._remove_child,
    "re-parent a child": ChangingExport._re_parent,
    "delete cases": ChangingExport._delete_cases,
    "mark most cases as deleted": ChangingExport._mark_most,
    "an over-long value": ChangingExport._long_value,
    "undelete a case": ChangingExport._undelete_case,
    "a child comes before its parent": ChangingExport._orphan,
    "a parent comes": ChangingExport._parent_comes,
    "blank a case": ChangingExport._blank_case,
    "a second case of a number": ChangingExport._namesake,
    "renumber": ChangingExport._renumber,
    "poison a text": ChangingExport._poison,
    "spoil a row": ChangingExport._spoil_row,
    "double a row": ChangingExport._double_row,
    "mend rows": ChangingExport._mend_rows,
}


def word_of(row: Row) -> str:
    """The word by which a row's text is known, of its present version."""
    return f"{row['Word']}v{row['Version']}"


def parent_of(name: str, row: Row) -> str:
    return row[LINKS.get(name, "ParentId")]


def _parent_object(name: str) -> str:
    return "WorkOrder" if name == "WorkOrderFeed" else "Case"


def _header(name: str) -> list[str]:
    """With the id first, so that it can be read whatever the texts behind it look like."""
    return ["Id", *(c for c in HEADERS[name] if c != "Id")]


def _stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S")


def _line(cells: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _spoilt(row: Row, header: list[str], flaw: Flaw | None) -> bytes:
    match flaw:
        case None:
            return _line([row.get(c, "") for c in header])
        case Flaw.DATE:
            return _line([{**row, "CreatedDate": "2017-02-31 10:00:00"}.get(c, "") for c in header])
        case Flaw.NAMELESS:
            return _line([{**row, "Id": "lost"}.get(c, "") for c in header])
        case Flaw.PERSON_FOR_ID:
            return _line([{**row, **dict.fromkeys(_ID_FIELDS, row["Person"])}.get(c, "") for c in header])
        case Flaw.LONG_NUMBER:
            return _line([{**row, "CaseNumber": "4" * 6000}.get(c, "") for c in header])
        case Flaw.NARROW:
            return _line([row.get(c, "") for c in header][:-1])
        case Flaw.BYTES:
            return _line([row.get(c, "") for c in header]).replace(b"2024-", b"2024\xff-", 1)
