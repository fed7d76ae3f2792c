"""The score vector, coordinates, the number of free parameters, standard errors and the bootstrap."""

import ast
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_em_of_families import NILE, QUAKES
from test_families import FAMILIES

from chmm import (
    Bernoulli,
    Categorical,
    Exponential,
    Gaussian,
    Mixture,
    Model,
    NegativeBinomial,
    PerState,
    Poisson,
    Product,
    StudentT,
    Tied,
    ZeroInflated,
    m_step,
    uncertainty,
)
from chmm.coordinates import difference

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

COUNTS = np.array(QUAKES.split(), dtype=int)
FLOW = np.array(NILE.split(), dtype=float)


def slope_of(function, vector, units):
    """The gradient of a function of a vector, by differences."""
    rows = np.eye(len(vector)) * 1e-3 * units[:, None]
    return np.array([difference(lambda k, row=row: function(vector + k * row), 1) for row in rows]) / (1e-3 * units)


def assert_gradient(model, X, atol=1e-6, **options):
    """The score vector is what differences of log P give."""
    vector, units = model.to_vector(), uncertainty._units(model._coordinates())
    mine = model.gradient(X, **options) * units
    by_differences = slope_of(lambda v: model.with_vector(v).score(X, **options), vector, units) * units
    assert mine.shape == (model.n_parameters_,) == (len(model.vector_names_),)
    assert_allclose(mine, by_differences, rtol=1e-6, atol=atol)
    assert np.abs(mine).max(initial=0) > 1e-3  # and not nothing


def chain(n, seed=0, **options):
    rng = np.random.default_rng(seed)
    return {"startprob": rng.dirichlet(np.ones(n)), "transmat": rng.dirichlet(np.full(n, 2.0), n), **options}


# The score vector -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_the_score_vector_of_every_family(name):
    emission = FAMILIES[name].given
    rng = np.random.default_rng(0)
    X = [emission.sample(rng.integers(0, 3, n), rng) for n in (25, 4)]
    assert_gradient(Model(**chain(3), emission=emission), X)


OPTIONS = {
    "stationary": {"startprob": "stationary"},
    "frozen": {"frozen": ("transmat",)},
    "frozen entries": {"frozen": {"transmat": np.eye(3, dtype=bool), "startprob": np.array([True, False, False])}},
    "stationary with frozen entries": {"startprob": "stationary", "frozen": {"transmat": np.eye(3, dtype=bool)}},
    "zeros": {"startprob": [0.4, 0, 0.6], "transmat": [[0.5, 0.5, 0], [0, 0.7, 0.3], [0.2, 0.2, 0.6]]},
    "topology": {"startprob": None, "topology": "bakis", "transmat": [[0.5, 0.3, 0.2], [0, 0.6, 0.4], [0, 0, 1]]},
    "ends": {"endprob": [0.1, 0.3, 0.0]},
    "ends, frozen": {"endprob": [0.1, 0.3, 0.2], "frozen": {"endprob": np.array([False, True, False])}},
    "final states": {"final_states": [1, 2]},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_score_vector_under_every_option(name):
    m = Model(**{**chain(3), "emission": Poisson([2, 5, 11]), **OPTIONS[name]})
    X = [[1, 4, 12, 9, 3, 6], [3, 2, 7, 15], [2, 8]]
    assert_gradient(m, X)
    labels = [[0, None, None, None, 1, None], [None] * 4, [None, 2]]
    if "ends" in name or name == "final states":
        assert_gradient(m, X, ended=[True, False, False])
    elif name != "zeros":
        assert_gradient(m, X, known=labels)
    likelihoods = [np.random.default_rng(s).uniform(0.1, 2, (len(x), 3)) for s, x in enumerate(X)]
    assert_gradient(m, X, known=likelihoods)


GAPS = [[1.0, 2], [np.nan, 1.5], [3, np.nan], [np.nan, np.nan], [0.4, 4], [2.5, np.nan]]


@pytest.mark.parametrize("form", ["spherical", "diag", "full", "tied"])
def test_the_score_vector_where_values_are_missing(form):
    full = [[[1.0, 0.5], [0.5, 2]], [[2, -0.3], [-0.3, 1]]]
    shape = {"spherical": [1.0, 2], "diag": [[1.0, 2], [2, 1]], "full": full, "tied": full[0]}[form]
    m = Model(**chain(2), emission=Gaussian([[1, 2], [3, 0]], shape, covariance=form))
    assert_gradient(m, np.array(GAPS))


SQUARE = [[1, 0.2], [0.2, 1]]


def test_the_score_vector_of_what_is_frozen_in_the_emission():
    emissions = [
        Gaussian([0, 4], [1, 2], frozen=("means",)),
        Gaussian([[0, 1], [4, 2]], [SQUARE] * 2, covariance="full", frozen={"covariances": [True, False]}),
        Tied(Gaussian([0, 4], [1, 2]), [0, 1, 1]),
        Categorical([[0.5, 0.5, 0], [0.2, 0.3, 0.5]]),
        Bernoulli([[1.0, 0.2], [0.4, 0.6]]),
        NegativeBinomial([2, 4], [0.4, 0.3], frozen={"sizes": [True, False]}),
        Mixture(Poisson([1, 3, 8, 12]), 2, [[0.5, 0.5], [0.2, 0.8]], frozen="weights"),
        ZeroInflated(Poisson([3, 8]), [0.3, 0.0]),
        PerState([Gaussian([0], [1]), StudentT([4], [1], [5], frozen="dofs")]),
        Product(Poisson([3, 8], frozen="rates"), Categorical([[0.3, 0.7], [0.9, 0.1]])),
    ]
    for emission, n_free in zip(emissions, [2, 7, 4, 3, 3, 3, 4, 3, 4, 2], strict=True):
        n = emission.n_states
        m = Model(**chain(n), emission=emission)
        assert_gradient(m, emission.sample(np.arange(12) % n, np.random.default_rng(1)))
        assert m.n_parameters_ == n * n - 1 + n_free, emission


def test_the_gradient_of_the_objective_has_the_prior():
    x = np.random.default_rng(0).gamma(2, 2, 30)
    for family in ("gamma", "gaussian", "student-t", "log-normal", "exponential"):
        m = Model(2, family, pseudocount=0.3, n_init=1, max_iter=5, random_state=0).fit(x)
        assert_objective(m, x)
    y = np.random.default_rng(0).negative_binomial(2, 0.3, (40, 1))
    few = {"n_init": 1, "max_iter": 5, "random_state": 0}
    families = [
        Categorical(), Poisson(prior=0.5), NegativeBinomial(prior=0.5), ZeroInflated(Poisson(), prior=2.0),
        Mixture(Poisson(prior=1.0), 2), Product(Poisson(prior=0.4), ), Tied(Poisson(prior=0.4), [0, 0]),
    ]  # fmt: skip
    for family in families:
        X = y[:, 0] if isinstance(family, Categorical) else y
        counts = {"transmat": [[2, 1], [1, 2]], "startprob": 1, "emission": 0.5}
        assert_objective(Model(2, family, pseudocount=counts, **few).fit(X), X)
    X = [y[:20, 0], y[20:, 0]]
    assert_objective(Model(2, Poisson(), endprob=True, pseudocount=0.5, **few).fit(X), X)


def assert_objective(m, X):
    asked, structure = m._asked(X, None, None, None, None), m._structure()
    parts, fit = m._coordinates(), m._ready()

    def objective(vector):
        moved = uncertainty.with_vector(structure, fit, parts, vector)
        return m._with(moved).score(X) + m_step.prior(structure, *moved.parameters)

    with np.errstate(all="ignore"):
        units = uncertainty._units(parts)
        mine = uncertainty.ScoreVector(structure, asked).vector(fit, parts, True) * units
        assert_allclose(mine, slope_of(objective, m.to_vector(), units) * units, rtol=1e-5, atol=1e-6)


def test_the_score_vector_in_every_form_of_data():
    m = Model(**chain(2), emission=Poisson([2, 9]))
    X = [[1, 4, 12], [9, 3], []]
    total = sum(m.gradient(x) for x in X)
    assert_allclose(m.gradient(X), total, rtol=1e-12)
    assert_allclose(m.gradient(dict(enumerate(X))), total, rtol=1e-12)
    assert_allclose(m.gradient([1, 4, 12, 9, 3], lengths=[3, 2]), total, rtol=1e-12)
    assert_allclose(m.gradient([1, 4, 12, 9, 3], ids="aaabb"), total, rtol=1e-12)
    for other in (dict(enumerate(X[:2])), X[:2]):
        assert repr(m.summary(other)) == repr(m.summary([1, 4, 12, 9, 3], lengths=[3, 2]))


# The vector -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_every_vector_is_a_model_and_back(name):
    m = Model(**chain(3), emission=FAMILIES[name].given)
    vector = m.to_vector()
    assert np.isfinite(vector).all()
    assert_allclose(m.with_vector(vector).transmat_, m.transmat_, rtol=1e-12)
    other = vector + np.random.default_rng(0).normal(0, 0.3, len(vector))
    there = m.with_vector(other)
    assert_allclose(there.to_vector(), other, rtol=1e-9, atol=1e-9)
    assert_allclose(there.transmat_.sum(axis=1), 1)
    x = m.emission_.sample(np.array([0, 1, 2, 1]), np.random.default_rng(0))
    assert there.score([x]) < np.inf and there.to_vector() is not other
    with pytest.raises(AttributeError, match="cannot be assigned"):
        there.emission_.means = None


def test_zeros_that_were_learnt_have_finite_coordinates():
    m = Model(2, n_init=1, random_state=0).fit([[0, 0, 0, 1, 1, 1]], [[0, 0, 0, 1, 1, 1]])
    assert m.transmat_[1, 0] == 0 and np.isfinite(m.to_vector()).all()
    assert_allclose(m.with_vector(m.to_vector()).transmat_, m.transmat_, atol=1e-250)
    assert np.isfinite(m.gradient([[0, 0, 1, 1]])).all()


def test_what_does_not_move_stays_through_a_vector():
    frozen = {"transmat": np.array([[True, False, False], [False] * 3, [False] * 3])}
    m = Model(startprob=[1, 0, 0], transmat=[[0.4, 0.3, 0.3], [0, 0.5, 0.5], [0.1, 0.1, 0.8]], frozen=frozen,
              emission=Gaussian([0, 4, 9], [1, 1, 1], frozen="covariances"))  # fmt: skip
    assert m.vector_names_ == [
        "transmat[0, 1]", "transmat[1, 1]", "transmat[2, 0]", "transmat[2, 1]", "means[0]", "means[1]", "means[2]"
    ]  # fmt: skip
    other = m.with_vector(m.to_vector() + 1.0)
    assert other.startprob_.tolist() == [1, 0, 0] and other.transmat_[0, 0] == 0.4 and other.transmat_[1, 0] == 0
    fitted = m.fit([0, 4, 9, 9, 4.0])
    other = fitted.with_vector(fitted.to_vector())  # what was found for others is gone
    assert other.loglik_ is None and not hasattr(other, "statistics_") and not len(other.history_)
    assert other.emission_.covariances.ravel().tolist() == [1, 1, 1]


def test_an_optimiser_finds_what_em_finds():
    optimize = pytest.importorskip("scipy.optimize")
    start = Model(startprob="stationary", transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Poisson([15, 26]))
    found = optimize.minimize(
        lambda v: -start.with_vector(v).score(COUNTS), start.to_vector(),
        jac=lambda v: -start.with_vector(v).gradient(COUNTS), method="BFGS",
    )  # fmt: skip
    assert_allclose(-found.fun, -342.3183, atol=1e-4)
    assert_allclose(start.with_vector(found.x).emission_.rates[:, 0], [15.4723, 26.1254], atol=1e-3)


# The number of free parameters ----------------------------------------------------------------------------------------


def test_free_parameters_are_counted():
    two = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.1, 0.9]]}
    both = np.full((2, 2), 0.5)
    assert Model(**two, emission=Poisson([1, 2])).n_parameters_ == 1 + 2 + 2
    assert Model(**{**two, "startprob": "stationary"}, emission=Poisson([1, 2])).n_parameters_ == 2 + 2
    assert Model(**{**two, "startprob": [1, 0]}, emission=Poisson([1, 2])).n_parameters_ == 0 + 2 + 2
    assert Model(**two, emission=Poisson([1, 2]), frozen="startprob").n_parameters_ == 2 + 2
    assert Model(**two, emission=Poisson([1, 2]), endprob=[0.1, 0]).n_parameters_ == 1 + 2 + 2 + 1
    assert Model(**two, emission=Poisson([1, 2]), endprob=[0.1, 1]).n_parameters_ == 1 + 2 + 2 + 1
    assert Model(**two, emission=Categorical([[0.5, 0.5, 0], [0.1, 0.2, 0.7]])).n_parameters_ == 3 + 1 + 2
    means = np.zeros((2, 3))
    for form, n in {"spherical": 2, "diag": 6, "full": 12, "tied": 6}.items():
        given = {"spherical": np.ones(2), "diag": np.ones((2, 3)), "full": [np.eye(3)] * 2, "tied": np.eye(3)}[form]
        assert Model(**two, emission=Gaussian(means, given, covariance=form)).n_parameters_ == 3 + 6 + n
    assert Model(**two, emission=Mixture(Poisson([1, 2, 3, 4]), 2, both)).n_parameters_ == 3 + 2 + 4
    assert Model(**two, emission=Tied(Poisson([1]), [0, 0])).n_parameters_ == 3 + 1
    learnt = Model(4, Poisson(), topology="left-right", n_init=1, max_iter=3, random_state=0).fit(COUNTS)
    assert learnt.n_parameters_ == 0 + (3 + 2 + 1) + 4
    assert Model(states="ab", pseudocount=1).fit(["xyzx"], ["abba"]).n_parameters_ == 1 + 2 + 4


# Standard errors ------------------------------------------------------------------------------------------------------


def fed_funds():
    statsmodels = pytest.importorskip("statsmodels")
    source = Path(statsmodels.__file__).parent / "tsa/regime_switching/tests/test_markov_regression.py"
    if not source.exists():
        pytest.skip("statsmodels has come without its tests")
    tree = ast.parse(source.read_text(encoding="utf-8"))
    value = next(n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "fedfunds")
    return np.array(ast.literal_eval(value.args[0] if isinstance(value, ast.Call) else value), dtype=float)


def test_federal_funds_rate():
    rate = fed_funds()
    family = Gaussian(covariance="tied", prior=0)
    m = Model(2, family, startprob="stationary", tol=1e-10, n_init=3, random_state=0).fit(rate)
    assert_allclose(m.loglik_, -508.63592, atol=1e-5)
    table = m.summary(rate)
    wanted = {
        "transmat[0, 0]": (0.9820939, 0.0104002),
        "transmat[1, 0]": (0.0503587, 0.0268434),
        "means[0]": (3.70877, 0.1767083),
        "means[1]": (9.556793, 0.2999889),
    }
    for name, (value, error) in wanted.items():
        assert_allclose(table[name][:2], (value, error), rtol=1e-4)
    assert_allclose(np.sqrt(table["covariances[0]"].value), 2.107562, rtol=1e-5)
    assert len(table) == 7 and m.n_parameters_ == 5
    assert "transmat[1, 0]" in repr(table) and "226 steps" in repr(table)


def test_independent_values_have_the_textbooks_standard_errors():
    rng = np.random.default_rng(0)
    one = {"startprob": [1.0], "transmat": [[1.0]]}
    n, x = 400, rng.normal(1e6, 2, 400)
    s = Model(1, Gaussian(prior=0), random_state=0).fit(x).summary(x)
    assert_allclose(s["means[0]"].standard_error, x.std() / np.sqrt(n), rtol=1e-5)
    assert_allclose(s["covariances[0]"].standard_error, x.var() * np.sqrt(2 / n), rtol=1e-5)
    assert list(s) == ["means[0]", "covariances[0]"]
    table = rng.multivariate_normal([1, 2], [[1, 0.8], [0.8, 2]], n)
    s = Model(1, Gaussian(covariance="full", prior=0), random_state=0).fit(table).summary(table)
    c = np.cov(table.T, bias=True)
    assert_allclose(s["means[0, 1]"].standard_error, np.sqrt(c[1, 1] / n), rtol=1e-5)
    wanted = np.sqrt((c[0, 0] * c[1, 1] + c[0, 1] ** 2) / n)
    assert_allclose(s["covariances[0, 1, 0]"].standard_error, wanted, rtol=1e-5)
    symbols = rng.choice(3, n, p=[0.2, 0.3, 0.5])
    share = np.bincount(symbols) / n
    s = Model(1, Categorical()).fit(symbols).summary(symbols)
    got = [s[f"probs[0, {k}]"] for k in range(3)]
    assert_allclose([row.standard_error for row in got], np.sqrt(share * (1 - share) / n), rtol=1e-5)
    waits = rng.exponential(3, n)
    s = Model(**one, emission=Exponential([1.0], prior=0)).fit(waits).summary(waits)
    assert_allclose(s["rates[0]"].standard_error, 1 / waits.mean() / np.sqrt(n), rtol=1e-5)


def test_intervals_are_symmetric_on_the_real_line():
    """Of log odds, of logarithms, or of numbers as they are, with standard errors by the delta method."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(np.repeat([0, 9], 40), 3.0), np.repeat([0, 1] * 8, 5)
    s = Model(2, Gaussian()).fit(x, y).summary(x, level=0.9, known=y)
    for name, link, slope in (
        ("means[1]", lambda v: v, lambda v: 1.0),
        ("covariances[0]", np.log, lambda v: 1 / v),
        ("transmat[0, 1]", lambda p: np.log(p / (1 - p)), lambda p: 1 / (p * (1 - p))),
    ):
        row, z = s[name], 1.6448536269514722
        half = z * row.standard_error * slope(row.value)
        assert_allclose([link(row.high), link(row.low)], link(row.value) + np.array([half, -half]))


def test_labels_make_a_chain_of_binomials():
    rng = np.random.default_rng(1)
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.3, 0.7]], emission=Poisson([3, 9]))
    x, y = m.sample(500, random_state=rng)
    learnt = Model(2, Poisson(prior=0)).fit(x, y)
    s = learnt.summary(x, known=y)
    trans = learnt.statistics_.trans
    for i in range(2):
        p, n = learnt.transmat_[i, 0], trans[i].sum()
        assert_allclose(s[f"transmat[{i}, 0]"].standard_error, np.sqrt(p * (1 - p) / n), rtol=1e-5)
        rate, seen = learnt.emission_.rates[i, 0], (y == i).sum()
        assert_allclose(s[f"rates[{i}]"].standard_error, np.sqrt(rate / seen), rtol=1e-5)


def test_what_is_at_its_limit_is_told():
    emission = Gaussian([1100, 850], [150**2, 150**2], prior=0)
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=emission, max_iter=5000, tol=1e-13).fit(
        FLOW
    )
    s = m.summary(FLOW)
    assert s["transmat[1, 0]"][1:] == (None, None, None, "at its limit")
    assert s["startprob[0]"].note == "at its limit"
    assert s["transmat[0, 0]"].note == "hardly seen"  # the flow changes for good once, in 28 years
    assert 15 < s["means[0]"].standard_error < 35 and not s["means[0]"].note
    assert "at its limit" in repr(s) and "nan" not in repr(s)


def test_a_parameter_at_the_limit_of_its_family_is_told():
    x = np.linspace(0, 1, 80)  # tails lighter than the normal distribution's
    m = Model(1, StudentT(), random_state=0, tol=1e-9).fit(x)
    assert m.report_["at_limits"]
    assert {name: row.note for name, row in m.summary(x).items() if row.note} == {"dofs[0]": "at its limit"}


def test_intervals_stay_inside_their_range():
    m = Model(2, Poisson(prior=0), startprob="stationary", n_init=1, random_state=0).fit(COUNTS)
    wide, narrow = m.summary(COUNTS, level=0.999999), m.summary(COUNTS, level=0.5)
    for name, row in wide.items():
        assert 0 < row.low < narrow[name].low < row.value < narrow[name].high < row.high
        assert row.high < 1 or not name.startswith("transmat")


def test_the_order_of_the_states_does_not_matter():
    m = Model(2, StudentT(), random_state=0, n_init=3, tol=1e-8).fit(FLOW)
    one, other = m.summary(FLOW), m.reorder([1, 0]).summary(FLOW)
    assert_allclose(one["locations[0]"].standard_error, other["locations[1]"].standard_error, rtol=1e-4)
    assert "dofs[0]" in one


def test_the_bootstrap_agrees_where_there_are_many_data():
    truth = Model(startprob="stationary", transmat=[[0.9, 0.1], [0.2, 0.8]], emission=Poisson([3, 15]))
    x = truth.sample(400, random_state=0).X.astype(float)
    x[::10] = np.nan
    m = Model(2, Poisson(prior=0), startprob="stationary", n_init=1, random_state=0).fit(x)
    table, drawn = m.summary(x), m.bootstrap(x, 30, random_state=0)
    assert list(table) == list(drawn) and drawn.draws.shape == (30, len(table))
    for name, row in table.items():
        assert 0.6 < drawn[name].standard_error / row.standard_error < 1.6
        assert drawn[name].low < row.value < drawn[name].high
    again = m.set_params(n_jobs=2).bootstrap(x, 30, level=0.8, random_state=0)
    assert np.array_equal(again.draws, drawn.draws)
    assert_allclose([row[2:4] for row in again.values()], np.quantile(drawn.draws, [0.1, 0.9], axis=0).T)
    assert_allclose([row.standard_error for row in again.values()], drawn.draws.std(axis=0, ddof=1))


def test_data_are_drawn_with_the_lengths_and_the_gaps_of_those_there_are():
    m = Model(**chain(2), emission=Poisson([2, 9]))
    X = [np.array([1, np.nan, 3]), np.array([np.nan]), np.array([4.0, 5, 6, np.nan])]
    asked = m._asked(X, None, None, None, None)
    gone = np.isnan(np.concatenate(X))
    data, ended = uncertainty.drawn(asked, gone, np.random.default_rng(0))
    assert data.bounds.tolist() == [0, 3, 4, 8] and ended is None
    assert np.isnan(data.numbers[:, 0]).tolist() == gone.tolist()


def test_a_bootstrap_of_sequences_that_end():
    coins = Categorical([[0.9, 0.1], [0.2, 0.8]], symbols="ab")
    truth = Model(startprob=[1, 0], transmat=[[0.7, 0.3], [0.1, 0.9]], endprob=[0.02, 0.2], emission=coins)
    X = ["".join(x) for x in truth.sample(n_sequences=60, random_state=0).X]
    m = Model(2, Categorical(symbols="ab"), startprob=[1, 0], endprob=True, n_init=2, random_state=0).fit(X)
    table = m.bootstrap(X, 20, random_state=0)
    assert table["endprob[0]"].standard_error > 0
    cut = m.bootstrap(["abab", "ab"], 5, random_state=0, ended=[True, False])
    assert len(cut) == len(table)


@pytest.mark.parametrize("name", ["Product by name", "Mixture of families", "PerState of waits"])
def test_tables_of_what_is_made_of_families_under_any_error_state(name):
    truth = Model(startprob="stationary", transmat=np.eye(3) * 0.85 + 0.05, emission=FAMILIES[name].given, max_iter=60)
    X = truth.sample(150, 2, random_state=0).X
    with np.errstate(all="raise"):
        m = truth.fit(X)
        table, drawn = m.summary(X), m.bootstrap(X, 2, random_state=0)
        again = m.with_vector(m.to_vector())
        assert_allclose(again.gradient(X), m.gradient(X), rtol=1e-5, atol=1e-5)
        assert m.icl(X) >= m.bic(X) > m.aic(X)
    assert list(table) == list(drawn) and m.n_parameters_ < len(table)
    for row in (*table.values(), *drawn.values()):
        assert all(x is None or np.isfinite(x) for x in row[:4])


# Refusals -------------------------------------------------------------------------------------------------------------


def test_bad_questions():
    m = Model(startprob="stationary", transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Poisson([15, 26]))
    with pytest.raises(ValueError, match="vector has shape"):
        m.with_vector([1.0, 2.0])
    with pytest.raises(ValueError, match=r"vector\[1\] = nan"):
        m.with_vector([0.0, np.nan, 1, 1])
    with pytest.raises(TypeError, match="vector must be an array of numbers"):
        m.with_vector("abcd")
    for level in (0, 1, 95, -1, np.nan, "x"):
        with pytest.raises(ValueError, match="level"):
            m.summary(COUNTS, level=level)
    for n in (1, 0, 2.5):
        with pytest.raises((TypeError, ValueError), match="n "):
            m.bootstrap(COUNTS, n)
    for ask in (m.summary, m.bootstrap):
        with pytest.raises(ValueError, match="X holds no steps"):
            ask([])
    with pytest.raises(ValueError, match="log odds so large"):
        m.with_vector([1e4, -1e4, 1, 1])
    with pytest.raises(ValueError, match=r"no maximum at .* along covariances\[0\] and covariances\[1\]:"):
        m = Model(startprob="stationary", transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gaussian([-0.1, 0.1], [9, 9.0]))
        m.summary(np.repeat([-4.0, 4, -4, 4], 10))
    big = Model(30, Poisson(), n_init=1, max_iter=1, random_state=0).fit(COUNTS)
    with pytest.raises(ValueError, match=r"929 free parameters.*bootstrap"):
        big.summary(COUNTS)
    with pytest.raises(ValueError, match="has probability 0"):
        Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical([[1, 0], [0, 1]])).gradient([0, 1])
