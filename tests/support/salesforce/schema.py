"""The objects and fields of the stand-in's organisation, with the types that describe gives them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from everycase.domain.catalogue import OBJECTS, Kind, SourceObject


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldType:
    """One field as describe shows it."""

    name: str
    type: str = "string"
    length: int = 255
    refers_to: tuple[str, ...] = ()
    relationship: str = ""
    is_calculated: bool = False
    compound: str = ""
    is_filterable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """One object: its key prefix, its fields, and what may be done with it."""

    name: str
    prefix: str
    fields: tuple[FieldType, ...]
    is_replicateable: bool = True
    is_bulkable: bool = True

    def field(self, name: str) -> FieldType | None:
        """Field names are matched without regard to case, as SOQL does."""
        return next((f for f in self.fields if f.name.lower() == name.lower()), None)


_USER = ("User",)
_LONG = {Kind.TEXT: ("textarea", 131_072), Kind.HTML: ("textarea", 131_072)}
_SHORT = {"Subject", "Title", "CaseNumber", "WorkOrderNumber"}
_MOMENTS = ("CreatedDate", "LastModifiedDate", "SystemModstamp")


def _reference(name: str, relationship: str, *targets: str) -> FieldType:
    return FieldType(name=name, type="reference", length=18, refers_to=targets, relationship=relationship)


def _content(obj: SourceObject) -> list[FieldType]:
    """The catalogue's own fields, with the type that Salesforce gives to each kind."""
    found = []
    for f in obj.fields:
        kind, length = _LONG.get(f.kind, ("string", 255))
        if f.name in _SHORT:
            kind, length = "string", 255
        if f.kind is Kind.FLAG:
            kind, length = "boolean", 0
        if f.kind is Kind.MOMENT:
            kind, length = "datetime", 0
        found.append(FieldType(name=f.name, type=kind, length=length))
    return found


def _keeping() -> list[FieldType]:
    return [
        FieldType(name="Id", type="id", length=18),
        FieldType(name="IsDeleted", type="boolean", length=0),
        *(FieldType(name=n, type="datetime", length=0) for n in _MOMENTS),
        _reference("CreatedById", "CreatedBy", *_USER),
    ]


_OWNER = _reference("OwnerId", "Owner", "Group", "User")
_CONTACT = _reference("ContactId", "Contact", "Contact")
_ACCOUNT = _reference("AccountId", "Account", "Account")
_ENGINEER = FieldType(name="Engineer_Name__c")
_SITE = tuple(
    FieldType(name=n, compound="Address") for n in ("Street", "City", "State", "PostalCode", "Country")
)
_ADDRESS = FieldType(name="Address", type="address", length=0, is_filterable=False)

_EXTRA: dict[str, tuple[FieldType, ...]] = {
    "Case": (
        _reference("ParentId", "Parent", "Case"),
        _reference("MasterRecordId", "MasterRecord", "Case"),
        _CONTACT,
        _ACCOUNT,
        _OWNER,
        _ENGINEER,
        *_SITE,
    ),
    "Task": (
        _reference("WhatId", "What", "Account", "Case", "Opportunity", "WorkOrder"),
        _reference("WhoId", "Who", "Contact", "Lead"),
        _OWNER,
        FieldType(name="IsArchived", type="boolean", length=0),
    ),
    "WorkOrder": (
        _reference("CaseId", "Case", "Case"),
        _CONTACT,
        _ACCOUNT,
        _OWNER,
        _ENGINEER,
        FieldType(name="EngineerPhone", type="phone", length=40),
        *_SITE,
        _ADDRESS,
    ),
    "CaseComment": (_reference("ParentId", "Parent", "Case"),),
    "EmailMessage": (
        _reference("ParentId", "Parent", "Case"),
        _reference("RelatedToId", "RelatedTo", "Account", "Case", "Opportunity"),
        *(FieldType(name=n) for n in ("FromName", "ToName", "CcName")),
        *(
            FieldType(name=n, type="email", length=4000)
            for n in ("FromAddress", "ToAddress", "CcAddress", "BccAddress")
        ),
    ),
    "WorkOrderFeed": (
        _reference("ParentId", "Parent", "WorkOrder"),
        _reference("InsertedById", "InsertedBy", *_USER),
    ),
}
_PREFIXES = {
    "Case": "500",
    "Task": "00T",
    "WorkOrder": "0WO",
    "CaseComment": "00a",
    "EmailMessage": "02s",
    "WorkOrderFeed": "0D5",
}


def _people() -> Iterable[ObjectType]:
    name, email = FieldType(name="Name"), FieldType(name="Email", type="email", length=80)
    phones = tuple(FieldType(name=n, type="phone", length=40) for n in ("Phone", "MobilePhone"))
    first, last = (FieldType(name=n, compound="Name") for n in ("FirstName", "LastName"))
    keeping = tuple(_keeping())
    yield ObjectType(
        name="Contact", prefix="003", fields=(*keeping, name, first, last, email, *phones, _ACCOUNT)
    )
    yield ObjectType(name="Account", prefix="001", fields=(*keeping, name))
    yield ObjectType(name="User", prefix="005", fields=(*keeping, name, first, last, email, *phones))
    yield ObjectType(name="Group", prefix="00G", fields=(*keeping, name))
    fields = tuple(FieldType(name=n) for n in ("Name", "OrganizationType", "InstanceName"))
    sandbox = FieldType(name="IsSandbox", type="boolean", length=0)
    yield ObjectType(
        name="PermissionSet",
        prefix="0PS",
        fields=(*keeping, FieldType(name="PermissionsViewAllData", type="boolean", length=0)),
    )
    assignee = _reference("AssigneeId", "Assignee", "User")
    granted = _reference("PermissionSetId", "PermissionSet", "PermissionSet")
    yield ObjectType(name="PermissionSetAssignment", prefix="0Pa", fields=(*keeping, assignee, granted))
    yield ObjectType(name="Organization", prefix="00D", fields=(*keeping, *fields, sandbox))


def _table(obj: SourceObject) -> ObjectType:
    fields = {f.name: f for f in (*_content(obj), *_keeping(), *_EXTRA[obj.name])}
    if obj.name == "WorkOrderFeed":
        fields["Body"] = replace(fields["Body"], is_filterable=False)
    return ObjectType(
        name=obj.name,
        prefix=_PREFIXES[obj.name],
        fields=tuple(fields.values()),
        is_replicateable=obj.name != "WorkOrderFeed",
        is_bulkable=obj.name != "WorkOrderFeed",
    )


def standard_schema() -> dict[str, ObjectType]:
    """The six objects and those that they point to, by name."""
    return {t.name: t for t in (*(_table(o) for o in OBJECTS), *_people())}
