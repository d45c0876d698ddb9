"""CPU time of a case: ordinary cases, and texts that try to make it slow."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from benchmarks.redaction_eval.cases import case_of
from benchmarks.redaction_eval.mails import mails
from benchmarks.redaction_eval.technical import samples
from everycase.redaction.redactor import TableRedactor

WHO = {
    "ContactName": "Odalys Ferrucci",
    "ContactEmail": "odalys.ferrucci@brightmoor.example",
    "AccountName": "Brightmoor Mills Ltd",
    "ContactPhone": "+49 89 2345678",
}
LENGTH = 15_000
ATTACKS: Mapping[str, str] = {
    "combining marks out of order": "\u0316\u0301",
    "digits": "1",
    "digits and blanks": "1 ",
    "digits in threes": "123 ",
    "numbers like telephones": "0891 2345 ",
    "numbers with dashes": "089-234-",
    "dates": "2017 12 31 08 00 ",
    "registers": "00000000 1234567 ",
    "addresses": "10.1.2.3 ",
    "four numbers": "1.2.3.4.",
    "at signs": "a@",
    "mails": "a@b.example ",
    "colons": "a:",
    "brackets": "(",
    "angles": "<",
    "tags": "<p>",
    "entities": "&amp;",
    "nested entities": "&amp;amp;lt;",
    "quotes": "\n> ",
    "greetings": "Hi Ada, ",
    "closings": "Thanks, ",
    "own names": "Odalys ",
    "own names in one word": "odalys",
    "own digits": "892345678",
    "capital words": "Abc Def ",
    "lines of names": "Ada Lovelace,\n",
    "headers": "To: a, b; c\n",
    "attributions": "On Monday 4, Ada wrote:\n",
    "labels": "Engineer: Ada Lovelace\n",
    "passwords": "password: x1 ",
    "words of passwords": "password ",
    "options": " -u a -p b",
    "escapes": "%41",
    "quoted-printable": "=C3=BC",
    "mojibake": "Ã¼",
    "half mojibake": "Ã",
    "wide digits": "０",
    "letters that fold to two": "ß",
    "blanks": " ",
    "new lines": "\n",
    "dashes": "-",
    "underscores": "_",
    "backslashes": "A\\b ",
    "streets": "12 Abc Street ",
    "half streets": "Abc ",
    "placeholders": "<PERSON_1>",
    "IBAN-like": "DE89 3704 ",
    "hexadecimal": "0f ",
    "URLs": "http://a:b@c ",
    "versions": "v1.2.3-4.5 ",
    "names before verbs": "Abc Def called ",
    "names and numbers": "Abc Def (0632685973 ",
    "second numbers": "303-555-0188 or ",
}


def ordinary(count: int = 60, length: int = LENGTH) -> Iterator[str]:
    """Cases of mails, logs and support texts, mixed, of one length."""
    logs = (s.text for s in samples(10_000, seed=11))
    for mail in mails(100_000, seed=12):
        parts: list[str] = []
        size = 0
        while size < length:
            parts += [next(logs) for _ in range(4)]
            parts.append(
                mail.body
                if size == 0
                else "We replaced the part and the customer watched it for two days without a fault."
            )
            size = sum(len(p) + 2 for p in parts)
        yield "\n\n".join(parts)[:length]
        count -= 1
        if not count:
            return


def milliseconds(call: Callable[[], object], least: int = 1) -> float:
    """CPU time of the quickest of some calls."""
    times = []
    for _ in range(least):
        started = time.process_time()
        call()
        times.append((time.process_time() - started) * 1000)
    return min(times)


def case_times(redactor: TableRedactor) -> list[float]:
    texts = list(ordinary())
    for text in texts[:5]:
        redactor.redact(case_of(text, "CaseComment", WHO))
    return [milliseconds(lambda t=text: redactor.redact(case_of(t, "CaseComment", WHO)), 2) for text in texts]


def beside(
    redactor: TableRedactor, other: Callable[[str], float], count: int = 8
) -> list[tuple[float, float]]:
    """The times of everycase and of another tool for the same texts, one right after the other."""
    pairs = []
    for text in ordinary(count):
        case = case_of(text, "CaseComment", WHO)
        pairs.append((milliseconds(partial(redactor.redact, case), 2), other(text)))
    return pairs


def attack_times(redactor: TableRedactor, length: int = 30_000) -> dict[str, float]:
    """Of each attack as a comment and as a mail, the slower."""
    found = {}
    for name, piece in ATTACKS.items():
        text = "a" + piece * (length // len(piece))
        cases = [case_of(text, table, WHO) for table in ("CaseComment", "EmailMessage", "WorkOrder")]
        found[name] = max(milliseconds(partial(redactor.redact, case), 2) for case in cases)
    return found


def percentile(times: list[float], share: float) -> float:
    return statistics.quantiles(times, n=100)[round(share * 100) - 1]
