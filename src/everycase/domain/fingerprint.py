"""The hashes that say whether a case changed (contract §5). SHA-256, hexadecimal, everywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID, uuid5

from everycase.domain import catalogue, composite
from everycase.domain.cases import JoinedCase, Record, Vector

NAMESPACE = UUID("6f1d3c52-4f0e-5f0a-9c5c-0e7e5ca5e000")
"""The namespace of object ids (UUIDv5 of the case number). It must never change."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

CHECKSUM_FIELDS = ("Subject", "Description", *catalogue.RESOLUTION_TEXTS, "Resolution_Code__c", "Status")
"""With Id and LastModifiedDate, what the seed's checksum covers: the four resolution texts, code, status."""


def canonical(parts: Iterable[str | None]) -> bytes:
    """An unambiguous byte form of a sequence of texts: JSON, blank as null."""
    return _ENCODER.encode([p or None for p in parts]).encode("utf-8", "surrogatepass")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def checksum(case: Record) -> str:
    """The seed's checksum of a Case row: Id, LastModifiedDate, subject, description, resolution, status."""
    modified = case.last_modified_date.isoformat() if case.last_modified_date else None
    return digest(canonical([case.id, modified, *(case.values.get(f) for f in CHECKSUM_FIELDS)]))


def children_checksum(children: Iterable[Record]) -> str:
    """A hash of the children's row hashes in the joined order: a new comment changes this, not `checksum`."""
    return digest(canonical(r.row_hash for r in children))


def of_children(joined: JoinedCase) -> str:
    """`children_checksum` of a joined case."""
    return children_checksum(r for rows in joined.children.values() for r in rows)


def content_hash(joined: JoinedCase) -> str:
    """A hash of the case row and all its children: equal for equal content, whatever the generation is."""
    return digest(canonical([joined.case.row_hash, of_children(joined)]))


def text_hash(text: str) -> str:
    """A hash of the redacted text that is embedded. For the same text and space the stored vector is used."""
    return digest(text.encode())


def object_hash(properties: Mapping[str, str | Sequence[str]], composite_text: str) -> str:
    """A hash of everything that an index object holds but its stamps and vector."""
    body = {k: v if isinstance(v, str) else list(v) for k, v in sorted(properties.items()) if v}
    return digest(_ENCODER.encode([body, composite_text]).encode())


def vector_hash(vector: Vector) -> str:
    """A hash of the vector at half precision, the coarsest form in which a store keeps it."""
    return digest(vector.astype("<f2").tobytes())


def object_id(case_number: str) -> UUID:
    """The object id of a case: the UUIDv5 of its case number. It never changes."""
    return uuid5(NAMESPACE, case_number)


def recipe(*, redaction: str, space: str) -> str:
    """What a case was made with. Another recipe makes a loaded case stale (contract §5).

    `redaction`: version of the redaction rules and the settings that change what they do.
    """
    return f"catalogue-{catalogue.VERSION} composite-{composite.VERSION} redaction-{redaction} {space}"
