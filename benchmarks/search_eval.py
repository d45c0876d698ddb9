"""How well searches find: both indexes beside BM25, by kind of query. Usage: make eval-search

Real queries: 95 reports of ../shared/data that maintainers linked to older ones (known), and reports of which a
comment says that they are duplicates, each whole (long) and by its subject alone (short). Both sets were seen
while the weight of meaning was chosen, so neither is blind. Only cases that are older than the query count.
Generated ones: identifiers that were planted in sample cases, and other words for the troubles that the sample has.
BM25 is `bm25s` with its defaults on the redacted texts, without headings and case numbers. Intervals are 95 %
by bootstrap over the queries. The tables are written into docs/search.md.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
from tests.support.weaviate_server import binary, running

from everycase.app import App
from everycase.cli.console import ProgressLines
from everycase.domain.batching import pages
from everycase.domain.cases import IndexObject
from everycase.indexes.weaviate.client import connect
from everycase.indexes.weaviate.index import WeaviateIndex
from everycase.operations import work
from everycase.ports import Comparison, Condition, VectorIndex
from everycase.settings import Settings
from everycase.sources.sample.case import SampleCase
from everycase.sources.sample.source import TRUTH, write_sample
from everycase.store import embedded

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "search.md"
BEGIN, END = "<!-- figures: written by make eval-search -->", "<!-- end of figures -->"
PLACES = 10
SEED = 7
MEASURES = ("nDCG@10", "recall@10", "P@5", "MRR")
IDENTIFIERS = ("err", "part", "spare", "fw", "fw4", "cve", "serial", "order", "wonumber")
_DUPLICATE = re.compile(r"\bdup(?:licate[sd]?|e)?\b[^.\n]{0,30}?\b([A-Z]+-\d+)", re.IGNORECASE)

PARAPHRASES = {
    "Memory": "RAM stick faults after adding more of it, machine hangs at startup",
    "Storage": "disk in the array is dying and the volume runs without redundancy",
    "Power": "one supply unit lost mains and the box runs on the remaining one",
    "Network": "adapter port keeps losing its connection and traffic is lost",
    "Firmware": "BIOS flash does not complete and the old release stays active",
    "Cooling": "too hot inside and the blowers are very loud",
    "Frame": "chassis management module does not see a blade",
    "Operating system": "kernel crash, the host goes down by itself",
    "Licence": "activation key for remote console is rejected",
    "Security": "certificate expired, scanner reports a weak cipher",
}


@dataclass(frozen=True, kw_only=True)
class Query:
    kind: str
    text: str
    relevant: frozenset[str]
    own: str = ""
    """The case that it is the text of, which is not to be found."""
    before: str = ""
    """Only cases that were created before then count."""

    @property
    def where(self) -> list[Condition]:
        if not self.before:
            return []
        return [Condition(property="created_date", comparison=Comparison.LESS, value=self.before)]


Search = Callable[[Query], list[str]]
"""The numbers of the ten cases that are found, best first."""


@dataclass
class World:
    """A loaded index, its objects, and the systems to be judged."""

    app: App
    objects: list[IndexObject]
    queries: list[Query]
    systems: dict[str, Search] = field(default_factory=dict)


def main(args: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="print the tables, leave the page alone")
    given = parser.parse_args(args)
    with ExitStack() as stack:
        worlds = [_sample(stack)]
        if DATA.is_dir():
            worlds.insert(0, _tracker(stack))
        else:
            print("the real queries are left out: they need ../shared/data")
        for world in worlds:
            _add_systems(world, stack)
        text = "\n".join(_tables(worlds))
    print(text)
    if not given.dry_run:
        write_figures(text)


def write_figures(text: str) -> None:
    """Put the tables into docs/search.md, in place of the last ones."""
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


# ── what is searched ─────────────────────────────────────────────────────────────────────────────


def _load(stack: ExitStack, source: Path) -> App:
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecq", dir="/tmp")))
    stack.callback(embedded.stop, home)
    app = stack.enter_context(App(Settings(home=home, source=str(source), engine="processes:2")))
    work.sync(app, ProgressLines(quiet=True))
    return app


def _objects(app: App) -> list[IndexObject]:
    ids = [s.object_id for s in app.index.manifest()]
    return [o for page in pages(ids, 500) for o in app.index.objects(page)]


def _tracker(stack: ExitStack) -> World:
    app = _load(stack, DATA / "jira-2019-01-31.zip")
    objects = _objects(app)
    by_number = {o.stamps.case_number: o for o in objects}
    known: dict[str, set[str]] = defaultdict(set)
    for line in (DATA / "jira-qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, case, _ = line.split("\t")
        if query in by_number and case in by_number:
            known[query].add(case)
    held = _said_to_be_duplicates(by_number, known)
    queries = [
        Query(
            kind=f"{name}, {length}",
            text=_asked(by_number[number], length),
            relevant=frozenset(relevant),
            own=number,
            before=str(by_number[number].properties["created_date"]),
        )
        for name, pairs in (("known", known), ("cases named in comments", held))
        for length in ("long", "short")
        for number, relevant in pairs.items()
    ]
    return World(app, objects, queries)


def _said_to_be_duplicates(
    objects: Mapping[str, IndexObject], known: Mapping[str, set[str]]
) -> dict[str, set[str]]:
    """The younger of two cases finds the older one, where a text of one names the other as its duplicate."""
    created = {n: str(o.properties["created_date"]) for n, o in objects.items()}
    held: dict[str, set[str]] = defaultdict(set)
    for number, o in objects.items():
        for other in {m.upper() for m in _DUPLICATE.findall(o.composite)} & objects.keys() - {number}:
            younger, older = sorted((number, other), key=created.__getitem__, reverse=True)
            if (
                younger not in known
                and older not in known.get(younger, ())
                and younger not in known.get(older, ())
            ):
                held[younger].add(older)
    return held


def _asked(o: IndexObject, length: str) -> str:
    subject = str(o.properties.get("subject", ""))
    return subject if length == "short" else f"{subject}\n{o.properties.get('description', '')}"


def _sample(stack: ExitStack, cases: int = 600) -> World:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecq", dir="/tmp"))) / "sample"
    write_sample(folder, cases=cases, seed=SEED)
    app = _load(stack, folder)
    made = [SampleCase(SEED, n) for n in range(cases)]
    of_area: dict[str, set[str]] = defaultdict(set)
    for case in made:
        of_area[case.scenario.area].add(case.case_number)
    queries = [
        Query(kind="paraphrases", text=text, relevant=frozenset(of_area[area]))
        for area, text in PARAPHRASES.items()
    ]
    queries += _identifier_queries(folder / TRUTH)
    return World(app, _objects(app), queries)


def _identifier_queries(truth: Path, most: int = 100) -> Iterator[Query]:
    """Identifiers that few cases have, and the numbers of cases."""
    holders: dict[str, set[str]] = defaultdict(set)
    with truth.open(encoding="utf-8") as lines:
        for case in map(json.loads, lines):
            holders[case["case_number"]].add(case["case_number"])
            for planted in case["technical"]:
                if planted["type"] in IDENTIFIERS:
                    holders[planted["value"]].add(case["case_number"])
    rare = sorted(v for v, cases in holders.items() if len(cases) <= 5 and len(v) >= 5)
    for value in rare[:: max(1, len(rare) // most)][:most]:
        yield Query(kind="identifiers", text=value, relevant=frozenset(holders[value]))


# ── who searches ─────────────────────────────────────────────────────────────────────────────────


def _add_systems(world: World, stack: ExitStack) -> None:
    world.systems["bm25s"] = _bm25(world.objects)
    world.app.index.prepare(world.app.embedder.spaces)
    indexes: list[VectorIndex] = [world.app.index]
    if binary():
        indexes.append(_weaviate(world, stack))
    else:
        print("Weaviate is left out: make weaviate builds its server")
    for index in indexes:
        for way in ("words", "meaning", "both"):
            world.systems[f"{index.name}, {way}"] = _searching(world.app, index, way)


def _searching(app: App, index: VectorIndex, way: str) -> Search:
    def search(query: Query) -> list[str]:
        space = app.embedder.space
        queries = {} if way == "words" else {space: app.embedder.embed_query(query.text, space)}
        text = "" if way == "meaning" else query.text
        hits = index.search(text, queries, where=query.where, limit=PLACES + 1).hits
        return [h.case_number for h in hits if h.case_number != query.own][:PLACES]

    return search


def _weaviate(world: World, stack: ExitStack) -> WeaviateIndex:
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecq", dir="/tmp")))
    server = stack.enter_context(running(home))
    connection = connect(server.url, grpc_port=server.grpc_port)
    stack.callback(connection.close)
    index = WeaviateIndex(connection, "Evaluated")
    index.prepare(world.app.embedder.spaces)
    for batch in pages(world.objects, 100):
        index.upsert(batch)
    return index


def _bm25(objects: Sequence[IndexObject]) -> Search:
    peer = bm25s.BM25()
    texts = [re.sub(r"^(?:## .*|Case: .*)\n+", "", o.composite, flags=re.MULTILINE) for o in objects]
    peer.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    numbers = np.array([o.stamps.case_number for o in objects])
    created = np.array([str(o.properties.get("created_date", "")) for o in objects])

    def search(query: Query) -> list[str]:
        tokens = bm25s.tokenize([query.text], stopwords="en", show_progress=False, return_ids=False)[0]
        known = [t for t in tokens if t in peer.vocab_dict]
        scores = peer.get_scores(known) if known else np.zeros(len(numbers))
        counts = (scores > 0) & (numbers != query.own)
        if query.before:
            counts &= created < query.before
        order = np.argsort(-np.where(counts, scores, -1.0), kind="stable")[:PLACES]
        return [str(numbers[i]) for i in order if counts[i]]

    return search


# ── how well ─────────────────────────────────────────────────────────────────────────────────────


def judge(found: Sequence[str], relevant: frozenset[str]) -> tuple[float, float, float, float]:
    """nDCG@10, recall@10, precision@5 and reciprocal rank of one answer."""
    gains = [n in relevant for n in found]
    ideal = sum(1 / math.log2(i + 2) for i in range(min(PLACES, len(relevant))))
    gain = sum(1 / math.log2(i + 2) for i, g in enumerate(gains) if g)
    first = next((1 / (i + 1) for i, g in enumerate(gains) if g), 0.0)
    return gain / ideal, sum(gains) / min(len(relevant), PLACES), sum(gains[:5]) / 5, first


def _tables(worlds: Sequence[World]) -> Iterator[str]:
    for world in worlds:
        for kind in dict.fromkeys(q.kind for q in world.queries):
            queries = [q for q in world.queries if q.kind == kind]
            yield f"**{kind}**: {len(queries)} queries, {len(world.objects):,} cases\n"
            yield "| | " + " | ".join(MEASURES) + " | nDCG@10 of BM25's |"
            yield "|---|" + "--:|" * (len(MEASURES) + 1)
            peer = 0.0
            for name, search in world.systems.items():
                judged = np.array([judge(search(q), q.relevant) for q in queries])
                peer = peer or float(judged[:, 0].mean())
                row = " | ".join(_with_interval(judged[:, m]) for m in range(len(MEASURES)))
                yield f"| {name} | {row} | {judged[:, 0].mean() / peer if peer else math.nan:.2f} × |"
            yield ""


def _with_interval(values: Any) -> str:
    """The mean and its 95 % interval."""
    drawn = np.random.default_rng(1).integers(len(values), size=(1000, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return f"{values.mean():.3f} ({low:.2f}–{high:.2f})"


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
