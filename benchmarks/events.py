"""Events of many users in Parquet files, on one machine: seconds for a pass of EM over all of them, and peak memory.

    python benchmarks/events.py FOLDER                         # 200 million events of 2 million users, 32 files
    python benchmarks/events.py FOLDER --users 20_000 --files 4 --jobs 2 --keep
    python benchmarks/events.py FOLDER --beside-memory 1,20    # instead: measurements of 1 and of 20 columns

The files are drawn from a model with three states and twelve kinds of events; they are deleted at the end, unless they
were there before or --keep is given. The search for a start sees a sample; what is timed are passes over everything,
each of which reads every file again. The first of them fills the disk cache.

Beside memory: processor time of a pass over four files of 150,000 steps in each format, divided by that over the same
arrays in memory. They take turns; the minimum of --passes passes in three rounds counts.
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


def measured(folder, n_columns):
    """{format: what is learnt from}, the same values in each."""
    rng, sources = np.random.default_rng(0), {}
    arrays = [rng.normal(np.repeat(rng.integers(0, 2, (3000, 1)), 50, axis=0), 1, (150_000, n_columns)) for _ in "1234"]
    for k, x in enumerate(arrays):
        np.save(folder / f"{k} rows.npy", x)
        np.save(folder / f"{k} columns.npy", np.asfortranarray(x))
        np.savez(folder / f"{k} rows.npz", x)
        pq.write_table(pa.table({f"{j}": x[:, j] for j in range(n_columns)}), folder / f"{k} table.parquet")
    for name in ("rows.npy", "columns.npy", "rows.npz", "table.parquet"):
        sources[name] = chmm.shards(folder / f"* {name}")
    return {"memory": arrays} | sources | {"kept": chmm.shards(folder / "* table.parquet", keep=1e9)}


def processor_time(X, n_columns, n_states, n_passes):
    """Seconds of a pass, at best, and what was learnt."""
    told, rng = [], np.random.default_rng(0)
    family = chmm.Gaussian(rng.normal(size=(n_states, n_columns)), np.ones((n_states, n_columns)))
    model = chmm.Model(n_states, family, random_state=0, n_init=1, max_iter=n_passes + 1, tol=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", chmm.ConvergenceWarning)
        model.fit(X, callback=lambda progress: told.append(time.process_time()))
    return np.diff(told)[-n_passes:].min(), model.loglik_


def beside_memory(folder, n_columns, n_passes):
    for n_states in (2, 8):
        best, sources = {}, measured(folder, n_columns)
        for _ in range(3):
            found = {name: processor_time(X, n_columns, n_states, n_passes) for name, X in sources.items()}
            best = {name: min(best.get(name, np.inf), seconds) for name, (seconds, _) in found.items()}
        told = ", ".join(f"{name} {seconds / best['memory']:.2f}" for name, seconds in best.items())
        print(f"columns {n_columns}, states {n_states}, {1e3 * best['memory']:.0f} ms: {told}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=2_000_000)
    parser.add_argument("--files", type=int, default=32)
    parser.add_argument("--passes", type=int, default=6, help="that are timed")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--beside-memory", type=lambda text: [int(d) for d in text.split(",")], help="columns")
    asked = parser.parse_args()
    if asked.beside_memory:
        for n_columns in asked.beside_memory:
            asked.folder.mkdir(parents=True)
            try:
                beside_memory(asked.folder, n_columns, asked.passes)
            finally:
                shutil.rmtree(asked.folder)
        sys.exit()
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
