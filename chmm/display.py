"""What long work tells while it runs: lines on stderr, for who asks for them, and Python's logging under "chmm"."""

import logging
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .parallel import run
from .symbols import shown

LOG = logging.getLogger("chmm")
REDRAW = 0.1  # seconds between two states of the line of a terminal
LEAST, SHARE = 1.0, 0.1  # elsewhere a line comes after a second, and after a tenth of the time so far


class Display:
    """A line that is rewritten on a terminal; elsewhere (a notebook, a log file) lines that grow rarer, some sixty in
    the first hour. With progress=False nothing is printed. Steps go to the log at level DEBUG, results at INFO.
    On a terminal tqdm draws the line if it is installed, so that it stands below the bars of a caller's own.

    >>> with Display(False) as display:
    ...     display.step("step 1")
    """

    def __init__(self, progress: bool):
        if not isinstance(progress, bool):
            raise TypeError(f"progress = {shown(progress)} must be True or False; callback= takes a function")
        stream = sys.stderr if progress else None  # None, too, where a program has no stderr
        self._stream = None if getattr(stream, "closed", False) else stream
        self._redrawn = self._stream is not None and self._stream.isatty()
        self._began, self._due, self._width, self._waiting = time.monotonic(), 0.0, 0, ""
        self._tqdm = _tqdm() if self._redrawn else None
        self._bar: Any = None

    @property
    def active(self) -> bool:
        """Whether anyone would see a step."""
        return self._stream is not None or LOG.isEnabledFor(logging.DEBUG)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def step(self, text: str) -> None:
        """Tell where the work is, if the time for the next line has come."""
        LOG.debug(text)
        now = self.seconds
        self._waiting = text
        if now >= self._due:
            self._due = now + (REDRAW if self._redrawn else max(LEAST, SHARE * now))
            self._write(text)

    def result(self, text: str) -> None:
        """Tell what came of it; this line stays."""
        LOG.info(text)
        self._write(text)
        self._end()

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if self._waiting:  # broken off: the last step stays
            self._write(self._waiting)
        self._end()

    def _write(self, text):
        self._waiting = ""
        if self._tqdm is not None:
            if self._bar is None:
                self._bar = self._tqdm(file=self._stream, bar_format="{desc}", dynamic_ncols=True)
            self._bar.set_description_str(text)
        elif self._redrawn:
            text = text[: shutil.get_terminal_size().columns - 1]  # a line that wraps could not be rewritten
            self._put("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._put(text + "\n")

    def _end(self):
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        elif self._redrawn and self._width:
            self._put("\n")
            self._width = 0

    def _put(self, text):
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # closed, or a broken pipe: hours of work must not be lost to a line about them
            self._stream = None


def _tqdm():
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


def duration(seconds: float) -> str:
    """
    >>> duration(3.21), duration(250), duration(7500)
    ('3.2 s', '4 min 10 s', '2 h 5 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def followed(
    display: Display, tasks: Sequence, n_jobs: int, what: str, found: Callable[[int, Any], str] = lambda k, answer: ""
) -> list:
    """The answers of equal tasks, which run side by side while it is told how many are done, and what was found in the
    last one."""

    def tell(n_done, *last):
        display.step(counted(display, n_done, len(tasks), what) + (found(*last) if last else ""))

    tell(0)
    answers = run(tasks, np.inf, n_jobs, tell)
    display.result(counted(display, len(tasks), len(tasks), what))
    return answers


def counted(display: Display, n: int, total: int, what: str) -> str:
    """Where a number of equal tasks is, and when they may be done.

    >>> counted(Display(False), 0, 200, "refits")
    '0 of 200 refits'
    """
    told = f"{n} of {total} {what}"
    if not n:
        return told
    spent = display.seconds
    return f"{told}, {duration(spent)}" + (f", about {duration(spent / n * (total - n))} left" if n < total else "")
