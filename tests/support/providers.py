"""Stand-ins for embedding providers: real HTTP servers in processes of their own, with every fault there is.

`python -m tests.support.providers PORT PROTOCOL DIMENSIONS` serves both ways of asking; `StandIn` starts,
kills and restarts one, tells it what to do wrong, and asks it what it has seen. A vector depends on the
text, purpose and width alone, so that anybody can compute what a right one is (`vector_of`).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from tests.support import gateways

KEY = "sk-everycase-secret-4711"

PREFIXES = {"search_document: ": "search_document", "search_query: ": "search_query"}


class Fault(StrEnum):
    """What can be wrong with an answer; `STATUS` with a `status`, `DELAY` and `HANG` with `seconds`."""

    DELAY = "delay"
    HANG = "hang"
    RESET = "reset"
    STATUS = "status"
    HTML = "html"
    WRONG_COUNT = "wrong count"
    SHUFFLED = "shuffled"
    LOST_INDEX = "lost index"
    WRONG_WIDTH = "wrong width"
    NAN = "nan"
    ZERO = "zero"
    ODD_ONE = "odd one"
    """One vector of the answer is not finite."""
    TRUNCATED = "truncated"
    DRIP = "drip"


def vector_of(text: str, dimensions: int, purpose: str = "search_document") -> np.ndarray:
    """The right vector, at unit length."""
    seed = hashlib.sha256(f"{purpose} {text}".encode()).digest()
    v = np.random.default_rng(int.from_bytes(seed[:8])).standard_normal(dimensions, dtype=np.float32)
    return v / np.linalg.norm(v)


# ── the server ───────────────────────────────────────────────────────────────────────────────────


class _Mind:
    """The faults and rules that a test ordered, and the requests that came."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.lock = threading.Lock()
        self.orders: list[dict[str, Any]] = []
        self.rules: dict[str, Any] = {}
        self.rng = random.Random(1)
        self.requests: list[dict[str, Any]] = []
        self.embedded: Counter[str] = Counter()
        self.texts: dict[str, str] = {}
        self.stamps: list[float] = []

    def set(self, told: dict[str, Any]) -> None:
        """`orders`: faults, the first that fits strikes (`times`, `share`); `rules`: how it always is."""
        with self.lock:
            self.orders = told.get("orders", [])
            self.rules = told.get("rules", {})
            self.rng = random.Random(told.get("seed", 1))

    def order(self) -> dict[str, Any] | None:
        with self.lock:
            for o in self.orders:
                if o.get("times", 1) == 0 or self.rng.random() >= o.get("share", 1.0):
                    continue
                if "times" in o:
                    o["times"] -= 1
                return o
        return None

    def refusal(self, texts: list[str]) -> tuple[int, str, dict[str, str]] | None:
        """What the rules say of a request, whatever its texts are worth."""
        if (poison := self.rules.get("poison")) and any(poison in t for t in texts):
            return 400, "invalid input", {}
        if (most := self.rules.get("most_characters")) and (long := max(map(len, texts))) > most:
            said = (
                f"This model's maximum context length is {most} tokens, however you requested {long} tokens"
            )
            return 400, said, {}
        if (most := self.rules.get("most_together")) and (n := sum(map(len, texts))) > most:
            return 400, f"Requested {n} tokens, max {most} tokens per request", {}
        if (most := self.rules.get("most_texts")) and len(texts) > most:
            return 413, "payload too large", {}
        if rate := self.rules.get("per_second"):
            with self.lock:
                now = time.time()
                self.stamps = [s for s in self.stamps if s > now - 1]
                if len(self.stamps) >= rate:
                    return 429, "slow down", {"Retry-After": "1"}
                self.stamps.append(now)
        return None

    def note(self, texts: list[str], status: str) -> None:
        with self.lock:
            self.requests.append(
                {"at": time.time(), "texts": len(texts), "characters": sum(map(len, texts)), "status": status}
            )

    def note_embedded(self, texts: list[str]) -> None:
        hashes = [hashlib.sha256(t.encode()).hexdigest() for t in texts]
        with self.lock:
            self.embedded.update(hashes)
            if self.rules.get("keeps_texts"):
                self.texts.update(zip(hashes, texts, strict=True))

    def told(self) -> dict[str, Any]:
        with self.lock:
            return {
                "requests": self.requests,
                "embedded": dict(self.embedded) if len(self.embedded) < 50_000 else {},
                "texts": len(self.embedded),
                "twice": sum(n > 1 for n in self.embedded.values()),
            }

    def forget(self) -> None:
        with self.lock:
            self.requests, self.embedded, self.stamps = [], Counter(), []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mind: _Mind
    key: str
    protocol: str

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        told = self.mind.told() if self.path == "/" else self.mind.texts.get(self.path.strip("/"), "")
        self._send(200, json.dumps(told).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/told":
            self.mind.set(json.loads(body))
            self._send(200, b"{}")
        elif self.path == "/forget":
            self.mind.forget()
            self._send(200, b"{}")
        else:
            self._embed(json.loads(body))

    def _embed(self, asked: dict[str, Any]) -> None:
        is_nomic = self.path.endswith("/embedding/text")
        texts = asked["texts"] if is_nomic else asked["input"]
        path = self.mind.rules.get("path") or (
            "/v1/embedding/text" if self.protocol == "nomic" else "/v1/embeddings"
        )
        if self.path != path or is_nomic != (self.protocol == "nomic"):
            return self._refuse(texts, 404, "no such thing", {})
        header = self.mind.rules.get("key_header", "Authorization")
        if self.headers.get(header) != (f"Bearer {self.key}" if header == "Authorization" else self.key):
            return self._refuse(texts, 401, f"Incorrect API key: {self.headers.get(header)}", {})
        order = self.mind.order()
        if order and self._misbehave(order, texts):
            return None
        if refusal := gateways.refuse(asked, texts, self.mind.rules):
            self.mind.note(texts, str(refusal.status))
            return self._send(refusal.status, refusal.body, {"Content-Type": refusal.kind})
        if refused := self.mind.refusal(texts):
            return self._refuse(texts, *refused)
        self._answer(asked, texts, is_nomic, order)
        return None

    def _misbehave(self, order: dict[str, Any], texts: list[str]) -> bool:
        """Faults that need no vectors; whether that was all."""
        match order["fault"]:
            case Fault.DELAY:
                time.sleep(order["seconds"])
                return False
            case Fault.HANG:
                self.mind.note(texts, "hang")
                time.sleep(order.get("seconds", 3600))
                self.close_connection = True
                return True
            case Fault.RESET:
                self.mind.note(texts, "reset")
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
                )
                self.connection.close()
                self.close_connection = True
                return True
            case Fault.STATUS:
                self._refuse(texts, order["status"], "as told", order.get("headers", {}))
                return True
            case Fault.HTML:
                self.mind.note(texts, "html")
                self._send(200, b"<html>Bad gateway</html>", {"Content-Type": "text/html"})
                return True
        return False

    def _answer(
        self, asked: dict[str, Any], texts: list[str], is_nomic: bool, order: dict[str, Any] | None
    ) -> None:
        fault = order["fault"] if order else ""
        plain, purposes = _taken_apart(texts, asked.get("task_type"))
        width = asked.get("dimensions") or asked.get("dimensionality") or self.mind.dimensions
        vectors = [vector_of(t, width, p) for t, p in zip(plain, purposes, strict=True)]
        if fault in _SPOILERS:
            vectors = _SPOILERS[fault](vectors)
        self.mind.note(texts, fault or "ok")
        if fault in ("", Fault.DELAY, Fault.SHUFFLED, Fault.DRIP):
            self.mind.note_embedded(
                [t for t, p in zip(plain, purposes, strict=True) if p == "search_document"]
            )
        usage = {"prompt_tokens": sum(map(len, texts)) // 4, "total_tokens": sum(map(len, texts)) // 4}
        if is_nomic:
            found: dict[str, Any] = {"embeddings": [v.tolist() for v in vectors], "usage": usage}
        else:
            as_text = asked.get("encoding_format") == "base64"
            data = [
                {
                    "object": "embedding",
                    "index": i,
                    "embedding": base64.b64encode(v.astype("<f4").tobytes()).decode()
                    if as_text
                    else v.tolist(),
                }
                for i, v in enumerate(vectors)
            ]
            if self.mind.rules.get("omits_index_0"):
                del data[0]["index"]
            if fault == Fault.SHUFFLED:
                random.Random(3).shuffle(data)
            if fault == Fault.LOST_INDEX:
                for d in data:
                    d["index"] = 0
            found = {"object": "list", "data": data, "usage": usage}
        self._send(200, json.dumps(found).encode(), fault=fault)

    def _refuse(self, texts: list[str], status: int, said: str, headers: dict[str, str]) -> None:
        """Providers quote what they were sent: so does this one."""
        self.mind.note(texts, str(status))
        quoted = {"error": {"message": said, "input": texts[0][:200] if texts else ""}}
        self._send(status, json.dumps(quoted).encode(), headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, fault: str = "") -> None:
        headers = {"Content-Type": "application/json", **(headers or {})}
        if "gzip" in self.headers.get("Accept-Encoding", "") and self.mind.rules.get("gzip"):
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            if fault == Fault.TRUNCATED:
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
            elif fault == Fault.DRIP:
                for i in range(0, len(body), len(body) // 20 + 1):
                    self.wfile.write(body[i : i + len(body) // 20 + 1])
                    time.sleep(0.1)
            else:
                self.wfile.write(body)
        except OSError:
            self.close_connection = True


def _taken_apart(texts: list[str], task: str | None) -> tuple[list[str], list[str]]:
    """The texts without their prefixes, and what each is for."""
    plain, purposes = [], []
    for text in texts:
        prefix = next((p for p in PREFIXES if text.startswith(p)), "")
        plain.append(text[len(prefix) :])
        purposes.append(PREFIXES.get(prefix) or task or "search_document")
    return plain, purposes


_SPOILERS = {
    Fault.WRONG_COUNT: lambda vs: vs[:-1],
    Fault.WRONG_WIDTH: lambda vs: [v[:-1] for v in vs],
    Fault.NAN: lambda vs: [v * np.float32("nan") for v in vs],
    Fault.ZERO: lambda vs: [v * 0 for v in vs],
    Fault.ODD_ONE: lambda vs: [*vs[:-1], vs[-1] * np.float32("nan")],
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asks may go."""


def main(port: str, protocol: str, dimensions: str) -> None:
    mind = _Mind(int(dimensions))
    handler = type("Handler", (_Handler,), {"mind": mind, "key": KEY, "protocol": protocol})
    server = _Server(("127.0.0.1", int(port)), handler)
    print(server.server_port, flush=True)
    server.serve_forever(poll_interval=0.05)


# ── its handle ───────────────────────────────────────────────────────────────────────────────────


class StandIn:
    """Starts, stops and instructs a stand-in provider, and reads what it has seen."""

    def __init__(self, protocol: str, dimensions: int) -> None:
        self.protocol, self.dimensions = protocol, dimensions
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Also on the port that it had before it died."""
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.providers",
                str(self._port),
                self.protocol,
                str(self.dimensions),
            ],
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())

    def die(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def tell(self, *orders: dict[str, Any], seed: int = 1, **rules: Any) -> None:
        """From now on: these faults, in order, and these rules; nothing: be well."""
        self._post("/told", {"orders": orders, "rules": rules, "seed": seed})

    def forget(self) -> None:
        self._post("/forget", {})

    def told(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/", timeout=10) as answer:
            return json.load(answer)

    @property
    def requests(self) -> list[dict[str, Any]]:
        return self.told()["requests"]

    def statuses(self) -> Counter[str]:
        return Counter(r["status"] for r in self.requests)

    def _post(self, path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", json.dumps(body).encode())
        urllib.request.urlopen(request, timeout=10).close()


def fault(kind: Fault, **more: Any) -> dict[str, Any]:
    """An order: `times` (always, if not said), `share`, and what the fault needs."""
    return {"fault": kind.value, **more}


def text_of(url: str, text_hash: str) -> str:
    """The text of this hash that the stand-in at `url` embedded, if it keeps them; "" for another."""
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/{text_hash}") as answer:
        return json.load(answer)


@contextmanager
def standing_in(protocol: str = "openai", dimensions: int = 3072) -> Iterator[StandIn]:
    """One that lives as long as the block."""
    provider = StandIn(protocol, dimensions)
    try:
        yield provider
    finally:
        provider.die()


if __name__ == "__main__":
    main(*sys.argv[1:])
