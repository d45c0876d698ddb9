"""Search on a real tracker: are the older reports found that the maintainers linked as duplicates?

Usage: python -m benchmarks.search_quality. Needs ../shared/data; says so where it is absent. 95 queries,
128 relevant older cases; only cases created before the query count. The peer is BM25 alone:
nDCG@10 0.53, recall@10 0.64.
"""

from __future__ import annotations

import csv
import math
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from everycase.app import App
from everycase.cli.console import ProgressLines
from everycase.operations import work
from everycase.ports import Comparison, Condition
from everycase.settings import Settings
from everycase.store import embedded

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PEER = {"nDCG@10": 0.53, "recall@10": 0.64}


def main(_args: list[str]) -> None:
    if not DATA.is_dir():
        print("skipped: needs the real data in ../shared/data")
        return
    home = Path(tempfile.mkdtemp(prefix="ecq", dir="/tmp"))
    try:
        with App(Settings(home=home, source=str(DATA / "jira-2019-01-31.zip"), engine="processes:2")) as app:
            work.sync(app, ProgressLines(quiet=True))
            measure(app)
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


def measure(app: App) -> None:
    relevant: dict[str, set[str]] = defaultdict(set)
    with (DATA / "jira-qrels.tsv").open(encoding="utf-8") as file:
        for row in csv.reader(file, delimiter="\t"):
            if len(row) >= 2 and row[0] not in ("query-id",):
                relevant[row[0]].add(row[1])
    with app.pool.connection() as conn:
        texts = {
            number: (f"{subject}\n{description or ''}", created)
            for number, subject, description, created in conn.execute(
                "select case_number, subject, description, created_date from udp.case"
            )
        }
    print(f"{'search':<10}{'nDCG@10':>9}{'of BM25':>9}{'recall@10':>11}{'of BM25':>9}{'ms a query':>12}")
    for name, words, vectors in (("words", True, False), ("meaning", False, True), ("both", True, True)):
        gain = recall = spent = 0.0
        for query, wanted in relevant.items():
            text, created = texts[query]
            before = Condition(
                property="created_date",
                comparison=Comparison.LESS,
                value=created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            )
            space = app.embedder.space
            started = time.perf_counter()
            queries = {space: app.embedder.embed_query(text, space)} if vectors else {}
            hits = app.index.search(text if words else "", queries, where=[before], limit=11).hits
            spent += time.perf_counter() - started
            found = [h.case_number for h in hits if h.case_number != query][:10]
            ideal = sum(1 / math.log2(i + 2) for i in range(min(10, len(wanted))))
            gain += sum(1 / math.log2(i + 2) for i, n in enumerate(found) if n in wanted) / ideal
            recall += len(wanted & set(found)) / len(wanted)
        n = len(relevant)
        print(
            f"{name:<10}{gain / n:>9.3f}{gain / n / PEER['nDCG@10']:>8.2f}x{recall / n:>11.3f}"
            f"{recall / n / PEER['recall@10']:>8.2f}x{spent / n * 1000:>12.1f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
