"""The alias that everybody asks, the collection behind it, and what that must have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from weaviate import WeaviateClient
from weaviate.classes.config import Configure
from weaviate.exceptions import UnexpectedStatusCodeError

from everycase.indexes import weaviate_schema as schema
from everycase.indexes.weaviate_schema import Shape

FIRST = 1


def behind(client: WeaviateClient, name: str) -> str | None:
    """The collection that `name` is, or is the alias of; None where there is neither."""
    alias = client.alias.get(alias_name=name)
    if alias is not None:
        return str(alias.collection)
    return name if client.collections.exists(name) else None


def begin(client: WeaviateClient, alias: str, shape: Shape) -> str:
    """The first collection and its alias. Several may do it at once: whoever is late takes what is there."""
    name = numbered(alias, FIRST)
    create(client, name, shape)
    try:
        client.alias.create(alias_name=alias, target_collection=name)
    except UnexpectedStatusCodeError:
        if (there := behind(client, alias)) is None:
            raise
        return there
    return name


def create(client: WeaviateClient, name: str, shape: Shape) -> None:
    """An empty collection, where there is none of that name."""
    try:
        client.collections.create(
            name,
            properties=schema.definition(),
            replication_config=Configure.replication(factor=shape.replicas),
        )
    except UnexpectedStatusCodeError:
        if not client.collections.exists(name):
            raise


def complete(client: WeaviateClient, name: str, spaces: Mapping[str, int], shape: Shape) -> None:
    """Give a collection the properties and the named vectors that it lacks."""
    collection = client.collections.use(name)
    config = collection.config.get()
    has = {p.name for p in config.properties}
    for wanted in schema.definition():
        if wanted.name not in has:
            _unless_there(lambda p=wanted: collection.config.add_property(p))
    vectors = set(config.vector_config or {})
    for space in spaces:
        if schema.vector_name(space) not in vectors:
            vector = schema.vector_config(space, shape)
            _unless_there(lambda v=vector: collection.config.add_vector(vector_config=v))


def _unless_there(add: Any) -> None:
    """Another may have added it in the same moment."""
    try:
        add()
    except UnexpectedStatusCodeError as e:
        if "exist" not in str(e).lower():
            raise


def numbered(alias: str, number: int) -> str:
    return f"{alias}_v{number}"


def number_of(alias: str, name: str) -> int | None:
    """Which build a collection is; None for one that is none of this alias."""
    found = re.fullmatch(re.escape(alias) + r"_v(\d+)", name)
    return int(found[1]) if found else None
