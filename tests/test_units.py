"""No answer depends on the units of the data: x -> c x changes densities by log c a number, and nothing else."""

import copy
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import Exponential, Gamma, Gaussian, LogNormal, Model, StudentT, sequences

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

FORMS = ["spherical", "diag", "full", "tied"]
SCALED = {
    "Exponential": (Exponential, 1e150),
    "Gamma": (Gamma, 1e150),
    "LogNormal": (LogNormal, 1e150),
    "StudentT": (StudentT, 1e95),
    **{f"Gaussian {form}": (lambda form=form, **o: Gaussian(covariance=form, **o), 1e95) for form in FORMS},
}
MOVED = [name for name in SCALED if name.split()[0] in ("Gaussian", "StudentT")]


def draw(rng, width=2):
    states = np.repeat(rng.integers(0, 2, 20), 10)
    return np.exp(0.3 * rng.normal(size=(200, width)) + states[:, None] * [1, -1][:width])


def fitted(emission, x):
    return Model(2, emission, random_state=0, max_iter=12, tol=0).fit(x)


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("prior", [0.0, 1e-3])
def test_scale(name, gaps, prior):
    family, largest = SCALED[name]
    x = draw(np.random.default_rng(0))
    if gaps:
        x[np.random.default_rng(1).random(x.shape) < 0.1] = np.nan
    plain = fitted(family(prior=prior), x)
    for c in (1 / largest, 1e-9, 1e9, largest):
        factor = 2.0 ** np.round(np.log2(c))  # exact
        scaled = fitted(family(prior=prior), x * factor)
        assert_allclose(scaled.transmat_, plain.transmat_, rtol=1e-6, atol=1e-9)
        assert_allclose(
            scaled.score(x * factor) + np.isfinite(x).sum() * np.log(factor), plain.score(x), rtol=1e-8, atol=1e-6
        )
        assert scaled.report_.get("at_limits") == plain.report_.get("at_limits")


@pytest.mark.parametrize("name", MOVED)
def test_columns_in_unlike_units_and_far_from_zero(name):
    family, _ = SCALED[name]
    x = np.round(draw(np.random.default_rng(2)) * 2**20) / 2**20
    units = np.array([2.0**40, 2.0**-40]) if name != "Gaussian spherical" else 2.0**-40
    moved = (x + 1024) * units
    plain, other = fitted(family(), x), fitted(family(), moved)
    shift = len(x) * np.log(units * np.ones(2)).sum()
    assert_allclose(other.score(moved) + shift, plain.score(x), rtol=1e-7)
    assert_array_equal(other.predict(moved), plain.predict(x))


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("c", [1e-170, 1e-200, 1e-250, 1e200, 1e290])
def test_beyond_doubles_there_is_an_error_or_the_right_answer(name, c):
    family, _ = SCALED[name]
    x = draw(np.random.default_rng(0))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            path = fitted(family(), x * c).predict(x * c)
    except ValueError as error:
        assert "rescale" in str(error)
        return
    assert_array_equal(path, fitted(family(), x).predict(x))


@pytest.mark.parametrize("form", ["full", "tied"])
def test_given_covariances_in_unlike_units(form):
    rng = np.random.default_rng(0)
    for _ in range(20):
        units = 10 ** rng.uniform(-9, 9, 3)
        a = rng.normal(size=(3, 3))
        matrix = (a @ a.T + 0.1 * np.eye(3)) * units * units[:, None]
        matrix = (matrix + matrix.T) / 2
        emission = Gaussian(np.zeros((1, 3)), matrix[None] if form == "full" else matrix, covariance=form)
        values = rng.normal(size=(5, 3)) * units
        plain = Gaussian(
            np.zeros((1, 3)), (emission.covariances / units / units[:, None]), covariance=form
        ).log_likelihood(values / units)
        assert_allclose(emission.log_likelihood(values), plain - np.log(units).sum(), rtol=1e-9)
    for bad, words in (([[1, 5], [0, 1e18]], "symmetric"), ([[1e-9, 1], [1, 1e9]], "singular")):
        with pytest.raises(ValueError, match=words):
            Gaussian([[0, 0]], [bad] if form == "full" else bad, covariance=form)


def test_a_spread_of_a_few_roundings_is_one():
    """Seconds since 1970 that jitter by microseconds; a constant column has none."""
    x = 1.7e9 + np.array([1, 2, 1, 2, 50, 51, 52, 50.0]) * 1e-6
    for emission in (Gaussian(), StudentT(), Gaussian(covariance="full")):
        path = Model(2, emission, random_state=0, n_init=5).fit(x).predict(x)
        assert len(set(path[:4])) == len(set(path[4:])) == 1 and path[0] != path[4]
        prepared = copy.deepcopy(emission)
        prepared.prepare(prepared.survey(sequences.read(np.full(9, 0.1))), 2, 0.0)
        assert prepared.spread == 1


@pytest.mark.parametrize("name", SCALED)
def test_the_callers_error_state_is_not_obeyed(name):
    family, _ = SCALED[name]
    x = draw(np.random.default_rng(0))
    x[3, 0] = np.nan
    emission = fitted(family(), x).emission_
    emission = copy.deepcopy(emission)
    values = np.vstack([x, [[1e-300, 1e300]], [[np.nan, 1.0]]])
    with np.errstate(all="raise"):
        rows = emission.log_likelihood(values)
        assert not np.isnan(rows).any()
        emission.update(emission.statistics(x, np.full((len(x), 2), 1e-200)))
        assert np.isfinite(emission.log_prior())
        emission.mean(), emission.variance()
