"""The visible chain: states that are observed themselves. What the hidden one shares with it stands here too."""

import numpy as np

from . import sequences
from .exceptions import NotFittedError
from .kernels import counting, sampling
from .statistics import Statistics, check_probabilities, check_pseudocount, probabilities
from .symbols import Symbols, shown

SAMPLED = 2**20  # values drawn in one call, so that Ctrl-C can interrupt between two


class MarkovChain:
    """A Markov chain whose states are seen: P(q_1 ... q_T) = startprob[q_1] * prod_t transmat[q_t-1, q_t].

    Parameters
    ----------
    states : names of the states, in the order of every axis; None: those of the data, sorted.
    startprob, transmat : given parameters; with both, and states or 0 ... N-1, there is nothing to fit.
    pseudocount : added to every count.

    `fit` counts: startprob_[i] is the share of sequences that start in i, transmat_[i, j] the share of steps from i
    that lead to j. A last step is no transition, and none crosses sequences; a state that is never left gets a uniform
    row. Cost: one pass over the data.

    >>> from chmm import MarkovChain
    >>> weather = MarkovChain().fit([["sun", "sun", "rain"], ["rain", "rain", "sun", "sun"]])
    >>> weather.states_.tolist(), weather.transmat_.round(2).tolist()
    (['rain', 'sun'], [[0.5, 0.5], [0.33, 0.67]])
    >>> round(weather.score([["sun", "rain"]]), 4)
    -1.7918
    """

    def __init__(self, *, states=None, startprob=None, transmat=None, pseudocount=0.0):
        self.states = states
        self.startprob = startprob
        self.transmat = transmat
        self.pseudocount = pseudocount
        self._known = None
        self._statistics = None
        if startprob is not None and transmat is not None:
            transmat = check_probabilities(transmat, "transmat", (None, None))
            names = Symbols(range(len(transmat)) if states is None else states, argument="states")
            self._publish(names, *check_chain(startprob, transmat, len(names)))

    def _publish(self, names, startprob, transmat):
        startprob.flags.writeable = transmat.flags.writeable = False
        self._known = (names, startprob, transmat)

    def _parameters(self):
        if self._known is None:
            raise NotFittedError("this MarkovChain has no parameters yet: call fit(X), or give startprob and transmat")
        return self._known

    @property
    def states_(self):
        return self._parameters()[0].array

    @property
    def startprob_(self):
        return self._parameters()[1]

    @property
    def transmat_(self):
        return self._parameters()[2]

    @property
    def statistics_(self):
        """The raw counts of the last fit: start (N,) and trans (N, N)."""
        if self._statistics is None:
            raise NotFittedError("this MarkovChain has not been fitted; statistics_ holds the counts of a fit")
        return self._statistics

    def fit(self, X, *, lengths=None):
        """Count the states of one or many sequences. Returns the chain."""
        data = sequences.many(X, lengths)
        if not data.n_steps:
            raise ValueError("X holds no steps to learn from")
        pseudocount = check_pseudocount(self.pseudocount)
        require_names(data, "X")
        known = self.startprob if self.startprob is not None else self.transmat
        if self.states is not None:
            names = Symbols(self.states, argument="states")
        else:
            names = Symbols.learn(data) if known is None else Symbols(range(len(known)), argument="states")
        path = state_path(data, names, "X")
        n = len(names)
        given = [None, None]
        for i, (value, name, shape) in enumerate(
            [(self.startprob, "startprob", (n,)), (self.transmat, "transmat", (n, n))]
        ):
            if value is not None:
                given[i] = check_probabilities(value, name, shape)
        start, trans, visits = np.zeros(n), np.zeros((n, n)), np.zeros((1, n))
        stop = np.zeros(1, dtype=np.int32)
        counting.count(path, np.zeros_like(path), data.bounds, None, stop, start, trans, visits)
        for counts, known, name in ((start, given[0], "startprob"), (trans, given[1], "transmat")):
            if known is not None and (counts[known == 0] > 0).any():
                at = np.argwhere((known == 0) & (counts > 0))[0]
                steps = " -> ".join(shown(names.names[i]) for i in at)
                raise ValueError(f"X holds {steps}, which has a given probability of 0 in {name}")
        old = [np.full(n, 1 / n), np.full((n, n), 1 / n)]
        startprob, transmat = (
            probabilities(counts, rows if known is None else known, pseudocount, None if known is None else known > 0)
            for counts, rows, known in zip((start, trans), old, given, strict=True)
        )
        n_sequences = int((np.diff(data.bounds) > 0).sum())
        self._statistics = Statistics(start, trans, {}, 0.0, n_sequences, data.n_steps)
        self._publish(names, startprob, transmat)
        return self

    def score(self, X, *, lengths=None):
        """log P(X), summed over the sequences; -inf if a step is impossible."""
        names, startprob, transmat = self._parameters()
        data = sequences.many(X, lengths)
        return path_log_probability(startprob, transmat, state_path(data, names, "X"), data.bounds)

    def sample(self, n_steps, n_sequences=None, *, random_state=None):
        """One sequence of states, or a list of `n_sequences`."""
        names, startprob, transmat = self._parameters()
        paths = sample_paths(startprob, transmat, n_steps, n_sequences, None, generator(random_state))
        drawn = [names.decode(path) for path in paths]
        if names.kind == "text":
            drawn = ["".join(x) for x in drawn]
        return drawn[0] if n_sequences is None else drawn

    def stationary_distribution(self):
        """The distribution p that the chain keeps: p = p transmat_. ValueError if there is more than one."""
        return stationary_distribution(self.transmat_)

    def __repr__(self):
        if self._known is None:
            return "MarkovChain(not fitted)"
        return f"MarkovChain({len(self._known[0])} states: {self._known[0].preview()})"


def check_chain(startprob, transmat, n):
    return check_probabilities(startprob, "startprob", (n,)), check_probabilities(transmat, "transmat", (n, n))


def state_path(data, names, argument):
    """Codes of labels; every label must be known."""
    require_names(data, argument)
    if data.missing is not None and data.missing.any():
        raise unknown_label(data, argument, int(np.flatnonzero(data.missing)[0]))
    values, kind = data.values, data.kind
    if not names.takes(values, kind) and not (names.kind == "words" and kind == "text"):
        raise TypeError(f"{argument} holds {kind}, the states are {names.kind}: {names.preview()}")
    if names.kind == "words" and kind == "text":
        values, kind = [chr(c) for c in values], "words"
    path, some_unknown = names.encode(values, kind)
    if some_unknown:
        t = int(np.flatnonzero(path < 0)[0])
        label = chr(values[t]) if kind == "text" else values[t]
        raise ValueError(f"{argument}, {data.where(t)}: {shown(label)} is not among the states ({names.preview()})")
    return path


def require_names(data, argument):
    """Labels are names: one a step, and no floats."""
    if np.ndim(data.values) == 2:
        raise ValueError(f"{argument} has shape {np.shape(data.values)}; it takes one label a step")
    if data.kind == "numbers":
        t = next(iter(np.flatnonzero(data.values != np.round(data.values))), 0)
        if np.isnan(data.values[t]):
            raise unknown_label(data, argument, t)
        raise TypeError(f"{argument}, {data.where(t)}: {data.values[t]} is a float; labels are str, integers or bools")


def unknown_label(data, argument, t):
    return NotImplementedError(
        f"{argument}, {data.where(t)}: the label is unknown (None or NaN); partly labelled sequences are not taken: "
        "leave them out, or leave out y to learn from X alone"
    )


def path_log_probability(startprob, transmat, path, bounds):
    """sum log startprob + sum log transmat along the paths."""
    first = bounds[:-1][np.diff(bounds) > 0]
    inside = np.ones(len(path), dtype=bool)
    inside[first] = False
    arrived = np.flatnonzero(inside)
    with np.errstate(divide="ignore"):
        return float(np.log(startprob[path[first]]).sum() + np.log(transmat[path[arrived - 1], path[arrived]]).sum())


def generator(random_state):
    """A NumPy Generator from None, an int, a Generator or a RandomState; global state is never touched."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**32, 4, dtype=np.uint64))
    if isinstance(random_state, bool) or not (
        random_state is None or isinstance(random_state, int | np.integer | np.random.Generator)
    ):
        raise TypeError(f"random_state must be None, an integer or a numpy Generator, got {random_state!r}")
    if isinstance(random_state, int | np.integer) and random_state < 0:
        raise ValueError(f"random_state = {random_state} must not be negative")
    return np.random.default_rng(random_state)


def sample_paths(startprob, transmat, n_steps, n_sequences, allowed, rng):
    """(n_sequences, n_steps) paths of the chain; with `allowed` (N,), given that they end in one of those states."""
    n_steps = check_count(n_steps, "n_steps", 0)
    n_sequences = 1 if n_sequences is None else check_count(n_sequences, "n_sequences", 0)
    if n_sequences * n_steps >= 2**48:
        raise MemoryError(f"{n_sequences} sequences of {n_steps} steps do not fit into any memory; draw some at a time")
    uniforms = np.empty((n_sequences, n_steps))
    for start in range(0, uniforms.size, SAMPLED):
        rng.random(out=uniforms.reshape(-1)[start : start + SAMPLED])
    path = np.empty((n_sequences, n_steps), dtype=np.int32)
    if not path.size:
        return path
    if allowed is None:
        bounds = np.arange(n_sequences + 1, dtype=np.int64) * n_steps
        sampling.sample_paths(
            np.cumsum(startprob), np.cumsum(transmat, axis=1), bounds, uniforms.ravel(), path.reshape(-1)
        )
        return path
    # Given the end: h[t, i] = P(q_T allowed | q_t = i), and steps are drawn in proportion to A[i, j] h[t+1, j].
    h = np.empty((n_steps, len(startprob)))
    h[-1] = allowed
    for t in range(n_steps - 2, -1, -1):
        h[t] = transmat @ h[t + 1]
        if not h[t].any():
            break
        h[t] /= h[t].max()
    if not (startprob * h[0]).any():
        raise ValueError(f"no path of {n_steps} steps ends in final_states")
    weights = np.broadcast_to(startprob * h[0], (n_sequences, len(startprob)))
    for t in range(n_steps):
        total = np.cumsum(weights, axis=1)
        path[:, t] = (uniforms[:, t, None] * total[:, -1:] >= total).sum(axis=1)
        if t + 1 < n_steps:
            weights = transmat[path[:, t]] * h[t + 1]
    return path


def check_count(value, name, least):
    """An int of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name} = {value} must be at least {least}")
    return int(value)


def stationary_distribution(transmat):
    """The p with p = p A, sum p = 1. ValueError if the chain has several closed classes, hence several p.

    Elimination without subtractions (Grassmann, Taksar and Heyman 1985), so that small probabilities keep all their
    digits; O(N^3).
    """
    n = len(transmat)
    reach = (transmat > 0) | np.eye(n, dtype=bool)
    for _ in range(max(n - 1, 1).bit_length()):
        reach = reach @ reach
    # a state is recurrent if every state that it reaches can come back; all must be in one class
    recurrent = np.flatnonzero((~reach | reach.T).all(axis=1))
    if not reach[np.ix_(recurrent, recurrent)].all():
        raise ValueError("the stationary distribution is not unique: there are sets of states that are never left")
    a = np.array(transmat[np.ix_(recurrent, recurrent)])
    m = len(a)
    for k in range(m - 1, 0, -1):
        a[:k, k] /= a[k, :k].sum()
        a[:k, :k] += np.outer(a[:k, k], a[k, :k])
    p = np.ones(m)
    for k in range(1, m):
        p[k] = p[:k] @ a[:k, k]
    result = np.zeros(n)
    result[recurrent] = p / p.sum()
    return result
