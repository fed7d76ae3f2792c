"""The parameters of a model, ready for questions."""

from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from .emissions import Emission
from .kernel_input import Chain, Rows, pose
from .symbols import Symbols, shown


class Parameters(NamedTuple):
    """Immutable: a fit swaps it whole, so that threads that ask see one model."""

    startprob: np.ndarray  # (N,), read-only as all arrays here
    transmat: np.ndarray  # (N, N)
    emission: Emission
    states: Symbols
    labels: np.ndarray | None  # names of the states; None where they are 0 ... N-1
    allowed: np.ndarray | None  # (N,) bool: final states
    chain: Chain
    rows: Rows | None  # of the whole alphabet, where there is one
    columns: tuple | None  # names of the columns it was learnt from, where a frame gave them

    @classmethod
    def make(cls, startprob, transmat, emission, states, allowed, named, columns=None):
        startprob.flags.writeable = transmat.flags.writeable = False
        labels = None
        if named or states.names != tuple(range(len(states))):
            labels = states.array
            labels.flags.writeable = False
        chain = Chain(startprob, transmat)
        values = emission.alphabet()
        rows = None
        if values is not None:
            ends = () if allowed is None else np.arange(len(values) + 1)
            rows = Rows(emission, values, chain, allowed, ends)
        return cls(startprob, transmat, emission, states, labels, allowed, chain, rows, columns)

    def problem(self, data):
        """What the kernels are asked about these sequences."""
        self.require_same_columns(data)
        observed = self.emission.check(data)
        return pose(self.chain, self.emission, observed, data.bounds, self.allowed, self.rows)

    def require_same_columns(self, data):
        """ValueError for a frame whose columns are others, or in another order."""
        if None in (self.columns, column_names(data)) or data.names == self.columns or self.emission.by_name:
            return
        pairs = enumerate(zip_longest(self.columns, data.names, fillvalue="none"))
        k, want, got = next((k, want, got) for k, (want, got) in pairs if want != got)
        raise ValueError(
            f"the feature names should match those that were passed during fit: column {k} of X is {shown(got)}, and "
            f"was {shown(want)}; pass X[{shown(list(self.columns))}], or an array if the names do not matter"
        )

    def named(self, path):
        """A path of codes as a path of states."""
        return path if self.labels is None else self.labels[path]

    def require_possible(self, outcome, data):
        """ValueError for the first sequence of probability 0."""
        impossible = (outcome.step >= 0).nonzero()[0]
        if len(impossible):
            s = impossible[0]
            raise impossible_error(data, self.emission, int(data.bounds[s] + outcome.step[s]))

    def rows_of_text(self, most=8):
        """One line a state, for the repr."""
        for i, name in enumerate(self.states.names[:most]):
            row = self.transmat[i]
            best = [j for j in np.argsort(-row, kind="stable")[:3] if row[j] > 0]
            to = ", ".join(f"{shown(self.states.names[j])} {row[j]:.3g}" for j in best)
            yield f"  {shown(name)}: start {self.startprob[i]:.3g}, to {to}; {self.emission.summary(i)}"
        if len(self.states) > most:
            yield f"  ... and {len(self.states) - most} more"


def column_names(data):
    """Those of a frame, if they are all texts; others say nothing."""
    return data.names if data.names is not None and all(isinstance(name, str) for name in data.names) else None


def impossible_error(data, emission, t):
    """Why the step at place t among all steps cannot be."""
    return ValueError(
        f"{data.where(t)}: {emission.describe(data, t)} has probability 0 in every state that can be reached there "
        f"(and, at a last step, is final), so the sequence is impossible; {emission.hint}"
    )
