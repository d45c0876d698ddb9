"""What Salesforce answers when it does not answer, as types with a sentence each.

Texts of Salesforce are cut and stripped of quoted values: a query's literal is a value.
"""

from __future__ import annotations

import re
from typing import Any

import httpx

from everycase.domain.errors import DependencyUnreachable, EverycaseError, WrongUse
from everycase.domain.failures import ErrorType

_SAYS = (
    re.compile(r"sObject type '(?P<name>[^']+)' is not supported"),
    re.compile(r"No such column '(?P<name>[^']+)' on entity '(?P<owner>[^']+)'"),
    re.compile(r"No such relation '(?P<name>[^']+)'"),
    re.compile(r"Didn't understand relationship '(?P<name>[^']+)'"),
    re.compile(r"Entity '(?P<name>[^']+)' is not supported"),
)
_LONGEST = 200


class LogInRefused(WrongUse):
    """Salesforce refused the log-in."""


class SalesforceDown(DependencyUnreachable):
    """Salesforce does not answer."""


class ReadFailure(EverycaseError):
    """A read ended before its end. Its proof says so; nothing is concluded from it."""

    error_type = ErrorType.SOURCE_UNAVAILABLE


class QuotaSpent(ReadFailure):
    """The organisation's daily calls are used up to our share."""

    error_type = ErrorType.SOURCE_RATE_LIMITED


class QueryRefused(ReadFailure):
    """Salesforce understood the request and refused it."""

    def __init__(self, message: str, *, code: str, status: int, name: str = "", owner: str = "") -> None:
        super().__init__(message)
        self.code, self.status = code, status
        self.name, self.owner = name, owner
        """The field or object that the refusal is about, where it names one."""


class PageBroken(ReadFailure):
    """A page did not hold what it announced."""


def refused(response: httpx.Response, what: str) -> QueryRefused:
    """The refusal that an answer holds: the API writes a list, OAuth an object."""
    code, text = _said(response)
    found = next((m for pattern in _SAYS if (m := pattern.search(text))), None)
    named = found.groupdict() if found else {}
    sentence = " ".join((found[0] if found else last_line(text)).split())[:_LONGEST]
    return QueryRefused(
        f"Salesforce refused {what}: {code or response.status_code} {sentence}".rstrip(),
        code=code,
        status=response.status_code,
        name=named.get("name", ""),
        owner=named.get("owner") or "",
    )


def error_code(response: httpx.Response) -> str:
    """`REQUEST_LIMIT_EXCEEDED`; empty where the body is none that Salesforce writes."""
    return _said(response)[0]


def decode(response: httpx.Response) -> Any:
    """The JSON of an answer. Raises `ValueError` for a body that is none."""
    try:
        return response.json()
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None


def _said(response: httpx.Response) -> tuple[str, str]:
    try:
        body = decode(response)
    except ValueError:
        return "", ""
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return "", ""
    code = first.get("errorCode") or first.get("error") or ""
    return str(code), str(first.get("message") or first.get("error_description") or "")


def last_line(text: str) -> str:
    """The sentence at the end of a message that quotes the query above it; quoted values are left out."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return re.sub(r"'[^']*'", "'…'", lines[-1]) if lines else ""
