"""A sequence whose rows of likelihoods do not fit into the budget is walked window by window: the answers are those of
the whole."""

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose
from shared import stochastic
from test_families import CHAIN, FAMILIES, model, prepared, sample

from chmm import Categorical, Gaussian, ImpossibleError, Model, inference
from chmm.emissions import Precomputed

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


@pytest.fixture
def windows(monkeypatch):
    """A function after which all sequences of more than n_steps are walked in windows of n_steps; the answer: of how
    many steps each problem was that was walked."""
    walked = []

    def begin(n_steps):
        monkeypatch.setattr(inference, "WINDOWS", 1)
        monkeypatch.setattr(inference, "window", lambda problem: n_steps)

        class Noted(inference.Windows):
            def __init__(self, *args):
                super().__init__(*args)
                walked.append(self.n_steps)

        monkeypatch.setattr(inference, "Windows", Noted)
        return walked

    return begin


def numbers_of(statistics):
    end = () if statistics.end is None else (statistics.end,)
    return [statistics.start, statistics.trans, statistics.loglik, *end, *statistics.emission.values()]


def assert_same(found, expected, rtol=1e-12):
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max(initial=1e-300))


@pytest.mark.parametrize("n_steps", [1, 2, 4])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_oracle(windows, n, n_steps):
    rng = np.random.default_rng(10 * n + n_steps)
    startprob, transmat = stochastic(rng, n), stochastic(rng, n, n, zeros=0.2)
    m = Model(startprob=startprob, transmat=transmat, emission=Precomputed())
    rows = rng.random((6, n)) * (rng.random((6, n)) < 0.9)
    truth = oracle.enumerate_paths(startprob, transmat, rows)
    walked = windows(n_steps)
    with np.errstate(divide="ignore"):
        X, loglik = np.log(rows), np.log(truth.prob)
    assert_allclose(m.score(X), loglik, rtol=1e-13)
    assert walked == [6]
    if truth.prob == 0:
        with pytest.raises(ImpossibleError):
            m.e_step(X)
        return
    path, log_prob = m.decode(X)
    assert_allclose(log_prob, np.log(truth.path_prob), rtol=1e-13)
    assert truth.tied or path.tolist() == truth.path.tolist()
    counts = m.e_step(X)
    assert_same([counts.start, counts.trans], [truth.gamma[0], truth.xi.sum(axis=0)])


def with_gaps(x, rng):
    """Wholly missing steps here and there, also where windows begin and end."""
    x = np.array(x, dtype=float)
    x[rng.random(len(x)) < 0.2] = np.nan
    return x


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_every_family(windows, family):
    x = sample(family, 150).X
    if family.given.kind == "numbers" and np.asarray(x).dtype.kind in "if":
        x = with_gaps(x, np.random.default_rng(0))
    X = [x[:90], x[90:93], x[93:]]
    m = model(prepared(family.given, X)[0])
    y = [[None if t % 3 else int(m.predict(part)[t]) for t in range(len(part))] for part in X]
    weight = [0.5, 1, 0.25]

    def ask():
        return [
            m.score_samples(X), np.concatenate(m.predict(X)), *numbers_of(m.e_step(X, sample_weight=weight)),
            *numbers_of(m.e_step(X, known=y)), m.score(X, known=y), np.concatenate(m.predict(X, known=y)),
        ]  # fmt: skip

    whole = ask()
    walked = windows(20)
    assert_same(ask(), whole, rtol=1e-11)
    assert not walked or set(walked) == {90, 57}


@pytest.mark.parametrize("n_steps", [1, 7])
def test_ends_labels_and_likelihoods_of_states(windows, n_steps):
    rng = np.random.default_rng(0)
    emission, x = Gaussian([0, 2, 4], [1, 1, 1]), with_gaps(rng.normal(2, 2, 30), rng)
    X, ended = [x[:20], x[20:], x[:4]], [True, False, True]
    likely = [rng.random((len(part), 3)) for part in X]
    symbols = [rng.integers(0, 2, len(part)) for part in X]
    coins = Model(**CHAIN, emission=Categorical([[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]]))
    models = [model(emission, endprob=[0.1, 0.02, 0.3]), model(emission, final_states=[1])]

    def ask():
        found = [coins.score_samples(symbols, known=likely), *numbers_of(coins.e_step(symbols, known=likely))]
        for m in models:
            path = np.concatenate(m.predict(X, ended=ended))
            found += [m.score_samples(X), m.score_samples(X, ended=ended), path, *numbers_of(m.e_step(X))]
            found += [*numbers_of(m.e_step(X, ended=ended)), m.score_samples(X, known=likely)]
        return found

    whole = ask()
    walked = windows(n_steps)
    assert_same(ask(), whole)
    assert 20 in walked


def test_what_scaled_arithmetic_cannot_hold(windows):
    """States that are lost in one window and come back in another."""
    apart = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Gaussian([0, 100], [1, 1]))
    moves = [[0.999, 0.001], [1e-9, 1 - 1e-9]]
    mixing = Model(startprob=[0.5, 0.5], transmat=moves, emission=Gaussian([0, 60], [1, 1]))
    x = np.concatenate([np.full(30, 10.0), np.full(31, 88.0), np.full(4, 100.0)])
    whole = [[m.score(x), m.predict(x), *numbers_of(m.e_step(x))] for m in (apart, mixing)]
    windows(7)
    for m, expected in zip((apart, mixing), whole, strict=True):
        assert_same([m.score(x), m.predict(x), *numbers_of(m.e_step(x))], expected)


def test_impossible_steps_are_named_alike(windows):
    m = Model(startprob=[1, 0], transmat=[[1, 0], [0, 1]], emission=Gaussian([0, 1], [1, 1]))
    X = [np.linspace(0, 1, 40), np.linspace(0, 1, 3), np.linspace(0, 1, 30)]
    known = [[None] * 40, [None] * 3, [None] * 30]
    known[0][33] = known[2][17] = 1

    def ask():
        told = [m.score_samples(X, known=known)]
        for question in (m.predict, m.e_step):
            with pytest.raises(ImpossibleError) as error:
                question(X, known=known)
            told.append((str(error.value), error.value.sequences))
        return told

    whole = ask()
    windows(8)
    found = ask()
    assert np.isneginf(found[0]).tolist() == [True, False, True] and found[1:] == whole[1:]


def test_fits_climb_alike(windows):
    emission = Gaussian([0, 4, 9], [1, 0.5, 2])
    x = model(emission).sample(400, random_state=0).X
    before = model(emission, max_iter=3).fit(x)
    walked = windows(64)
    after = model(emission, max_iter=3, n_jobs=2).fit(x)
    assert set(walked) == {400}
    assert_same([after.history_, after.emission_.means], [before.history_, before.emission_.means])
    assert dict(after.report_) == dict(before.report_)


def test_hard_em_counts_paths_window_by_window(windows):
    m = model(Gaussian([0, 4, 9], [1, 0.5, 2]), training="viterbi", endprob=[0.1, 0.02, 0.3])
    x = with_gaps(m.sample(40, random_state=0).X, np.random.default_rng(0))
    X, weight = [x[:23], x[23:26], x[26:], x[:0], x[5:9]], [0.5, 1, 0.25, 1, 1]
    whole = numbers_of(m.e_step(X, sample_weight=weight))
    walked = windows(7)
    assert_same(numbers_of(m.e_step(X, sample_weight=weight)), whole)
    assert walked == [23, 14]


def test_what_fits_is_not_walked(windows):
    m, walked = model(Gaussian([0, 4, 9], [1, 0.5, 2])), windows(50)
    x = m.sample(50, random_state=0).X
    m.score([x, x, x[:20]]), m.predict(x), m.e_step([x, x])
    assert not walked
