"""How far a cluster carries EM: seconds of an iteration with W workers, simulated, beside the law of docs/scale.md.

    python benchmarks/scaling.py                               # 10⁹ and 10¹² steps, as the page has them
    python benchmarks/scaling.py --steps 1e10 --ns 120         # other data, a dearer model

The simulation follows every message. Client and scheduler are one queue: they send out a task for each worker, one
after the other, then hear of each result as it is ready; when the last is there, the client adds up the statistics of
every shard. Workers differ in speed, and all wait for the slowest. The law, T c / W + L + W d + S b, knows nothing of
that, and nothing of work that goes on while the queue is busy. The constants are those of `python
benchmarks/cluster.py constants`; how much workers differ is assumed.
"""

import argparse

import numpy as np

NS = 20.0  # c: nanoseconds for one step of the data on one core; benchmarks/events.py found 17 to 20 for three states
LATENCY = 0.020  # L: seconds
TASK = 0.0015  # d: seconds of client and scheduler for each worker, half before its work and half after
ADD = 0.00005  # b: seconds of the client for each shard
SHARDS = 8  # for each worker
SPREAD = 0.05  # standard deviation of the speeds of workers


def law(work, workers):
    """Seconds of an iteration. work : seconds on one core."""
    return work / workers + LATENCY + workers * TASK + SHARDS * workers * ADD


def best(work):
    """The number of workers above which more of them make an iteration longer."""
    return (work / (TASK + SHARDS * ADD)) ** 0.5


def simulated(work, workers, rng):
    """Seconds of an iteration, message by message."""
    begins = LATENCY / 2 + TASK / 2 * np.arange(1, workers + 1)  # of each worker, as its task comes out of the queue
    speeds = np.maximum(1 + SPREAD * rng.standard_normal(workers), 0.5)
    clock = begins[-1]
    for done in np.sort(begins + work / workers / speeds):
        clock = max(clock, done) + TASK / 2
    return clock + SHARDS * workers * ADD + LATENCY / 2


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=float, nargs="+", default=[1e9, 1e12])
    parser.add_argument("--ns", type=float, default=NS, help="nanoseconds a step")
    asked = parser.parse_args()
    for n_steps in asked.steps:
        work, rng = n_steps * asked.ns * 1e-9, np.random.default_rng(0)
        print(f"{n_steps:.0e} steps of {asked.ns:g} ns: {work:,.0f} s on one core", end="")
        print(f"; fastest with {best(work):,.0f} workers")
        print("workers  simulated s     law s  speed-up  used")
        for workers in (1, 10, 30, 100, 300, 1000, 3000, 10_000):
            t = float(np.median([simulated(work, workers, rng) for _ in range(9)]))
            used = work / t / workers
            print(f"{workers:7,} {t:12,.2f} {law(work, workers):9,.2f} {work / t:9,.1f} {used:5.0%}")
        print()
