"""Densities and special functions: SciPy's, at any magnitude; what is drawn is finite."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import (
    Bernoulli,
    Beta,
    Exponential,
    Gamma,
    Gaussian,
    LogNormal,
    Model,
    Multinomial,
    NegativeBinomial,
    Poisson,
    StudentT,
    VonMises,
)
from chmm.emissions import special

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

ONE = {"startprob": [1.0], "transmat": [[1.0]]}


TWO = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]]}


def log_density(emission, x):
    """log b_0 of each value of an emission of one state."""
    m = Model(**ONE, emission=emission)
    return np.array([m.score([np.array([v])]) for v in x])


def scipy_cases():
    stats = pytest.importorskip("scipy.stats")
    positive, shares, angles, n = (
        np.array([1e-9, 0.3, 1, 7.5, 900]),
        np.array([1e-9, 0.2, 0.999]),
        np.array([-3, 0.1, 2, 6.0]),
        np.array([0, 1, 7, 400]),
    )
    real = np.array([-1e5, -2, 0, 0.5, 3e8])
    return {
        "Gaussian": (Gaussian([1.5], [4]), stats.norm(1.5, 2).logpdf, real),
        "StudentT": (StudentT([1.5], [2], [3.5]), stats.t(3.5, 1.5, 2).logpdf, real),
        "LogNormal": (LogNormal([0.7], [0.25]), stats.lognorm(0.5, scale=np.exp(0.7)).logpdf, positive),
        "Gamma": (Gamma([2.5], [0.4]), stats.gamma(2.5, scale=2.5).logpdf, positive),
        "Exponential": (Exponential([0.4]), stats.expon(scale=2.5).logpdf, np.append(positive, 0)),
        "Beta": (Beta([0.4], [7]), stats.beta(0.4, 7).logpdf, shares),
        "VonMises": (VonMises([0.3], [5]), stats.vonmises(5, 0.3).logpdf, angles),
        "VonMises sharp": (VonMises([0.3], [5e4]), stats.vonmises(5e4, 0.3).logpdf, angles),
        "Poisson": (Poisson([3.5]), stats.poisson(3.5).logpmf, n),
        "NegativeBinomial": (NegativeBinomial([2.5], [0.3]), stats.nbinom(2.5, 0.3).logpmf, n),
    }


@pytest.mark.parametrize("name", ["Gaussian", "StudentT", "LogNormal", "Gamma", "Exponential", "Beta", "VonMises",
                                  "VonMises sharp", "Poisson", "NegativeBinomial"])  # fmt: skip
def test_densities_are_scipys(name):
    emission, expected, x = scipy_cases()[name]
    assert_allclose(log_density(emission, x), expected(x), rtol=1e-11, atol=1e-12)


def test_densities_of_vectors_are_scipys():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4, 4))
    mean, covariance, x = rng.normal(size=4), a @ a.T + np.eye(4), 3 * rng.normal(size=(20, 4))
    expected = stats.multivariate_normal(mean, covariance).logpdf(x)
    for emission in (
        Gaussian(mean[None], covariance[None], covariance="full"),
        Gaussian(mean[None], covariance, covariance="tied"),
    ):
        assert_allclose(Model(**ONE, emission=emission).score(x), expected.sum(), rtol=1e-12)
    counts = rng.integers(0, 9, (20, 3))
    expected = stats.multinomial(counts.sum(axis=1), [0.2, 0.3, 0.5]).logpmf(counts).sum()
    assert_allclose(Model(**ONE, emission=Multinomial([[0.2, 0.3, 0.5]])).score(counts), expected, rtol=1e-12)


def test_special_functions_are_scipys():
    theirs = pytest.importorskip("scipy.special")
    x = np.logspace(-8, 8, 3000)
    for ours, want in (
        (special.gammaln, theirs.gammaln), (special.digamma, theirs.digamma), (special.trigamma, lambda x: theirs.polygamma(1, x))
    ):  # fmt: skip
        assert_allclose(ours(x), want(x), rtol=1e-13, atol=1e-14)
    log_i0, ratio = special.log_bessel(np.append(x, 0))
    x = np.append(x, 0)
    assert_allclose(log_i0, np.log(theirs.i0e(x)) + x, rtol=1e-13, atol=1e-15)
    assert_allclose(ratio, theirs.i1e(x) / theirs.i0e(x), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("n_values", [1, 7, 31, 32, 33, 257, 1000])
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("gaps", [0, 0.3])
def test_independent_columns_are_sums_over_their_distances(n_values, d, gaps):
    """Whole registers, tiles of them and blocks, and what is left over; far from 0."""
    rng = np.random.default_rng(n_values)
    means, variances = 1e8 + rng.normal(size=(3, d)), rng.gamma(2, size=(3, d))
    x = 1e8 + rng.normal(size=(n_values, d))
    x[rng.random(x.shape) < gaps] = np.nan
    weights = rng.random((n_values, 5))[:, ::2]
    emission = Gaussian(means, variances)
    y = x[:, None] - means
    terms = -0.5 * (np.log(2 * np.pi * variances) + y**2 / variances)
    assert_allclose(emission.log_likelihood(x), np.nansum(terms, axis=2), rtol=1e-12, atol=1e-12)
    s = emission.statistics(x, weights)
    w = weights[:, :, None] * ~np.isnan(y)
    y = np.nan_to_num(y)
    for name, power in (("weights", 0), ("sums", 1), ("squares", 2)):
        assert_allclose(s[name], (w * y**power).sum(axis=0), rtol=1e-12, atol=1e-12 * n_values)


@pytest.mark.parametrize("rate", [1e5, 1e8, 1e10])
def test_probabilities_of_large_counts_lose_nothing(rate):
    other = rate + 3 * rate**0.5  # the densities are computed around the mean of the two
    low, high = rate - 9 * rate**0.5, other + 9 * rate**0.5
    counts = np.arange(int(low), int(high))[:, None].astype(float)
    assert_allclose(np.exp(Poisson([rate, other]).log_likelihood(counts)).sum(axis=0), 1, rtol=1e-10)


def test_rates_of_zero_and_rates_far_apart():
    values = np.array([[0.0, 0], [0, 3], [2, 0], [np.nan, 1], [0, np.nan]])
    rates = np.array([[0, 1e12], [0, 0], [1e-9, 2]])
    got = Poisson(rates).log_likelihood(values)
    assert_allclose(got[0], -rates.sum(axis=1), rtol=1e-15)
    assert_array_equal(got[:, 1], [0, -np.inf, -np.inf, -np.inf, 0])
    assert got[2, 0] == -np.inf
    assert_allclose(got[3:, 2], [np.log(2) - 2, -1e-9], rtol=1e-14)


@pytest.mark.parametrize("size", [1e4, 1e9, 1e12, 1e15, 1e18])
def test_many_draws_are_nearly_normal(size):
    """At z deviations from its mean size / 2 a binomial has the density exp(-z^2 / 2) / sqrt(pi size / 2), within z^4 / size."""
    z = np.array([-1.5, 0, 0.5, 2])
    heads = np.round(size / 2 + z * size**0.5 / 2)
    z = 2 * (heads - size / 2) / size**0.5
    got = Multinomial([[0.5, 0.5]]).log_likelihood(np.column_stack([heads, size - heads]))
    assert_allclose(got[:, 0], -0.5 * np.log(np.pi * size / 2) - z**2 / 2, atol=10 / size + 1e-9)


@pytest.mark.parametrize("mean", [1e9, 1e12, 1e15, 1e18])
@pytest.mark.parametrize("size", [0.3, 1, 7.5, 1e4])
def test_negative_binomials_of_large_means_are_gamma(size, mean):
    """x (1 - p) / p goes to a gamma variable as p goes to 0, within size^2 / x."""
    x = np.round(mean * np.array([0.9, 1, 1.05]))
    p = size / (size + mean)
    stats = pytest.importorskip("scipy.stats")
    got = NegativeBinomial([size], [p]).log_likelihood(x[:, None])[:, 0]
    assert_allclose(got, stats.gamma.logpdf(x, size, scale=mean / size), atol=max(2 * size**2 / mean, 1e-9))


def test_an_impossible_value_is_named():
    m = Model(**TWO, emission=Poisson([0, 0]))
    assert m.score([[0, 0, 3]]) == -np.inf
    with pytest.raises(ValueError, match="step 2.*3"):
        m.decode([0, 0, 3])
    assert Model(**TWO, emission=Bernoulli([[0, 1], [0, 0.5]])).score([[[1, 1]]]) == -np.inf


@pytest.mark.parametrize("emission", [Exponential([1e-310, 1]), LogNormal([800, 1], [1, 1])])
def test_no_infinity_is_drawn(emission):
    m = Model(startprob=[0.5, 0.5], transmat=np.full((2, 2), 0.5), emission=emission)
    with pytest.raises(ValueError, match="drawn in state 0 is beyond all numbers: inf"):
        m.sample(20, random_state=0)


def test_a_rate_too_large_to_draw_from_is_named():
    with pytest.raises(ValueError, match=r"rates\[1, 0\] = 1e\+300: state 1"):
        Model(**TWO, emission=Poisson([1, 1e300])).sample(50, random_state=0)


@pytest.mark.parametrize("size", [0.3, 21.649916766370104, 1e4])
@pytest.mark.parametrize("short", [2.0**-52, 1e-9, 1e-3, 0.5])
def test_negative_binomials_near_certainty(size, short):
    """log of p(2) = r (r + 1) / 2 p^r (1 - p)^2, term by term."""
    p = 1 - short
    short = 1 - p  # as rounded
    got = NegativeBinomial([size], [p]).log_likelihood(np.array([[0.0], [2.0]]))[:, 0]
    p_of_none = size * np.log1p(-short)
    want = [p_of_none, np.log(size * (size + 1) / 2) + p_of_none + 2 * np.log(short)]
    assert_allclose(got, want, rtol=1e-13, atol=1e-12)
