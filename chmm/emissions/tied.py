"""States that share what they emit."""

import copy
from collections.abc import Sequence

import numpy as np

from ..checks import as_array, read_only
from ..symbols import shown
from .alternatives import Alternatives
from .base import Emission
from .precomputed import Precomputed


class Tied(Alternatives):
    """States that share their emission distribution.

        b_i(o) = f(o; member groups[i] of the family)

    Parameters
    ----------
    family : the `Emission` whose members are shared, such as Gaussian(). If it has parameters, there is one set per
        group.
    groups : for each state the number of its group, 0 ... n_groups - 1: Tied(Gaussian(), [0, 0, 1]) has two Gaussians
        for three states; states 0 and 1 share the first.

    The states of a group differ only in their transitions. Two of them in succession give a stretch of similar values a
    duration that is not geometric. The weights of a group's states are added up, and its prior counts once. Freezing is
    up to `family`. To tie mixtures, put the mixture inside: Tied(Mixture(Gaussian(), 2), [0, 0, 1]). `shared` is the
    family with one state for each group.

    >>> from chmm import Gaussian, Model, Tied
    >>> calm_or_wild = Tied(Gaussian([0, 0], [1, 25]), [0, 0, 1])
    >>> m = Model(emission=calm_or_wild, startprob=[1, 0, 0], transmat=[[0, 1, 0], [0, 0.8, 0.2], [0.4, 0, 0.6]])
    >>> m.decode([0.1, -0.4, 9.3, -7.7, 0.2, 0.9]).path.tolist()
    [0, 1, 2, 2, 0, 1]
    """

    keys = ("shared",)
    shared = property(lambda self: self.members[0])
    family = shared  # as the argument is called
    n_states = property(lambda self: len(self.groups))
    exchangeable = False  # which clusters belong to one group matters
    domain = property(lambda self: self.shared.domain)

    def __init__(self, family: Emission, groups: Sequence[int]):
        if not isinstance(family, Emission) or isinstance(family, Precomputed | Tied):
            raise TypeError(f"family = {shown(family)} must be an Emission whose states can be shared, as Gaussian()")
        array = as_array(groups, "groups")
        numbers = sorted(set(array.tolist())) if array.ndim == 1 and array.dtype.kind in "iu" else []
        if not numbers or numbers != list(range(len(numbers))):
            raise ValueError(
                f"groups = {shown(groups)} must hold the number of a group for each state, 0 ... n_groups - 1, none "
                "left out, such as [0, 0, 1]"
            )
        self.groups = read_only(array.astype(np.intp))
        self.n_groups = len(numbers)
        self.members = (copy.deepcopy(family),)
        if family.n_states not in (None, self.n_groups):
            raise ValueError(f"the family has parameters for {family.n_states} states; groups name {self.n_groups}")

    def title(self, k):
        return ""

    def members_states(self, n_states):
        return self.n_groups

    def log_likelihood(self, values):
        return self.shared.log_likelihood(values)[:, self.groups]

    def shares(self, values, weights):
        return [(values, weights @ np.eye(self.n_groups)[self.groups])]

    def sample(self, states, rng):
        return self.shared.sample(self.groups[states], rng)

    def report(self, statistics):
        """Facts about a group are facts about all its states."""
        facts = super().report(statistics)
        for fact, found in facts.items():
            cells = [item for item in found if isinstance(item, tuple)]
            if cells:
                facts[fact] = [(i, where) for i, g in enumerate(self.groups.tolist()) for k, where in cells if k == g]
        return facts

    def reordered(self, order):
        other = copy.copy(self)
        other.groups = read_only(self.groups[order])
        return other

    def together(self, tables):
        return None if tables[0] is None else tables[0][self.groups]

    def cdf(self, values):
        return self.shared.cdf(values)[:, self.groups]

    def expected(self, values):
        return self.shared.expected(values)[:, self.groups]

    def sample_given(self, values, states, rng):
        return self.shared.sample_given(values, self.groups[states], rng)

    def summary(self, state):
        return self.shared.summary(self.groups[state])

    def settings(self):
        return {"groups": self.groups.tolist()}

    def __repr__(self):
        return f"Tied({self.shared!r}, {self.groups.tolist()})"
