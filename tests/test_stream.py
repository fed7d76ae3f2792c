"""What the past says: the filter, the fixed lag and surprise, for all steps at once and one at a time."""

import pickle

import numpy as np
import oracle
import pytest
from chmm.kernels.stream import Past
from numpy.testing import assert_allclose, assert_array_equal
from random_cases import cases
from shared import interrupt_after, random_params
from test_fuzz import FAMILIES

from chmm import (
    Categorical,
    Gamma,
    Gaussian,
    ImpossibleError,
    Model,
    Poisson,
    Precomputed,
    Product,
    StudentT,
    VonMises,
    ZeroInflated,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def run(stream, x, known=None):
    """(filtered, lagged with the rest, surprises) of a whole sequence."""
    pushed = [stream.push(o, None if known is None else known[t]) for t, o in enumerate(x)]
    assert all((p.state is None) == (p.proba is None) == (t < stream.lag) for t, p in enumerate(pushed))
    if pushed:
        assert_allclose(-np.cumsum([p.surprise for p in pushed])[-1], pushed[-1].loglik, rtol=1e-12, atol=1e-12)
        assert pushed[-1].loglik == stream.loglik
    filtered, surprises = np.array([p.filtered for p in pushed]), np.array([p.surprise for p in pushed])
    rows = [p.proba for p in pushed if p.proba is not None]
    states = [p.state for p in pushed if p.proba is not None]
    rest = stream.close()
    assert len(rest.states) == len(rest.proba) == min(stream.lag, len(x))
    return filtered, np.array([*rows, *rest.proba]), np.array([*states, *rest.states]), surprises


def test_the_past_agrees_with_enumeration_under_every_option():
    possible = 0
    for case in cases(5, 1):
        m, X, asked = case.model, case.X, case.asked
        start, rows = case.options["startprob"], case.parts(case.rows * case.weights)
        if not all(oracle.joint(start, case.moves, b).sum() for b in rows):
            with pytest.raises(ImpossibleError):
                m.surprise(X, **asked)
            with pytest.raises(ImpossibleError):
                m.predict_proba(X, lag=0, **asked)
            continue
        possible += 1
        for lag in range(-1, int(case.lengths.max()) + 2):
            for got, b in zip(m.predict_proba(X, lag=lag, **asked), rows, strict=True):
                assert_allclose(got, oracle.lagged(start, case.moves, b, lag), atol=1e-12)
        for s, (got, b) in enumerate(zip(m.surprise(X, **asked), rows, strict=True)):
            probs = [oracle.joint(start, case.moves, b[: t + 1]).sum() for t in range(len(b))]
            assert_allclose(np.cumsum(got), -np.log(probs), atol=1e-12)
            known = None if case.known is None else case.known[s]
            for lag in range(4):
                filtered, lagged, _, surprises = run(m.stream(lag), X[s], known)
                assert_allclose(filtered, oracle.lagged(start, case.moves, b, 0), atol=1e-12)
                assert_allclose(lagged, oracle.lagged(start, case.moves, b, lag), atol=1e-12)
                assert_allclose(surprises, got, atol=1e-12)
    assert possible > 25


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 16, 20, 33, 65])
def test_laws_at_size(n):
    """A lag of T is smoothing, one of 0 is the filter; all in between are what the sequence says that was cut there."""
    m = random_params(np.random.default_rng(n), n, 5, zeros=0.2).model()
    x = m.sample(300, random_state=1).X
    forward = m.forward(x)
    assert_allclose(m.predict_proba(x, lag=0), forward.alpha, atol=1e-12)
    assert_allclose(-m.surprise(x), forward.log_scale, atol=1e-12)
    assert_allclose(m.predict_proba(x, lag=300), m.predict_proba(x), atol=1e-12)
    assert_allclose(m.predict_proba(x, lag=10**12), m.predict_proba(x), atol=1e-12)
    assert_allclose(m.predict_proba(x, lag=-1)[1:], forward.alpha[:-1] @ m.transmat_, atol=1e-12)
    assert_allclose(m.predict_proba(x, lag=-1)[0], m.startprob_, atol=1e-12)
    for lag in (1, 5, 298):
        table = m.predict_proba(x, lag=lag)
        for t in (0, 1, 100, 299):
            assert_allclose(table[t], m.predict_proba(x[: t + lag + 1])[t], atol=1e-12)
        filtered, lagged, states, surprises = run(m.stream(lag), x.tolist())
        assert_allclose(filtered, forward.alpha, atol=1e-12)
        assert_allclose(lagged, table, atol=1e-12)
        assert_array_equal(states, lagged.argmax(axis=1))
        assert_allclose(surprises, -forward.log_scale, atol=1e-12)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family(name):
    rng = np.random.default_rng([7, *name.encode()])
    family, draw = FAMILIES[name]
    x = draw(rng, 25)
    m = Model(2, family(2) if name == "PerState" else family(), random_state=0).start(x)
    want, surprise = m.predict_proba(x, lag=0), m.surprise(x)
    filtered, _, _, surprises = run(m.stream(), x)
    assert_allclose(filtered, want, atol=1e-12)
    assert_allclose(surprises, surprise, rtol=1e-12, atol=1e-12)
    plain, *_ = run(m.stream(), x.tolist())  # Python's own numbers, which go the short way
    assert_allclose(plain, want, atol=1e-12)
    gaps = [None if t % 3 == 1 else o for t, o in enumerate(x)]
    missed, _, _, none = run(m.stream(), gaps)
    assert_allclose(none[1::3], 0, atol=1e-14)
    assert_allclose(missed[1::3], missed[::3][:8] @ m.transmat_, atol=1e-12)
    if name == "Categorical":
        assert_allclose(missed, m.predict_proba(gaps, lag=0), atol=1e-12)
    elif x.dtype == float:
        x[1::3] = np.nan
        assert_allclose(missed, m.predict_proba(x, lag=0), atol=1e-12)


def test_the_filter_of_statsmodels():
    """The Nile under parameters near those of maximum likelihood."""
    statsmodels = pytest.importorskip("statsmodels.api")
    nile = statsmodels.datasets.nile.load_pandas().data["volume"].to_numpy()
    theirs = statsmodels.tsa.MarkovRegression(nile, 2, trend="c", switching_variance=True)
    theirs = theirs.smooth([0.96, 0.02, 1097.0, 850.0, 134.0**2, 124.0**2])
    m = Model(startprob="stationary", transmat=[[0.96, 0.04], [0.02, 0.98]],
              emission=Gaussian([1097, 850], np.square([134.0, 124.0])))  # fmt: skip
    assert_allclose(m.predict_proba(nile, lag=0), theirs.filtered_marginal_probabilities, atol=1e-12)
    assert_allclose(m.predict_proba(nile, lag=99), theirs.smoothed_marginal_probabilities, atol=1e-12)
    assert_allclose(m.surprise(nile), -theirs.llf_obs, rtol=1e-12)
    assert_allclose(m.expected_durations(), theirs.expected_durations, rtol=1e-12)


# Through underflow ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0, 3, 150])
def test_what_underflows_comes_back(lag):
    """State 1 loses 900 : 1 for 300 steps, then wins 1e9 : 1 for 200: plain doubles forget it."""
    rows = np.array([[0.0, -np.log(900)]] * 300 + [[-np.log(1e9), 0.0]] * 200)
    m = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Precomputed())
    filtered, lagged, _, surprises = run(m.stream(lag), rows)
    want = oracle.log_space(np.full(2, 0.5), np.eye(2), np.exp(rows.astype(np.longdouble)))
    assert_allclose(filtered, np.exp(want.log_filter).astype(float), rtol=1e-11, atol=1e-300)
    assert_allclose(-surprises, want.log_scale.astype(float), rtol=1e-11, atol=1e-15)
    assert_allclose(lagged, m.predict_proba(rows, lag=lag), atol=1e-12)
    assert filtered[-1, 1] == 1 and filtered[250, 0] == 1
    for t in (0, 200, 320, 350):
        assert_allclose(lagged[t], m.predict_proba(rows[: t + lag + 1])[t], atol=1e-12)


def test_likelihoods_far_apart_are_told_apart():
    """Logarithms down to -1e6 within one row, and shifts of any size."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        n = int(rng.integers(2, 6))
        rows = -(10.0 ** rng.uniform(-2, 6, size=(40, n))) + rng.normal(size=(40, 1)) * 1e5
        p = random_params(rng, n, 2)
        m = Model(startprob=p.startprob, transmat=p.transmat, emission=Precomputed())
        want = m.predict_proba(rows)
        assert_allclose(m.predict_proba(rows, lag=39), want, atol=1e-10)
        assert_allclose(m.predict_proba(rows, lag=38), want, atol=1e-10)
        assert_allclose(-m.surprise(rows).sum(), m.score(rows), rtol=1e-12)


def test_a_long_stream_keeps_its_digits():
    m = random_params(np.random.default_rng(3), 3, 4).model()
    x = m.sample(200_000, random_state=0).X
    past = Past(*m._ready().chain.numbers, 0)
    assert_allclose(m.surprise(x).sum(), -m.score(x), rtol=1e-13)
    assert past.n_steps == 0 and past.loglik == 0
    assert_allclose(m.predict_proba(x, lag=0)[-1], m.forward(x).alpha[-1], atol=1e-12)


# Streams -------------------------------------------------------------------------------------------------------------

TRACKS = Model(
    states=["rest", "move"], startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]],
    emission=Product(
        step=Gamma([1, 5], [2, 1]), angle=VonMises([0, 0], [0.1, 4]),
        call=Categorical(np.full((2, 3), 1 / 3), symbols="abc"),
    ),
)  # fmt: skip


def test_dicts_rows_and_missing_channels():
    by_name, by_row = TRACKS.stream(), TRACKS.stream()
    array = np.array([[0.4, 1.0, "a"], [6.0, 0.1, None]], dtype=object)
    first = by_name.push({"step": 0.4, "angle": 1.0, "call": "a"})
    assert_array_equal(by_row.push([0.4, 1.0, "a"]).filtered, first.filtered)
    second = by_name.push({"step": 6.0, "angle": 0.1})  # a channel that is left out is missing
    assert_array_equal(by_row.push((6.0, 0.1, None)).filtered, second.filtered)
    assert_allclose([first.filtered, second.filtered], TRACKS.predict_proba(array, lag=0), atol=1e-12)
    for nothing in (by_name.push(None), by_name.push({}), by_row.push([None, np.nan, None])):
        assert abs(nothing.surprise) < 1e-15
    assert by_name.n_steps == 4 and first.state == "rest" and second.state == "move"


@pytest.mark.parametrize("observation, error, message", [
    ({"stepp": 1.0}, ValueError, "step 1: 'stepp' is not a channel; they are 'step', 'angle', 'call'"),
    ([1.0, 2.0], ValueError, "step 1: .* must be a dict by channel, or 3 values"),
    (1.0, ValueError, "3 values"),
    ({"step": -1.0}, ValueError, "channel 'step': X, step 1: -1 is outside what Gamma takes"),
    ({"step": "far"}, TypeError, "channel 'step'.* Gamma takes numbers"),
    ({"step": np.inf}, ValueError, "channel 'step'.*step 1.*inf"),
    ({"angle": 10.0}, ValueError, "channel 'angle'.*step 1.*10 is outside"),
    ({"call": "z"}, ValueError, "channel 'call': step 1: symbol 'z' is not among"),
    ({"call": 3}, TypeError, "channel 'call'"),
])  # fmt: skip
def test_what_cannot_be_pushed_is_refused_and_changes_nothing(observation, error, message):
    stream, other = TRACKS.stream(lag=2), TRACKS.stream(lag=2)
    for s in (stream, other):
        s.push({"step": 0.4, "angle": 1.0, "call": "a"})
    with pytest.raises(error, match=message):
        stream.push(observation)
    assert stream.n_steps == 1
    for s in (stream, other):
        s.push([3.0, 0.0, "b"])
    assert_array_equal(stream.push([1.0, 0.5, "c"]).proba, other.push([1.0, 0.5, "c"]).proba)


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_an_impossible_step_changes_nothing(lag):
    symbols = Categorical([[1, 0, 0], [0.5, 0.5, 0]], symbols="abc")
    m = Model(startprob=[1, 0], transmat=[[0.5, 0.5], [0, 1]], emission=symbols)
    stream, other = m.stream(lag), m.stream(lag)
    for s in (stream, other):
        s.push("a"), s.push("b")
    with pytest.raises(ImpossibleError, match=r"step 2: 'c' has probability 0") as caught:
        stream.push("c")
    assert caught.value.sequences == (0,)
    assert stream.loglik == other.loglik and stream.n_steps == 2
    for s in (stream, other):
        s.push("a")
    assert_array_equal(stream.close().proba, other.close().proba)
    with pytest.raises(ImpossibleError, match="step 0"):
        m.stream(lag).push("b")


@pytest.mark.parametrize("lag", [0, 1, 7])
def test_a_pickle_goes_on(lag):
    rng = np.random.default_rng(lag)
    m = random_params(rng, 5, 4).model(states="vwxyz")
    x = rng.integers(0, 4, 30).tolist()
    whole, stream = m.stream(lag), m.stream(lag)
    for t, o in enumerate(x):
        if t % 4 == 3:
            stream = pickle.loads(pickle.dumps(stream))
        a, b = whole.push(o), stream.push(o)
        assert_array_equal(a.filtered, b.filtered)
        assert (a.state, a.surprise, a.loglik) == (b.state, b.surprise, b.loglik)
    assert repr(stream) == repr(whole)
    assert_array_equal(stream.close().states, whole.close().states)
    closed = pickle.loads(pickle.dumps(stream))
    with pytest.raises(ValueError, match="closed"):
        closed.push(1)
    with pytest.raises(ValueError, match="closed already"):
        closed.close()
    assert closed.loglik == stream.loglik and "closed" in repr(closed)


def test_a_long_lag_can_be_interrupted():
    m = random_params(np.random.default_rng(0), 4, 4).model()
    x = np.random.default_rng(1).integers(0, 4, 300_000)
    assert interrupt_after(0.3, lambda: m.predict_proba(x, lag=2000))


def test_a_stream_keeps_the_model_it_was_made_with():
    m = random_params(np.random.default_rng(0), 2, 3).model()
    stream, want = m.stream(), m.forward([1]).alpha[0]
    m.fit([[0, 1, 2, 1, 0, 0, 1]] * 3)
    assert_allclose(stream.push(1).filtered, want)


def test_what_is_known_of_a_step():
    m = random_params(np.random.default_rng(0), 3, 3).model(states="abc")
    x, known = [0, 2, 1, 1], ["a", None, "c", None]
    filtered, _, _, surprises = run(m.stream(), x, known)
    assert_allclose(filtered, m.predict_proba(x, lag=0, known=known), atol=1e-12)
    assert_allclose(surprises, m.surprise(x, known=known), atol=1e-12)
    weights = np.random.default_rng(1).random((4, 3))
    filtered, *_ = run(m.stream(), x, weights)
    assert_allclose(filtered, m.predict_proba(x, lag=0, known=weights), atol=1e-12)
    assert_allclose(m.stream().push(None, "b").filtered, [0, 1, 0])
    with pytest.raises(ValueError, match="'d' is not among the states"):
        m.stream().push(0, "d")
    with pytest.raises(ValueError, match="2 columns for 3 states"):
        m.stream().push(0, [0.5, 0.5])


@pytest.mark.parametrize("symbols", ["abc", ["red", "green", "blue"], [5, 7, 9], [True, False]])
def test_symbols_of_every_kind(symbols):
    p = random_params(np.random.default_rng(0), 2, len(symbols))
    m = Model(startprob=p.startprob, transmat=p.transmat, emission=Categorical(p.probs, symbols=symbols))
    x = [symbols[k] for k in (0, 1, 1, 0)]
    want = m.predict_proba("".join(x) if symbols == "abc" else x, lag=0)
    assert_allclose(run(m.stream(), x)[0], want, atol=1e-12)
    assert_allclose(run(m.stream(), np.array(x))[0], want, atol=1e-12)  # NumPy's scalars
    assert_allclose(run(m.stream(), [x[0], np.nan, x[2], None])[0][0], want[0], atol=1e-12)
    stream = m.stream()
    with pytest.raises((TypeError, ValueError), match="symbols"):
        stream.push(7 if isinstance(symbols[0], str) else 3.5)
    if symbols[0] == 5:
        assert_allclose(m.stream().push(5.0).filtered, want[0])  # as pandas gives integers
        with pytest.raises(ValueError, match="step 0: symbol 6 is not among"):
            stream.push(6)
    if symbols == "abc":
        with pytest.raises(ValueError, match="'ab' is 2 steps"):
            stream.push("ab")


def test_numbers_of_every_make():
    m = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Gaussian([0, 4], [1, 1]))
    want = m.forward([1.0]).alpha[0]
    for one in (1, 1.0, np.float32(1), np.int8(1), np.array(1.0), [1.0], (1,), np.array([1])):
        assert_allclose(m.stream().push(one).filtered, want, atol=1e-12)
    for bad in ("one", 1j, [1, 2], np.inf, 1e301, {"x": 1}, [[1]]):
        with pytest.raises((TypeError, ValueError)):
            m.stream().push(bad)
    both = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Gaussian([[0, 0], [4, 1]], np.ones((2, 2))))
    half = both.forward(np.array([[3.0, np.nan]])).alpha[0]
    assert_allclose(both.stream().push([3.0, None]).filtered, half, atol=1e-12)
    with pytest.raises(ValueError, match="1 features"):
        both.stream().push([3.0])
    zeros = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=ZeroInflated(Poisson([1, 5]), [0.3, 0.1]))
    assert_allclose(run(zeros.stream(), [0, 3, 0])[0], zeros.forward([0, 3, 0]).alpha, atol=1e-12)
    heavy = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=StudentT([0, 4], [1, 1], [3, 3]))
    assert_allclose(heavy.stream().push(1.0).filtered, heavy.forward([1.0]).alpha[0], atol=1e-12)


@pytest.mark.parametrize("ask, error, message", [
    (lambda m: m.stream(lag=-1), ValueError, "lag = -1 must be at least 0"),
    (lambda m: m.stream(lag=1.5), TypeError, "lag must be an integer"),
    (lambda m: m.predict_proba([0], lag=-2), ValueError, "lag = -2 must be at least -1"),
    (lambda m: m.predict_proba([0], lag=True), TypeError, "lag must be an integer"),
    (lambda m: m.surprise([9]), ValueError, "9 is not among"),
    (lambda m: Model(2).stream(), ValueError, "no parameters yet"),
    (lambda m: Model(startprob=[1.0], transmat=[[1.0]], emission=Poisson([1.0])).stream().push([1, 2]), ValueError,
     r"\[1, 2\] holds 2 numbers; push takes one step"),
])  # fmt: skip
def test_refusals(ask, error, message):
    with pytest.raises(error, match=message):
        ask(random_params(np.random.default_rng(0), 2, 2).model())


def test_an_impossible_sequence_is_named():
    m = Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical([[1, 0], [0.5, 0.5]], symbols="ab"))
    for ask in (m.surprise, lambda X: m.predict_proba(X, lag=0), lambda X: m.predict_proba(X, lag=9)):
        with pytest.raises(ImpossibleError, match="sequence 'y', step 1: symbol 'b'"):
            ask({"x": "aa", "y": "ab"})
    dead = Model(startprob=[1, 0], transmat=[[0, 1], [0, 1]], endprob=[0.5, 1.0], emission=Categorical(np.ones((2, 1))))
    with pytest.raises(ImpossibleError, match="step 2"):
        dead.predict_proba([0, 0, 0], lag=-1)  # from state 1 no sequence goes on


def test_what_cannot_end_may_go_on():
    """The past does not know of ends, so it takes what cannot end here; what cannot go on is impossible to it."""
    m = Model(startprob=[1, 0], transmat=[[0, 1], [0, 1]], final_states=[0], emission=Categorical(np.ones((2, 1))))
    with pytest.raises(ImpossibleError):
        m.predict_proba([0, 0])
    for skip in ({}, {"impossible": "skip"}):
        assert_allclose(m.predict_proba([[0, 0], [0]], lag=0, **skip)[0], np.eye(2))
        assert_allclose(m.surprise([[0, 0], [0]], **skip)[0], 0)


def test_every_form_gives_its_own():
    m = random_params(np.random.default_rng(2), 3, 4).model()
    x = [0, 1, 3, 2, 2]
    for ask in (m.surprise, lambda *a, **k: m.predict_proba(*a, lag=1, **k)):
        one, listed, mapped = ask(x), ask([x, x[:2]]), ask({"a": x, "b": x[:2]})
        assert isinstance(listed, list) and list(mapped) == ["a", "b"]
        assert_array_equal(ask(x + x[:2], lengths=[5, 2]), np.concatenate(listed))
        assert_array_equal(one, listed[0])
        assert_array_equal(one, mapped["a"])
        assert len(ask(np.array([], dtype=int))) == 0 and ask({}) == {}


def test_rows_of_a_frame_go_by_name():
    pandas = pytest.importorskip("pandas")
    emission = Product(calls=Poisson([1, 9]), hours=Poisson([9, 1]))
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]], emission=emission)
    frame = pandas.DataFrame({"hours": [8, 1], "day": [1, 2], "calls": [2, 7]})
    want = m.score(frame)
    for rows in ([frame.iloc[0], frame.iloc[1]], list(frame.itertuples()), list(frame.itertuples(index=False))):
        stream = m.stream()
        for row in rows:
            stream.push(row)
        assert_allclose(stream.loglik, want, rtol=1e-12)
    assert_allclose(m.stream().push(pandas.Series([2, 8])).loglik, m.stream().push([2, 8]).loglik)
    with pytest.raises(ValueError, match=r"step 0: .* must be a dict by channel, or 2 values"):
        m.stream().push(frame[:1])
