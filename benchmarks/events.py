"""Events of many users in Parquet files, on one machine: seconds for a pass of EM over all of them, and peak memory.

    python benchmarks/events.py FOLDER                         # 200 million events of 2 million users, 32 files
    python benchmarks/events.py FOLDER --users 20_000 --files 4 --jobs 2 --keep

The files are drawn from a model with three states and twelve kinds of events; they are deleted at the end, unless they
were there before or --keep is given. The search for a start sees a sample; what is timed are passes over everything,
each of which reads every file again. The first of them fills the disk cache.
"""

import argparse
import multiprocessing
import resource
import shutil
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import chmm

ENDS = [0.0059, 0.0118, 0.0345]  # so that a user has 100 events in the mean


def truth():
    kinds = np.random.default_rng(0).dirichlet(np.full(12, 0.5), 3)
    moves = [[0.95, 0.04, 0.01], [0.10, 0.85, 0.05], [0.05, 0.15, 0.80]]
    return chmm.Model(startprob=[0.6, 0.3, 0.1], transmat=moves, emission=chmm.Categorical(kinds), endprob=ENDS)


def write(folder, n_users, n_files):
    """Files of equally many users, each with the columns user and event."""
    folder.mkdir(parents=True)
    model, each = truth(), n_users // n_files
    for k in range(n_files):
        events = model.sample(n_sequences=each, random_state=k).X
        user = np.repeat(np.arange(k * each, (k + 1) * each, dtype=np.int32), [len(x) for x in events])
        table = pa.table({"user": user, "event": np.concatenate(events).astype(np.int8)})
        pq.write_table(table, folder / f"events-{k:03}.parquet")


def write_apart(*args):
    """In another process, whose memory is not that of the fit."""
    process = multiprocessing.get_context("spawn").Process(target=write, args=args)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(process.exitcode)


def peak():
    """MiB of memory that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=2_000_000)
    parser.add_argument("--files", type=int, default=32)
    parser.add_argument("--passes", type=int, default=6, help="that are timed")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    if not asked.folder.exists():
        write_apart(asked.folder, asked.users, asked.files)
    elif not any(asked.folder.iterdir()):
        parser.error(f"{asked.folder} is there, and empty: name a new folder")
    else:
        asked.keep = True
    print(f"before the fit: {peak():.0f} MiB")
    shards = chmm.shards(asked.folder / "*.parquet", ids="user", columns="event")
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", chmm.ConvergenceWarning)
        model = chmm.Model(3, chmm.Categorical(), random_state=0, max_iter=asked.passes + 1, tol=0, n_jobs=asked.jobs)
        model.fit(shards, callback=lambda progress: told.append((time.perf_counter(), time.process_time())))
    wall, cpu = np.diff(told, axis=0)[-asked.passes :].T
    n, n_users = model.report_["n_steps"], model.report_["n_sequences"]
    print(f"{n:,} events of {n_users:,} users in {len(shards)} files, 3 states, {asked.jobs} threads")
    print(f"a pass: {wall.min():.2f} s at best, median {np.median(wall):.2f} s; CPU {cpu.min():.2f} s", end="")
    print(f" ({1e9 * cpu.min() / n:.1f} ns an event); peak memory {peak():.0f} MiB")
    if not asked.keep:
        shutil.rmtree(asked.folder)
