"""The base of families of symbols: a table of probabilities, learnt from counts."""

from typing import Any

import numpy as np

from ..checks import read_only
from ..coordinates import SIMPLEX, ratio
from ..statistics import log_prior, probabilities
from .base import Emission


class Table(Emission):
    """`probs` (n_states, n_symbols), whose rows sum to 1. The statistics are `counts` of that shape, to which the
    pseudocount is added; given zeros are structural."""

    parameters = ("probs",)
    ranges = (SIMPLEX,)
    probs: Any
    pseudocount: Any  # None: the model's

    def prepare(self, survey, n_states, pseudocount):
        if self.pseudocount is None:
            self.pseudocount = pseudocount

    def update(self, statistics):
        counts = statistics["counts"]
        if not self.is_frozen("probs"):
            old = np.full(counts.shape, 1 / counts.shape[1]) if self.probs is None else self.probs
            self.probs = read_only(probabilities(counts, old, self.pseudocount, self.free, self.held("probs")))

    def log_prior(self):
        return log_prior(self.probs, self.pseudocount, self.free, self.held("probs"))

    def gradient(self, values, weights):
        return {"probs": ratio(self.statistics(values, weights)["counts"], self.probs)}
