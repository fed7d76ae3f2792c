"""A different family in each state."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .alternatives import Alternatives, check_alternatives, density
from .base import Emission


class PerState(Alternatives):
    """A different family for each state.

        b_i(o) = f_i(o; members[i])

    Parameters
    ----------
    members : list of `Emission`, one per state, in the order of the states: PerState([Gaussian([0], [1]), StudentT()]).
        Each has parameters for one state, or none. Mixtures and products may be members.

    All members see the same columns or symbols. If a value is outside the support of a member, its density there is 0;
    a value that no member allows is an error. The states are not exchangeable here: unless parameters are given, each
    start assigns clusters of values to states at random, so n_init should be large enough to try the different
    assignments (24 with "auto").

    >>> from chmm import Exponential, Gamma, Model, PerState
    >>> waits = PerState([Exponential([1]), Gamma([25], [5])])
    >>> m = Model(states=["random", "regular"], startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=waits)
    >>> m.decode([0.3, 2.1, 0.05, 5.2, 4.9, 4.4]).path.tolist()
    ['random', 'random', 'random', 'regular', 'regular', 'regular']
    """

    n_states = property(lambda self: len(self.members))
    exchangeable = False  # which member a cluster starts matters

    def __init__(self, members: Sequence[Emission]):
        self.members = check_alternatives(members, "members")
        for i, member in enumerate(self.members):
            if member.n_states not in (None, 1):
                raise ValueError(f"members[{i}] has parameters for {member.n_states} states; each is for one state")

    # Member by member ------------------------------------------------------------------------------------------------

    def log_likelihood(self, values):
        return np.hstack([density(member, values) for member in self.members])

    def shares(self, values: Any, weights: np.ndarray) -> Iterator[tuple[Any, np.ndarray]]:
        for member, column in zip(self.members, weights.T, strict=True):
            inside = member.inside(values)
            if np.all(inside):
                yield values, np.ascontiguousarray(column)[:, None]
            else:
                yield values[inside], column[inside][:, None]

    def members_states(self, n_states: int) -> int:
        return 1

    def sample(self, states, rng):
        return self.drawn(states, lambda member, rows: member.sample(np.zeros(len(rows), dtype=np.intp), rng))

    def sample_given(self, values, states, rng):
        def draw(member, rows):
            return member.sample_given(values[rows], np.zeros(len(rows), dtype=np.intp), rng)

        return self.drawn(states, draw)

    def cdf(self, values):
        return np.hstack([member.cdf(values) for member in self.members])

    def expected(self, values):
        return np.hstack([member.expected(values) for member in self.members])

    def placed(self, k: int, item: Any) -> Any:
        return (k, item[1]) if isinstance(item, tuple) else item

    def reordered(self, order):
        other = copy.copy(self)
        other.members = tuple(self.members[i] for i in order)
        return other

    def together(self, tables):
        return None if any(table is None for table in tables) else np.vstack(tables)

    def summary(self, state):
        return f"{type(self.members[state]).__name__}: {self.members[state].summary(0)}"

    @classmethod
    def restored(cls, settings, arrays, members):
        return cls(members)

    def __repr__(self):
        return f"PerState([{', '.join(map(repr, self.members))}])"
