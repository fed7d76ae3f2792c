"""Zeros of another cause: known answers, columns, what is held, what is refused."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize, stats

from chmm import (
    Bernoulli,
    Categorical,
    Gamma,
    Gaussian,
    LogNormal,
    Mixture,
    Model,
    Multinomial,
    NegativeBinomial,
    PerState,
    Poisson,
    Product,
    StudentT,
    ZeroInflated,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
CHAIN = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]]}


def zero_inflated_poisson(x, weights):
    """(zeros, rate) that maximise the log likelihood, by a general optimiser."""

    def loss(p):
        z, rate = 1 / (1 + np.exp(-p[0])), np.exp(p[1])
        return -(weights * np.log(z * (x == 0) + (1 - z) * stats.poisson.pmf(x, rate))).sum()

    best = optimize.minimize(loss, [0.0, np.log(x.mean() + 0.5)], method="Nelder-Mead",
                             options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000})  # fmt: skip
    return 1 / (1 + np.exp(-best.x[0])), np.exp(best.x[1])


def test_labelled_counts_against_a_direct_maximiser():
    x, y = Model(**CHAIN, emission=ZeroInflated(Poisson([2, 9]), [0.6, 0.2])).sample(400, random_state=1)
    m = Model(emission=ZeroInflated(Poisson(prior=0), prior=0)).fit([x], [y])
    for i in range(2):
        want = zero_inflated_poisson(x[y == i], np.ones((y == i).sum()))
        got = m.emission_.zeros[i, 0], m.emission_.family.rates[i, 0]
        assert_allclose(got, want, rtol=1e-5)


def test_em_of_one_state_against_a_direct_maximiser():
    x = np.where(np.arange(300) % 3 == 0, 0, np.random.default_rng(2).poisson(3, 300))
    m = Model(1, ZeroInflated(Poisson(prior=0), prior=0), tol=1e-10, random_state=0).fit(x)
    assert_allclose([m.emission_.zeros.item(), m.emission_.family.rates.item()],
                    zero_inflated_poisson(x, np.ones(300)), rtol=1e-4)  # fmt: skip


def test_the_zeros_of_measurements_are_the_share_of_zeros():
    """Two parts that do not know of each other: the zeros, and the family of the rest."""
    x, y = Model(**CHAIN, emission=ZeroInflated(Gamma([2, 9], [2, 1]), [0.6, 0.2])).sample(400, random_state=1)
    m = Model(emission=ZeroInflated(Gamma(prior=0), prior=0)).fit([x], [y])
    rest = Model(emission=Gamma(prior=0)).fit([x[x > 0]], [y[x > 0]])
    assert_allclose(m.emission_.zeros[:, 0], [(x[y == i] == 0).mean() for i in range(2)])
    assert_allclose(m.emission_.family.shapes, rest.emission_.shapes, rtol=1e-9)
    assert_allclose(m.emission_.family.rates, rest.emission_.rates, rtol=1e-9)
    with_prior = Model(emission=ZeroInflated(Gamma(), prior=10)).fit([x], [y])
    n = np.bincount(y)
    zeros = np.bincount(y, x == 0)
    assert_allclose(with_prior.emission_.zeros[:, 0], (zeros + 5) / (n + 10))


@pytest.mark.parametrize("family", [Poisson([[2.0, 5], [9, 1]]), Gamma([[2, 3], [9, 9]], [[2, 1], [1, 1]])])
def test_densities_by_column(family):
    zeros = np.array([[0.6, 0.1], [0.2, 0.5]])
    x = np.array([[0, 0], [0, 3], [4, 0], [2, 7], [np.nan, 0], [0, np.nan], [1, np.nan]])
    logs = ZeroInflated(family, zeros).log_likelihood(x)
    want = np.zeros((len(x), 2))
    for t, k in np.ndindex(x.shape):
        if np.isnan(x[t, k]):
            continue
        one = np.full((1, 2), np.nan)
        one[0, k] = x[t, k]
        own = np.exp(family.log_likelihood(one))[0] if x[t, k] or family.counts else 0.0
        want[t] += np.log(zeros[:, k] * (x[t, k] == 0) + (1 - zeros[:, k]) * own)
    assert_allclose(logs, want, rtol=1e-12)


def test_given_zeros_and_ones_are_structural():
    x = np.array([0, 0, 3, 0, 5, 2, 0, 0, 7.5, 0])
    m = Model(**CHAIN, emission=ZeroInflated(Gamma([1, 2], [1, 1]), [0, 0.5])).fit(x)
    assert m.emission_.zeros[0, 0] == 0 and 0 < m.emission_.zeros[1, 0] < 1
    assert m.predict(x)[x == 0].tolist() == [1] * 6
    m = Model(**CHAIN, emission=ZeroInflated(Gamma([1, 2], [1, 1]), [1, 0.1])).fit(x)
    assert m.emission_.zeros[0, 0] == 1 and np.isfinite(m.history_).all()
    assert (m.predict(x)[x > 0] == 1).all()


def test_frozen_zeros_and_a_frozen_family():
    x = ZeroInflated(Poisson([2, 9]), [0.6, 0.2]).sample(np.arange(400) // 200, np.random.default_rng(0))
    m = Model(2, ZeroInflated(Poisson(), [0.6, 0.3], frozen={"zeros": [True, False]}), random_state=0).fit(x)
    assert m.emission_.zeros[0, 0] == 0.6 and m.emission_.zeros[1, 0] != 0.3
    m = Model(2, ZeroInflated(Poisson([2, 9], frozen="rates")), random_state=0).fit(x)
    assert_array_equal(m.emission_.family.rates[:, 0], [2, 9])
    assert_allclose(m.emission_.zeros[:, 0], [0.6, 0.2], atol=0.1)


def test_moments_are_those_of_samples():
    for emission in (ZeroInflated(Poisson([2, 9]), [0.6, 0.2]), ZeroInflated(Gaussian([-3, 2], [1, 4]), [0.3, 0.5])):
        drawn = emission.sample(np.repeat([0, 1], 40_000), np.random.default_rng(0)).reshape(2, 40_000, -1)
        assert_allclose(emission.mean(), drawn.mean(axis=1), atol=0.06)
        assert_allclose(emission.variance(), drawn.var(axis=1), rtol=0.04)


def test_saved_and_reported(tmp_path):
    x, _ = Model(**CHAIN, emission=ZeroInflated(NegativeBinomial([2, 9], [0.5, 0.4]), [0.6, 0.2])).sample(
        300, random_state=0
    )
    m = Model(2, ZeroInflated(NegativeBinomial(), prior=0.5), random_state=0, max_iter=20).fit(x)
    m.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert again.score(x) == m.score(x) and repr(again) == repr(m) and "zeros" in repr(m)
    assert again.emission_.log_prior() == m.emission_.log_prior() and again.emission_.prior == 0.5
    nobody = Model(2, ZeroInflated(Gamma()), random_state=0).fit(np.zeros(20))
    assert nobody.report_["cells_without_evidence"] == [(0, "column 0"), (1, "column 0")]
    assert nobody.score(np.array([0.0, 1.5])) > -50


def test_em_climbs_and_finds_what_was_drawn():
    truth = Model(**CHAIN, emission=ZeroInflated(Gamma([[2, 3], [20, 9]], [[2, 2], [2, 1]]), [[0.7, 0.1], [0.2, 0.5]]))
    x = truth.sample(3000, random_state=0).X
    x[::50, 0] = np.nan
    m = Model(2, ZeroInflated(Gamma()), random_state=0).fit(x)
    assert np.diff(m.history_).min() > -1e-8
    assert m.score(x) > truth.score(x) - 1
    order = np.argsort(m.emission_.family.mean()[:, 0])
    assert_allclose(m.emission_.zeros[order], [[0.7, 0.1], [0.2, 0.5]], atol=0.05)


def test_inside_of_others():
    """Mixture, Product and PerState of it, with zeros in some states only."""
    x, _ = Model(**CHAIN, emission=ZeroInflated(Gamma([2, 20], [2, 2]), [0.7, 0.2])).sample(300, random_state=0)
    for emission in (
        Mixture(ZeroInflated(Gamma()), 2),
        PerState([ZeroInflated(Gamma()), LogNormal()]),
        PerState([Gamma(), ZeroInflated(Poisson())]),
    ):
        y = np.round(x) if "Poisson" in repr(emission) else x
        m = Model(2, emission, random_state=0, max_iter=30).fit(y)
        assert np.isfinite(m.history_).all() and np.diff(m.history_).min() > -1e-8
    m = Model(2, Product(rain=ZeroInflated(Gamma()), wind=Gaussian()), random_state=0, max_iter=30)
    assert np.isfinite(m.fit(np.column_stack([x, x + 1])).history_).all()


@pytest.mark.parametrize(
    "family",
    [Bernoulli(), Multinomial(), Categorical(), ZeroInflated(Gamma()), Product(Gamma()), PerState([Gamma()]), "gamma"],
)
def test_families_that_it_cannot_take(family):
    with pytest.raises(TypeError, match="must be a family of measurements or counts"):
        ZeroInflated(family)


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="parameters for 2 states; zeros has shape"):
        ZeroInflated(Poisson([1, 2]), [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"zeros\[1, 0\] = 1.2 must be <= 1"):
        ZeroInflated(Poisson(), [0.1, 1.2])
    with pytest.raises(ValueError, match="step 1: -2 is outside what ZeroInflated takes, 0, or numbers > 0"):
        Model(2, ZeroInflated(Gamma())).fit([0.0, -2, 1])
    with pytest.raises(ValueError, match=r"2 columns, of which .* Product"):
        Model(2, ZeroInflated(Mixture(Poisson(), 2))).fit(np.array([[0, 1], [2, 3], [1, 1]]))
    assert Model(2, ZeroInflated(StudentT()), random_state=0).fit(np.array([[0, 1.5], [2, 0], [1, 1]])) is not None


def test_the_original_stays():
    family = Poisson([1.0, 2])
    emission = ZeroInflated(family, [0.5, 0.5])
    Model(**CHAIN, emission=emission, max_iter=3).fit([0, 0, 5, 3, 0, 1])
    assert_array_equal(family.rates[:, 0], [1, 2])
    assert_array_equal(copy.deepcopy(emission).zeros[:, 0], [0.5, 0.5])
