"""How far a cluster carries EM: seconds of an iteration with W workers, simulated, beside the law of docs/scale.md.

    python benchmarks/scaling.py                               # 10⁹ and 10¹² steps
    python benchmarks/scaling.py --steps 1e10 --ns 120         # other data, a dearer model

The simulation follows every message. The client sends one task for each worker; the scheduler, one message at a time,
passes it on; the worker goes through its shards, some workers more slowly than others; the scheduler hears of the
result; the client takes it in and adds up what was found in each shard. Client and scheduler are queues: nothing
overtakes. The law is that of the page, T c / W + L + W d + S b. The constants are those of `python
benchmarks/cluster.py`.
"""

import argparse
import heapq

import numpy as np

NS = 30.0  # c: nanoseconds for one step of data in one pass on one core
LATENCY = 0.010  # L: seconds that an iteration takes beside its work: the way there and back, the M-step
SEND = 0.0003  # seconds of the client for each task
SCHEDULE = 0.0006  # seconds of the scheduler for each task: half when it is sent out, half when it is done
ADD = 0.00005  # b: seconds of the client for the statistics of one shard
SHARDS = 8  # for each worker
SLOWER = 0.05  # standard deviation of the speed of the workers, as a share


def law(n_steps, workers, ns):
    """Seconds of an iteration if all workers are alike."""
    return n_steps * ns * 1e-9 / workers + LATENCY + workers * (max(SEND, SCHEDULE) + SHARDS * ADD)


def best(n_steps, ns):
    """The number of workers above which another one costs more than it brings."""
    return (n_steps * ns * 1e-9 / (max(SEND, SCHEDULE) + SHARDS * ADD)) ** 0.5


def simulated(n_steps, workers, ns, rng):
    """Seconds of an iteration, message by message."""
    share = n_steps * ns * 1e-9 / workers
    speed = np.maximum(1 + SLOWER * rng.standard_normal(workers), 0.5)
    clock = LATENCY / 2
    events = [(clock + SEND * (k + 1), "out", k) for k in range(workers)]  # when a message reaches the scheduler
    client, arrived = clock + SEND * workers, []
    while events:
        now, what, k = heapq.heappop(events)
        clock = max(clock, now) + SCHEDULE / 2  # when the scheduler has dealt with it
        if what == "out":
            heapq.heappush(events, (clock + share / speed[k], "done", k))
        else:
            arrived.append(clock)
    for t in arrived:
        client = max(client, t) + SHARDS * ADD
    return client + LATENCY / 2


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=float, nargs="+", default=[1e9, 1e12])
    parser.add_argument("--ns", type=float, default=NS, help="nanoseconds a step")
    asked = parser.parse_args()
    for n_steps in asked.steps:
        alone, rng = n_steps * asked.ns * 1e-9, np.random.default_rng(0)
        print(f"{n_steps:.0e} steps, {asked.ns:g} ns each: {alone:.4g} s on one core", end="")
        print(f"; best with {best(n_steps, asked.ns):.0f} workers")
        print(f"{'workers':>8} {'simulated':>10} {'law':>10} {'speed-up':>9} {'used':>5}")
        for workers in (1, 2, 10, 100, 300, 1000, 3000, 10_000):
            t = float(np.median([simulated(n_steps, workers, asked.ns, rng) for _ in range(5)]))
            told = law(n_steps, workers, asked.ns)
            print(f"{workers:8} {t:10.4g} {told:10.4g} {alone / t:9.1f} {alone / t / workers:5.0%}")
