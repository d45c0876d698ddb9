"""A webhook that keeps what it is sent: a real HTTP server on a free loopback port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.loopback import QuietHandler, answering


class Receiver:
    """`posts` are the JSON bodies it accepted, oldest first; `status` is what it answers."""

    def __init__(self, port: int) -> None:
        self.url = f"json://127.0.0.1:{port}/x"
        self.status = 200
        self.refused = 0
        self.posts: list[dict[str, Any]] = []

    def take(self) -> list[dict[str, Any]]:
        """What came since the last time."""
        taken, self.posts = self.posts, []
        return taken

    def titles(self) -> list[str]:
        """The titles of what came since the last time."""
        return [post["title"] for post in self.take()]

    def receive(self, body: bytes) -> int:
        if self.status == 200:
            self.posts.append(json.loads(body))
        else:
            self.refused += 1
        return self.status


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that lives as long as the block."""

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            status = receiver.receive(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with answering(Handler) as port:
        receiver = Receiver(port)
        yield receiver
