"""The executors that batches run on: in the caller's thread, in threads, in processes.

None of them outlives its run. A thread here never keeps the process from exiting, and a worker process
ends within a second of its parent's death.
"""

from __future__ import annotations

import concurrent.futures as cf
import contextlib
import multiprocessing as mp
import os
import queue
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


_THREAD = "everycase-worker-"


def is_any_left() -> bool:
    """Whether a worker thread of this process is still at work, of a run that could not wait for it."""
    return any(t.name.startswith(_THREAD) for t in threading.enumerate())


class Inline(cf.Executor):
    """Runs a call at once, in the thread that submits it."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> cf.Future[R]:
        future: cf.Future[R] = cf.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as e:
            future.set_exception(e)
        return future


class DaemonThreads(cf.Executor):
    """A thread pool that the interpreter does not wait for at its exit.

    `concurrent.futures.ThreadPoolExecutor` joins its threads at exit, so one call that never returns
    would keep the whole process alive.
    """

    def __init__(self, count: int) -> None:
        self._queue: queue.SimpleQueue[tuple[cf.Future[object], Callable[[], object]] | None] = (
            queue.SimpleQueue()
        )
        self._threads = [
            threading.Thread(target=self._serve, name=f"{_THREAD}{n}", daemon=True) for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> cf.Future[R]:
        future: cf.Future[R] = cf.Future()
        self._queue.put((future, partial(fn, *args, **kwargs)))  # type: ignore[arg-type]
        return future

    def _serve(self) -> None:
        while task := self._queue.get():
            future, call = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as e:
                future.set_exception(e)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with contextlib.suppress(queue.Empty):
            while cancel_futures:
                if task := self._queue.get_nowait():
                    task[0].cancel()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads if wait else ():
            thread.join()


class Processes(cf.ProcessPoolExecutor):
    """A pool of spawned processes that end when their parent does."""

    def __init__(self, count: int) -> None:
        super().__init__(count, mp_context=mp.get_context("spawn"), initializer=attend_parent)

    def kill(self) -> None:
        """End the workers at once, whatever they are doing."""
        for process in list((self._processes or {}).values()):
            process.kill()


def attend_parent() -> None:
    """Make this worker process end with its parent, and leave Ctrl-C and SIGTERM to the parent.

    A terminal sends Ctrl-C, and systemd SIGTERM, to every process of a group; the parent decides then when
    its workers end.
    """
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="everycase-parent", daemon=True).start()


def _end_with_parent() -> None:
    if parent := mp.parent_process():
        parent.join()
        os._exit(1)
