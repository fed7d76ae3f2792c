"""What the tests share. Symbols are codes 0 .. M-1 here, and -1 stands for a missing value."""

import _thread
import os
import signal
import threading
import time
from typing import NamedTuple

import numpy as np
import pytest

from chmm import Categorical, Model, Precomputed
from chmm.kernel_input import Chain, Rows

# test_variants.py runs the exactness suite again for each other kind of registers: with fewer sizes and models.
AGAIN = "CHMM_REGISTERS" in os.environ

# The largest entry of a scaled row: 1, or a hair below on processors without x86's flags (chmm/kernels/simd.pxd).
ROW_TOP = float(Rows(Precomputed(), np.zeros((1, 1)), Chain(np.ones(1), np.ones((1, 1)))).scaled[0][0, 0])


def hair(n_steps):
    """How far log P may be off where P is 1: nothing, or half an ulp a step for each of two roundings."""
    return 2 * n_steps * (1 - ROW_TOP)


class Params(NamedTuple):
    startprob: np.ndarray
    transmat: np.ndarray
    probs: np.ndarray

    def model(self, **options):
        return Model(startprob=self.startprob, transmat=self.transmat, emission=Categorical(self.probs), **options)

    def rows(self, x):
        """The likelihood of each step in each state."""
        x = np.asarray(x)
        return np.where(x[:, None] < 0, 1.0, self.probs.T[x])

    def permuted(self, order):
        return Params(self.startprob[order], self.transmat[np.ix_(order, order)], self.probs[order])


def stochastic(rng, *shape, zeros=0.0):
    """Random rows which sum to 1, a share of them zeros, never a whole row."""
    a = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    a = np.where(rng.random(shape) < zeros, 0.0, a)
    a[..., 0] += a.sum(axis=-1) == 0
    return a / a.sum(axis=-1, keepdims=True)


def random_params(rng, n, m, zeros=0.0):
    return Params(*(stochastic(rng, *shape, zeros=zeros) for shape in ((n,), (n, n), (n, m))))


def learnt(model):
    return Params(model.startprob_, model.transmat_, model.emission_.probs)


def as_given(x):
    """A sequence of codes as a user would pass it: None where the value is missing."""
    return [None if v < 0 else int(v) for v in x] if (np.asarray(x) < 0).any() else np.asarray(x)


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def assert_plausible(counts, probs):
    """Counts within six standard deviations of what they should be."""
    expected = counts.sum(axis=-1, keepdims=True) * probs
    assert (np.abs(counts - expected) <= 6 * np.sqrt(expected * (1 - probs)) + 1e-9).all()


def interrupt_after(seconds, call):
    """Press Ctrl-C while `call` runs; True if the call was given up for it, False if it came to its end first."""
    finished = False
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    timer = threading.Timer(seconds, _thread.interrupt_main)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
            finished = True
            timer.join()
            time.sleep(1)
    finally:
        signal.signal(signal.SIGINT, handler)
    return not finished
