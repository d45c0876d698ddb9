"""What a reader sees of an index that has not been created yet: nothing, and it stays so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from everycase.domain.buckets import Digests
from everycase.domain.cases import IndexObject, Stamps, Vector
from everycase.domain.lineage import Owned
from everycase.ports import Condition, Findings, IndexHealth, UpsertOutcome, VectorIndex


class EmptyIndex:
    """Implements `ports.VectorIndex` for those who only read."""

    settles_after = timedelta(0)
    writes_whole = True

    def __init__(self, absent: VectorIndex) -> None:
        """`absent`: the index that is not there."""
        self.name = absent.name
        self.most_dimensions = absent.most_dimensions

    def prepare(self, spaces: Mapping[str, int]) -> None:  # noqa: ARG002
        return None

    def upsert(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        raise AssertionError(f"{len(objects)} objects are written to an index that is only read")

    def replace(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        return self.upsert(objects)

    def release(self, objects: Sequence[Owned]) -> int:  # noqa: ARG002
        return 0

    def life(self) -> str:
        return ""

    def set_life(self, token: str) -> None:  # noqa: ARG002
        return None

    def delete(self, object_ids: Sequence[UUID]) -> int:  # noqa: ARG002
        return 0

    def manifest(
        self,
        *,
        after: UUID | None = None,  # noqa: ARG002
        until: UUID | None = None,  # noqa: ARG002
    ) -> Iterator[Stamps]:
        return iter(())

    def digests(self) -> Digests:
        return {}

    def stamps(self, object_ids: Sequence[UUID]) -> Iterator[Stamps]:  # noqa: ARG002
        return iter(())

    def vectors(self, object_ids: Sequence[UUID]) -> Iterator[tuple[UUID, Vector]]:  # noqa: ARG002
        return iter(())

    def objects(self, object_ids: Sequence[UUID]) -> Iterator[IndexObject]:  # noqa: ARG002
        return iter(())

    def probe(self, object_ids: Sequence[UUID]) -> set[UUID]:  # noqa: ARG002
        return set()

    def make_reachable(self, object_ids: Sequence[UUID]) -> None:  # noqa: ARG002
        return None

    def begin_load(self, space: str, objects: int) -> None:  # noqa: ARG002
        return None

    def end_load(self) -> None:
        return None

    def search(
        self,
        text: str,  # noqa: ARG002
        queries: Mapping[str, Vector],  # noqa: ARG002
        *,
        where: Sequence[Condition] = (),  # noqa: ARG002
        limit: int = 10,  # noqa: ARG002
        offset: int = 0,  # noqa: ARG002
    ) -> Findings:
        return Findings()

    def spaces(self) -> Mapping[str, int]:
        return {}

    def about_spaces(self) -> Mapping[str, int]:
        return {}

    def count(self) -> int:
        return 0

    def health(self) -> IndexHealth:
        return IndexHealth(is_ready=True, is_writable=True, detail="not created yet")
