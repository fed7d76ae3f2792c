"""Normal densities and scatter against sums written out, at sizes where registers, tiles and blocks end."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import Gaussian
from chmm.emissions import quadratic

pytestmark = pytest.mark.filterwarnings("error")
T = [1, 2, 7, 31, 32, 33, 100, 255, 256, 257, 289, 700]


class Case:
    """Values with or without gaps, weights, and Gaussians of every form."""

    def __init__(self, d, n, gaps):
        rng = np.random.default_rng([d, n])
        self.x = rng.normal(size=(max(T), d)) + 100
        if gaps:
            self.x[300:][rng.random(self.x[300:].shape) < 0.2] = np.nan  # the first block is whole
        self.weights = rng.random((max(T), n))
        self.means = rng.normal(size=(n, d)) + 100
        a = rng.normal(size=(n, d, d))
        matrices = a @ np.swapaxes(a, 1, 2) + np.eye(d)
        self.covariances = {
            "spherical": rng.random(n) + 0.5,
            "diag": rng.random((n, d)) + 0.5,
            "full": matrices,
            "tied": matrices[0],
        }

    def matrix(self, form, i):
        c, d = self.covariances[form], self.x.shape[1]
        return {"spherical": lambda: c[i] * np.eye(d), "diag": lambda: np.diag(c[i]), "full": lambda: c[i]}.get(
            form, lambda: c
        )()


@pytest.fixture(params=[(1, 2, False), (1, 1, True), (2, 3, True), (3, 2, False), (5, 3, False), (8, 4, True)], ids=str)
def case(request):
    return Case(*request.param)


@pytest.mark.parametrize("form", ["spherical", "diag", "full", "tied"])
def test_log_densities(case, form):
    """log N(o; m, S) of what is seen."""
    emission = Gaussian(case.means, case.covariances[form], covariance=form)
    want = np.zeros((max(T), len(case.means)))
    for i, mean in enumerate(case.means):
        matrix = case.matrix(form, i)
        for t, value in enumerate(case.x):
            k = np.flatnonzero(~np.isnan(value))
            y, s = (value - mean)[k], matrix[np.ix_(k, k)]
            want[t, i] = -0.5 * (np.linalg.slogdet(2 * np.pi * s)[1] + y @ np.linalg.solve(s, y))
    for t in T:
        for values in (case.x[:t], case.x[max(T) - t :], np.asfortranarray(case.x)[:t]):
            start = 0 if values[0, 0] == case.x[0, 0] else max(T) - t
            assert_allclose(emission.log_likelihood(values), want[start : start + t], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("crossed", [False, True])
def test_scatter(case, crossed, monkeypatch):
    """Sums of w, w y and w y y' with y the distance to the mean, over what is seen; crossed, a gap stands at the mean.
    However long the stretches are that are added up, the bits are the same."""
    for t in T:
        x, w = case.x[:t], case.weights[:t]
        y = x[:, None] - case.means
        seen = ~np.isnan(y)
        y[~seen] = 0
        want = {
            "weights": np.einsum("ti,tid->id", w, seen | crossed),
            "sums": np.einsum("ti,tid->id", w, y),
            "squares": np.einsum("ti,tid,tie->ide", w, y, y) if crossed else np.einsum("ti,tid,tid->id", w, y, y),
        }
        monkeypatch.setattr(quadratic, "WORK", 2**24)
        found = quadratic.scatter(x, case.means, w, crossed)
        monkeypatch.setattr(quadratic, "WORK", 1)
        turned = quadratic.scatter(np.asfortranarray(case.x)[:t], case.means, np.asfortranarray(w), crossed)
        for key, value in want.items():
            assert_allclose(found[key], value, rtol=1e-12, atol=1e-10)
            assert_array_equal(found[key], turned[key])


def test_the_centre_and_spread_of_columns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 4)) * [1, 1e-3, 0, 5] + [1e8, 1, 7, 0]
    x[rng.random(1000) < 0.3, 3] = np.nan
    x[0, 0] += 1e6  # nothing is lost to a first value far out
    x = np.c_[x, np.full(1000, np.nan)]
    centre, variance = quadratic.spread(quadratic.moments(x))
    want = np.nanmean(x[:, :4].astype(np.longdouble), axis=0)
    assert_allclose(centre, [*want.astype(float), 0], rtol=1e-15, atol=1e-14)
    squares = np.nanmean((x[:, :4] - want) ** 2, axis=0).astype(float)
    assert_allclose(variance, [*np.where(squares > 0, squares, 1), 1], rtol=1e-11)
