"""A collection of cases in Weaviate: its properties and vectors, and a case as one of its objects.

- Prose is searched by word; codes, picklists and moments are one token each (`field`) and are filtered on.
- A filter does not regard case, which no tokenisation does for a whole text: every text has a second
  property `…_key` in lower case, cut short, that filters go by.
- A moment stays the text that it is, `2017-12-31T23:59:59Z`: in that form the order of texts is the order
  of times. Weaviate's own dates run over after the year 2262 (measured: 9999 comes before 2013).
- `loaded_at` is a text too: it must come back to the microsecond, and a million of them are read at once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from weaviate.classes.config import Configure, DataType, Property, Tokenization, VectorDistances
from weaviate.classes.data import DataObject

from everycase.domain.cases import IndexObject, Stamps, Vector
from everycase.domain.catalogue import OBJECTS, Catalogue, Kind
from everycase.domain.identifiers import identifiers

COMPOSITE = "composite"
SPACE = "space"
GENERATION = "generation"
_LOADED_AT = "loaded_at"
_TEXT_STAMPS = (
    "checksum",
    "children_checksum",
    "text_hash",
    SPACE,
    "recipe",
    "vector_hash",
    "object_hash",
    _LOADED_AT,
)
_FILTERABLE_STAMPS = (SPACE, "recipe")
STAMPS = ("case_id", "case_number", *_TEXT_STAMPS, GENERATION)
IDENTIFIERS = "identifiers"
"""Made for searching: every identifier as one token. They are not read back."""

UNREACHED = "out_of_reach_of_graph"
"""True for an object that the vector graph does not reach. Every search also compares these exactly."""

_CODES = ("error_codes", "product_number", "case_number")

_LONGEST_KEY = 100
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

CATALOGUE = Catalogue(objects=OBJECTS).properties
_PROSE = (Kind.TEXT, Kind.HTML)
_AS_THEY_ARE = (Kind.MOMENT, Kind.FLAG)
"""Kinds whose texts have one spelling, so that a filter needs no key."""

WHOLE = [*CATALOGUE, COMPOSITE, *_TEXT_STAMPS, GENERATION]
"""Everything but the keys: what an object is read back by."""


# ── names ────────────────────────────────────────────────────────────────────────────────────────


def vector_name(space: str) -> str:
    """The named vector of a space, from which the space can be read: what is no letter or digit is `_hex`."""
    name = "".join(
        c if c.isascii() and c.isalnum() else "".join(f"_{b:02x}" for b in c.encode()) for c in space
    )
    return f"_{ord(name[0]):02x}{name[1:]}" if name[:1].isdigit() else name


def space_of(name: str) -> str | None:
    """The space of a named vector; None for one that is not ours."""
    raw = re.sub(rb"_([0-9a-f]{2})", lambda m: bytes.fromhex(m[1].decode()), name.encode())
    space = raw.decode(errors="replace")
    return space if vector_name(space) == name else None


def width_of(space: str) -> int:
    """A space's dimensions, as its name says; 0 where it does not."""
    width = space.rpartition("@")[2]
    return int(width) if width.isdigit() else 0


def has_key(name: str) -> bool:
    """Whether a catalogue property is filtered by its key."""
    return CATALOGUE[name][1].kind not in _AS_THEY_ARE


def key_name(name: str) -> str:
    return f"{name}_key"


def key(text: str) -> str:
    """What a text is filtered by: equal for texts that differ in case alone, ordered as they are."""
    lowered = text.lower()
    if len(lowered) <= _LONGEST_KEY:
        return lowered
    return f"{lowered[:_LONGEST_KEY]} {hashlib.sha256(lowered.encode()).hexdigest()[:16]}"


# ── the collection ───────────────────────────────────────────────────────────────────────────────


def properties() -> list[Property]:
    """Every property that a collection of cases has."""
    found = [_property(COMPOSITE, is_prose=True), _property(IDENTIFIERS, is_list=True, is_filtered=True)]
    for name, (owner, field) in CATALOGUE.items():
        is_list = bool(owner.parent)
        found.append(_property(name, is_list=is_list, is_prose=field.kind in _PROSE, is_filtered=True))
        if has_key(name):
            found.append(_property(key_name(name), is_list=is_list, is_filtered=True))
    found += [_property(n, is_filtered=n in _FILTERABLE_STAMPS) for n in _TEXT_STAMPS]
    found.append(
        Property(name=GENERATION, data_type=DataType.INT, index_filterable=False, index_searchable=False)
    )
    found.append(Property(name=UNREACHED, data_type=DataType.BOOL, index_filterable=True))
    return found


def _property(
    name: str, *, is_list: bool = False, is_prose: bool = False, is_filtered: bool = False
) -> Property:
    return Property(
        name=name,
        data_type=DataType.TEXT_ARRAY if is_list else DataType.TEXT,
        tokenization=Tokenization.WORD if is_prose else Tokenization.FIELD,
        index_searchable=is_prose,
        index_filterable=is_filtered and not is_prose,
    )


def vector_config(space: str, *, quantise: bool) -> Any:
    """The named vector of a space: HNSW by cosine; `quantise`: held in memory as 8-bit RQ, a quarter."""
    quantizer = Configure.VectorIndex.Quantizer
    return Configure.Vectors.self_provided(
        name=vector_name(space),
        quantizer=quantizer.rq(bits=8) if quantise else quantizer.none(),
        vector_index_config=Configure.VectorIndex.hnsw(distance_metric=VectorDistances.COSINE),
    )


# ── objects ──────────────────────────────────────────────────────────────────────────────────────


def to_weaviate(o: IndexObject) -> DataObject[Any, Any]:
    held: dict[str, Any] = {p: v for p, v in o.properties.items() if v}
    for name, value in list(held.items()):
        if name in CATALOGUE and has_key(name):
            held[key_name(name)] = key(value) if isinstance(value, str) else sorted(set(map(key, value)))
    own = {"case_number": o.stamps.case_number, **o.properties}
    codes = [str(own[name]) for name in _CODES if own.get(name)]
    held[IDENTIFIERS] = identifiers([str(own.get("subject", "")), o.composite], codes=codes)
    stamps = {n: getattr(o.stamps, n) for n in STAMPS}
    stamps[_LOADED_AT] = o.stamps.loaded_at.astimezone(UTC).isoformat(timespec="microseconds")
    return DataObject(
        uuid=o.stamps.object_id,
        properties={**held, **stamps, COMPOSITE: o.composite},
        vector={vector_name(o.stamps.space): o.vector.tolist()},
    )


def stamps_of(object_id: UUID, found: Mapping[str, Any]) -> Stamps:
    """What an object says of itself; an object that others have put there may say nothing."""
    texts: dict[str, Any] = {n: _text(found.get(n)) for n in STAMPS if n not in (GENERATION, _LOADED_AT)}
    generation = found.get(GENERATION)
    return Stamps(
        object_id=UUID(int=object_id.int),
        generation=int(generation) if isinstance(generation, int | float) else 0,
        loaded_at=_moment(found.get(_LOADED_AT)),
        **texts,
    )


def _text(value: object) -> str:
    """PostgreSQL, where manifests go, takes no NUL byte."""
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else ""


def _moment(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return _LONG_AGO
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def from_weaviate(object_id: UUID, found: Mapping[str, Any], vectors: Mapping[str, Any]) -> IndexObject:
    """An object read back; without exactly one vector, in its own space, with an empty one."""
    stamps = stamps_of(object_id, found)
    return IndexObject(
        stamps=stamps,
        properties={p: found[p] for p in CATALOGUE if found.get(p)},
        composite=_text(found.get(COMPOSITE)),
        vector=_only(vectors, stamps.space),
    )


def vectors_of(found: Mapping[str, Any]) -> dict[str, Vector]:
    """The vectors that an object has, by their names."""
    return {n: np.asarray(v, dtype=np.float32) for n, v in found.items() if _is_filled(v)}


def _is_filled(vector: Sequence[float]) -> bool:
    return len(vector) > 0


def _only(vectors: Mapping[str, Any], space: str) -> Vector:
    """The one vector that an object has, in its own space; none where it has several, or a stranger's."""
    held = vectors_of(vectors)
    if list(held) == [vector_name(space)]:
        return held[vector_name(space)]
    return np.zeros(0, dtype=np.float32)
