"""Collections of Weaviate side by side, one of them behind the alias that everybody asks (blue/green)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from weaviate import WeaviateClient

from everycase.domain.errors import WrongUse
from everycase.indexes.weaviate import errors as errors
from everycase.indexes.weaviate.client import WeaviateConnection
from everycase.indexes.weaviate.index import WeaviateIndex
from everycase.ports import Collection


class WeaviateCollections:
    """Implements `ports.Collections`: `SupportCase_v1`, `SupportCase_v2` … behind the alias `SupportCase`.

    `at`: the index in a collection of that name.
    """

    def __init__(
        self, connection: WeaviateConnection, alias: str, at: Callable[[str], WeaviateIndex]
    ) -> None:
        self._connection, self._alias, self._at = connection, alias, at

    def listed(self) -> list[Collection]:
        with self._asking():
            served = self._served()
            names = [n for n in self._names() if n == served or self._number(n)]
        return [
            Collection(name=n, is_served=n == served, count=self.open(n).count())
            for n in sorted(names, key=lambda n: (self._number(n), n))
        ]

    def create(self, spaces: Mapping[str, int]) -> str:
        """Raises `WrongUse` where the alias's name is a collection's own, so that nothing can be switched."""
        with self._asking():
            if self._served() == self._alias:
                raise WrongUse(
                    f"{self._alias} is a collection, not an alias of one, so nothing can be built beside it: "
                    "set EVERYCASE_WEAVIATE__COLLECTION to another name, and sync"
                )
            name = f"{self._alias}_v{max(map(self._number, self._names()), default=0) + 1}"
        self.open(name).prepare(spaces)
        return name

    def open(self, name: str) -> WeaviateIndex:
        return self._at(name)

    def serve(self, name: str) -> None:
        with self._asking():
            if not self._client.alias.update(alias_name=self._alias, new_target_collection=name):
                self._client.alias.create(alias_name=self._alias, target_collection=name)

    def drop(self, name: str) -> None:
        """An alias would be left behind that leads nowhere: the served one stays (docs/facts.md 15)."""
        with self._asking():
            if name in (self._served(), self._alias):
                raise WrongUse(f"{name} is served: switch to another collection before this one is dropped")
            if not self._number(name) or name not in self._names():
                raise WrongUse(f"there is no collection {name}: `everycase index list` tells their names")
            self._client.collections.delete(name)

    # ── inside ───────────────────────────────────────────────────────────────────────────────

    @property
    def _client(self) -> WeaviateClient:
        return self._connection.client

    def _served(self) -> str | None:
        if found := self._client.alias.get(alias_name=self._alias):
            return found.collection
        return self._alias if self._client.collections.exists(self._alias) else None

    def _names(self) -> list[str]:
        return list(self._client.collections.list_all(simple=True))

    def _number(self, name: str) -> int:
        """Which build a collection is; 0 for one that is none of this alias."""
        found = re.fullmatch(re.escape(self._alias) + r"_v(\d+)", name)
        return int(found[1]) if found else 0

    def _asking(self) -> AbstractContextManager[None]:
        return errors.asking(self._connection.address)
