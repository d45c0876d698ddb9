"""One provider's address. Every request goes through its gate, is retried with patience, and judged.

Nothing that is logged or raised here holds a text or a key (`trouble.py`).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina
import structlog

from everycase.domain.providers import Admission, CallOutcome, Grant
from everycase.domain.usage import Usage
from everycase.embedders import trouble
from everycase.embedders.answers import PARAMETERS, Answer, AnswerVerdict, Meaning, judge
from everycase.embedders.trouble import NEEDS_PERSON, Name, Passing, PersonNeeded, Shut
from everycase.embedders.urls import authorization
from everycase.ports import ProviderGate

log = structlog.get_logger()

ATTEMPTS = 3
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 4.0
"""1, 2 and 4 s between the attempts, with jitter (contract §7)."""

CONNECT_TIMEOUT_S = 10.0
MOST_BYTES = 256 * 2**20
REMEMBER_S = 60.0
"""What a person must act upon (a wrong key, no credit) is not tried again for so long by this process."""

_LOOK_EVERY_S = 1.0
_SLACK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a request is made: how often, how long it may take, how long it may queue."""

    attempts: int = ATTEMPTS
    timeout_s: float = 60.0
    first_wait_s: float = FIRST_WAIT_S
    at_once: bool = False
    """Probe an open breaker before its time."""
    queues: bool = True
    """Whether it waits for its turn in the budget; a person's query does not, and is reckoned with."""

    @property
    def patience_s(self) -> float:
        """How long a provider may ask us to wait, before others are asked."""
        return self.timeout_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`read` makes of the payload what is wanted, or raises `ValueError` where it is no answer at all."""

    body: Mapping[str, Any]
    tokens: int
    """Estimated."""
    texts: int
    read: Callable[[Mapping[str, Any]], Any]


class Endpoint:
    """Posts JSON to one URL. Safe to use from many threads."""

    def __init__(
        self,
        *,
        provider: str,
        url: str,
        api_key: str | None,
        gate: ProviderGate,
        manners: Manners,
        setting: str,
    ) -> None:
        self.provider, self.manners = provider, manners
        self._name = Name(provider=provider, host=urlsplit(url).hostname or "(no host)", setting=setting)
        self._url, self._api_key, self._gate = url, api_key, gate
        self._obstacle: PersonNeeded | None = None
        self._obstacle_until = 0.0
        self._client: httpx.Client | None = None
        self._making = threading.Lock()

    def ask(self, request: Request, usage: Usage, manners: Manners | None = None) -> Any:
        """What `request.read` makes of the answer; `usage` is told what it took.

        Raises `Passing` after the last attempt, `Shut` without waiting, `Refused`, and `PersonNeeded`
        where a setting is wrong or no credit is left.
        """
        try:
            return self._try(request, usage, manners or self.manners)
        except PersonNeeded as e:
            usage.obstacle = str(e)
            raise
        except (Passing, Shut) as e:
            if e.is_late:
                usage.late += request.texts
            raise

    def _try(self, request: Request, usage: Usage, how: Manners) -> Any:
        for attempt in stamina.retry_context(
            on=Passing,
            attempts=how.attempts,
            timeout=None,
            wait_initial=how.first_wait_s,
            wait_max=how.first_wait_s * LONGEST_WAIT_S / FIRST_WAIT_S,
            wait_jitter=how.first_wait_s / 4,
        ):
            with attempt:
                return self._attempt(request, usage, how)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempt(self, request: Request, usage: Usage, how: Manners) -> Any:
        """One answer; a provider that asks for patience is given it, as far as it goes."""
        patience_s, asked = how.patience_s, 0
        client = self._connections()  # before our place is reserved: who is let in goes in at once
        while True:
            self._check_obstacle()
            grant = self._place(request, how, patience_s)
            verdict = self._call(client, request, usage, grant, how)
            if verdict.meaning is not Meaning.LIMITED:
                return self._settle(verdict, request, usage, grant)
            wait_s = verdict.retry_after_s
            if wait_s is None:
                wait_s = how.first_wait_s * min(2**asked, 4) * random.uniform(1, 1.25)
            self._gate.report(grant, CallOutcome.LIMITED, retry_after_s=wait_s)
            asked, patience_s = asked + 1, patience_s - max(wait_s, 0.05)
            if patience_s <= 0 or grant.admission is Admission.PROBE:
                raise trouble.limited(self._name)

    # ── the door ─────────────────────────────────────────────────────────────────────────────

    def _place(self, request: Request, how: Manners, patience_s: float) -> Grant:
        """Wait for our turn; whoever was told to wait looks again before he goes in."""
        while True:
            grant = self._gate.reserve(tokens=request.tokens, patience_s=patience_s, at_once=how.at_once)
            if grant.admission is Admission.OPEN:
                raise trouble.breaker_open(self._name, grant.trouble)
            if grant.is_held and grant.wait_s > patience_s:
                raise trouble.limited(self._name)
            if not (grant.is_held or how.queues) or self._has_waited(grant):
                return grant

    def _has_waited(self, grant: Grant) -> bool:
        """False when everybody has been asked to wait meanwhile: then the place is lost."""
        until = time.monotonic() + grant.wait_s
        while (left_s := until - time.monotonic()) > 0:
            time.sleep(min(left_s, _LOOK_EVERY_S))
            if grant.admission is Admission.PROBE:
                continue
            seen = self._gate.look()
            if seen.admission is Admission.OPEN:
                raise trouble.breaker_open(self._name, seen.trouble)
            if seen.is_held and time.monotonic() + seen.wait_s > until + _SLACK_S:
                return False
        return True

    # ── the call ─────────────────────────────────────────────────────────────────────────────

    def _call(
        self, client: httpx.Client, request: Request, usage: Usage, grant: Grant, how: Manners
    ) -> AnswerVerdict:
        started = time.monotonic()
        usage.calls += 1
        try:
            answer = _send(client, self._url, request.body, how.timeout_s)
        except (httpx.TimeoutException, TimeoutError):
            raise self._failed(Meaning.TIMED_OUT, usage, grant) from None
        except httpx.ProxyError as e:
            if not str(e).startswith(("403", "407")):
                raise self._failed(Meaning.BROKEN, usage, grant, found=type(e).__name__) from None
            return AnswerVerdict(meaning=Meaning.PROXY, found=f"{str(e)[:3]} by the proxy")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as e:
            raise self._failed(Meaning.BROKEN, usage, grant, found=type(e).__name__) from None
        except BaseException:
            self._gate.report(grant, CallOutcome.FAILED)
            raise
        finally:
            usage.seconds += time.monotonic() - started
        sent = [p for p in PARAMETERS if p in request.body]
        return judge(answer, now=datetime.now(UTC), parameters=sent)

    def _settle(self, verdict: AnswerVerdict, request: Request, usage: Usage, grant: Grant) -> Any:
        match verdict.meaning:
            case Meaning.ANSWERED:
                return self._read(verdict, request, usage, grant)
            case Meaning.REFUSED | Meaning.TOO_MUCH | Meaning.TOO_LONG:
                self._gate.report(grant, CallOutcome.ANSWERED)
                raise trouble.refused(self._name, verdict)
            case meaning if meaning in NEEDS_PERSON:
                self._gate.report(grant, CallOutcome.ANSWERED)
                raise self._remember(trouble.person_needed(self._name, verdict))
        raise self._failed(verdict.meaning, usage, grant, found=f"answered {verdict.found}")

    def _read(self, verdict: AnswerVerdict, request: Request, usage: Usage, grant: Grant) -> Any:
        usage.tokens += _tokens(verdict.payload, request.tokens)
        try:
            found = request.read(verdict.payload)
        except ValueError as e:
            self._gate.report(grant, CallOutcome.FAILED)
            raise trouble.unusable(self._name, str(e)) from None
        self._gate.report(grant, CallOutcome.ANSWERED)
        return found

    def _failed(self, meaning: Meaning, usage: Usage, grant: Grant, *, found: str = "") -> Passing:
        if meaning is Meaning.TIMED_OUT:
            usage.timeouts += 1
            self._gate.report(grant, CallOutcome.TIMED_OUT)
            return trouble.late(self._name)
        self._gate.report(grant, CallOutcome.FAILED)
        return trouble.broken(self._name, found)

    # ── what a person must act upon ──────────────────────────────────────────────────────────

    def _remember(self, obstacle: PersonNeeded) -> PersonNeeded:
        if self._obstacle is None:
            log.warning("provider_needs_person", provider=self.provider, reason=str(obstacle))
        self._obstacle, self._obstacle_until = obstacle, time.monotonic() + REMEMBER_S
        return obstacle

    def _check_obstacle(self) -> None:
        if self._obstacle and time.monotonic() < self._obstacle_until:
            raise PersonNeeded(str(self._obstacle), is_setting=self._obstacle.is_setting)

    def _connections(self) -> httpx.Client:
        """Made when the first call is: loading the certificates takes its time."""
        with self._making:
            if self._client is None:
                headers = {"User-Agent": "everycase"}
                if self._api_key:
                    headers |= authorization(self._url, self._api_key)
                limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
                self._client = httpx.Client(
                    headers=headers, limits=limits, follow_redirects=False, verify=not _is_loopback(self._url)
                )
            return self._client

    def close(self) -> None:
        if self._client:
            self._client.close()


def _is_loopback(url: str) -> bool:
    """Whether the URL is plain HTTP to this machine, for which no certificates need to be loaded."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")


def _send(client: httpx.Client, url: str, body: Mapping[str, Any], timeout_s: float) -> Answer:
    """The answer, read whole within the time-out, however slowly it drips."""
    deadline = time.monotonic() + timeout_s
    timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
    with client.stream("POST", url, json=body, timeout=timeout) as response:
        parts, size = [], 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if time.monotonic() > deadline:
                raise TimeoutError
            if size > MOST_BYTES:
                raise httpx.StreamError("an answer without end")
        headers = {k.lower(): v for k, v in response.headers.items()}
        return Answer(status=response.status_code, headers=headers, body=b"".join(parts))


def _tokens(payload: Mapping[str, Any], estimate: int) -> int:
    """As the provider counts them, where it does."""
    usage = payload.get("usage")
    found = usage.get("total_tokens", usage.get("prompt_tokens")) if isinstance(usage, dict) else None
    return found if isinstance(found, int) and found >= 0 else estimate
