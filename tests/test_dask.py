"""EM on a cluster of Dask's: the bits of one machine, whatever happens to its workers."""

import os
import signal
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from shared import learnt

import chmm
from chmm import Categorical, Gaussian, Model

pytest.importorskip("distributed", reason="these tests need dask and distributed")

import dask
import distributed

import chmm.dask

pytestmark = [pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning"), pytest.mark.filterwarnings("ignore:.*port")]


@pytest.fixture(scope="module")
def client():
    """Of two processes on this machine, which all tests share; a worker that was killed comes back as another."""
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GiB"}):
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
            silence_logs=50,
        )  # fmt: skip
        client = distributed.Client(cluster)
        try:
            yield client
        finally:
            client.close()
            cluster.close()


def drawn(k, n=8, t=40):
    """Sequences of two states that are easy to tell apart."""
    rng = np.random.default_rng(k)
    return [rng.normal(np.repeat([0.0, 5.0], [i + 3, t - i]), 1.0) for i in range(n)]


MODEL = {"random_state": 0, "max_iter": 12, "tol": 0}


def normal(**options):
    return Model(2, Gaussian(), **MODEL | options)
