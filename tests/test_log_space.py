"""The exact path against integers, without any rounding: at any magnitude, in windows, through every public door."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import Params

from chmm import Categorical, Model, Precomputed
from chmm.kernel_input import Chain
from chmm.log_space import Exact, exponentials, likelihoods, numbers


def extreme(rng, *shape):
    """Rows that sum to 1, entries between 1e-300 and 1, and some zeros; never a whole row."""
    a = 10.0 ** -rng.uniform(0, rng.choice([1, 30, 300]), size=shape) * (rng.random(shape) > 0.15)
    a[..., 0] += a.sum(axis=-1) == 0
    return a / a.sum(axis=-1, keepdims=True)


class Given:
    """Rows of likelihoods as `Exact` asks for them."""

    def __init__(self, logs, shared):
        self.logs, self.shared = logs, shared
        self.numbers = likelihoods(logs)


def exactly(startprob, transmat, rows, budget=2**30, shared=True):
    chain, index = Chain(startprob, transmat), np.arange(len(rows), dtype=np.int32)
    padded = np.zeros((len(rows), chain.width))
    padded[:, : chain.n] = rows
    with np.errstate(divide="ignore"):
        given = Given(np.log(padded), shared)
    return Exact(chain, given, index, np.zeros(1, np.int32), budget)


def as_floats(fractions):
    """Rounded once; infinite where a double holds no such number."""

    def number(x):
        return float(x) if x < 2**1024 else math.inf

    return np.array([[number(x) for x in row] for row in fractions])


# ------------------------------------------------------------------------------------------------------- arithmetic


def test_numbers_hold_any_probability():
    p = np.array([0, 5e-324, 1e-310, 1e-300, 1e-18, 0.3, 1])
    mantissa, exponent = numbers(p)
    got = [Fraction(m) * Fraction(2) ** int(e) if m else 0 for m, e in zip(mantissa.tolist(), exponent.tolist())]
    assert got == [Fraction(x) for x in p.tolist()]


@pytest.mark.parametrize("x", [0.0, -0.5, -41.0, -42.0, -700.0, -750.0, -1e5, -3e8, -1e15, 800.0, 1e5])
def test_exponentials_of_any_size(x):
    mantissa, exponent = exponentials(np.array([x]))
    with localcontext() as context:
        context.prec = 60
        error = Decimal(mantissa[0]).ln() + Decimal(exponent[0]) * Decimal(2).ln() - Decimal(x)
    assert abs(error) < 3e-16


def test_no_likelihood_is_too_large_or_too_small():
    """Not even those whose exponents exceed what a double holds exactly."""
    logs = np.array([[-1e280, -1e280], [1e280, -np.inf], [-np.inf, -np.inf], [0.0, -1e280]])
    rows, shift = likelihoods(logs)
    assert np.isfinite(rows).all()
    assert_array_equal(shift, [-1e280, 1e280, 0, 0])
    assert_array_equal(rows[:3, 0], [[1, 1], [1, 0], [0, 0]])


# ------------------------------------------------------------------------------------------- against exact integers


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9])
def test_every_table_against_integers(n, shared):
    """Whole and in windows of three steps; 1e-12 is what logarithms of 1e-300 leave of the likelihoods."""
    rng = np.random.default_rng(n)
    done = 0
    for _ in range(24 // n + 3):
        startprob, transmat, rows = extreme(rng, n), extreme(rng, n, n), extreme(rng, 7, n + 1)[:, :n]
        truth = oracle.exact(startprob, transmat, rows)
        for budget in (2**30, 0):
            exact = exactly(startprob, transmat, rows, budget, shared)
            if truth is None:
                assert exact.step >= 0 and exact.loglik == -np.inf
                continue
            assert exact.step == -1
            done += 1
            assert_allclose(exact.loglik, truth.loglik, rtol=1e-13, atol=1e-10)
            gamma, xi = np.empty(rows.shape), np.empty((len(rows) - 1, n, n))
            exact.posteriors(gamma, xi)
            assert_allclose(gamma, truth.gamma, rtol=1e-12, atol=2.3e-308)  # 0 below the normal range
            assert_allclose(xi, truth.xi, rtol=1e-12, atol=5e-324)
            start, trans, weights = np.zeros(n), np.zeros((n, n)), np.zeros((len(rows), n + 1))
            exact.expected_counts(0.5, start, trans, weights)
            assert_allclose(start, truth.gamma[0] / 2, rtol=1e-12, atol=1e-300)
            assert_allclose(trans, truth.xi.sum(axis=0) / 2, rtol=1e-12, atol=1e-300)
            assert_allclose(weights[:, :n], truth.gamma / 2, rtol=1e-12, atol=1e-300)
            assert_array_equal(weights[:, n], 0)
            alpha, log_scale = np.empty(rows.shape), np.empty(len(rows))
            exact.forward(alpha, log_scale, scaled=True)
            assert_allclose(alpha, as_floats(truth.filter), rtol=1e-12, atol=5e-324)
            assert_allclose(log_scale.sum(), truth.loglik, rtol=1e-12, atol=1e-10)
    assert done > 3


def test_a_million_steps_without_drift():
    """The state that is behind by a million bits in the middle catches up; all steps share one gamma."""
    probs, n = [[0.9, 0.1], [0.3, 0.7]], 10**6
    m = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Categorical(probs))
    ahead = round(n * math.log(3) / math.log(7))
    with localcontext() as context:
        context.prec = 50
        (a, b), (c, d) = ([Decimal(p) for p in row] for row in probs)
        rise = n * (a / c).ln() + ahead * (b / d).ln()
        gamma = float(1 / (1 + (-rise).exp()))
    assert 0.1 < gamma < 0.9
    got = m.predict_proba(np.repeat([0, 1], [n, ahead]))
    assert_allclose(got, np.tile([gamma, 1 - gamma], (n + ahead, 1)), rtol=1e-9)


@pytest.mark.parametrize("size", [1.0, 1e5, 1e6])
def test_log_likelihoods_of_any_size(size):
    """Integers, so that their sums are exact; states that never meet, so that gamma follows from those."""
    rng = np.random.default_rng(0)
    logs = np.floor(rng.uniform(-size, 0, (200, 3)))
    logs[-1] = -logs[:-1].sum(axis=0) + [0, -1, -2] - size  # in the end they are nearly balanced
    m = Model(startprob=[0.25, 0.25, 0.5], transmat=np.eye(3), emission=Precomputed())
    weights = np.array([0.25, 0.25, 0.5]) * np.exp([0.0, -1.0, -2.0])
    assert_allclose(m.predict_proba(logs), np.tile(weights / weights.sum(), (200, 1)), rtol=1e-12)
    assert_allclose(m.score(logs), -size + math.log(weights.sum()), rtol=1e-13)


@pytest.mark.parametrize("size", [1e9, 1e12, 1e15])
def test_log_likelihoods_far_apart(size):
    """One path is possible, and each of its steps the less likely one."""
    m = Model(startprob=[1.0, 0.0], transmat=[[0.0, 1.0], [1.0, 0.0]], emission=Precomputed())
    logs = np.array([[-size, 0.0], [0.0, -size / 3], [-3.0, -1.0]])
    assert_allclose(m.posteriors(logs).gamma, [[1, 0], [0, 1], [1, 0]], rtol=1e-12)
    assert_allclose(m.score(logs), logs[[0, 1, 2], [0, 1, 0]].sum(), rtol=1e-15)


@pytest.mark.parametrize("size", [1e17, 1e20])
def test_beyond_what_exponents_hold_there_is_an_error_or_the_answer(size):
    m = Model(startprob=[1.0, 0.0], transmat=[[0.0, 1.0], [1.0, 0.0]], emission=Precomputed())
    logs = np.array([[-size, 0.0], [0.0, -size / 3], [-3.0, -1.0]])
    assert_allclose(m.score(logs), -size - size / 3, rtol=1e-15)
    for ask in (m.predict_proba, m.posteriors, m.forward, m.backward):
        with pytest.raises(ValueError, match="too far apart"):
            ask(logs)
    m = Model(startprob=[0.5, 0.5], transmat=[[0.5, 0.5], [0.5, 0.5]], emission=Precomputed())
    assert_array_equal(m.predict_proba(np.array([[0.0, -size], [-size, 0.0]])), np.eye(2))


def test_windows_change_nothing():
    rng = np.random.default_rng(1)
    startprob, transmat, rows = extreme(rng, 3), np.array([[1, 1e-200, 0], [0, 1, 1e-250], [1e-100, 0, 1]]), None
    rows = 10.0 ** -rng.uniform(0, 40, (5000, 3))
    tables = []
    for budget in (2**30, 0):
        for shared in (True, False):
            exact = exactly(startprob, transmat, rows, budget, shared)
            gamma, xi = np.empty(rows.shape), np.empty((len(rows) - 1, 3, 3))
            exact.posteriors(gamma, xi)
            tables.append((gamma, xi, exact.loglik))
    for gamma, xi, loglik in tables[1:]:
        assert_allclose(gamma, tables[0][0], rtol=1e-13)
        assert_allclose(xi, tables[0][1], rtol=1e-13)
        assert_allclose(loglik, tables[0][2], rtol=1e-14)


# --------------------------------------------------------------------------------------------------- backward, forward


UNREACHED = Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical([[1e-30, 1 - 1e-30], [1 - 1e-30, 1e-30]]))


def test_beta_of_a_state_that_cannot_be_reached():
    """It grows beyond any double on the way, and comes back."""
    x = [1] * 11 + [0] * 20
    with pytest.raises(ValueError, match=r"beta\[1, 1\] is above 1.8e308, although it is scaled.*posteriors"):
        UNREACHED.backward(x)
    x = [1] * 11 + [0] * 10
    params = Params(UNREACHED.startprob_, UNREACHED.transmat_, UNREACHED.emission_.probs)
    truth = oracle.exact(*params[:2], params.rows(x))
    beta = UNREACHED.backward(x).beta
    assert_allclose(beta, as_floats(truth.scaled_beta), rtol=1e-12)
    assert_allclose(UNREACHED.backward(x, scaled=False).beta, as_floats(truth.beta), rtol=1e-12)


def test_textbook_tables_that_do_not_fit_are_errors():
    x = [1] * 11 + [0] * 20
    with pytest.raises(ValueError, match=r"alpha\[21, 0\] is below 1e-308 without scaling; use scaled=True"):
        UNREACHED.forward(x, scaled=False)
    with pytest.raises(ValueError, match=r"beta\[0, 0\] is below 1e-308 without scaling; use scaled=True"):
        UNREACHED.backward(x, scaled=False)
    dense = Model(startprob=[1.0], transmat=[[1.0]], emission=Precomputed())
    with pytest.raises(ValueError, match=r"alpha\[7, 0\] is above 1.8e308 without scaling; use scaled=True"):
        dense.forward(np.full((10, 1), 100.0), scaled=False)
    assert_allclose(dense.forward(np.full((7, 1), 100.0), scaled=False).alpha[:, 0], np.exp(100.0 * np.arange(1, 8)))


# -------------------------------------------------------------------------------------------------------------- fuzz


FUZZED = 60


def assert_table_or_error(ask, wanted, name, **options):
    """The numbers, or the error if one does not fit."""
    unscaled = not options.get("scaled", True)
    tiny, huge = Fraction(2) ** -1022, Fraction(2) ** 1024
    if any(x >= huge or (unscaled and 0 < x < tiny) for row in wanted for x in row):
        with pytest.raises(ValueError, match=name):
            ask(**options)
    else:
        assert_allclose(getattr(ask(**options), name), as_floats(wanted), rtol=1e-11, atol=1e-300)


def assert_doors_right(params, x, final):
    """Every answer of the model about a sequence, against integers."""
    options = {} if final is None else {"final_states": np.flatnonzero(final).tolist()}
    m, truth = params.model(max_iter=1, **options), oracle.exact(*params[:2], params.rows(x), final)
    if truth is None:
        assert m.score(x) == -np.inf
        return False
    assert_allclose(m.score(x), truth.loglik, rtol=1e-12, atol=1e-10)
    posteriors, close = m.posteriors(x, pairs=True), {"rtol": 1e-11, "atol": 1e-50}
    assert_allclose(m.predict_proba(x), truth.gamma, **close)
    assert_allclose(posteriors.gamma, truth.gamma, **close)
    assert_allclose(posteriors.xi, truth.xi, **close)
    assert_table_or_error(lambda **how: m.forward(x, **how), truth.filter, "alpha")
    assert_table_or_error(lambda **how: m.forward(x, **how), truth.alpha, "alpha", scaled=False)
    assert_table_or_error(lambda **how: m.backward(x, **how), truth.scaled_beta, "beta")
    if final is None:
        assert_table_or_error(lambda **how: m.backward(x, **how), truth.beta, "beta", scaled=False)
    s = m.fit(x).statistics_
    start, trans, probs = oracle.expected_counts([truth.gamma], [truth.xi], [x], params.probs.shape[1])
    for got, want in ((s.start, start), (s.trans, trans), (s.emission["counts"], probs)):
        assert_allclose(got, want, **close)
    return True


@pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
@pytest.mark.parametrize("n", [2, 3, 4, 5, 9])
def test_fuzz_of_every_door(n):
    """Probabilities from 1e-300 to 1: most need the exact path, many have tables that do not fit."""
    rng, possible = np.random.default_rng(n), 0
    for k in range(FUZZED // n):
        params = Params(extreme(rng, n), extreme(rng, n, n), extreme(rng, n, 4))
        final = None if k % 3 else rng.random(n) < 0.6
        if final is not None and not final.any():
            continue
        possible += assert_doors_right(params, rng.integers(0, 4, size=rng.integers(1, 9)), final)
    assert possible > FUZZED // n // 3
