"""Long calls in threads: chunks of sequences side by side, stopped as soon as the user presses Ctrl-C."""

import os
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import numpy as np

from .exceptions import entitle, quiet

INLINE = 0.02  # seconds: shorter work is done in the caller's thread
CHUNK_NS = 2e6  # nanoseconds of work that a chunk holds at least
POLL = 0.05  # seconds after which the caller's thread wakes up, so that Python can deliver Ctrl-C
_outer = threading.local()  # .stop : of the work that this thread is part of


NEVER = np.zeros(1, dtype=np.int32)  # `stop` for what is not interrupted


class Stopped(Exception):
    """The work that this is part of was stopped, and nobody waits for an answer."""


def within(stop, work, *args):
    """work(*args), whose own `run` ends soon after stop[0] is set."""
    _outer.stop = stop
    try:
        return work(*args)
    finally:
        _outer.stop = NEVER


def go_on():
    """Stopped if the work that this is part of was stopped."""
    if getattr(_outer, "stop", NEVER)[0]:
        raise Stopped


def run(tasks, seconds, n_jobs=1, tell=None):
    """[task(stop) for task in tasks].

    seconds : a rough estimate of the work. The kernels do not hold the GIL and check stop[0], which is set as soon as
    anything is raised here (above all KeyboardInterrupt), even while tasks are still being submitted.
    tell(n_done, k, answer) is called in the caller's thread when task k is done, if there are threads.
    """
    stop = np.zeros(1, dtype=np.int32)
    if seconds < INLINE:
        return [task(stop) for task in tasks]
    n_done = 0
    with ThreadPoolExecutor(min(workers(n_jobs), len(tasks))) as pool:
        try:
            pending = futures = [pool.submit(task, stop) for task in tasks]
            places = {future: k for k, future in enumerate(futures)}
            while pending:
                done, pending = wait(pending, timeout=POLL, return_when=FIRST_EXCEPTION)
                go_on()
                for future in sorted(done, key=places.get):  # of errors found together, that of the first task
                    answer = future.result()
                    if tell is not None:
                        n_done += 1
                        tell(n_done, places[future], answer)
        except BaseException:
            stop[0] = 1
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def titled(title, work, *arguments):
    """The task work(*arguments, stop); an error of the arguments begins with the title."""

    @quiet
    def task(stop):
        try:
            return work(*arguments, stop)
        except (TypeError, ValueError) as error:
            entitle(error, title)
            raise

    return task


def until(stop):
    """A callback for a fit inside a task: it ends after the E-step in which `stop` was set."""
    return lambda progress: bool(stop[0])


def workers(n_jobs):
    """Number of threads: n_jobs, or with -1 one for each core this process may use."""
    if n_jobs == -1:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return n_jobs


def chunks(bounds, n_rows, ns_per_step):
    """Cut sequences into chunks (first, last + 1) that depend on the data alone, never on the number of threads.

    A chunk holds at least 2 ms of work and four times as many steps as its table has rows; there are at most 64, cut
    between sequences. So a sum over chunks, in their order, has the same bits for any number of threads.
    """
    n_steps, n_sequences = int(bounds[-1] - bounds[0]), len(bounds) - 1
    least = max(CHUNK_NS / ns_per_step, 4 * n_rows, 1)
    n_chunks = 1
    while n_chunks < 64 and 2 * n_chunks * least <= n_steps:
        n_chunks *= 2
    cuts = np.searchsorted(bounds, bounds[0] + np.arange(n_chunks + 1) * (n_steps / n_chunks))
    cuts[0], cuts[-1] = 0, n_sequences
    return [(int(a), int(b)) for a, b in zip(cuts[:-1], cuts[1:], strict=True) if b > a] or [(0, n_sequences)]
