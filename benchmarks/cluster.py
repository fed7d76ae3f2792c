"""What Dask adds to an iteration of EM, and what a second worker brings, on a LocalCluster of this machine.

    python benchmarks/cluster.py                               # about a minute on two idle cores; needs chmm[dask]
    python benchmarks/cluster.py --only overhead

overhead  : two workers, 16 shards with next to no data; the same shards on one machine beside it.
speed-up  : two workers against one on passes of more than a second. Whether the machine has a second core to give is
            measured in the same minute, by two processes of pure arithmetic against one.
constants : those of benchmarks/scaling.py, from workers that only wait, so that they need no cores.

Each figure is the best of several rounds, because others may be at work on this machine.
"""

import argparse
import multiprocessing
import time
from contextlib import contextmanager

import numpy as np

import chmm
import chmm.dask


@contextmanager
def cluster(n_workers):
    import distributed

    options = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with distributed.LocalCluster(n_workers=n_workers, **options) as local, distributed.Client(local) as client:
        client.wait_for_workers(n_workers)
        yield client


def drawn(n_shards, n_sequences, n_steps, n_states=3):
    """(model with parameters, shards) of a Gaussian with n_states states."""
    moves = np.full((n_states, n_states), 0.1 / max(n_states - 1, 1))
    np.fill_diagonal(moves, 0.9)
    means = 4.0 * np.arange(n_states)[:, None]
    truth = chmm.Model(
        startprob=np.full(n_states, 1 / n_states), transmat=moves, emission=chmm.Gaussian(means, np.ones((n_states, 1)))
    )
    return truth, [(f"shard {k}", truth.sample(n_steps, n_sequences, random_state=k).X) for k in range(n_shards)]


def intervals(fit):
    """Seconds between the E-steps of a fit, without the first two."""
    told = []
    fit(callback=lambda progress: told.append(time.perf_counter()))
    return np.diff(told)[1:]


def busy(n):
    x = 1.0
    for _ in range(n):
        x *= 1.0000001
    return x


def arithmetic(n=15_000_000):
    """(seconds of one process for two portions, of two processes for one each)."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(busy, [1, 1])
        taken = []
        for portions in ([2 * n], [n, n]):
            t = time.perf_counter()
            pool.map(busy, portions, chunksize=1)
            taken.append(time.perf_counter() - t)
    return taken


def wait(piece, seconds):
    """A task that takes its time and gives back statistics."""
    time.sleep(seconds)
    return chmm.Statistics(np.ones(3), np.ones((3, 3)), {"counts": np.ones((3, 12))}, -1.0, 1, 1)


def passes(engine, n, *told):
    """Seconds of n passes over an engine, each."""
    taken = []
    for _ in range(n):
        t = time.perf_counter()
        for _ in engine.map(*told):
            pass
        taken.append(time.perf_counter() - t)
    return np.array(taken)
