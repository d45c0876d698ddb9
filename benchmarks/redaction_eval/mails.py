"""Mails as people write them, made by seed: names in all places, signatures, quotes, answers between them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

FIRST = ("Petra", "Konrad", "Ingrid", "Tomasz", "Shelley", "Vince", "Kaye", "Darren", "Louise", "Jeff", "Susan", "Miguel", "Anke", "Pieter", "Lorna", "Stacy", "Raj", "Wei", "Olga", "Benoit", "Kim", "Tana")  # fmt: skip
LAST = ("Sommer", "Maier", "Novak", "Corman", "Kaminski", "Ellis", "Farmer", "Kitchen", "Dasovich", "Scott", "Perez", "Vogel", "Jansen", "Whalley", "Dickson", "Patel", "Zhang", "Ivanova", "Lefevre", "Jones")  # fmt: skip
BODY = (
    "the fan in bay 3 failed again last night.",
    "We replaced the system board and the fault is still there.",
    "Please send the AHS log and the serial number of the server.",
    "The iLO shows error 0x80 since the last firmware update.",
    "Could you check the second power supply as well?",
    "I will be on site tomorrow at nine and bring the spare drive.",
    "Memory in slot 12 reports correctable errors.",
    "Nothing changed after the reboot, see the attached log.",
)
GREETINGS = ("Hi {f},", "Hello {f},", "Dear {f},", "{f},", "{f} -", "Hi {f}", "Dear Mr. {l},", "Hallo {f},", "Bonjour {f},", "Good morning {f},", "hi {lf},", "Hi {f}, {g},", "Hey {f}!", "")  # fmt: skip
CLOSINGS = ("Thanks,", "Regards,", "Best regards,", "Best,", "Thanks & Regards", "Cheers", "Kind regards,", "Mit freundlichen Grüßen", "Take care,", "Sincerely,", "Thank you,", "Cordialement,", "")  # fmt: skip
TITLES = ("Systems Engineer", "Director, IT Operations", "Senior Consultant", "Data Center Manager")


@dataclass(slots=True)
class Mail:
    """A body, whose lines are what, and who is named where."""

    body: str
    identity: dict[str, str]
    names: list[tuple[str, str]] = field(default_factory=list)
    """Place and name."""
    kept: list[str] = field(default_factory=list)
    """Lines that are new words, answers included."""
    signature: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)


def mails(count: int = 600, seed: int = 5) -> Iterator[Mail]:
    r = random.Random(seed)
    for i in range(count):
        yield _mail(r, i)


def _mail(r: random.Random, number: int) -> Mail:
    sender, other = (r.choice(FIRST), r.choice(LAST)), (r.choice(FIRST), r.choice(LAST))
    third = (r.choice(FIRST), r.choice(LAST))
    while other[0] == sender[0]:
        other = (r.choice(FIRST), r.choice(LAST))
    host = r.choice(("kunde.example.org", "werk.example.com"))
    mail = Mail(
        "", {"FromName": " ".join(sender), "FromAddress": f"{sender[0][0]}{sender[1]}@{host}".lower()}
    )
    lines = [*_greeting(r, mail, other, third), *_body(r, mail)]
    if number % 3 == 0:
        lines += _answered(r, mail, other)
    lines += _ending(r, mail, sender, host)
    if number % 3 == 1:
        lines += ["", *_quoted_below(r, mail, other, third)]
    mail.body = "\n".join(lines)
    return mail


def _greeting(r: random.Random, mail: Mail, other: tuple[str, str], third: tuple[str, str]) -> list[str]:
    form = r.choice(GREETINGS)
    line = form.format(f=other[0], l=other[1], lf=other[0].lower(), g=third[0])
    if not line:
        return []
    named = [other[1]] if "{l}" in form else [other[0].lower() if "{lf}" in form else other[0]]
    mail.names += [("greeting", n) for n in named + ([third[0]] if "{g}" in form else [])]
    return [line, ""]


def _body(r: random.Random, mail: Mail) -> list[str]:
    said = r.sample(BODY, r.randint(2, 4))
    mail.kept += said
    return said if r.random() < 0.7 else [said[0], "", *said[1:]]


def _answered(r: random.Random, mail: Mail, other: tuple[str, str]) -> list[str]:
    """Quotes line by line, with answers between and below."""
    answers = [f"Answer {k}: {r.choice(BODY)}" for k in range(2)]
    mail.answers += answers
    mail.names.append(("quoted header", other[1]))
    head = r.choice(
        (
            "On Mon, Nov 4, 2024 at 8:00 AM {} <{}@x.example> wrote:",
            "Am 04.11.2024 um 08:00 schrieb {} <{}@x.example>:",
            "On 4 Nov 2024, at 08:00, {} wrote:",
        )
    )
    return [
        "",
        head.format(" ".join(other), other[0].lower()),
        f"> {r.choice(BODY)}",
        ">",
        "",
        answers[0],
        "",
        f"> {r.choice(BODY)}",
        "",
        answers[1],
    ]


def _ending(r: random.Random, mail: Mail, sender: tuple[str, str], host: str) -> list[str]:
    closing = r.choice(CLOSINGS)
    name = r.choice((sender[0], " ".join(sender), f"-{sender[0]}", f"{sender[0]} {sender[1][0]}."))
    block = [name]
    if r.random() < 0.5:
        block = [
            " ".join(sender),
            r.choice(TITLES),
            f"Phone: +1 212-555-{r.randint(1000, 9999)}",
            f"{sender[0]}.{sender[1]}@{host}".lower(),
        ]
    delimiter = ["-- "] if r.random() < 0.25 else []
    mail.names.append(("sign-off", sender[0]))
    mail.signature += [*([closing] if closing else []), *delimiter, *block]
    return ["", *([closing] if closing else []), *delimiter, *block]


def _quoted_below(r: random.Random, mail: Mail, other: tuple[str, str], third: tuple[str, str]) -> list[str]:
    """An earlier mail as Outlook, Notes and Gmail put it below, and as people paste it."""
    full, cc = " ".join(other), " ".join(third)
    mail.names += [("quoted header", other[1]), ("quoted header", third[1])]
    style = r.randint(0, 4)
    if style == 0:
        return [
            "-----Original Message-----",
            f"From: {full} ",
            "Sent: Monday, November 4, 2024 8:00 AM",
            f"To: {cc}",
            "Subject: Re: fan",
            "",
            *r.sample(BODY, 2),
        ]
    if style == 1:
        return [
            f"{full}",
            "11/04/2024 08:00 AM",
            f"To: {cc}/HOU/ECT@ECT",
            "cc: ",
            "Subject: Re: fan",
            "",
            *r.sample(BODY, 2),
        ]
    if style == 2:
        return [
            f"On 11/4/24, {full} <{other[0].lower()}@x.example> wrote:",
            f"> Hi {third[1]},",
            f"> {r.choice(BODY)}",
        ]
    if style == 3:
        return [
            f"{full} <{other[0].lower()}@x.example> on 11/04/2024 08:00:12",
            f'cc: "{third[1]}, {third[0]}" <{third[0].lower()}@y.example>',
            r.choice(BODY),
        ]
    return [
        f"From: {other[1]}, {other[0]} [mailto:{other[0].lower()}@x.example]",
        f"To: {cc}; {full}",
        "Subject: fan",
        "",
        r.choice(BODY),
    ]


@dataclass(slots=True)
class MailScore:
    names: dict[str, list[int]] = field(default_factory=dict)
    """By place: named, left."""
    signature: list[int] = field(default_factory=lambda: [0, 0, 0])
    """Signature lines cut, left; other new lines cut."""
    lines: list[int] = field(default_factory=lambda: [0, 0])
    """New lines, lost."""
    answers: list[int] = field(default_factory=lambda: [0, 0])
    """Answers, kept."""

    @property
    def f1(self) -> float:
        cut, left, wrong = self.signature
        return 2 * cut / (2 * cut + left + wrong)
