"""What a provider's HTTP answer means. Pure: status, headers and body in, a verdict out."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

LONGEST_RETRY_AFTER_S = 3600.0

PARAMETERS = ("encoding_format", "dimensions")
"""Request parameters that some gateways refuse and that can be left out."""

_SURELY_TOO_LONG = re.compile(
    r"too large to process|exceed_context_size|available context size|n_ctx\b|must have less than \d+ tokens",
    re.IGNORECASE,
)
"""llama.cpp and TEI: one text, though they speak of batches and use the status of whole requests."""

_TOO_MUCH = re.compile(
    r"tokens?[ _](per|in)[ _](the |this |one |a |each )?(request|batch)|per request|batch[ _]size"
    r"|too many (inputs|texts|items|documents)|max(imum)? number of (inputs|texts|items|documents)"
    r"|at most \d+ (requests|inputs|texts|items|documents|elements|instances)"
    r"|(array|input list|request|body|payload|batch)[^.]{0,20}(too (large|long|big)|exceed|limit)",
    re.IGNORECASE,
)
"""All texts together are more than the provider takes at once: fewer of them are not."""

_TOO_LONG = re.compile(
    r"maximum (context|sequence|input) length|context[ _]length|context window|too long|too many tokens"
    r"|max(imum)?[ _](input[ _])?(tokens|length)|longer than|token limit|input is too large"
    r"|exceeds?[^.]{0,40}tokens|at most \d+ (tokens|characters)",
    re.IGNORECASE,
)

_MAXIMUM = re.compile(
    r"(?:maximum|max|limit|less than|at most|batch size:|context size|n_ctx:?)\D{0,40}?(\d{3,7})"
    r"|(\d{3,7}) tokens?,? (?:however|but)",
    re.IGNORECASE,
)
_REQUESTED = re.compile(
    r"(?:requested|contains?|has|got|given|resulted in|n_prompt_tokens:?|(?:input|request) \()"
    r"\D{0,20}?(\d{3,7})",
    re.IGNORECASE,
)

_MOST_TEXTS = re.compile(r"(?:max(?:imum)?|at most|larger than|more than)\D{0,40}?(\d{1,4})\b", re.IGNORECASE)
_OF_TOKENS = re.compile(r"token|bytes|payload|body|characters", re.IGNORECASE)

_NO_CREDIT = re.compile(
    r"insufficient_quota|billing_hard_limit|insufficient (balance|funds|credits?)|out of credits?"
    r"|no credits? left|credit balance is too low",
    re.IGNORECASE,
)
"""Words for an account without credit. Waiting does not help, even if the status is that of a rate limit."""

_UNKNOWN_PARAMETER = re.compile(
    r"support|param|unexpected|unknown|unrecogni[sz]ed|not permitted|not allowed|extra|invalid", re.IGNORECASE
)

_QUOTED = frozenset({"input", "inputs", "text", "texts", "content", "prompt", "ctx"})
"""Where an error repeats what it was asked: not to be read as what the provider says."""


class Meaning(StrEnum):
    ANSWERED = "answered"
    REFUSED = "refused"
    """Something about these texts."""
    TOO_MUCH = "too much"
    """The request as a whole is too large."""
    TOO_LONG = "too long"
    """A text is longer than the model takes."""
    LIMITED = "limited"
    NO_CREDIT = "no credit"
    """No credit is left. The provider is not asked again until a person has acted."""
    TIMED_OUT = "timed out"
    BROKEN = "broken"
    """The provider is not well: another time."""
    WRONG_KEY = "wrong key"
    UNPAID = "unpaid"
    """402: the account must be paid for first."""
    PROXY = "proxy"
    """407: a proxy on the way wants a sign-in."""
    WRONG_ADDRESS = "wrong address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerVerdict:
    """`keep`: which share of what was too large the provider would take, where it says so."""

    meaning: Meaning
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)
    retry_after_s: float | None = None
    keep: float | None = None
    most_texts: int | None = None
    """The most texts in a request, if the provider names a number."""
    is_of_tokens: bool = False
    """A request that is too large is so by its tokens or bytes, not by the number of its texts."""
    unknown: tuple[str, ...] = ()
    """The `PARAMETERS` that the refusal names."""
    found: str = "no usable answer"
    """Status and kind of body, for messages: `502 with a web page`. Never what the body says."""


def judge(answer: Answer, *, now: datetime, parameters: Collection[str] = ()) -> AnswerVerdict:
    """What it means. Nothing that the answer says in words leaves this function: it may quote a text.

    `parameters`: those of `PARAMETERS` that the request had.
    """
    found, payload = _describe(answer), _json(answer) if answer.status == 200 else {}
    if payload and not payload.get("error"):
        return AnswerVerdict(meaning=Meaning.ANSWERED, payload=payload, found=found)
    status, said = _status(answer, payload), _said(answer)
    if status in (402, 429) and _NO_CREDIT.search(said):
        return AnswerVerdict(meaning=Meaning.NO_CREDIT, found=found)
    if status == 429 or (status == 503 and "retry-after" in answer.headers):
        return AnswerVerdict(
            meaning=Meaning.LIMITED, retry_after_s=retry_after(answer.headers, now=now), found=found
        )
    if status in (200, 400, 413, 422, 500) and (refusal := _refusal(said, found, parameters)):
        return refusal
    return AnswerVerdict(meaning=_by_status(status), found=found)


def _status(answer: Answer, payload: Mapping[str, Any]) -> int:
    """The status of an answer, or the one inside its error if a gateway answers 200 with an error."""
    error = payload.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else answer.status


def _by_status(status: int) -> Meaning:
    """What a status means where the body says nothing that is understood."""
    known = {
        400: Meaning.REFUSED,
        401: Meaning.WRONG_KEY,
        402: Meaning.UNPAID,
        403: Meaning.WRONG_KEY,
        407: Meaning.PROXY,
        408: Meaning.TIMED_OUT,
        413: Meaning.TOO_MUCH,
        422: Meaning.REFUSED,
        504: Meaning.TIMED_OUT,
    }
    is_elsewhere = 300 <= status < 400 or status in (404, 405, 406, 410, 415)
    return known.get(status, Meaning.WRONG_ADDRESS if is_elsewhere else Meaning.BROKEN)


# ── what the body says ───────────────────────────────────────────────────────────────────────────


def _json(answer: Answer) -> dict[str, Any]:
    """The body's JSON object; empty where it is none, such as a gateway's page."""
    found = _parsed(answer)
    return found if isinstance(found, dict) else {}


def _parsed(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _describe(answer: Answer) -> str:
    """`407 with a web page`: the status and the kind of body."""
    body = answer.body.lstrip()
    if not body:
        return f"{answer.status} without a body"
    parsed = _parsed(answer)
    if isinstance(parsed, dict):
        return f"{answer.status} with {'an error in JSON' if parsed.get('error') else 'JSON'}"
    if parsed is not None:
        return f"{answer.status} with JSON that is no object"
    is_page = body[:1] == b"<" or "html" in answer.headers.get("content-type", "")
    return f"{answer.status} with {'a web page' if is_page else 'text that is no JSON'}"


def _said(answer: Answer) -> str:
    """The provider's own words: without the texts that it repeats, and nothing of a web page."""
    parsed = _parsed(answer)
    if parsed is not None:
        return "; ".join(_words(parsed))[:4000]
    text = answer.body[:4000].decode("utf-8", "replace")
    return "" if text.lstrip().startswith("<") and answer.status != 413 else text


def _words(found: Any, name: str = "") -> Iterator[str]:
    if isinstance(found, dict):
        for key, value in found.items():
            if key not in _QUOTED:
                yield from _words(value, str(key))
    elif isinstance(found, list):
        for value in found:
            yield from _words(value, name)
    elif found is not None:
        yield f"{name}: {found}"


def _refusal(said: str, found: str, parameters: Collection[str]) -> AnswerVerdict | None:
    """What is wrong with the request, where the words tell; 500 is what some servers say for it."""
    if _SURELY_TOO_LONG.search(said):
        return AnswerVerdict(meaning=Meaning.TOO_LONG, keep=_share(said), found=found)
    if unknown := _unknown(said, parameters):
        return AnswerVerdict(meaning=Meaning.REFUSED, unknown=unknown, found=found)
    if _TOO_MUCH.search(said):
        return _too_much(said, found)
    if _TOO_LONG.search(said):
        return AnswerVerdict(meaning=Meaning.TOO_LONG, keep=_share(said), found=found)
    return None


def _unknown(said: str, parameters: Collection[str]) -> tuple[str, ...]:
    """The parameters that it names as unknown, unsupported or invalid."""
    if not _UNKNOWN_PARAMETER.search(said):
        return ()
    return tuple(p for p in parameters if re.search(rf"\b{p}\b", said))


def _too_much(said: str, found: str) -> AnswerVerdict:
    if _OF_TOKENS.search(said):
        return AnswerVerdict(meaning=Meaning.TOO_MUCH, keep=_share(said), is_of_tokens=True, found=found)
    most = _MOST_TEXTS.search(said)
    return AnswerVerdict(meaning=Meaning.TOO_MUCH, most_texts=int(most[1]) if most else None, found=found)


def _share(said: str) -> float | None:
    """`maximum context length is 8192 tokens, however you requested 10000`: 0.82."""
    maximum, requested = _MAXIMUM.search(said), _REQUESTED.search(said)
    if not maximum or not requested:
        return None
    share = int(maximum[1] or maximum[2]) / int(requested[1])
    return share if 0 < share < 1 else None


# ── patience ─────────────────────────────────────────────────────────────────────────────────────


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
