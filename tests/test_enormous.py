"""Sequences that are large beside the memory: an index of bytes and work by windows change no bit of any answer."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from shared import learnt, random_params, same_bits

import chmm
from chmm import (
    Categorical,
    Gaussian,
    ImpossibleError,
    Mixture,
    Model,
    NegativeBinomial,
    Poisson,
    Product,
    inference,
    memory,
    subset,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


@pytest.fixture
def enormous(monkeypatch):
    """A function after which all data are too long for a copy, and windows are small."""

    def begin(window=7, budget=None):
        monkeypatch.setattr(memory, "LONG", 0)
        monkeypatch.setattr(memory, "WINDOW", window)
        if budget is not None:
            monkeypatch.setattr(inference, "BUDGET", budget)

    return begin


def alike(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    return same_bits(np.asarray(a), np.asarray(b))


def answers(m, X, one):
    """Every question that has an answer of its own."""
    return [
        m.score(X), m.score_samples(X), m.predict(X), m.decode(X), m.predict_proba(X), m.predict_proba(X, lag=1),
        m.posteriors(one, pairs=True), m.forward(one), m.forward(one[:20], scaled=False), m.backward(one),
        m.viterbi(one), m.best_paths(one, 3), m.entropy(X), m.sample_posterior(one, 2, random_state=0),
        m.emission_log_likelihood(X), m.predict(X, method="posterior"), m.impute(X),
    ]  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 11, 16, 17, 33, 70])
def test_an_index_of_bytes_gives_the_same_bits(enormous, n):
    rng = np.random.default_rng(n)
    params = random_params(rng, n, 6)
    X = [rng.integers(0, 6, t).astype(np.int8) for t in (1, 2, 3, 40, 0, 333, 700)]
    whole = answers(params.model(), X, X[-1])
    fits = [params.model(max_iter=3, training=way).fit(X) for way in ("baum-welch", "viterbi")]
    enormous()
    assert params.model()._ready().problem(params.model()._ready().read(X)).index.dtype == np.uint8
    assert alike(answers(params.model(), X, X[-1]), whole)
    for way, before in zip(("baum-welch", "viterbi"), fits):
        after = params.model(max_iter=3, training=way).fit(X)
        assert all(map(same_bits, learnt(before), learnt(after)))
        assert dict(before.report_) == dict(after.report_)


@pytest.mark.parametrize("seed", range(20 * int(os.environ.get("CHMM_FUZZ", "1"))))
def test_fuzz(enormous, monkeypatch, seed):
    """Any model, data, window and budget."""
    rng = np.random.default_rng(seed)
    n, m, budget = int(rng.integers(1, 40)), int(rng.integers(1, 12)), int(2 ** rng.uniform(8, 20))
    params = random_params(rng, n, m, zeros=0.3 * (seed % 2))
    X = [rng.integers(0, m, int(2 ** rng.uniform(0, 10))).astype(np.int8) for _ in range(rng.integers(1, 6))]
    monkeypatch.setattr(inference, "BUDGET", budget)

    def ask():
        score = params.model().score_samples(X)
        possible = [x for x, loglik in zip(X, score) if loglik > -np.inf]
        m = params.model(max_iter=2, training=("baum-welch", "viterbi")[seed % 3 == 0])
        return [score, m.predict(possible), learnt(m.fit(possible)) if possible else ()]

    whole = ask()
    enormous(int(rng.integers(1, 300)))
    assert alike(ask(), whole)


@pytest.mark.parametrize("n", [2, 8, 17, 33])
def test_one_long_sequence_by_segments_and_from_both_ends(enormous, monkeypatch, n):
    rng = np.random.default_rng(n)
    params, x = random_params(rng, n, 4), rng.integers(0, 4, 3000).astype(np.uint8)
    monkeypatch.setattr(inference, "_long_alone", lambda problem: n > 16 and problem.n_sequences == 1)
    monkeypatch.setattr(inference, "BUDGET", 1000)
    before, path = params.model(max_iter=2).fit(x), params.model().predict(x)
    enormous()
    after = params.model(max_iter=2).fit(x)
    assert all(map(same_bits, learnt(before), learnt(after)))
    assert same_bits(params.model().predict(x), path)


def test_what_scaled_arithmetic_cannot_hold(enormous):
    """Log space, and the certificate, read the same index."""
    apart = Model(startprob=[0.5, 0.5], transmat=np.eye(2), max_iter=1,
                  emission=Categorical([[0.9, 0.001, 0.099], [0.001, 0.9, 0.099]]))  # fmt: skip
    X = [np.repeat([0, 1, 2], [300, 200, k]).astype(np.int8) for k in (1, 5)]
    before, score = apart.fit(X), apart.score(X)
    gamma, draws = apart.predict_proba(X), apart.sample_posterior(X[0], 3, random_state=1)
    enormous(budget=1)
    after = apart.fit(X)
    np.testing.assert_allclose(after.statistics_.trans, before.statistics_.trans, rtol=1e-9)
    np.testing.assert_allclose(apart.score(X), score, rtol=1e-13)
    np.testing.assert_allclose(np.concatenate(apart.predict_proba(X)), np.concatenate(gamma), rtol=1e-9)
    assert same_bits(apart.sample_posterior(X[0], 3, random_state=1), draws)


DATA = {
    "int8": lambda rng: rng.integers(0, 5, 400).astype(np.int8),
    "sparse integers": lambda rng: rng.choice([-7, 3, 1000], 400),
    "bools": lambda rng: rng.random(400) < 0.3,
    "text": lambda rng: "".join(rng.choice(list("abcd"), 400)),
    "letters": lambda rng: rng.choice(list("abcd"), 400),
    "words": lambda rng: rng.choice(["walk", "shop", "clean"], 400).tolist(),
    "with gaps": lambda rng: [None if v == 4 else int(v) for v in rng.integers(0, 5, 400)],
    "floats that are whole": lambda rng: np.where(rng.random(400) < 0.1, np.nan, rng.integers(0, 5, 400)),
}


@pytest.mark.parametrize("kind", DATA)
def test_symbols_of_every_kind(enormous, kind):
    x = DATA[kind](np.random.default_rng(0))
    before = Model(2, Categorical(), random_state=0, max_iter=5).fit([x, x[:50]])
    path, again = before.predict(x), before.predict_proba([x, x[::-1]])
    enormous()
    after = Model(2, Categorical(), random_state=0, max_iter=5).fit([x, x[:50]])
    assert all(map(same_bits, learnt(before), learnt(after)))
    assert before.emission_.symbols == after.emission_.symbols
    assert same_bits(after.predict(x), path) and alike(after.predict_proba([x, x[::-1]]), again)
    assert dict(before.report_) == dict(after.report_)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, bool])
@pytest.mark.parametrize(
    "family", [Poisson, Gaussian, NegativeBinomial, lambda: Mixture(Poisson(), 2), lambda: Product(Poisson())]
)
def test_small_integers_to_families_of_numbers(enormous, family, dtype):
    x = np.random.default_rng(0).poisson(3, 500).astype(dtype)
    before = Model(2, family(), random_state=0, max_iter=4).fit(x)
    gamma = before.predict_proba(x)
    enormous()
    after = Model(2, family(), random_state=0, max_iter=4).fit(x)
    assert same_bits(after.history_, before.history_) and same_bits(after.predict_proba(x), gamma)


@pytest.mark.parametrize("family", [
    lambda: Product(Categorical(), Gaussian()), lambda: Product(Categorical(), Categorical()),
    lambda: Product(Categorical(), Mixture(Gaussian(), 2)),
])  # fmt: skip
def test_columns_of_which_some_are_symbols(enormous, family):
    rng = np.random.default_rng(0)
    second = rng.normal(size=300) if "Gaussian" in repr(family()) else rng.integers(0, 4, 300)
    x = np.column_stack([rng.integers(0, 3, 300), second])
    X = [np.where(rng.random(x.shape) < 0.1, np.nan, x), x]
    before = Model(2, family(), random_state=0, max_iter=4).fit(X)
    gamma, path = before.predict_proba(X), before.predict(X)
    enormous()
    after = Model(2, family(), random_state=0, max_iter=4).fit(X)
    assert same_bits(after.history_, before.history_)
    assert alike(after.predict_proba(X), gamma) and alike(after.predict(X), path)
    assert alike(after.impute(X[0]), before.impute(X[0]))


def test_what_weights_states_beside_the_values(enormous):
    rng = np.random.default_rng(3)
    X, ends = [rng.integers(0, 3, 60).astype(np.int8) for _ in range(4)], [True, False, True, True]
    y = [[None if rng.random() < 0.5 else int(s) for s in rng.integers(0, 2, 60)] for _ in X]
    options = {"random_state": 0, "max_iter": 4, "pseudocount": 0.1}
    wide = [rng.integers(0, 200, 60).astype(np.uint8) for _ in range(8)]  # there are more rows than a byte has values

    def fits():
        yield Model(2, endprob=True, **options).fit(X, ended=ends)
        yield Model(2, final_states=[1], **options).fit(X)
        yield Model(2, Categorical(), final_states=[1], **options).fit(wide)
        yield Model(2, **options).fit(X, y)
        yield Model(2, **options).fit(X, [[s or 0 for s in part] for part in y])

    def path(m):
        return m.predict(X, known=y, impossible="skip") if m.emission_.n_symbols == 3 else m.predict(wide)

    before = list(fits())
    paths = list(map(path, before))
    enormous()
    for m, kept, after in zip(before, paths, fits()):
        assert all(map(same_bits, learnt(m), learnt(after)))
        assert alike(path(after), kept)


def test_refusals_name_the_same_place(enormous):
    m = Model(startprob=[1, 0], transmat=[[1, 0], [0, 1]], emission=Categorical([[0.5, 0.5, 0], [0, 0, 1]]))
    x = np.array([0, 1, 0, 1, 0, 1, 0, 1, 2, 0], dtype=np.int8)
    told = []
    for long in (False, True):
        if long:
            enormous(3)
        for bad in (x, x + np.int8(1), x - np.int8(1)):
            with pytest.raises(ValueError) as error:
                m.predict(bad)
            told.append((type(error.value), str(error.value)))
    assert told[:3] == told[3:] and told[0][0] is ImpossibleError
    for symbols in ([5, 1], [1, 0], [True, False], [0, 1, 2]):
        emission = Categorical([np.full(len(symbols), 1 / len(symbols))], symbols=symbols)
        coin, marks = Model(startprob=[1.0], transmat=[[1.0]], emission=emission), np.array([True, False])
        if 5 in symbols:
            with pytest.raises(ValueError, match="symbol False is not among"):
                coin.score(marks)
        else:
            assert same_bits(coin.emission_.check(coin._ready().read(marks)).index, np.array(
                [symbols.index(v) for v in (1, 0)], dtype=np.uint8))  # fmt: skip
    lenient = Model(startprob=[1, 0], transmat=[[0.5, 0.5], [0.5, 0.5]],
                    emission=Categorical([[0.5, 0.5], [0.1, 0.9]], unknown="missing"))  # fmt: skip
    assert lenient.score(x) == lenient.score(np.where(x == 2, None, x))


def test_a_number_outside_the_support_is_found_in_any_window(enormous):
    enormous(7)
    x = np.ones(100)
    x[61] = -3
    with pytest.raises(ValueError, match=r"X, sequence 1, step 11: -3 is outside what NegativeBinomial takes"):
        Model(2, NegativeBinomial()).fit([x[:50], x[50:]])


def test_the_data_are_neither_copied_nor_written_to(enormous):
    enormous()
    x = np.random.default_rng(0).integers(0, 4, 500).astype(np.int8)
    kept, m = x.copy(), Model(2, random_state=0, max_iter=3).fit(x)
    seen = m.emission_.check(m._ready().read(x))
    assert np.shares_memory(seen.index, x)
    m.fit(x, np.array([0, 1] * 250))
    m.fit(x, [None, 1, 0] + [None] * 497)
    assert np.array_equal(x, kept) and x.flags.writeable


def test_the_order_of_sequences_is_found_window_by_window(monkeypatch):
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 3, t) for t in [*rng.integers(0, 12, 60), *[90] * 12, *rng.integers(0, 12, 60)]]
    fit = random_params(rng, 2, 3).model()._ready()
    problem, some = fit.problem(fit.read(X)), np.flatnonzero([len(x) > 0 for x in X])
    before = subset.order(problem, fit.emission, some)
    monkeypatch.setattr(memory, "WINDOW", 20)
    np.testing.assert_array_equal(subset.order(problem, fit.emission, some), before)


@pytest.mark.parametrize("options, n_seen", [
    ({"topology": "cyclic"}, 300), ({"startprob": [1, 0, 0]}, 300), ({"startprob": "stationary"}, 300), ({}, 300),
    ({"topology": "left-right"}, 5000), ({"final_states": [2]}, 5000),
])  # fmt: skip
def test_starts_see_the_beginning_of_an_enormous_sequence(monkeypatch, options, n_seen):
    """Unless it is needed as a whole."""
    truth = Model(startprob=[1, 0, 0], transmat=[[0.9, 0.1, 0], [0, 0.9, 0.1], [0.1, 0, 0.9]],
                  emission=Categorical(0.05 + 0.85 * np.eye(3)))  # fmt: skip
    x, seen, expect = truth.sample(5000, random_state=0).X, set(), inference.expected_counts

    def noted(problem, *rest, **more):
        seen.add(len(problem.index))
        return expect(problem, *rest, **more)

    monkeypatch.setattr(inference, "expected_counts", noted)
    monkeypatch.setattr(subset, "MOST", 300)
    fitted = Model(3, random_state=0, pseudocount={"startprob": 0.1}, **options).fit(x)
    assert min(seen) == n_seen and max(seen) == 5000
    if n_seen == 300:
        assert fitted.loglik_ > truth.score(x) - 10


@pytest.mark.parametrize("n_steps", [0, 1, 6, 7, 8, 400])
def test_windows_hold_every_step_once(monkeypatch, n_steps):
    monkeypatch.setattr(memory, "WINDOW", 7)
    steps = np.arange(n_steps)
    parts = [steps[where] for where in memory.windows(n_steps)]
    np.testing.assert_array_equal(np.concatenate(parts), steps)
    assert max(map(len, parts)) <= 7
    codes = steps % 3
    np.testing.assert_array_equal(memory.tally(codes, 4), np.bincount(codes, minlength=4))
    assert memory.n_equal(codes, 2) == (codes == 2).sum()


LIMITED = """
import resource, sys
import numpy as np
from chmm import Categorical, Model, inference
x = np.lib.format.open_memmap(sys.argv[1])
m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]], emission=Categorical([[0.5, 0.5], [0.1, 0.9]]))
inference.BUDGET = 2**24
m.score(x[:10**6])
used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, ((used + int(sys.argv[2])) * 1024,) * 2)
ask = {"score": m.score, "fit": lambda x: Model(2, random_state=0, max_iter=2, n_init=1, tol=1e9).fit(x).loglik_}
print(ask[sys.argv[3]](x))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA limits private memory on Linux alone")
@pytest.mark.parametrize("ask", ["score", "fit"])
def test_a_memory_map_is_not_copied(tmp_path, ask):
    """40 million steps with 24 MB for everything but the 40 MB on disk, where an index of int32 would take 160."""
    path = tmp_path / "x.npy"
    x = np.lib.format.open_memmap(path, mode="w+", dtype=np.int8, shape=(40_000_000,))
    x[:] = np.resize(np.random.default_rng(0).integers(0, 2, 1_000_003).astype(np.int8), len(x))
    del x
    env = {**os.environ, "PYTHONPATH": str(Path(chmm.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    room = {"score": 24_000, "fit": 80_000}[ask]  # KiB; all of alpha would take 640 MB
    command = [sys.executable, "-W", "ignore", "-c", LIMITED, str(path), str(room), ask]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert np.isfinite(float(done.stdout))
