"""chmm.testing names the law that a family breaks, and finds nothing wrong with one that keeps them."""

import numpy as np
import pytest

from chmm import Emission
from chmm.testing import check_emission

SPEEDS = np.random.default_rng(0).rayleigh(np.repeat([1.0, 6.0], 40))


class Rayleigh(Emission):
    parameters = ("scales",)
    n_features = 1

    def __init__(self, scales=None, frozen=()):
        self.scales = None if scales is None else np.array(scales, dtype=float)
        self.frozen = frozen

    def support(self, values):
        return values > 0

    def log_likelihood(self, values):
        return np.log(values) - 2 * np.log(self.scales) - values**2 / (2 * self.scales**2)

    def statistics(self, values, weights):
        return {"weights": weights.sum(axis=0), "squares": weights.T @ values[:, 0] ** 2}

    def update(self, statistics):
        weights = statistics["weights"]
        alive = weights > 0
        self.assign({"scales": np.sqrt(statistics["squares"] / (2 * np.where(alive, weights, 1.0)))}, alive)

    def sample(self, states, rng):
        return rng.rayleigh(self.scales[states])


class NoNumber(Rayleigh):
    def log_likelihood(self, values):
        return np.where(values > 5, np.nan, super().log_likelihood(values))


class WrongShape(Rayleigh):
    def log_likelihood(self, values):
        return super().log_likelihood(values).T


class NotNormalised(Rayleigh):
    def log_likelihood(self, values):
        return super().log_likelihood(values) + 0.5


class Averages(Rayleigh):
    def statistics(self, values, weights):
        sums = super().statistics(values, weights)
        return {**sums, "squares": sums["squares"] / len(values)}


class Biased(Rayleigh):
    def update(self, statistics):
        super().update(statistics)
        self.scales = 1.2 * self.scales


class Falls(Rayleigh):
    max_inner_iter = 20

    def update(self, statistics):
        old = self.scales
        super().update(statistics)
        self.scales = self.scales if old is None else old * 1.1


class OutOfSupport(Rayleigh):
    def sample(self, states, rng):
        return -super().sample(states, rng)


class Thaws(Rayleigh):
    def assign(self, new, alive=True):
        self.scales = np.where(alive, new["scales"], self.scales)


class Forgets(Rayleigh):
    def saved(self):
        saved = super().saved()
        return {**saved, "scales": saved["scales"].round(2)}


class Shuffles(Rayleigh):
    def reordered(self, order):
        return self


class WritesInto(Rayleigh):
    def update(self, statistics):
        old = self.scales
        super().update(statistics)
        if old is not None:
            old[...] = self.scales


class WritesWeights(Rayleigh):
    def statistics(self, values, weights):
        weights *= 2
        return super().statistics(values, weights)


class ForgetsThePrior(Rayleigh):
    prior = (np.array([[3.0]]), np.array([20.0]))  # in log_prior, and not in update


class NoneLeft(Rayleigh):
    def assign(self, new, alive=True):
        self.scales = np.where(alive, new["scales"], np.nan)


class NoDict(Rayleigh):
    def statistics(self, values, weights):
        return list(super().statistics(values, weights).values())


class Moves(Rayleigh):
    def recentre(self, statistics, other):
        return {**statistics, "squares": 2 * statistics["squares"]}


def test_a_family_that_keeps_the_laws_passes():
    check_emission(Rayleigh(), SPEEDS)


@pytest.mark.parametrize(
    ("family", "law"),
    [
        (NoNumber, "never NaN or"),
        (WrongShape, "gives the shape|give the shape|has no|must"),
        (NotNormalised, "adds up to 1"),
        (Averages, "two parts of the data add up"),
        (Biased, "No neighbour"),
        (Falls, "never lowers sum weights"),
        (OutOfSupport, "in the support"),
        (Thaws, "frozen"),
        (Forgets, "saved and loaded"),
        (Shuffles, "permutes the states"),
        (WritesInto, "Updating a shallow copy"),
        (WritesWeights, "weights were written to"),
        (ForgetsThePrior, "never lowers"),
        (NoneLeft, "without mass"),
        (Moves, "recentre.* is exact"),
        (NoDict, "returns a dict of arrays.*a list"),
    ],
)
def test_the_law_that_is_broken_is_named(family, law):
    with pytest.raises(AssertionError, match=f"(?s){family.__name__} breaks .*({law})"):
        check_emission(family(), SPEEDS)


def test_only_emissions_are_checked():
    with pytest.raises(TypeError, match="such as Rice"):
        check_emission(Rayleigh, SPEEDS)
