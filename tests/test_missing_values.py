"""Imputation: against sums over every path; in the form of the data."""

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import stochastic
from test_families import every_family, model, sample

from chmm import (
    Categorical,
    Gamma,
    Gaussian,
    ImpossibleError,
    LogNormal,
    Mixture,
    Model,
    PerState,
    Poisson,
    Precomputed,
    Product,
    VonMises,
)

TWO = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.1, 0.9]]}
GAP = np.nan


def normal(x, mean, covariance):
    """(density of what is seen of x, mean of all columns given it)."""
    seen = ~np.isnan(x)
    if not seen.any():
        return 1.0, mean
    s = np.flatnonzero(seen)
    part, apart = covariance[np.ix_(s, s)], x[s] - mean[s]
    density = np.exp(-0.5 * apart @ np.linalg.solve(part, apart)) / np.sqrt(np.linalg.det(2 * np.pi * part))
    return density, mean + covariance[:, s] @ np.linalg.solve(part, apart)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("mixed", [False, True])
def test_means_are_sums_over_all_paths(mixed, log):
    rng = np.random.default_rng(0)
    for k in range(15):
        n, steps = rng.integers([1, 1], [4, 5])
        parts = 2 if mixed else 1
        startprob, transmat, weights = stochastic(rng, n), stochastic(rng, n, n, zeros=0.2), stochastic(rng, n, parts)
        means = rng.normal(size=(n * parts, 2))
        a = rng.normal(size=(n * parts, 2, 2))
        covariances = a @ np.swapaxes(a, 1, 2) + 0.3 * np.eye(2)
        x = rng.normal(size=(steps, 2))
        x[rng.random((steps, 2)) < 0.4] = GAP
        family = (LogNormal if log else Gaussian)(means, covariances, covariance="full")
        end = rng.random(n) if k % 2 else None
        emission = Mixture(family, 2, weights) if mixed else family
        m = Model(startprob=startprob, transmat=transmat, endprob=end, emission=emission)
        moves = transmat if end is None else (1 - end)[:, None] * transmat
        rows, expected = np.ones((steps, n)), np.empty((steps, n, 2))
        for t, i in np.ndindex(steps, n):
            found = [normal(x[t], means[i * parts + j], covariances[i * parts + j]) for j in range(parts)]
            share = weights[i] * [density for density, _ in found]
            rows[t, i] = share.sum()
            centres = np.array([mean for _, mean in found])
            if log:
                gone = np.isnan(x[t])
                for j in range(parts):
                    c = covariances[i * parts + j]
                    s = np.flatnonzero(~gone)
                    rest = c - c[:, s] @ np.linalg.solve(c[np.ix_(s, s)], c[s]) if len(s) else c
                    centres[j] = np.exp(centres[j] + rest.diagonal() / 2)
            expected[t, i] = share @ centres / share.sum()
        if end is not None:
            rows[-1] *= end
        gamma = oracle.enumerate_paths(startprob, moves, rows).gamma
        wanted = np.einsum("tn,tnd->td", gamma, expected)
        given = np.exp(x) if log else x
        got = m.impute(given)
        assert_allclose(got, np.where(np.isnan(given), wanted, given), rtol=1e-9)
        assert np.isnan(x).any() == np.isnan(given).any()  # what was passed is as it was


@every_family
def test_draws_have_the_mean(family):
    """The mean of many draws is the mean; every draw lies in the support."""
    if "Categorical" in repr(family.given) or "Heaped" in repr(family.given):
        return
    m = model(family.given)
    x = np.asarray(sample(family, 12, 3).X, dtype=float).copy()
    x[[2, 3, 9]] = GAP
    if x.ndim == 2 and "Multinomial" not in repr(family.given):
        x[5, 0] = x[7, 1] = GAP
    gone = np.isnan(x)
    mean, draws = m.impute(x), np.array(m.impute(x, 800, random_state=0))
    assert draws.shape == (800, *x.shape)
    assert_array_equal(mean[~gone], x[~gone])
    assert_array_equal(draws[:, ~gone], np.tile(x[~gone], (800, 1)))
    circular = np.broadcast_to(family.given.circular, x.shape if x.ndim == 2 else 1) & np.ones(x.shape, dtype=bool)
    turned = np.angle(np.exp(1j * draws).mean(axis=0))
    got, spread = np.where(circular, turned, draws.mean(axis=0)), draws.std(axis=0)
    assert (np.abs(got - mean)[gone] < 5 * spread[gone] / np.sqrt(800) + 1e-6).all()
    assert np.isfinite(m.score(list(draws[:20])))


def test_a_user_s_family_without_means_says_so():
    from test_families import Heaped

    m = Model(**TWO, emission=Heaped([2, 9], [0.2, 0.5]))
    with pytest.raises(TypeError, match=r"Heaped has no mean\(\)"):
        m.impute([1, None, 3])
    assert len(m.impute([1, None, 3], 2, random_state=0)) == 2


def test_symbols_are_the_most_probable():
    m = Model(**TWO, emission=Categorical([[0.8, 0.1, 0.1], [0.1, 0.3, 0.6]], symbols=["walk", "shop", "clean"]))
    assert m.impute(["walk", None, "walk", "clean", None, "clean"]).tolist() == [
        "walk", "walk", "walk", "clean", "clean", "clean",
    ]  # fmt: skip
    draws = np.array(m.impute(["walk", None, "walk"], 4000, random_state=0))
    filled = [(draws[:, 1] == name).mean() for name in ("walk", "shop", "clean")]
    gamma = m.predict_proba(["walk", None, "walk"])[1]
    assert_allclose(filled, gamma @ [[0.8, 0.1, 0.1], [0.1, 0.3, 0.6]], atol=0.03)
    text = Model(**TWO, emission=Categorical([[0.8, 0.2], [0.1, 0.9]], symbols="ab"))
    assert text.impute([["a", None, "a"], ["b", "b", None]])[1].tolist() == ["b", "b", "b"]
    numbers = Model(**TWO, emission=Categorical([[0.8, 0.2], [0.1, 0.9]], symbols=[5, 1000]))
    assert numbers.impute([5, None, 5]).tolist() == [5, 5, 5]
    unknown = Model(**TWO, emission=Categorical([[0.8, 0.2], [0.1, 0.9]], symbols=["x", "y"], unknown="missing"))
    assert unknown.impute(["x", "?", None]).tolist() == ["x", "?", "x"]  # what is unknown is there


def test_gaps_of_neighbours_go_together():
    m = Model(startprob=[0.5, 0.5], transmat=[[0.99, 0.01], [0.01, 0.99]], emission=Gaussian([0, 100], [1, 1]))
    draws = np.array(m.impute([None] * 4 + [GAP], 500, random_state=0))
    assert ((draws > 50).std(axis=1) == 0).mean() > 0.9
    assert_array_equal(draws, np.array(m.impute([None] * 4 + [GAP], 500, random_state=0)))
    assert_allclose(m.impute([None, None]), [50, 50])


def test_mixed_columns():
    emission = Product(
        wind=VonMises([3, 0], [9, 9]), mood=Categorical([[0.9, 0.1], [0.2, 0.8]], symbols=["calm", "cross"]),
        calls=Poisson([1, 9]),
    )  # fmt: skip
    m = Model(**TWO, emission=emission)
    x = np.array([[3.1, "calm", 0], [None, None, 1], [-3.0, "calm", None], [0.1, None, 12]], dtype=object)
    got = m.impute(x)
    assert got.shape == x.shape and got[0].tolist() == [3.1, "calm", 0]
    assert got[1, 1] == "calm" and got[3, 1] == "cross"
    assert abs(got[1, 0]) > 2.5 and got[2, 2] < 3
    for draw in m.impute(x, 3, random_state=0):
        assert draw[1, 1] in ("calm", "cross") and draw[2, 2] % 1 == 0
    several = Model(**TWO, emission=Mixture(emission_of_four(), 2, [[0.5, 0.5]] * 2))
    assert several.impute(np.array([[3.1, "calm"], [None, "cross"], [3.0, None]], dtype=object))[2, 1] == "calm"
    own = Model(**TWO, emission=PerState([Gaussian([0], [1]), Gaussian([9], [1])]))
    assert_allclose(own.impute([0.1, None, 0.2]), [0.1, 9 * own.predict_proba([0.1, None, 0.2])[1, 1], 0.2])


def emission_of_four():
    mood = Categorical([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]], symbols=["calm", "cross"])
    return Product(VonMises([3, 2.8, 0, 0.2], [9, 9, 9, 9]), mood)


def test_forms():
    m = Model(**TWO, emission=Gaussian([0, 5], [1, 1]))
    X = [np.array([0.1, GAP, 4.4]), np.array([GAP]), np.empty(0)]
    listed = m.impute(X)
    assert [x.shape for x in listed] == [(3,), (1,), (0,)] and not np.isnan(np.concatenate(listed)).any()
    assert list(m.impute({"a": X[0]})) == ["a"]
    assert_allclose(m.impute(np.concatenate(X), lengths=[3, 1, 0]), np.concatenate(listed))
    assert m.impute(X[0][:, None]).shape == (3, 1)
    samples = m.impute(X, 4, random_state=0)
    assert [len(of_one) for of_one in samples] == [4, 4, 4]
    assert len(m.impute(np.concatenate(X), 4, lengths=[3, 1, 0], random_state=0)) == 4
    whole = np.array([1.0, 2.0])
    assert_array_equal(m.impute(whole), whole)
    assert not np.shares_memory(m.impute(whole), whole)
    assert_array_equal(m.impute(whole, 2), [whole, whole])
    known = m.impute([GAP, GAP, GAP], known=[None, 1, None])
    assert_allclose(known, 5 * m.predict_proba([GAP, GAP, GAP], known=[None, 1, None])[:, 1])
    counts = Model(**TWO, emission=Poisson([3, 9]))
    assert counts.impute([3, None, 4]).dtype == np.float64
    assert counts.impute([3, None, 4], 1, random_state=0)[0].dtype.kind == "i"


def test_refusals():
    with pytest.raises(TypeError, match="Precomputed holds log likelihoods"):
        Model(**TWO, emission=Precomputed()).impute(np.full((3, 2), GAP))
    m = Model(**TWO, emission=Gaussian([0, 5], [1, 1]))
    for n_samples, error in ((0, ValueError), (1.5, TypeError), ("many", TypeError)):
        with pytest.raises(error, match="n_samples"):
            m.impute([GAP], n_samples)
    sparse = Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical([[1, 0], [0.5, 0.5]], symbols=["a", "b"]))
    with pytest.raises(ImpossibleError, match="sequence 1, step 2"):
        sparse.impute([["a", None], ["a", None, "b"]])
    assert sparse.impute([["a", None], ["a", None, "b"]], impossible="skip")[1] is None
    assert sparse.impute([["a", None], ["a", None, "b"]], 2, impossible="skip")[1] is None


def test_a_channel_may_be_missing_at_every_step():
    pd = pytest.importorskip("pandas")
    values, words = [0.1, 4.9, 0.2, 5.3], ["u", "v", "u", "v"]
    whole = pd.DataFrame({"a": values, "b": words})
    model = Model(2, Product(a=Gaussian(), b=Categorical()), n_init=1, random_state=0).fit(whole)
    alone = Model(startprob=model.startprob_, transmat=model.transmat_, emission=model.emission_["a"])
    for gap in (None, np.nan, pd.NA):
        half = pd.DataFrame({"a": values, "b": [gap] * 4})
        assert_allclose(model.score(half), alone.score(values))
        assert_allclose(model.score([half, whole]), model.score(half) + model.score(whole))
        assert_allclose(model.score([whole, half.to_numpy()]), model.score(half) + model.score(whole))
        assert set(model.impute(half)["b"]) <= {"u", "v"}
        assert model.score(pd.DataFrame({"a": [gap] * 4, "b": [gap] * 4})) == pytest.approx(0.0, abs=1e-12)
    pair = Model(2, Gaussian(), n_init=1, random_state=0).fit(np.c_[values, values[::-1]])
    lost = np.c_[values, [np.nan] * 4]
    assert np.isfinite(pair.impute(lost)).all() and np.isfinite(pair.score([lost, lost[:2]]))


def test_draws_of_small_shapes_are_values_of_the_family():
    model = Model(startprob=[1], transmat=[[1]], emission=Gamma([1e-3], [1.0]))
    values, _ = model.sample(200, random_state=0)
    assert values.min() > 0 and np.isfinite(model.score(values))


def test_nothing_to_draw():
    m = Model(**TWO, emission=PerState([Gaussian([0], [1]), Gaussian([9], [1])]))
    for copy in m.impute([1.0, 2.0], 2):
        assert_array_equal(copy, [1.0, 2.0])
