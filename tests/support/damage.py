"""Damage to the index and the tracking tables by plain SQL, with exact counts."""

from __future__ import annotations

from tests.support.world import World

_COLUMNS = (
    "composite, checksum, children_checksum, text_hash, space, recipe, vector_hash, object_hash, generation, "
    "loaded_at"
)


class Damage:
    """Each kind of damage hits other cases, in the order of their ids, so that gap counts are exact."""

    def __init__(self, world: World) -> None:
        self.world = world
        rows = world.rows("select case_id, id from vector_index.support_case order by case_id")
        self._fresh = [(r["case_id"], r["id"]) for r in rows]
        tables = world.rows(
            "select tablename from pg_tables where schemaname = 'vector_index' and tablename like 'vector%%'"
        )
        self.vectors = f"vector_index.{tables[0]['tablename']}"

    def take(self, n: int) -> tuple[list[str], list[object]]:
        """Record ids and object ids of `n` cases that nothing has been done to."""
        taken, self._fresh = self._fresh[:n], self._fresh[n:]
        return [r for r, _ in taken], [i for _, i in taken]

    def lose(self, n: int) -> list[str]:
        records, ids = self.take(n)
        self.world.do("delete from vector_index.support_case where id = any (%s)", ids)
        return records

    def overwrite_vectors(self, n: int) -> None:
        _, ids = self.take(n)
        other = self._fresh[-1][1]
        self.world.do(
            f"update {self.vectors} set embedding = (select embedding from {self.vectors} where id = %s) "
            "where id = any (%s)",
            other,
            ids,
        )

    def alter_properties(self, n: int) -> None:
        _, ids = self.take(n)
        self.world.do("update vector_index.support_case set subject = 'other' where id = any (%s)", ids)

    def alter_stamps(self, n: int) -> None:
        _, ids = self.take(n)
        self.world.do("update vector_index.support_case set checksum = 'other' where id = any (%s)", ids)

    def move_to_another_space(self, n: int) -> None:
        _, ids = self.take(n)
        self.world.do("update vector_index.support_case set space = 'other/model@3' where id = any (%s)", ids)

    def insert_foreign(self, n: int) -> None:
        _, ids = self.take(n)
        self.world.do(
            f"insert into vector_index.support_case (id, case_id, case_number, {_COLUMNS}) "
            f"select gen_random_uuid(), 'foreign', 'F-' || case_number, {_COLUMNS} "
            "from vector_index.support_case where id = any (%s)",
            ids,
        )

    def duplicate(self, n: int) -> None:
        _, ids = self.take(n)
        self.world.do(
            f"insert into vector_index.support_case (id, case_id, case_number, {_COLUMNS}) "
            f"select gen_random_uuid(), case_id, case_number, {_COLUMNS} "
            "from vector_index.support_case where id = any (%s)",
            ids,
        )

    def drop_lineage(self, n: int) -> None:
        records, _ = self.take(n)
        self.world.do("delete from recon.data_lineage where record_id = any (%s)", records)

    def forget_object_ids(self, n: int) -> None:
        records, _ = self.take(n)
        self.world.do("update recon.data_lineage set object_id = null where record_id = any (%s)", records)

    def leave_in_progress(self, n: int) -> None:
        records, _ = self.take(n)
        self.world.do(
            "update recon.data_lineage set status = 'in_progress', current_stage = 'pii_removed', "
            "updated_at = now() - interval '1 hour' where record_id = any (%s)",
            records,
        )

    def lose_cached_vectors_of(self, records: list[str]) -> None:
        self.world.do(
            "delete from recon.embedding_cache where text_hash in "
            "(select text_hash from recon.data_lineage where record_id = any (%s))",
            records,
        )


def as_the_issue_lists_it(damage: Damage) -> dict[str, int]:
    """The faults that a reconciliation of 3,334 real cases has to find; the gaps that they are."""
    damage.lose(400)
    damage.overwrite_vectors(50)
    damage.alter_properties(50)
    damage.insert_foreign(30)
    damage.duplicate(20)
    damage.drop_lineage(40)
    damage.leave_in_progress(25)
    return {
        "missing": 400,
        "corrupt": 50,
        "stale": 50,
        "untracked": 40,
        "orphan": 30,
        "stuck": 25,
        "duplicate": 20,
    }
