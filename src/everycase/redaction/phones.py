"""Telephone numbers: by how they are written, by the word before them, by the plans of countries.

A candidate is a run of digits and signs in one of the forms in which people write numbers. Inside a
technical token it is none. Only forms that leave it open are asked of `phonenumbers`, within a budget.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from functools import cache, lru_cache

import phonenumbers

from everycase.redaction.beside import has_name_before
from everycase.redaction.matching import Alternatives, Scanned
from everycase.redaction.spans import Cover, Label, Span
from everycase.redaction.words import phrases, words

_REGIONS = (
    "US",
    "GB",
    "DE",
    "FR",
    "IN",
    "AU",
    "ES",
    "IT",
    "NL",
    "CH",
    "SE",
    "JP",
    "BR",
    "FI",
    "BE",
    "ZA",
    "DK",
    "PL",
)
_BETWEEN = r"[ \t\x{a0}().\-/\x{b7}\x{2022}]"
_EXTENSION = r"(?:[ \t]{0,2}[,;]?[ \t]{0,2}(?i:ext|extension|x|durchwahl|dw)\.?[ \t]{0,2}\d{1,6})?"
_CANDIDATES = Alternatives({"phone": rf"\+?\(?\+?\d(?:{_BETWEEN}{{0,3}}\d){{5,}}{_EXTENSION}"})
_LOOK_BACK = 40
_MOST_ASKED = 400
"""Candidates of one text that are asked of the plans; the others go as if a plan had confirmed them."""

_SAID_AFTER = re.compile(
    r"[ \-,;:\\/]*(?=[(cdfhmoptw])(?:office|fax|mobile|cell|home|desk|direct|work|phone|tel|mob|"
    r"\((?:(?:mobile|office|cell|work|home|fax|direct|desk|[mowhfc])\)))",
    re.IGNORECASE,
)


def phone_spans(scanned: Scanned, kept: Cover, *, strict: bool = False) -> Iterator[Span]:
    """Every number that is a telephone's. `strict`: every candidate, confirmed or not."""
    budget, reach = _MOST_ASKED, -_LONGEST
    text = scanned.text
    for first, last in _CANDIDATES.places(scanned):
        if strict:
            yield _span(text, first, last)
            continue
        covered = kept.count(first, last)
        if covered and last - first <= _LONGEST and " " not in text[first:last]:
            continue
        if not covered or (last - first - covered >= _FEWEST and _has_room(text, kept, first, last)):
            is_second = first - reach <= _WIDEST_JOIN and _ANOTHER.fullmatch(text, reach, first) is not None
            for start, end in _numbers(text, first, last, is_asked=budget > 0, is_second=is_second):
                if not (covered and kept.touches(start, end)):
                    yield _span(text, start, end)
                    reach = end
        budget -= 1


def _has_room(text: str, kept: Cover, first: int, last: int) -> bool:
    """Whether a number fits beside the technical tokens."""
    return any(
        end - start >= _FEWEST and len("".join(_GROUP.findall(text, start, end))) >= _FEWEST
        for start, end in kept.gaps(first, last)
    )


def _span(text: str, start: int, end: int) -> Span:
    """A bracket that is opened and not closed does not belong to the number."""
    if text[start] == "(" and text.count("(", start, end) > text.count(")", start, end):
        start += 1
    digits = "".join(_GROUP.findall(_number_of(text[start:end])))
    return Span(start, end, Label.PHONE, digits[-9:], "phone number")


def _numbers(
    text: str, start: int, end: int, *, is_asked: bool, is_second: bool
) -> Iterator[tuple[int, int]]:
    """The telephone numbers of a run of digits and signs: all of it, or stretches between its blanks.

    `is_second`: it stands behind a telephone number and a comma or `or`.
    """
    said = is_second or _is_said(text, start)
    if end - start <= _LONGEST and _is_phone(text, start, end, said=said, is_asked=is_asked):
        yield start, end
        return
    if end - start <= _LONGEST and _BLANKS.isdisjoint(text[start:end]):
        return
    words_ = [m.span() for m in _WORD.finditer(text, start, end)]
    if len(words_) < 2:
        return
    digits = [len("".join(_GROUP.findall(text, *span))) for span in words_]
    most = _MOST_DIGITS if _EXTENDED.search(text, start, end) is None else sum(digits)
    at = 0
    while at < len(words_):
        taken = 0
        said = said if at == 0 else _is_said(text, words_[at][0])
        for count, stop in _stretches(text, words_, digits[at : at + _MOST_GROUPS], at):
            if sum(digits[at : at + count]) <= most and _is_phone(
                text, words_[at][0], stop, said=said, is_asked=is_asked
            ):
                yield words_[at][0], stop
                taken = count
                break
        at += taken or 1


def _stretches(
    text: str, words_: list[tuple[int, int]], digits: list[int], at: int
) -> Iterator[tuple[int, int]]:
    """How many words from `at` on may be one number, and where they end, the longest first.

    In long rows only what has the signs of a number is looked at. `digits`: of the words from `at` on.
    """
    start, stop = words_[at]
    if len(words_) > _MOST_WORDS and (
        _SIGNS.isdisjoint(text[start:stop]) or _ADDRESS.fullmatch(text, start, stop)
    ):
        return
    for count in range(len(digits), 0, -1):
        stop = words_[at + count - 1][1]
        if stop - start <= _WIDEST and sum(digits[:count]) >= _FEWEST:
            yield count, stop


_WORD = re.compile(r"[^ \t\xa0]+")
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_BLANKS = frozenset(" \t\xa0")
_SIGNS = frozenset("+(-./")
_FEWEST = 6
_MOST_DIGITS = 17
_MOST_GROUPS = 6
_WIDEST = 24
_LONGEST = 40
_MOST_WORDS = 8
_WIDEST_JOIN = 8


_GROUP = re.compile(r"[0-9]+")
_EXTENDED = re.compile(r"[^0-9 \t\xa0()+.\-/\xb7\u2022]")


def _number_of(shape: str) -> str:
    """The shape without its extension."""
    return shape if not (found := _EXTENDED.search(shape)) else shape[: found.start()]


def _is_phone(text: str, start: int, end: int, *, said: bool, is_asked: bool) -> bool:
    """Whether one number in one of the forms stands there: most rows of digits begin like none.

    `said`: a word in front says that it is one. `is_asked`: of the plans too.
    """
    is_named = said or _SAID_AFTER.match(text, end, end + 12) is not None
    if not is_named and _LIKE_NUMBER.match(text, start, end) is None:
        if end - start < _SHORTEST or not _is_one_of_somebody(text, start, end):
            return False
        is_named = True
    shape = text[start:end]
    number = shape if shape.isdigit() else _number_of(shape)
    groups = _GROUP.findall(number)
    digits = "".join(groups)
    if not _FEWEST <= len(digits) <= _MOST_DIGITS or len(set(digits)) < 3 or "\t\t" in shape:
        return False
    is_signed = number[0] == "+" or number.lstrip("(")[0] == "+"
    lengths = [len(g) for g in groups]
    if lengths == [3, 2, 4] and not is_signed:
        return False
    if _is_inside(text, start, end):
        return False
    if is_signed:
        return 8 <= len(digits) <= 15 and digits[0] != "0"
    if is_named:
        is_path = "/" in number[3:-3].replace(" / ", "") and not _AREA.match(number)
        return not is_path and not _is_series(text, start, end)
    if len(digits) < 9:
        return False
    if has_name_before(text, start) and _is_dialled(digits, _REGIONS):
        return True
    if len(digits) == len(number) or _is_numbered(text, start):
        return False
    return _is_written_as_number(text, start, end, number, lengths, is_asked=is_asked)


def _is_one_of_somebody(text: str, start: int, end: int) -> bool:
    """Whether a number in no form of its own is written as in Spain, or stands behind a full name."""
    if end - start > _WIDEST:
        return False
    if text[start] in "6789" and _IBERIAN.fullmatch(text, start, end):
        is_free = not (_is_series(text, start, end) or _is_numbered(text, start))
        return is_free and _is_valid("".join(_GROUP.findall(text, start, end)), "ES")
    if text[start - 1 : start] not in (" ", "(") or not has_name_before(text, start):
        return False
    if _is_numbered(text, start):
        return False
    digits = "".join(_GROUP.findall(text, start, end))
    return 8 <= len(digits) <= 12 and not _is_series(text, start, end) and _is_dialled(digits, _REGIONS)


_SHORTEST = 8
_IBERIAN = re.compile(
    r"[6-9][0-9]([ .-])[0-9]{3}\1[0-9]{2}\1[0-9]{2}|[6-9][0-9]{2}([ .-])[0-9]{2}\2[0-9]{2}\2[0-9]{2}"
)
"""`91 123 45 67`, `655 44 33 22`: groups that nothing else is written in."""
_ANOTHER = re.compile(r"[ ]?(?:[,;/]|[ ](?:o|ó|u|or|ou|oder|y|e|i|lub|und|and|of|bzw\.))[ ]{1,2}")
"""Between two numbers of somebody."""


def _is_numbered(text: str, start: int) -> bool:
    """Whether a word in front says what else the number is: an order, a part, a case."""
    before = text[max(0, start - _LOOK_BACK) : start].rstrip(_LEAD_SIGNS).lower()
    word = before[len(before.rstrip(_LETTER_SIGNS)) :]
    if word in ("no", "nr", "number", "nummer", "num"):
        before = before.removesuffix(word).rstrip(" .-")
        word = before[len(before.rstrip(_LETTER_SIGNS)) :]
    return word in words("number_words")


_LIKE_NUMBER = re.compile(r"[+(0]|(?:[0-9]{1,3}[^0-9]+)?[0-9]{3}[^0-9]+[0-9]{3}[^0-9]+[0-9]{4}")


def _is_written_as_number(
    text: str, start: int, end: int, number: str, groups: list[int], *, is_asked: bool
) -> bool:
    """In the groups of America or Europe, and no part of a row of numbers."""
    if _is_american(number, groups):
        return "-" in number or "(" in number or not _is_series(text, start, end)
    if not _is_european(number, groups) or _is_series(text, start, end):
        return False
    return not is_asked or _is_dialled(number, _REGIONS)


def _is_inside(text: str, start: int, end: int) -> bool:
    """Whether letters, or signs of a longer number or a path, touch it: `blk_12…`, `1.2…`, `a/12…`."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if before.isalnum() and text[start] != "+":
        return True
    if before in "._-/:\\=#$%&*<>^|~" and before and text[start - 2 : start - 1].isalnum():
        return before not in ":=#-/>" or text[start - 2 : start - 1].isdigit()
    return after.isalnum() or (after in "._:/%" and text[end + 1 : end + 2].isalnum() and after != ".")


def _is_said(text: str, start: int) -> bool:
    """Whether a word or phrase in front says that it is a telephone number."""
    near = text[max(0, start - _MOST_SIGNS - 1) : start].rstrip(_LEAD_SIGNS)
    return near[-1:].lower() in _LETTERS and _is_said_before(text[max(0, start - _LOOK_BACK) : start])


@lru_cache(maxsize=256)
def _is_said_before(before: str) -> bool:
    """Lines of a log have the same words in front of their numbers."""
    said = before.lower().rstrip(_LEAD_SIGNS)
    if said[-1:] not in _LETTERS or len(before) > len(said) + _MOST_SIGNS:
        return False
    word = said[len(said.rstrip(_LETTER_SIGNS)) :]
    if len(word) < 2:
        return (
            word in words("phone_words")
            and before.rstrip(" \t").endswith((":", ".", "="))
            and not (said[-2:-1].isalnum() or said[-2:-1] in ("'", "’"))
        )
    return word in words("phone_words") or said.endswith(_phrases())


_AREA = re.compile(r"\(?0[0-9]{1,5}\)?/[0-9][^/]*\Z")
"""`0171/1234567`: one slash behind a trunk zero and an area code."""
_LEAD_SIGNS = " \t\n.:=(#-+*\"'>["
_MOST_SIGNS = 6
"""Signs and blanks between the word and its number."""
_LETTER_SIGNS = string.ascii_lowercase + "éóíäöüáñçåøłąęćńśźżіиелфнобмыт電话電手机携帯전화"
_LETTERS = frozenset(_LETTER_SIGNS)


@cache
def _phrases() -> tuple[str, ...]:
    return tuple(phrases("phone_phrases"))


def _is_american(number: str, groups: list[int]) -> bool:
    """(555) 010-0199, 555-010-0199, 555.010.0199, 1 555 010 0199."""
    if groups[-3:] == [3, 3, 4] and len(groups) <= 4:
        signs = {c for c in number if not c.isdigit()}
        lead = groups[:-3]
        is_even = "-" in signs or "(" in signs or signs in ({"."}, {" "})
        return is_even and (not lead or (lead[0] <= 3 and number.lstrip("(")[0] in "01"))
    return groups in ([3, 7], [1, 3, 7], [6, 4]) and number[0] == "("


def _is_european(number: str, groups: list[int]) -> bool:
    """030 123 45 67, 01.23.45.67.89, 089/2345678: a trunk zero, and groups."""
    if number.lstrip("(")[0] != "0" or not 2 <= len(groups) <= 6 or not all(2 <= g <= 8 for g in groups):
        return False
    if "." in number:
        return groups == [2, 2, 2, 2, 2] and number[1] != "0"
    return number.lstrip("(")[1] != "0" or groups[0] >= 3


_REGISTER = re.compile(r"(?:\A|[^0-9A-Za-z])0[xX][0-9A-Fa-f]{1,16}[ \t]{1,4}\Z")


def _is_series(text: str, start: int, end: int) -> bool:
    """Whether more numbers stand in the same row: columns of a table, registers, sizes."""
    before, after = text[max(0, start - 16) : start], text[end : end + 16]
    if _REGISTER.search(before):
        return True
    left = before.rstrip(" \t,|")[-1:].isdigit() and before != before.rstrip(" \t,|")
    right = after.lstrip(" \t,|")[:1].isdigit() and after != after.lstrip(" \t,|") and "\n" not in after[:2]
    return left and right


@lru_cache(maxsize=8192)
def _is_dialled(number: str, regions: tuple[str, ...]) -> bool:
    """Whether the plan of one of the regions has it."""
    if number.startswith("00"):
        return _is_valid("+" + number[2:], None)
    return any(_is_valid(number, region) for region in regions)


def _is_valid(number: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False
