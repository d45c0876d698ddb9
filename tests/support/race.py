"""A race by seed: a run, and what others do to the same cases at chosen calls of it.

Nothing here depends on time. Others act when the n-th call passes a port, or the n-th row of a stream,
while the run stands still; so a seed is one interleaving, and the same one each time.
"""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from everycase.app import App
from everycase.cli.console import ProgressLines
from everycase.domain.gaps import RunType
from everycase.embedders.chain import EmbedderChain
from everycase.operations import work
from everycase.pipeline import load
from everycase.pipeline.process import process
from tests.support.changing_export import ChangingExport
from tests.support.faults import Ledger, Model, Mortal, Mortality, Provider, Weather
from tests.support.hands import Hands
from tests.support.invariants import broken
from tests.support.trial import InvariantBroken
from tests.support.world import World

PORTS = {"source": 6.5, "redactor": 3.0, "embedder": 2.0, "index": 6.0}
"""Where others may act, and at most at which call, as a power of two: early calls are likelier."""

DYING_CALL = 8.0
"""The same for the call at which a sync dies."""

CASES = (4, 12)
IMPATIENT = "-c lock_timeout=200ms"
"""Of a late worker: who it would wait for may be standing still until it is done."""

HARMS = ("lose objects", "lose lineage", "alter stamps", "leave in progress", "lose staged rows")
"""What the run may have to repair, of `hands.FAULTS`."""

MODEL = Model()

Row = dict[str, Any]
_QUIET = ProgressLines(quiet=True)
Run = Callable[[App, int], Any]
RUNS: Mapping[str, Run] = {
    "sync": lambda app, n: work.sync(app, _QUIET, allow_deletes=n),
    "hourly": lambda app, n: work.reconcile(app, _QUIET, RunType.HOURLY, allow_deletes=n),
    "daily": lambda app, n: work.reconcile(app, _QUIET, RunType.DAILY, allow_deletes=n),
    "deep": lambda app, n: work.reconcile(app, _QUIET, RunType.DAILY, deep=True, allow_deletes=n),
}
CHANGES = (
    "add cases",
    "change a case",
    "change a case",
    "delete cases",
    "undelete a case",
    "change a child",
    "add a child",
    "remove a child",
    "re-parent a child",
    "renumber",
)
"""What may happen to the source while a run reads it, of `changing_export.CHANGES`."""


Moment = tuple[str, int]
"""The n-th call of a port, or row of one of its streams."""


@dataclass
class Moments:
    """Counts the calls that pass each port, and does what was arranged for one of them."""

    due: dict[Moment, Callable[[], None]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    _is_acting: bool = False

    def call(self, port: str) -> None:
        self.calls[port] += 1
        act = self.due.pop((port, self.calls[port]), None)
        if act and not self._is_acting:
            self._is_acting = True
            act()
            self._is_acting = False

    def rest(self) -> None:
        """Do what was arranged for calls that did not come."""
        while self.due:
            self.due.pop(next(iter(self.due)))()


class LateWorker:
    """A worker of a run that was killed: it goes on with its cases as it read them.

    `begin` lets it read and redact; it stands still where it would embed. `finish` lets it write.
    """

    def __init__(self, race: Race, ids: list[str]) -> None:
        self._race, self._ids = race, ids
        self._paused, self._go = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        if self._thread:
            return
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        self._paused.wait()

    def finish(self) -> None:
        self.begin()
        assert self._thread is not None
        self._go.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            with self._race.open_app(impatient=True) as app:
                embedder = EmbedderChain([_Pausing(self._race.provider, self._paused, self._go)])
                process(replace(app.processor, embedder=embedder), uuid4(), self._ids)
        except Exception as e:
            self._race.note(f"the late worker ended with {type(e).__name__}")
        finally:
            self._paused.set()


class _Pausing:
    """An embedder that waits for a word before its first batch. Implements `ports.Embedder`."""

    def __init__(self, inner: Provider, paused: threading.Event, go: threading.Event) -> None:
        self._inner, self._paused, self._go = inner, paused, go

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def embed_documents(self, texts: Any, **kept: Any) -> Any:
        self._paused.set()
        self._go.wait()
        return self._inner.embed_documents(texts, **kept)


class Race:
    """A loaded index, a run over it, and others who do something in the middle of that run."""

    def __init__(self, world: World, seed: int) -> None:
        load.FIRST_WAIT_S = load.LONGEST_WAIT_S = 0.001
        self.world, self.seed, self.rng = world, seed, random.Random(seed)
        self.export = ChangingExport.begin(world.home / "export", self.rng, cases=self.rng.randint(*CASES))
        self.batch_size = self.rng.choice((2, 4, 64))
        self.history: list[str] = []
        self.ledger = Ledger()
        self._unchanged: dict[str, str] = {}
        """Cases that the source has had under one number since the run began."""
        self.provider = Provider(MODEL, Weather(self.rng), self.ledger)

    def run(self) -> None:
        """Raises `InvariantBroken` with the history of the seed."""
        self._do("sync")
        self._give_work()
        moments = self._arrange(worker=self._kill_a_sync())
        before = self._indexed()
        self._unchanged = self._alive()
        kind = self.rng.choice(list(RUNS))
        self._do(kind, moments)
        self._check(before, self._unchanged)
        moments.rest()
        before = self._indexed()
        self._do("sync")
        self._check(before, self._alive())
        withheld = self._do("daily")["withheld"]
        if withheld:  # the last rows of an object are gone: a person looks, and approves
            self._do("daily", allow_deletes=sum(withheld.values()))
        self._judge()

    # ── before the run ───────────────────────────────────────────────────────────────────────

    def _give_work(self) -> None:
        """Something for the run to do: changes at the source, damage to what was loaded, or nothing."""
        for _ in range(self.rng.randint(0, 3)):
            self.note(self.export.change(self.rng.choice(CHANGES)))
        hands = Hands(self.world.dsn, self.rng, self.ledger)
        for _ in range(self.rng.randint(0, 2)):
            self.note(hands.do_harm(self.rng.choice(HARMS)))

    def _kill_a_sync(self) -> LateWorker | None:
        """In half of the seeds a sync died just now, and a worker of it is still alive."""
        if self.rng.random() < 0.5:
            return None
        mortality = Mortality(self.world.dsn, at=int(2 ** self.rng.uniform(0, DYING_CALL)))
        try:
            with self.open_app() as app:
                _wrap(app, lambda _, part: Mortal(part, mortality))
                RUNS["sync"](app, 0)
        except BaseException:
            if not mortality.is_dead:
                raise
        self.note(f"a sync died at call {mortality.at}" if mortality.is_dead else "a sync ended")
        under_way = self.world.rows("select record_id from recon.data_lineage where status = 'in_progress'")
        ids = sorted(r["record_id"] for r in under_way) or sorted(self._alive())
        return LateWorker(self, ids[: self.batch_size])

    # ── in the middle of it ──────────────────────────────────────────────────────────────────

    def _arrange(self, worker: LateWorker | None) -> Moments:
        moments = Moments()
        for _ in range(self.rng.randint(1, 3)):
            moments.due[self._moment()] = self._change_source
        if worker:
            moments.due[self._moment()] = self._noted("the late worker reads its cases", worker.begin)
            moments.due[self._moment()] = self._noted("the late worker writes its cases", worker.finish)
        return moments

    def _change_source(self) -> None:
        self.note(f"  meanwhile: {self.export.change(self.rng.choice(CHANGES))}")
        alive = self._alive()
        self._unchanged = {i: n for i, n in self._unchanged.items() if alive.get(i) == n}

    def _noted(self, what: str, do: Callable[[], None]) -> Callable[[], None]:
        def act() -> None:
            self.note(f"  meanwhile: {what}")
            do()

        return act

    def _moment(self) -> Moment:
        port = self.rng.choice(list(PORTS))
        return port, int(2 ** self.rng.uniform(0, PORTS[port]))

    # ── runs ─────────────────────────────────────────────────────────────────────────────────

    def _do(self, kind: str, moments: Moments | None = None, *, allow_deletes: int = 0) -> Row:
        self.note(kind)
        with self.open_app() as app:
            if moments:
                _wrap(app, lambda name, part: Watched(name, part, moments))
            report: Row = RUNS[kind](app, allow_deletes).as_dict()
        told = {k: report.get(k) for k in ("status", "gaps", "gaps_left", "withheld", "deleted", "failed")}
        self.note(f"{kind} ended: {told}")
        return report

    @contextmanager
    def open_app(self, *, impatient: bool = False) -> Iterator[App]:
        """An app on the race's database; `impatient`: its connections wait for no lock."""
        world = (
            World(f"{self.world.dsn}&options={quote(IMPATIENT)}", self.world.home)
            if impatient
            else self.world
        )
        given = {"batch_size": self.batch_size, **Model.settings("http://127.0.0.1:9/v1")}
        with world.app(self.export.folder, engine="inline", **given) as app:
            app.__dict__["processor"] = replace(app.processor, embedder=EmbedderChain([self.provider]))
            yield app

    # ── judgement ────────────────────────────────────────────────────────────────────────────

    def _alive(self) -> dict[str, str]:
        """The number of each case that the source has."""
        return {i: r["CaseNumber"] for i, r in self.export.live("Case").items()}

    def _indexed(self) -> list[Row]:
        return self.world.index()

    def _check(self, before: list[Row], alive: Mapping[str, str]) -> None:
        """Right after the run: of cases that the source had before, meanwhile and after it."""
        now = self._indexed()
        held = {r["case_id"]: r for r in now}
        found = [f"{r['case_id']} was deleted" for r in before if r["case_id"] in alive.keys() - held.keys()]
        for column in ("case_id", "case_number"):
            doubled = _doubled(now, column) - _doubled(before, column)  # damage may have doubled some
            found += [f"{value} is doubled ({column})" for value in sorted(doubled)]
        found += [
            f"{r['case_id']} was reverted from version {_version(r)} to {_version(held[r['case_id']])}"
            for r in before
            if r["case_id"] in alive.keys() & held.keys() and _version(held[r["case_id"]]) < _version(r)
        ]
        self._fail_on(found)

    def _judge(self) -> None:
        """After one more sync and one reconciliation everything is as the source says."""
        self._fail_on(
            broken(self.world.dsn, self.export, lambda i: self.ledger.texts.get(i, ""), MODEL.dimensions)
        )

    def _fail_on(self, found: list[str]) -> None:
        if found:
            steps = "\n".join(f"  {line}" for line in self.history)
            raise InvariantBroken(f"seed {self.seed}\n{steps}\n! " + "\n! ".join(found))

    def note(self, what: str) -> None:
        self.history.append(what)


class Watched:
    """Any port; each of its calls, and each row that it streams, is a moment."""

    def __init__(self, name: str, inner: object, moments: Moments) -> None:
        self._name, self._inner, self._moments = name, inner, moments

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._moments.call(self._name)
            answer = found(*args, **kwargs)
            self._moments.call(self._name)
            return self._stream(answer) if isinstance(answer, Iterator) else answer

        return call

    def _stream(self, rows: Iterator[Any]) -> Iterator[Any]:
        for row in rows:
            self._moments.call(self._name)
            yield row


def _wrap(app: App, wrapped: Callable[[str, object], Any]) -> None:
    """Every port of `app` behind something that sees its calls."""
    real = app.processor
    parts = {name: wrapped(name, getattr(real, name)) for name in ("redactor", "embedder", "index")}
    app.__dict__["source"] = wrapped("source", app.source)
    app.__dict__["processor"] = replace(real, **parts)


def _doubled(rows: list[Row], column: str) -> set[str]:
    return {value for value, n in Counter(r[column] for r in rows).items() if n > 1}


def _version(indexed: Row) -> int:
    """The version of a case that an object was made of, by the word in its description."""
    words = re.findall(r"qz\d{5}v(\d+)", indexed["description"] or "")
    return int(words[0]) if words else 0
