"""The source tables and the 44 fields, as data (contract §2).

Everything that depends on a field name is derived from here: staging columns, the composite text,
index properties, coverage, the description check of a Salesforce organisation. A field that an
organisation calls differently is re-mapped in the settings (`Catalogue.remapped`), never in code.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, cached_property

from everycase.domain.errors import WrongUse

VERSION = "1"
"""Raised when a field is added, removed or changes its meaning: part of every case's recipe."""

FEW_FIELDS = 30
"""Below this many populated fields a case is flagged, and processed all the same (seed, diagram 3)."""


class Kind(StrEnum):
    """How a field's text is treated: `text` is searched, `code` is filtered on and kept as one token."""

    TEXT = "text"
    HTML = "html"
    CODE = "code"
    MOMENT = "moment"
    FLAG = "flag"


class Part(StrEnum):
    """Which of the catalogue's counts a field belongs to."""

    ISSUE = "issue"
    RESOLUTION = "resolution"
    CHILD = "child"
    FILTER = "filter"
    """Kept to filter a search by; not one of the 44."""


class IdentityKind(StrEnum):
    """What an identity column names. Identity serves redaction alone; it is never embedded or indexed."""

    PERSON = "person"
    EMAIL = "email"
    PHONE = "phone"
    COMPANY = "company"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of one source object, by its Salesforce API name."""

    name: str
    kind: Kind
    part: Part
    prefix: str = ""

    @property
    def column(self) -> str:
        """The staging column: `Issue_Plain_Text__c` is `issue_plain_text`, `CaseNumber` is `case_number`."""
        return snake(self.name)

    @property
    def property(self) -> str:
        """The index property: a case's own fields by their column, a child's with the child's prefix."""
        if self.name == "Id":
            return "case_id"
        return f"{self.prefix}_{self.column}" if self.prefix else self.column


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityColumn:
    """A column that names a person, company or place, under any of the names that exports give it."""

    name: str
    kind: IdentityKind
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLookup:
    """Where the identity behind an id stands: `ContactId` leads to Contact, whose Name is `ContactName`."""

    object: str
    columns: Mapping[str, str]
    """Identity column of the row → column of the other object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceObject:
    """One Salesforce object: where it is staged, what hangs it to its case, and what is read of it."""

    name: str
    table: str
    parent: str = ""
    """API name of the field that holds the parent's id; empty for Case."""
    parent_object: str = ""
    parent_fallback: str = ""
    order_by: str = "CreatedDate"
    """Children of a case stand in this order, then by Id (contract §4)."""
    fields: tuple[Field, ...]
    identity: tuple[IdentityColumn, ...] = ()
    lookups: Mapping[str, IdentityLookup] = field(default_factory=dict, hash=False)
    """By the column that holds the other object's id."""

    @property
    def counted(self) -> tuple[Field, ...]:
        """The fields that count among the 44."""
        return tuple(f for f in self.fields if f.part is not Part.FILTER)


RECORD_KEEPING = ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "IsDeleted")
"""Read of every object beside its fields; the parent's id is named by `SourceObject.parent`."""


@cache
def snake(name: str) -> str:
    """`Issue_Plain_Text__c` → `issue_plain_text`; `CaseNumber` → `case_number`."""
    bare = name.removesuffix("__c")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", bare).lower()


def _case_fields() -> tuple[Field, ...]:
    issue = (
        ("Id", Kind.CODE),
        ("CaseNumber", Kind.CODE),
        ("ParentId", Kind.CODE),
        ("Subject", Kind.TEXT),
        ("Description", Kind.TEXT),
        ("Issue_Plain_Text__c", Kind.TEXT),
        ("Cause_Plain_Text__c", Kind.TEXT),
        ("GSD_Environment_Plain_Text__c", Kind.TEXT),
        ("Error_Codes__c", Kind.CODE),
        ("Issue_Type__c", Kind.CODE),
        ("Close_Comments__c", Kind.TEXT),
        ("Product_Number__c", Kind.CODE),
        ("Product_Line__c", Kind.CODE),
    )
    resolution = (
        ("Case_Resolution_Summary__c", Kind.TEXT),
        ("Resolution__c", Kind.HTML),
        ("Resolution_Plain_Text__c", Kind.TEXT),
        ("Resolution_Code__c", Kind.CODE),
        ("Root_Cause__c", Kind.TEXT),
        ("Product_Series__c", Kind.CODE),
        ("Product_Hierarchy__c", Kind.CODE),
        ("Status", Kind.CODE),
    )
    filters = (("Priority", Kind.CODE), ("CreatedDate", Kind.MOMENT), ("ClosedDate", Kind.MOMENT))
    return (
        *(Field(name=n, kind=k, part=Part.ISSUE) for n, k in issue),
        *(Field(name=n, kind=k, part=Part.RESOLUTION) for n, k in resolution),
        *(Field(name=n, kind=k, part=Part.FILTER) for n, k in filters),
    )


def _child_fields(prefix: str, *fields: tuple[str, Kind]) -> tuple[Field, ...]:
    return tuple(Field(name=n, kind=k, part=Part.CHILD, prefix=prefix) for n, k in fields)


_PERSON, _EMAIL, _PHONE = IdentityKind.PERSON, IdentityKind.EMAIL, IdentityKind.PHONE
_COMPANY, _ADDRESS = IdentityKind.COMPANY, IdentityKind.ADDRESS


def _who(name: str, kind: IdentityKind, *aliases: str) -> IdentityColumn:
    return IdentityColumn(name=name, kind=kind, aliases=aliases)


_CREATED_BY = _who("CreatedByName", _PERSON, "CreatedBy.Name", "AuthorName", "InsertedBy.Name")
_OWNER = _who("OwnerName", _PERSON, "Owner.Name")
_ENGINEER = _who("EngineerName", _PERSON, "Engineer__c", "Engineer_Name__c", "Engineer.Name")
_BY_ACCOUNT = IdentityLookup(object="Account", columns={"AccountName": "Name"})
_BY_CONTACT = IdentityLookup(
    object="Contact",
    columns={
        "ContactName": "Name",
        "ContactEmail": "Email",
        "ContactPhone": "Phone",
        "ContactMobile": "MobilePhone",
    },
)
_BY_CREATOR = IdentityLookup(object="User", columns={"CreatedByName": "Name", "CreatedByEmail": "Email"})
_BY_OWNER = IdentityLookup(object="User", columns={"OwnerName": "Name", "OwnerEmail": "Email"})
_BY_WHO = IdentityLookup(object="Contact", columns={"WhoName": "Name"})
_SITE = (
    _who("SiteName", _COMPANY, "Site_Name__c"),
    _who("SiteAddress", _ADDRESS, "Site_Address__c", "Address"),
    _who("Street", _ADDRESS),
    _who("City", _ADDRESS),
    _who("State", _ADDRESS),
    _who("PostalCode", _ADDRESS),
    _who("Country", _ADDRESS),
)

OBJECTS: tuple[SourceObject, ...] = (
    SourceObject(
        name="Case",
        table="case",
        fields=_case_fields(),
        identity=(
            _who("ContactName", _PERSON, "Contact.Name"),
            _who("ContactEmail", _EMAIL, "Contact.Email"),
            _who("ContactPhone", _PHONE, "Contact.Phone"),
            _who("ContactMobile", _PHONE, "Contact.MobilePhone"),
            _who("SuppliedName", _PERSON),
            _who("SuppliedEmail", _EMAIL),
            _who("SuppliedPhone", _PHONE),
            _who("SuppliedCompany", _COMPANY),
            _who("AccountName", _COMPANY, "Account.Name"),
            _OWNER,
            _who("OwnerEmail", _EMAIL, "Owner.Email"),
            _ENGINEER,
            _who("EngineerEmail", _EMAIL),
            _CREATED_BY,
            *_SITE,
        ),
        lookups={
            "ContactId": _BY_CONTACT,
            "AccountId": _BY_ACCOUNT,
            "OwnerId": _BY_OWNER,
            "CreatedById": _BY_CREATOR,
        },
    ),
    SourceObject(
        name="Task",
        table="task",
        parent="WhatId",
        parent_object="Case",
        fields=_child_fields(
            "task",
            ("Subject", Kind.TEXT),
            ("Description", Kind.TEXT),
            ("Type", Kind.CODE),
            ("Status", Kind.CODE),
        ),
        identity=(_OWNER, _ENGINEER, _CREATED_BY, _who("WhoName", _PERSON, "Who.Name")),
        lookups={"OwnerId": _BY_OWNER, "CreatedById": _BY_CREATOR, "WhoId": _BY_WHO},
    ),
    SourceObject(
        name="WorkOrder",
        table="workorder",
        parent="CaseId",
        parent_object="Case",
        fields=_child_fields(
            "workorder",
            ("Problem_Description__c", Kind.TEXT),
            ("Onsite_Action__c", Kind.TEXT),
            ("Closing_Summary__c", Kind.TEXT),
            ("WorkOrderNumber", Kind.CODE),
            ("Status", Kind.CODE),
        ),
        identity=(
            _ENGINEER,
            _who("EngineerPhone", _PHONE),
            _who("EngineerEmail", _EMAIL),
            _OWNER,
            _CREATED_BY,
            _who("ContactName", _PERSON, "Contact.Name"),
            _who("ContactEmail", _EMAIL, "Contact.Email"),
            _who("ContactPhone", _PHONE, "Contact.Phone"),
            _who("AccountName", _COMPANY, "Account.Name"),
            *_SITE,
        ),
        lookups={
            "ContactId": _BY_CONTACT,
            "AccountId": _BY_ACCOUNT,
            "OwnerId": _BY_OWNER,
            "CreatedById": _BY_CREATOR,
        },
    ),
    SourceObject(
        name="CaseComment",
        table="casecomment",
        parent="ParentId",
        parent_object="Case",
        fields=_child_fields(
            "comment",
            ("CommentBody", Kind.TEXT),
            ("CreatedDate", Kind.MOMENT),
            ("LastModifiedDate", Kind.MOMENT),
            ("CreatedById", Kind.CODE),
            ("IsPublished", Kind.FLAG),
            ("ParentId", Kind.CODE),
        ),
        identity=(_CREATED_BY, _who("CreatedByEmail", _EMAIL, "CreatedBy.Email")),
        lookups={"CreatedById": _BY_CREATOR},
    ),
    SourceObject(
        name="EmailMessage",
        table="emailmessage",
        parent="ParentId",
        parent_object="Case",
        parent_fallback="RelatedToId",
        order_by="MessageDate",
        fields=_child_fields(
            "email",
            ("Subject", Kind.TEXT),
            ("TextBody", Kind.TEXT),
            ("MessageDate", Kind.MOMENT),
            ("Incoming", Kind.FLAG),
        ),
        identity=(
            _who("FromName", _PERSON),
            _who("FromAddress", _EMAIL),
            _who("ToName", _PERSON),
            _who("ToAddress", _EMAIL),
            _who("CcName", _PERSON),
            _who("CcAddress", _EMAIL),
            _who("BccAddress", _EMAIL),
            _CREATED_BY,
        ),
        lookups={"CreatedById": _BY_CREATOR},
    ),
    SourceObject(
        name="WorkOrderFeed",
        table="workorderfeed",
        parent="ParentId",
        parent_object="WorkOrder",
        fields=_child_fields(
            "feed",
            ("Title", Kind.TEXT),
            ("Body", Kind.HTML),
            ("Type", Kind.CODE),
            ("CreatedDate", Kind.MOMENT),
        ),
        identity=(_CREATED_BY,),
        lookups={"CreatedById": _BY_CREATOR},
    ),
)

RESOLUTION_TEXTS = (
    "Case_Resolution_Summary__c",
    "Resolution__c",
    "Resolution_Plain_Text__c",
    "Root_Cause__c",
)
"""The four resolution texts of a case (contract §5, §11)."""

CASE_NUMBER = re.compile(r"[0-9]{1,12}|[A-Za-z][A-Za-z0-9_]{0,29}(?:[-_/.]?[0-9]{1,12}){1,3}")
"""How a case number looks: `00001026`, `ZOOKEEPER-1234`, `CS-2026-00012`. A setting."""

TASK_TYPES = ("Plan of Action", "Trouble Shooting")
"""Only these Tasks belong to a case's story (contract §2); a setting."""


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The six objects, with an organisation's own API names where it has any.

    `aliases` maps `Object.Field` to the API name under which the organisation keeps that field.
    """

    objects: tuple[SourceObject, ...] = OBJECTS
    aliases: Mapping[str, str] = field(default_factory=dict)
    task_types: tuple[str, ...] = TASK_TYPES
    case_number: re.Pattern[str] = CASE_NUMBER
    without: frozenset[str] = frozenset()
    """Objects that the organisation does not have."""
    is_without_identity: bool = False
    """No column names a person, as the settings say."""

    @staticmethod
    def remapped(
        aliases: Mapping[str, str],
        *,
        identity: Mapping[str, str] | None = None,
        task_types: tuple[str, ...] = TASK_TYPES,
        case_number: re.Pattern[str] = CASE_NUMBER,
        without: Collection[str] = (),
        is_without_identity: bool = False,
    ) -> Catalogue:
        """The catalogue of an organisation with its own field names and further identity columns.

        `aliases`: `{"Case.Root_Cause__c": "RCA__c"}`. `identity`: `{"Case.Site_Lead__c": "person"}`.
        Raises `WrongUse` for an object or field that the catalogue does not have.
        """
        known = {f"{o.name}.{n}" for o in OBJECTS for n in _readable_names(o)}
        for key in aliases:
            if key not in known:
                raise WrongUse(
                    f"the catalogue has no field {key!r} to re-map: name it as Object.Field, "
                    "for example Case.Root_Cause__c"
                )
        extra: dict[str, list[IdentityColumn]] = {}
        for key, kind in (identity or {}).items():
            owner, _, column = key.partition(".")
            if owner not in {o.name for o in OBJECTS} or not column:
                raise WrongUse(f"no object for the identity column {key!r}: name it as Object.Column")
            if kind not in set(IdentityKind):
                raise WrongUse(f"identity column {key!r}: {kind!r} is none of {', '.join(IdentityKind)}")
            extra.setdefault(owner, []).append(IdentityColumn(name=column, kind=IdentityKind(kind)))
        objects = tuple(replace(o, identity=(*o.identity, *extra.get(o.name, ()))) for o in OBJECTS)
        return Catalogue(
            objects=objects,
            aliases=dict(aliases),
            task_types=task_types,
            case_number=case_number,
            without=_absent(without),
            is_without_identity=is_without_identity,
        )

    @property
    def case(self) -> SourceObject:
        return self.objects[0]

    @property
    def children(self) -> tuple[SourceObject, ...]:
        return self.objects[1:]

    @property
    def present(self) -> tuple[SourceObject, ...]:
        """The objects that the organisation has."""
        return tuple(o for o in self.objects if o.name not in self.without)

    @cached_property
    def by_name(self) -> Mapping[str, SourceObject]:
        return {o.name: o for o in self.objects}

    def source_name(self, obj: SourceObject, name: str) -> str:
        """The API name under which the organisation keeps `name`."""
        return self.aliases.get(f"{obj.name}.{name}", name)

    def fields(self) -> Iterator[tuple[SourceObject, Field]]:
        """The 44 and the filters, in the catalogue's order."""
        for obj in self.objects:
            for f in obj.fields:
                yield obj, f

    @cached_property
    def properties(self) -> Mapping[str, tuple[SourceObject, Field]]:
        """Index properties by name; CreatedDate of a case is both a filter and record keeping."""
        return {f.property: (obj, f) for obj, f in self.fields()}

    def property_for(self, name: str) -> str:
        """The index property that a person means: `status`, `Status`, `Task.Status`, `task_status`.

        Raises `WrongUse` with the names that exist when there is none.
        """
        wanted = name.strip().lower()
        for obj, f in self.fields():
            own = self.source_name(obj, f.name)
            names = {f.property, f"{obj.name}.{f.name}".lower(), f"{obj.name}.{own}".lower()}
            if obj is self.case:
                names |= {f.name.lower(), f.column, own.lower()}
            if wanted in names:
                return f.property
        near = difflib.get_close_matches(wanted, self.properties, n=1)
        meant = f": did you mean {near[0]}? There are" if near else "; there are:"
        raise WrongUse(f"no field {name!r} to filter on{meant} {', '.join(self.properties)}")


def _absent(names: Collection[str]) -> frozenset[str]:
    """The objects of these names. Raises `WrongUse` for another name, and for Case."""
    known = {o.name.lower(): o.name for o in OBJECTS[1:]}
    for name in names:
        if name.lower() not in known:
            raise WrongUse(
                f"EVERYCASE_WITHOUT: {name!r} is none of {', '.join(known.values())}, which an organisation "
                "may not have"
            )
    return frozenset(known[name.lower()] for name in names)


def _readable_names(obj: SourceObject) -> set[str]:
    names = {*RECORD_KEEPING, *(f.name for f in obj.fields), *(i.name for i in obj.identity)}
    return names | {n for n in (obj.parent, obj.parent_fallback) if n}
