"""An everycase whose index is a real Weaviate, and damage done to it with Weaviate's own client."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import weaviate
from weaviate.classes.data import DataObject

from everycase.app import App
from tests.support.damage import Damage
from tests.support.weaviate_server import GivenServer, WeaviateServer
from tests.support.world import World


class WeaviateWorld(World):
    """Behind an alias of its own, so that many may share a server."""

    def __init__(self, dsn: str, home: Path, server: WeaviateServer | GivenServer) -> None:
        super().__init__(dsn, home)
        self.server = server
        self.alias = f"W{uuid.uuid4().hex[:12]}"

    def settings(self) -> dict[str, Any]:
        return {
            "url": self.server.url,
            "grpc_port": self.server.grpc_port,
            "collection": self.alias,
        }

    def app(self, source: Path | str = "sample", **settings: Any) -> App:
        return super().app(source, **{"index": "weaviate", "weaviate": self.settings(), **settings})

    @contextmanager
    def client(self) -> Iterator[weaviate.WeaviateClient]:
        host, _, port = self.server.url.removeprefix("http://").partition(":")
        with weaviate.connect_to_local(
            host=host, port=int(port), grpc_port=self.server.grpc_port, skip_init_checks=True
        ) as client:
            yield client

    @contextmanager
    def collection(self) -> Iterator[Any]:
        with self.client() as client:
            yield client.collections.use(self.alias)

    def index(self) -> list[dict[str, Any]]:
        """Every object that a plain client sees, with its properties."""
        with self.collection() as collection:
            rows = [{**o.properties, "id": uuid.UUID(str(o.uuid))} for o in collection.iterator()]
        return sorted(rows, key=lambda r: str(r["case_id"]))

    def held(self) -> list[DataObject]:
        """A copy of every object."""
        with self.collection() as collection:
            return [
                DataObject(
                    uuid=o.uuid,
                    properties={k: v for k, v in o.properties.items() if v},
                    vector=o.vector,
                )
                for o in collection.iterator(include_vector=True)
            ]

    def hold(self, objects: list[DataObject]) -> None:
        """Exactly these, as after a restore of the collection from an older copy."""
        with self.collection() as collection:
            for o in collection.iterator(return_properties=[]):
                collection.data.delete_by_id(o.uuid)
            outcome = collection.data.insert_many(objects)
            assert not outcome.has_errors, outcome.errors

    def unfindable(self) -> int:
        """Objects that a search with their own vector does not find, by a plain client: all are tried."""
        lost = 0
        with self.collection() as collection:
            for o in collection.iterator(include_vector=True, return_properties=[]):
                ((name, vector),) = o.vector.items()
                hits = collection.query.near_vector(
                    vector, target_vector=name, limit=50, return_properties=[]
                ).objects
                lost += str(o.uuid) not in {str(h.uuid) for h in hits}
        return lost

    def clear(self) -> None:
        with self.client() as client:
            client.alias.delete(alias_name=self.alias)
            for name in client.collections.list_all(simple=True):
                if name.startswith(self.alias):
                    client.collections.delete(name)


class WeaviateDamage(Damage):
    """The same kinds of damage, done by a stranger's client."""

    def __init__(self, world: WeaviateWorld) -> None:
        self.world: WeaviateWorld = world
        self._rows = {r["id"]: r for r in world.index()}
        self._fresh = [(str(r["case_id"]), i) for i, r in self._rows.items()]

    def lose(self, n: int) -> list[str]:
        records, ids = self.take(n)
        with self.world.collection() as collection:
            for i in ids:
                collection.data.delete_by_id(i)
        return records

    def overwrite_vectors(self, n: int) -> None:
        _, ids = self.take(n)
        with self.world.collection() as collection:
            other = collection.query.fetch_object_by_id(self._fresh[-1][1], include_vector=True).vector
            for i in ids:
                collection.data.update(i, vector=other)

    def alter_properties(self, n: int) -> None:
        self._update(n, {"subject": "other"})

    def alter_stamps(self, n: int) -> None:
        self._update(n, {"checksum": "other"})

    def insert_foreign(self, n: int) -> None:
        self._insert(n, lambda row: {"case_id": "foreign", "case_number": f"F-{row['case_number']}"})

    def duplicate(self, n: int) -> None:
        self._insert(n, lambda row: {})

    def _update(self, n: int, properties: dict[str, str]) -> None:
        _, ids = self.take(n)
        with self.world.collection() as collection:
            for i in ids:
                collection.data.update(i, properties=properties)

    def _insert(self, n: int, changed: Any) -> None:
        _, ids = self.take(n)
        with self.world.collection() as collection:
            found = [collection.query.fetch_object_by_id(i, include_vector=True) for i in ids]
            copies = [
                DataObject(
                    uuid=uuid.uuid4(),
                    properties={k: v for k, v in {**o.properties, **changed(o.properties)}.items() if v},
                    vector=o.vector,
                )
                for o in found
            ]
            assert not collection.data.insert_many(copies).has_errors
