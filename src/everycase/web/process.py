"""The process of `everycase serve`: HTTP in one thread, orders in another, the schedule in the main one."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
import uvicorn

from everycase.app import App
from everycase.domain.errors import EverycaseError, WrongUse
from everycase.operations import access, orders
from everycase.operations.work import Progress
from everycase.settings import ServeSettings
from everycase.web import oidc, server

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
"""How often the order thread looks for an order."""
END_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the service answers."""

    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def needs_sign_in(app: App, s: ServeSettings) -> bool:
    """Whether callers must say who they are: everywhere but on loopback, and there by setting.

    Raises `WrongUse` where nobody could sign in.
    """
    is_open = _is_loopback(s.host) and not s.require_tokens
    if not is_open and not s.oidc.issuer and not access.has_tokens(app):
        raise WrongUse(
            f"the service would be open to whoever reaches {s.host}, and there is no token: make one with "
            "`everycase token create NAME --role operator`"
        )
    return not is_open


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def serving(app: App, new_progress: Callable[[], Progress], stop: threading.Event) -> Iterator[Address]:
    """HTTP and orders for as long as the block lasts; the address that it answers at.

    `stop` ends a running order at its next batch; it is taken up again later. Raises `WrongUse` where the
    address is taken or open to the network without tokens.
    """
    s = app.settings.serve
    service = server.create(app, needs_sign_in=needs_sign_in(app, s), is_secure=s.https)
    oidc.add(service, s)
    http = uvicorn.Server(
        uvicorn.Config(
            service,
            host=s.host,
            port=s.port,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=int(END_WITHIN_S),
            lifespan="on",
        )
    )
    listening = _listen(s)
    threads = [
        threading.Thread(target=http.run, kwargs={"sockets": [listening]}, name="http", daemon=True),
        threading.Thread(
            target=_carry_out_orders, args=(app, new_progress, stop), name="orders", daemon=True
        ),
    ]
    for thread in threads:
        thread.start()
    try:
        yield Address(host=s.host, port=listening.getsockname()[1])
    finally:
        stop.set()
        service.state.is_ending.set()
        http.should_exit = True
        for thread in threads:
            thread.join(END_WITHIN_S)


def _listen(s: ServeSettings) -> socket.socket:
    """Raises `WrongUse` where the address is taken or is none of this machine.

    Connections inherit TCP_NODELAY. asyncio sets it only on sockets that say that they are of TCP, and those
    of `create_server` do not: the body of an answer would wait 40 ms until the client confirms the headers.
    """
    try:
        listening = socket.create_server(
            (s.host, s.port), family=socket.AF_INET6 if ":" in s.host else socket.AF_INET
        )
    except OSError as e:
        raise WrongUse(
            f"the service cannot listen on {s.host}:{s.port} ({e.strerror}): set EVERYCASE_SERVE__PORT"
        ) from None
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _carry_out_orders(app: App, new_progress: Callable[[], Progress], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            order = orders.carry_out_next(app, new_progress, stop)
        except EverycaseError as e:
            log.warning("orders_wait", reason=str(e))
            order = None
        except Exception as e:
            log.warning("orders_wait", error=type(e).__name__, exc_info=True)
            order = None
        if order is None:
            stop.wait(LOOK_EVERY_S)
