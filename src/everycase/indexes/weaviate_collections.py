"""Collections of Weaviate side by side, one of them behind the alias that everybody asks (blue/green)."""

from __future__ import annotations

from collections.abc import Mapping

from everycase.domain.errors import WrongUse
from everycase.indexes.weaviate import WeaviateIndex
from everycase.indexes.weaviate_alias import behind, complete, create, number_of, numbered
from everycase.indexes.weaviate_schema import Shape
from everycase.indexes.weaviate_server import WeaviateServer
from everycase.ports import Collection


class WeaviateCollections:
    """Implements `ports.Collections`: `SupportCase_v1`, `SupportCase_v2` … behind the alias `SupportCase`."""

    def __init__(self, server: WeaviateServer, alias: str, shape: Shape) -> None:
        self._server, self._alias, self._shape = server, alias, shape

    def listed(self) -> list[Collection]:
        with self._server.reached() as client:
            served = behind(client, self._alias)
            names = [n for n in client.collections.list_all(simple=True) if self._is_ours(n, served)]
        return [
            Collection(name=n, is_served=n == served, count=self.open(n).count())
            for n in sorted(names, key=lambda n: (number_of(self._alias, n) or 0, n))
        ]

    def create(self, spaces: Mapping[str, int]) -> str:
        """Raises `WrongUse` where the alias's name is a collection's own, so that nothing can be switched."""
        with self._server.reached() as client:
            served = behind(client, self._alias)
            if served == self._alias:
                raise WrongUse(
                    f"{self._alias} is a collection, not an alias of one, so nothing can be built beside it: "
                    "set EVERYCASE_WEAVIATE__COLLECTION to another name, and sync"
                )
            numbers = [number_of(self._alias, n) or 0 for n in client.collections.list_all(simple=True)]
            name = numbered(self._alias, max(numbers, default=0) + 1)
            create(client, name, self._shape)
            complete(client, name, spaces, self._shape)
        return name

    def open(self, name: str) -> WeaviateIndex:
        return WeaviateIndex(self._server, name, self._shape)

    def serve(self, name: str) -> None:
        with self._server.reached() as client:
            if not client.alias.update(alias_name=self._alias, new_target_collection=name):
                client.alias.create(alias_name=self._alias, target_collection=name)

    def drop(self, name: str) -> None:
        """An alias would be left behind that leads nowhere: the served one stays (facts/weaviate.md 15)."""
        with self._server.reached() as client:
            served = behind(client, self._alias)
            if name in (served, self._alias):
                raise WrongUse(f"{name} is served: switch to another collection before this one is dropped")
            if not self._is_ours(name, served) or not client.collections.exists(name):
                raise WrongUse(f"there is no collection {name}: `everycase index list` tells their names")
            client.collections.delete(name)

    def _is_ours(self, name: str, served: str | None) -> bool:
        return name == served or number_of(self._alias, name) is not None
