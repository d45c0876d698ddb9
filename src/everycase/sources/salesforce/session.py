"""Requests to one organisation: the log-in, the waits, and what an answer must be to count as one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any

import httpx

from everycase.domain.errors import EverycaseError
from everycase.sources.salesforce.answers import Answer, UnexpectedAnswer
from everycase.sources.salesforce.errors import (
    LogInRefused,
    ReadFailure,
    SalesforceDown,
    decode,
    error_code,
    refused,
)
from everycase.sources.salesforce.grants import LoginGrant
from everycase.sources.salesforce.quota import Quota

_LATER = frozenset({406, 408, 420, 429, 500, 502, 503, 504})
_LIMITS = frozenset({"REQUEST_LIMIT_EXCEEDED", "LIMIT_EXCEEDED", "SERVER_UNAVAILABLE"})
_REFUSALS = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often one request is tried, and how long is waited between: 1, 2, 4 … seconds, with jitter."""

    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0

    def wait_s(self, attempt: int, retry_after_s: float | None) -> float:
        """`attempt` counts from 1. What `Retry-After` asks for is obeyed up to the longest wait."""
        if retry_after_s is not None:
            return min(retry_after_s, self.longest_wait_s)
        wait = min(self.first_wait_s * 2.0 ** (attempt - 1), self.longest_wait_s)
        return wait * random.uniform(0.75, 1.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """One granted session. The token is in no log, error or address."""

    token: str
    address: str
    organisation: str
    user: str
    number: int

    def __repr__(self) -> str:
        return f"LogIn(number={self.number})"


class Session:
    """Safe to use from several threads: who meets an expired session logs in once, for all."""

    def __init__(
        self,
        *,
        url: str,
        grant: LoginGrant,
        version: str,
        quota: Quota,
        timeout_s: float = 60.0,
        patience: Patience | None = None,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.url, self.version, self.quota = url, version, quota
        self._grant, self._patience = grant, patience or Patience()
        self._wait, self._clock = wait, clock
        limits = httpx.Limits(max_connections=16)
        timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, 15.0))
        self._http = httpx.Client(timeout=timeout, limits=limits, headers={"User-Agent": "everycase"})
        self._lock = Lock()
        self._log_in: LogIn | None = None
        self._refusal: LogInRefused | None = None
        self._ahead = timedelta(0)
        """By how much Salesforce's clock is ahead of ours."""
        self.broken = 0
        """Requests without an answer that says whether they were obeyed."""

    def close(self) -> None:
        self._http.close()

    @property
    def path(self) -> str:
        return f"/services/data/v{self.version}"

    def now(self) -> datetime:
        """The time at Salesforce: windows end by its clock, not by ours."""
        return self._clock() + self._ahead

    @property
    def clock_difference(self) -> timedelta:
        return self._ahead

    # ── the log-in ───────────────────────────────────────────────────────────────────────────────

    def log_in(self) -> LogIn:
        """The session that is used now. Raises `LogInRefused`, the same one for the rest of the process."""
        return self._log_in or self._renew(None)

    def _renew(self, expired: LogIn | None) -> LogIn:
        """A session that is not `expired`; whoever comes first logs in, the others take what it got."""
        with self._lock:
            if self._refusal is not None:
                raise self._refusal
            if self._log_in is None or self._log_in is expired:
                self._log_in = self._ask_for_token(expired.number + 1 if expired else 1)
            return self._log_in

    def _ask_for_token(self, number: int) -> LogIn:
        def send() -> httpx.Response:
            basic = self._grant.basic()
            form = self._grant.form(self.now())
            auth = httpx.BasicAuth(*basic) if basic else httpx.Auth()
            return self._http.post(f"{self.url}/services/oauth2/token", data=form, auth=auth)

        def ask() -> httpx.Response:
            response = self._patiently(send, "the log-in")
            if response.status_code in _REFUSALS:
                self._refusal = _log_in_refused(response)
                raise self._refusal
            if response.status_code != 200:
                raise _no_token(self.url)
            return response

        return _granted(self._json_of(ask, "the log-in"), number, self.url)

    # ── requests ─────────────────────────────────────────────────────────────────────────────────

    def request(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        is_free: bool = False,
    ) -> httpx.Response:
        """An answer below 400, or 304. `what` names the request in errors: `the query on Case`.

        `is_free`: it is made even where our share of the calls is used up, and shows whether it still is.
        Raises `QueryRefused`, `QuotaSpent`, `LogInRefused`, `SalesforceDown` or `ReadFailure`.
        """
        sent_by: list[LogIn] = []

        def send() -> httpx.Response:
            if not is_free:
                self.quota.check()
            sent_by[:] = [self.log_in()]
            known = {"Authorization": f"Bearer {sent_by[0].token}", **(headers or {})}
            address = f"{sent_by[0].address}{path}"
            response = self._http.request(method, address, params=params, json=json, headers=known)
            self.quota.note(response.headers.get("Sforce-Limit-Info"))
            return response

        for _ in range(self._patience.attempts):
            response = self._patiently(send, what)
            if response.status_code != 401:
                break
            self._renew(sent_by[0])
        if self.quota.shall_ask():
            self._ask_for_limits()
        if response.status_code >= 400:
            raise refused(response, what)
        return response

    def _ask_for_limits(self) -> None:
        """A figure of the quota, where answers tell none. Where it is not to be had, our own count holds."""
        try:
            limits = self.get_object(f"{self.path}/limits", "the limits", is_free=True)
            daily = limits.object("DailyApiRequests")
            self.quota.note_limits(most=daily.number("Max"), left=daily.number("Remaining"))
        except EverycaseError:
            return

    def get_object(
        self,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        is_free: bool = False,
    ) -> Answer:
        """The JSON object that a path answers. Raises `UnexpectedAnswer` for any other JSON."""
        return Answer(self.get_json(path, what, params=params, headers=headers, is_free=is_free), what)

    def get_json(
        self,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        is_free: bool = False,
    ) -> Any:
        """The JSON that a path answers; a body that is none is asked for again."""

        def ask() -> httpx.Response:
            return self.request("GET", path, what, params=params, headers=headers, is_free=is_free)

        return self._json_of(ask, what)

    def send_json(self, method: str, path: str, what: str, content: object) -> Answer:
        return Answer(self._json_of(lambda: self.request(method, path, what, json=content), what), what)

    def _json_of(self, ask: Callable[[], httpx.Response], what: str) -> Any:
        for attempt in range(1, self._patience.attempts + 1):
            response = ask()
            try:
                return decode(response)
            except ValueError:
                self.broken += 1
                self._pause(attempt, response)
        raise ReadFailure(f"Salesforce answered {what} with something that is not JSON, again and again")

    def _patiently(self, send: Callable[[], httpx.Response], what: str) -> httpx.Response:
        """The first answer that is not "later". Raises `SalesforceDown`, `QuotaSpent` or `ReadFailure`."""
        problem = ""
        answered = False
        response: httpx.Response | None = None
        for attempt in range(1, self._patience.attempts + 1):
            response = None
            try:
                response = send()
            except (httpx.TransportError, httpx.DecodingError) as e:
                problem = type(e).__name__
                self.broken += 1
            else:
                answered = True
                self._note_time(response)
                if not self._is_later(response):
                    return response
                problem = f"{response.status_code} {error_code(response)}".rstrip()
                self.broken += response.status_code >= 500
            if attempt < self._patience.attempts:
                self._pause(attempt, response)
        if response is not None and response.status_code == 400:
            return response  # a limit of this kind of request, for which there may be another
        if answered:
            raise ReadFailure(
                f"Salesforce put {what} off {self._patience.attempts} times ({problem}): "
                "the next run asks again"
            )
        raise SalesforceDown(
            f"{self.url} does not answer ({problem}): check EVERYCASE_SALESFORCE__URL and the network"
        )

    def _pause(self, attempt: int, response: httpx.Response | None) -> None:
        asked = response.headers.get("Retry-After") if response is not None else None
        self._wait(self._patience.wait_s(attempt, retry_after_s(asked, self.now())))

    def _is_later(self, response: httpx.Response) -> bool:
        if response.status_code in _LATER:
            return error_code(response) not in ("QUERY_TIMEOUT",)
        if response.status_code not in (400, 403) or error_code(response) not in _LIMITS:
            return False
        if self.quota.is_spent:
            raise self.quota.spent()
        return True

    def _note_time(self, response: httpx.Response) -> None:
        try:
            said = parsedate_to_datetime(response.headers.get("Date", ""))
        except (TypeError, ValueError):
            return
        if said.tzinfo is not None:
            ahead = said - self._clock()
            # The header has whole seconds, so that less than two of difference is none.
            self._ahead = ahead if abs(ahead) >= timedelta(seconds=2) else timedelta(0)


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """The seconds that `Retry-After` asks for, be it a number or a date; None where it is neither."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return max((until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds(), 0.0)


def _log_in_refused(response: httpx.Response) -> LogInRefused:
    reason = refused(response, "the log-in")
    return LogInRefused(
        f"{reason}: check the External Client App, its user and EVERYCASE_SALESFORCE__CLIENT_ID; it is not "
        "tried again before everycase starts anew (docs/salesforce.md)"
    )


def _no_token(url: str) -> ReadFailure:
    return ReadFailure(
        f"the log-in at {url} was answered without a token: "
        "is EVERYCASE_SALESFORCE__URL the My Domain address?"
    )


def _granted(body: Any, number: int, url: str) -> LogIn:
    try:
        answer = Answer(body, "the log-in")
        token, address = answer.text("access_token"), answer.optional_text("instance_url") or url
        who = answer.optional_text("id")
    except UnexpectedAnswer:
        raise _no_token(url) from None
    if not (token.isascii() and token.isprintable() and _is_address(address)):
        raise _no_token(url)
    ids = who.rstrip("/").split("/")[-2:]
    organisation, user = ids if len(ids) == 2 else ("", "")
    return LogIn(
        token=token, address=address.rstrip("/"), organisation=organisation, user=user, number=number
    )


def _is_address(text: str) -> bool:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return url.scheme in ("http", "https") and bool(url.host)
