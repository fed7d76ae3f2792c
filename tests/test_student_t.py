"""StudentT: degrees of freedom climb the likelihood itself, and never lower it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from chmm import Model, StudentT, sequences
from chmm.emissions.special import half_step, half_step_slope

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def one_state(x, **options):
    emission = StudentT(**options)
    data = sequences.read(np.asarray(x, dtype=float))
    emission.prepare(emission.survey(data), 1, 0.0)
    return emission, emission.check(data).distinct


@pytest.mark.parametrize("v", [0.1, 0.7, 3.0, 30.0, 1e3, 1e6])
@pytest.mark.parametrize("tails", [0.5, 3, 100])
def test_the_bound_lies_below_the_likelihood_and_touches_it(v, tails):
    x = np.random.default_rng(0).standard_t(tails, size=300)
    emission, values = one_state(x, locations=[0.1], scales=[1.3], dofs=[v], prior=0)
    weights = np.ones((len(values), 1))
    statistics = emission.statistics(values, weights)
    before = emission.log_likelihood(values).sum()
    best, gain = emission._dofs(*(statistics[key] for key in ("weights", "slopes", "bends")))
    after = StudentT([0.1], [1.3], best).log_likelihood(values).sum()
    assert gain[0, 0] >= 0 and after - before >= gain[0, 0] - 1e-9 * abs(before)
    if 1 < v < 1e5:  # slope and curvature at v are those of the likelihood
        at = [StudentT([0.1], [1.3], [v * f]).log_likelihood(values).sum() for f in (1 - 1e-3, 1, 1 + 1e-3)]
        slope = (at[2] - at[0]) / (2e-3 * v)
        ours = statistics["slopes"][0, 0] + len(x) * half_step_slope(np.array(v / 2)) / 2
        assert_allclose(ours, slope, rtol=1e-3, atol=1e-5 * len(x) / v**2)


@pytest.mark.parametrize("tails", [0.8, 2, 5, 20])
def test_one_state_finds_scipys_maximum(tails):
    stats = pytest.importorskip("scipy.stats")
    optimize = pytest.importorskip("scipy.optimize")
    x = 3 + 0.01 * np.random.default_rng(1).standard_t(tails, size=1000)
    model = Model(1, StudentT(prior=0), random_state=0, tol=0, max_iter=400).fit(x)
    z = (x - 3) / 0.01

    def loss(p):
        return -stats.t.logpdf(z, np.exp(p[2]), p[0], np.exp(p[1])).sum()

    best = optimize.minimize(loss, [0, 0, np.log(tails)], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8})
    assert_allclose(model.score(x), -best.fun - len(x) * np.log(0.01), atol=1e-4)
    assert np.diff(model.history_).min() > -1e-9 * abs(model.history_[0])


def test_nearly_normal_returns_converge():
    """EM's own steps in the degrees of freedom took more than 300 here."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        calm = np.repeat(rng.integers(0, 2, 25), 40) == 0
        x = rng.normal(size=1000) * np.where(calm, 0.005, 0.02)
        model = Model(2, StudentT(), random_state=0).fit(x)
        assert model.converged_ and model.n_iter_ < 150
        assert np.diff(model.history_).min() > -1e-9 * abs(model.history_[0])


def test_a_start_has_light_tails():
    emission, values = one_state(np.random.default_rng(0).standard_t(2, size=50))
    emission.start(values, np.ones((len(values), 1)), np.random.default_rng(0))
    assert emission.dofs == 30


def test_half_steps_are_scipys():
    theirs = pytest.importorskip("scipy.special")
    x = np.logspace(-3, 3, 500)
    log, slope = half_step(x), half_step_slope(x)
    assert_allclose(log, theirs.gammaln(x + 0.5) - theirs.gammaln(x) - np.log(x) / 2, rtol=1e-8, atol=1e-12)
    assert_allclose(slope, theirs.digamma(x + 0.5) - theirs.digamma(x) - 0.5 / x, rtol=1e-6, atol=1e-14)
    assert_allclose(half_step(np.array([1e9])), -1 / 8e9, rtol=1e-9)
