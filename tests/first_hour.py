"""The first hour with an export of one's own, as a transcript of real commands: `make first-hour`.

Every line of docs/first-hour.md between the sentences comes from a run of this module; a test runs it again
and holds the page equal. What differs from run to run (times, paths, ids, sizes) is written in one form.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.receiver import Receiver, receiving

PAGE = Path(__file__).resolve().parents[1] / "docs" / "first-hour.md"

_HEADERS = [
    "Case ID", "Case Number", "Subject", "Description", "Status", "Priority", "Contact Name", "Contact Email",
    "Root Cause (RCA)", "Resolution Plain Text", "Created Date", "Last Modified Date", "System Modstamp",
]  # fmt: skip
_SUBJECTS = (
    "Server does not boot after memory upgrade", "Drive failed in bay 4", "Fan is loud", "RAID is degraded",
    "Controller café-1 lost its link", "Firmware update stops at 40 %",
)  # fmt: skip
_WORDS_FIRST = """# The first hour

This page is written by `make first-hour` from a real run, and a test holds it equal to one. Times, paths, ids
and sizes are written in one form. The export has column names of its own, a file that is not UTF-8 and a case
without a number.
"""


def _rows(*, is_next_day: bool) -> Iterator[list[str]]:
    """Six cases; on the next day the last is gone, one is changed and the one without a number has one."""
    for n in range(6):
        if is_next_day and n == 5:
            continue
        number = "" if n == 2 and not is_next_day else f"{30_000_100 + n}"
        subject = "Fan is loud again" if is_next_day and n == 2 else _SUBJECTS[n]
        day = "2026-01-06" if is_next_day and n == 2 else "2026-01-05"
        yield [
            f"5008d00000AbCd{n}AAA"[:15], number, subject, f"Please call Zoë Müller, {subject.lower()}.",
            "Closed", "High", "Zoë Müller", "zoe.mueller@brightmoor.example", "worn part", "Part replaced.",
            f"{day}T08:00:00.000Z", f"{day}T08:00:00.000Z", f"{day}T08:00:00.000Z",
        ]  # fmt: skip


@dataclass
class Hour:
    """A person at a prompt, with a folder and a home of its own."""

    folder: Path
    hook: Receiver
    lines: list[str] = field(default_factory=lambda: [_WORDS_FIRST])

    def say(self, text: str) -> None:
        self.lines.append(f"\n{text}\n")

    def export(self, *, is_next_day: bool = False) -> None:
        """Write Case.csv and CaseComment.csv as an old tool would, in a Western code page."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_HEADERS)
        writer.writerows(_rows(is_next_day=is_next_day))
        folder = self.folder / "export"
        folder.mkdir(exist_ok=True)
        (folder / "Case.csv").write_bytes(text.getvalue().encode("cp1252"))
        comments = [
            f"00a8d00000AbCd{n},5008d00000AbCd{n},The part was sent.,2026-01-05T09:00:00.000Z"
            for n in range(5)
        ]
        (folder / "CaseComment.csv").write_text(
            "\n".join(["Id,Parent ID,Comment Body,Created Date", *comments, ""]), encoding="utf-8"
        )

    def settings(self, text: str) -> None:
        (self.folder / "everycase.toml").write_text(text, encoding="utf-8")
        self.lines.append(f"```\n$ cat everycase.toml\n{text.rstrip()}\n```\n")

    def run(self, *words: str) -> None:
        """Run everycase and write down what it printed and how it ended."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("EVERYCASE_")}
        environment |= {"EVERYCASE_HOME": str(self.folder / "home"), "EVERYCASE_ALERTS": self.hook.url}
        done = subprocess.run(
            [sys.executable, "-m", "everycase.cli", *words],
            cwd=self.folder,
            env={**environment, "EVERYCASE_ENGINE": "threads:1", "COLUMNS": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        shown = " ".join(f'"{w}"' if " " in w else w for w in words)
        printed = _without_progress(done.stdout)
        self.lines.append(f"```\n$ everycase {shown}\n{printed}[exit code {done.returncode}]\n```\n")

    def alerts(self) -> None:
        told = "\n".join(
            f"{p['title']}\n  " + p["message"].strip().replace("\n", "\n  ") for p in self.hook.take()
        )
        self.lines.append(f"```\n{told or '(nothing)'}\n```\n")

    def page(self) -> str:
        return _in_one_form("".join(self.lines), self.folder)


def _without_progress(printed: str) -> str:
    """What a pipe shows of progress depends on how fast the machine is."""
    moving = re.compile(
        r"reading|listing|probing|generating|trying out|[\d,]+ (of [\d,]+ )?cases( to work on|, .* failed)?$"
    )
    return "".join(line.rstrip() + "\n" for line in printed.splitlines() if not moving.match(line))


def _in_one_form(text: str, folder: Path) -> str:
    for pattern, form in (
        (re.escape(str(folder)), "/home/me"),
        (r"[\w/.-]*/python\S* -m everycase\.cli|/\S*/everycase/cli/__main__\.py", "everycase"),
        (r"\b20\d\d-\d\d-\d\d \d\d:\d\d(?!:)", "2026-01-05 09:30"),
        (r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", "2026-01-05 09:30:00"),
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "750e8400-e29b-41d4-a716-446655440000"),
        (r"\b[\d,]+\.\d s\b", "0.0 s"),
        (r"\b[\d,]+(\.\d+)? MB\b", "10 MB"),
        (r"(?m)(?<=  )\d\.\d\d$", "0.01"),
        (r"(?m)^(\d{8})  0\.\d{3}  ", r"\1  0.016  "),
        (r"\b\d+ GB free", "70 GB free"),
        (r"slowest stage \w+", "slowest stage embed"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:9000"),
    ):
        text = re.sub(pattern, form, text)
    return text


def tell(hour: Hour) -> None:
    """The hour: look, set right, load, ask, the next day, begin again."""
    hour.export()
    hour.say("**Can it be read?** The folder holds `Case.csv` and `CaseComment.csv`.")
    hour.settings('source = "export"\nwithout = ["Task", "WorkOrder", "EmailMessage", "WorkOrderFeed"]\n')
    hour.run("doctor")
    hour.say("It says what it cannot know by itself: the encoding, and which column is the root cause.")
    hour.settings(
        'source = "export"\nwithout = ["Task", "WorkOrder", "EmailMessage", "WorkOrderFeed"]\n'
        'encoding = "cp1252"\n\n[fields]\n"Case.Root_Cause__c" = "Root Cause (RCA)"\n'
    )
    hour.run("doctor")
    hour.say("**What would a sync do?** Nothing is written.")
    hour.run("plan")
    hour.say("**Do it.** Load, compare, report.")
    hour.run("run")
    hour.say("The alerts that went to the webhook of `EVERYCASE_ALERTS`:")
    hour.alerts()
    hour.say("**What could not pass, and why?**")
    hour.run("failures")
    hour.run("trace", "5008d00000AbCd2")
    hour.run("search", "server does not start", "--limit", "2")
    hour.export(is_next_day=True)
    hour.say("**The next day** the case has its number, and another one is gone from the export.")
    hour.run("run")
    hour.alerts()
    hour.run("trace", "30000102")
    hour.run("trace", "30000105")
    hour.run("status")
    hour.say("**Begin again.**")
    hour.run("reset", "--yes")
    hour.run("stop")


def make_page() -> str:
    """Run the hour in a folder of its own, which is removed."""
    folder = Path(tempfile.mkdtemp(prefix="everycase-hour-"))
    folder.chmod(0o755)
    try:
        with receiving() as hook:
            hour = Hour(folder, hook)
            tell(hour)
        return hour.page()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
    sys.stdout.write(f"written: {PAGE.name}\n")
