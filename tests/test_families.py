"""What every family of observations must keep, for each family and each combinator; a new one adds an entry to FAMILIES."""

import copy
import runpy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose

from chmm import (
    Bernoulli,
    Beta,
    Categorical,
    Exponential,
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
    Tied,
    VonMises,
    ZeroInflated,
    sequences,
)
from chmm.testing import check_emission

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

Heaped = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "heaped_counts.py"))["Heaped"]


# ---------------------------------------------------------------------------------------- values to add up densities at


class Grid(NamedTuple):
    """Values (R, D) and their measure (R,): the sum of measure * density is 1."""

    values: np.ndarray
    measure: np.ndarray


def counts(n):
    return Grid(np.arange(n, dtype=float)[:, None], np.ones(n))


def line(low, high, pieces=400):
    nodes, weights = np.polynomial.legendre.leggauss(8)
    edges = np.linspace(low, high, pieces + 1)
    half = np.diff(edges)[:, None] / 2
    values = (edges[:-1, None] + half + half * nodes).ravel()
    return Grid(values[:, None], (half * weights).ravel())


def whole_line():
    """x = sinh(u) reaches far out."""
    u = line(-45, 45, 1500)
    return Grid(np.sinh(u.values), u.measure * np.cosh(u.values[:, 0]))


def half_line():
    u = line(-40, 12, 1500)
    return Grid(np.exp(u.values), u.measure * np.exp(u.values[:, 0]))


def and_zero(grid):
    """Values of which 0 has a probability."""
    return Grid(np.vstack([grid.values, [[0.0]]]), np.append(grid.measure, 1.0))


def plane(a, b):
    i, j = (k.ravel() for k in np.indices((len(a.values), len(b.values))))
    return Grid(np.hstack([a.values[i], b.values[j]]), a.measure[i] * b.measure[j])


def draws(n, d):
    """All count vectors of n draws."""
    rows = [v for v in np.ndindex(*[n + 1] * d) if sum(v) == n]
    return Grid(np.array(rows, dtype=float), np.ones(len(rows)))


# --------------------------------------------------------------------------------------------------------- the families


class Family(NamedTuple):
    given: object  # with parameters, three states
    empty: object  # without
    grid: Grid
    hostile: tuple = ()  # sequences that tempt a maximiser to infinity
    wrong: object = None  # a value outside the domain


SQUARES = np.array([[[1, 0.5], [0.5, 2]], [[2, -0.3], [-0.3, 0.5]], [[1, 0], [0, 1]]])
MEANS = [[0, 1], [4, 3], [9, 0]]
FLAT = plane(line(-12, 22, 100), line(-12, 15, 100))
NUMBERS = ([3.0] * 20, [1e8, 1e8 + 1, 1e8 + 2, 1e8], [0.0] * 10 + [1e6], [1, 2, 3.0], np.r_[np.zeros(50), 1e-9, 5])
TABLES = (np.ones((10, 2)), np.c_[np.arange(9.0), 2 * np.arange(9.0)], [[1, 2], [3, 4], [1e6, 0], [5, 6.5]])
COUNTS = ([0] * 20, [7] * 9, [0, 0, 1000000, 0, 0], [1, 2, 3])
POSITIVE = ([2.0] * 9, [1e-9, 1, 1e9, 2, 3], [1.0, 2, 3], [5.0, 5 + 1e-9] * 5)

FAMILIES = {
    "Categorical": Family(
        Categorical([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]), Categorical(), counts(3), ([0] * 5, [0, 1, 2]), 7
    ),
    "Gaussian": Family(Gaussian([0, 4, 9], [1, 0.5, 2]), Gaussian(), line(-15, 30), NUMBERS, "x"),
    "Gaussian spherical": Family(
        Gaussian(MEANS, [1, 0.5, 2], covariance="spherical"), Gaussian(covariance="spherical"), FLAT, TABLES
    ),
    "Gaussian diag": Family(Gaussian(MEANS, [[1, 2], [0.5, 2], [2, 1]]), Gaussian(), FLAT, TABLES),
    "Gaussian full": Family(Gaussian(MEANS, SQUARES, covariance="full"), Gaussian(covariance="full"), FLAT, TABLES),
    "Gaussian tied": Family(Gaussian(MEANS, SQUARES[0], covariance="tied"), Gaussian(covariance="tied"), FLAT, TABLES),
    "StudentT": Family(StudentT([0, 4, 9], [1, 0.5, 2], [3, 5, 9]), StudentT(), whole_line(), NUMBERS),
    "LogNormal": Family(LogNormal([0, 2, 4], [0.1, 0.2, 0.1]), LogNormal(), half_line(), POSITIVE, -1.0),
    "Gamma": Family(Gamma([2, 10, 40], [2, 2, 2]), Gamma(), half_line(), POSITIVE, 0.0),
    "Exponential": Family(Exponential([9, 0.5, 0.02]), Exponential(), half_line(), (*POSITIVE, [0.0] * 9), -1e-9),
    "Beta": Family(Beta([2, 20, 8], [12, 3, 9]), Beta(), line(0, 1), ([0.5] * 9, [1e-300, 0.1, 1 - 1e-15, 0.5]), 1.0),
    "VonMises": Family(
        VonMises([0, 2, -2], [5, 9, 3]), VonMises(), line(-np.pi, np.pi), ([1.0] * 9, [0, np.pi, -np.pi, 3, -6.0]), 90.0
    ),
    "Poisson": Family(Poisson([1, 8, 30]), Poisson(), counts(150), COUNTS, 1.5),
    "NegativeBinomial": Family(
        NegativeBinomial([2, 10, 30], [0.6, 0.5, 0.4]), NegativeBinomial(), counts(400), COUNTS, -1
    ),
    "Bernoulli": Family(
        Bernoulli([[0.9, 0.1], [0.2, 0.8], [0.6, 0.7]]), Bernoulli(), plane(counts(2), counts(2)), (np.zeros((9, 2)),), 2
    ),
    "Multinomial": Family(
        Multinomial([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.3, 0.2, 0.5]], n_draws=6), Multinomial(n_draws=6), draws(6, 3),
        (np.eye(3), np.zeros((4, 3))), -1,
    ),
    "Mixture of Gaussians": Family(
        Mixture(Gaussian([-1, 1, 9, 12, 20, 26], [0.2, 0.2, 0.5, 1, 1, 1]), 2, [[0.5, 0.5], [0.3, 0.7], [0.6, 0.4]]),
        Mixture(Gaussian(), 2), line(-15, 45), NUMBERS,
    ),
    "Mixture of Poissons": Family(
        Mixture(Poisson([1, 4, 15, 30, 60, 90]), 2, [[0.5, 0.5], [0.3, 0.7], [0.6, 0.4]]), Mixture(Poisson(), 2), counts(250),
        COUNTS, -1,
    ),
    "Product": Family(
        Product(Gaussian([0, 4, 9], [1, 0.5, 2]), Poisson([2, 5, 1])), Product(Gaussian(), Poisson()),
        plane(line(-15, 30, 100), counts(60)), ([[1.5, 3]] * 9, [[1e6, 0], [0.1, 2], [3, 1]]),
    ),
    "Product by name": Family(
        Product(step=Gamma([2, 10, 40], [2, 2, 2]), angle=VonMises([0, 2, -2], [5, 9, 3])),
        Product(step=Gamma(), angle=VonMises()), plane(line(1e-9, 60, 150), line(-np.pi, np.pi, 40)),
    ),
    "Mixture of Products": Family(
        Mixture(Product(Gaussian([0, 4, 9, 12, 15, 20], [1, 0.5, 2, 1, 1, 1]), Poisson([2, 5, 1, 2, 9, 9])), 2, [[0.5, 0.5]] * 3),
        Mixture(Product(Gaussian(), Poisson()), 2), plane(line(-15, 40, 100), counts(60)),
    ),
    "Product of a Mixture": Family(
        Product(Mixture(Gaussian([-1, 1, 9, 12, 20, 26], [0.2, 0.2, 0.5, 1, 1, 1]), 2, [[0.5, 0.5]] * 3), Categorical(np.eye(3) * 0.7 + 0.1)),
        Product(Mixture(Gaussian(), 2), Categorical()), plane(line(-15, 45, 100), counts(3)),
    ),
    "PerState": Family(
        PerState([Gaussian([-9], [2]), StudentT([0], [1], [5]), Mixture(Gaussian([9, 15], [4, 4]), 2, [[0.4, 0.6]])]),
        PerState([Gaussian(), StudentT(), Mixture(Gaussian(), 2)]), whole_line(), NUMBERS, "x",
    ),
    "PerState of waits": Family(
        PerState([Exponential([9]), LogNormal([2], [0.2]), Gamma([40], [1])]), PerState([Exponential(), LogNormal(), Gamma()]),
        half_line(), POSITIVE, -1.0,
    ),
    "PerState of Products": Family(
        PerState([Product(Gaussian([-9], [1]), Poisson([2])), Product(Gaussian([9], [2]), NegativeBinomial([4], [0.5])),
                  Product(StudentT([0], [1], [50]), Poisson([9]))]),
        PerState([Product(Gaussian(), Poisson()), Product(Gaussian(), NegativeBinomial()), Product(StudentT(), Poisson())]),
        plane(line(-30, 30, 150), counts(60)),
    ),
    "a family of one's own": Family(Heaped([2, 9, 30], [0.2, 0.5, 0.1]), Heaped(), counts(150), COUNTS),
    "ZeroInflated counts": Family(
        ZeroInflated(Poisson([2, 9, 30]), [0.2, 0.5, 0.1]), ZeroInflated(Poisson()), counts(150), COUNTS, -1
    ),
    "ZeroInflated amounts": Family(
        ZeroInflated(Gamma([2, 10, 40], [2, 2, 2]), [0.6, 0.2, 0.1]), ZeroInflated(Gamma()), and_zero(half_line()),
        (*POSITIVE, [0.0] * 9, [0.0, 0, 2, 0, 3, 3]), -1.0,
    ),
    "ZeroInflated columns": Family(
        ZeroInflated(NegativeBinomial([[2, 9], [9, 1], [30, 5]], [[0.5, 0.6], [0.4, 0.5], [0.7, 0.7]]),
                     [[0.1, 0.4], [0.3, 0.2], [0.5, 0.1]]),
        ZeroInflated(NegativeBinomial()), plane(counts(150), counts(60)), (np.zeros((9, 2)),),
    ),
    "Mixture of families": Family(
        Mixture([Gaussian([-9, -4, 2], [1, 1, 1]), Exponential([9, 0.5, 0.1])], weights=[[0.5, 0.5], [0.3, 0.7], [0.6, 0.4]]),
        Mixture([Gaussian(), Exponential()]), whole_line(), NUMBERS, "x",
    ),
    "Tied": Family(Tied(Gaussian([0, 9], [1, 2]), [0, 1, 0]), Tied(Gaussian(), [0, 1, 0]), line(-15, 30), NUMBERS, "x"),
    "Tied mixtures": Family(
        Tied(Mixture(Poisson([1, 4, 30, 60]), 2, [[0.5, 0.5], [0.3, 0.7]]), [1, 1, 0]),
        Tied(Mixture(Poisson(), 2), [1, 1, 0]), counts(250), COUNTS, -1,
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def strict_error_state():
    """As for all tests; but the sums of densities here may underflow."""
    with np.errstate(all="raise", under="ignore"):
        yield


every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
CHAIN = {"startprob": [0.5, 0.3, 0.2], "transmat": [[0.9, 0.05, 0.05], [0.1, 0.85, 0.05], [0.1, 0.1, 0.8]]}


def model(emission, **options):
    return Model(**CHAIN, emission=emission, **options)


def sample(family, n_steps, seed=0):
    return model(family.given).sample(n_steps, random_state=seed)


def prepared(emission, x, n_states=3, pseudocount=0.0):
    """(a copy of the emission that has seen the data, Observed)."""
    emission = copy.deepcopy(emission)
    data = sequences.read(x)
    emission.prepare(emission.survey(data), n_states, pseudocount)
    return emission, emission.check(data)


def as_data(emission, values):
    """Grid values as this family takes data."""
    values = values.astype(int) if isinstance(emission, Categorical) else values
    return values[:, 0] if values.shape[1] == 1 else values


def densities(emission, values):
    _, observed = prepared(emission, as_data(emission, values))
    return np.exp(emission.log_likelihood(observed.distinct)[observed.index])


# ------------------------------------------------------------------------------------------------------------- the laws


@every_family
def test_densities_add_up_to_one(family):
    total = family.grid.measure @ densities(family.given, family.grid.values)
    assert_allclose(total, 1, rtol=1e-9)


@every_family
def test_the_laws_hold(family):
    check_emission(family.empty, sample(family, 120, 3).X, n_states=3)


@every_family
def test_what_is_drawn_is_learnt(family):
    x, y = sample(family, 6000)
    m = Model(emission=family.empty).fit([x], [y])
    gain = m.score([x], [y]) - model(family.given).score([x], [y])
    assert -1 < gain < 40


@every_family
def test_em_from_its_own_start_finds_what_was_drawn(family):
    if isinstance(family.given, Categorical):
        return  # symbols have no distance that could tell where to start
    x = sample(family, 3000, 1).X
    m = Model(3, family.empty, random_state=1, n_init=4, max_iter=500).fit(x)
    assert np.diff(m.history_).min() > -1e-9 * abs(m.history_[0])
    assert m.score(x) > model(family.given).score(x) - 40


@every_family
def test_em_never_falls(family):
    for x in (sample(family, 200, 3).X, *family.hostile):
        for seed in range(2):
            x = np.asarray(x) if not isinstance(family.given, Categorical) else np.asarray(x).astype(int)
            try:
                m = Model(3, family.empty, random_state=seed, n_init=1, max_iter=40, tol=0).fit(x)
            except ValueError as error:
                assert "prior" in str(error) or "different" in str(error)
                continue
            steps = np.diff(m.history_)
            assert np.isfinite(m.history_).all()
            assert len(steps) == 0 or steps.min() > -1e-9 * max(1, np.abs(m.history_).max())
            assert np.isfinite(m.score(x)) and np.isfinite(m.predict_proba(x)).all()


@every_family
def test_a_missing_step_says_nothing(family):
    x = np.asarray(sample(family, 5, 2).X).astype(float)
    emission = family.given
    x[2] = np.nan
    m = model(emission)
    given = x.astype(object) if isinstance(emission, Categorical) else x
    if isinstance(emission, Categorical):
        given[2] = None
    # by adding up over what may stand there
    grid = family.grid
    rows = densities(emission, np.where(np.isnan(x), x[0], x).reshape(5, -1))
    rows[2] = grid.measure @ densities(emission, grid.values)
    alpha = np.array(CHAIN["startprob"]) * rows[0]
    for row in rows[1:]:
        alpha = alpha @ CHAIN["transmat"] * row
    assert_allclose(m.score([given]), np.log(alpha.sum()), rtol=1e-8)
    assert_allclose(m.posteriors(given).gamma.sum(axis=1), 1)


@every_family
def test_data_of_missing_steps_alone_say_nothing(family):
    x = np.full((5, family.grid.values.shape[1]), np.nan)
    for y in (None, [0, 1, 2, 1, 0]):
        if "Categorical" in repr(family.empty):
            with pytest.raises(ValueError, match="^(channel 1: )?X holds nothing but missing values"):
                Model(3, family.empty).fit(x, y)
            continue
        m = Model(3, family.empty, random_state=0, n_init=1, pseudocount=0.5).fit(x, y)
        assert_allclose(m.score(x), 0, atol=1e-12)
        assert m.report_["missing"] == 5


@pytest.mark.parametrize(
    "name", [name for name, f in FAMILIES.items() if (f.grid.values.shape[1] == 2 and f.given.gaps) or "Product" in name]
)
def test_a_missing_column_is_integrated_out(name):
    family = FAMILIES[name]
    emission, grid = family.given, family.grid
    x = np.asarray(sample(family, 3, 5).X, dtype=float)
    for column in (0, 1):
        seen = grid.values[:, column]
        pick = (distinct := np.unique(seen))[len(distinct) // 2]
        rows = seen == pick
        total = grid.measure[rows] @ densities(emission, grid.values[rows])
        one = np.full((1, 2), np.nan)
        one[0, column] = pick
        marginal = densities(emission, one)[0]
        # up to a factor, the measure of the column that is seen
        assert_allclose(marginal / marginal[0], total / total[0], rtol=1e-8)
    x[1, 0] = np.nan
    assert np.isfinite(model(emission).score(x))
    y = np.asarray(sample(family, 60, 6).X, dtype=float)
    y[::7, 1], y[3::11, 0], y[5] = np.nan, np.nan, np.nan
    gone = np.isnan(y).sum(axis=1)
    m = Model(3, family.empty, random_state=0, n_init=1, max_iter=20, tol=0).fit(y)
    assert np.diff(m.history_).min() > -1e-9 * abs(m.history_[0])
    assert (m.report_["missing"], m.report_["partly_missing"]) == ((gone == 2).sum(), (gone == 1).sum())


def without_prior(emission):
    """The emission, and its members, at maximum likelihood."""
    for part in emission.members:
        without_prior(part)
    if isinstance(emission.prior, float):
        emission.prior = 0.0
    return emission


@every_family
def test_values_out_of_range_are_named(family):
    if family.wrong is None:
        return
    x = np.asarray(sample(family, 6).X).astype(object)
    x[(4, 0) if x.ndim == 2 else 4] = family.wrong
    if not isinstance(family.wrong, str):
        x = x.astype(int if isinstance(family.given, Categorical) else float)
    with pytest.raises((ValueError, TypeError)) as caught:
        model(family.given).score(x)
    assert "4" in str(caught.value) and (family.wrong if isinstance(family.wrong, str) else f"{family.wrong:g}") in str(
        caught.value
    )


@every_family
def test_the_wrong_number_of_columns_is_named(family):
    with pytest.raises((ValueError, TypeError), match="column|features|shape"):
        model(family.given).score(np.ones((5, 4)))


@every_family
def test_words_are_refused(family):
    with pytest.raises((TypeError, ValueError), match="words|text|column"):
        model(family.given).score([["a", "b"]])
