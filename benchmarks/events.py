"""Events of many users in Parquet files, on one machine: seconds for a pass of EM over all of them, and peak memory.

    python benchmarks/events.py FOLDER                         # 200 million events of 2 million users, 32 files
    python benchmarks/events.py FOLDER --users 20_000 --files 4 --jobs 2 --keep

The files are drawn from a model with three states and twelve kinds of events; they are deleted at the end, unless they
were there before or --keep is given. The search for a start sees a sample; what is timed are passes over everything,
each of which reads every file again. The first of them fills the disk cache.
"""

import argparse
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import chmm

ENDS = [0.006, 0.012, 0.035]  # so that a user has 100 events in the mean


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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=2_000_000)
    parser.add_argument("--files", type=int, default=32)
    asked = parser.parse_args()
    t = time.monotonic()
    write(asked.folder, asked.users, asked.files)
    print("written", time.monotonic() - t)
