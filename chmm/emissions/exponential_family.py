"""What families of independent columns share: log densities and statistics as matrix products of features."""

import numpy as np

from .base import Emission, check_frozen, same_shape
from .special import gammaln

MINUS_INFINITY = -1e300  # in products, where 0 * -inf would be NaN


class ExponentialFamily(Emission):
    """Independent columns of an exponential family: log b_i(o) = sum_d h(o_d) + c_id + sum_k e_ikd f_k(o_d).

    A family says which features f_k it has, what e and c are, and what maximises. Columns that are NaN drop out.
    """

    gaps = True
    features: tuple[str, ...] = ()  # names of the sums that the statistics keep
    placeholder = 1.0  # any value of the domain; it stands where values are missing, and is weighted 0

    def __init__(self, frozen=(), **parameters):
        for name, values in parameters.items():
            setattr(self, name, values)
        same_shape(**{name: getattr(self, name) for name in self.parameters})
        self.frozen = check_frozen(frozen, self.parameters, **self._known())

    # What a family says ---------------------------------------------------------------------------------------------

    def log_base_measure(self, values):
        """h: (R, D), the part of the log density without parameters; None: 0."""
        return None

    def sufficient_statistics(self, values):
        """f: the features, a list of (R, D)."""
        raise TypeError(f"{type(self).__name__} has no sufficient_statistics(values)")

    def natural_parameters(self):
        """(e, c): a list of (N, D) factors of the features, and the (N, D) constants."""
        raise TypeError(f"{type(self).__name__} has no natural_parameters()")

    def maximiser(self, moments, mass):
        """{parameter: (N, D)} from the weighted means of the features and the weights."""
        raise TypeError(f"{type(self).__name__} has no maximiser(moments, mass)")

    # What follows -----------------------------------------------------------------------------------------------------

    def log_likelihood(self, values):
        seen = ~np.isnan(values)
        whole = bool(seen.all())
        values = values if whole else np.where(seen, values, self.placeholder)
        looks = self.sufficient_statistics(values)
        factors, constants = self.natural_parameters()
        if whole:
            out = np.hstack(looks) @ _finite(np.hstack(factors)).T
            out += _finite(constants).sum(axis=1)
        else:
            out = np.hstack([f * seen for f in looks] + [seen]) @ _finite(np.hstack([*factors, constants])).T
        measure = self.log_base_measure(values)
        if measure is not None:
            out += (measure * seen).sum(axis=1)[:, None]
        out[out < MINUS_INFINITY / 2] = -np.inf
        return out

    def statistics(self, values, weights):
        """weights (N, D), and for each feature its weighted sum (N, D)."""
        seen = ~np.isnan(values)
        if seen.all():
            mass = np.tile(weights.sum(axis=0)[:, None], (1, values.shape[1]))
        else:
            mass, values = weights.T @ seen, np.where(seen, values, self.placeholder)
        sums = [weights.T @ (f * seen) for f in self.sufficient_statistics(values)]
        return {"weights": mass, **dict(zip(self.features, sums, strict=True))}

    def update(self, statistics):
        mass = statistics["weights"]
        alive = mass > 0
        moments = [np.divide(statistics[f], mass, out=np.ones_like(mass), where=alive) for f in self.features]
        if not self.complete and not alive.all():
            # no mass and no old parameters: what all states saw, or any value
            total = mass.sum(axis=0)
            anything = self.sufficient_statistics(np.full((1, mass.shape[1]), self.placeholder))
            pooled = [
                np.where(total > 0, statistics[f].sum(axis=0) / np.maximum(total, 1e-300), any_[0])
                for f, any_ in zip(self.features, anything, strict=True)
            ]
            moments = [np.where(alive, m, p) for m, p in zip(moments, pooled, strict=True)]
            mass, alive = np.where(alive, mass, 1.0), np.ones_like(alive)
        self.assign(self.maximiser(moments, mass), alive)


def _finite(factors):
    return np.maximum(factors, MINUS_INFINITY)


def log(x):
    """log, and log 0 = -inf without a word."""
    with np.errstate(divide="ignore"):
        return np.log(x)


def not_counts(values):
    """Which numbers are no counts 0, 1, 2 ...; NaN passes."""
    return (values < 0) | (values != np.round(values)) & ~np.isnan(values)


def log_factorial(values):
    return gammaln(values + 1)


def squeeze_feature(values):
    """A sample (T, D); (T,) for one column."""
    return values[:, 0] if values.shape[1] == 1 else values
