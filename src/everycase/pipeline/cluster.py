"""Batches on a Dask cluster: the executor, and what is said when scheduler or workers are lost.

Dask itself gives a batch whose worker died to another worker. What it cannot repair comes out as one of the
errors below. `distributed` is an extra (`everycase[dask]`), so it is imported when a cluster is opened.
"""

from __future__ import annotations

import concurrent.futures as cf
import importlib.util
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from everycase.domain.errors import DependencyUnreachable, WrongUse

P = ParamSpec("P")
R = TypeVar("R")

SCHEMES = ("tcp://", "tls://")
_REFRESH_S = 2.0
"""How old the number of workers may be."""
_RESULT_S = 600.0
"""How long the result of a finished call may be on its way; made again, it takes as long as the call."""
_COLLECTORS = 8
_NEWS_S = 1.0
"""Seconds by which the message that another worker died may come later than that of a batch that died."""


class SchedulerLost(cf.BrokenExecutor):
    """The connection to the scheduler was lost. It says nothing about the batch."""


class WorkersDied(cf.BrokenExecutor):
    """Several worker processes died while they had this batch, running or waiting for its turn."""

    def __init__(self, *, others_died: bool) -> None:
        super().__init__()
        self.others_died = others_died
        """Whether workers died meanwhile that did not have this batch: then it is not the only cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """How a scheduler is reached; periods in seconds."""

    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    connect_timeout_s: float = 30.0
    """Also how long a lost scheduler is waited for."""
    workers_timeout_s: float = 60.0
    """A cluster without a worker is given up after that."""


class Cluster(cf.Executor):
    """Runs calls on the workers of a Dask scheduler.

    A call that was submitted cannot be taken back: its future is never cancelled, only finished.
    """

    def __init__(self, address: str, options: ClusterOptions) -> None:
        """Raises `WrongUse` without the extra, `DependencyUnreachable` without scheduler or workers."""
        self._address, self._options = address, options
        self._client = _connect(address, options)
        self._tasks: dict[cf.Future[Any], Any] = {}
        self._deaths: list[frozenset[Any]] = []
        """For each worker that died, the keys of the tasks that it had."""
        self._collector = cf.ThreadPoolExecutor(_COLLECTORS, "everycase-collector")
        self._threads, self._counted_at = 0, 0.0
        self._populated_at = time.monotonic()
        self._client.subscribe_topic("all", self._note_death)
        try:
            self._wait_for_workers()
            self._check_versions()
        except BaseException:
            self._client.close()
            raise

    def _wait_for_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=self._options.workers_timeout_s)
        except TimeoutError:
            raise self._without_workers() from None

    def _check_versions(self) -> None:
        """Raises `WrongUse` for workers of another version, which Dask would end without a reason."""
        if others := set(self.ask_workers(version)) - {version()}:
            raise WrongUse(
                f"a Dask worker has everycase {sorted(others)[0]}, this machine {version()}: install "
                "the same version on both"
            )

    def _note_death(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Called by Dask with whatever its scheduler logs."""
        _, message = event
        if message.get("action") == "remove-worker" and not message.get("expected"):
            self._deaths.append(frozenset(message.get("processing-tasks", ())))

    @property
    def threads(self) -> int:
        """How many calls the workers can run at a time, as it was two seconds ago at the most."""
        if time.monotonic() - self._counted_at > _REFRESH_S:
            with suppress(OSError, TimeoutError):
                self._threads = sum(self._client.nthreads().values())
            self._counted_at = time.monotonic()
        return max(self._threads, 1)

    @property
    def workers(self) -> int:
        return len(self._client.nthreads())

    def check(self) -> None:
        """Raises `DependencyUnreachable` when there has been no worker for too long."""
        _ = self.threads
        if self._threads:
            self._populated_at = time.monotonic()
        elif time.monotonic() - self._populated_at > self._options.workers_timeout_s:
            raise self._without_workers()

    def ask_workers(self, question: Callable[[], R]) -> list[R]:
        """What each worker answers. Raises `WrongUse` where they cannot import everycase."""
        try:
            return list(self._client.run(question).values())
        except Exception as e:
            raise _translate(e) from None

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> cf.Future[R]:
        future: cf.Future[R] = cf.Future()
        future.set_running_or_notify_cancel()
        deaths_before = len(self._deaths)
        try:
            task = self._client.submit(fn, *args, **kwargs, pure=False)
        except Exception:  # of a client that is closing there is no other word
            raise SchedulerLost from None
        self._tasks[future] = task
        task.add_done_callback(partial(self._collect, future, deaths_before))
        return future

    def _collect(self, future: cf.Future[Any], deaths_before: int, task: Any) -> None:
        with suppress(RuntimeError):  # of a collector that is closed: nobody waits for the result any more
            self._collector.submit(self._hand_over, future, deaths_before, task)

    def _hand_over(self, future: cf.Future[Any], deaths_before: int, task: Any) -> None:
        """Pass a result on, in a thread: a result that was lost with its worker is computed again first."""
        self._tasks.pop(future, None)
        if future.done():
            return
        try:
            if task.status == "finished":
                future.set_result(task.result(timeout=_RESULT_S))
            elif task.status == "error":
                error = task.exception(timeout=_RESULT_S)
                future.set_exception(self._translate(error, task.key, deaths_before))
            else:
                future.set_exception(SchedulerLost())
        except Exception:  # the connection was lost while the result was on its way
            future.set_exception(SchedulerLost())
        task.release()

    def _translate(self, error: Exception, key: Any, deaths_before: int) -> Exception:
        """What a task raised, or what Dask says of it."""
        if type(error).__name__ != "KilledWorker":
            return _translate(error)
        time.sleep(_NEWS_S)
        return WorkersDied(others_died=any(key not in keys for keys in self._deaths[deaths_before:]))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Close the connection. Calls that have not finished raise `SchedulerLost`."""
        for future in list(self._tasks):
            if self._tasks.pop(future, None) is not None and not future.done():
                future.set_exception(SchedulerLost())
        with suppress(Exception):  # of a scheduler that is gone
            self._client.close(timeout=2 if not wait else 10)
        self._collector.shutdown(wait=False, cancel_futures=True)

    def _without_workers(self) -> DependencyUnreachable:
        return DependencyUnreachable(
            f"the Dask cluster at {self._address} has had no worker for "
            f"{self._options.workers_timeout_s:.0f} s: start workers; nothing is lost, the next run goes on"
        )


def version() -> str:
    return metadata.version("everycase")


def check_installed() -> None:
    """Raises `WrongUse` without the extra."""
    if importlib.util.find_spec("distributed") is None:
        raise WrongUse(
            "EVERYCASE_ENGINE=dask needs a package that is not installed: pip install 'everycase[dask]', "
            "here and where scheduler and workers run"
        )


def _connect(address: str, options: ClusterOptions) -> Any:
    check_installed()
    from distributed import Client  # an extra, and half a second

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is raised
    try:
        return Client(
            address,
            timeout=options.connect_timeout_s,
            set_as_default=False,
            security=_security(options),
            name="everycase",
        )
    except (OSError, TimeoutError):
        raise unreachable(address) from None
    except (RuntimeError, TypeError, ValueError) as e:
        raise WrongUse(
            f"the Dask scheduler at {address} cannot be used ({type(e).__name__}): check its address and the "
            "EVERYCASE_DASK__TLS_… files"
        ) from None


def unreachable(address: str) -> DependencyUnreachable:
    return DependencyUnreachable(
        f"the Dask scheduler at {address} does not answer: start it, or set EVERYCASE_ENGINE to another "
        "engine; nothing is lost, the next run goes on"
    )


def _security(options: ClusterOptions) -> Any:
    """None: what `distributed` itself is configured with."""
    if not options.tls_ca:
        return None
    from distributed.security import Security

    return Security(
        tls_ca_file=str(options.tls_ca),
        tls_client_cert=str(options.tls_cert),
        tls_client_key=str(options.tls_key),
        require_encryption=True,
    )


def _translate(error: Exception) -> Exception:
    """A sentence for a cluster that lacks everycase; any other error as it is."""
    if "deserialization of the task graph" in str(error):
        return _cannot_import("scheduler")
    if "No module named 'everycase" in str(error):
        return _cannot_import("workers")
    return error


def _cannot_import(who: str) -> WrongUse:
    return WrongUse(
        f"the Dask {who} cannot import everycase: install the same version there, with everycase[dask]"
    )
