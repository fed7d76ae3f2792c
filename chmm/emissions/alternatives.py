"""The base of emissions whose members are alternatives: all see the same values."""

import copy
from itertools import pairwise

import numpy as np

from ..symbols import shown
from .base import Emission
from .composite import Composite
from .precomputed import Precomputed
from .product import Cells


class Alternatives(Composite):
    """An emission whose members all see the same values; outside its support, the density of a member is 0."""

    kind = property(lambda self: self.members[0].kind)
    hint = property(lambda self: self.members[0].hint)
    gaps = property(lambda self: all(member.gaps for member in self.members))
    counts = property(lambda self: all(member.counts for member in self.members))
    circular = property(lambda self: self.members[0].circular)
    n_expected = property(lambda self: self.members[0].n_expected)
    n_features = property(lambda self: next((m.n_features for m in self.members if m.n_features is not None), None))

    def parts(self, data):
        """The data; what is outside a member's support is missing for it."""
        if len(self.members) == 1:
            return [data]
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

    def support(self, values):
        return np.any([np.broadcast_to(member.support(values), values.shape) for member in self.members], axis=0)

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
        """The points of the first member that takes all values, else the values themselves."""
        takes_all = (member for member in self.members if np.all(member.inside(values)))
        member = next(takes_all, self.members[0] if isinstance(values, Cells) else None)
        return super().embed(values) if member is None else member.embed(values)

    def drawn(self, which, draw):
        """Observations (T, ...): draw(member, rows) of the rows for which `which` (T,) gives the member's number."""
        order = np.argsort(which, kind="stable")
        ends = np.cumsum(np.bincount(which, minlength=len(self.members))).tolist()
        runs = [(m, order[a:b]) for m, (a, b) in zip(self.members, pairwise([0, *ends]), strict=True) if b > a]
        drawn = [draw(member, rows) for member, rows in runs or [(self.members[0], order)]]
        return np.concatenate(drawn)[np.argsort(order)]

    def values_of(self, table):
        return self.members[0].values_of(table)

    def averaged(self, table):
        return self.members[0].averaged(table)

    def alphabet(self):
        return self.members[0].alphabet()

    def describe(self, data, t):
        return self.members[0].describe(data, t)


def check_alternatives(members, name):
    """The families of a list, copied: all of one kind of values."""
    if not isinstance(members, list | tuple) or not members:
        raise TypeError(f"{name} = {shown(members)} must be a list of families, such as [Gaussian(), StudentT()]")
    takes = {}
    for i, member in enumerate(members):
        if not isinstance(member, Emission) or isinstance(member, Precomputed):
            raise TypeError(f"{name}[{i}] is {shown(member)}; it must be an Emission, such as Gaussian()")
        takes[member.kind if member.kind in ("numbers", "columns") else "symbols"] = i
    if len(takes) > 1:
        told = ", ".join(f"{name}[{i}] takes {kind}" for kind, i in takes.items())
        raise ValueError(f"all {name} must take the same kind of values; {told}")
    return tuple(map(copy.deepcopy, members))


def density(member, values):
    """The rows of a member: its log likelihoods, and -inf outside its support."""
    inside = member.inside(values)
    if np.all(inside):
        return member.log_likelihood(values)
    some = member.log_likelihood(values[inside])
    out = np.full((len(values), some.shape[1]), -np.inf)
    out[inside] = some
    return out


def _alike(a, b):
    """Whether two checks found the same."""
    if isinstance(a, Cells) and isinstance(b, Cells):
        a, b = (*a.tables, *a.places), (*b.tables, *b.places)
    if a is None or b is None:
        return a is b
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_alike, a, b))
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.array_equal(a, b, equal_nan=True)
