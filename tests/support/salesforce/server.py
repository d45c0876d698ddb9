"""The HTTP side of the stand-in: routes, sessions, limits, faults, and how answers are sent."""

from __future__ import annotations

import gzip
import json
import re
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.salesforce.answers import Answer, as_json, refusal
from tests.support.salesforce.bulk import Jobs
from tests.support.salesforce.describe import Descriptions, describe_all
from tests.support.salesforce.faults import Ask, Fault, Faults
from tests.support.salesforce.oauth import Door
from tests.support.salesforce.organisation import Organisation
from tests.support.salesforce.rest import Queries
from tests.support.salesforce.soql import BadQuery
from tests.support.salesforce.wrong_forms import wrong_forms

MOST_URI = 16_384
_ROUTES: tuple[tuple[str, str, Ask], ...] = (
    ("GET", r"/limits/?", Ask.LIMITS),
    ("GET", r"/sobjects/?", Ask.GLOBAL),
    ("GET", r"/sobjects/(\w+)/describe/?", Ask.DESCRIBE),
    ("GET", r"/sobjects/(\w+)/(deleted|updated)/?", Ask.DELETED),
    ("GET", r"/(query|queryAll)/?", Ask.QUERY),
    ("GET", r"/(query|queryAll)/([\w-]+)/?", Ask.MORE),
    ("POST", r"/jobs/query/?", Ask.JOB_NEW),
    ("GET", r"/jobs/query/?", Ask.JOBS),
    ("GET", r"/jobs/query/(\w+)/results/?", Ask.RESULTS),
    ("GET", r"/jobs/query/(\w+)/?", Ask.JOB),
    ("PATCH", r"/jobs/query/(\w+)/?", Ask.JOB_ABORT),
    ("DELETE", r"/jobs/query/(\w+)/?", Ask.JOB_DELETE),
)
_VERSIONS = [
    {"label": "Winter '25", "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in range(58, 66)
]


class SalesforceServer:
    """An organisation on loopback. `with SalesforceServer(organisation) as server: server.url`"""

    def __init__(
        self,
        organisation: Organisation,
        *,
        faults: Faults | None = None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.organisation = organisation
        self.faults = faults or Faults()
        self.door = Door(
            client_id="client", client_secret="secret-of-the-client", organisation_id=organisation.id
        )
        self.queries, self.jobs = Queries(organisation), Jobs(organisation)
        self.descriptions = Descriptions(organisation)
        self.used, self.daily = 0, 100_000
        self.usage_told: str | None = ""
        """What answers say of the calls that were used: the truth, always this, or (None) nothing."""
        self.asked: Counter[Ask] = Counter()
        self.rows_sent = 0
        self.soql: set[str] = set()
        """Every query that was asked."""
        self.lines: list[str] = []
        """Method and path with its query of every request, to search for what must not be there."""
        self.bends: dict[Ask, Callable[[Answer], Answer]] = {}
        """What is made of the right answers to a request."""
        self.not_there: set[Ask] = set()
        """What is asked for in vain: 404."""
        self._lock = Lock()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.front = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.host = f"localhost:{self._server.server_port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> SalesforceServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ── one request ──────────────────────────────────────────────────────────────────────────────

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What a request gets; the faults are in it."""
        parts = urlsplit(target)
        asked = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        self._note(f"{method} {target}")
        if len(target) > MOST_URI:
            return Answer(status=414, body=b"<html>URI Too Long</html>")
        if parts.path.rstrip("/") == "/services/oauth2/token" and method == "POST":
            return self._token(headers, body)
        if parts.path.rstrip("/") == "/services/data":
            self._count(Ask.VERSIONS)
            return self._spoilt(as_json(_VERSIONS), None, Ask.VERSIONS)
        found = re.fullmatch(r"(/services/data/v(\d+\.\d))(/.*)", parts.path)
        route = _route(method, found[3]) if found else None
        if found is None or route is None or route[0] in self.not_there:
            return refusal(404, "NOT_FOUND", "The requested resource does not exist")
        ask, groups = route
        self._count(ask)
        return self._guarded(ask, found[1], groups, asked, headers, body)

    def _guarded(
        self,
        ask: Ask,
        path: str,
        groups: tuple[str, ...],
        asked: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        fault = self.faults.draw(ask)
        if fault is Fault.SESSION_EXPIRES:
            self.door.expire()
        if not self.door.knows(headers.get("Authorization", "")):
            return refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
        with self._lock:
            self.used += 1
        if self.used > self.daily or fault is Fault.LIMIT_403:
            return refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        early = _EARLY.get(fault) if fault else None
        if early is not None:
            return early
        try:
            answer = self._dispatch(ask, path, groups, asked, headers, body, fault)
        except BadQuery as e:
            return refusal(400, e.code, e.message)
        return self._spoilt(answer, fault, ask)

    def _dispatch(
        self,
        ask: Ask,
        path: str,
        groups: tuple[str, ...],
        asked: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        fault: Fault | None,
    ) -> Answer:
        version = path.rpartition("v")[2]
        match ask:
            case Ask.GLOBAL:
                return describe_all(self.organisation)
            case Ask.DESCRIBE:
                return self.descriptions.describe(groups[0], headers.get("If-Modified-Since"))
            case Ask.DELETED:
                found = self.queries.deleted if groups[1] == "deleted" else self.queries.updated
                return found(groups[0], asked)
            case Ask.QUERY:
                self.soql.add(asked.get("q", ""))
                with_deleted = groups[0] == "queryAll"
                options = headers.get("Sforce-Query-Options", "")
                return self.queries.query(
                    asked.get("q", ""), path, with_deleted=with_deleted, fault=fault, options=options
                )
            case Ask.MORE:
                return self.queries.more(unquote(groups[1]), path, fault)
            case Ask.LIMITS:
                left = {"Max": self.daily, "Remaining": self.daily - self.used}
                return as_json(
                    {
                        "DailyApiRequests": left,
                        "DailyBulkV2QueryJobs": {"Max": 10000, "Remaining": 10000 - self.jobs.made},
                    }
                )
        return self._job(ask, groups, asked, body, version, fault)

    def _job(
        self,
        ask: Ask,
        groups: tuple[str, ...],
        asked: Mapping[str, str],
        body: bytes,
        version: str,
        fault: Fault | None,
    ) -> Answer:
        match ask:
            case Ask.JOB_NEW:
                content = json.loads(body)
                self.soql.add(content.get("query", ""))
                return self.jobs.create(content, version, fault)
            case Ask.JOBS:
                return self.jobs.all(version)
            case Ask.RESULTS:
                return self.jobs.results(groups[0], asked, fault)
            case Ask.JOB_ABORT:
                return self.jobs.abort(groups[0], version)
            case Ask.JOB_DELETE:
                return self.jobs.delete(groups[0])
        return self.jobs.poll(groups[0], version, fault)

    def _token(self, headers: Mapping[str, str], body: bytes) -> Answer:
        self._count(Ask.TOKEN)
        fault = self.faults.draw(Ask.TOKEN)
        if fault is Fault.BUSY_503:
            return _EARLY[fault]
        form = {k: v[0] for k, v in parse_qs(body.decode()).items()}
        granted = self.door.grant(form, headers.get("Authorization", ""), self.url)
        return self._spoilt(granted, fault, Ask.TOKEN)

    def _spoilt(self, answer: Answer, fault: Fault | None, ask: Ask) -> Answer:
        if answer.status != 200:
            return answer
        if fault is Fault.WRONG_FORM and (wrong := wrong_forms(answer)):
            answer = self.faults.choose(wrong).bend(answer)
        if ask in self.bends:
            answer = self.bends[ask](answer)
        return _spoilt(answer, fault)

    def limit_info(self) -> str | None:
        return f"api-usage={self.used}/{self.daily}" if self.usage_told == "" else self.usage_told

    def sent(self, answer: Answer) -> None:
        with self._lock:
            self.rows_sent += answer.rows

    def _count(self, ask: Ask) -> None:
        with self._lock:
            self.asked[ask] += 1

    def _note(self, line: str) -> None:
        with self._lock:
            self.lines.append(line)


_EARLY: dict[Fault, Answer] = {
    Fault.TOO_MANY_429: Answer(status=429, headers={"Retry-After": "0"}),
    Fault.BUSY_503: Answer(
        status=503, body=b"<html>Service Unavailable</html>", headers={"Retry-After": "0"}
    ),
    Fault.BUSY_420: Answer(status=420, body=b"<html>Enhance your calm</html>"),
    Fault.BODYLESS_406: Answer(status=406),
    Fault.NOT_JSON: Answer(body=b"<html>Down for maintenance</html>", headers={"Content-Type": "text/html"}),
    Fault.HANGS_UP: Answer(promises=0),
}


def _spoilt(answer: Answer, fault: Fault | None) -> Answer:
    """An answer whose body breaks off in the middle of a row, or is not the one that was made."""
    if fault is Fault.GARBLED:
        return _EARLY[Fault.NOT_JSON]
    if fault is not Fault.BROKEN_BODY:
        return answer
    cut = len(answer.body) // 2
    return Answer(body=answer.body[:cut], headers=answer.headers, promises=len(answer.body))


def _route(method: str, rest: str) -> tuple[Ask, tuple[str, ...]] | None:
    for verb, pattern, ask in _ROUTES:
        if verb == method and (found := re.fullmatch(pattern, rest)):
            return ask, found.groups()
    return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    front: SalesforceServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        front = self.server.front
        answer = front.answer(self.command, self.path, self.headers, self._body())
        if answer.promises == 0:
            self.close_connection = True
            return
        self._send(answer)
        front.sent(answer)

    do_POST = do_PATCH = do_DELETE = do_GET

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        self.send_header("Date", format_datetime(self.server.front.organisation.clock(), usegmt=True))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        usage = self.server.front.limit_info()
        if usage is not None and not self.path.rstrip("/").endswith("/services/data"):
            self.send_header("Sforce-Limit-Info", usage)
        body = answer.body
        if answer.status in (204, 304):
            self.end_headers()
            return
        if "gzip" in self.headers.get("Accept-Encoding", "") and answer.promises is None and body:
            body = answer.packed or gzip.compress(body, compresslevel=1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._send_chunks(body, is_broken=answer.promises is not None)

    def _send_chunks(self, body: bytes, *, is_broken: bool) -> None:
        if body:
            self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
        if is_broken:
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""
