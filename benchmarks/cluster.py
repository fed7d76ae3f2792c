"""What Dask adds to an iteration of EM, and what a second worker brings, on a cluster of this machine's processes.

    python benchmarks/cluster.py                               # some minutes; needs chmm[dask]
    python benchmarks/cluster.py overhead speed-up             # some of the three

overhead  : two workers and 16 shards with next to no data, against the same fit on one machine; in alternation.
speed-up  : two workers against one, on passes of more than a second. Beside it, what the machine has to give: two
            processes of pure arithmetic against one. All four take turns.
constants : those of benchmarks/scaling.py, from passes in which workers have nothing to do. L is what a pass takes with
            one worker and one shard; d and b are the processor time that client and scheduler (one process here) need
            for each further worker and shard: what stays serial where every worker has a machine of its own.

Others may be at work on the machine, so that each figure is the best of several rounds.
"""

import argparse
import multiprocessing
import time
import warnings
from contextlib import contextmanager

import numpy as np

import chmm
import chmm.dask
from chmm import subset


@contextmanager
def cluster(n_workers):
    """A client of so many workers, each a process with one thread."""
    import distributed

    options = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None, "silence_logs": 60}
    server = {"dashboard_address": "127.0.0.1:0"}
    with (
        distributed.LocalCluster(n_workers=n_workers, scheduler_kwargs=server, **options) as local,
        distributed.Client(local) as client,
    ):
        client.wait_for_workers(n_workers)
        yield client


class Draw:
    """A shard that is drawn where it is read."""

    def __init__(self, model, n_sequences, n_steps, seed):
        self.how = model, n_sequences, n_steps, seed

    def __call__(self):
        model, n_sequences, n_steps, seed = self.how
        return model.sample(n_steps, n_sequences, random_state=seed).X


def given(n_states, n_symbols=12):
    """A model with parameters; a fit takes them for its only start."""
    rng = np.random.default_rng(0)
    moves = 0.1 * rng.dirichlet(np.ones(n_states), n_states) + 0.9 * np.eye(n_states)
    kinds = chmm.Categorical(rng.dirichlet(np.full(n_symbols, 0.5), n_states))
    return chmm.Model(startprob=np.full(n_states, 1 / n_states), transmat=moves, emission=kinds)


def seconds(fit, n):
    """Of the last n iterations of a fit, each."""
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", chmm.ConvergenceWarning)
        fit(callback=lambda progress: told.append(time.perf_counter()))
    return np.diff(told)[-n:]


def overhead(rounds=6, n=20):
    model = given(3).set_params(max_iter=n + 2, tol=0)
    shards = chmm.shards([Draw(model, 1, 50, seed) for seed in range(16)])
    subset.MOST = 100  # so that so few data are not fitted as a sample
    with cluster(2) as client:
        times = [
            (
                seconds(lambda callback: chmm.dask.fit(model, shards, client, callback=callback), n),
                seconds(lambda callback: model.fit(shards, callback=callback), n),
            )
            for _ in range(rounds)
        ]
    there, here = (np.concatenate(times) for times in zip(*times))
    print("an iteration over 16 shards of 50 steps, ms:")
    print(f"  two workers  {1e3 * there.min():.1f} at best, median {1e3 * np.median(there):.1f}")
    print(f"  one machine  {1e3 * here.min():.1f} at best, median {1e3 * np.median(here):.1f}")


def costs(run):
    """(seconds, processor seconds of client and scheduler) of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def busy(n):
    x = 1.0
    for _ in range(n):
        x *= 1.0000001
    return x


def speed_up(rounds=10, n_steps=40_000_000, n=12_000_000):
    model = given(16)
    shards = chmm.shards([Draw(model, n_steps // 16_000, 1000, seed) for seed in range(16)])
    with cluster(1) as one, cluster(2) as two, multiprocessing.get_context("spawn").Pool(2) as pool:
        alone, together = chmm.dask.spread(shards, one, persist=True), chmm.dask.spread(shards, two, persist=True)
        takes_turns = (
            lambda: model.e_step(alone),
            lambda: model.e_step(together),
            lambda: pool.map(busy, [2 * n], chunksize=1),
            lambda: pool.map(busy, [n, n], chunksize=1),
        )
        times = np.array([[costs(run)[0] for run in takes_turns] for _ in range(rounds + 1)])[1:]  # the first reads
    best = times.min(axis=0)
    print(f"an E-step over {n_steps:,} steps with 16 states, s: {best[0]:.2f} by one worker, {best[1]:.2f} by two")
    print(f"  speed-up {best[0] / best[1]:.2f}; of pure arithmetic in two processes {best[2] / best[3]:.2f}")
    medians = np.median(times, axis=0)
    print(f"  by medians {medians[0] / medians[1]:.2f} and {medians[2] / medians[3]:.2f}")


def nothing(piece):
    """A task that takes no time and gives back statistics."""
    return chmm.Statistics(np.ones(3), np.ones((3, 3)), {"counts": np.ones((3, 12))}, -1.0, 1, 1)


def constants(rounds=8, n=10):
    seen = []
    for n_workers in (1, 2, 4, 8):
        with cluster(n_workers) as client:
            idle, beats = costs(lambda: time.sleep(2))  # heartbeats, which have nothing to do with passes
            for each in (1, 8, 32):
                engine = chmm.dask.spread([[0, 1]] * (n_workers * each), client).engine()
                sum(engine.map(nothing))
                taken = [
                    [costs(lambda engine=engine: sum(engine.map(nothing))) for _ in range(n)] for _ in range(rounds)
                ]
                wall, cpu = np.array(taken).sum(axis=1).T / n
                serial, best = (cpu - beats / idle * wall).min(), np.array(taken)[..., 0].min()
                seen.append((1, n_workers, n_workers * each, serial, best))
                print(f"  {n_workers} workers, {n_workers * each:3} shards: {1e3 * serial:5.2f} ms", end="")
                print(f" of processor, a pass of {1e3 * best:6.1f} ms", flush=True)
    table = np.array(seen)
    _, worker, shard = np.linalg.lstsq(table[:, :3], table[:, 3], rcond=None)[0]
    print(f"L = {1e3 * table[0, 4]:.1f} ms, d = {1e3 * worker:.2f} ms a worker, b = {1e3 * shard:.3f} ms a shard")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", help="overhead, speed-up, constants; all of them")
    tasks = {"overhead": overhead, "speed-up": speed_up, "constants": constants}
    for task in parser.parse_args().tasks or tasks:
        tasks[task]()
