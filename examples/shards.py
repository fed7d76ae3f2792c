"""EM over data in pieces: each piece is read, surveyed and counted by itself, and the sums are all that is kept.

The pieces here are files on disk, one at a time; they may as well be on many machines, because surveys and statistics
are small values that add up and pickle. Run it: python examples/shards.py
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np

from chmm import ConvergenceWarning, Gaussian, Model

truth = Model(
    states=["calm", "wild"],
    startprob=[0.5, 0.5],
    transmat=[[0.98, 0.02], [0.05, 0.95]],
    emission=Gaussian([[0.1], [-0.2]], [[0.3], [2.0]]),
)

with tempfile.TemporaryDirectory() as folder:
    # Four files of fifty sequences each.
    for k in range(4):
        np.save(Path(folder) / f"{k}.npy", np.array(truth.sample(100, 50, random_state=k).X))
    shards = sorted(Path(folder).glob("*.npy"))

    # What the emission must know of all data, then start values from a sample.
    model = Model(2, Gaussian(), random_state=0)
    survey = sum(model.survey(list(np.load(path))) for path in shards)
    model = model.start(list(np.load(shards[0])), survey)

    # An E-step on each piece, one M-step on the sum. The names of the pieces make sure that none counts twice.
    for _ in range(30):
        model = model.m_step(sum(model.e_step(list(np.load(path)), shard=path.name) for path in shards))

    # The same in one piece: from the same start, the same numbers.
    X = [x for path in shards for x in np.load(path)]
    plain = Model(
        startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gaussian([[0.0], [0.0]], [[0.5], [1.5]]),
        max_iter=10, accelerate=False,
    )  # fmt: skip
    pieces = plain.start(X)
    for _ in range(10):
        pieces = pieces.m_step(sum(pieces.e_step(X[k : k + 50], shard=k) for k in range(0, 200, 50)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain.fit(X)

calm = int(np.argmin(model.emission_.covariances))
print(f"objective {model.history_[0]:.1f} -> {model.history_[-1]:.1f} in {model.n_iter_} steps, {len(shards)} files")
print(f"P(calm -> calm) = {model.transmat_[calm, calm]:.3f}, variance {model.emission_.covariances[calm, 0]:.2f}")
print("as plain EM:", np.allclose(pieces.history_, plain.history_, rtol=1e-12, atol=0))
