"""An organisation from a generated sample or an export, and an export of an organisation."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from everycase.domain.catalogue import OBJECTS
from everycase.domain.rows import MalformedRow, flag, moment
from tests.support.salesforce.answers import csv_header, csv_row
from tests.support.salesforce.evaluate import Selection
from tests.support.salesforce.organisation import Organisation, Table, stamp
from tests.support.salesforce.soql import parse

_PEOPLE = {
    "ContactName": ("Contact", "ContactId", "Name"),
    "ContactEmail": ("Contact", "ContactId", "Email"),
    "ContactPhone": ("Contact", "ContactId", "Phone"),
    "ContactMobile": ("Contact", "ContactId", "MobilePhone"),
    "AccountName": ("Account", "AccountId", "Name"),
    "OwnerName": ("User", "OwnerId", "Name"),
    "CreatedByName": ("User", "CreatedById", "Name"),
}
_RENAMED = {"EngineerName": "Engineer_Name__c"}


class Loader:
    """Reads the files of an export; a name becomes a person whom the row points to."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._people: dict[tuple[Any, ...], str] = {}

    def load(self, folder: Path) -> None:
        for obj in OBJECTS:
            with (folder / f"{obj.name}.csv").open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    self.put(obj.name, row)

    def put(self, name: str, row: Mapping[str, str]) -> None:
        """One row, as an export has it."""
        table = self._organisation.tables[name]
        table.put(row["Id"], self._values(table, row))

    def _values(self, table: Table, row: Mapping[str, str]) -> dict[str, Any]:
        values: dict[str, Any] = {"IsDeleted": False}
        people: dict[tuple[str, str], dict[str, str]] = {}
        for name, text in row.items():
            field = table.type.field(_RENAMED.get(name, name))
            if field is not None and field.name.lower() in table.place and name not in _PEOPLE:
                values[field.name] = _typed(field.type, text)
            elif name in _PEOPLE and text:
                target, reference, part = _PEOPLE[name]
                people.setdefault((target, reference), {})[part] = text
        for (target, reference), parts in people.items():
            values[reference] = self._person(target, parts)
        return values

    def _person(self, target: str, parts: Mapping[str, str]) -> str:
        key = (target, *sorted(parts.items()))
        if key not in self._people:
            self._people[key] = record_id = self._organisation.new_id(target)
            self._organisation.load(target, record_id, **parts)
        return self._people[key]


def _typed(kind: str, text: str) -> Any:
    if not text:
        return None
    if kind == "datetime":
        with suppress(MalformedRow):
            return stamp(moment(text))
    return flag(text) if kind == "boolean" else text


_EXPORTED = {
    "Case": "ContactId Contact.Name Contact.Email Contact.Phone Contact.MobilePhone AccountId Account.Name "
    "OwnerId Owner.Name Owner.Email CreatedBy.Name Engineer_Name__c Street City State PostalCode Country",
    "Task": "WhatId Owner.Name CreatedBy.Name Who.Name",
    "WorkOrder": "CaseId Contact.Name Contact.Email Contact.Phone Account.Name Owner.Name CreatedBy.Name "
    "Engineer_Name__c EngineerPhone Street City State PostalCode Country",
    "CaseComment": "CreatedBy.Name CreatedBy.Email",
    "EmailMessage": "ParentId FromName FromAddress ToName ToAddress CcName CcAddress BccAddress "
    "CreatedBy.Name",
    "WorkOrderFeed": "ParentId CreatedBy.Name",
}


def exported(organisation: Organisation, name: str) -> Iterator[str]:
    """The lines of an export of one object, header first: what is not deleted, with the names of people."""
    obj = next(o for o in OBJECTS if o.name == name)
    fields = [f.name for f in obj.fields]
    keeping = ["Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "IsDeleted"]
    more = [n for n in (*keeping, *_EXPORTED[name].split()) if n not in fields]
    selection = Selection(
        organisation, parse(f"SELECT {', '.join([*fields, *more])} FROM {name}"), with_deleted=True
    )
    yield csv_header(selection.columns)
    deleted = selection.table.place["isdeleted"]
    yield from (csv_row(selection.columns, row) for row in selection.rows() if not row[deleted])


def export(organisation: Organisation, folder: Path) -> None:
    """Write what the organisation holds now, the way a weekly export does, archived tasks among it."""
    folder.mkdir(parents=True, exist_ok=True)
    for obj in OBJECTS:
        with (folder / f"{obj.name}.csv").open("w", encoding="utf-8", newline="") as file:
            file.writelines(exported(organisation, obj.name))


_TEXT = "Replaced the fan in slot {n} and watched it for an hour; the health light is green. " * 3


def fill(organisation: Organisation, rows: int) -> None:
    """Comments of invented cases, ten a case."""
    begun, case = moment("2024-03-05T04:13:22Z"), ""
    for n in range(rows):
        when = stamp(begun + timedelta(seconds=n))
        stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), when)
        if n % 10 == 0:
            case = organisation.new_id("Case")
        organisation.load(
            "CaseComment",
            organisation.new_id("CaseComment"),
            ParentId=case,
            CommentBody=_TEXT.format(n=n),
            IsPublished=n % 2 == 0,
            **stamps,
        )
