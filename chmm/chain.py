"""The visible Markov chain, whose states are themselves observed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import checks, e_step, m_step, sequences
from .durations import expected_durations
from .exceptions import NotFittedError, quiet
from .paths import path_log_probability, require_names, state_path
from .sampling import sample_paths
from .stationary import stationary_distribution
from .statistics import Statistics, n_filled
from .structure import structure_of


class MarkovChain:
    """A Markov chain with observed states: P(q_1 ... q_T) = startprob[q_1] * prod_t transmat[q_t-1, q_t].

    Parameters
    ----------
    states : names of the states, in the order of every axis; None: those of the data, sorted.
    startprob, transmat : given parameters; a chain with both needs no fit, and its states are 0 ... N-1 if `states` is
        None. startprob="stationary": the p with p = p transmat, also when counting (see `Model`).
    pseudocount : added to every count; or a mapping {"startprob": ..., "transmat": ...} of numbers and arrays.

    `fit` counts: startprob_[i] is the share of sequences that start in i, and transmat_[i, j] the share of the
    transitions from i that lead to j. No transitions are counted between sequences, and a state that is never left gets
    a uniform row. Cost: one pass over the data.

    >>> from chmm import MarkovChain
    >>> weather = MarkovChain().fit([["sun", "sun", "rain"], ["rain", "rain", "sun", "sun"]])
    >>> weather.states_.tolist(), weather.transmat_.round(2).tolist()
    (['rain', 'sun'], [[0.5, 0.5], [0.33, 0.67]])
    >>> round(weather.score([["sun", "rain"]]), 4)
    -1.7918
    """

    def __init__(
        self, *, states: Any = None, startprob: Any = None, transmat: Any = None, pseudocount: float | Mapping = 0.0
    ):
        self.states = states
        self.startprob = startprob
        self.transmat = transmat
        self.pseudocount = pseudocount
        self._known: Any = None
        self._statistics: Statistics | None = None
        if startprob is not None and transmat is not None:
            given = structure_of(self)
            self._publish(given.states, given.startprob, given.transmat)

    def _publish(self, names, startprob, transmat):
        startprob.flags.writeable = transmat.flags.writeable = False
        self._known = (names, startprob, transmat)

    def _parameters(self):
        if self._known is None:
            raise NotFittedError("this MarkovChain has no parameters yet: call fit(X), or give startprob and transmat")
        return self._known

    @property
    def states_(self) -> np.ndarray:
        return self._parameters()[0].array

    @property
    def startprob_(self) -> np.ndarray:
        return self._parameters()[1]

    @property
    def transmat_(self) -> np.ndarray:
        return self._parameters()[2]

    @property
    def statistics_(self) -> Statistics:
        """The raw counts of the last fit: start (N,) and trans (N, N)."""
        if self._statistics is None:
            raise NotFittedError("this MarkovChain has not been fitted; statistics_ holds the counts of a fit")
        return self._statistics

    @quiet
    def fit(self, X: Any, *, lengths: Any = None, ids: Any = None) -> "MarkovChain":
        """Count the transitions of one sequence or several. Returns the chain itself."""
        data = sequences.read(X, lengths, ids)
        if not data.n_steps:
            raise ValueError("X holds no steps to learn from")
        require_names(data, "X")
        structure = structure_of(self, labels=data, argument="X")
        path = state_path(data, structure.states, "X")
        checks.agreeing_labels(path, data, structure, "X")
        start, trans, _ = e_step.count(path, np.zeros_like(path), data.bounds, None, structure.n, 1)
        statistics = Statistics(start, trans, {}, 0.0, n_filled(data.bounds), data.n_steps)
        startprob, transmat, _ = m_step.maximise(structure, statistics)
        self._statistics = statistics
        self._publish(structure.states, startprob, transmat)
        return self

    @quiet
    def score(self, X: Any, *, lengths: Any = None, ids: Any = None) -> float:
        """log P(X), summed over the sequences; -inf if a step is impossible."""
        names, startprob, transmat = self._parameters()
        data = sequences.read(X, lengths, ids, kind=names.kind)
        return path_log_probability(startprob, transmat, state_path(data, names, "X"), data.bounds)

    @quiet
    def sample(self, n_steps: int, n_sequences: int | None = None, *, random_state: Any = None) -> Any:
        """One sequence of states, or a list of them if `n_sequences` is given."""
        names, startprob, transmat = self._parameters()
        paths = sample_paths(startprob, transmat, n_steps, n_sequences, None, checks.generator(random_state))
        drawn = [names.decode(path) for path in paths]
        if names.kind == "text":
            drawn = ["".join(x) for x in drawn]
        return drawn[0] if n_sequences is None else drawn

    @quiet
    def stationary_distribution(self) -> np.ndarray:
        """The distribution p that does not change from step to step, p = p transmat_. ValueError if there are
        several."""
        return stationary_distribution(self.transmat_)

    def expected_durations(self) -> np.ndarray:
        """(N,), the mean number of steps that a visit to each state lasts: 1 / (1 - transmat_[i, i])."""
        return expected_durations(self.transmat_)

    def __repr__(self):
        if self._known is None:
            return "MarkovChain(not fitted)"
        return f"MarkovChain({len(self._known[0])} states: {self._known[0].preview()})"
