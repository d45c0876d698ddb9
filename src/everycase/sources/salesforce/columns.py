"""Which columns are read of an object: the catalogue held against what the organisation shows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from everycase.domain.catalogue import (
    RECORD_KEEPING,
    Catalogue,
    IdentityColumn,
    SourceObject,
)
from everycase.sources.salesforce.describe import DescribedField, Description

Describe = Callable[[str], Description | None]

MASTER = "MasterRecordId"
"""Of a merged case: the id of the one that it was merged into."""
_STAMP = "SystemModstamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One selected path, and the catalogue's name for it."""

    path: str
    """As SOQL has it: `Subject`, `Contact.Name`."""
    header: str
    is_number: bool = False
    is_volatile: bool = False
    """Its value can change without `SystemModstamp`: a formula, or a field of a row that is pointed to."""

    @property
    def steps(self) -> list[str]:
        return self.path.split(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What is read of one object, and what of the catalogue it lacks."""

    object: SourceObject
    selected: tuple[Column, ...]
    missing: tuple[str, ...] = ()
    """Catalogue fields that the user may not see: they count as never populated."""
    missing_keys: tuple[str, ...] = ()
    """Without them no row can be read."""
    is_replicateable: bool = True

    @property
    def paths(self) -> list[str]:
        return [c.path for c in self.selected]

    @property
    def headers(self) -> list[str]:
        return [c.header for c in self.selected]

    def of(self, header: str) -> Column | None:
        return next((c for c in self.selected if c.header == header), None)

    def only(self, headers: set[str], *, volatile: bool = False) -> Columns:
        """The same with these columns alone, and with the volatile ones where they are asked for."""
        kept = tuple(c for c in self.selected if c.header in headers or (volatile and c.is_volatile))
        return replace(self, selected=kept)

    def named(self, name: str) -> list[str]:
        """The paths that a refusal means by `name`; where there is none, all through a reference."""
        lowered = name.lower()
        may_go = [c for c in self.selected if c.header not in _keys(self.object)]
        found = [c.path for c in may_go if lowered in (s.lower() for s in [*c.steps, c.path])]
        return found or [c.path for c in may_go if len(c.steps) > 1]

    def without(self, paths: Collection[str]) -> Columns:
        """Without these columns, which Salesforce refuses though it describes them."""
        dropped = [c for c in self.selected if c.path in paths]
        fields = {f.name for f in self.object.fields}
        return replace(
            self,
            selected=tuple(c for c in self.selected if c not in dropped),
            missing=(*self.missing, *(c.header for c in dropped if c.header in fields)),
        )


def choose_columns(
    obj: SourceObject, catalogue: Catalogue, description: Description, describe: Describe
) -> Columns:
    """The columns to read. Fields under an organisation's own name are read under it."""
    found: dict[str, Column] = {}
    missing: list[str] = []
    for name in _wanted(obj):
        column = _direct(catalogue.source_name(obj, name), name, description)
        if column is not None:
            found[name] = column
        else:
            missing.append(name)
    for identity in obj.identity:
        if (column := _identity(obj, catalogue, identity, description, describe)) is not None:
            found.setdefault(column.header, column)
    if MASTER.lower() in description.fields and not obj.parent:
        found[MASTER] = Column(path=MASTER, header=MASTER)
    fields = {f.name for f in obj.fields}
    keys = _keys(obj)
    parents = {n for n in (obj.parent, obj.parent_fallback) if n}
    missing_keys = [n for n in missing if n in keys and n not in parents]
    if parents and parents <= set(missing):
        missing_keys.append(obj.parent)
    return Columns(
        object=obj,
        selected=tuple(found.values()),
        missing=tuple(n for n in missing if n in fields),
        missing_keys=tuple(missing_keys),
        is_replicateable=description.is_replicateable,
    )


def _keys(obj: SourceObject) -> set[str]:
    keys = {"Id", _STAMP, obj.parent, obj.parent_fallback} - {""}
    return keys if obj.parent else keys | {"CaseNumber"}


def _wanted(obj: SourceObject) -> Iterator[str]:
    """Content, parents and record keeping, each name once."""
    names = [f.name for f in obj.fields] + [obj.parent, obj.parent_fallback, *RECORD_KEEPING]
    if obj.name == "Task":
        names.append("Type")
    return iter(dict.fromkeys(n for n in names if n))


def _direct(api_name: str, header: str, description: Description) -> Column | None:
    field = description.fields.get(api_name.lower())
    if field is None or field.is_compound:
        return None
    return Column(
        path=field.name,
        header=header,
        is_number=field.is_number,
        is_volatile=_may_change_silently(field, header),
    )


def _may_change_silently(field: DescribedField, header: str) -> bool:
    """Formulas say so; short fields are cheap to compare, and automation may set them without a stamp."""
    return field.is_calculated or (not field.is_long_text and header not in RECORD_KEEPING)


def _identity(
    obj: SourceObject,
    catalogue: Catalogue,
    identity: IdentityColumn,
    description: Description,
    describe: Describe,
) -> Column | None:
    """A column under the first of its names that the organisation has, of the row or of a related one."""
    for name in (catalogue.source_name(obj, identity.name), identity.name, *identity.aliases):
        field = description.fields.get(name.lower())
        if field is not None and not field.is_compound and field.type != "reference":
            return Column(path=field.name, header=identity.name, is_number=field.is_number, is_volatile=True)
        column = _related(name, identity.name, description, describe)
        if column is not None:
            return column
    return None


def _related(name: str, header: str, description: Description, describe: Describe) -> Column | None:
    """`Contact.Name`, or `Engineer__c` where that is a reference, whose `Name` is then meant."""
    head, _, rest = name.partition(".")
    reference = description.relationships.get(head.lower())
    reference = reference or description.relationships.get(f"{head}__r".lower())
    if reference is None and not rest:
        field = description.fields.get(head.lower())
        reference, rest = (field, "Name") if field and field.relationship else (None, "")
    if reference is None or not rest or not _shows(reference, rest, describe):
        return None
    return Column(path=f"{reference.relationship}.{rest}", header=header, is_volatile=True)


def _shows(reference: DescribedField, name: str, describe: Describe) -> bool:
    """Whether any object that a reference may point to shows the field."""
    if name == "Name":
        return True
    targets = (describe(t) for t in reference.refers_to)
    return any(t is not None and name.lower() in t.fields for t in targets)
