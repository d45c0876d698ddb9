"""Reconciliation: of healthy cases on the embedded index, and of a million rows with a thousand differences.

Usage: python -m benchmarks.reconcile [--cases 10000] [--rows 1000000]
Then the comparison of index and lineage with ten differences, whole and by buckets, in three rounds.
Limits held against: 10,000 healthy cases in seconds where the seed allows 30 minutes; a million in under a
minute and 1 GB (contract §19). The million are rows that SQL generates: lineage and staging on one side, the
embedded index's table on the other; what is measured is the whole of `reconcile --dry-run` on them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import psycopg

from benchmarks.measured import everycase
from benchmarks.scale import compare, damage
from everycase.sources.sample.source import write_sample
from everycase.store import embedded

SEED_LIMIT_S = 30 * 60.0
ROUNDS = 3
MILLION_LIMIT_S, MILLION_LIMIT_MB = 60.0, 1024.0

ROWS = """
insert into udp.case (id, case_number, subject, row_hash, generation)
select 'c' || n, n::text, 's', 'h', n from generate_series(1, %(n)s) n;
insert into recon.data_lineage (record_id, case_number, source_system, current_stage, status, checksum,
  children_checksum, row_hash, text_hash, space, recipe, tried_recipe, object_id, object_hash, vector_hash,
  generation, weaviate_timestamp, total_fields_populated, index_state)
select id, case_number, 'export', 'weaviate_loaded', 'completed', md5(id) || md5(id), md5('b' || id) || md5(id), 'h',
  md5('t' || id) || md5(id), %(space)s, %(recipe)s, %(recipe)s, md5(id)::uuid, md5('o' || id) || md5(id),
  md5('v' || id) || md5(id), generation, now() - interval '1 day', 40, 'loaded'
from udp.case;
insert into vector_index.support_case (id, case_id, case_number, composite, checksum, children_checksum, text_hash,
  space, recipe, vector_hash, object_hash, generation, loaded_at)
select object_id, record_id, case_number, '', checksum, children_checksum, text_hash, space, recipe, vector_hash,
  object_hash, generation, now() from recon.data_lineage;
delete from vector_index.support_case where case_number::bigint %% (%(n)s / 400) = 0;
update vector_index.support_case set checksum = 'x' where case_number::bigint %% (%(n)s / 300) = 1;
insert into vector_index.support_case (id, case_id, case_number, composite, checksum, children_checksum, text_hash,
  space, recipe, vector_hash, object_hash, generation, loaded_at)
select gen_random_uuid(), 'f' || n, 'F' || n, '', 'x', 'x', 'x', %(space)s, %(recipe)s, 'x', 'x', 1, now()
from generate_series(1, 300) n;
insert into recon.reconciliation_runs (run_id, run_type, start_time, status)
values (gen_random_uuid(), 'daily', now(), 'completed');
analyze
"""

LINEAGE_OF_INDEX = """
insert into recon.data_lineage (record_id, case_number, source_system, current_stage, status, checksum,
  children_checksum, text_hash, space, recipe, object_id, object_hash, vector_hash, generation, index_state)
select case_id, case_number, 'export', 'weaviate_loaded', 'completed', checksum, children_checksum, text_hash, space,
  recipe, id, object_hash, vector_hash, generation, 'loaded'
from vector_index.support_case;
vacuum analyze recon.data_lineage
"""


def healthy(home: Path, cases: int) -> None:
    write_sample(home / "export", cases=cases, seed=1)
    everycase(home, home / "export", "sync", ENGINE="processes:2")
    print(
        f"{cases:,} healthy cases  {'s':>8} {'its work':>9} {'of the seed':>12} {'MB':>6}  read back and probed"
    )
    for name, words in (
        ("first daily, all new", ("--type", "daily")),
        ("daily", ("--type", "daily")),
        ("hourly", ("--type", "hourly")),
        ("deep", ("--type", "daily", "--deep")),
    ):
        run = everycase(home, home / "export", "reconcile", *words)
        if set(run.report["gaps"]) - {"unsearchable"} or run.report["status"] != "completed":
            raise SystemExit(f"these cases are not healthy: {run.report}")
        work = run.report["duration_s"]
        print(
            f"  {name:<21} {run.seconds:>8.1f} {work:>9.1f} {work / SEED_LIMIT_S:>11.4f}x {run.peak_mb:>6.0f}  "
            f"{run.report['checked']['read_back']:,}"
            + (f" (healed: {run.report['gaps']})" if run.report["gaps"] else ""),
            flush=True,
        )


def million(home: Path, source: Path, rows: int) -> None:
    """On a database that one small sync has prepared; its own case is emptied away first."""
    everycase(home, source, "sync")
    dsn = embedded.start(home)
    with psycopg.connect(dsn, autocommit=True) as conn, psycopg.ClientCursor(conn) as cursor:
        space, recipe = conn.execute("select space, recipe from recon.data_lineage limit 1").fetchone()
        conn.execute("truncate udp.case, recon.data_lineage, vector_index.support_case cascade")
        cursor.execute(ROWS, {"n": rows, "space": space, "recipe": recipe})
        for name in ("Task", "WorkOrder", "CaseComment", "EmailMessage", "WorkOrderFeed", "Case"):
            # staging is what was read: the source need not be swept
            table = f"udp.{name.lower()}"
            conn.execute(
                f"update recon.watermarks set row_count = c.n, digest = c.digest from (select count(*) as n, "
                f"coalesce(sum(hashtextextended(id || row_hash, 0)), 0) as digest from {table}) c where object = %s",
                (name,),
            )
    run = everycase(home, source, "reconcile", "--type", "daily", "--dry-run", SAMPLE_SIZE="0")
    found = run.report["gaps"]
    if set(found) != {"missing", "stale", "orphan"} or not 990 <= sum(found.values()) <= 1010:
        raise SystemExit(f"not the differences that were made: {run.report}")
    work = run.report["duration_s"]
    print(
        f"{rows:,} lineage rows, {sum(found.values()):,} differences: {work:.1f} s ({work / MILLION_LIMIT_S:.2f} of the "
        f"limit), {run.peak_mb:.0f} MB ({run.peak_mb / MILLION_LIMIT_MB:.2f} of the limit); found {found}"
    )
    ten_differences(dsn)


def ten_differences(dsn: str) -> None:
    """The comparison of index and lineage, whole and by buckets in turn, of an index that lacks ten objects."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("delete from recon.data_lineage")
        conn.execute("delete from vector_index.support_case where case_id like 'f%'")
        for statement in LINEAGE_OF_INDEX.split(";"):
            conn.execute(statement)
    damage(dsn)
    for _ in range(ROUNDS):
        whole_s, skipping_s = compare(dsn, skips=False), compare(dsn, skips=True)
        print(
            f"ten differences: whole {whole_s:.1f} s, by buckets {skipping_s:.1f} s, "
            f"whole / buckets {whole_s / skipping_s:.1f} (at least 10)",
            flush=True,
        )


def main(args: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args(args)
    home = Path(tempfile.mkdtemp(prefix="ecb", dir="/tmp"))
    try:
        if given.rows:
            write_sample(home / "small", cases=5, seed=1)
            million(home / "m", home / "small", given.rows)
        if given.cases:
            healthy(home / "h", given.cases)
    finally:
        for name in ("m", "h"):
            embedded.stop(home / name)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
