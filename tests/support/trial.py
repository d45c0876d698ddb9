"""A trial: an everycase on a database of its own, to be broken step by step, then healed and judged."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from everycase.app import App
from everycase.cli.console import ProgressLines
from everycase.domain.errors import EverycaseError, PipelineStopped, WrongUse
from everycase.domain.gaps import RunType
from everycase.embedders.chain import EmbedderChain
from everycase.operations import inbox, work
from everycase.pipeline import load
from everycase.store import state
from tests.support.changing_export import ChangingExport
from tests.support.database_faults import PASSING, Refusal, accept, refuse
from tests.support.faults import (
    Choking,
    Half,
    Ledger,
    Model,
    Mortal,
    Mortality,
    Provider,
    StormyIndex,
    Trouble,
    Weather,
)
from tests.support.hands import ALTERED, FAULTS, TEXT_COLUMNS, Hands
from tests.support.invariants import broken
from tests.support.providers import text_of
from tests.support.world import World

MODEL = Model()
"""Of all trials; runs in processes of their own ask a stand-in provider for the same vectors."""

LAST_CALL = 9
"""A run of a trial makes some two to the power of so many calls through its ports; most of them fewer."""


MOST_DELETED, MOST_DELETED_SHARE = 10, 0.1
"""More cases than both of these are deleted only when somebody has approved it (contract §12)."""

ZONES = ("UTC", "UTC", "Asia/Tokyo", "America/St_Johns", "Pacific/Kiritimati")


class Run(StrEnum):
    """What can be run."""

    SYNC = "sync"
    HOURLY = "reconcile hourly"
    DAILY = "reconcile daily"
    MANUAL = "reconcile manual"
    DEEP = "reconcile --deep"
    DRY = "reconcile --deep --dry-run"
    PLAN = "plan"
    RETRY = "retry --all"


class InvariantBroken(AssertionError):
    """An invariant does not hold; the message has the seed and its history."""


class Trial:
    """Everything that happens depends on `seed` alone, but for `kill_process`.

    `provider`: the address of a stand-in provider that refuses what `POISON` is in. `engine`: of the real
    processes that are killed; runs inside this process go through faulty ports and work inline.
    """

    def __init__(self, dsn: str, home: Path, seed: int, provider: str, *, engine: str = "threads:2") -> None:
        load.FIRST_WAIT_S = load.LONGEST_WAIT_S = 0.001  # nobody waits for the stand-ins
        self.dsn, self.seed, self.rng = dsn, seed, random.Random(seed)
        self.provider, self.engine = provider, engine
        self.world = World(dsn, home)
        self.export = ChangingExport.begin(home / "export", self.rng, cases=self.rng.randint(20, 60))
        self.weather, self.ledger = Weather(self.rng), Ledger()
        self.has_fallback = self.rng.random() < 0.3
        self.batch_size = self.rng.choice((4, 8, 64))
        self.history: list[str] = [f"{len(self.export.tables['Case'])} cases"]
        self.is_database_spoilt = False
        self.ahead = timedelta()
        zone = self.rng.choice(ZONES)
        self.world.do(f"alter database {conninfo_to_dict(dsn)['dbname']} set timezone to '{zone}'")
        self.healed = 0
        """Gaps that were found by the healing runs."""

    # ── steps ────────────────────────────────────────────────────────────────────────────────

    def change_source(self) -> None:
        for _ in range(self.rng.randint(1, 4)):
            self._note(self.export.change())

    def damage_source(self) -> None:
        self._note(f"damage: {self.export.damage()}")

    def mend_source(self) -> None:
        self.export.mend(self._altered_rows())
        self._note("the export is whole again")

    def do_harm(self) -> None:
        hands = Hands(self.dsn, self.rng, self.ledger)
        for _ in range(self.rng.randint(1, 3)):
            self._note(hands.do_harm(self.rng.choice(list(FAULTS))))

    def turn_weather(self) -> None:
        trouble, calls = self.rng.choice(list(Trouble)), self.rng.choice((1, 2, 6, 30))
        self.weather.turn(trouble, calls)
        self._note(f"{trouble} for {calls} calls")

    def spoil_database(self) -> None:
        """For some statements PostgreSQL meets a deadlock, or has no room."""
        refusal, statements = self.rng.choice(list(Refusal)), self.rng.choice((1, 2, 20))
        statements = 1 if refusal in PASSING else statements
        table = refuse(self.dsn, self.rng, refusal, statements)
        self.is_database_spoilt = True  # not every transaction of a run is tried again after a deadlock
        self._note(f"{refusal.name} for {statements} statements on {table}")

    def lose_connections(self) -> None:
        """Every connection of a run ends in the middle of it, as at a restart of PostgreSQL."""
        kind = self.rng.choice((Run.SYNC, Run.SYNC, Run.DAILY, Run.DEEP, Run.HOURLY))
        self.run(kind, cut_at=int(2 ** self.rng.uniform(0, LAST_CALL)))

    def set_clock_ahead(self) -> None:
        """A run by a machine whose clock is years ahead."""
        self.ahead = timedelta(days=self.rng.choice((1, 400, 4000)))
        self.run(self.rng.choice((Run.SYNC, Run.DAILY, Run.HOURLY)))
        self.history[-1] += f" (clock ahead by {self.ahead.days} days)"
        self.ahead = timedelta()

    def run_something(self) -> None:
        self.run(self.rng.choice(list(Run)))

    def die_at_something(self) -> None:
        kind = self.rng.choice((Run.SYNC, Run.SYNC, Run.DAILY, Run.DEEP, Run.RETRY))
        self.run(kind, die_at=int(2 ** self.rng.uniform(0, LAST_CALL)))

    def kill_process(self) -> None:
        """A real process, killed at a random instant of its work if it has not ended by then."""
        command = self.rng.choice((["sync"], ["reconcile", "--type", "daily"], ["reconcile", "--deep"]))
        seconds = self.rng.uniform(0.0, 1.0)
        with self._watched(f"kill -9 of {' '.join(command)} after {seconds:.2f} s at work"):
            process = subprocess.Popen(
                [sys.executable, "-m", "everycase.cli", *command, "--json"],
                env=self.world.environment(self.export.folder, engine=self.engine, **self._settings()),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            try:
                self.world.wait_until_at_work(process)
                _, said = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return
        self._note(f"it had ended by itself with {process.returncode}")
        if b"unexpected" in said:
            self._fail([said.decode()])

    def _settings(self) -> dict[str, Any]:
        return {"batch_size": self.batch_size, **Model.settings(self.provider)}

    # ── runs ─────────────────────────────────────────────────────────────────────────────────

    def run(
        self, kind: Run, *, die_at: int = 0, cut_at: int = 0, allow_deletes: int = 0
    ) -> dict[str, Any] | None:
        """The report as --json prints it; None where the run ended with an error that it may end with.

        `die_at`: the call at which the run dies; `cut_at`: at which it loses its connections and lives.
        """
        mortality = Mortality(self.dsn, die_at or cut_at, is_fatal=not cut_at)
        is_calm = self.weather.is_calm and not self.is_database_spoilt and not cut_at
        is_fair = is_calm and not self.export.damages
        paid = self.ledger.paid.copy()
        report: dict[str, Any] | None = None
        said = "done"
        with self._watched(f"{kind}{_fate(die_at, cut_at)}", allow_deletes):
            try:
                with self._app(mortality) as app:
                    report = _do(app, kind, allow_deletes)
            except BaseException as e:
                said = self._explain(e, mortality, kind, is_fair=is_fair)
            else:
                if mortality.is_dead:
                    self._fail([f"{kind} has survived its death"])
        if report is not None:
            said = _summary(report)
        self.history[-1] += f": {said}"
        self._settle_accounts(paid, died=mortality.is_dead)
        return report

    def _explain(self, error: BaseException, mortality: Mortality, kind: Run, *, is_fair: bool) -> str:
        """A word on the error for the history. Raises it again if the run must not end with it."""
        if mortality.is_dead:
            return "dead"
        may_end = (
            isinstance(error, PipelineStopped)
            or (isinstance(error, WrongUse) and kind is Run.RETRY)
            or (isinstance(error, EverycaseError) and not is_fair)
        )
        if not may_end:
            raise error
        return f"{type(error).__name__}: {error}"

    def _app(self, mortality: Mortality) -> App:
        app = self.world.app(self.export.folder, engine="inline", **self._settings())
        providers = [Provider(MODEL, self.weather, self.ledger)]
        backup = [Half(MODEL)] if self.has_fallback else []

        def mortal(part: object) -> Any:
            return Mortal(part, mortality)

        def clock() -> Any:
            mortality.call()
            return real.clock() + self.ahead

        real = app.processor
        app.__dict__["source"] = mortal(app.source)
        app.__dict__["processor"] = replace(
            real,
            embedder=mortal(EmbedderChain([*providers, *backup])),
            index=mortal(StormyIndex(real.index, self.weather)),
            redactor=mortal(Choking(real.redactor, self.weather)),
            clock=clock,
        )
        return app

    def _settle_accounts(self, before: Any, *, died: bool) -> None:
        """Check that each vector that was paid for is in the cache, unless the run died first."""
        new = self.ledger.paid - before
        kept = {(r["text_hash"], r["space"]) for r in self.world.rows("select * from recon.embedding_cache")}
        lost = [key for key in new if key not in kept]
        if lost and not died and not self.is_database_spoilt:
            self._fail([f"{len(lost)} vectors were paid for and not kept"])
        for key in lost:
            self.ledger.forgive(key)

    @contextmanager
    def _watched(self, what: str, allow_deletes: int = 0) -> Iterator[None]:
        """Whatever a run meets, it deletes nothing that lives at the source, and not many without a word."""
        self._note(what)
        deleted = self._deleted()
        self._loaded = self.world.rows("select count(*) as n from recon.data_lineage")[0]["n"]
        is_readonly = what.startswith((Run.PLAN, Run.DRY))
        before = self._fingerprint() if is_readonly else {}
        yield
        wrongly = (self._deleted() - deleted) & set(self.export.live("Case"))
        if wrongly:
            self._fail([f"deleted, and alive at the source: {', '.join(sorted(wrongly))}"])
        gone = len(self._deleted() - deleted)
        if gone > max(MOST_DELETED, MOST_DELETED_SHARE * self._loaded, allow_deletes):
            self._fail([f"{gone} cases were deleted without anybody's word"])
        after = self._fingerprint() if is_readonly else {}
        if written := [t for t in before if before[t] != after[t]]:
            self._fail([f"{what} has written into {', '.join(written)}"])

    def _deleted(self) -> set[str]:
        rows = self.world.rows("select record_id from recon.data_lineage where status = 'deleted'")
        return {r["record_id"] for r in rows}

    def _fingerprint(self) -> dict[str, str]:
        """Of everything that is kept, by table."""
        tables = self.world.rows(
            "select schemaname || '.' || tablename as name from pg_tables "
            "where schemaname in ('udp', 'recon', 'vector_index') order by 1"
        )
        digest = "select md5(string_agg(t::text, ' ' order by t::text)) as digest from {} t"
        return {t["name"]: self.world.rows(digest.format(t["name"]))[0]["digest"] for t in tables}

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def heal(self) -> None:
        """All faults end, what waits for its time or a person is tried, what is withheld is approved."""
        self.export.mend(self._altered_rows())
        self.weather.clear()
        accept(self.dsn)
        self.is_database_spoilt = False
        self._note("all faults end")
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            state.resume(conn)
        self.world.do(
            "update recon.failed_records set next_retry_time = now(), disposition = 'retry', retry_count = 0 "
            "where not resolved and disposition <> 'skip' "
            # these two are to heal by themselves
            "and error_type not in ('MalformedRecord', 'MissingRequiredField')"
        )
        self._must(Run.SYNC)
        first = self._must(Run.DEEP)
        self.healed = sum(first["gaps"].values())
        if first["gaps"]:
            second = self._must(Run.DEEP, allow_deletes=sum(first["withheld"].values()))
            self.healed += sum(second["gaps"].values())

    def _altered_rows(self) -> set[str]:
        """What their source alone can mend."""
        query = "select id from udp.{} where {} = '{}'"
        return {
            row["id"]
            for table, column in TEXT_COLUMNS.items()
            for row in self.world.rows(query.format(table, column, ALTERED))
        }

    def judge(self) -> None:
        """Check every invariant; then check that further runs change nothing and call no provider."""
        found = broken(self.dsn, self.export, self._text_of, Model.dimensions)
        if self.ledger.paid_twice:
            found.append(f"{self.ledger.paid_twice} texts were embedded more than once")
        if found:
            self._fail(found)
        calls = self.ledger.calls
        third = self._must(Run.DEEP)
        if third["gaps"] or third["status"] != "completed":
            found.append(f"a third look finds {third['gaps']}, {third['status']}: {third['problems']}")
        last = self._must(Run.SYNC)
        worked = {k: last[k] for k in ("created", "updated", "deleted", "failed", "superseded") if last[k]}
        rows = {n: r for n, r in last["rows"].items() if r["changed"] or r["vanished"]}
        if worked or rows:
            found.append(f"a sync of what is in order works: {worked} {rows}")
        if self.ledger.calls != calls or third["embedding_calls"] or last["embedding_calls"]:
            found.append("what is in order is embedded again")
        if found:
            self._fail(found)

    def _text_of(self, text_hash: str) -> str:
        """What a run in this process, or one in a process of its own, gave its provider."""
        return self.ledger.texts.get(text_hash) or text_of(self.provider, text_hash)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn any other exception into InvariantBroken, so that the history is printed with it."""
        try:
            yield
        except InvariantBroken:
            raise
        except Exception as e:
            self._fail([f"unexpected {type(e).__name__}: {e}", traceback.format_exc()])

    def _must(self, kind: Run, **given: int) -> dict[str, Any]:
        report = self.run(kind, **given)
        if report is None or report["status"] == "stopped":
            with psycopg.connect(self.dsn, autocommit=True) as conn:
                state.resume(conn)
            report = self.run(kind, **given)
        if report is None:
            self._fail([f"{kind} does not run"])
        assert report is not None
        return report

    def _note(self, what: str) -> None:
        self.history.append(what)

    def _fail(self, found: list[str]) -> None:
        steps = "\n".join(f"  {n}. {h}" for n, h in enumerate(self.history))
        raise InvariantBroken(f"seed {self.seed}\n{steps}\n! " + "\n! ".join(found))


def _fate(die_at: int, cut_at: int) -> str:
    if die_at:
        return f", dies at call {die_at}"
    return f", loses its connections at call {cut_at}" if cut_at else ""


def _do(app: App, kind: Run, allow_deletes: int) -> dict[str, Any]:
    quiet = ProgressLines(quiet=True)
    match kind:
        case Run.SYNC:
            return work.sync(app, quiet, allow_deletes=allow_deletes).as_dict()
        case Run.PLAN:
            return work.plan(app, quiet).as_dict()
        case Run.RETRY:
            return inbox.retry(app, quiet, everything=True).as_dict()
        case Run.HOURLY:
            return work.reconcile(app, quiet, RunType.HOURLY).as_dict()
        case Run.MANUAL:
            return work.reconcile(app, quiet, RunType.MANUAL).as_dict()
        case Run.DAILY:
            return work.reconcile(app, quiet, RunType.DAILY).as_dict()
        case Run.DEEP:
            return work.reconcile(app, quiet, RunType.DAILY, deep=True, allow_deletes=allow_deletes).as_dict()
        case Run.DRY:
            return work.reconcile(app, quiet, RunType.MANUAL, deep=True, dry_run=True).as_dict()


_TOLD = "status created updated deleted failed embedded reused gaps recovered gaps_left withheld still_failed"


def _summary(report: dict[str, Any]) -> str:
    """The figures of a report that are not zero, for the history."""
    return " ".join(f"{k}={report[k]}" for k in _TOLD.split() if report.get(k))


STEPS: tuple[tuple[int, Callable[[Trial], None]], ...] = (
    (6, Trial.change_source),
    (5, Trial.do_harm),
    (3, Trial.turn_weather),
    (1, Trial.damage_source),
    (1, Trial.mend_source),
    (6, Trial.run_something),
    (3, Trial.die_at_something),
    (1, Trial.spoil_database),
    (1, Trial.lose_connections),
    (1, Trial.set_clock_ahead),
)
"""What happens in a history, with how often; `kill_process` apart."""


def live_through(trial: Trial, *, steps: int, kills: int) -> float:
    """A random history with so many kills in it, then healing and judgement; how many seconds."""
    started = time.perf_counter()
    weights, doings = zip(*STEPS, strict=True)
    chosen = trial.rng.choices(doings, weights, k=steps)
    for _ in range(kills):
        chosen.insert(trial.rng.randrange(len(chosen)), Trial.kill_process)
    with trial.telling():
        for do in chosen:
            do(trial)
        trial.heal()
        trial.judge()
    return time.perf_counter() - started
