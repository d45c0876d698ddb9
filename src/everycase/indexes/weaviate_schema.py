"""What a case is in Weaviate: the collection's definition, and objects and stamps both ways (contract §8).

Every property is text, so that what is read back is what was written, to the byte. Prose is searched by
words; codes, flags and moments (ISO 8601 in UTC, which sorts as text) are filtered on as they stand.
`filter_keys` holds a short hash of every value in lower case: equality without regard to case, on any
property, through one small index.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from weaviate.classes.config import Configure, DataType, Property, Tokenization, VectorDistances
from weaviate.classes.data import DataObject

from everycase.domain.cases import IndexObject, Vector
from everycase.domain.catalogue import OBJECTS, Catalogue, Field, Kind
from everycase.domain.fingerprint import Stamps

PROPERTIES = Catalogue(objects=OBJECTS).properties
COMPOSITE, KEYS = "composite", "filter_keys"

_TEXT_STAMPS = (
    "case_id",
    "case_number",
    "checksum",
    "children_checksum",
    "text_hash",
    "space",
    "recipe",
    "vector_hash",
    "object_hash",
)
STAMPS = (*_TEXT_STAMPS, "generation", "loaded_at")
_FILTERED_STAMPS = ("space", "recipe", "text_hash")
SEARCHED = (COMPOSITE, "subject^2", "case_number^2")
"""Where words are looked for: the composite has all texts, the subject says what it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is chosen of a collection that is created. Those that are there stay as they are."""

    quantise: bool = True
    replicas: int = 1


_NEVER = datetime.fromtimestamp(0, UTC)


def vector_name(space: str) -> str:
    """The named vector of a space: `local/wordllama@256` is `local_wordllama_256`."""
    slug = re.sub(r"[^0-9A-Za-z]+", "_", space).strip("_")
    return slug if slug[:1].isalpha() else f"v_{slug}"


def is_prose(field: Field) -> bool:
    """Whether a property is searched by words instead of filtered on as it stands."""
    return field.kind in (Kind.TEXT, Kind.HTML)


def definition() -> list[Property]:
    """The 44 fields and those that a search is filtered by, the composite, the stamps."""
    own = [
        _text(name, is_list=bool(obj.parent), prose=is_prose(field), searched=name == "case_number")
        for name, (obj, field) in PROPERTIES.items()
    ]
    stamps = [
        _text(name, filtered=name in _FILTERED_STAMPS)
        for name in STAMPS
        if name not in PROPERTIES and name != "generation"
    ]
    return [
        *own,
        _text(COMPOSITE, prose=True),
        _text(KEYS, is_list=True),
        *stamps,
        Property(name="generation", data_type=DataType.INT, index_filterable=False),
    ]


def _text(
    name: str, *, is_list: bool = False, prose: bool = False, filtered: bool = True, searched: bool = False
) -> Property:
    return Property(
        name=name,
        data_type=DataType.TEXT_ARRAY if is_list else DataType.TEXT,
        tokenization=Tokenization.WORD if prose else Tokenization.FIELD,
        index_filterable=filtered and not prose,
        index_searchable=prose or searched,
    )


def vector_config(space: str, shape: Shape) -> Any:
    """HNSW by cosine distance; quantised to 8 bits a number, rescored with the whole vectors."""
    quantiser = Configure.VectorIndex.Quantizer.rq(bits=8) if shape.quantise else None
    return Configure.Vectors.self_provided(
        name=vector_name(space),
        vector_index_config=Configure.VectorIndex.hnsw(
            distance_metric=VectorDistances.COSINE, quantizer=quantiser
        ),
    )


# ── objects ──────────────────────────────────────────────────────────────────────────────────────


def filter_key(name: str, value: str) -> str:
    """What `filter_keys` holds of one value."""
    return f"{name}:{hashlib.sha256(value.lower().encode()).hexdigest()[:16]}"


def filter_keys(properties: Mapping[str, str | list[str]]) -> list[str]:
    """Of all values of an object, each once."""
    found = {
        filter_key(name, value)
        for name, values in properties.items()
        for value in ([values] if isinstance(values, str) else values)
    }
    return sorted(found)


def as_object(o: IndexObject) -> DataObject[Any, None]:
    """An index object as the client takes it."""
    stamps = {name: getattr(o.stamps, name) for name in STAMPS}
    stamps["loaded_at"] = o.stamps.loaded_at.isoformat()
    return DataObject(
        uuid=o.stamps.object_id,
        properties={**o.properties, **stamps, COMPOSITE: o.composite, KEYS: filter_keys(o.properties)},
        vector={vector_name(o.stamps.space): o.vector.tolist()},
    )


def size_of(o: IndexObject) -> int:
    """About how many bytes an object takes on the wire."""
    texts = (t for p in o.properties.values() for t in ([p] if isinstance(p, str) else p))
    return 4 * o.vector.size + 2 * len(o.composite) + 2 * sum(map(len, texts)) + 1000


def stamps_of(object_id: UUID, properties: Mapping[str, Any]) -> Stamps:
    """What an object says of itself; a stranger's says little, and that as blanks."""
    texts = {n: v for n in _TEXT_STAMPS if isinstance(v := properties.get(n), str)}
    generation = properties.get("generation")
    return Stamps(
        object_id=UUID(int=object_id.int),
        **{n: texts.get(n, "") for n in _TEXT_STAMPS},
        generation=int(generation) if isinstance(generation, int | float) else 0,
        loaded_at=_moment(properties.get("loaded_at")),
    )


def _moment(text: object) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return _NEVER


def object_of(object_id: UUID, properties: Mapping[str, Any], vectors: Mapping[str, Any]) -> IndexObject:
    """An object as it is in the index; its vector is empty where it is not one, in the object's own space."""
    stamps = stamps_of(object_id, properties)
    return IndexObject(
        stamps=stamps,
        properties={p: properties[p] for p in PROPERTIES if properties.get(p)},
        composite=properties.get(COMPOSITE) or "",
        vector=only_vector(vectors, stamps.space),
    )


def only_vector(vectors: Mapping[str, Any], space: str) -> Vector:
    held = {name: v for name, v in vectors.items() if v}
    if list(held) == [vector_name(space)]:
        return np.asarray(held[vector_name(space)], dtype=np.float32)
    return np.zeros(0, dtype=np.float32)
