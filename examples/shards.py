"""EM over data in pieces: `chmm.shards` in one line, and what it does, step by step.

The pieces here are files on disk; they may as well be on many machines, because surveys and statistics are small values
that add up and pickle. Run it: python examples/shards.py
"""

import tempfile
from pathlib import Path

import numpy as np

import chmm
from chmm import Gaussian, Model

truth = Model(
    states=["calm", "wild"],
    startprob=[0.5, 0.5],
    transmat=[[0.98, 0.02], [0.05, 0.95]],
    emission=Gaussian([[0.1], [-0.2]], [[0.3], [2.0]]),
)

with tempfile.TemporaryDirectory() as folder:
    # Four files of fifty sequences each.
    for k in range(4):
        np.savez(Path(folder) / f"{k}.npz", *truth.sample(100, 50, random_state=k).X)
    shards = chmm.shards(Path(folder) / "*.npz")
    model = Model(2, Gaussian(), random_state=0).fit(shards)

    # The same by hand: what the emission must know of all data, start values from a sample, then an E-step on each
    # piece and one M-step on the sum. The names of the pieces make sure that none counts twice.
    pieces = {path.name: list(np.load(path).values()) for path in sorted(Path(folder).iterdir())}
    survey = sum(Model(2, Gaussian()).survey(X) for X in pieces.values())
    by_hand = Model(2, Gaussian(), random_state=0).start(pieces["0.npz"], survey)
    for _ in range(30):
        by_hand = by_hand.m_step(sum(by_hand.e_step(X, shard=name) for name, X in pieces.items()))

history = by_hand.history_
print(f"objective {history[0]:.1f} -> {history[-1]:.1f} in {len(history)} steps, {len(pieces)} files")
print(f"objective {model.history_[-1]:.1f} by a fit of them")
calm = int(np.argmin(model.emission_.covariances))
print(f"P(calm -> calm) = {model.transmat_[calm, calm]:.3f}, variance {model.emission_.covariances[calm, 0]:.2f}")
