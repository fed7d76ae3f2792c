"""Another family in each state."""

import copy
from contextlib import contextmanager

import numpy as np

from ..symbols import shown
from .base import Emission, part_of
from .precomputed import Precomputed
from .product import Cells


class PerState(Emission):
    """A family of its own for each state: b_i(o) = f_i(o; members[i]).

    Parameters
    ----------
    members : list of `Emission`, that of state 0 first, each of one state: PerState([Gaussian([0], [1]), StudentT()]).
        Mixtures and products may be members.

    All members take the same values: the same columns or symbols, each value in the domain of every member. States are
    not exchangeable here, and which one a cluster of values starts with is drawn: where parameters are not given,
    n_init should be large enough to try the orders.

    >>> from chmm import Exponential, Gamma, Model, PerState
    >>> waits = PerState([Exponential([1]), Gamma([25], [5])])
    >>> m = Model(states=["random", "regular"], startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=waits)
    >>> m.decode([0.3, 2.1, 0.05, 5.2, 4.9, 4.4]).path.tolist()
    ['random', 'random', 'random', 'regular', 'regular', 'regular']
    """

    kind = property(lambda self: self.members[0].kind)
    hint = property(lambda self: self.members[0].hint)
    gaps = property(lambda self: all(member.gaps for member in self.members))
    max_inner_iter = property(lambda self: max(member.max_inner_iter for member in self.members))
    complete = property(lambda self: all(member.complete for member in self.members))
    n_states = property(lambda self: len(self.members))
    n_features = property(lambda self: next((m.n_features for m in self.members if m.n_features is not None), None))

    def __init__(self, members):
        if not isinstance(members, list | tuple) or not members:
            raise TypeError(f"members = {shown(members)} must be a list of families, such as [Gaussian(), StudentT()]")
        takes = {}
        for i, member in enumerate(members):
            if not isinstance(member, Emission) or isinstance(member, Precomputed):
                raise TypeError(f"members[{i}] is {shown(member)}; it must be an Emission of one state, as Gaussian()")
            if member.n_states not in (None, 1):
                raise ValueError(f"members[{i}] has parameters for {member.n_states} states; each is for one state")
            takes[member.kind if member.kind in ("numbers", "columns") else "symbols"] = i
        if len(takes) > 1:
            told = ", ".join(f"members[{i}] takes {kind}" for kind, i in takes.items())
            raise ValueError(f"all members must take the same kind of values; {told}")
        self.members = tuple(map(copy.deepcopy, members))

    # Data ------------------------------------------------------------------------------------------------------------

    def prepare(self, data, n_states, pseudocount):
        for i, member in enumerate(self.members):
            with self._naming(i):
                member.prepare(data, 1, pseudocount)

    def check(self, data):
        first = None
        for i, member in enumerate(self.members):
            with self._naming(i):
                seen = member.check(data)
                first = seen if first is None else first
                if not _alike(seen[:2], first[:2]):
                    raise ValueError("it sees other values than members[0]; all must take the same columns or symbols")
        return first

    def embed(self, values):
        return self.members[0].embed(values)

    def alphabet(self):
        return self.members[0].alphabet()

    # The four methods, and what goes member by member ----------------------------------------------------------------

    def log_likelihood(self, values):
        return np.hstack([member.log_likelihood(values) for member in self.members])

    def statistics(self, values, weights):
        """The members' statistics, each key with "state." before it."""
        total = {}
        for i, (member, mine) in enumerate(zip(self.members, _columns(weights), strict=True)):
            total |= {f"{i}.{key}": value for key, value in member.statistics(values, mine).items()}
        return total

    def update(self, statistics):
        self.members = tuple(map(copy.copy, self.members))  # fit copies an emission, not what is inside it
        for i, member in enumerate(self.members):
            with self._naming(i):
                member.update(part_of(statistics, i))

    def start(self, values, weights, rng):
        for i, (member, mine) in enumerate(zip(self.members, _columns(weights), strict=True)):
            with self._naming(i):
                member.start(values, mine, rng)

    def sample(self, states, rng):
        order = np.argsort(states, kind="stable")
        visits = np.bincount(states, minlength=len(self.members))
        drawn = [m.sample(np.zeros(n, dtype=np.intp), rng) for m, n in zip(self.members, visits, strict=True) if n]
        return np.concatenate(drawn)[np.argsort(order)]

    def log_prior(self):
        return sum(member.log_prior() for member in self.members)

    def describe(self, data, t):
        return self.members[0].describe(data, t)

    def report(self, data):
        return {key: value for member in self.members for key, value in member.report(data).items()}

    def summary(self, state):
        return f"{type(self.members[state]).__name__}: {self.members[state].summary(0)}"

    def saved(self, prefix, arrays):
        parts = [member.saved(f"{prefix}.{i}", arrays) for i, member in enumerate(self.members)]
        return {"family": type(self).__name__, "members": parts}

    @classmethod
    def rebuilt(cls, metadata, prefix, arrays, families):
        parts = enumerate(metadata["members"])
        return cls([Emission.loaded(part, f"{prefix}.{i}", arrays, families) for i, part in parts])

    def __repr__(self):
        return f"PerState([{', '.join(map(repr, self.members))}])"

    @contextmanager
    def _naming(self, i):
        """An error names the member that raised it."""
        try:
            yield
        except (TypeError, ValueError) as error:
            raise type(error)(f"members[{i}], {type(self.members[i]).__name__}: {error}") from error


def _columns(weights):
    return [np.ascontiguousarray(column)[:, None] for column in weights.T]


def _alike(a, b):
    """Whether two checks found the same."""
    if isinstance(a, Cells) and isinstance(b, Cells):
        a, b = (*a.tables, *a.places), (*b.tables, *b.places)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_alike, a, b))
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.array_equal(a, b, equal_nan=True)
