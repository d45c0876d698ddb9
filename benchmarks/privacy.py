"""Sample cases through the whole pipeline, and what was planted in them looked for wherever everycase writes.

Usage: python -m benchmarks.privacy [--cases 10000] [--seed 1] [--pages 300]
Looks into the index, the tracking tables, the texts that a stand-in provider was sent, everything that commands
print with --debug (logs and reports), and the pages and answers of the service, `--pages` cases of these that have
a page each. Limits held against: personal values left 0, technical tokens missing from the index 0.1 %. Ends with 1
if one is broken. Prints counts and places, never a value.

In what belongs to one case its own values are looked for, in any case of letters; in the rest the values of all
cases, as whole words of six characters and more: shorter ones occur by chance. Technical tokens of mail bodies are
left to `benchmarks.redaction_sample`, which knows what of a mail is cut on purpose.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ahocorasick_rs import AhoCorasick
from tests.support.invariants import STAMPS
from tests.support.providers import KEY, StandIn, standing_in, text_of
from tests.support.service import service
from tests.support.shell import Shell
from tests.support.world import World
from tests.web.routes import fill, routes_of

from benchmarks.redaction_eval.cases import Share
from benchmarks.redaction_sample import MOST_DAMAGED, level
from everycase.sources.sample.source import TRUTH, write_sample
from everycase.store import embedded

PATIENCE_S = 3600.0
"""A first load of 10,000 cases takes minutes."""

COMMANDS = (
    ("sync", "--debug"),
    ("reconcile", "--deep", "--debug"),
    ("report", "--gaps"),
    ("report", "--format", "html"),
    ("status", "--json"),
    ("failures", "--debug"),
    ("runs", "--json"),
    ("plan", "--json"),
)
TRACKING = ("failed_records", "data_lineage", "multi_table_join_stats", "lineage_events", "sync_runs")
_LEAST = 6
_NO_TEXT = frozenset({*STAMPS, "case_id", "id", "lexemes"})
"""Columns of ids, digests and numbers, in which short values stand by chance."""


@dataclass
class Seen:
    """How much was looked at, and what of the planted values stands in it, by place."""

    texts: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    personal: int = 0
    technical: int = 0
    lost: int = 0
    where: list[str] = field(default_factory=list)

    @property
    def is_within_limits(self) -> bool:
        return not self.left and self.lost <= MOST_DAMAGED * self.technical


class Planted:
    """What the sample says of its cases."""

    def __init__(self, folder: Path) -> None:
        lines = (folder / TRUTH).read_text(encoding="utf-8").splitlines()
        self.cases: dict[str, dict[str, Any]] = {t["case_id"]: t for t in map(json.loads, lines)}
        values = {level(p["value"]) for t in self.cases.values() for p in t["personal"]}
        self._automaton = AhoCorasick(sorted(v for v in values if len(v) >= _LEAST))

    def of_case(self, case_id: str, text: str) -> list[str]:
        """The types of what is left of a case's own values in a text that belongs to it."""
        low = level(text)
        return [p["type"] for p in self.cases[case_id]["personal"] if level(p["value"]) in low]

    def of_any(self, text: str) -> int:
        """How many values of any case stand in a text as whole words."""
        low = f" {level(text)} "
        found = self._automaton.find_matches_as_indexes(low, overlapping=True)
        return sum(not low[s - 1].isalnum() and not low[e].isalnum() for _, s, e in found)


def main(args: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pages", type=int, default=300)
    given = parser.parse_args(args)
    began = time.perf_counter()
    home = Path(tempfile.mkdtemp(prefix="ecv", dir="/tmp"))
    try:
        found = measure(World(embedded.start(home), home), given.cases, given.seed, given.pages)
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)
    print(as_text(found))
    print(f"{time.perf_counter() - began:.0f} s")
    return 0 if found.is_within_limits else 1


def as_text(found: Seen) -> str:
    lost = Share(found.lost, found.technical)
    lines = [f"{found.personal:,} personal values planted", f"\n{'place':18} {'texts':>9} {'left':>9}"]
    lines += [f"{place:18} {n:9,} {found.left[place]:9,}" for place, n in found.texts.items()]
    lines.append(
        f"\ntechnical tokens missing from the index: {lost.hits:,} of {lost.total:,}, {lost.percent}"
    )
    return "\n".join([*lines, *found.where[:20]])


def measure(world: World, cases: int, seed: int, pages: int) -> Seen:
    """One load of the sample, and everything that came of it."""
    source = world.home / "export"
    write_sample(source, cases=cases, seed=seed)
    planted, seen = Planted(source), Seen()
    seen.personal = sum(len(t["personal"]) for t in planted.cases.values())
    with standing_in("openai", 3072) as provider:
        provider.tell(keeps_texts=True)
        settings = {"embedders": ("chathpe",), "chathpe": {"url": provider.url, "api_key": KEY}}
        for name, text in printed(world, source, settings):
            note(seen, "logs and reports", name, planted.of_any(text))
        look_into_tables(seen, planted, world, provider)
        for path, text in answers(world, source, settings, pages):
            note(seen, "pages and answers", path, planted.of_any(text))
    return seen


def note(seen: Seen, place: str, name: str, left: int) -> None:
    seen.texts[place] += 1
    if left:
        seen.left[place] += left
        seen.where.append(f"{left} values in {place}: {name}")


def printed(world: World, source: Path, settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each command with all that it printed, its log included."""
    shell = Shell(world, source, **settings)
    shell.patience = PATIENCE_S
    for command in COMMANDS:
        done = shell(*command)
        if done.returncode > 1:
            raise SystemExit(f"everycase {' '.join(command)} ended with {done.returncode}")
        yield f"everycase {' '.join(command)}", done.stdout + done.stderr


def look_into_tables(seen: Seen, planted: Planted, world: World, provider: StandIn) -> None:
    """The index and the tracking tables, case by case, and what the provider was sent of each."""
    rows = world.index()
    if len(rows) != len(planted.cases):
        raise SystemExit(f"the index has {len(rows)} of {len(planted.cases)} cases: nothing is proved")
    for row in rows:
        case_id = row["case_id"]
        text = as_one(v for k, v in row.items() if k not in _NO_TEXT)
        note(seen, "index", case_id, len(planted.of_case(case_id, text)))
        tokens = [t for t in planted.cases[case_id]["technical"] if t["field"] != "TextBody"]
        seen.technical += len(tokens)
        seen.lost += sum(t["value"] not in text for t in tokens)
    for row in world.rows("select record_id, text_hash from recon.data_lineage where text_hash is not null"):
        sent = text_of(provider.url, row["text_hash"])
        if sent:
            note(seen, "payloads", row["record_id"], len(planted.of_case(row["record_id"], sent)))
    for table in TRACKING:
        for row in world.rows(f"select * from recon.{table}"):
            note(seen, "tracking tables", table, planted.of_any(as_one(row.values())))


def as_one(values: Iterable[object]) -> str:
    return "\n".join(map(str, values))


def answers(world: World, source: Path, settings: dict[str, Any], pages: int) -> Iterator[tuple[str, str]]:
    """Every page and answer of the service; of those of one case, as many as `pages` says."""
    keys = [r["record_id"] for r in world.rows("select record_id from recon.data_lineage order by 1")]
    keys = keys[:: max(1, len(keys) // max(1, pages))]
    runs = [str(r["run_id"]) for r in world.rows("select run_id from recon.reconciliation_runs")]
    with service(world, source, **settings) as s, s.client() as client:
        paths = [p for m, p in routes_of(s.app) if m == "GET" and p != "/api/live"]
        asked = [f"{p}?limit=500" if p == "/api/cases" else p for p in paths if "{" not in p]
        asked += [f"{p}?q={q}" for p in ("/search", "/api/search") for q in ("memory", "serial+number+mail")]
        asked += [fill(p, {"key": k}) for p in paths if "{key}" in p for k in keys]
        asked += [fill(p, {"run_id": i}) for p in paths if "{run_id}" in p for i in runs]
        for path in asked:
            yield path, client.get(path).text


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
