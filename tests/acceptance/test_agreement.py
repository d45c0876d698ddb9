"""All outputs of one state agree: one completeness, one count of failures, one rounding."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from everycase.domain.completeness import percent, whole_percent
from everycase.operations.overview import read_overview
from tests.support.exports import Row, case, child, record_id, write_export
from tests.support.receiver import Receiver, receiving
from tests.support.shell import Prompt
from tests.support.world import World

CHILDREN = ("Task", "WorkOrder", "CaseComment", "EmailMessage")
SEEDS = range(5)


@dataclass
class RandomExport:
    """An export that changes from day to day, with faults of every kind, by seed."""

    folder: Path
    chance: random.Random
    cases: dict[int, Row] = field(default_factory=dict)
    children: dict[str, list[Row]] = field(default_factory=dict)
    spoilt: set[int] = field(default_factory=set)
    """Cases whose line holds bytes that are no text."""

    def begin(self) -> None:
        """Between 20 and 90 cases; in every other world many faults."""
        share = self.chance.choice((0.02, 0.08, 0.3))
        for n in range(self.chance.randint(20, 90)):
            self._add(n, share)
        if self.chance.random() < 0.3:  # one cause for many rows is one failure that stands for all of them
            self.cases |= {n: case(n, CaseNumber="none, sorry") for n in range(100, 100 + 25)}
        self.children["CaseComment"].append(child("CaseComment", 9001, record_id("Case", 9999)))
        self.write()

    def next_day(self) -> None:
        """Some cases change, some go, some come, some are mended."""
        known = sorted(self.cases)
        gone = self.chance.choice((1, 3, len(known) // 3))
        for n in self.chance.sample(known, gone):
            del self.cases[n]
        for n in self.chance.sample(sorted(self.cases), min(6, len(self.cases))):
            self.cases[n] = case(n, Subject=f"Server {n} hums", LastModifiedDate="2024-11-05 08:00:00")
            self.spoilt.discard(n)
        for n in range(200, 200 + self.chance.randint(0, 12)):
            self._add(n, 0.2)
        self.write()

    def write(self) -> None:
        tables = {name: rows for name, rows in self.children.items() if rows}
        write_export(self.folder, Case=self.cases.values(), **tables)
        path = self.folder / "Case.csv"
        lines = path.read_bytes().split(b"\n")
        marks = [record_id("Case", n).encode() for n in self.spoilt]
        path.write_bytes(b"\n".join(_spoil(x) if any(m in x for m in marks) else x for x in lines))

    def _add(self, n: int, share: float) -> None:
        self.cases[n] = case(n, **self._values(n, share))
        if self.chance.random() < share / 4:
            self.spoilt.add(n)
        for name in CHILDREN:
            rows = self.children.setdefault(name, [])
            for _ in range(self.chance.choice((0, 1, 1, 2))):
                row = child(name, 10_000 * len(name) + len(rows), record_id("Case", n))
                rows.append({**row, "Id": "broken"} if self.chance.random() < share / 8 else row)

    def _values(self, n: int, share: float) -> dict[str, str]:
        if self.chance.random() >= share:
            return {}
        return self.chance.choice(
            (
                {"CaseNumber": ""},
                {"Subject": "", "Description": ""},
                {"Resolution_Plain_Text__c": ""},
                {"CaseNumber": "no number at all"},
                {"Id": f"bad{n}"},
                {"CaseNumber": f"{40_000_000 + max(n - 1, 0)}"},
            )
        )


def _spoil(line: bytes) -> bytes:
    return line.replace(b"Server", b"Serv\xff\xfe\x81r")


@dataclass
class Desk:
    """A person who reads everything that everycase says of one state."""

    shell: Prompt
    world: World
    source: Path
    hook: Receiver

    def sync(self) -> dict[str, Any]:
        """Plan, then sync; what the plan foretold is what the sync did."""
        planned, done = self.shell.json("plan"), self.shell.json("sync")
        if done.get("status") == "completed":
            assert {k: planned[k] for k in ("create", "update", "delete", "fail", "refused")} == {
                "create": done["created"],
                "update": done["updated"],
                "delete": done["deleted"],
                "fail": done["failed"],
                "refused": done["refused"],
            }
            assert planned["unchanged"] == done["unchanged"]
            assert abs(planned["estimated_tokens"] - done["tokens"]) <= 0.1 * done["tokens"]
        return done

    def reconcile(self) -> dict[str, Any]:
        return self.shell.json("reconcile")

    def must_agree(self, said: dict[str, Any]) -> None:
        """`said`: the report of the run that left this state."""
        status, inbox = self.shell.json("status"), self.shell.json("failures")
        groups = self.shell.json("failures", "--group")["groups"]
        with self.world.app(self.source) as app:
            page = read_overview(app).as_dict()
        waiting = _waiting(status["open_failures"])
        assert {
            "completeness": (said["completeness"], page["completeness"]),
            "open": (_open(said), _waiting(inbox["open"]), _waiting(page["open_failures"])),
            "groups": sum(g["open"] for g in groups if g["disposition"] != "skip"),
            "new": said["new_failures"],
            "coverage": page["coverage"],
        } == {
            "completeness": (status["completeness"], status["completeness"]),
            "open": (waiting, waiting, waiting),
            "groups": waiting,
            "new": status["new_failures"],
            "coverage": status["coverage"],
        }
        self._texts_must_agree(status, waiting)
        self._alerts_must_agree(said, status)

    def _texts_must_agree(self, status: dict[str, Any], waiting: int) -> None:
        text = self.shell("status").stdout
        assert f"Completeness: {percent(status['completeness'])} of the cases" in text
        for name, share in status["coverage"].items():
            assert f"{name} {whole_percent(share)}" in text
        assert (
            sum(int(n) for n in re.findall(r"Open failures \((?:retry|manual_review)\): (\d+)", text))
            == waiting
        )

    def report_must_agree(self, said: dict[str, Any]) -> None:
        """The text and the page of the report, and the row of the day, say what its JSON says."""
        text, page = self.shell("report").stdout, _plain(self.shell("report", "--format", "html").stdout)
        assert self.shell.json("report")["completeness"] == said["completeness"]
        complete, left = percent(said["completeness"]), sum(said["still_failed"].values())
        assert f"{complete} complete" in text
        assert f"{complete} complete" in page
        total = left + sum(said["gaps_left"].values()) + sum(said["withheld"].values())
        (said_left,) = re.findall(r"Still Failed: (.*)", text)
        assert _added_up(said_left) == total
        (found,) = re.findall(r"Discrepancies Found: (.*)", text)
        assert _added_up(found) == said["discrepancies"]
        assert said["discrepancies"] == sum(said["gaps"].values()) + said["open_before"]
        listed = re.findall(r"^  - ([\d,]+) ", text.split("Cases at Each Stage")[0], re.MULTILINE)
        assert sum(int(n.replace(",", "")) for n in listed) == said["discrepancies"]
        for name, share in said["coverage"].items():
            assert f"{name}: {whole_percent(share)} (" in text
            assert f"{name} {whole_percent(share)}" in page
        (day,) = self.world.rows("select * from recon.daily_rollup")
        assert (day["completeness"], day["failures"]) == (said["completeness"], said["still_failed"])

    def _alerts_must_agree(self, said: dict[str, Any], status: dict[str, Any]) -> None:
        """What people are told in numbers is what `status` counts; what ended is no longer there."""
        census, reviewed = status["census"], status["open_failures"].get("manual_review", 0)
        unseen = census["few_fields"] - census["few_fields_noted"]
        for alert in said["alerts"]:
            if alert["rule"] == "manual_review":
                assert (alert["value"], alert["state"] == "ended") == (reviewed, not reviewed)
            if alert["rule"] == "few_fields":
                assert (alert["value"], alert["state"] == "ended") == (unseen, not unseen)
            if alert["rule"].endswith("_coverage"):
                assert alert["value"] in status["coverage"].values()
        told = {p["title"].split(": ")[1].split(" ")[0]: p["message"] for p in self.hook.take()}
        sentences = {a["rule"]: a["sentence"] for a in said["alerts"]}
        assert all(message.startswith(sentences[rule]) for rule, message in told.items() if rule in sentences)


def _added_up(counts: str) -> int:
    """The sum of `3 cases, 1,200 rows`."""
    return sum(int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d(?= )", counts))


def _open(said: dict[str, Any]) -> int:
    return sum(said["still_failed"].values()) if "still_failed" in said else _waiting(said["open_failures"])


def _waiting(tally: dict[str, int]) -> int:
    return sum(n for d, n in tally.items() if d != "skip")


def _plain(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.mark.parametrize("seed", SEEDS)
def test_all_outputs_of_one_state_agree(world: World, tmp_path: Path, seed: int) -> None:
    """In random worlds, after each run: plan, sync, status, inbox, pages, reports, alerts and days."""
    chance = random.Random(seed)
    export = RandomExport(folder=tmp_path / "x", chance=chance)
    with receiving() as hook:
        desk = Desk(Prompt(world, export.folder, alerts=hook.url), world, export.folder, hook)
        for day in range(3):
            export.next_day() if day else export.begin()
            done = desk.sync()
            if done["status"] == "stopped":
                desk.must_agree(done)
                assert desk.shell("resume").returncode == 0
                done = desk.sync()
            desk.must_agree(done)
            if day == 2:
                world.do("delete from vector_index.support_case where get_byte(uuid_send(id), 0) < 60")
            report = desk.reconcile()
            desk.must_agree(report)
            desk.report_must_agree(report)


@pytest.mark.parametrize("spoilt", [1, 25], ids=["one row", "so many that one failure stands for all"])
def test_a_case_whose_new_row_cannot_be_read_is_not_in_the_index_as_the_source_has_it(
    world: World, tmp_path: Path, spoilt: int
) -> None:
    """It is served as it was before, and no output counts it as complete until its row is right again."""
    export = RandomExport(folder=tmp_path / "x", chance=random.Random(0))
    export.cases = {n: case(n) for n in range(40)}
    export.write()
    with receiving() as hook:
        desk = Desk(Prompt(world, export.folder, alerts=hook.url), world, export.folder, hook)
        assert desk.sync()["completeness"] == 1
        export.cases |= {n: case(n, CaseNumber="no number at all") for n in range(spoilt)}
        export.write()
        done = desk.sync()
        if done["status"] == "stopped":
            assert desk.shell("resume").returncode == 0
        for read in (lambda: done, desk.reconcile):
            desk.must_agree(said := read())
            status = desk.shell.json("status")
            assert (said["completeness"], status["counts"]["source"]) == (1 - spoilt / 40, 40)
            assert status["index"]["count"] == 40
        assert f"as their new row cannot be read: {spoilt} cases" in desk.shell("status").stdout
        export.cases = {n: case(n) for n in range(40)}
        export.write()
        assert desk.sync()["completeness"] == 1


def test_deletions_that_wait_for_a_person_give_every_command_the_same_code(
    world: World, tmp_path: Path
) -> None:
    """`sync`, `reconcile` and `status` end with 1 until the deletions are approved, and say how."""
    cases = {n: case(n) for n in range(40)}
    marked = cases | {n: case(n, IsDeleted="true") for n in range(30)}
    source = write_export(tmp_path / "x", Case=cases.values())
    shell = Prompt(world, source)
    assert shell("sync").returncode == 0
    write_export(source, Case=marked.values())
    for command in ("sync", "reconcile"):
        assert shell(command).returncode == 1
        status = shell("status")
        assert status.returncode == 1
        assert "30 deletions wait for a person (r" in status.stdout
        assert "sync --allow-deletes 30" in status.stdout
    assert shell("sync", "--allow-deletes", "30").returncode == 0
    assert shell("status").returncode == 0
    write_export(source, Case=cases.values())
    assert shell("sync").returncode == 0
    (*_, last) = shell.json("trace", "40000001")["loads"]
    assert "repaired" not in last["reason"]
