"""How a run is told to end: by Ctrl-C, by SIGTERM, or by whoever ordered it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from everycase.domain.errors import RunInterrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ending:
    """Whether a run has been told to end. Runs look at it between batches and while they read."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        """The signal that said so; None where it was no signal."""
        self._asked = threading.Event()

    @property
    def is_asked(self) -> bool:
        return self._asked.is_set()

    def ask(self, sign: signal.Signals | None = None) -> None:
        """Tell the run to end at the next batch."""
        self.signal = self.signal or sign
        self._asked.set()

    def check(self) -> None:
        """Raises `RunInterrupted` once the run has been told to end."""
        if self.is_asked:
            raise RunInterrupted.by(self.signal)

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Within the block the first Ctrl-C or SIGTERM asks the run to end, a second one ends the process.

        The handlers that were there before hear of the first one too. Outside of the main thread, where
        Python allows no handlers, the block changes nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former = {sign: signal.getsignal(sign) for sign in _SIGNALS}

        def hear(number: int, frame: FrameType | None) -> None:
            for sign in _SIGNALS:
                signal.signal(sign, signal.SIG_DFL)
            self.ask(signal.Signals(number))
            before = former[signal.Signals(number)]
            if callable(before) and before is not signal.default_int_handler:
                before(number, frame)

        for sign in _SIGNALS:
            signal.signal(sign, hear)
        try:
            yield
        finally:
            for sign, handler in former.items():
                signal.signal(sign, handler)
