"""Reconciliation: what is in the index is what the source says, and where it is not, it is made so.

It looks at what is, never at what happened; so it needs no history, may be killed at any instant, and
the next run does what is left (contract §12).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from everycase.domain.errors import DependencyUnreachable
from everycase.domain.failures import Disposition, ErrorType, FailureStage, LoadFailure
from everycase.domain.gaps import REPAIRABLE, GapKind, RunType, Scope, scope_of
from everycase.domain.providers import cost, fallback_share, told
from everycase.domain.thresholds import Thresholds
from everycase.pipeline.work import LOCK_WAIT_S, Crew
from everycase.ports import Notifier, Source
from everycase.reconcile import alerting
from everycase.reconcile.count import Census, Sweep, Sweeper, balances, count
from everycase.reconcile.gaps import Finder, Found
from everycase.reconcile.identify import Pattern, Work, identify
from everycase.reconcile.recover import Recovered, recover, repair
from everycase.reconcile.report import Report, count_left, count_recovered, count_withheld
from everycase.reconcile.rules import Facts
from everycase.store import budget, db, failures, gaps, lineage, locks, reads, runs, state, vectors
from everycase.store.db import Connection
from everycase.store.gaps import GapTables

_FOLLOW_UPS = 3
"""How often a run mends what its own repairs have put out of reach; then it is the next run's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long what is over is kept (contract §14)."""

    failures: timedelta
    runs: timedelta
    vectors: timedelta
    """That no case refers to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed because its time was over."""

    failures: int
    runs: int
    vectors: int


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """A reconciliation that is ready to run."""

    dsn: str
    source: Source
    crew: Crew
    notifier: Notifier
    thresholds: Thresholds
    retention: Retention
    sample: int
    """Objects of those that nobody has touched that a thorough run reads back and probes."""
    subject: str
    """What the alerts are signed with."""

    def run(
        self,
        run_id: UUID,
        run_type: RunType,
        *,
        deep: bool = False,
        dry_run: bool = False,
        allow_deletes: int = 0,
    ) -> Report:
        """The five steps. With `dry_run` nothing is written and nobody is told.

        Raises `PipelineStopped` when nothing may run, `WrongUse` when another run is at work,
        `DependencyUnreachable` when the index does not answer.
        """
        started, clock = time.perf_counter(), self.crew.processor.clock
        report = Report(
            run_id=run_id,
            run_type=run_type,
            is_deep=deep,
            is_dry_run=dry_run,
            source=self.source.kind,
            started_at=clock(),
            thresholds=self.thresholds,
        )
        with db.connect(self.dsn) as conn, locks.wait_for(conn, locks.PIPELINE, seconds=LOCK_WAIT_S):
            if dry_run:
                reads.check(conn, self.source.identity)
            else:
                state.check(conn)
                reads.bind(conn, self.source.identity)
                runs.begin_reconciliation(conn, run_id=run_id, run_type=run_type, now=report.started_at)
            try:
                self._steps(conn, report, scope_of(run_type, deep=deep), allow_deletes)
                report.duration_s = time.perf_counter() - started
                if not dry_run:
                    self._close(conn, report)
            except BaseException:
                self._abandon(conn, report, time.perf_counter() - started)
                raise
        return report

    def _steps(self, conn: Connection, report: Report, scope: Scope, allow_deletes: int) -> None:
        try:
            self.crew.processor.index.prepare(self.crew.processor.embedder.spaces)
            tables = GapTables(conn)
            sweeps, census = self._count(conn, tables, scope)
            if not report.is_dry_run:
                reads.add(conn, balances(sweeps), run_id=report.run_id)
            finder = self._finder(conn, tables, scope, report.run_id)
            found = finder.find(sweeps, sets=scope.sets or not census.index_agrees)
            work = self._identify(conn, tables, report, census, found, allow_deletes)
            done = self._recover(conn, tables, report, work, allow_deletes)
            after = self._check_again(finder, sweeps, found, work, report)
            after = self._follow_up(conn, finder, sweeps, found, done, after, report)
            self._summarise(conn, tables, report, sweeps, found, done, after)
        except LoadFailure as e:
            raise DependencyUnreachable(
                f"the index cannot be used ({e}): nothing was concluded from that; reconcile again when it "
                "is back"
            ) from None

    # ── the five steps ───────────────────────────────────────────────────────────────────────

    def _count(self, conn: Connection, tables: GapTables, scope: Scope) -> tuple[list[Sweep], Census]:
        sweeper = self._sweeper(conn, tables)
        sweeps = sweeper.sweep(all_objects=scope.sets, regardless=scope.everything)
        return sweeps, count(conn, self.crew.processor.index, sweeps)

    def _sweeper(self, conn: Connection, tables: GapTables) -> Sweeper:
        world = self.crew.processor
        return Sweeper(
            conn=conn,
            tables=tables,
            source=self.source,
            catalogue=world.catalogue,
            on_rows=self.crew.progress.rows,
        )

    def _finder(self, conn: Connection, tables: GapTables, scope: Scope, run_id: UUID) -> Finder:
        world = self.crew.processor
        last = runs.last_look(conn)
        return Finder(
            tables=tables,
            sweeper=self._sweeper(conn, tables),
            index=world.index,
            recipe=world.recipe,
            space=world.embedder.space,
            scope=scope,
            since=last - world.index.settles_after if last else None,
            sample=self.sample,
            seed=run_id.int % 2**31,
        )

    def _identify(
        self,
        conn: Connection,
        tables: GapTables,
        report: Report,
        census: Census,
        found: Found,
        allow_deletes: int,
    ) -> Work:
        due = failures.due(conn, now=report.started_at)
        report.open_before = sum(failures.by_type(conn).values())
        report.looked_at = budget.clock(conn)
        report.due_failures = sum(n for _, _, n in due)
        report.gaps = found.by_name
        return identify(
            found.tally,
            due,
            objects=census.counts["index"] or 0,
            cases=census.row["lineage"],
            gone_cases=tables.gone_cases(),
            guard=self.crew.guard(allow_deletes),
            can_upgrade=bool(found.tally.get(GapKind.DEBT)) and self._can_upgrade(),
        )

    def _can_upgrade(self) -> bool:
        """Debt is paid when the preferred provider answers again, not before."""
        embedder = self.crew.processor.embedder
        return embedder.is_ready(embedder.space)

    def _recover(
        self, conn: Connection, tables: GapTables, report: Report, work: Work, allow_deletes: int
    ) -> Recovered:
        if report.is_dry_run:
            return Recovered()
        return recover(
            conn,
            tables,
            self.crew,
            self.source,
            work,
            run_id=report.run_id,
            guard=self.crew.guard(allow_deletes),
        )

    def _check_again(
        self, finder: Finder, sweeps: Sequence[Sweep], found: Found, work: Work, report: Report
    ) -> Mapping[Any, int]:
        """A second look at all that was touched says what is true now."""
        if report.is_dry_run or (work.is_nothing and not found.tally):
            return found.tally
        return finder.find_again(sweeps, report.run_id, sets=found.has_sets)

    def _follow_up(
        self,
        conn: Connection,
        finder: Finder,
        sweeps: Sequence[Sweep],
        found: Found,
        done: Recovered,
        after: Mapping[Any, int],
        report: Report,
    ) -> Mapping[Any, int]:
        """Mending a damaged graph can put others out of reach: they are mended too (decision 9)."""
        rounds = 0
        while after.get(GapKind.UNSEARCHABLE) and not report.is_dry_run:
            finder.tables.carry_over(GapKind.UNSEARCHABLE)
            found.tally = finder.tables.tally()
            report.gaps = found.by_name
            if rounds == _FOLLOW_UPS or not done.worked.is_whole:
                break
            rounds += 1
            done.worked.add(repair(conn, finder.tables, self.crew, self.source, run_id=report.run_id))
            after = finder.find_again(sweeps, report.run_id, sets=found.has_sets)
        return after

    def _summarise(
        self,
        conn: Connection,
        tables: GapTables,
        report: Report,
        sweeps: Sequence[Sweep],
        found: Found,
        done: Recovered,
        after: Mapping[Any, int],
    ) -> None:
        world = self.crew.processor
        if not report.is_dry_run:
            tables.settle(run_id=report.run_id, space=world.embedder.space)
        outcomes = tables.outcomes()
        report.withheld = count_withheld(outcomes)
        report.recovered = (
            {}
            if report.is_dry_run
            else count_recovered(outcomes, tables.recovered_failures(since=report.started_at))
        )
        report.gaps_left = count_left(after, report.withheld)
        report.totals, report.stop_reason = done.worked.totals, done.worked.stop_reason
        report.deferred, report.deferral = done.worked.deferred, done.worked.deferral
        report.cost = round(cost(report.totals.usage, world.prices), 4)
        report.providers = told(report.totals.usage, world.prices)
        report.fallback_share = fallback_share(report.totals.usage, world.embedder.space)
        report.breakers = budget.transitions(conn, since=report.looked_at or report.started_at)
        report.problems = _problems(sweeps, done)
        report.checked = {
            "read_back": found.read_back,
            "probed": found.probed,
            "swept": sum(s.rows for s in sweeps),
        }
        self._say_what_is_true(conn, report, sweeps)

    def _say_what_is_true(self, conn: Connection, report: Report, sweeps: Sequence[Sweep]) -> None:
        unseen = lineage.census(conn)["few_fields_unseen"]
        is_seen_twice = len(sweeps) > 1 and all(s.is_proven or s.is_whole for s in sweeps)
        if is_seen_twice and not report.is_dry_run:
            lineage.note_limited(conn)
        census = count(conn, self.crew.processor.index, list(sweeps))
        report.counts, report.coverage = census.counts, census.coverage
        report.few_fields = census.row["few_fields"]
        report.limited_data = census.row["limited_data"]
        report.completeness = self._completeness(census, report)
        report.spaces = lineage.spaces(conn)
        report.still_failed = failures.by_type(conn)
        report.patterns = [_pattern(g) for g in failures.grouped(conn)]
        if not report.is_dry_run:
            facts = alerting.facts_of(
                census.coverage,
                report.totals,
                failures.tally(conn),
                few_fields=unseen,
                missing=report.gaps.get(GapKind.MISSING, 0),
            )
            self._tell(conn, report, facts)

    @staticmethod
    def _completeness(census: Census, report: Report) -> float:
        """The share of the source's cases that are in the index as they should be."""
        whole = max(census.counts["source"] or 0, census.row["staging"])
        lacking = sum(n for kind, n in report.gaps_left.items() if kind in REPAIRABLE)
        return max(census.row["completed"] - lacking, 0) / whole if whole else 1.0

    def _tell(self, conn: Connection, report: Report, facts: Facts) -> None:
        told = alerting.tell(
            conn,
            self.notifier,
            facts,
            self.thresholds,
            is_clean=report.is_fully_clean,
            now=self.crew.processor.clock(),
            subject=self.subject,
        )
        report.alerts = told.alerts
        report.undelivered = told.undelivered

    # ── the books ────────────────────────────────────────────────────────────────────────────

    def _close(self, conn: Connection, report: Report) -> None:
        now = self.crew.processor.clock()
        found = report.as_dict()
        with conn.transaction():
            gaps.keep(conn, report.run_id)
            runs.finish_reconciliation(conn, run_id=report.run_id, report=found, now=now)
            runs.roll_up(conn, found, now=now)
        if scope_of(report.run_type, deep=report.is_deep).retention:
            prune(conn, self.retention, now=now)

    def _abandon(self, conn: Connection, report: Report, duration_s: float) -> None:
        if conn.closed or report.is_dry_run:
            return
        now = self.crew.processor.clock()
        runs.abandon_reconciliation(
            conn, run_id=report.run_id, status="failed", duration_s=duration_s, now=now
        )


def prune(conn: Connection, retention: Retention, *, now: datetime) -> Pruned:
    """Remove what has been over for long enough; open failures, lineage and roll-ups stay (contract §14)."""
    budget.prune(conn, before=now - retention.runs)
    reads.prune(conn, before=now - retention.runs)
    return Pruned(
        failures=failures.prune(conn, before=now - retention.failures),
        runs=runs.prune(conn, before=now - retention.runs),
        vectors=vectors.prune(conn, before=now - retention.vectors),
    )


def _problems(sweeps: Sequence[Sweep], done: Recovered) -> list[str]:
    found = [s.problem for s in sweeps if s.problem]
    return found + [o.problem for o in done.objects if o.problem and o.problem not in found]


def _pattern(group: Mapping[str, Any]) -> Pattern:
    return Pattern(
        stage=FailureStage(group["stage"]),
        error_type=ErrorType(group["error_type"]),
        disposition=Disposition(group["disposition"]),
        open=group["open"],
        first_seen=group["first_seen"],
        last_seen=group["last_seen"],
        mttr_s=group["mttr_s"],
    )
