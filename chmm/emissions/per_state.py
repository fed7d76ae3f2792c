"""A different family in each state."""

import copy

import numpy as np

from ..symbols import shown
from .base import Emission
from .composite import Composite, density
from .precomputed import Precomputed
from .product import Cells


class PerState(Composite):
    """A family of its own for each state: b_i(o) = f_i(o; members[i]).

    Parameters
    ----------
    members : list of `Emission`, that of state 0 first, each of one state: PerState([Gaussian([0], [1]), StudentT()]).
        Mixtures and products may be members.

    All members take the same columns or symbols. Where a member does not take a value, its density is 0 there; a value
    that no member takes is an error. States are not exchangeable here, and which of them a cluster of values starts
    with is drawn: if parameters are not given, n_init should be large enough to try the orders.

    >>> from chmm import Exponential, Gamma, Model, PerState
    >>> waits = PerState([Exponential([1]), Gamma([25], [5])])
    >>> m = Model(states=["random", "regular"], startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=waits)
    >>> m.decode([0.3, 2.1, 0.05, 5.2, 4.9, 4.4]).path.tolist()
    ['random', 'random', 'random', 'regular', 'regular', 'regular']
    """

    kind = property(lambda self: self.members[0].kind)
    hint = property(lambda self: self.members[0].hint)
    gaps = property(lambda self: all(member.gaps for member in self.members))
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

    def parts(self, data):
        """The data; what is outside a member's support is missing for it."""
        seen = self.observe(data)
        self._require_inside(data, seen.distinct, seen.index)
        parts = []
        for member in self.members:
            inside = member.inside(seen.distinct)
            outside = None if np.all(inside) else np.append(~inside, False)[seen.index]
            parts.append(data if outside is None else data.without(outside))
        return parts

    def observe(self, data):
        first = None
        for k in range(len(self.members)):
            with self.naming(k) as member:
                seen = member.observe(data)
                first = seen if first is None else first
                if not _alike(seen[:2], first[:2]):
                    raise ValueError("it sees other values than members[0]; all must take the same columns or symbols")
        return first

    def inside(self, values):
        inside = False
        for member in self.members:
            inside = inside | np.asarray(member.inside(values))
        return inside

    def misfit(self, values, r, names=None):
        if any(member.members for member in self.members) or len({member.domain for member in self.members}) == 1:
            return self.members[0].misfit(values, r, names)
        where, _, _ = self.members[0].misfit(values, r, names).partition(" is outside")
        told = {type(member).__name__: member.domain for member in self.members}
        return f"{where} is outside what any member takes: {'; '.join(f'{m}, {d}' for m, d in told.items())}"

    def embed(self, values):
        return self.members[0].embed(values)

    def alphabet(self):
        return self.members[0].alphabet()

    # The four methods, and what goes member by member ----------------------------------------------------------------

    def log_likelihood(self, values):
        return np.hstack([density(member, values) for member in self.members])

    def shares(self, values, weights):
        for member, column in zip(self.members, weights.T, strict=True):
            inside = member.inside(values)
            if np.all(inside):
                yield values, np.ascontiguousarray(column)[:, None]
            else:
                yield values[inside], column[inside][:, None]

    def members_states(self, n_states):
        return 1

    def sample(self, states, rng):
        order = np.argsort(states, kind="stable")
        visits = np.bincount(states, minlength=len(self.members))
        drawn = [m.sample(np.zeros(n, dtype=np.intp), rng) for m, n in zip(self.members, visits, strict=True) if n]
        return np.concatenate(drawn)[np.argsort(order)]

    def describe(self, data, t):
        return self.members[0].describe(data, t)

    def placed(self, k, item):
        return (k, item[1]) if isinstance(item, tuple) else item

    def reordered(self, order):
        other = copy.copy(self)
        other.members = tuple(self.members[i] for i in order)
        return other

    def mean(self):
        return _stacked([member.mean() for member in self.members])

    def variance(self):
        return _stacked([member.variance() for member in self.members])

    def summary(self, state):
        return f"{type(self.members[state]).__name__}: {self.members[state].summary(0)}"

    @classmethod
    def restored(cls, settings, arrays, members):
        return cls(members)

    def __repr__(self):
        return f"PerState([{', '.join(map(repr, self.members))}])"


def _stacked(tables):
    return None if any(table is None for table in tables) else np.vstack(tables)


def _alike(a, b):
    """Whether two checks found the same."""
    if isinstance(a, Cells) and isinstance(b, Cells):
        a, b = (*a.tables, *a.places), (*b.tables, *b.places)
    if a is None or b is None:
        return a is b
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_alike, a, b))
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.array_equal(a, b, equal_nan=True)
