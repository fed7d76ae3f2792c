"""Pseudo-residuals: against sums over every path, and normal where the model is right; the test of normality."""

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import stochastic
from test_families import every_family, model, sample
from test_forecasts import QUAKES

from chmm import (
    Categorical,
    Gaussian,
    ImpossibleError,
    Model,
    Multinomial,
    Poisson,
    Precomputed,
    Product,
    VonMises,
    ZeroInflated,
    inference,
    normality,
)

stats = pytest.importorskip("scipy.stats")
TWO = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.1, 0.9]]}


def others(startprob, moves, rows, t, kind):
    """P(q_t = i | all values but that of t, or those before t), by adding up paths; rows (T, N)."""
    rows = np.array(rows)
    rows[t] = 1.0
    if kind == "forecast":
        rows = rows[: t + 1]
    p = oracle.joint(startprob, moves, rows)
    weights = oracle.margin(p, t)
    return weights / weights.sum()


@pytest.mark.parametrize("kind", ["ordinary", "forecast"])
def test_they_are_sums_over_all_paths(kind):
    rng = np.random.default_rng(0)
    for k in range(40):
        n, steps = rng.integers([1, 1], [4, 6])
        startprob, transmat = stochastic(rng, n), stochastic(rng, n, n, zeros=0.2)
        means, x = rng.normal(size=n), rng.normal(size=steps)
        x[rng.random(steps) < 0.2] = np.nan
        options, moves, last = {}, transmat, np.ones(n)
        if k % 3 == 1:
            options["endprob"] = last = rng.random(n)
            moves = (1 - last)[:, None] * transmat
        if k % 3 == 2:
            final = rng.integers(n)
            options["final_states"], last = [int(final)], (np.arange(n) == final).astype(float)
        likelihood = np.where(np.isnan(x)[:, None], 1.0, stats.norm.pdf(x[:, None], means, 1))
        if kind == "ordinary":
            likelihood[-1] *= last
        weights = rng.random((steps, n)) if k % 2 else np.ones((steps, n))
        try:
            m = Model(startprob=startprob, transmat=transmat, emission=Gaussian(means, np.ones(n)), **options)
            got = m.pseudo_residuals(x, kind, known=weights)
        except ImpossibleError:
            continue
        for t in range(steps):
            if np.isnan(x[t]):
                assert np.isnan(got[t])
                continue
            rest = others(startprob, moves, likelihood * weights, t, kind)
            here = weights[t] * (last if t == steps - 1 and kind == "ordinary" else 1)
            rest = rest * here / (rest * here).sum()
            assert_allclose(stats.norm.cdf(got[t]), rest @ stats.norm.cdf(x[t], means, 1), rtol=1e-9)


@every_family
def test_they_are_normal_where_the_model_is_right(family):
    m = model(family.given)
    x = sample(family, 1500, 4).X
    if "Heaped" in repr(family.given):
        with pytest.raises(TypeError, match="has no cdf"):
            m.pseudo_residuals(x)
        return
    if isinstance(family.given, Multinomial):
        with pytest.raises(TypeError, match="counts out of a total have no residuals"):
            m.pseudo_residuals(x)
        return
    z = m.pseudo_residuals(x, "forecast", random_state=0).reshape(1500, -1)
    assert np.isfinite(z).all()
    for column in z.T:
        assert stats.kstest(column, "norm").pvalue > 1e-4
        assert abs(np.corrcoef(column[1:], column[:-1])[0, 1]) < 0.12
        assert normality(column).p_value > 1e-4
    ordinary = m.pseudo_residuals(x, random_state=0).reshape(1500, -1)
    assert np.isfinite(ordinary).all() and (np.abs(ordinary.mean(axis=0)) < 0.25).all()


def test_counts_are_randomised_by_the_seed():
    m = Model(**TWO, emission=Poisson([15, 26]))
    first, again, other = (m.pseudo_residuals(QUAKES, random_state=seed) for seed in (0, 0, 1))
    assert_array_equal(first, again)
    assert (first != other).all()
    plain = Model(**TWO, emission=Gaussian([15, 26], [15, 26]))
    assert_array_equal(plain.pseudo_residuals(QUAKES.astype(float)), plain.pseudo_residuals(QUAKES.astype(float)))
    rain = ZeroInflated(Gaussian([5, 9], [1, 1]), [0.5, 0.1])
    z = [Model(**TWO, emission=rain).pseudo_residuals([0, 4.4, 0, 8], random_state=seed) for seed in range(2)]
    assert (z[0] != z[1]).tolist() == [True, False, True, False]  # a 0 has a probability of its own


def test_earthquakes_tell_too_few_states():
    one = Model(startprob=[1.0], transmat=[[1.0]], emission=Poisson([QUAKES.mean()]))
    assert normality(one.pseudo_residuals(QUAKES, "forecast", random_state=0)).deviation > 1.5
    three = Model(3, Poisson(), random_state=0, n_init=2).fit(QUAKES)
    test = normality(three.pseudo_residuals(QUAKES, "forecast", random_state=0))
    assert test.p_value > 0.05 and abs(test.deviation - 1) < 0.2


def test_where_scaled_arithmetic_ends():
    """State 1 is all but impossible before step 300, and everything after it."""
    m = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Gaussian([0, 3], [1, 1]))
    x = np.r_[np.full(300, -9.0), np.full(500, 9.0)]
    z = m.pseudo_residuals(x)
    assert_allclose(z, x - 3, atol=1e-7)
    assert_allclose(m.pseudo_residuals(np.r_[x, 1e5, -1e5])[-2:], [8.21, -38.4], atol=0.1)  # where doubles end


def test_long_sequences_go_by_windows(monkeypatch):
    m = Model(**TWO, emission=Gaussian([0, 2], [1, 1]))
    x, _ = m.sample(500, random_state=0)
    whole = [m.pseudo_residuals(x, kind) for kind in ("ordinary", "forecast")]
    monkeypatch.setattr(inference, "BUDGET", 1)
    for kind, z in zip(("ordinary", "forecast"), whole):
        assert_allclose(m.pseudo_residuals(x, kind), z, rtol=1e-12, atol=1e-12)


def test_forms_and_columns():
    m = Model(**TWO, emission=Gaussian([0, 5], [1, 1]))
    X = [np.array([0.1, 5.2, 4.4]), np.array([0.3]), np.empty(0)]
    listed = m.pseudo_residuals(X)
    assert [len(z) for z in listed] == [3, 1, 0]
    assert_allclose(m.pseudo_residuals(np.concatenate(X), lengths=[3, 1, 0]), np.concatenate(listed))
    assert_allclose(m.pseudo_residuals({"a": X[0]})["a"], listed[0])
    two = Model(**TWO, emission=Product(Gaussian([0, 5], [1, 1]), VonMises([0, 2], [5, 5])))
    z = two.pseudo_residuals(np.array([[0.1, 0.2], [np.nan, 2.0], [4.4, 2 + 2 * np.pi - 4 * np.pi]]))
    assert z.shape == (3, 2) and np.isnan(z).tolist() == [[False, False], [True, False], [False, False]]
    turned = two.pseudo_residuals(np.array([[0.1, 0.2], [np.nan, 2.0 - 2 * np.pi], [4.4, 2.0]]))
    assert_allclose(z, turned, atol=1e-7)  # an angle may come as two numbers, a turn apart


def test_the_circle_has_no_edge():
    """Neither -pi, nor pi, nor what lies beside them is an outlier, unless it is far from what was expected."""
    m = Model(**TWO, emission=Product(VonMises([0, 2], [5, 5]), Categorical([[0.9, 0.1], [0.2, 0.8]])))
    edges = np.array([-np.pi, np.nextafter(-np.pi, 0), -np.pi + 1e-9, np.nextafter(np.pi, 0), np.pi])
    z = np.array([m.pseudo_residuals(np.array([[2.5, 1], [a, 1], [1.8, 1]]), random_state=0)[1, 0] for a in edges])
    assert_allclose(z, z[0], atol=1e-6)
    assert 0 < z[0] < 3
    turned = Model(**TWO, emission=VonMises([1, 3], [5, 5]))  # a turn of the circle turns no residual
    x = np.array([0.3, 2.5, -3.1, 1.2, 0.1])
    still = Model(**TWO, emission=VonMises([0, 2], [5, 5])).pseudo_residuals(x)
    assert_allclose(turned.pseudo_residuals((x + 1 + np.pi) % (2 * np.pi) - np.pi), still, atol=1e-7)


def test_symbols():
    ordered = Model(**TWO, emission=Categorical([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], symbols=[1, 2, 5]))
    assert np.isfinite(ordered.pseudo_residuals([1, 5, 2, 5], random_state=0)).all()
    for symbols in ("abc", [3, 1, 2]):
        m = Model(**TWO, emission=Categorical([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], symbols=symbols))
        with pytest.raises(TypeError, match="have no order"):
            m.pseudo_residuals(symbols)
    with pytest.raises(TypeError, match="have no order"):
        mixed = Product(Gaussian([0, 5], [1, 1]), Categorical([[0.5, 0.5], [0.1, 0.9]], symbols="ab"))
        Model(**TWO, emission=mixed).pseudo_residuals(np.array([[0.1, "a"]], dtype=object))
    with pytest.raises(TypeError, match="Precomputed holds log likelihoods"):
        Model(**TWO, emission=Precomputed()).pseudo_residuals(np.zeros((3, 2)))


def test_wrong_arguments():
    m = Model(**TWO, emission=Gaussian([0, 5], [1, 1]))
    with pytest.raises(ValueError, match="kind = 'both' must be one of 'ordinary', 'forecast'"):
        m.pseudo_residuals([0.1], "both")
    with pytest.raises(TypeError, match="random_state"):
        m.pseudo_residuals([0.1], random_state="x")
    for residuals in ([0.1] * 5, [np.nan] * 20, np.ones(20), [np.inf] * 20):
        with pytest.raises(ValueError, match="8 or more that are finite and not all the same"):
            normality(residuals)
    with pytest.raises(ValueError, match="of one column"):
        normality(np.ones((20, 2)))
    with pytest.raises(ValueError, match=r"as \[z\[:, 0\] for z in residuals.values\(\)\]"):
        normality({"a": np.ones((20, 2))})
    with pytest.raises(TypeError, match="residuals must be an array of numbers"):
        normality("normal")


def test_normality_is_scipys():
    rng = np.random.default_rng(0)
    for z in (rng.normal(size=200), rng.exponential(size=90), rng.standard_t(3, 50)):
        test, theirs = normality(z), stats.jarque_bera(z)
        assert_allclose([test.jarque_bera, test.p_value], [theirs.statistic, theirs.pvalue], rtol=1e-9)
        assert_allclose([test.skewness, test.kurtosis], [stats.skew(z), stats.kurtosis(z) + 3], rtol=1e-9)
        parts = normality([z[:30], np.r_[np.nan, z[30:]]])
        assert parts.n == len(z)
        assert_allclose(parts.p_value, test.p_value)
        assert parts.neighbours != test.neighbours  # the end of one has no neighbour in the next
    assert "they are not normal" in str(normality(rng.exponential(size=300)))
    assert "no sign that they are not normal" in str(normality(stats.norm.ppf((np.arange(300) + 0.5) / 300)))


def test_normality_of_what_was_skipped():
    m = Model(startprob=[1, 0], transmat=np.eye(2), emission=Poisson([0, 5]))
    skipped, seen = m.pseudo_residuals([[1, 2], [0] * 20], impossible="skip", random_state=0)
    assert skipped is None and normality([skipped, seen]) == normality(seen)
    for nothing in (None, [], [None], [[]]):
        with pytest.raises(ValueError, match="residuals hold 0 numbers"):
            normality(nothing)
