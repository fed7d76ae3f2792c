"""What a family expects before the data: bounded, saved, told, and next to nothing where there are data."""

import copy

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
    Mixture,
    Model,
    NegativeBinomial,
    Poisson,
    StudentT,
    VonMises,
    sequences,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

# values, a constant, and a later value that is not unheard of
FAMILIES = {
    "Bernoulli": (Bernoulli, lambda rng: rng.integers(0, 2, (60, 1)), 0, 1),
    "Beta": (Beta, lambda rng: rng.beta(2, 5, (60, 1)), 0.25, 0.5),
    "Exponential": (Exponential, lambda rng: rng.exponential(3, (60, 1)), 2.0, 4.0),
    "Exponential of zeros": (Exponential, lambda rng: rng.exponential(3, (60, 1)), 0.0, 1.0),
    "Gamma": (Gamma, lambda rng: rng.gamma(2, 3, (60, 1)), 2.0, 4.0),
    "Gaussian": (Gaussian, lambda rng: rng.normal(size=(60, 1)), 2.0, 4.0),
    "LogNormal": (LogNormal, lambda rng: np.exp(rng.normal(size=(60, 1))), 2.0, 4.0),
    "NegativeBinomial": (NegativeBinomial, lambda rng: rng.negative_binomial(2, 0.2, (60, 1)), 0, 1),
    "Poisson": (Poisson, lambda rng: rng.poisson(4, (60, 1)), 0, 1),
    "StudentT": (StudentT, lambda rng: rng.standard_t(4, (60, 1)), 2.0, 4.0),
    "VonMises": (VonMises, lambda rng: rng.vonmises(1, 2, (60, 1)), 1.0, 2.0),
}
every_family = pytest.mark.parametrize("name", FAMILIES)


def prepared(emission, x, n_states=2):
    emission, data = copy.deepcopy(emission), sequences.read(np.asarray(x, dtype=float))
    emission.prepare(emission.survey(data), n_states, 0.0)
    return emission, emission.check(data).distinct


def moved(emission, rng, size):
    other = copy.copy(emission)
    for name in emission.parameters:
        value = getattr(emission, name)
        noise = size * rng.standard_normal(value.shape)
        if name in ("means", "locations"):
            value = value + noise * (1 if "dofs" not in emission.parameters else emission.scales)
        elif name == "probs":
            value = value * np.exp(noise) / (1 - value + value * np.exp(noise))
        else:
            value = value * np.exp(noise)
        setattr(other, name, value)
    return other


@every_family
@pytest.mark.parametrize("prior", [0.0, 1e-3, 5.0])
def test_an_update_maximises_the_likelihood_and_the_prior(name, prior):
    family, draw, *_ = FAMILIES[name]
    rng = np.random.default_rng(0)
    emission, values = prepared(family(prior=prior), draw(rng))
    weights = rng.random((len(values), 2))
    emission.start(values, weights, rng)

    def objective(e):
        return (weights * e.log_likelihood(values)).sum() + e.log_prior()

    for _ in range(emission.max_inner_iter):
        before = objective(emission)
        emission.update(emission.statistics(values, weights))
        assert objective(emission) >= before - 1e-9 * abs(before)
    best = objective(emission)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(5):
            assert objective(moved(emission, rng, size)) <= best + 1e-6


@every_family
def test_a_state_that_saw_nothing_maximises_the_prior(name):
    """As far as there is one: Gaussian means and locations stay."""
    family, draw, *_ = FAMILIES[name]
    rng = np.random.default_rng(1)
    emission, values = prepared(family(prior=2.0), draw(rng))
    weights = np.column_stack([rng.random(len(values)), np.zeros(len(values))])
    emission.start(values, weights[:, ::-1], rng)
    for _ in range(100):
        emission.update(emission.statistics(values, weights))
    best = emission.log_prior()
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(5):
            other, trial = copy.copy(emission), moved(emission, rng, size)
            for parameter in emission.parameters:
                value = np.array(getattr(emission, parameter))
                value[1] = getattr(trial, parameter)[1]
                setattr(other, parameter, value)
            assert other.log_prior() <= best + 1e-7


@every_family
def test_nothing_is_certain_or_impossible_because_nobody_saw_it(name):
    """Columns that hold one value only, or none, beside one that varies."""
    family, draw, constant, later = FAMILIES[name]
    x = draw(np.random.default_rng(2)).astype(float)
    for other in (np.full_like(x, constant), np.full_like(x, np.nan)):
        data = np.hstack([x, other])
        model = Model(2, family(), random_state=0, n_init=1, tol=0, max_iter=60).fit(data)
        assert np.isfinite(model.history_).all()
        assert np.diff(model.history_).min(initial=0) > -1e-9 * np.abs(model.history_).max()
        first = data[:1].copy()
        first[0, 1] = np.nan
        drop = model.score(first) - model.score(np.where(np.isnan(first), later, first))
        if np.isnan(other[0, 0]):
            assert drop < 10
        elif name not in ("Gaussian", "LogNormal", "StudentT"):  # which have a right to be sharp
            assert drop < 1000
        if np.isnan(other[0, 0]):
            assert (0, "column 1") in [tuple(cell) for cell in model.report_["cells_without_evidence"]]


@every_family
def test_a_loaded_model_has_the_prior_of_the_saved_one(name, tmp_path):
    family, draw, *_ = FAMILIES[name]
    for emission in (family(prior=0.5), Mixture(family(prior=0.5), 2)):
        model = Model(2, emission, random_state=0, max_iter=3).fit(draw(np.random.default_rng(3)))
        model.save(tmp_path / "model")
        loaded = Model.load(tmp_path / "model")
        assert loaded.emission_.log_prior() == model.emission_.log_prior() != 0
        assert "prior" in loaded.emission_.settings() or loaded.emission_.members


@every_family
def test_surveys_of_parts_add_up_to_that_of_the_whole(name):
    family, draw, *_ = FAMILIES[name]
    x = draw(np.random.default_rng(4)).astype(float)
    x = np.hstack([x, x[::-1]])
    x[5, 1] = x[:20, 0] = np.nan
    whole, _ = prepared(family(), x)
    parts = copy.deepcopy(family())
    surveys = [parts.survey(sequences.read(x[some])) for some in (slice(0, 20), slice(20, 33), slice(33, None))]
    parts.prepare(sum(surveys), 2, 0.0)
    for array in whole.prepared:
        assert_allclose(getattr(parts, array), getattr(whole, array), rtol=1e-12, atol=1e-12)


@every_family
def test_the_default_hardly_changes_a_fit(name):
    family, draw, *_ = FAMILIES[name]
    x = draw(np.random.default_rng(5))
    y = [np.random.default_rng(6).integers(0, 2, 60)]
    with_prior, without = (
        Model(emission=family(**options)).fit([x], y).score([x], y) for options in ({}, {"prior": 0})
    )
    assert_allclose(with_prior, without, atol=1e-6)


def test_what_is_at_a_limit_is_told():
    x = np.r_[np.full(30, 2.0), np.random.default_rng(0).gamma(2, 5, 30)]
    for emission, name in ((Gamma(prior=0), "shapes"), (Exponential(prior=0), None)):
        report = Model(2, emission, random_state=0).fit([x], [np.repeat([0, 1], 30)]).report_
        limits = [tuple(item) for item in report.get("at_limits", [])]
        assert limits == ([(0, f"{name}, column 0")] if name else [])
    y = [np.repeat([0, 1], 30)]
    shares = np.r_[np.full(30, 0.5), np.random.default_rng(0).beta(2, 5, 30)]
    report = Model(emission=Beta(prior=0)).fit([shares], y).report_
    assert [tuple(item) for item in report["at_limits"]] == [(0, "a, column 0"), (0, "b, column 0")]
    assert "at_limits" not in Model(emission=Beta()).fit([shares], y).report_
    report = Model(emission=Beta([1e6, 2], [2, 5], prior=0, frozen="a")).fit([shares], y).report_
    assert [tuple(item) for item in report["at_limits"]] == [(0, "b, column 0")]
    zeros = np.r_[np.zeros(30), np.ones(30)]
    report = Model(2, Exponential(prior=0)).fit([zeros], [np.repeat([0, 1], 30)]).report_
    assert tuple(report["at_limits"][0]) == (0, "rates, column 0")


@pytest.mark.parametrize(
    "family", [Bernoulli, Beta, Exponential, Gamma, Gaussian, NegativeBinomial, StudentT, VonMises]
)
@pytest.mark.parametrize("prior", [-1, np.nan, np.inf, "much", True])
def test_a_prior_that_is_no_number_of_steps(family, prior):
    with pytest.raises((TypeError, ValueError), match="prior"):
        family(prior=prior)


def test_structural_numbers_stay_and_add_nothing():
    x = np.array([[0, 1], [0, 0], [1, 1], [1, 0], [0, 1]])
    model = Model(startprob=[0.5, 0.5], transmat=[[0.5, 0.5]] * 2, emission=Bernoulli([[0, 0.5], [0.6, 1]])).fit(
        x[[0, 2]]
    )
    assert_array_equal(model.emission_.probs[[0, 1], [0, 1]], [0, 1])
    assert np.isfinite(model.history_).all()
    model = Model(startprob=[0.5, 0.5], transmat=[[0.5, 0.5]] * 2, emission=Poisson([0, 4])).fit([0, 3, 0, 5])
    assert model.emission_.rates[0, 0] == 0 and np.isfinite(model.history_).all()
