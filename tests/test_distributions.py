"""Distribution functions, and what is expected of missing columns: against sums of the density, and SciPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_families import FAMILIES, as_data, densities, every_family, prepared

from chmm import (
    Bernoulli,
    Beta,
    Categorical,
    Exponential,
    Gamma,
    Gaussian,
    LogNormal,
    Mixture,
    Multinomial,
    NegativeBinomial,
    Poisson,
    Precomputed,
    StudentT,
    VonMises,
    ZeroInflated,
)
from chmm.emissions import special
from chmm.testing import check_emission

CLOSE = {"rtol": 1e-12, "atol": 1e-15}


def without_cdf(family):
    return "Heaped" in repr(family.given)


def cdf(emission, values):
    """(R, N, D) at values (R, D)."""
    observed = prepared(emission, as_data(emission, values))[1]
    return emission.cdf(observed.distinct)[observed.index]


# ------------------------------------------------------------------------------------------ every family of the house


@every_family
def test_it_is_the_sum_of_the_density_in_each_column(family):
    if without_cdf(family):
        return
    values, density = family.grid.values, densities(family.given, family.grid.values)
    some = values[np.linspace(0, len(values) - 1, 9).astype(int)]
    wanted = np.empty((len(some), density.shape[1], values.shape[1]))
    for r, d in np.ndindex(len(some), values.shape[1]):
        column = values[:, d]
        # a node of the grid stands for an interval around it, of which half is below, or for a whole number
        part = np.where((column == some[r, d]) & (column % 1 > 0), 0.5, column <= some[r, d])
        wanted[r, :, d] = (family.grid.measure * part) @ density
    got = cdf(family.given, some)
    assert got.shape == wanted.shape
    assert_allclose(got, wanted, atol=0.02)


@every_family
def test_it_rises_from_0_to_1(family):
    if without_cdf(family):
        return
    d = family.given.n_features or 1
    line = np.r_[-1e300, -1e5, np.linspace(-50, 200, 500), 1e9, 1e300][:, None]
    circle = np.linspace(-np.pi, np.pi, len(line))[:, None]
    got = family.given.cdf(family.given.values_of(np.where(np.broadcast_to(family.given.circular, d), circle, line)))
    assert got.min() >= 0 and got.max() <= 1 and np.diff(got, axis=0).min() >= -1e-14
    assert_allclose(got[0], 0, atol=1e-12)
    assert_allclose(got[-1], 1, atol=1e-12)


@every_family
def test_draws_follow_it(family):
    """The largest distance between it and the distribution of draws (Kolmogorov), in each state and column."""
    if without_cdf(family):
        return
    n = 1000
    for state in range(3):
        drawn = np.asarray(family.given.sample(np.full(n, state), np.random.default_rng(state)), dtype=float)
        drawn = drawn.reshape(n, -1)
        values = np.sort(drawn, axis=0)
        got = family.given.cdf(family.given.values_of(values))[:, state]
        apart = np.abs(got - np.stack([np.searchsorted(v, v, side="right") for v in values.T], axis=1) / n)
        assert apart.max() < 2.2 / np.sqrt(n)


# -------------------------------------------------------------------------------------------------------------- SciPy


REAL = np.array([-1e200, -1e5, -30, -2, -1e-9, 0, 0.5, 1.5, 7, 3e8, 1e300])
POSITIVE = np.array([0, 1e-300, 1e-9, 0.3, 1, 7.5, 40, 900, 1e300])
COUNTS = np.array([-3, 0, 0.5, 1, 2, 7, 40, 400, 5000.0])


def test_it_is_scipys():
    stats = pytest.importorskip("scipy.stats")
    shares = np.array([-1, 0, 1e-300, 1e-9, 0.2, 0.5, 0.999, 1 - 1e-16, 1, 2])
    cases = [
        (Gaussian([1.5], [4]), stats.norm(1.5, 2), REAL),
        (LogNormal([0.7], [0.25]), stats.lognorm(0.5, scale=np.exp(0.7)), POSITIVE),
        (Exponential([0.4]), stats.expon(scale=2.5), POSITIVE),
        *((StudentT([1.5], [2], [v]), stats.t(v, 1.5, 2), REAL) for v in (0.1, 1, 3.5, 9, 200, 1e5)),
        *((Gamma([a], [0.4]), stats.gamma(a, scale=2.5), POSITIVE) for a in (1e-4, 0.5, 1, 2.5, 30, 360, 2250)),
        *((Beta([a], [b]), stats.beta(a, b), shares) for a in (0.01, 0.4, 7, 600) for b in (0.02, 1, 50, 3e4)),
        *((Poisson([m]), stats.poisson(m), COUNTS) for m in (0, 1e-9, 3.5, 40, 380)),
        *(
            (NegativeBinomial([r], [p]), stats.nbinom(r, p), COUNTS)
            for r in (0.01, 2.5, 300)
            for p in (1e-3, 0.3, 0.99, 1)
        ),
        *((Bernoulli([p]), stats.bernoulli(p), COUNTS) for p in (0, 0.3, 1)),
        *((Multinomial([[p, 1 - p]], n_draws=n), stats.binom(n, p), COUNTS) for n in (1, 50) for p in (0, 0.3, 1)),
    ]  # fmt: skip
    with np.errstate(all="ignore"):
        for emission, theirs, x in cases:
            mine = emission.cdf(np.tile(x[:, None], (1, emission.n_features)))[:, 0, 0]
            assert_allclose(mine, theirs.cdf(x), err_msg=f"{emission} {theirs.args}", **CLOSE)


def test_special_functions_are_scipys():
    sc = pytest.importorskip("scipy.special")
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        a = 10 ** rng.uniform(-2, 2, 3000)
        x = a * 10 ** rng.normal(0, 0.5, 3000)
        lower, upper = special.gamma_cdf(a, x)
        assert_allclose(lower, sc.gammainc(a, x), rtol=1e-12)
        assert_allclose(upper, sc.gammaincc(a, x), rtol=1e-12, atol=1e-15)
        a, b = 10 ** rng.uniform(-2, 4, (2, 3000))
        x = rng.beta(a, b) * np.where(rng.random(3000) < 0.5, 1, rng.random(3000))
        assert_allclose(special.beta_cdf(a, b, x, 1 - x)[0], sc.betainc(a, b, x), rtol=1e-11, atol=1e-14)


def test_tails_of_large_shapes_keep_their_digits():
    """Computed once with 40 digits (mpmath): SciPy's gammainc is off by 1.5e-6 here."""
    lower, _ = special.gamma_cdf(811283.4298506425, 807011.2600342022)
    assert_allclose(lower, 1.011664200183726005603744779e-06, rtol=1e-12)
    a, b, x = 452.33521688332576, 1.3775983294732823, 0.6368798288738853
    assert_allclose(special.beta_cdf(a, b, x, 1 - x)[0], 1.807160930809649997492782997e-88, rtol=1e-12)


@pytest.mark.parametrize("kappa", [0, 1e-9, 0.5, 5, 60, 2000, 1e6])
def test_angles_are_added_up(kappa):
    """By Gauss and Legendre's rule on pieces that the density does not change much on."""
    emission = VonMises([0.3], [kappa])
    x = np.sort(np.r_[np.linspace(-np.pi, np.pi, 21), 0.3 + np.arange(-3, 3) / np.sqrt(max(kappa, 2))])
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.unique(np.r_[x, np.clip(0.3 + np.linspace(-40, 40, 400) / np.sqrt(max(kappa, 1)), -np.pi, np.pi)])
    half = np.diff(edges) / 2
    places = edges[:-1, None] + half[:, None] * (1 + nodes)
    density = np.exp(emission.log_likelihood(places.reshape(-1, 1))).reshape(places.shape)
    total = np.append(0, np.cumsum((density * weights).sum(axis=1) * half))
    close = {"rtol": 1e-11 + 1e-15 * kappa, "atol": 1e-13}  # the density itself has the error of its exponent
    assert_allclose(emission.cdf(x[:, None])[:, 0, 0], total[np.searchsorted(edges, x)], **close)


def test_symbols_go_by_their_codes_and_nan_stays():
    emission = Categorical([[0.5, 0.2, 0.3], [0, 1, 0]], symbols="abc")
    assert_allclose(emission.cdf(np.array([0, 1, 2]))[..., 0], [[0.5, 0], [0.7, 1], [1, 1]])
    assert_allclose(emission.cdf(np.array([[-0.1], [0.9], [7.0]]))[..., 0], [[0, 0], [0.5, 0], [1, 1]])
    for family in (Gaussian([0], [1]), Gamma([2], [1]), StudentT([0], [1], [3]), Beta([2], [3]), VonMises([0], [1])):
        assert np.isnan(family.cdf(np.array([[np.nan]]))).all()


def test_what_has_none_says_so():
    with pytest.raises(TypeError, match="holds log likelihoods"):
        Precomputed().cdf(np.zeros((2, 2)))
    with pytest.raises(TypeError, match=r"Heaped has no cdf\(values\)"):
        FAMILIES["a family of one's own"].given.cdf(np.zeros((2, 1)))


def test_a_wrong_one_is_told():
    class Late(Poisson):
        def cdf(self, values):
            return super().cdf(values - 1)

    class Flat(Poisson):
        def cdf(self, values):
            return super().cdf(values)[:, :, 0]

    with pytest.raises(AssertionError, match=r"it differs by 0.* share of 500 draws"):
        check_emission(Late(), [1, 2, 1, 0, 9, 8, 11, 9])
    with pytest.raises(AssertionError, match="give the shape"):
        check_emission(Flat(), [1, 2, 1, 0, 9, 8, 11, 9])


# ------------------------------------------------------------------------------------------------- what is missing


@pytest.mark.parametrize("name", [name for name, f in FAMILIES.items() if f.grid.values.shape[1] == 2 and f.given.gaps])
def test_missing_columns_are_expected_and_drawn_given_the_others(name):
    """Against sums of the joint density over the column that is missing."""
    emission, grid = FAMILIES[name].given, FAMILIES[name].grid
    for seen, gone in ((0, 1), (1, 0)):
        pick = np.unique(grid.values[:, seen])[len(np.unique(grid.values[:, seen])) // 2]
        rows = grid.values[:, seen] == pick
        density = grid.measure[rows, None] * densities(emission, grid.values[rows])
        density /= np.where(density.sum(axis=0) > 0, density.sum(axis=0), 1)
        possible = density.sum(axis=0) > 0.5
        column = grid.values[rows, gone]
        one = np.full((1, 2), np.nan)
        one[0, seen] = pick
        observed = prepared(emission, one)[1]
        expected = emission.expected(observed.distinct)[0]
        circular = np.broadcast_to(emission.circular, 2)[gone]
        wanted = np.exp(1j * column) @ density if circular else column @ density
        assert_allclose(expected[possible, gone], wanted[possible], rtol=1e-6, atol=1e-9)
        states = np.repeat(np.flatnonzero(possible), 4000)
        many = prepared(emission, np.tile(one, (len(states), 1)))[1]
        values = many.distinct[many.index]
        drawn = np.asarray(emission.sample_given(values, states, np.random.default_rng(0)))[:, gone]
        drawn = drawn.reshape(-1, 4000)
        deviation = np.sqrt(np.maximum(column**2 @ density - (column @ density) ** 2, 0))[possible]
        assert (np.abs(drawn.mean(axis=1) - (column @ density)[possible]) <= 5 * deviation / 60 + 1e-9).all()


def test_log_normal_columns_that_depend_on_each_other():
    emission = LogNormal([[0.5, 1]], [[[0.3, 0.2], [0.2, 0.4]]], covariance="full")
    x = np.array([[2.0, np.nan]])
    mean = 1 + 0.2 / 0.3 * (np.log(2) - 0.5)
    assert_allclose(emission.expected(x)[0, 0, 1], np.exp(mean + (0.4 - 0.2**2 / 0.3) / 2))
    drawn = emission.sample_given(np.tile(x, (20000, 1)), np.zeros(20000, dtype=int), np.random.default_rng(0))[:, 1]
    assert_allclose(np.median(np.log(drawn)), mean, atol=0.02)


# --------------------------------------------------------------------------------------------------------- mixed angles


def test_mixtures_of_angles_have_mean_directions():
    mixture = Mixture(VonMises([3, -3], [50, 50]), 2, [[0.5, 0.5]])
    assert_allclose(np.abs(mixture.mean()), np.pi)
    drawn = mixture.sample(np.zeros(20000, dtype=int), np.random.default_rng(0))
    assert_allclose(mixture.variance(), 1 - np.abs(np.exp(1j * drawn).mean()), atol=2e-3)
    zero = ZeroInflated(VonMises([2], [9]), [0.5])
    drawn = zero.sample(np.zeros(20000, dtype=int), np.random.default_rng(0))
    assert_allclose(zero.mean()[0, 0], np.angle(np.exp(1j * drawn).mean()), atol=0.03)
