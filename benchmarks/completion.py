"""How many cases are complete, under the fault mix of the document that everycase began with.

A sample of 10,000 cases goes through a provider and a fallback over HTTP (stand-ins), the embedded index and
PostgreSQL. Faults strike at the document's rates, in every run alike: the provider hangs or limits the rate,
the redaction fails, index writes time out after they were made, the syncing process is killed with SIGKILL
three times and started again. Some children come before their parents, some cases lack what is required, and
some faults stay: so that one case in two thousand cannot be completed by any machine. Every figure is
counted by SQL of this file on the tables and the index, not taken from a report.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import multiprocessing as mp
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr
from tests.support.databases import Databases, serving
from tests.support.providers import KEY, Fault, StandIn, fault, standing_in

from everycase import telemetry
from everycase.app import App
from everycase.cli.console import ProgressLines
from everycase.domain.cases import JoinedCase, RedactedCase
from everycase.domain.catalogue import Catalogue
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.domain.gaps import RunType
from everycase.operations import work
from everycase.pipeline import load
from everycase.ports import UpsertOutcome, UpsertStatus
from everycase.redaction.redactor import TableRedactor
from everycase.settings import Settings
from everycase.sources.sample.source import write_sample

WIDTHS = (256, 128)
CRASHES_AT = (0.2, 0.5, 0.8)
"""Shares of the cases that are loaded when the syncing process is killed."""

LATER = 6 * 3600
"""Seconds between two runs of the document: what waits for its time is due in the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """The faults that cases meet, as shares of the cases; those that stay are the document's five in 10,000."""

    time_outs: float = 0.004
    rate_limits: float = 0.004
    children_late: float = 0.003
    redaction: float = 0.002
    index: float = 0.001
    redaction_stays: float = 0.0002
    index_stays: float = 0.0001
    fields_missing: float = 0.0002
    seed: int = 1

    def strikes(self, kind: str, key: str) -> bool:
        """Whether this fault strikes this case: the same in every process and run."""
        digest = hashlib.sha256(f"{self.seed} {kind} {key}".encode()).digest()
        return int.from_bytes(digest[:8]) / 2**64 < getattr(self, kind)


def main(argv: Sequence[str]) -> None:
    """Print each figure beside the document's claim, and how it was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="which cases are struck")
    given = parser.parse_args(argv)
    first, second = WIDTHS
    with (
        tempfile.TemporaryDirectory(prefix="completion-") as folder,
        serving("ecc-") as server,
        Databases(server).fresh() as dsn,
        standing_in("openai", first) as primary,
        standing_in("nomic", second) as fallback,
    ):
        trial = Trial(Path(folder), dsn, (primary, fallback), given.cases, Mix(seed=given.seed))
        print("| figure | claimed | counted | how |")
        print("|---|--:|--:|---|")
        for figure in trial.figures():
            print("| " + " | ".join(figure) + " |", flush=True)


class Trial:
    """Two days of one organisation."""

    def __init__(
        self, folder: Path, dsn: str, providers: tuple[StandIn, StandIn], cases: int, mix: Mix
    ) -> None:
        self.folder, self.dsn, self.cases, self.mix = folder, dsn, cases, mix
        self.primary, self.fallback = providers
        self.export = Export(folder / "export", cases, mix)
        self._misbehave()

    def figures(self) -> Iterator[tuple[str, str, str, str]]:
        """Name, claim, count, and how it was counted."""
        self._load_with_crashes()
        yield (
            "complete at the first attempt",
            "99.65 %",
            self._share(self._complete()),
            "in the index with lineage's stamps after the first sync (killed 3 times, started again), of all",
        )
        first_day = self.primary.told()["texts"]
        self.export.send_late_children()
        self._wait()
        self._run("reconcile")
        complete = self._complete()
        yield (
            "complete after one reconciliation",
            "99.95 %",
            self._share(complete),
            "the same after one daily run, with the faults still striking",
        )
        met = self._struck()
        recovered = len(met) - len(met - self._complete_ids())
        yield (
            "recovered without a person",
            "95 %",
            f"{recovered / max(len(met), 1):.2%}",
            f"of {len(met)} cases that met a fault of their own: complete, and no failure is open",
        )
        duplicates = self._number("select count(*) - count(distinct case_id) from vector_index.support_case")
        yield "duplicates", "0", str(duplicates), "objects of the index beyond one a case"
        waiting = self._number(
            "select count(distinct record_id) from recon.failed_records "
            "where not resolved and disposition = 'manual_review'"
        )
        yield "for a person", "< 0.5 %", self._share(waiting), "cases with an open failure of manual_review"
        yield self._second_day(first_day)

    def _second_day(self, first_day: int) -> tuple[str, str, str, str]:
        changed = max(self.cases // 200, 1)
        self.primary.forget()
        self.fallback.forget()
        self.export.change(changed)
        self._run("sync")
        texts = self.primary.told()["texts"] + self.fallback.told()["texts"]
        return (
            f"embedding calls saved on the second day, {changed} of {self.cases:,} changed",
            "99.5 %",
            f"{1 - texts / self.cases:.2%}",
            f"texts that the providers embedded: {first_day:,} by the first on day one, {texts:,} on day two",
        )

    # ── runs ─────────────────────────────────────────────────────────────────────────────────

    def _load_with_crashes(self) -> None:
        for share in CRASHES_AT:
            self._run("sync", kill_at=round(share * self.cases))
        self._run("sync")

    def _run(self, kind: str, kill_at: int = 0) -> None:
        """A run in a process of its own; `kill_at`: killed when so many cases are loaded."""
        settings = self._settings()
        process = mp.get_context("spawn").Process(target=run, args=(settings, self.mix, kind))
        process.start()
        while kill_at and process.is_alive():
            loaded = self._number("select count(*) from recon.data_lineage where status = 'completed'")
            if loaded >= kill_at:
                process.kill()
            time.sleep(0.02)
        process.join()

    def _settings(self) -> dict[str, Any]:
        first, second = WIDTHS
        provider = {"api_key": KEY, "batch_size": 16, "timeout": "1s", "cool_down": "2s"}
        return {
            "home": self.folder,
            "source": str(self.export.folder),
            "database_url": SecretStr(self.dsn),
            "engine": "threads:2",
            "embedders": ("chathpe", "nomic"),
            "chathpe": {**provider, "url": self.primary.url, "dimensions": first},
            "nomic": {**provider, "url": self.fallback.url, "dimensions": second},
        }

    def _misbehave(self) -> None:
        hangs = fault(Fault.HANG, seconds=2, share=self.mix.time_outs)
        limits = fault(Fault.STATUS, status=429, share=self.mix.rate_limits)
        self.primary.tell(hangs, limits, seed=self.mix.seed)

    def _wait(self) -> None:
        """Let the hours until the next run go by for what waits for its time."""
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            conn.execute(
                "update recon.failed_records set next_retry_time = next_retry_time - make_interval(secs => %s)",
                (LATER,),
            )

    # ── counting ─────────────────────────────────────────────────────────────────────────────

    def _complete(self) -> int:
        return len(self._complete_ids())

    def _complete_ids(self) -> set[str]:
        return self._ids(
            "select o.case_id from vector_index.support_case o "
            "join recon.data_lineage l on l.record_id = o.case_id and l.object_id = o.id "
            "where l.status = 'completed' and l.text_hash = o.text_hash and l.object_hash = o.object_hash "
            "and l.vector_hash = o.vector_hash and not exists (select from recon.failed_records f "
            "where f.record_id = o.case_id and not f.resolved and f.disposition <> 'skip')"
        )

    def _struck(self) -> set[str]:
        """The cases that a fault was meant for, and those that were an open failure once."""
        failed = self._ids(
            "select record_id from recon.failed_records where source_object = 'Case' "
            "and stage <> 'extraction' and error_type <> 'MissingResolutionField'"
        )
        kinds = ("redaction", "redaction_stays", "index", "index_stays")
        meant = {i for i in self.export.ids if any(self.mix.strikes(kind, i) for kind in kinds)}
        return (failed | meant | self.export.struck) & self.export.ids

    def _ids(self, query: str) -> set[str]:
        with psycopg.connect(self.dsn) as conn:
            return {r[0] for r in conn.execute(query)}  # type: ignore[arg-type]

    def _number(self, query: str) -> int:
        with psycopg.connect(self.dsn) as conn:
            row = conn.execute(query).fetchone()  # type: ignore[arg-type]
        return int(row[0]) if row else 0

    def _share(self, cases: int) -> str:
        return f"{cases / self.cases:.2%}"


class Export:
    """The sample's files, with children that come late and cases that lack what is required."""

    def __init__(self, folder: Path, cases: int, mix: Mix) -> None:
        self.folder, self.mix = folder, mix
        write_sample(folder, cases=cases, seed=mix.seed)
        self.struck: set[str] = set()
        self.ids: set[str] = set()
        self._late: list[dict[str, str]] = []
        self._rewrite("Case", self._lacking)
        self._rewrite("WorkOrder", self._held_back)

    def send_late_children(self) -> None:
        """The work orders that were held back come with the next export."""
        with (self.folder / "WorkOrder.csv").open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, list(self._late[0]) if self._late else [], lineterminator="\n").writerows(
                self._late
            )

    def change(self, count: int) -> None:
        """Say something new in so many cases."""
        chosen = set(sorted(self.ids - self.struck)[:: max(len(self.ids) // count, 1)][:count])

        def say_anew(row: dict[str, str]) -> dict[str, str] | None:
            if row["Id"] in chosen:
                row = {**row, "Description": row["Description"] + "\nThe second day brought no change."}
            return row

        self._rewrite("Case", say_anew)

    def _lacking(self, row: dict[str, str]) -> dict[str, str] | None:
        self.ids.add(row["Id"])
        if not self.mix.strikes("fields_missing", row["Id"]):
            return row
        self.struck.add(row["Id"])
        return {**row, "Subject": "", "Description": ""}

    def _held_back(self, row: dict[str, str]) -> dict[str, str] | None:
        if not self.mix.strikes("children_late", row["CaseId"]):
            return row
        self.struck.add(row["CaseId"])
        self._late.append(row)
        return None

    def _rewrite(self, name: str, changed: Callable[[dict[str, str]], dict[str, str] | None]) -> None:
        path = self.folder / f"{name}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            header = list(reader.fieldnames or [])
            rows = [new for row in reader if (new := changed(row)) is not None]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, header, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


# ── in the process that runs ─────────────────────────────────────────────────────────────────────


def run(settings: dict[str, Any], mix: Mix, kind: str) -> None:
    """A sync or a daily reconciliation whose redaction and index fail as the mix says."""
    load.FIRST_WAIT_S, load.LONGEST_WAIT_S = (
        0.02,
        0.1,
    )  # of the 2, 4 and 8 s before an index write is repeated
    telemetry.configure(debug=False)
    quiet = ProgressLines(quiet=True)
    with App(Settings(**settings)) as app:
        app.__dict__["processor"] = replace(
            app.processor,
            redactor=FailingRedactor(app.catalogue, mix),
            index=FailingIndex(app.index, mix),
        )
        if kind == "sync":
            work.sync(app, quiet)
        else:
            work.reconcile(app, quiet, RunType.DAILY)


class FailingDetector:
    """A detector that finds nothing and fails: once on some cases, always on a few."""

    version = "failing"

    def __init__(self, mix: Mix) -> None:
        self._mix = mix
        self._struck: set[str] = set()
        self.case_id = ""
        """Whose text comes next."""

    def find(self, _text: str) -> Sequence[tuple[int, int, str]]:
        is_fresh = self.case_id not in self._struck
        if self._mix.strikes("redaction_stays", self.case_id) or (
            is_fresh and self._mix.strikes("redaction", self.case_id)
        ):
            self._struck.add(self.case_id)
            raise RuntimeError("the detector fails")
        return ()


class FailingRedactor:
    """The real redactor with a detector that fails; one of each for every thread."""

    def __init__(self, catalogue: Catalogue, mix: Mix) -> None:
        self._catalogue, self._mix = catalogue, mix
        self._mine = threading.local()
        self.version = self._of_this_thread()[0].version

    def redact(self, case: JoinedCase) -> RedactedCase:
        redactor, detector = self._of_this_thread()
        detector.case_id = case.record_id
        return redactor.redact(case)

    def _of_this_thread(self) -> tuple[TableRedactor, FailingDetector]:
        if not hasattr(self._mine, "pair"):
            detector = FailingDetector(self._mix)
            self._mine.pair = (TableRedactor(catalogue=self._catalogue, detectors=[detector]), detector)
        pair: tuple[TableRedactor, FailingDetector] = self._mine.pair
        return pair


class FailingIndex:
    """The embedded index, some of whose writes time out after they were made, and a few are always refused."""

    def __init__(self, inner: Any, mix: Mix) -> None:
        self._inner, self._mix = inner, mix
        self._struck: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def upsert(self, objects: Sequence[Any]) -> list[UpsertOutcome]:
        outcomes = {
            o.object_id: o
            for o in self._inner.upsert(
                [o for o in objects if not self._mix.strikes("index_stays", o.stamps.case_id)]
            )
        }
        ids = {o.stamps.case_id for o in objects}
        struck = {i for i in ids - self._struck if self._mix.strikes("index", i)}
        self._struck |= struck
        if struck:
            raise LoadFailure(ErrorType.WEAVIATE_TIMEOUT, "no answer in time")
        return [outcomes.get(o.stamps.object_id) or _refusal(o) for o in objects]


def _refusal(o: Any) -> UpsertOutcome:
    return UpsertOutcome(
        object_id=o.stamps.object_id,
        status=UpsertStatus.FAILED,
        error_type=ErrorType.WEAVIATE_REJECTED,
        message="the object is refused",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
