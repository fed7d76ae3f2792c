"""Every copy of the kernels: sizes with code of their own and their neighbours, short and ragged sequences, alpha and
delta computed in stretches, threads, and each set of vector registers, against log space."""

import os
import subprocess
import sys
import threading
import time
import tracemalloc
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import AGAIN, Params, as_given, interrupt_after, learnt, random_params, same_bits

import chmm
from chmm import Model, Precomputed, inference, parallel
from chmm.kernels import forward_backward, viterbi

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
close = {"rtol": 1e-10, "atol": 1e-12}
loglik_close = {"rtol": 1e-12, "atol": 1e-12}

SIZES = [*range(1, 21), 31, 32, 33, 63, 64, 65, 127, 128, 129]
if AGAIN:
    SIZES = [1, 2, 3, 4, 5, 8, 9, 12, 16, 17, 20, 33, 64, 65, 129]
N_SYMBOLS = 6


def lengths_for(n):
    """Lengths at which something changes: none, one, two ends that just meet, blocks of 32 and 64 and 1,024 steps."""
    short = [3, 0, 1, 5, 2, 4, 4, 1, 0, 2, 5, 3]
    if n > 20:
        return [*short, 34, 66]
    return [*short, 6, 7, 31, 32, 33, 34, 63, 64, 65, 66, 20, 130] + [2100] * (n in (2, 3, 4))


class Case:
    """A random model of n states and ragged sequences; zeros in pi and A, missing steps and final states by turns."""

    def __init__(self, n):
        rng = np.random.default_rng(n)
        zeros = 0.3 if n % 2 else 0
        self.params = random_params(rng, n, N_SYMBOLS, zeros)._replace(probs=random_params(rng, n, N_SYMBOLS).probs)
        missing = 0.2 if n % 3 == 2 else 0
        self.sequences = [
            np.where(rng.random(t) < missing, -1, rng.integers(0, N_SYMBOLS, size=t)) for t in lengths_for(n)
        ]
        self.final = rng.random(n) < 0.5 if n % 4 == 0 else None
        self.weight = rng.random(len(self.sequences))

    def model(self, **options):
        final_states = None if self.final is None else np.flatnonzero(self.final).tolist()
        return self.params.model(final_states=final_states, **options)

    @cached_property
    def X(self):
        return [as_given(x) for x in self.sequences]

    @cached_property
    def truths(self):
        """Of sequences with steps; None for the others."""
        return [
            oracle.log_space(*self.params[:2], self.params.rows(x), self.final) if len(x) else None
            for x in self.sequences
        ]

    def one_by_one(self):
        return [(x, truth) for x, truth in zip(self.X, self.truths) if truth is not None]

    def counts(self, weight):
        parts = [
            oracle.expected_counts([w * t.gamma], [w * t.xi], [x], N_SYMBOLS)
            for w, t, x in zip(weight, self.truths, self.sequences)
            if t is not None
        ]
        return [sum(part).astype(float) for part in zip(*parts)]


case = cache(Case)


@pytest.fixture(scope="module", params=SIZES)
def c(request):
    return case(request.param)


def counts_of(m):
    s = m.statistics_
    return s.start, s.trans, s.emission["counts"]


# ------------------------------------------------------------------------------------------------- sizes and lengths


def test_score(c):
    logliks = [0.0 if truth is None else float(truth.loglik) for truth in c.truths]
    m = c.model()
    assert_allclose([m.score(x) for x in c.X], logliks, **loglik_close)
    assert_allclose(m.score(c.X), sum(logliks), **loglik_close)


def test_forward_and_backward(c):
    m = c.model()
    for x, truth in c.one_by_one():
        forward, backward = m.forward(x), m.backward(x)
        assert_allclose([forward.loglik, backward.loglik], float(truth.loglik), **loglik_close)
        for log_scale in (forward.log_scale, backward.log_scale):
            assert_allclose(log_scale, truth.log_scale.astype(float), **close)
        assert_allclose(forward.alpha, np.exp(truth.log_filter).astype(float), **close)
        reached = np.isfinite(truth.log_filter)
        beta = np.exp(truth.log_gamma[reached] - truth.log_filter[reached])
        assert_allclose(backward.beta[reached], beta.astype(float), **close)


def test_gamma_and_xi(c):
    m = c.model()
    for x, truth in c.one_by_one():
        gamma, xi, loglik = m.posteriors(x, pairs=True)
        assert_allclose(loglik, float(truth.loglik), **loglik_close)
        assert_allclose(gamma, truth.gamma.astype(float), **close)
        assert_allclose(xi, truth.xi.astype(float), **close)
        assert_allclose(m.posteriors(x).gamma, truth.gamma.astype(float), **close)
        assert_allclose(m.posteriors(x).loglik, float(truth.loglik), **loglik_close)


def test_gamma_of_many_sequences(c):
    for x, gamma, truth in zip(c.X, c.model().predict_proba(c.X), c.truths):
        assert gamma.shape == (len(x), c.model().n_states_)
        if len(x):
            assert_allclose(gamma, truth.gamma.astype(float), **close)


def test_the_best_path(c):
    m = c.model()
    for x, path in zip(c.sequences, m.predict(c.X)):
        found, log_prob = m.decode(as_given(x))
        assert_array_equal(found, path)
        if not len(x):
            assert (len(path), log_prob) == (0, 0)
            continue
        rows = oracle.end_in(c.final, c.params.rows(x))
        best = oracle.viterbi(*c.params[:2], rows)
        joint = [oracle.path_log_prob(*c.params[:2], rows, q) for q in (path, best)]
        assert_allclose([log_prob, joint[0]], joint[1], rtol=1e-12)


@pytest.mark.parametrize("n", SIZES)
def test_the_best_path_where_no_two_are_equal(n):
    """Every symbol comes once, so that no two paths take the same ways and rows in another order."""
    params = random_params(np.random.default_rng(n), n, 150, zeros=0.3 if n % 2 else 0)
    params.probs[:] = random_params(np.random.default_rng(n), n, 150).probs
    for x in (np.arange(150), np.arange(150)[::-1], np.arange(7), np.arange(33)):
        assert_array_equal(params.model().decode(x).path, oracle.viterbi(*params[:2], params.rows(x)))


def test_the_past(c):
    m = c.model()
    for x, codes in zip(c.X, c.sequences):
        if len(x):
            truth = oracle.log_space(*c.params[:2], c.params.rows(codes))  # whose end is not known
            assert_allclose(m.predict_proba(x, lag=0), np.exp(truth.log_filter).astype(float), **close)
            assert_allclose(m.predict_proba(x, lag=max(len(x) - 2, 0))[1:], truth.gamma[1:].astype(float), **close)
            assert_allclose(-m.surprise(x), truth.log_scale.astype(float), **close)


def test_paths_given_the_data(c):
    m = c.model()
    for x, codes, truth in zip(c.X, c.sequences, c.truths):
        if not 0 < len(x) < 200:
            continue
        rows = oracle.end_in(c.final, c.params.rows(codes))
        found = m.best_paths(x, 4)
        joint = [oracle.path_log_prob(*c.params[:2], rows, d.path) for d in found]
        assert_allclose([d.log_prob for d in found], joint, rtol=1e-12)
        assert len({tuple(d.path) for d in found}) == len(found) and (np.diff(joint) <= 1e-9).all()
        assert_array_equal(found[0].path, m.predict(x))
        pairs, inside = truth.xi[truth.xi > 0], truth.gamma[1:-1][truth.gamma[1:-1] > 0]
        entropy = -(pairs * np.log(pairs)).sum() + (inside * np.log(inside)).sum()
        if len(x) == 1:
            entropy = -(truth.gamma[truth.gamma > 0] * np.log(truth.gamma[truth.gamma > 0])).sum()
        assert_allclose(m.entropy(x), float(entropy), rtol=1e-9, atol=1e-9)


def test_one_em_step(c):
    for weight in (None, c.weight):
        w = np.ones(len(c.X)) if weight is None else weight
        m = c.model(max_iter=1).fit(c.X, sample_weight=weight)
        counts = c.counts(w)
        for got, want, new, old in zip(counts_of(m), counts, learnt(m), c.params):
            assert_allclose(got, want, **close)
            assert_allclose(new, oracle.normalized(want, old), **close)
        logliks = [0 if truth is None else float(truth.loglik) for truth in c.truths]
        assert_allclose(m.history_[0], w @ logliks, rtol=1e-12)


def test_one_em_step_of_each_sequence_alone(c):
    for x, truth in c.one_by_one():
        codes = np.array([-1 if v is None else v for v in x])
        want = oracle.expected_counts([truth.gamma], [truth.xi], [codes], N_SYMBOLS)
        for got, count in zip(counts_of(c.model(max_iter=1).fit([x])), want):
            assert_allclose(got, count.astype(float), **close)


@pytest.mark.parametrize("n", SIZES)
def test_where_a_sequence_becomes_impossible(n):
    """By a symbol that no state has, and by a state that cannot be left for one that fits."""
    rng = np.random.default_rng(n)
    p = random_params(rng, n, N_SYMBOLS)
    probs = np.column_stack([p.probs, np.zeros(n)])  # and a symbol that no state has
    probs[:, 0] = 0
    probs[0] = np.eye(N_SYMBOLS + 1)[0]  # state 0 has symbol 0 to itself, and is a trap
    transmat = p.transmat.copy()
    transmat[0] = np.eye(n)[0]
    params = Params(p.startprob, transmat, probs / probs.sum(axis=1, keepdims=True))
    m = params.model(max_iter=1)
    for length, place in [(1, 0), (4, 0), (4, 3), (5, 2), (33, 32), (40, 31), (70, 64), (130, 100)]:
        unknown, trapped = np.zeros((2, length), dtype=int)
        unknown[place] = N_SYMBOLS
        trapped[max(place, 1) :] = 1
        for x, step in ((unknown, place), (trapped, max(place, 1))):
            if step == length:
                continue
            good = np.zeros(3, dtype=int)
            assert m.score(x) == -np.inf
            assert m.score([good, x, good]) == -np.inf
            for verb in (m.decode, m.forward, m.backward, m.posteriors):
                with pytest.raises(ValueError, match=rf"step {step}\b"):
                    verb(x)
            for verb in (m.predict, m.predict_proba, m.fit):
                with pytest.raises(ValueError, match=rf"sequence 1.*step {step}\b"):
                    verb([good, x, good])


# --------------------------------------------------------------------------------------------------------- in segments


@pytest.fixture
def tiny_budget(monkeypatch):
    return lambda bytes=1: monkeypatch.setattr(inference, "BUDGET", bytes)


def test_what_is_computed_in_segments_is_the_same(c, tiny_budget):
    m = c.model(max_iter=1)

    def answers():
        counts = [counts_of(m.fit(c.X)), counts_of(m.fit(c.X, sample_weight=c.weight))]
        counts += [counts_of(m.fit([x])) for x, _ in c.one_by_one()]
        decodings = [c.model().decode(x) for x in c.X]
        return counts, decodings, c.model().predict(c.X)

    counts, decodings, paths = answers()
    tiny_budget()
    counts_again, decodings_again, paths_again = answers()
    for whole, in_segments in zip(counts, counts_again):
        for a, b in zip(whole, in_segments):
            assert_allclose(b, a, rtol=1e-12, atol=1e-12 * max(a.max(), 1e-3))
    for a, b in zip(decodings, decodings_again):
        assert same_bits(a.path, b.path) and a.log_prob == b.log_prob
    assert all(same_bits(a, b) for a, b in zip(paths, paths_again))


@pytest.mark.parametrize("n", [2, 5, 17, 33])
def test_every_length_in_segments(n, tiny_budget):
    """The last segment is whole, or one step, or all but one."""
    params = random_params(np.random.default_rng(n), n, N_SYMBOLS)
    m = params.model(max_iter=1)
    X = [np.random.default_rng(t).integers(0, N_SYMBOLS, size=t) for t in range(1, 70)]
    whole = [(counts_of(m.fit([x])), params.model().decode(x)) for x in X]
    tiny_budget()
    for x, (counts, decoding) in zip(X, whole):
        for a, b in zip(counts, counts_of(m.fit([x]))):
            assert_allclose(b, a, rtol=1e-11, atol=1e-13)
        again = params.model().decode(x)
        assert same_bits(again.path, decoding.path) and again.log_prob == decoding.log_prob


@pytest.mark.parametrize("n", [1, 2, 4, 8, 16, 17])
@pytest.mark.parametrize("n_steps", [2999, 3000])
def test_segments_in_which_rows_are_scaled(n, n_steps, tiny_budget):
    """Recomputed, they are scaled at the same steps; and the records of later scalings stay as they are."""
    rng = np.random.default_rng(n)
    probs = np.column_stack([1e-9 * rng.random((n, N_SYMBOLS)), np.ones(n)])  # half a dozen steps, and a scaling is due
    m = Params(*random_params(rng, n, 2)[:2], oracle.normalized(probs, probs)).model(max_iter=1)
    x = np.append(rng.integers(0, N_SYMBOLS, size=n_steps - 1), N_SYMBOLS)
    whole = m.fit([x], sample_weight=[0.3])
    counts, history = counts_of(whole), whole.history_
    tiny_budget()
    for a, b in zip(counts, counts_of(m.fit([x], sample_weight=[0.3]))):
        assert_allclose(b, a, rtol=1e-10, atol=1e-12)
    assert_allclose(m.history_, history, rtol=1e-13)


@pytest.mark.parametrize("n", [2, 5, 8, 70])
def test_an_e_step_takes_no_more_memory_than_the_budget(n, tiny_budget):
    params = random_params(np.random.default_rng(n), n, N_SYMBOLS)
    x = np.random.default_rng(0).integers(0, N_SYMBOLS, size=1_600_000 // n).astype(np.int32)

    def peak():
        tracemalloc.start()
        params.model().e_step(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    alpha, budget = 8 * n * len(x), n * len(x)
    before = peak()
    assert before > alpha
    tiny_budget(budget)
    assert peak() < before - alpha + budget


@pytest.mark.parametrize("n", [65, 70, 129])
def test_large_models_side_by_side_where_rows_are_scaled(n):
    """Long enough for several scalings, at other steps in each; the shorter one first, last, and alone at the end."""
    rng = np.random.default_rng(n)
    params = random_params(rng, n, N_SYMBOLS)
    lengths, weight = [600, 900, 1000, 550, 700], np.array([1.0, 0.5, 0.3, 1.0, 0.7])
    X = [rng.integers(0, N_SYMBOLS, size=t) for t in lengths]
    m = params.model()
    assert_allclose(m.score(X), sum(m.score(x) for x in X), **loglik_close)
    start, trans, counts = np.zeros(n), np.zeros((n, n)), np.zeros((N_SYMBOLS, n))
    for x, w in zip(X, weight):
        gamma, xi, loglik = m.posteriors(x, pairs=True)
        assert loglik < -2 * 256 * np.log(2)  # a row is scaled where its sum is below 2^-256
        start += w * gamma[0]
        trans += w * xi.sum(axis=0)
        np.add.at(counts, x, w * gamma)
    for got, want in zip(counts_of(params.model(max_iter=1).fit(X, sample_weight=weight)), (start, trans, counts.T)):
        assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_medium_models_keep_no_alpha_beyond_the_cache():
    """It is recomputed by segments; what is learnt is the same."""
    n, n_steps = 20, 60_000
    params = random_params(np.random.default_rng(n), n, N_SYMBOLS)
    x = np.random.default_rng(0).integers(0, N_SYMBOLS, size=n_steps).astype(np.int32)
    X = [x, x[:1000]]  # two, lest one is taken from both ends
    tracemalloc.start()
    counts = counts_of(params.model(max_iter=1).fit(X))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * n * n_steps / 4
    want = np.zeros((N_SYMBOLS, n))
    for part in X:
        np.add.at(want, part, params.model().posteriors(part).gamma)
    assert_allclose(counts[2], want.T, rtol=1e-9)


# ------------------------------------------------------------------------------------------------------ from both ends


@pytest.fixture
def both_ends(monkeypatch):
    """Every lone sequence is taken from its two ends; whether that was exact is noted."""
    exact = []
    from_both_ends = inference._from_both_ends

    def noted(*arguments):
        answer = from_both_ends(*arguments)
        exact.append(answer is not None)
        return answer

    monkeypatch.setattr(inference, "_from_both_ends", noted)
    monkeypatch.setattr(inference, "_long_alone", lambda problem: len(problem.index) > 1 == problem.n_sequences)
    return exact


@pytest.mark.parametrize("budget", [inference.BUDGET, 1])
def test_one_em_step_from_both_ends(c, both_ends, tiny_budget, budget):
    tiny_budget(budget)
    long = [(x, truth) for x, truth in c.one_by_one() if len(x) > 1]
    for x, truth in long:
        codes = np.array([-1 if v is None else v for v in x])
        m = c.model(max_iter=1).fit([x], sample_weight=[0.3])
        want = oracle.expected_counts([truth.gamma], [truth.xi], [codes], N_SYMBOLS)
        for got, count in zip(counts_of(m), want):
            assert_allclose(got, 0.3 * count.astype(float), **close)
        assert_allclose(m.history_[0], 0.3 * float(truth.loglik), rtol=1e-12)
    assert both_ends == [True] * len(long)


@pytest.mark.parametrize("n", [5, 8, 33])
def test_from_both_ends_where_states_die_out(n, both_ends):
    """Left to right, the ends lose states on their way: then the sequence is taken from the front, once and for all."""
    rng = np.random.default_rng(n)
    p = random_params(rng, n, N_SYMBOLS)
    transmat = np.triu(p.transmat, 0) * (np.tri(n, k=1) > 0) + 1e-9 * np.eye(n)
    params = Params(np.eye(n)[0], oracle.normalized(transmat, transmat), p.probs)
    x = rng.integers(0, N_SYMBOLS, size=4000)
    truth = oracle.log_space(*params[:2], params.rows(x))
    m = params.model(max_iter=3, tol=0).fit(x)
    assert both_ends == [False]
    assert_allclose(m.history_[0], float(truth.loglik), rtol=1e-12)
    assert (np.diff(m.history_) > -1e-9).all()


# ------------------------------------------------------------------------------------------------------------- threads


@pytest.fixture
def callers(monkeypatch):
    """The threads that called a kernel, one entry a call."""
    threads = []

    def noted(kernel):
        def call(*arguments):
            threads.append(threading.current_thread())
            return kernel(*arguments)

        return call

    for name in ("log_likelihood", "expected_counts", "posteriors"):
        monkeypatch.setattr(forward_backward, name, noted(getattr(forward_backward, name)))
    monkeypatch.setattr(viterbi, "viterbi", noted(viterbi.viterbi))
    monkeypatch.setattr(parallel, "INLINE", 0)
    for module in (parallel, inference):
        monkeypatch.setattr(module, "CHUNK_NS", 2e5)
    return threads


@pytest.mark.parametrize("n", [2, 4, 8, 20, 64])
def test_any_number_of_threads_gives_the_same_bits(n, callers):
    """With sequences of all lengths, with one that is longer than all others together, and with one alone."""
    rng = np.random.default_rng(n)
    params = random_params(rng, n, N_SYMBOLS)
    n_steps = int(9e5 / inference._ns_per_step(n, 2))  # .9 ms of log P
    x = rng.integers(0, N_SYMBOLS, size=n_steps).astype(np.int32)
    ragged = np.diff(np.sort(rng.integers(0, n_steps, size=300)), prepend=0, append=n_steps)
    one_is_long = np.array([*ragged[:40], n_steps - ragged[:40].sum()])
    assert one_is_long[-1] > n_steps // 2

    def everything(lengths, n_jobs):
        m = params.model(n_jobs=n_jobs, max_iter=2)
        score, path, gamma = (ask(x, lengths=lengths) for ask in (m.score, m.predict, m.predict_proba))
        m.fit(x, lengths=lengths)
        return score, path, gamma, m.history_, *counts_of(m), *learnt(m)

    for lengths in (ragged, one_is_long, [n_steps]):
        alone = everything(lengths, 1)
        callers.clear()
        for n_jobs in (2, 3, -1) if lengths is ragged else (2,):
            for a, b in zip(alone, everything(lengths, n_jobs)):
                assert np.array_equal(a, b)
        assert threading.main_thread() not in callers
        if lengths is ragged:
            assert len(callers) > 3 * 12, "not in several chunks"


def test_an_emission_is_asked_before_there_are_threads(callers):
    """So it is asked once, whoever comes first, and need not be safe to call from several threads."""
    askers = []

    class Noted(Precomputed):
        def log_likelihood(self, values):
            askers.append(threading.current_thread())
            return values

    n_steps = 600_000
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]], emission=Noted(), n_jobs=2)
    x = np.zeros((n_steps, 2))
    for ask in (m.score, m.predict, m.predict_proba):
        ask(x, lengths=[n_steps // 60] * 60)
    assert threading.main_thread() not in callers
    assert set(askers) == {threading.main_thread()}


def test_an_interrupt_while_tasks_are_submitted_stops_those_that_have_begun(monkeypatch):
    stopped = []
    submit = parallel.ThreadPoolExecutor.submit

    def task(stop):
        while not stop[0]:
            time.sleep(0.001)
        stopped.append(True)

    def interrupted(pool, *arguments):
        if interrupted.calls == 2:
            raise KeyboardInterrupt
        interrupted.calls += 1
        return submit(pool, *arguments)

    interrupted.calls = 0
    monkeypatch.setattr(parallel.ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        parallel.run([task] * 3, seconds=1, n_jobs=3)
    assert stopped == [True] * interrupted.calls


def test_sampling_can_be_interrupted():
    assert interrupt_after(0.1, lambda: random_params(np.random.default_rng(0), 20, 3).model().sample(30_000_000))


# ----------------------------------------------------------------------------------------------------- instruction sets


@pytest.mark.skipif(AGAIN, reason="this is the other run")
def test_all_of_this_and_all_of_exactness_with_every_kind_of_registers(tmp_path):
    """Each in a process of its own, since the choice is made at import; what this process runs with is left out, and
    so is what other registers do not touch."""
    folder = Path(__file__).parent
    tests = [str(folder / f"test_{name}.py") for name in ("variants", "exactness", "rows", "quadratic")]
    tests += ["-k", "not threads and not budget and not die_out and not keep_no_alpha and not million"]
    width = "from chmm.kernels.forward_backward import row_width; print(row_width(9))"

    def start(registers, *command):
        settings = {"CHMM_REGISTERS": registers, "PYTHONPATH": str(Path(chmm.__file__).parents[1])}
        return subprocess.Popen(
            [sys.executable, *command], env={**os.environ, **settings}, cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    known, running = {forward_backward.row_width(9)}, {}
    for registers in ("plain", "medium", "wide"):
        w = int(start(registers, "-c", width).communicate()[0])
        if w not in known:  # else this processor does not have them, or they are those of this process
            known.add(w)
            running[registers] = start(registers, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    failed = []
    for registers, process in running.items():
        said = process.communicate()[0]
        if process.returncode:
            failed.append(f"CHMM_REGISTERS={registers}\n{said[-8000:]}")
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("n", [2, 3, 4, 6, 8, 16])
@pytest.mark.parametrize("odd_one", ["impossible", "underflows", "missing"])
def test_a_sequence_beside_others_has_the_answers_that_it_has_alone(n, odd_one):
    """Short sequences may be taken two at a time; what is wrong with one of them is not its neighbour's."""
    rng = np.random.default_rng(n)
    params = random_params(rng, n, N_SYMBOLS)
    probs, transmat = params.probs.copy(), params.transmat.copy()
    probs[:, -1] = 0
    if odd_one == "underflows":
        transmat = np.eye(n) * 0.5 + np.roll(np.eye(n), 1, axis=1) * 0.5
        probs[: n // 2, 0], probs[n // 2 :, 1] = 1e-200, 1e-200
    ready = params._replace(probs=probs / probs.sum(axis=1, keepdims=True), transmat=transmat).model()._ready()
    odd = {"impossible": [0, N_SYMBOLS - 1, 1, 2, 3], "underflows": [0] * 6 + [1] * 6, "missing": [-1] * 5}[odd_one]
    lengths = [9, 40, 4, 33, 600, 7, 1, 0, 25, 26, 512, 511]
    X = [as_given(x) for t in lengths for x in (rng.integers(0, N_SYMBOLS - 1, size=t), np.array(odd))]
    X = [*X, *X[2::2], *X[1:5:2]]       # beside the odd one, beside their like, beside a second odd one
    weight = rng.random(len(X))

    together = ready.problem(chmm.sequences.read(X))
    (all_starts, all_trans, _, _), outcome = inference.expected_counts(together, weight)
    gamma, _ = inference.posteriors(together)
    loglik = inference.log_likelihood(together).loglik
    start, trans = np.zeros(n), np.zeros((n, n))
    for s, x in enumerate(X):
        if not len(x):
            continue
        alone = ready.problem(chmm.sequences.read([x]))
        (one_start, one_trans, _, _), one = inference.expected_counts(alone, weight[s : s + 1])
        assert_allclose([outcome.loglik[s], loglik[s]], one.loglik[0], **loglik_close)
        assert outcome.step[s] == one.step[0]
        if one.step[0] < 0:
            assert_allclose(
                gamma[together.bounds[s] : together.bounds[s + 1]], inference.posteriors(alone)[0], **close
            )
        start += one_start
        trans += one_trans
    assert_allclose(all_starts, start, **close)
    assert_allclose(all_trans, trans, **close)
