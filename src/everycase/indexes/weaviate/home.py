"""Where the objects live in Weaviate: a collection behind an alias, its shape, and our mark on it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from weaviate.classes.config import Configure, ConsistencyLevel
from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateInvalidInputError

from everycase.domain.errors import WrongUse
from everycase.indexes.admission import is_marked, marked, token_of
from everycase.indexes.weaviate import errors as errors
from everycase.indexes.weaviate import schema as schema
from everycase.indexes.weaviate.client import WeaviateConnection

_LOOKS = 5
"""How often a creation that another process got in the way of is looked at again."""


class Consistency(StrEnum):
    """How many replicas answer for a read or write."""

    ONE = "one"
    QUORUM = "quorum"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a collection is made, and how it is read and written."""

    quantise: bool = True
    """Vectors in memory as 8-bit RQ: a quarter of the size, found ones are ranked by the whole vector."""
    replicas: int = 1
    consistency: Consistency = Consistency.QUORUM


class CollectionHome:
    """One collection: found through its alias, created and extended as needed, written to only if ours."""

    def __init__(
        self, connection: WeaviateConnection, collection: str, *, is_alias: bool, shape: Shape
    ) -> None:
        self._connection, self._collection, self._is_alias = connection, collection, is_alias
        self.shape = shape
        self._names: frozenset[str] = frozenset()
        self._ours: set[str] = set()
        self._preparing = threading.Lock()

    def prepare(self, spaces: Mapping[str, int]) -> None:
        """Create what is missing, also where another process does the same at this moment."""
        with self.asking(), self._preparing:
            for look in range(_LOOKS):
                try:
                    return self._bring_up(spaces)
                except (UnexpectedStatusCodeError, WeaviateInvalidInputError) as e:
                    if not _is_race(e) or look == _LOOKS - 1:
                        raise
        return None

    def exists(self) -> bool:
        """Whether the collection was ever created. Raises `WrongUse` for one that is somebody else's."""
        with self.asking():
            target = self.target()
            if not self._connection.client.collections.exists(target):
                return False
            self.check_mark(target)
            return True

    def _bring_up(self, spaces: Mapping[str, int]) -> None:
        """Create what is missing; what another process has created meanwhile is found by the next look."""
        client, target = self._connection.client, self.target()
        if not client.collections.exists(target):
            client.collections.create(
                target,
                description=marked(""),
                properties=schema.properties(),
                vector_config=[schema.vector_config(s, quantise=self.shape.quantise) for s in spaces],
                replication_config=Configure.replication(factor=self.shape.replicas),
            )
        if target != self._collection and client.alias.get(alias_name=self._collection) is None:
            client.alias.create(alias_name=self._collection, target_collection=target)
        settings = client.collections.use(target).config
        found = settings.get()
        self.check_mark(target, found)
        there = {p.name for p in found.properties}
        for missing in (p for p in schema.properties() if p.name not in there):
            settings.add_property(missing)
        lacking = [s for s in spaces if schema.vector_name(s) not in (found.vector_config or {})]
        if lacking:
            settings.add_vector(
                vector_config=[schema.vector_config(s, quantise=self.shape.quantise) for s in lacking]
            )
        self._names = frozenset(found.vector_config or {}) | {schema.vector_name(s) for s in lacking}

    def check_mark(self, target: str, found: Any = None) -> None:
        """Raises `WrongUse` for a collection that is somebody else's; ours of 0.1 has our stamps."""
        if target in self._ours:
            return
        found = found or self._connection.client.collections.use(target).config.get()
        is_shaped = set(schema.STAMPS) <= {p.name for p in found.properties}
        if not (is_marked(found.description) or is_shaped):
            raise WrongUse(
                f"the collection {target} at {self._connection.address} is not everycase's: nothing was "
                "written or removed; set EVERYCASE_WEAVIATE__COLLECTION to another name"
            )
        self._ours.add(target)

    def own(self) -> Any:
        """The collection to write to. Raises `WrongUse` where it is not ours."""
        target = self.target()
        self.check_mark(target)
        return self.use(target)

    def life(self) -> str:
        with self.asking():
            return token_of(self._connection.client.collections.use(self.target()).config.get().description)

    def set_life(self, token: str) -> None:
        with self.asking():
            self.own().config.update(description=marked(token))

    def target(self) -> str:
        """A collection that has the alias's name itself is used as it is."""
        if not self._is_alias:
            return self._collection
        client = self._connection.client
        if found := client.alias.get(alias_name=self._collection):
            return found.collection
        return self._collection if client.collections.exists(self._collection) else f"{self._collection}_v1"

    def vector_names(self, wanted: str = "") -> frozenset[str]:
        """The named vectors that the collection has, looked up again where the wanted one is not known."""
        if not self._names or (wanted and wanted not in self._names):
            config = self._connection.client.collections.use(self.target()).config.get()
            self._names = frozenset(config.vector_config or {})
        return self._names

    def use(self, name: str = "", *, consistent: bool = True) -> Any:
        found = self._connection.client.collections.use(name or self._collection)
        if not consistent:
            return found
        return found.with_consistency_level(ConsistencyLevel[self.shape.consistency.name])

    def asking(self) -> AbstractContextManager[None]:
        return errors.asking(self._connection.address)


def _is_race(error: Exception) -> bool:
    """Whether somebody else has just done the same."""
    return "already exists" in str(error) or getattr(error, "status_code", 0) in (404, 409, 422)
