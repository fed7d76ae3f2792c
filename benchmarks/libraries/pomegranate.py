"""pomegranate's DenseHMM (PyTorch, double precision). It takes sequences of one length together."""

from copy import deepcopy

import numpy as np
import torch

torch.set_default_dtype(torch.float64)  # before pomegranate makes its first tensor

from pomegranate.distributions import Categorical  # noqa: E402
from pomegranate.hmm import DenseHMM  # noqa: E402


def build(problem):
    return Library(problem)


class Library:
    def __init__(self, problem):
        alike = [np.flatnonzero(problem.lengths == length) for length in np.unique(problem.lengths)]
        batches = [np.stack([problem.sequences[k] for k in group]).astype(np.int64) for group in alike]
        self.batches = [torch.from_numpy(batch)[..., None] for batch in batches]
        self.order = np.argsort(np.concatenate(alike))
        start, trans, emission = map(torch.from_numpy, (problem.startprob, problem.transmat, problem.emission))
        states = [Categorical(row[None], check_data=False) for row in emission]
        ends = torch.ones_like(start)  # a sequence may end anywhere, at no price
        self.model = DenseHMM(states, trans, start, ends, max_iter=1, check_data=False)
        self.given = deepcopy(self.model.state_dict())

    def score(self):
        return sum(self.model.log_probability(batch).sum().item() for batch in self.batches)

    def decode(self):
        return self.in_order(self.model.viterbi)

    def posteriors(self):
        return self.in_order(self.model.predict_proba)

    def in_order(self, task):
        results = [result for batch in self.batches for result in task(batch).numpy()]
        return [results[k] for k in self.order]

    def fit(self):
        model = self.model.fit(self.batches)
        start, moves = model.starts.exp().numpy(), model.edges.exp().numpy()
        emission = np.concatenate([state.probs for state in model.distributions])
        model.load_state_dict(self.given)  # the next iteration starts from the same parameters
        return start, moves / moves.sum(1, keepdims=True), emission  # it counts an end as one of the moves
