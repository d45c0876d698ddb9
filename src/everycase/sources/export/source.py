"""A Salesforce data export as a source: a folder, a zip or several, in any of the known layouts.

Streamed in constant memory. A row that cannot be read is a `BadRow` that names file and line; the rest
of the file is read all the same (contract §3). Which files there are is looked up anew for each read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from everycase.domain import catalogue as catalogues
from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import SourceCutShort, WrongUse
from everycase.domain.rows import BadRow, MalformedRow, RowVersion, Tombstone
from everycase.ports import ObjectState, Reading, VersionKind
from everycase.sources.export import lookups
from everycase.sources.export.archive import STREAM_ERRORS, ExportFile
from everycase.sources.export.documents import CellHabits, Document, WrongEncoding
from everycase.sources.export.draft import draft_settings
from everycase.sources.export.layouts import Assignment, assign
from everycase.sources.export.lookups import People
from everycase.sources.export.reading import FileReading, as_it_is, as_version, names, pick
from everycase.sources.export.records import Row, Rows

T = TypeVar("T")

READER_VERSION = "3"
"""Raised when the same bytes are read differently, so that unchanged files are read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The people of an export, and the digest of the files that they stand in."""

    digest: str
    people: People


class ExportSource:
    """Every object's files of one export. Implements `ports.Source`."""

    kind = "export"
    identity = "export"
    versions = VersionKind.ROW_HASH
    is_incremental = False

    def __init__(self, path: Path, catalogue: Catalogue, habits: CellHabits | None = None) -> None:
        """Raises `WrongUse` where `path` is no export, in one sentence."""
        self._path, self._catalogue, self._habits = path, catalogue, habits or CellHabits()
        self._documents: dict[tuple[str, ExportFile], Document] = {}
        self._known: _Known | None = None
        self.assignment()

    def assignment(self) -> Assignment:
        """Which file holds which object, now. Raises `WrongUse`."""
        return assign(self._path, [o.name for o in self._catalogue.objects], lookups.OBJECTS)

    def draft(self) -> list[str]:
        """Lines of a settings file that name what this export lacks or calls by names of its own."""
        return draft_settings(self.assignment(), self._catalogue, self._habits)

    # ── the port ─────────────────────────────────────────────────────────────────────────────

    def state(self, obj: SourceObject) -> ObjectState:
        """Reads every file of the object once for its digest, and its first rows.

        Raises `WrongUse` where the Case file cannot be used at all.
        """
        assignment = self.assignment()
        files = assignment.files.get(obj.name, ())
        if not files:
            return self._absent(
                obj,
                f"{self._path} has no {obj.name} file (if the organisation has no such object, set "
                f"EVERYCASE_WITHOUT={','.join([obj.name, *sorted(self._catalogue.without)])})",
            )
        try:
            documents = self.documents(obj)
            people = self._people()
            parsers = [d.parser(obj, self._catalogue, d.how(obj, self._catalogue, people)) for d in documents]
        except SourceCutShort as e:
            return self._absent(obj, str(e))
        except MalformedRow as e:
            return self._absent(obj, f"{names([f.name for f in files])} {e}")
        known = [p for p, d in zip(parsers, documents, strict=True) if d.look.header]
        if mapped := _in_all([p.unmapped for p in known]):
            unread = _in_all([p.unread for p in known])
            return self._absent(obj, self._mapped_to_nothing(obj, mapped[0], [f.name for f in files], unread))
        return ObjectState(
            object=obj.name,
            is_present=True,
            missing_fields=_in_all([p.missing for p in known]),
            unread_columns=_in_all([p.unread for p in known]),
            form=documents[0].form,
            layout=assignment.layout,
            people=tuple(sorted({c for p in parsers for c in p.people})),
            place=documents[0].counted_in if len(documents) == 1 else f"{obj.name} files, line",
        )

    def changes(self, obj: SourceObject, since: str = "") -> Reading[Record | Tombstone | BadRow]:
        """All rows, or none where the files are the ones that were read last."""
        return self._reading(obj, as_it_is, since)

    def inventory(self, obj: SourceObject, since: str = "") -> Reading[RowVersion | BadRow]:
        return self._reading(obj, as_version, since)

    def fetch(self, obj: SourceObject, ids: AbstractSet[str]) -> Iterator[Record | Tombstone | BadRow]:
        """Reads the files once, so that a caller does well to ask for all ids together."""
        return pick(self._reading(obj, as_it_is), obj.name, ids)

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def _reading(self, obj: SourceObject, turn: Callable[[Row], T], since: str = "") -> FileReading[T]:
        files = self.assignment().files.get(obj.name, ())
        return FileReading(
            lambda: self._open(obj),
            turn,
            window=names([f.name for f in files]),
            mark=lambda: self._mark(obj),
            since=since,
        )

    def _open(self, obj: SourceObject) -> Iterator[Rows]:
        """The rows of each file in turn. Raises `SourceCutShort` where one cannot be read or is replaced."""
        documents = self.documents(obj)
        if not documents:
            raise SourceCutShort(f"{self._path} has no {obj.name} file: nothing was deleted")
        people = self._people()
        for document in documents:
            name = document.file.name
            try:
                how = document.how(obj, self._catalogue, people)
                with document.open() as raw:
                    yield document.rows(raw, obj, self._catalogue, how)
                is_replaced = document.file.signature() != document.signature
            except MalformedRow as e:
                raise SourceCutShort(f"{name} {e}: nothing was deleted") from None
            except STREAM_ERRORS as e:
                raise SourceCutShort(f"{name} {_trouble(e)}: nothing was deleted") from None
            if is_replaced:
                raise SourceCutShort(f"{name} was replaced while it was read: the next run reads it again")

    def documents(self, obj: SourceObject) -> list[Document]:
        """The object's files, inspected. Raises `SourceCutShort`."""
        return [self._document(f, obj.name) for f in self.assignment().files.get(obj.name, ())]

    def _document(self, file: ExportFile, name: str) -> Document:
        """Raises `SourceCutShort` for a file that cannot be used."""
        try:
            return self._inspected(file, name)
        except MalformedRow as e:
            raise SourceCutShort(f"{file.name} {e}: nothing was deleted") from None
        except STREAM_ERRORS as e:
            raise SourceCutShort(f"{file.name} {_trouble(e)}: nothing was deleted") from None

    def _inspected(self, file: ExportFile, name: str) -> Document:
        """One that was inspected before, unless it was replaced since."""
        known = self._documents.get((name, file))
        if known is None or known.signature != file.signature():
            known = self._documents[name, file] = Document(file, name, self._habits)
        return known

    def _mark(self, obj: SourceObject) -> str:
        """Equal for equal bytes that are read the same way; empty where they have no end."""
        if not all(d.inspection.digest for d in self.documents(obj)):
            return ""
        known = self._known_people() if obj.lookups else None
        parts = [f"{d.inspection.digest}:{d.encoding}" for d in self.documents(obj)]
        parts += [self._meaning(obj), known.digest if known else ""]
        return f"{READER_VERSION}:{hashlib.sha256(repr(parts).encode()).hexdigest()}"

    def _meaning(self, obj: SourceObject) -> str:
        """What catalogue and settings make of the bytes: with other names they are other records."""
        c = self._catalogue
        aliases = sorted((k, v) for k, v in c.aliases.items() if k.startswith(f"{obj.name}."))
        columns = [(f.name, f.kind) for f in obj.fields] + [(i.name, i.kind) for i in obj.identity]
        return repr((catalogues.VERSION, aliases, columns, c.task_types, c.case_number.pattern, self._habits))

    # ── people ───────────────────────────────────────────────────────────────────────────────

    def _people(self) -> Callable[..., dict[str, str]] | None:
        known = self._known_people()
        return known.people.find if known else None

    def _known_people(self) -> _Known | None:
        """The contacts, accounts and users of the export; None where it has no such files.

        Raises `SourceCutShort` where one of them cannot be read: without it names would stay in the texts.
        """
        files = self.assignment().files
        found = [self._document_of_people(f, n) for n in lookups.OBJECTS for f in files.get(n, ())]
        documents = [d for d in found if d is not None]
        if not documents:
            return None
        digest = hashlib.sha256(repr([d.inspection.digest for d in documents]).encode()).hexdigest()
        if self._known is None or self._known.digest != digest:
            self._known = _Known(digest=digest, people=self._gather(documents))
        return self._known

    def _document_of_people(self, file: ExportFile, name: str) -> Document | None:
        """None for a file that holds no rows at all."""
        try:
            return self._inspected(file, name)
        except WrongEncoding as e:
            raise SourceCutShort(f"{file.name} {e}: nothing was deleted") from None
        except MalformedRow:
            return None
        except STREAM_ERRORS as e:
            raise SourceCutShort(f"{file.name} {_trouble(e)}: nothing was deleted") from None

    def _gather(self, documents: Sequence[Document]) -> People:
        people = People()
        for document in documents:
            try:
                with document.open() as raw:
                    people.add(lookups.rows(raw, document.look))
            except STREAM_ERRORS as e:
                raise SourceCutShort(f"{document.file.name} {_trouble(e)}: nothing was deleted") from None
            except ValueError:
                raise SourceCutShort(
                    f"{document.file.name} cannot be read to its end, and without it names would stay in the "
                    "texts: copy the export again"
                ) from None
        return people

    def _mapped_to_nothing(
        self, obj: SourceObject, field: str, files: Sequence[str], unread: Sequence[str]
    ) -> str:
        column = self._catalogue.source_name(obj, field)
        others = f" (columns that nobody reads: {', '.join(unread)})" if unread else ""
        return (
            f"{names(files)} has no column {column!r}, which the settings map {obj.name}.{field} to: correct "
            f"EVERYCASE_FIELDS or [fields] in the settings file{others}"
        )

    def _absent(self, obj: SourceObject, problem: str) -> ObjectState:
        bare = problem.removesuffix(": nothing was deleted")
        sentence = f"{bare}: what is staged of {obj.name} was left as it is"
        if obj.name == "Case":
            raise WrongUse(sentence)
        return ObjectState(object=obj.name, is_present=False, problem=sentence)


def _in_all(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What each of the lists has; of JSON without a record nothing is known, so it has no list."""
    return tuple(n for n in lists[0] if all(n in other for other in lists)) if lists else ()


def _trouble(error: Exception) -> str:
    reason = getattr(error, "strerror", None)
    if reason:
        return f"cannot be read ({reason})"
    return "is damaged and cannot be unpacked; copy the export again"
