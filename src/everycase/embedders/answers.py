"""What a provider's HTTP answer means. Pure: status, headers and body in, a verdict out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

LONGEST_RETRY_AFTER_S = 3600.0

_TOO_MUCH = re.compile(
    r"tokens?[ _]per[ _]request|per request|batch[ _]size|too many (inputs|texts)|exceed_context_size|n_ctx"
    r"|(array|input list|request|body|payload|batch)[^.]{0,20}(too (large|long|big)|exceed|limit)",
    re.IGNORECASE,
)
"""All texts together are more than the provider takes at once: fewer of them are not."""

_TOO_LONG = re.compile(
    r"maximum (context|sequence|input) length|context[ _]length|context window|too long|too many tokens"
    r"|max(imum)?[ _](input[ _])?(tokens|length)|longer than|token limit|input is too large"
    r"|exceeds?[^.]{0,40}tokens",
    re.IGNORECASE,
)

_MAXIMUM = re.compile(
    r"(?:maximum|max|limit)\D{0,40}?(\d{3,7})|(\d{3,7}) tokens?,? (?:however|but)", re.IGNORECASE
)
_REQUESTED = re.compile(r"(?:requested|contains?|has|got|given|resulted in)\D{0,20}?(\d{3,7})", re.IGNORECASE)


class Meaning(StrEnum):
    ANSWERED = "answered"
    REFUSED = "refused"
    """Something about these texts."""
    TOO_MUCH = "too much"
    """The request as a whole is too large."""
    TOO_LONG = "too long"
    """A text is longer than the model takes."""
    LIMITED = "limited"
    TIMED_OUT = "timed out"
    BROKEN = "broken"
    """The provider is not well: another time."""
    WRONG_KEY = "wrong key"
    WRONG_ADDRESS = "wrong address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`keep`: which share of a text that is too long the model would take, where the provider says so."""

    meaning: Meaning
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)
    retry_after_s: float | None = None
    keep: float | None = None


def judge(answer: Answer, *, now: datetime) -> Verdict:
    """Nothing that the answer says in words leaves this function: it may quote a text."""
    status = answer.status
    if status == 200:
        payload = _json(answer)
        return (
            Verdict(meaning=Meaning.ANSWERED, payload=payload) if payload else Verdict(meaning=Meaning.BROKEN)
        )
    if status == 413:
        return Verdict(meaning=Meaning.TOO_MUCH)
    if status in (400, 422):
        return _refusal(answer)
    if status == 429:
        return Verdict(meaning=Meaning.LIMITED, retry_after_s=retry_after(answer.headers, now=now))
    if status == 408 or status == 504:
        return Verdict(meaning=Meaning.TIMED_OUT)
    if status == 503 and "retry-after" in answer.headers:
        return Verdict(meaning=Meaning.LIMITED, retry_after_s=retry_after(answer.headers, now=now))
    if status in (401, 403):
        return Verdict(meaning=Meaning.WRONG_KEY)
    if 300 <= status < 400 or status in (404, 405, 406, 410, 415):
        return Verdict(meaning=Meaning.WRONG_ADDRESS)
    return Verdict(meaning=Meaning.BROKEN)


def _json(answer: Answer) -> dict[str, Any]:
    """The body's JSON object; empty where it is none, such as a gateway's page."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(answer: Answer) -> Verdict:
    said = answer.body[:4000].decode("utf-8", "replace")
    if _TOO_MUCH.search(said):
        return Verdict(meaning=Meaning.TOO_MUCH)
    if _TOO_LONG.search(said):
        return Verdict(meaning=Meaning.TOO_LONG, keep=_share(said))
    return Verdict(meaning=Meaning.REFUSED)


def _share(said: str) -> float | None:
    """`maximum context length is 8192 tokens, however you requested 10000`: 0.82."""
    maximum, requested = _MAXIMUM.search(said), _REQUESTED.search(said)
    if not maximum or not requested:
        return None
    share = int(maximum[1] or maximum[2]) / int(requested[1])
    return share if 0 < share < 1 else None


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds, from `Retry-After` (a number or a date) or `Retry-After-Ms`; None where neither helps."""
    milliseconds, said = headers.get("retry-after-ms", ""), headers.get("retry-after", "").strip()
    seconds: float | None = None
    if _is_number(milliseconds):
        seconds = float(milliseconds) / 1000
    elif _is_number(said):
        seconds = float(said)
    elif said:
        seconds = _until(said, now)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", text) is not None


def _until(date: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    return ((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds()
