"""Forecasts: the distribution of what follows, against sums over every path; and against the surprise of what came."""

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import as_given, random_params
from test_families import as_data, densities, every_family, model, sample

from chmm import (
    Bernoulli,
    Categorical,
    Forecast,
    Gaussian,
    ImpossibleError,
    LogNormal,
    Model,
    Poisson,
    Precomputed,
    Product,
    StudentT,
    VonMises,
    ZeroInflated,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

# Zucchini & MacDonald (2009), table 1.1
QUAKES = np.array([13, 14, 8, 10, 16, 26, 32, 27, 18, 32, 36, 24, 22, 23, 22, 18, 25, 21, 21, 14, 8, 11, 14, 23, 18, 17,
                   19, 20, 22, 19, 13, 26, 13, 14, 22, 24, 21, 22, 26, 21, 23, 24, 27, 41, 31, 27, 35, 26, 28, 36, 39,
                   21, 17, 22, 17, 19, 15, 34, 10, 15, 22, 18, 15, 20, 15, 22, 19, 16, 30, 27, 29, 23, 20, 16, 21, 21,
                   25, 16, 18, 15, 18, 14, 10, 15, 8, 15, 6, 11, 8, 7, 18, 16, 13, 12, 13, 20, 15, 16, 12, 18, 15, 16,
                   13, 15, 16, 11, 11])  # fmt: skip


def expected_states(startprob, moves, rows, ahead):
    """P(q_T+1+k = i | o_1 ... o_T), and that the sequence has gone on, by adding up all paths."""
    out = []
    for k in range(1, ahead + 1):
        p = oracle.joint(startprob, moves, np.vstack([rows, np.ones((k, rows.shape[1]))]))
        last = oracle.margin(p, p.ndim - 1)
        out.append(last / last.sum())
    return np.array(out)


@pytest.mark.parametrize("zeros", [0, 0.3])
def test_states_are_sums_over_all_paths(zeros):
    rng = np.random.default_rng(round(10 * zeros))
    n_tried = 0
    while n_tried < 60:
        n, m, steps, ahead = rng.integers([1, 1, 0, 1], [5, 4, 5, 4])
        params = random_params(rng, n, m, zeros)
        x = rng.integers(-1, m, size=steps)
        rows = params.rows(x) if steps else np.ones((0, n))
        known, weights = None, np.ones((steps, n))
        if steps and rng.random() < 0.5:
            weights = rng.random((steps, n)) if rng.random() < 0.5 else (rng.random((steps, n)) < 0.8).astype(float)
            known = weights
        if steps and not oracle.joint(params.startprob, params.transmat, rows * weights).any():
            continue
        n_tried += 1
        end = rng.random(n) if rng.random() < 0.5 else None
        moves = params.transmat if end is None else (1 - end)[:, None] * params.transmat
        m_ = params.model(endprob=end)
        given = np.array(as_given(x), dtype=object) if steps else np.empty(0, dtype=int)
        got = m_.forecast(given, ahead, known=known)
        wanted = expected_states(params.startprob, moves, rows * weights, ahead)
        assert_allclose(got.states, wanted, rtol=1e-12, atol=1e-15)
        assert_allclose(got.probs, wanted @ params.probs, rtol=1e-12, atol=1e-15)


def test_final_states_say_nothing_and_a_stationary_start_is_one():
    rng = np.random.default_rng(3)
    params = random_params(rng, 3, 2)
    x = [0, 1, 1, 0]
    assert_allclose(params.model(final_states=[1]).forecast(x, 3).states, params.model().forecast(x, 3).states)
    still = Model(startprob="stationary", transmat=params.transmat, emission=Categorical(params.probs))
    nothing = still.forecast(np.empty(0, dtype=int), 4)
    assert_allclose(nothing.states, np.tile(still.startprob_, (4, 1)))


@every_family
def test_values_are_mixtures_over_states(family):
    m = model(family.given)
    x = sample(family, 20, 1).X
    forecast = m.forecast(x, 3)
    some = family.grid.values[:: max(len(family.grid.values) // 17, 1)]
    got = forecast.log_density(as_data(family.given, some))
    assert_allclose(np.exp(got), (densities(family.given, some) @ forecast.states.T).T, rtol=1e-9, atol=1e-300)
    values, measure = family.grid.values, family.grid.measure
    density = measure[:, None] * densities(family.given, values)
    if "Categorical" in repr(family.given):
        with pytest.raises(TypeError, match="symbols have no order and no mean"):
            forecast.mean()
        return
    if "Heaped" in repr(family.given):
        with pytest.raises(TypeError, match=r"has no mean\(\)"):
            forecast.mean()
        return
    circular = np.broadcast_to(family.given.circular, values.shape[1])
    vector = forecast.states @ (density.T @ np.exp(1j * values))
    mean = np.where(circular, np.angle(vector), forecast.states @ (density.T @ values))
    assert_allclose(forecast.mean().reshape(3, -1), mean, rtol=1e-6, atol=1e-6)
    spread = forecast.states @ (density.T @ values**2) - mean**2
    length = 1 - np.abs(vector)
    if "StudentT" not in repr(family.given):  # the grid ends before its variance
        assert_allclose(forecast.variance().reshape(3, -1), np.where(circular, length, spread), rtol=1e-5, atol=1e-6)


@every_family
def test_quantiles_invert_the_distribution_function(family):
    if "Categorical" in repr(family.given) or "Heaped" in repr(family.given):
        return
    m = model(family.given)
    forecast = m.forecast(sample(family, 20, 1).X, 2)
    levels = np.array([0.01, 0.3, 0.5, 0.95])
    found = forecast.quantile(levels)
    d = family.given.n_features or 1
    assert found.shape == ((4, 2) if d == 1 else (4, 2, d))
    assert_array_equal(forecast.quantile(0.5), found[2])
    for k, q in enumerate(levels):
        for h in range(2):
            value = np.atleast_1d(found[k, h])
            at, below = (
                np.atleast_1d(forecast.cdf(v if d > 1 else v[0])[h]) for v in (value, np.nextafter(value, -np.inf))
            )
            assert (at >= q - 1e-12).all() and (below <= q + 1e-12).all()


@every_family
def test_the_next_value_is_as_surprising_as_it_was_foreseen(family):
    """log P(o_1 ... o_T, v) - log P(o_1 ... o_T) is the density of v."""
    m = model(family.given)
    x, _ = sample(family, 60, 2)
    forecast = m.forecast(x[:59])
    value = x[59] if np.ndim(x[59]) else x[59].item()
    assert_allclose(forecast.log_density(value)[0], m.score(x) - m.score(x[:59]), rtol=1e-9, atol=1e-9)


def test_of_any_length_and_where_scaled_arithmetic_ends():
    rng = np.random.default_rng(0)
    params = random_params(rng, 4, 5)
    x = rng.integers(0, 5, 20_000)
    m = params.model()
    for t in (1, 100, 19_999):
        assert_allclose(m.forecast(x[:t]).log_density(int(x[t]))[0], -m.surprise(x[: t + 1])[-1], rtol=1e-12)
    # state 1 is 1e-1000 times as probable, until only it explains what comes
    apart = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Categorical([[0.99, 0.01, 0], [0.01, 0.49, 0.5]]))
    x = [0] * 600
    assert_allclose(apart.forecast(x).log_density(2)[0], 600 * (np.log(0.01) - np.log(0.99)) + np.log(0.5), rtol=1e-12)


def test_earthquakes():
    """m = 3: the mean for 2007."""
    m = Model(3, Poisson(), random_state=0).fit(QUAKES)
    assert_allclose(m.loglik_, -328.5275, atol=1e-3)
    assert_allclose(m.forecast(QUAKES).mean(), [13.8536], atol=2e-3)
    far = m.forecast(QUAKES, 500)
    assert_allclose(far.states[-1], m.stationary_distribution(), atol=1e-8)
    assert_allclose(far.cdf(np.arange(100.0))[0], np.cumsum(np.exp(far.log_density(np.arange(100)))[0]), rtol=1e-12)


def test_a_quantile_is_the_least_value_that_reaches_its_level():
    coin = Model(startprob=[1.0], transmat=[[1.0]], emission=Bernoulli([0.5])).forecast([0])
    assert coin.quantile([0.4, 0.5, 0.6]).ravel().tolist() == [0, 0, 1]
    rain = Model(startprob=[1.0], transmat=[[1.0]], emission=ZeroInflated(Gaussian([5], [1]), [0.5])).forecast([0])
    assert rain.quantile(0.25)[0] == 0  # which has a probability of its own
    assert_allclose(rain.quantile(0.75)[0], 5)


def test_draws_are_continuations():
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.3, 0.7]], emission=Gaussian([0, 50], [1, 1]))
    drawn = m.forecast([0.0, 0.1, 49], 3).sample(40_000, random_state=0)
    assert drawn.shape == (40_000, 3)
    states = (drawn > 25).astype(int)
    forecast = m.forecast([0.0, 0.1, 49], 3)
    assert_allclose(states.mean(axis=0), forecast.states[:, 1], atol=0.01)
    together = (states[:, 0] * states[:, 1]).mean()
    assert_allclose(together, forecast.states[0, 1] * 0.7, atol=0.01)
    assert_allclose(drawn.mean(axis=0), forecast.mean(), atol=0.5)
    assert_array_equal(drawn, forecast.sample(40_000, random_state=0))
    two = Product(a=Gaussian([0, 9], [1, 1]), b=Categorical([[1, 0], [0, 1]], symbols=["x", "y"]))
    assert m.forecast([0.0], 3).sample(0).shape == (0, 3)
    some = Model(startprob=[1, 0], transmat=np.eye(2), emission=two).forecast(np.array([[0.3, "x"]], dtype=object), 4)
    assert some.sample(5, random_state=0).shape == (5, 4, 2) and (some.sample(5)[..., 1] == "x").all()


def test_draws_of_a_model_with_ends_go_on():
    chain = {"startprob": [1, 0], "transmat": np.full((2, 2), 0.5), "endprob": [0.1, 0.9]}
    m = Model(**chain, emission=Gaussian([0, 50], [1, 1]))
    states = (m.forecast([0.0], 3).sample(40_000, random_state=0) > 25).mean(axis=0)
    assert_allclose(states, [1 / 10, 1 / 10, 1 / 2], atol=0.01)  # those that go on went by way of state 0
    assert_allclose(m.forecast([0.0], 3).states[:, 1], [0.5, 0.5, 0.5])


def test_channels_of_a_product():
    emission = Product(calls=Poisson([1, 9]), mood=Categorical([[0.9, 0.1], [0.2, 0.8]], symbols=["calm", "cross"]))
    m = Model(startprob=[0.5, 0.5], transmat=[[0.8, 0.2], [0.2, 0.8]], emission=emission)
    forecast = m.forecast(np.array([[0, "calm"], [2, "calm"]], dtype=object), 2)
    assert_allclose(forecast["calls"].mean(), forecast.states @ [1, 9])
    assert_allclose(forecast["mood"].probs, forecast.states @ [[0.9, 0.1], [0.2, 0.8]])
    assert forecast["mood"].symbols == ("calm", "cross")
    both = forecast.log_density([3, "cross"])
    apart = forecast.states @ (np.exp([-1, -9]) * np.array([1, 9]) ** 3 / 6 * [0.1, 0.8])
    assert_allclose(both, np.log(apart))
    for ask in (forecast.mean, forecast.variance, lambda: forecast.quantile(0.5), lambda: forecast.cdf([1, "calm"])):
        with pytest.raises(TypeError, match=r"symbols have no order .* ask a channel"):
            ask()
    with pytest.raises(KeyError, match="there is no channel 'x'"):
        forecast["x"]


@pytest.mark.parametrize("symbols", ["ab", ["sun", "rain"], [3, 40]], ids=str)
def test_symbols_have_their_probabilities(symbols):
    emission = Categorical([[0.9, 0.1], [0.2, 0.8]], symbols=symbols)
    m = Model(startprob=[0.7, 0.3], transmat=[[0.9, 0.1], [0.2, 0.8]], emission=emission)
    forecast = m.forecast([symbols[:1]], 3)[0]
    assert_allclose(np.exp(forecast.log_density(symbols)), forecast.probs)
    assert_allclose(np.exp(forecast.log_density(symbols[0])), forecast.probs[:, 0])


def test_one_many_and_what_cannot_be():
    m = Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical([[1, 0], [0.5, 0.5]], symbols="ab"))
    assert isinstance(m.forecast("aa"), Forecast) and len(m.forecast("aa", 3)) == 3
    assert [len(f) for f in m.forecast(["aa", "a"], 2)] == [2, 2]
    assert list(m.forecast({"x": "aa", "y": "a"})) == ["x", "y"]
    assert len(m.forecast("aaa", lengths=[2, 1])) == 2
    with pytest.raises(ImpossibleError, match="sequence 1, step 1: symbol 'b'"):
        m.forecast(["aa", "ab"])
    skipped = m.forecast(["aa", "ab"], impossible="skip")
    assert skipped[1] is None and skipped[0].states.tolist() == [[1, 0]]
    gone = Model(startprob=[1, 0], transmat=[[0, 1], [0, 1]], endprob=[0, 1], emission=Categorical([[1.0], [1.0]]))
    with pytest.raises(ValueError, match="cannot continue for 2 steps"):
        gone.forecast([0], 2)


@pytest.mark.parametrize(
    "ask, error, told",
    [
        (lambda f: f.quantile(1), ValueError, "q = 1 must be a number above 0 and below 1"),
        (lambda f: f.quantile([0.5, np.nan]), ValueError, "q = "),
        (lambda f: f.quantile([[0.5]]), ValueError, "q = "),
        (lambda f: f.quantile("half"), TypeError, "q must be an array of numbers"),
        (lambda f: f.cdf("a"), TypeError, "words|text"),
        (lambda f: f.cdf(np.nan), ValueError, r"values\[0\] is missing"),
        (lambda f: f.log_density([1, None, 3]), ValueError, r"values\[1\] is missing"),
        (lambda f: f.log_density(np.ones((3, 2))), ValueError, "values have 2 features"),
        (lambda f: f.cdf([1.0, np.inf]), ValueError, "values, number 1: inf is not a number"),
        (list, TypeError, "not iterable"),
        (lambda f: f.probs, TypeError, "Poisson has no symbols"),
        (lambda f: f.symbols, TypeError, "Poisson has no symbols"),
        (lambda f: f["x"], TypeError, "Poisson has no channels"),
        (lambda f: f.sample(-1), ValueError, "n_samples = -1"),
        (lambda f: f.sample(1.5), TypeError, "n_samples must be an integer"),
    ],
)
def test_wrong_questions(ask, error, told):
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Poisson([15, 26]))
    with pytest.raises(error, match=told):
        ask(m.forecast([12, 14]))


def test_wrong_arguments():
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Poisson([15, 26]))
    for n_steps, error in ((0, ValueError), (-1, ValueError), (1.5, TypeError), ("two", TypeError), (True, TypeError)):
        with pytest.raises(error, match="n_steps"):
            m.forecast([1, 2], n_steps)
    with pytest.raises(ValueError, match="impossible = 'ignore' must be one of 'raise', 'skip'"):
        m.forecast([1, 2], impossible="ignore")
    with pytest.raises(TypeError, match="takes 2 positional arguments"):
        m.forecast([1, 2], 1, [2])


def test_a_value_of_several_columns_is_a_row():
    m = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Gaussian([[0, 1], [5, 4]], [[1, 1], [2, 2]]))
    forecast = m.forecast(np.ones((3, 2)), 4)
    assert forecast.mean().shape == forecast.variance().shape == forecast.cdf([0.0, 1.0]).shape == (4, 2)
    assert forecast.quantile([0.1, 0.9]).shape == (2, 4, 2) and forecast.cdf(np.ones((5, 2))).shape == (4, 5, 2)
    assert forecast.log_density([0.0, 1.0]).shape == (4,) and forecast.log_density(np.ones((5, 2))).shape == (4, 5)
    with pytest.raises(ValueError, match=r"values = 1.0: a value has 2 columns"):
        forecast.cdf(1.0)
    with pytest.raises(ValueError, match="values have 3 features"):
        forecast.cdf([1.0, 2.0, 3.0])


def test_values_outside_have_no_density():
    m = Model(startprob=[1.0], transmat=[[1.0]], emission=Poisson([3]))
    f = m.forecast([2])
    assert f.log_density([1.5, -1]).tolist() == [[-np.inf, -np.inf]] and f.cdf([2.5, -1])[0, 1] == 0
    assert f.cdf(2.5) == f.cdf(2) and np.isfinite(f.log_density(2)).all()
    log = Model(startprob=[1.0], transmat=[[1.0]], emission=LogNormal([0], [1])).forecast([2.0])
    assert log.cdf(-3.0) == 0 and log.log_density(0.0) == -np.inf


def test_precomputed_values_are_not_forecast():
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Precomputed())
    forecast = m.forecast(np.log([[0.9, 0.1], [0.8, 0.2]]), 2)
    assert forecast.states[0, 0] > 0.8
    for ask in (forecast.mean, lambda: forecast.quantile(0.5), lambda: forecast.sample(2)):
        with pytest.raises(TypeError, match="Precomputed"):
            ask()


def test_infinite_variances_and_angles():
    heavy = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=StudentT([0, 5], [1, 1], [1.5, 9]))
    assert heavy.forecast([4.8, 5.1]).variance()[0] == np.inf
    still = Model(startprob=[0, 1], transmat=np.eye(2), emission=StudentT([0, 5], [1, 1], [1.5, 9]))
    assert_allclose(still.forecast([4.8]).variance(), 9 / 7)  # what has no weight may be infinite
    even = {"startprob": [0.5, 0.5], "transmat": np.full((2, 2), 0.5)}
    wind = Model(**even, emission=VonMises([3, -3], [20, 20])).forecast([3.1], 2)
    assert_allclose(np.abs(wind.mean()), np.pi, rtol=1e-12)
    assert (np.abs(wind.quantile([0.1, 0.9])) < np.pi).all()
    assert_allclose(wind.cdf(3.5), wind.cdf(3.5 - 2 * np.pi))


def test_the_callers_error_state_does_not_matter():
    m = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Gaussian([0, 3], [1, 1]))
    with np.errstate(all="raise"):
        forecast = m.forecast(np.full(200, -9.0), 3)  # state 1 has a probability of e^-6300
        assert forecast.log_density(1e5).shape == (3,)
        answers = forecast.mean(), forecast.variance(), forecast.quantile(0.5), forecast.cdf(-50), forecast.sample(2)
        assert all(np.isfinite(answer).all() for answer in answers)
        both = Product(Gaussian([0, 3], [1, 1]), Poisson([1, 9]))
        two = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=both)
        assert two.forecast(np.tile([-9.0, 1], (200, 1)))[0].mean() == 0
        assert np.isfinite(m.pseudo_residuals(np.full(200, -9.0))).all()
        assert np.isfinite(m.impute([-1e5, np.nan, 1e5])).all() and np.isfinite(m.impute([np.nan], 3)).all()


def test_it_prints():
    even = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.1, 0.9]]}
    m = Model(states=["calm", "wild"], **even, emission=Poisson([15, 26]))
    forecast = m.forecast([12, 14], 2)
    assert repr(forecast) == "Forecast(2 steps, 2 states)"
    assert str(forecast).splitlines()[1].startswith("  1: 'calm' 0.8")
    assert not forecast.states.flags.writeable


@pytest.mark.parametrize("transmat", [[[0.9, 0.1], [0.2, 0.8]], [[0, 1], [1, 0]], [[0.999, 0.001], [0, 1]]])
@pytest.mark.parametrize("x", [np.empty(0), np.array([0.5, 1.0])])
def test_far_ahead_is_a_power_of_the_transitions(transmat, x):
    model = Model(startprob=[0.7, 0.3], transmat=transmat, emission=Gaussian([0, 1], [1, 1]))
    states = model.forecast(x, 70_000).states
    for k in (1, 2, 16_383, 16_384, 16_385, 32_768, 69_999):
        assert_allclose(states[k], states[0] @ np.linalg.matrix_power(transmat, k), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("n", [10**13, 10**20])
def test_too_many_for_any_memory(n):
    model = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]], emission=Gaussian([0, 1], [1, 1]))
    with pytest.raises(MemoryError, match=f"n_steps = {n}: no memory"):
        model.forecast([0.5], n)
    with pytest.raises(MemoryError, match=f"n_samples = {n}: no memory"):
        model.sample_posterior([0.5], n)
    with pytest.raises(MemoryError, match=f"lag = {n}: no memory"):
        model.stream(lag=n)
