"""Cells as text of one canonical form: ids, moments and flags, however a tool wrote them.

The same value differs by API and by tool (`…000Z` and `…+0000`, 15 and 18 characters of one id, `1.0` and
`true`); what leaves here is equal when the meaning is equal, so that hashes agree (docs/facts.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from string import ascii_letters, digits
from typing import NamedTuple

from everycase.domain.errors import EverycaseError

NULL_WORDS = frozenset({"null", "none", "nil", "nan", "nat", "#n/a", "n/a", "<na>", "\\n", "(null)"})
"""What tools write for nothing. Blank in a column that cannot hold such a word; text in a text."""

_CAPITALS = str.maketrans({c: "1" if c.isupper() else "0" for c in ascii_letters + digits})
_SUFFIX = {f"{n:05b}"[::-1]: c for n, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345")}
"""By which of five letters are capitals, the first one counting least."""
_BITS = {c: bits for bits, c in _SUFFIX.items()}

_TRUE = frozenset("true t 1 1.0 yes y on wahr ja vrai oui verdadero sí si vero sim x".split())
_FALSE = frozenset("false f 0 0.0 no n off falsch nein faux non falso não".split())


class MalformedRow(EverycaseError):
    """A row cannot be read as a record. The message names the column, never the value."""

    def __init__(self, message: str, *, record_id: str | None = None) -> None:
        super().__init__(message)
        self.record_id = record_id


def is_null(text: str) -> bool:
    """Whether a stripped cell says nothing: it is blank, or one of the words for it."""
    return not text or (len(text) <= 6 and text.lower() in NULL_WORDS)


# ── ids ──────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=8192)
def long_id(value: str) -> str:
    """An 18-character id of a 15- or 18-character one. Raises `MalformedRow` for anything else.

    The suffix is computed from the first 15 characters, as tools may write it in another case. Where a tool
    wrote all of an id in one case, the suffix says which letters are capitals.
    """
    if not is_id(value):
        raise MalformedRow("is not a 15- or 18-character Salesforce id")
    bare = value[:15]
    found = bare + _suffix(bare)
    if found != value and len(value) == 18 and (bare == bare.lower() or bare == bare.upper()):
        restored = _restored(bare, value[15:].upper()) or bare
        return restored + _suffix(restored)
    return found


def long_ids(column: Sequence[str]) -> list[str]:
    """`long_id` of many cells, of which most are as they should be. Raises `MalformedRow`."""
    joined = "".join(column)
    if not (joined.isascii() and joined.isalnum()) or set(map(len, column)) != {18}:
        return [long_id(t) for t in column]
    capitals = joined.translate(_CAPITALS)
    return [
        t if t[15:] == _suffix_of(capitals[n : n + 15]) and not t[:3].isalpha() else long_id(t)
        for n, t in zip(range(0, len(joined), 18), column, strict=True)
    ]


def _suffix(bare: str) -> str:
    return _suffix_of(bare.translate(_CAPITALS))


@lru_cache(maxsize=4096)
def _suffix_of(capitals: str) -> str:
    """`capitals`: 15 digits, 1 for each letter that is a capital."""
    return _SUFFIX[capitals[:5]] + _SUFFIX[capitals[5:10]] + _SUFFIX[capitals[10:]]


def _restored(bare: str, suffix: str) -> str | None:
    """The id whose letters are capitals where the suffix says so; None where it cannot say that."""
    bits = "".join(_BITS.get(c, "") for c in suffix)
    if len(bits) != 15 or any(b == "1" and not c.isalpha() for b, c in zip(bits, bare, strict=True)):
        return None
    return "".join(c.upper() if b == "1" else c.lower() for b, c in zip(bits, bare, strict=True))


def optional_id(value: str) -> str | None:
    """The id in a cell; None where it is blank, a word for nothing, or the id of nothing."""
    text = value.strip()
    if is_null(text) or not text.strip("0") or text[:15] == "0" * 15:
        return None
    return long_id(text)


def is_id(value: str) -> bool:
    """15 or 18 letters and digits, with a digit among the first three, as every key prefix has."""
    return len(value) in (15, 18) and value.isascii() and value.isalnum() and not value[:3].isalpha()


# ── moments ──────────────────────────────────────────────────────────────────────────────────────


class DateOrder(StrEnum):
    """What `1/5/2026` means: a setting, since no file says it."""

    UNKNOWN = ""
    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


class Moment(NamedTuple):
    """A moment and its one text form, as `iso` writes it."""

    when: datetime
    text: str


_PLAIN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.000)?(?:Z|\+0000|\+00:00)", re.ASCII)
"""As Salesforce writes whole seconds: by far the most dates."""
_EPOCH = re.compile(r"-?[0-9]{9,19}(?:\.[0-9]{1,9})?\Z")
_EPOCH_UNITS = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}
_ZONE_NAME = re.compile(r"\s*(?:UTC|GMT)\Z", re.IGNORECASE)
_PARTED = re.compile(
    r"(?P<a>\d{1,4})(?P<sep>[/.\-])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{2,4})"
    r"(?:,?[ T]+(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:\.\d{1,9})?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?\Z"
)
NO_DATE = "is not a date that can be read"
WHICH_ORDER = "set EVERYCASE_DATES to dmy (5 January is 5/1) or mdy (5 January is 1/5)"
NO_ORDER = f"is a date like 1/5/2026, as spreadsheets write it, which can mean two days: {WHICH_ORDER}"


def plain_moment(value: str) -> Moment | None:
    """Both forms of a date that is written as Salesforce writes whole seconds, else None.

    Raises `MalformedRow` for an impossible date.
    """
    if not (plain := _PLAIN.fullmatch(value)):
        return None
    text = plain[1]
    try:
        when = datetime.fromisoformat(f"{text}+00:00")
    except ValueError:
        raise MalformedRow(NO_DATE) from None
    return Moment(when, f"{text}Z") if 1900 <= when.year <= 9000 else None


@lru_cache(maxsize=8192)
def read_moment(value: str, order: DateOrder = DateOrder.UNKNOWN) -> Moment:
    """Both forms of a date at once: a file has the same few again and again.

    ISO 8601 in its forms, with a blank for T, with `UTC` behind it; seconds, milli-, micro- or nanoseconds
    since 1970; dates with slashes, dots or hyphens, whose `order` must be known where they do not tell.
    Without a zone it is GMT. Raises `MalformedRow`, for impossible dates too.
    """
    if plain := plain_moment(value):
        return plain
    text = _ZONE_NAME.sub("", value)
    try:
        found = _from_iso(text) or _from_parts(text, order)
    except (ValueError, OverflowError, OSError):
        raise MalformedRow(NO_DATE) from None
    if not 1900 <= found.year <= 9000:
        raise MalformedRow(NO_DATE)
    when = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return Moment(when, iso(when))


def moment(value: str) -> datetime:
    """The moment of a text, in UTC. Raises `MalformedRow`."""
    return read_moment(value).when


def _from_iso(text: str) -> datetime | None:
    if len(text) == 14 and text.isdigit() and text[:2] in ("19", "20"):
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    if _EPOCH.match(text):
        whole = text.partition(".")[0].lstrip("-")
        unit = _EPOCH_UNITS.get(len(whole)) or (10**3 if len(whole) > 10 else 1)
        return datetime.fromtimestamp(float(text) / unit, tz=UTC)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _from_parts(text: str, order: DateOrder) -> datetime:
    found = _PARTED.match(text)
    if not found:
        return _from_words(text)
    a, b, c = (int(found[n]) for n in "abc")
    year, month, day = (a, b, c) if len(found["a"]) == 4 else _arranged(a, b, c, found["sep"], order)
    hour = int(found["h"] or 0)
    if half := (found["half"] or "").lower()[:1]:
        hour = hour % 12 + (12 if half == "p" else 0)
    return datetime(year, month, day, hour, int(found["m"] or 0), int(found["s"] or 0))


def _arranged(a: int, b: int, c: int, separator: str, order: DateOrder) -> tuple[int, int, int]:
    """Year, month and day. Dots part days from months; else a part over 12 is the day."""
    year = c if c > 99 else 2000 + c
    if separator == "." or a > 12 or a == b:
        return year, b, a
    if b > 12:
        return year, a, b
    if order is DateOrder.UNKNOWN:
        raise MalformedRow(NO_ORDER)
    return (year, b, a) if order is DateOrder.DAY_FIRST else (year, a, b)


def _from_words(text: str) -> datetime:
    """`5 Jan 2026 10:00`, `Jan 5, 2026`, `05-Jan-2026`, `Mon, 5 Jan 2026 10:00:00`."""
    plain = re.sub(r"\A[A-Za-z]{3,9},?\s+(?=\d|[A-Za-z])", "", text) if text[:3].title() in _DAYS else text
    plain = " ".join(re.sub(r"[,\-]", " ", plain).split())
    for form in _WORD_FORMS:
        try:
            return datetime.strptime(plain, form)
        except ValueError:
            continue
    raise MalformedRow(NO_DATE)


_DAYS = frozenset("Mon Tue Wed Thu Fri Sat Sun".split())
_WORD_FORMS = [
    f"{day}{clock}"
    for day in ("%d %b %Y", "%b %d %Y", "%d %B %Y", "%B %d %Y")
    for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
]


def tells_order(value: str) -> DateOrder:
    """What a date with slashes says about its order: only a day over 12 says something."""
    found = _PARTED.match(value.strip())
    if not found or len(found["a"]) == 4 or found["sep"] == ".":
        return DateOrder.UNKNOWN
    a, b = int(found["a"]), int(found["b"])
    if (a > 12) == (b > 12):
        return DateOrder.UNKNOWN
    return DateOrder.DAY_FIRST if a > 12 else DateOrder.MONTH_FIRST


def is_ambiguous(value: str) -> bool:
    """Whether a date can mean two days."""
    try:
        read_moment(value)
    except MalformedRow as e:
        return str(e) == NO_ORDER
    return False


def iso(when: datetime) -> str:
    """The one text form of a moment: `2017-12-31T23:59:59Z`, with milliseconds only where there are any."""
    utc = when if when.tzinfo is UTC else when.astimezone(UTC)
    spec = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=spec).removesuffix("+00:00") + "Z"


# ── flags ────────────────────────────────────────────────────────────────────────────────────────


def flag(value: str) -> bool:
    """True or false, in the words of warehouses and spreadsheets; blank is false."""
    lowered = value.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE or is_null(lowered):
        return False
    raise MalformedRow("is neither true nor false")
