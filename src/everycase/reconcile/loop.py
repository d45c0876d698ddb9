"""Reconciliation: compare source, staging, lineage and index, and repair what differs (contract §12).

It compares states and needs no history, so it may be killed at any instant: the next run finds what is
left and repairs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from everycase.domain.alerts import Facts, work_facts
from everycase.domain.completeness import completeness, coverage
from everycase.domain.failures import Disposition
from everycase.domain.gaps import REPAIRABLE, GapKind, ReconcileOrder
from everycase.domain.runs import ObjectResult
from everycase.domain.sentences import together
from everycase.domain.shards import ShardedWork
from everycase.domain.thresholds import DeletionGuard, Thresholds
from everycase.pipeline import continuity
from everycase.pipeline.run import Approve, OpenRun, RunEnd, Shell, approve_any
from everycase.pipeline.work import Crew
from everycase.ports import Source
from everycase.reconcile import books
from everycase.reconcile.count import COUNTED, Census, Sweep, Sweeper, balances, count
from everycase.reconcile.gaps import Finder, Found
from everycase.reconcile.identify import RecoveryPlan, identify
from everycase.reconcile.recover import recover, repair
from everycase.reconcile.report import Report, count_left, count_recovered, count_withheld, pattern_of
from everycase.reconcile.retention import Retention, prune
from everycase.store import budget, failures, lineage, locks, reads, runs
from everycase.store import continuity as life
from everycase.store.db import Connection
from everycase.store.gaps import GapOutcome, GapTables

_FOLLOW_UPS = 3
"""How often a run repairs objects that its own repairs have put out of the graph's reach."""


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """A reconciliation that is ready to run. What it works with is made within the run."""

    shell: Shell
    source: Callable[[], Source]
    crew: Callable[[], Crew]
    thresholds: Thresholds
    retention: Retention
    sample: int
    """How many untouched objects a thorough run reads back and probes."""
    approve: Approve = approve_any

    def run(self, run_id: UUID, order: ReconcileOrder) -> Report:
        """The five steps. Raises as `Shell.carry_out` does."""
        shell = replace(self.shell, sharing=(ShardedWork.DEEP, order.shard) if order.shard else None)
        if order.dry_run:
            return shell.try_out(run_id, lambda run: self._job(run, order))
        unmade = books.UnmadeBooks(order=order)
        return shell.carry_out(run_id, lambda run: self._job(run, order), unmade.keep)

    def _job(self, run: OpenRun, order: ReconcileOrder) -> _ReconcileJob:
        self.approve(run)
        return _ReconcileJob(
            run=run,
            order=order,
            source=self.source(),
            crew=self.crew(),
            thresholds=self.thresholds,
            retention=self.retention,
            sample=self.sample,
            tables=GapTables(run.conn, run.shard),
        )


@dataclass(kw_only=True)
class _ReconcileJob:
    """One reconciliation at work, and what it has found so far."""

    run: OpenRun
    order: ReconcileOrder
    source: Source
    crew: Crew
    thresholds: Thresholds
    retention: Retention
    sample: int
    tables: GapTables
    sweeps: Sequence[Sweep] = ()
    counts: Mapping[str, int | None] = field(default_factory=lambda: dict.fromkeys(COUNTED))
    """What step 1 counted, before anything was repaired."""
    found: Found = field(default_factory=Found)
    is_compared: bool = False
    """Step 2 has come to its end: all gaps are in `found`."""
    plan: RecoveryPlan | None = None
    objects: Sequence[ObjectResult] = ()
    after: Mapping[GapKind, int] = field(default_factory=dict)
    """The gaps that the post-check finds."""
    open_before: Mapping[str, int] = field(default_factory=dict)
    """The failures that waited when it began, by type; of cases that are no gap."""
    due_failures: int = 0

    def begin(self) -> None:
        run = self.run
        reads.bind(run.conn, self.source.identity)
        runs.begin_reconciliation(
            run.conn, run_id=run.run_id, run_type=self.order.run_type, now=run.started_at
        )

    def work(self) -> None:
        reads.check(self.run.conn, self.source.identity)
        if self.run.leads:
            self._prepare()
        self.run.let_others_in()
        census = self._count()
        finder = self._finder()
        self._find_gaps(finder, census)
        self._identify(census)
        if not self.order.dry_run:
            self._recover()
        self._check_again(finder)
        self._follow_up(finder)
        if not self.order.dry_run:
            self._settle()

    def _prepare(self) -> None:
        run, processor, index = self.run, self.crew.processor, self.crew.processor.index
        if self.order.dry_run:
            run.findings += continuity.look(run.conn, index)
        else:
            run.findings += continuity.open_database(run.conn, now=run.database_time)
            index.prepare(processor.embedder.spaces)
            index.end_load()
            run.findings += continuity.open_index(run.conn, index, run_id=run.run_id, now=run.database_time)

    # ── the five steps ───────────────────────────────────────────────────────────────────────

    def _count(self) -> Census:
        scope, conn = self.order.scope, self.run.conn
        if scope.source:
            self.sweeps = self._sweeper().sweep(
                all_objects=scope.sets or self._is_doubted, regardless=scope.everything
            )
        if not self.order.dry_run:
            reads.add(conn, balances(self.sweeps), run_id=self.run.run_id)
        self.crew.ending.check()
        census = count(conn, self.crew.processor.index, list(self.sweeps))
        self.counts = census.counts
        return census

    @property
    def _is_doubted(self) -> bool:
        """A part was restored from a backup: then a run of any type compares everything."""
        return bool(self.run.findings or life.doubted(self.run.conn))

    def _sweeper(self) -> Sweeper:
        conn, crew = self.run.conn, self.crew
        catalogue = crew.processor.catalogue
        return Sweeper(
            conn=conn, tables=self.tables, source=self.source, catalogue=catalogue, on_rows=crew.rows
        )

    def _finder(self) -> Finder:
        processor = self.crew.processor
        last = runs.last_look(self.run.conn)
        scope = self.order.scope
        return Finder(
            tables=self.tables,
            sweeper=self._sweeper(),
            index=processor.index,
            recipe=processor.recipe,
            space=processor.embedder.space,
            scope=replace(scope, skips=scope.skips and not self._is_doubted),
            since=last - processor.index.settles_after if last else None,
            sample=self.sample,
            seed=self.run.run_id.int % 2**31,
            on_step=self.crew.progress.step,
        )

    def _find_gaps(self, finder: Finder, census: Census) -> None:
        sets = self.order.scope.sets or not census.index_agrees or self._is_doubted
        self.found = finder.find(self.sweeps, sets=sets)
        self.is_compared = True
        self.crew.ending.check()

    def _identify(self, census: Census) -> None:
        conn, tally = self.run.conn, self.found.tally
        self.open_before = self.tables.open_besides()
        self.due_failures = failures.count_due(conn, now=self.run.started_at)
        self.plan = identify(
            tally,
            self.due_failures,
            objects=census.counts["index"] or 0,
            cases=census.row["lineage"],
            gone_cases=self.tables.gone_cases(),
            guard=self._guard,
            can_upgrade=bool(tally.get(GapKind.DEBT)) and self._can_upgrade(),
        )

    @property
    def _guard(self) -> DeletionGuard:
        return self.crew.guard(self.order.allow_deletes)

    def _can_upgrade(self) -> bool:
        """Fallback vectors are replaced once the preferred provider answers; a dry run does not ask it."""
        embedder = self.crew.processor.embedder
        return not self.order.dry_run and embedder.is_ready(embedder.space)

    def _recover(self) -> None:
        assert self.plan
        done = recover(self.run, self.tables, self.crew, self.source, self.plan, guard=self._guard)
        self.objects = done.objects
        self.crew.ending.check()

    def _check_again(self, finder: Finder) -> None:
        """The post-check: look again at everything that was touched, and keep the gaps that are left."""
        assert self.plan
        if self.order.dry_run or (self.plan.is_nothing and not self.found.tally):
            self.after = self.found.tally
        else:
            self.after = finder.find_again(self.sweeps, self.run.run_id, sets=self.found.has_sets)

    def _follow_up(self, finder: Finder) -> None:
        """Repair objects that earlier repairs have put out of the vector graph's reach (decision 9).

        Objects that stay out of reach after an insertion, and those left at the end, go to `make_reachable`.
        """
        rounds = 0
        while self.after.get(GapKind.UNSEARCHABLE) and not self.order.dry_run:
            is_last = rounds == _FOLLOW_UPS
            unreached = [i for page in self.tables.unreached(was_repaired=not is_last) for i in page]
            self.tables.carry_over(GapKind.UNSEARCHABLE)
            self.found.tally = self.tables.tally()
            if rounds > _FOLLOW_UPS or not self.run.worked.is_whole:
                break
            rounds += 1
            self.crew.processor.index.make_reachable(unreached)
            if not is_last:
                repair(self.run, self.tables, self.crew, self.source)
            self.crew.ending.check()
            self.after = finder.find_again(self.sweeps, self.run.run_id, sets=self.found.has_sets)

    def _settle(self) -> None:
        """Keep what became of each gap; note the cases that stay below 30 fields after a second look."""
        conn = self.run.conn
        books.note_unread(conn, self.sweeps, now=self.crew.processor.clock())
        if self.found.has_sets and self.run.worked.is_whole and not self.run.shard:
            life.believe(conn)
        self.tables.settle(run_id=self.run.run_id, space=self.crew.processor.embedder.space)
        if len(self.sweeps) > 1 and all(s.is_proven or s.is_whole for s in self.sweeps):
            lineage.note_limited(conn)

    # ── the report ───────────────────────────────────────────────────────────────────────────

    def summarise(self, conn: Connection, end: RunEnd) -> Report:
        report = self._begun(conn, end)
        if end.status:
            return replace(report, facts=work_facts(report.totals))
        census = count(conn, self.crew.processor.index, list(self.sweeps))
        outcomes = self.tables.outcomes()
        withheld = count_withheld(outcomes)
        left = count_left(self.after, withheld)
        report = replace(
            report,
            counts=census.counts,
            gaps_left=left,
            withheld=withheld,
            recovered=self._recovered(outcomes),
            still_failed=failures.by_type(conn),
            new_failures=failures.tally_new(conn),
            patterns=[pattern_of(g) for g in failures.group_failures(conn)],
            coverage=coverage(census.row, self.crew.processor.catalogue.without),
            few_fields=census.row["few_fields"],
            few_fields_noted=census.row["few_fields_noted"],
            limited_data=census.row["limited_data"],
            spaces=lineage.spaces(conn),
            completeness=self._completeness(census, left),
            unread_tables=books.unread_tables(conn, self.sweeps),
        )
        return replace(report, facts=self._facts(report, failures.tally(conn)))

    def _begun(self, conn: Connection, end: RunEnd) -> Report:
        """The part of the report that is known however the run ended: what it has found and done so far."""
        run, processor = self.run, self.crew.processor
        breakers = budget.transitions(conn, since=run.database_time)
        return Report(
            run_id=run.run_id,
            run_type=self.order.run_type,
            is_deep=self.order.deep,
            is_dry_run=self.order.dry_run,
            source=self.source.kind,
            shard=str(run.shard or ""),
            round=run.round.token if run.round else None,
            started_at=run.started_at,
            end=end.status,
            error=end.error,
            thresholds=self.thresholds,
            figures=run.figures(processor.prices, processor.embedder.space, breakers),
            counts=self.counts,
            gaps=self.found.by_name if self.is_compared else None,
            open_before=self.open_before,
            due_failures=self.due_failures,
            checked=self._checked(),
            findings=tuple(run.findings),
            unread=self._unread(conn),
            remarks=[s.remark for s in self.sweeps if s.remark],
            reads=[r.as_dict() for r in balances(self.sweeps)],
        )

    def _recovered(self, outcomes: Sequence[GapOutcome]) -> Mapping[str, int]:
        if self.order.dry_run:
            return {}
        return count_recovered(outcomes, self.tables.recovered_failures(since=self.run.started_at))

    @staticmethod
    def _completeness(census: Census, left: Mapping[str, int]) -> float:
        return completeness(
            census.row,
            index=census.counts["index"],
            at_source=census.counts["source"],
            lacking=sum(n for kind, n in left.items() if kind in REPAIRABLE),
        )

    def _checked(self) -> dict[str, int]:
        return {
            "read_back": self.found.read_back,
            "probed": self.found.probed,
            "swept": sum(s.rows for s in self.sweeps),
        }

    def _unread(self, conn: Connection) -> list[str]:
        found = together((s.object.name, s.problem) for s in self.sweeps)
        if self.order.dry_run and locks.is_held(conn, locks.PIPELINE):
            found.append("a run is at work: the cases that it has under way are counted as stuck")
        return list(dict.fromkeys(found + together((o.object, o.problem) for o in self.objects)))

    def _facts(self, report: Report, open_failures: Mapping[str, int]) -> Facts:
        """For the alert rules; without a comparison object by object the missing cases are unknown (None)."""
        return replace(
            work_facts(report.totals),
            coverage=report.coverage,
            few_fields=report.few_fields - report.few_fields_noted,
            missing=report.gaps_left.get(GapKind.MISSING, 0) if self.found.has_sets else None,
            manual_review=open_failures.get(Disposition.MANUAL_REVIEW, 0),
        )

    def keep(self, conn: Connection, report: Report) -> None:
        # the temporary tables with the gaps are of the run's own connection alone
        books.close(conn, report, with_gaps=conn is self.run.conn, now=self.crew.processor.clock())
        if report.is_finished and self.order.scope.retention:
            prune(conn, self.retention)
