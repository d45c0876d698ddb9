"""One case of the sample: its rows in all six objects, and the truth about what they hold."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from everycase.domain.rows import long_id
from everycase.sources.sample import phrases as phrases
from everycase.sources.sample.slots import PERSONAL, TECHNICAL, Dice, Slots
from everycase.sources.sample.words import SCENARIOS

START = datetime(2023, 1, 2, 7, 0, tzinfo=UTC)
"""No case is older; all of them are of the thousand days that follow."""

_STEP, _SPAN = timedelta(hours=7, minutes=11), timedelta(days=1000)
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PREFIXES = {
    "Case": "500",
    "Task": "00T",
    "WorkOrder": "0WO",
    "CaseComment": "00a",
    "EmailMessage": "02s",
    "WorkOrderFeed": "0D5",
    "User": "005",
}
_SHARES = {"EmailMessage": 0.82, "Task": 0.87, "CaseComment": 0.86, "WorkOrder": 0.82, "WorkOrderFeed": 0.95}
"""Of the cases; of WorkOrderFeed: of the cases that have a work order."""

_CLOSED, _VERY_LONG, _OURS = 0.8, 0.006, 0.97
"""Shares: of the cases, of the first e-mails, and of the Tasks that are of a catalogued type."""
_SLOT = re.compile(r"\{(\w+)\}")
_ROLE = re.compile(r"\{(me|other|sender|receiver)(?=[_}])")

Row = dict[str, str]
Truth = dict[str, str]


@dataclass
class SampleCase:
    """One case under construction. Everything random comes from the seed and the case's own number."""

    seed: int
    number: int
    rows: list[tuple[str, Row]] = field(default_factory=list)
    """Object name and row, in the order in which they came about."""
    personal: list[Truth] = field(default_factory=list)
    technical: list[Truth] = field(default_factory=list)
    """Type, value, object, record id and field of everything that was planted."""

    def __post_init__(self) -> None:
        self.dice = Dice(f"{self.seed}:{self.number}")
        self.scenario = self.dice.pick(SCENARIOS)
        self.created = START + (_STEP * self.number) % _SPAN + timedelta(seconds=self.dice.below(20_000))
        self.slots = Slots(self.dice, self.number, self.created, self.scenario)
        self.id = self._id("Case", 0)
        self.case_number = str(30_000_000 + self.number)
        self.is_closed = self.dice.happens(_CLOSED)
        self.ordinals: dict[str, int] = {}
        self._tell()

    def truth(self) -> dict[str, object]:
        return {
            "case_id": self.id,
            "case_number": self.case_number,
            "personal": self.personal,
            "technical": self.technical,
        }

    # ── the story ────────────────────────────────────────────────────────────────────────────

    def _tell(self) -> None:
        """E-mails, tasks, comments, the work order, and last the case, which knows when it was closed."""
        made: dict[str, Callable[[datetime], datetime]] = {
            "EmailMessage": self._emails,
            "Task": self._tasks,
            "CaseComment": self._comments,
            "WorkOrder": self._work_order,
        }
        last = self.created
        for name, make in made.items():
            if self.dice.happens(_SHARES[name]):
                last = make(self._after(last, 10, 240))
        closed = self._after(last, 120, 4320) if self.is_closed else None
        self._case(closed, closed or last)

    def _case(self, closed: datetime | None, modified: datetime) -> None:
        s, pick = self.scenario, self.dice.pick
        symptom, detail = pick(s.symptoms), pick(s.details)
        row = {
            "CaseNumber": self.case_number,
            "Subject": pick(s.subjects) + pick(phrases.SUBJECT_ENDS),
            "Description": f"{pick(phrases.OPENINGS)} {symptom} {detail}\n"
            f"Model {{model}}, serial number {{serial}}.{self._excerpt(0.4)}",
            "Issue_Plain_Text__c": f"{symptom} Reported by {{contact}}, {{account}}.",
            "GSD_Environment_Plain_Text__c": pick(phrases.ENVIRONMENTS),
            "Error_Codes__c": "{err}",
            "Issue_Type__c": s.area,
            "Product_Number__c": "{part}",
            "Product_Line__c": s.line,
            "Product_Series__c": "{model}",
            "Product_Hierarchy__c": f"Servers/{s.line}/{s.area}",
            "Status": "Closed"
            if closed
            else pick(("Open", "In Progress", "Waiting on Customer", "Escalated")),
            "Priority": pick(phrases.PRIORITIES),
        }
        if self.dice.happens(0.9):
            row["Cause_Plain_Text__c"] = pick(s.causes)
        if self.number and self.dice.happens(0.05):
            row["ParentId"] = record_id("Case", self.seed, self.dice.below(self.number), 0)
        if closed:
            row |= self._resolution()
        who = ("Contact", "Name Email Phone Mobile"), ("Owner", "Name"), ("Engineer", "Name")
        self.rows.append(
            (
                "Case",
                self._fill("Case", self.id, row)
                | self._kept(self.id, self.created, modified)
                | {"ClosedDate": _moment(closed) if closed else "", "AccountName": self.slots["account"]}
                | self._identity(*who)
                | self._site(),
            )
        )

    def _resolution(self) -> Row:
        s, pick = self.scenario, self.dice.pick
        fix = pick(s.fixes)
        return {
            "Case_Resolution_Summary__c": fix.partition(";")[0].rstrip(".") + ".",
            "Resolution__c": f"<p>{fix}</p><p>{pick(s.checks)}</p>",
            "Resolution_Plain_Text__c": f"{fix} {self._check()}",
            "Resolution_Code__c": pick(phrases.RESOLUTION_CODES),
            "Root_Cause__c": pick(s.causes),
            "Close_Comments__c": pick(phrases.CLOSINGS),
        }

    def _tasks(self, when: datetime) -> datetime:
        for _ in range(self.dice.between(1, 3)):
            texts = self._task() if self.dice.happens(_OURS) else phrases.CALL
            self._add("Task", when, texts, WhatId=self.id, OwnerName=self.slots["engineer"])
            when = self._after(when, 20, 400)
        return when

    def _task(self) -> Row:
        kind = self.dice.pick(("Plan of Action", "Trouble Shooting"))
        found = "The fault is still there." if kind == "Trouble Shooting" else "Agreed with {contact}."
        checks = self.dice.some(self.scenario.checks, 2, 3)
        steps = "\n".join(f"{n}. {check}" for n, check in enumerate(checks, start=1))
        return {
            "Subject": f"{kind}: {self.scenario.area.lower()} of {{model}}",
            "Description": f"{steps}\n{found}{self._excerpt(0.25)}",
            "Type": kind,
            "Status": self.dice.pick(("Completed", "Completed", "In Progress", "Not Started")),
        }

    def _work_order(self, when: datetime) -> datetime:
        pick = self.dice.pick
        texts = {
            "Problem_Description__c": f"{pick(self.scenario.symptoms)} {{model}}, serial {{serial}}.\n"
            f"{pick(self.scenario.details)}\n{pick(phrases.SITE_BLOCKS)}",
            "Onsite_Action__c": f"{pick(phrases.ACTIONS)} {self._check()}",
            "Closing_Summary__c": f"{pick(self.scenario.fixes)} {self._check()}",
            "WorkOrderNumber": "{wonumber}",
            "Status": "Closed" if self.is_closed else "In Progress",
        }
        who = self._identity(("Contact", "Name Phone"), ("Engineer", "Name Phone")) | self._site()
        order = self._add("WorkOrder", when, texts, CaseId=self.id, AccountName=self.slots["account"], **who)
        if self.dice.happens(_SHARES["WorkOrderFeed"]):
            for _ in range(self.dice.between(1, 3)):
                when = self._after(when, 5, 300)
                post = {
                    "Title": pick(phrases.FEED_TITLES),
                    "Body": pick(phrases.FEED_BODIES),
                    "Type": pick(("TextPost", "TrackedChange")),
                }
                self._add("WorkOrderFeed", when, post, ParentId=order, CreatedByName=self.slots["owner"])
        return when

    def _comments(self, when: datetime) -> datetime:
        for _ in range(self.dice.between(1, 5)):
            body = self._steps(self.dice.pick(phrases.COMMENTS))
            texts = {
                "CommentBody": body.replace("{excerpt}", self._log_lines())
                + self.dice.pick(phrases.COMMENT_ENDS),
                "IsPublished": self.dice.pick(("true", "false")),
                "CreatedById": record_id("User", self.seed, self.dice.below(40), 0),
            }
            self._add("CaseComment", when, texts, ParentId=self.id, CreatedByName=self.slots["owner"])
            when = self._after(when, 30, 900)
        return when

    def _emails(self, when: datetime) -> datetime:
        """The customer writes, and now and then there is an answer to it with the older mail below."""
        pick = self.dice.pick
        subject = f"{{model}}: {self.scenario.area} ({{serial}})"
        first = f"{pick(phrases.OPENINGS)} {pick(self.scenario.symptoms)}\n{pick(self.scenario.details)}\n"
        first += self._excerpt(0.3)
        for share, choices in ((0.15, phrases.ACCESS), (0.2, phrases.COPIES)):
            if self.dice.happens(share):
                first += f"\n{pick(choices)}\n"
        if self.dice.happens(_VERY_LONG):
            first += "\n" + "".join(f"{{logtime}} entry {n}: {{err}} on {{serial}}\n" for n in range(700))
        body, is_incoming = first, True
        self._mail(when, subject, self._letter(body, "contact"), is_incoming=True)
        for _ in range(self.dice.between(0, 3)):
            when = self._after(when, 15, 600)
            quoted, is_incoming = body, not is_incoming
            body = self._steps(pick(phrases.ANSWERS if is_incoming else phrases.MAIL_BODIES)) + "\n"
            letter = self._letter(body, "contact" if is_incoming else "engineer")
            self._mail(
                when, f"Re: {subject}", letter + self._quote(quoted, is_incoming), is_incoming=is_incoming
            )
        return when

    def _letter(self, body: str, writer: str) -> str:
        pick = self.dice.pick
        ends = phrases.SIGNATURES if writer == "contact" else phrases.OWN_SIGNATURES
        text = f"{pick(phrases.SALUTATIONS)}\n\n{body}\n{pick(phrases.SIGN_OFFS)}\n{pick(ends)}\n"
        return _cast(text, me=writer, other="engineer" if writer == "contact" else "contact")

    def _quote(self, body: str, is_incoming: bool) -> str:
        """The mail before, of the other one, as mail programs put it below."""
        writer, reader = ("engineer", "contact") if is_incoming else ("contact", "engineer")
        head = _cast(self.dice.pick(phrases.QUOTES), sender=writer, receiver=reader)
        if head.endswith("Subject: "):
            return f"\n{head}{{model}}\n\n{body[:1500]}".rpartition("\n")[0]
        return f"\n{head}\n> " + body[:1500].rpartition("\n")[0].replace("\n", "\n> ")

    def _mail(self, when: datetime, subject: str, body: str, *, is_incoming: bool) -> None:
        sender, receiver = ("contact", "engineer") if is_incoming else ("engineer", "contact")
        copied = "{colleague" in body
        self._add(
            "EmailMessage",
            when,
            {"Subject": subject, "TextBody": body, "Incoming": "true" if is_incoming else "false"},
            ParentId=self.id,
            MessageDate=_moment(when),
            FromName=self.slots[sender],
            FromAddress=self.slots[f"{sender}_mail"],
            ToAddress=self.slots[f"{receiver}_mail"],
            CcName=self.slots["colleague"] if copied else "",
            CcAddress=self.slots["colleague_mail"] if copied else "",
        )

    # ── texts ────────────────────────────────────────────────────────────────────────────────

    def _check(self) -> str:
        return self.dice.pick(self.scenario.checks)

    def _steps(self, template: str) -> str:
        return template.replace("{check}", self._check()).replace("{check2}", self._check())

    def _excerpt(self, share: float) -> str:
        return f"\n\n{self._log_lines()}\n" if self.dice.happens(share) else ""

    def _log_lines(self) -> str:
        return "\n".join(self.dice.some(phrases.LOG_LINES, 2, 8))

    def _after(self, when: datetime, least: int, most: int) -> datetime:
        """Some minutes later."""
        return when + timedelta(minutes=self.dice.between(least, most))

    # ── rows ─────────────────────────────────────────────────────────────────────────────────

    def _add(self, name: str, when: datetime, texts: Row, **kept: str) -> str:
        ordinal = self.ordinals[name] = self.ordinals.get(name, -1) + 1
        found = self._id(name, ordinal)
        self.rows.append((name, self._fill(name, found, texts) | self._kept(found, when, when) | kept))
        return found

    def _fill(self, name: str, record: str, texts: Row) -> Row:
        """Fill the slots of each field and write down what was planted where."""
        return {column: self._plant(text, name, record, column) for column, text in texts.items()}

    def _plant(self, template: str, name: str, record: str, column: str) -> str:
        if "{" not in template:
            return template
        planted: dict[str, str] = {}

        def fill(match: re.Match[str]) -> str:
            slot = match[1]
            value = self.slots[slot]
            planted[value] = slot
            return value

        text = _SLOT.sub(fill, template)
        for value, slot in planted.items():
            if (kind := PERSONAL.get(slot)) is not None:
                known = self.personal
            elif (kind := slot) in TECHNICAL:
                known = self.technical
            else:
                continue
            known.append({"type": kind, "value": value, "object": name, "record_id": record, "field": column})
        return text

    def _kept(self, record: str, created: datetime, modified: datetime) -> Row:
        stamp = _moment(modified)
        return {
            "Id": record,
            "CreatedDate": stamp if created == modified else _moment(created),
            "LastModifiedDate": stamp,
            "SystemModstamp": stamp,
            "IsDeleted": "false",
        }

    def _identity(self, *columns: tuple[str, str]) -> Row:
        """`("Contact", "Name Email")` are the columns ContactName and ContactEmail of the case's contact."""
        slot = {"Name": "", "Email": "_mail", "Phone": "_phone", "Mobile": "_mobile"}
        return {
            role + part: self.slots[role.lower() + slot[part]]
            for role, parts in columns
            for part in parts.split()
        }

    def _site(self) -> Row:
        return {
            "Street": self.slots["street"],
            "City": self.slots["city"],
            "PostalCode": self.slots["postal_code"],
            "Country": self.slots["country"],
        }

    def _id(self, name: str, ordinal: int) -> str:
        return record_id(name, self.seed, self.number, ordinal)


def record_id(name: str, seed: int, number: int, ordinal: int) -> str:
    """A well-formed 18-character id: key prefix, seed, case and ordinal (below 100)."""
    return long_id(_PREFIXES[name] + _base62(seed % 62**2, 2) + _base62(number * 100 + ordinal, 10))


def _base62(value: int, width: int) -> str:
    found = ""
    while value:
        value, digit = divmod(value, 62)
        found = _BASE62[digit] + found
    return found.rjust(width, "0")


def _cast(template: str, **roles: str) -> str:
    """`{me_mail}` is `{contact_mail}` when the contact writes."""
    return _ROLE.sub(lambda m: "{" + roles[m[1]], template)


def _moment(when: datetime) -> str:
    """`2024-03-05 04:13:22`, in GMT, as exports write it."""
    return when.isoformat(" ", "seconds")[:19]
