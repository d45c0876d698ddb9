"""A generated export of linked support cases, and the truth about what was planted in it.

The same seed gives the same bytes; each case depends on the seed and its own number alone, so a larger
sample begins with the smaller one. Everything in it is invented; telephone numbers and domains are of
the ranges that are reserved for that.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
import string
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from everycase.domain.cases import Record
from everycase.domain.catalogue import RECORD_KEEPING, Catalogue, SourceObject
from everycase.domain.rows import BadRow, long_id
from everycase.ports import ObjectState
from everycase.sources import sample_words as words
from everycase.sources.export import ExportSource

VERSION = "1"
"""Raised when the same seed gives other bytes: a sample of another version is written anew."""

TRUTH = "truth.jsonl"
START = datetime(2024, 1, 1, 7, 0, tzinfo=UTC)
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PREFIXES = {
    "Case": "500",
    "Task": "00T",
    "WorkOrder": "0WO",
    "CaseComment": "00a",
    "EmailMessage": "02s",
    "WorkOrderFeed": "0D5",
    "User": "005",
}
_SHARES = {"Task": 0.87, "WorkOrder": 0.82, "CaseComment": 0.86, "EmailMessage": 0.82, "WorkOrderFeed": 0.95}
"""Of the cases; of WorkOrderFeed: of the cases that have a work order."""

_IDENTITY = {
    "Case": (
        "ContactName",
        "ContactEmail",
        "ContactPhone",
        "AccountName",
        "OwnerName",
        "EngineerName",
        "Street",
        "City",
        "PostalCode",
        "Country",
    ),
    "Task": ("OwnerName",),
    "WorkOrder": ("EngineerName", "Street", "City", "PostalCode", "Country", "ContactName", "ContactPhone"),
    "CaseComment": ("CreatedByName",),
    "EmailMessage": ("FromName", "FromAddress", "ToAddress", "CcAddress"),
    "WorkOrderFeed": ("CreatedByName",),
}
PERSONAL: Mapping[str, str] = {
    "contact": "PERSON",
    "contact_first": "PERSON",
    "contact_mail": "EMAIL",
    "contact_phone": "PHONE",
    "engineer": "PERSON",
    "engineer_first": "PERSON",
    "engineer_mail": "EMAIL",
    "engineer_phone": "PHONE",
    "owner": "PERSON",
    "account": "COMPANY",
    "street": "ADDRESS",
    "ip": "IP",
    "ip2": "IP",
    "login": "LOGIN",
    "password": "PASSWORD",
}
TECHNICAL = frozenset(
    "model serial part spare drive fw fw4 err mac wwn uuid cve oid pci hexa logtime order wonumber".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSummary:
    """What was written: rows by object."""

    rows: Mapping[str, int]


def columns(obj: SourceObject) -> list[str]:
    """The header of an object's file."""
    names = [f.name for f in obj.fields]
    names += [n for n in (obj.parent, *RECORD_KEEPING) if n and n not in names]
    return [*names, *_IDENTITY[obj.name]]


def write_sample(folder: Path, *, cases: int, seed: int) -> SampleSummary:
    """Write `cases` cases and `truth.jsonl` into `folder`; memory does not grow with their number."""
    catalogue = Catalogue()
    rows = dict.fromkeys((o.name for o in catalogue.objects), 0)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:

        def writer(name: str) -> Any:
            file = files.enter_context((folder / name).open("w", encoding="utf-8", newline=""))
            return csv.writer(file, lineterminator="\n")

        tables = {o.name: (columns(o), writer(f"{o.name}.csv")) for o in catalogue.objects}
        for header, table in tables.values():
            table.writerow(header)
        truth = files.enter_context((folder / TRUTH).open("w", encoding="utf-8"))
        for number in range(cases):
            made = _Case(seed, number)
            made.tell()
            for name, row in made.rows:
                header, table = tables[name]
                table.writerow([row.get(c, "") for c in header])
                rows[name] += 1
            truth.write(json.dumps(made.truth(), ensure_ascii=False) + "\n")
    return SampleSummary(rows=rows)


class SampleSource:
    """The `sample` source: generated once under the data directory, then read like any export."""

    name = "sample"
    is_complete = True

    def __init__(self, home: Path, catalogue: Catalogue, *, cases: int, seed: int) -> None:
        folder = home / "sample" / f"v{VERSION}-{cases}-{seed}"
        if not folder.is_dir():
            _write_whole(folder, cases=cases, seed=seed)
        self._export = ExportSource(folder, catalogue)

    def state(self, obj: SourceObject) -> ObjectState:
        return self._export.state(obj)

    def read(self, obj: SourceObject) -> Iterator[Record | BadRow]:
        return self._export.read(obj)


def _write_whole(folder: Path, *, cases: int, seed: int) -> None:
    """All or nothing: a sample that was interrupted is never taken for one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unfinished-"))
    try:
        write_sample(unfinished, cases=cases, seed=seed)
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@lru_cache(maxsize=4096)
def _slots(template: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in string.Formatter().parse(template) if name)


@dataclass
class _Case:
    """One case under construction: everything random comes from its own generator."""

    seed: int
    number: int
    rows: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    personal: list[dict[str, str]] = field(default_factory=list)
    technical: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(f"{self.seed}:{self.number}")
        self.scenario = self.random.choice(words.SCENARIOS)
        self.created = START + timedelta(seconds=613 * self.number + self.random.randrange(600))
        self.id = self._id("Case", 0)
        self.case_number = str(30_000_000 + self.number)
        self.is_closed = self.random.random() < 0.8
        self.ordinals: dict[str, int] = {}

    def truth(self) -> dict[str, object]:
        return {
            "case_id": self.id,
            "case_number": self.case_number,
            "personal": self.personal,
            "technical": self.technical,
        }

    # ── the story ────────────────────────────────────────────────────────────────────────────

    def tell(self) -> None:
        """Case, tasks, work order, feed, comments, e-mails: in the order in which they happen."""
        made: dict[str, Callable[[datetime], datetime]] = {
            "EmailMessage": self._emails,
            "Task": self._tasks,
            "CaseComment": self._comments,
            "WorkOrder": self._work_orders,
        }
        last = self.created
        for name, make in made.items():
            if self.random.random() < _SHARES[name]:
                last = make(last + timedelta(minutes=self.random.randrange(10, 240)))
        closed = last + timedelta(hours=self.random.randrange(2, 72)) if self.is_closed else None
        self._case(closed, closed or last)

    def _case(self, closed: datetime | None, modified: datetime) -> None:
        s, pick = self.scenario, self.random.choice
        symptom, detail = pick(s.symptoms), pick(s.details)
        row = {
            "CaseNumber": self.case_number,
            "Subject": pick(s.subjects),
            "Description": f"{pick(words.OPENINGS)} {symptom} {detail}\nModel {{model}}, serial number {{serial}}.",
            "Issue_Plain_Text__c": f"{symptom} Reported by {{contact}}, {{account}}.",
            "GSD_Environment_Plain_Text__c": pick(words.ENVIRONMENTS),
            "Error_Codes__c": "{err}",
            "Issue_Type__c": s.area,
            "Product_Number__c": "{part}",
            "Product_Line__c": s.line,
            "Product_Series__c": "{model}",
            "Product_Hierarchy__c": f"Servers/{s.line}/{s.area}",
            "Status": "Closed" if closed else pick(("Open", "In Progress", "Waiting on Customer")),
        }
        if self.random.random() < 0.9:
            row["Cause_Plain_Text__c"] = pick(s.causes)
        if self.number and self.random.random() < 0.05:
            row["ParentId"] = _record_id("Case", self.seed, self.random.randrange(self.number), 0)
        if closed:
            row |= self._resolution()
        row["Priority"] = self.random.choices(("Low", "Medium", "High", "Critical"), (3, 5, 2, 1))[0]
        filled = self._fill("Case", self.id, row)
        filled |= {
            "ClosedDate": _moment(closed) if closed else "",
            **self._kept(self.id, self.created, modified),
            "ContactName": self._slot("contact"),
            "ContactEmail": self._slot("contact_mail"),
            "ContactPhone": self._slot("contact_phone"),
            "AccountName": self._slot("account"),
            "OwnerName": self._slot("owner"),
            "EngineerName": self._slot("engineer"),
            **self._site(),
        }
        self.rows.append(("Case", filled))

    def _resolution(self) -> dict[str, str]:
        s, pick = self.scenario, self.random.choice
        fix = pick(s.fixes)
        return {
            "Case_Resolution_Summary__c": fix.partition(";")[0].rstrip(".") + ".",
            "Resolution__c": f"<p>{fix}</p><p>{pick(s.checks)}</p>",
            "Resolution_Plain_Text__c": fix,
            "Resolution_Code__c": pick(("Part replaced", "Firmware updated", "Configuration", "Information")),
            "Root_Cause__c": pick(s.causes),
            "Close_Comments__c": pick(words.CLOSINGS),
        }

    def _tasks(self, when: datetime) -> datetime:
        for _ in range(self.random.randrange(1, 4)):
            check = self.random.choice(self.scenario.checks)
            kind = self.random.choice(("Plan of Action", "Trouble Shooting"))
            found = "The fault is still there." if kind == "Trouble Shooting" else "Agreed with {contact}."
            self._add(
                "Task",
                when,
                {
                    "Subject": f"{kind}: {self.scenario.area.lower()} of {{model}}",
                    "Description": f"1. {check}\n2. {self.random.choice(self.scenario.checks)}\n{found}",
                    "Type": kind if self.random.random() < 0.97 else "Call",
                    "Status": self.random.choice(("Completed", "Completed", "In Progress")),
                },
                parent=self.id,
                identity={"OwnerName": self._slot("engineer")},
            )
            when += timedelta(minutes=self.random.randrange(20, 400))
        return when

    def _work_orders(self, when: datetime) -> datetime:
        labels = "Site address: {street}\nEngineer: {engineer}, phone {engineer_phone}\n"
        record_id = self._add(
            "WorkOrder",
            when,
            {
                "Problem_Description__c": f"{self.random.choice(self.scenario.symptoms)} {{model}}, serial {{serial}}.\n{labels}",
                "Onsite_Action__c": self.random.choice(words.ACTIONS),
                "Closing_Summary__c": self.random.choice(self.scenario.fixes),
                "WorkOrderNumber": "{wonumber}",
                "Status": "Closed" if self.is_closed else "In Progress",
            },
            parent=self.id,
            identity={
                "EngineerName": self._slot("engineer"),
                "ContactName": self._slot("contact"),
                "ContactPhone": self._slot("contact_phone"),
                **self._site(),
            },
        )
        if self.random.random() < _SHARES["WorkOrderFeed"]:
            for _ in range(self.random.randrange(1, 4)):
                when += timedelta(minutes=self.random.randrange(5, 300))
                self._add(
                    "WorkOrderFeed",
                    when,
                    {
                        "Title": self.random.choice(words.FEED_TITLES),
                        "Body": self.random.choice(words.FEED_BODIES),
                        "Type": self.random.choice(("TextPost", "TrackedChange")),
                    },
                    parent=record_id,
                    identity={"CreatedByName": self._slot("owner")},
                )
        return when

    def _comments(self, when: datetime) -> datetime:
        for _ in range(self.random.randrange(1, 6)):
            body = self.random.choice(words.COMMENTS).replace(
                "{check}", self.random.choice(self.scenario.checks)
            )
            self._add(
                "CaseComment",
                when,
                {
                    "CommentBody": body + "\n\nRegards,\n{owner}",
                    "IsPublished": self.random.choice(("true", "false")),
                    "CreatedById": self._id("User", self.random.randrange(40)),
                },
                parent=self.id,
                identity={"CreatedByName": self._slot("owner")},
            )
            when += timedelta(minutes=self.random.randrange(30, 900))
        return when

    def _emails(self, when: datetime) -> datetime:
        first = (
            f"Hello {{owner}},\n\n{self.random.choice(words.OPENINGS)} {self.random.choice(self.scenario.symptoms)}\n"
            f"{self.random.choice(self.scenario.details)}\n"
        )
        if self.random.random() < 0.15:
            first += "\nFor the remote session use {ip}, user {login}, password: {password}\n"
        if self.random.random() < 0.006:
            first += "\n" + "".join(f"{{logtime}} entry {n}: {{err}} on {{serial}}\n" for n in range(700))
        signature = (
            "\nKind regards,\n{contact}\n{account}\n{street}\nPhone: {contact_phone}\n{contact_mail}\n"
        )
        self._mail(when, "{model}: " + self.scenario.area, first + signature, incoming=True)
        for _ in range(self.random.randrange(0, 3)):
            when += timedelta(minutes=self.random.randrange(15, 600))
            reply = (
                f"Dear {{contact_first}},\n\nthank you for the report. {self.random.choice(self.scenario.checks)}\n\n"
                "Best regards,\n{engineer}\n{engineer_phone}\n\n"
                "On Monday {contact} <{contact_mail}> wrote:\n> "
            ) + first.replace("\n", "\n> ")[:400].rpartition(" ")[0].rpartition("{")[0]
            self._mail(when, "Re: {model}: " + self.scenario.area, reply, incoming=False)
        return when

    def _mail(self, when: datetime, subject: str, body: str, *, incoming: bool) -> None:
        people = ("contact", "contact_mail"), ("engineer", "engineer_mail")
        sender, receiver = people if incoming else people[::-1]
        self._add(
            "EmailMessage",
            when,
            {"Subject": subject, "TextBody": body, "Incoming": "true" if incoming else "false"},
            parent=self.id,
            identity={
                "FromName": self._slot(sender[0]),
                "FromAddress": self._slot(sender[1]),
                "ToAddress": self._slot(receiver[1]),
                "CcAddress": "",
            },
        )

    # ── rows ─────────────────────────────────────────────────────────────────────────────────

    def _add(
        self, name: str, when: datetime, texts: dict[str, str], *, parent: str, identity: dict[str, str]
    ) -> str:
        ordinal = self.ordinals[name] = self.ordinals.get(name, -1) + 1
        record_id = self._id(name, ordinal)
        row = self._fill(name, record_id, texts)
        row |= {**self._kept(record_id, when, when), **identity}
        if name == "EmailMessage":
            row["MessageDate"] = _moment(when)
        row[{"Task": "WhatId", "WorkOrder": "CaseId"}.get(name, "ParentId")] = parent
        self.rows.append((name, row))
        return record_id

    def _fill(self, name: str, record_id: str, texts: dict[str, str]) -> dict[str, str]:
        """Fill the slots of each field and write down what was planted where."""
        filled = {}
        for column, template in texts.items():
            slots = _slots(template)
            values = {s: self._slot(s) for s in slots}
            filled[column] = template.format_map(values)
            for s in dict.fromkeys(slots):
                where = {"object": name, "record_id": record_id, "field": column}
                if s in TECHNICAL:
                    self.technical.append({"type": s, "value": values[s], **where})
                elif s in PERSONAL:
                    self.personal.append({"type": PERSONAL[s], "value": values[s], **where})
        return filled

    def _kept(self, record_id: str, created: datetime, modified: datetime) -> dict[str, str]:
        stamp = _moment(modified)
        return {
            "Id": record_id,
            "CreatedDate": _moment(created),
            "LastModifiedDate": stamp,
            "SystemModstamp": stamp,
            "IsDeleted": "false",
        }

    def _site(self) -> dict[str, str]:
        return {
            "Street": self._slot("street"),
            "City": self._slot("city"),
            "PostalCode": self._slot("postal_code"),
            "Country": self._slot("country"),
        }

    def _id(self, name: str, ordinal: int) -> str:
        return _record_id(name, self.seed, self.number, ordinal)

    # ── slots ────────────────────────────────────────────────────────────────────────────────

    def _slot(self, name: str) -> str:
        """The case's own value of a slot: chosen once, the same in all its texts."""
        if name not in self.values:
            if name in ("contact", "engineer", "owner"):
                self._person(name)
            elif name in ("street", "city", "postal_code", "country"):
                self._place()
            elif name.startswith(("contact_", "engineer_")):
                self._person(name.partition("_")[0])
            else:
                self.values[name] = _MAKERS[name](self.random, self)
        return self.values[name]

    def _person(self, role: str) -> None:
        pick = self.random.choice
        first, last = pick(words.FIRST_NAMES), pick(words.LAST_NAMES)
        domain = "example.net"
        if role == "contact":
            company = self._slot("account").split()
            domain = f"{company[0].lower()}.example.com"
        plain = last.lower().replace("ö", "oe")
        self.values |= {
            role: f"{first} {last}",
            f"{role}_first": first,
            f"{role}_mail": f"{first.lower()}.{plain}@{domain}",
            f"{role}_phone": _phone(self.random),
        }

    def _place(self) -> None:
        city, code, country = self.random.choice(words.CITIES)
        self.values |= {
            "street": f"{self.random.randrange(1, 480)} {self.random.choice(words.STREETS)}",
            "city": city,
            "postal_code": code,
            "country": country,
        }


def _record_id(name: str, seed: int, number: int, ordinal: int) -> str:
    """A well-formed 18-character id: key prefix, seed, case and ordinal."""
    body = _base62(seed % 62**2, 2) + _base62(number * 100 + ordinal, 10)
    return long_id(_PREFIXES[name] + body)


def _base62(value: int, width: int) -> str:
    found = ""
    for _ in range(width):
        value, digit = divmod(value, 62)
        found = _BASE62[digit] + found
    return found


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S")


def _phone(r: random.Random) -> str:
    """Of the ranges kept for fiction: US 555-01xx, UK 020 7946 0xxx."""
    if r.random() < 0.7:
        area = r.choice(("202", "212", "303", "404", "512", "617", "702"))
        shape = r.choice(("({}) 555-01{:02d}", "{}-555-01{:02d}", "+1 {} 555 01{:02d}"))
        return shape.format(area, r.randrange(100))
    return r.choice(("+44 20 7946 0{:03d}", "020 7946 0{:03d}")).format(r.randrange(1000))


def _letters(r: random.Random, count: int) -> str:
    return "".join(r.choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=count))


def _hexes(r: random.Random, count: int) -> str:
    return "".join(r.choices("0123456789abcdef", k=count))


def _pairs(r: random.Random, count: int, glue: str) -> str:
    return glue.join(_hexes(r, 2) for _ in range(count))


_MAKERS: Mapping[str, Callable[[random.Random, _Case], str]] = {
    "model": lambda r, c: r.choice(words.MODELS),
    "frame": lambda r, c: f"Synergy 12000 frame {r.randrange(1, 9)}",
    "account": lambda r, c: r.choice(words.COMPANIES),
    "serial": lambda r, c: f"{r.choice(('MXQ', 'CZJ', 'SGH'))}{r.randrange(10)}{_letters(r, 6)}",
    "drive": lambda r, c: f"{r.choice(('WFK', 'ZJV', 'S4E'))}{r.randrange(10)}{_letters(r, 7)}",
    "part": lambda r, c: f"P{r.randrange(10000, 70000)}-B21",
    "spare": lambda r, c: f"{r.randrange(800000, 900000)}-001",
    "fw": lambda r, c: f"{r.randrange(1, 4)}.{r.randrange(10, 99)}",
    "fw4": lambda r, c: f"{r.randrange(1, 9)}.{r.randrange(30)}.{r.randrange(30)}.{r.randrange(200)}",
    "err": lambda r, c: r.choice(c.scenario.errors),
    "mac": lambda r, c: _pairs(r, 6, ":"),
    "wwn": lambda r, c: "50:01:43:80:" + _pairs(r, 4, ":"),
    "uuid": lambda r, c: "-".join(_hexes(r, n) for n in (8, 4, 4, 4, 12)),
    "cve": lambda r, c: f"CVE-202{r.randrange(2, 5)}-{r.randrange(1000, 60000)}",
    "oid": lambda r, c: f"1.3.6.1.4.1.232.6.2.{r.randrange(1, 20)}.{r.randrange(1, 9)}",
    "pci": lambda r, c: f"0000:{_hexes(r, 2)}:{r.randrange(0, 20):02x}.{r.randrange(0, 8)}",
    "hexa": lambda r, c: "0x" + _hexes(r, 12),
    "logtime": lambda r, c: (c.created - timedelta(seconds=r.randrange(90_000))).strftime(
        "%Y-%m-%d %H:%M:%S"
    ),
    "order": lambda r, c: f"HB{r.randrange(10**7, 10**8)}",
    "wonumber": lambda r, c: f"WO-{30_000_000 + c.number}",
    "slot": lambda r, c: str(r.randrange(1, 13)),
    "cpu": lambda r, c: str(r.randrange(1, 3)),
    "nodes": lambda r, c: str(r.randrange(2, 65)),
    "ip": lambda r, c: f"10.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(1, 255)}",
    "ip2": lambda r, c: f"192.0.2.{r.randrange(1, 255)}",
    "login": lambda r, c: "CORP\\" + c._slot("contact").split()[1].lower().replace("ö", "oe"),
    "password": lambda r, c: (
        f"{r.choice(('Winter', 'Falcon', 'Copper', 'Anchor'))}{r.randrange(100, 999)}!{_letters(r, 2)}"
    ),
}
