"""Paths given the data: the best ones, how sure they are, draws; every question under every option, by enumeration."""

import io
import pickle

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from random_cases import Case, cases
from shared import random_params, stochastic

from chmm import Categorical, Gaussian, ImpossibleError, Model, Precomputed, inference

NOTHING = np.array([], dtype=object)  # one sequence without steps


def dull(startprob, transmat, **options):
    """A chain of which nothing is seen."""
    return Model(startprob=startprob, transmat=transmat, emission=Categorical(np.ones((len(startprob), 1))), **options)


WEATHER = Model(
    states=["rainy", "sunny"], startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]],
    emission=Categorical([[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]], symbols=["walk", "shop", "clean"]),
)  # fmt: skip


def joints(case):
    """P(O, Q, what is known) of every path of each sequence."""
    for s, rows in enumerate(case.parts(case.rows * case.weights)):
        ended = case.ended is None or case.ended[s]
        rows = oracle.end_in(case.end if ended else None, rows)
        yield rows, oracle.joint(case.options["startprob"], case.moves, rows)


def test_every_question_agrees_with_enumeration_under_every_option():
    possible = 0
    for case in cases(3, 3):
        m, X, asked, rng = case.model, case.X, case.asked, case.rng
        tables = list(joints(case))
        if not all(p.sum() for _, p in tables):
            for question in (m.viterbi, m.best_paths, m.segments, m.sample_posterior, m.entropy):
                with pytest.raises(ImpossibleError):
                    question(X, **asked)
            with pytest.raises(ImpossibleError):
                m.predict(X, method="posterior", **asked)
            continue
        possible += 1
        k = int(rng.integers(1, 30))
        best, decoded = m.best_paths(X, k, **asked), m.decode(X, **asked)
        viterbi, unscaled = m.viterbi(X, **asked), m.viterbi(X, scaled=False, **asked)
        segments, entropy = m.segments(X, **asked), m.entropy(X, **asked)
        posterior = m.predict(X, method="posterior", **asked)
        drawn = m.sample_posterior(X, 7, random_state=1, **asked)
        for s, (rows, p) in enumerate(tables):
            want = oracle.best_paths(p, k)
            assert len(best[s]) == len(want)
            assert_allclose([d.log_prob for d in best[s]], [log_prob for _, log_prob in want], atol=1e-11)
            assert len({tuple(d.path) for d in best[s]}) == len(want)
            assert_allclose([p[tuple(d.path)] for d in best[s]], np.exp([d.log_prob for d in best[s]]), rtol=1e-11)
            assert_array_equal(best[s][0].path, decoded[s].path)
            assert best[s][0].log_prob == decoded[s].log_prob == viterbi[s].log_prob
            delta = oracle.deltas(case.options["startprob"], case.moves, rows)
            assert_allclose(unscaled[s].delta, delta, rtol=1e-12)
            assert_allclose(viterbi[s].delta, delta / delta.max(axis=1, keepdims=True), rtol=1e-12)
            assert_allclose(viterbi[s].log_scale.sum(), viterbi[s].log_prob, atol=1e-11)
            for table in (viterbi[s], unscaled[s]):
                assert_array_equal(table.path, decoded[s].path)
                assert_array_equal(table.psi[np.arange(1, len(rows)), table.path[1:]], table.path[:-1])
                for t in range(1, len(rows)):
                    into = delta[t - 1][:, None] * case.moves
                    assert_allclose(into[table.psi[t], range(case.n)], into.max(axis=0), rtol=1e-12)
            q = p / p.sum()
            gamma = np.array([oracle.margin(q, t) for t in range(len(rows))])
            assert_allclose(gamma[range(len(rows)), posterior[s]], gamma.max(axis=1), atol=1e-12)
            some = q[q > 0]
            assert_allclose(entropy[s], -(some * np.log(some)).sum(), atol=1e-12)
            assert_array_equal([r.state for r in segments[s] for _ in range(r.start, r.stop)], decoded[s].path)
            for start, stop, state, proba in segments[s]:
                run = tuple(state if start <= t < stop else slice(None) for t in range(len(rows)))
                assert_allclose(proba, q[run].sum(), rtol=1e-11)
            assert drawn[s].shape == (7, len(rows)) and all(p[tuple(path)] > 0 for path in drawn[s])
    assert possible > 90


@pytest.mark.parametrize("seed", range(60))
def test_what_is_known_has_its_probability(seed):
    ends = ("none", "final_states", "endprob", "endprob and final_states")[seed % 4]
    case = Case(seed, "nothing", ends, ("symbols", "numbers")[seed % 2], seed % 3 == 0)
    tables = [p for _, p in joints(case)]
    if not all(p.sum() for p in tables):
        return
    whole = [list(map(int, case.rng.integers(0, case.n, n))) for n in case.lengths]
    labels = [[None if case.rng.random() < 0.5 else i for i in path] for path in whole]
    masks = [case.rng.random((n, case.n)) < 0.7 for n in case.lengths]
    for known in (labels, whole):
        probas = case.model.path_proba(case.X, known, ended=case.ended)
        for p, told, proba in zip(tables, known, probas, strict=True):
            those = p[tuple(slice(None) if i is None else i for i in told)].sum()
            assert_allclose(proba, those / p.sum(), rtol=1e-11)
    for p, mask, proba in zip(tables, masks, case.model.path_proba(case.X, masks, ended=case.ended), strict=True):
        weights = 1.0
        for t, row in enumerate(mask):
            weights = weights * row.reshape([-1 if u == t else 1 for u in range(p.ndim)])
        assert_allclose(proba, (p * weights).sum() / p.sum(), rtol=1e-11)


def test_draws_have_the_frequencies_of_the_posterior():
    scipy = pytest.importorskip("scipy.stats")
    tried = 0
    for seed, ends in enumerate(["none", "endprob", "final_states"] * 3):
        case = Case(40 + seed, "likelihoods", ends, "symbols", False, zeros=0.1)
        _, p = next(joints(case))
        expected = 100_000 * p / max(p.sum(), 1e-300)
        usual = expected > 5
        if usual.sum() < 4:
            continue
        tried += 1
        drawn = case.model.sample_posterior(case.X[0], 100_000, random_state=seed, known=case.known[0])
        counts = np.zeros(p.shape)
        np.add.at(counts, tuple(drawn.T), 1)
        assert not counts[expected == 0].any()
        chi2 = ((counts - expected)[usual] ** 2 / expected[usual]).sum()
        assert scipy.chi2.sf(chi2, usual.sum() - 1) > 1e-3
    assert tried >= 3


def test_draws_are_repeatable_and_take_any_form():
    p = random_params(np.random.default_rng(0), 3, 4)
    m, x = p.model(states="abc"), [0, 1, 3, 2, 2, 1]
    assert_array_equal(m.sample_posterior(x, 5, random_state=3), m.sample_posterior(x, 5, random_state=3))
    assert m.sample_posterior(x, 2, random_state=3).dtype.kind == "U"
    in_a_row = m.sample_posterior(x, 5, lengths=[4, 2], random_state=3)
    parts = m.sample_posterior([x[:4], x[4:]], 5, random_state=3)
    assert_array_equal(in_a_row, np.concatenate(parts, axis=1))
    assert list(m.sample_posterior({"u": x[:4], "v": []}, random_state=0)) == ["u", "v"]
    assert m.sample_posterior(NOTHING, 4).shape == (4, 0)


# At size -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 17])
def test_entropy_of_a_uniform_model_and_of_a_certain_one(n):
    even = dull(np.full(n, 1 / n), np.full((n, n), 1 / n))
    assert_allclose(even.entropy(np.zeros(3000, dtype=int)), 3000 * np.log(n), rtol=1e-12)
    sure = Model(startprob=np.full(n, 1 / n), transmat=np.full((n, n), 1 / n), emission=Categorical(np.eye(n)))
    assert sure.entropy(np.arange(1000) % n) == 0


def test_entropy_is_what_the_chain_leaves_open():
    """H(Q | O) = -log P(O, Q) averaged over draws of Q, plus log P(O)."""
    rng = np.random.default_rng(1)
    m = random_params(rng, 4, 5).model()
    x = rng.integers(0, 5, 500)
    draws = m.sample_posterior(x, 400, random_state=0)
    logs = np.array([m.score(x, path) for path in draws]) - m.score(x)
    assert abs(-logs.mean() - m.entropy(x)) < 6 * logs.std() / 20


@pytest.mark.parametrize("n", [2, 4, 6, 9, 20])
def test_best_paths_at_size_are_in_order_distinct_and_begin_with_decode(n):
    rng = np.random.default_rng(n)
    m = random_params(rng, n, 6, zeros=0.2).model()
    x = m.sample(3000, random_state=0).X
    found = m.best_paths(x, 40)
    logs = [d.log_prob for d in found]
    assert len(found) == 40 and len({tuple(d.path) for d in found}) == 40
    assert_array_equal(found[0].path, m.predict(x))
    assert (np.diff(logs) <= 1e-12 * abs(logs[0])).all()
    assert_allclose([m.score(x, d.path) for d in found], logs, rtol=1e-13)
    # every path that differs in one place only is worse than the last, or among them
    worst, best = logs[-1], found[0].path
    paths = {tuple(d.path) for d in found}
    for t in rng.integers(0, 3000, 15):
        for i in range(n):
            other = best.copy()
            other[t] = i
            assert tuple(other) in paths or m.score(x, other) <= worst + 1e-9


def test_best_paths_within_a_budget_are_the_same(monkeypatch):
    rng = np.random.default_rng(3)
    m = random_params(rng, 5, 4, zeros=0.3).model(final_states=[0, 2])
    x = m.sample(700, random_state=0).X
    want = m.best_paths(x, 30)
    monkeypatch.setattr(inference, "BUDGET", 2000)
    for a, b in zip(want, m.best_paths(x, 30), strict=True):
        assert_array_equal(a.path, b.path)
        assert a.log_prob == b.log_prob
    entropy, draws = m.entropy(x), m.sample_posterior(x, 3, random_state=0)
    runs = m.segments(x)
    monkeypatch.undo()
    assert_allclose(m.entropy(x), entropy, rtol=1e-12)
    monkeypatch.setattr(inference, "DRAWN", 100)
    draws = np.vstack([draws, m.sample_posterior(x, 30, random_state=0)])
    assert draws.shape == (33, 700) and all(m.score(x, path) > -np.inf for path in draws)
    often = (draws == m.predict(x, method="posterior")).mean()
    assert_allclose(often, m.predict_proba(x).max(axis=1).mean(), atol=0.03)
    assert_allclose([r.proba for r in m.segments(x)], [r.proba for r in runs], rtol=1e-10)


def test_many_paths_of_a_short_sequence():
    rng = np.random.default_rng(5)
    p = random_params(rng, 4, 3)
    m, x = p.model(), [0, 2, 1, 1, 0, 2]
    found = m.best_paths(x, 10_000)
    assert len(found) == 4**6
    assert_allclose(np.exp([d.log_prob for d in found]).sum(), np.exp(m.score(x)), rtol=1e-11)
    for k in (1, 2, 3, 50, 4095):
        assert_allclose([d.log_prob for d in m.best_paths(x, k)], [d.log_prob for d in found[:k]], rtol=1e-12)
    assert len(dull([1, 0, 0], np.eye(3)[[1, 2, 0]]).best_paths([0] * 9, 5)) == 1
    assert len({tuple(d.path) for d in dull([0.5, 0.5], np.full((2, 2), 0.5)).best_paths([0] * 10, 2000)}) == 1024


def test_what_underflows_is_exact():
    """State 1 loses 900 : 1 for 300 steps, then wins 1e9 : 1 for 200: scaled alpha forgets it."""
    x = np.array([[0.0, -np.log(900)]] * 300 + [[-np.log(1e9), 0.0]] * 200)
    m = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Precomputed())
    assert_array_equal(m.predict(x, method="posterior"), np.ones(500))
    assert m.entropy(x) < 1e-100
    assert [tuple(r)[:3] for r in m.segments(x)] == [(0, 500, 1)]
    assert_allclose(m.segments(x)[0].proba, 1, rtol=1e-12)
    assert len(m.best_paths(x)) == 2
    assert (m.sample_posterior(x, 50, random_state=0) == 1).all()
    assert_allclose(m.path_proba(x, [None] * 499 + [1]), 1, rtol=1e-12)
    with pytest.raises(ValueError, match=r"delta\[104, 1\] is below 1e-308.*scaled=True"):
        m.viterbi(x, scaled=False)
    assert m.viterbi(x).delta.max() == 1


# Known answers, forms and refusals -----------------------------------------------------------------------------------


def test_tables_of_the_weather():
    path, log_prob, delta, psi, _ = WEATHER.viterbi(["walk", "shop", "clean"], scaled=False)
    assert_allclose(delta, [[0.06, 0.24], [0.0384, 0.0432], [0.01344, 0.002592]], rtol=1e-13)
    assert psi.tolist() == [[0, 0], [1, 1], [0, 1]]
    assert path.tolist() == ["sunny", "rainy", "rainy"] and abs(log_prob - np.log(0.01344)) < 1e-14


def test_the_switch_of_the_nile():
    """After 1898, as statsmodels has it; how sure that is, from the parameters of REFERENCE."""
    nile = pytest.importorskip("statsmodels.datasets.nile").load_pandas().data["volume"].to_numpy()
    m = Model(startprob=[1, 0], transmat=[[0.9643, 0.0357], [0, 1]],
              emission=Gaussian([1097.1525, 850.7565], np.square([133.748, 124.4464])))  # fmt: skip
    first, second = m.segments(nile)
    assert (first.start, first.stop, second.stop) == (0, 28, 100)
    gamma = m.predict_proba(nile)
    assert_allclose(first.proba, gamma[27, 0], rtol=1e-11)  # it cannot come back
    assert_allclose(second.proba, gamma[28, 1], rtol=1e-11)
    assert_allclose(m.path_proba(nile, [0] * 28 + [1] * 72), gamma[27, 0] - gamma[28, 0], rtol=1e-9)


def test_segments_print_go_into_frames_and_beds(tmp_path):
    runs = WEATHER.segments(["walk", "walk", "clean", "clean", "walk"])
    text = repr(runs).splitlines()
    assert text[0].split() == ["start", "stop", "state", "proba"] and text[1].split()[:3] == ["0", "2", "sunny"]
    assert runs == pickle.loads(pickle.dumps(runs)) and runs[0].state == "sunny"
    pandas = pytest.importorskip("pandas")
    frame = runs.to_frame()
    assert isinstance(frame, pandas.DataFrame) and frame["stop"].tolist() == [2, 4, 5]
    runs.to_bed(tmp_path / "runs.bed", "chr1", states=["rainy"])
    line = (tmp_path / "runs.bed").read_text().split("\t")
    assert line[:4] == ["chr1", "2", "4", "rainy"] and line[4] == f"{round(1000 * runs[1].proba)}\n"
    file = io.StringIO()
    for chrom, part in WEATHER.segments({"1": ["walk"], "2": ["clean"]}).items():
        part.to_bed(file, chrom)
    assert [row.split("\t")[0] for row in file.getvalue().splitlines()] == ["1", "2"]
    with pytest.raises(ValueError, match="chrom = 'chr 1'"):
        runs.to_bed(file, "chr 1")
    with pytest.raises(ValueError, match="tab"):
        dull([1], [[1]], states=["a\tb"]).segments([0]).to_bed(file, "c")
    none = WEATHER.segments(NOTHING)
    assert none == () and list(none.to_frame().columns) == list(frame.columns)
    long = Model(startprob=[1, 0], transmat=[[0, 1], [1, 0]], emission=Categorical(np.eye(2))).segments([0, 1] * 50)
    assert "... 80 more" in repr(long) and len(repr(long).splitlines()) == 22


def test_every_form_gives_its_own():
    m = random_params(np.random.default_rng(2), 3, 4).model(states="xyz")
    x = [0, 1, 3, 2, 2]
    for ask in (m.viterbi, m.best_paths, m.segments, m.entropy):
        one, listed = ask(x), ask([x, x[:2]])
        mapped, in_a_row = ask({"a": x, "b": x[:2]}), ask(x + x[:2], lengths=[5, 2])
        assert list(mapped) == ["a", "b"] and len(listed) == len(in_a_row) == 2
        for other in (listed[0], mapped["a"], in_a_row[0]):
            assert repr(other) == repr(one)
    told = list("xxyzz")
    assert m.path_proba([x, x], [told, told]) == [m.path_proba(x, told)] * 2
    assert m.path_proba({"a": x}, {"a": told}) == {"a": m.path_proba(x, told)}
    assert_array_equal(m.predict(x, method="viterbi"), m.predict(x))
    empty = m.best_paths(NOTHING)
    assert len(empty) == 1 and empty[0].log_prob == 0 and len(empty[0].path) == 0
    assert m.entropy(NOTHING) == 0 and m.viterbi(NOTHING).delta.shape == (0, 3)
    assert m.predict(NOTHING, method="posterior").shape == (0,)


@pytest.mark.parametrize("ask, error, message", [
    (lambda m, x: m.predict(x, method="map"), ValueError, "method = 'map' must be"),
    (lambda m, x: m.best_paths(x, 0), ValueError, "n_paths = 0 must be at least 1"),
    (lambda m, x: m.best_paths(x, 2.0), TypeError, "n_paths must be an integer"),
    (lambda m, x: m.path_proba(x, None), ValueError, "known is None"),
    (lambda m, x: m.path_proba(x, ["rainy", "foggy", None]), ValueError, "'foggy' is not among the states"),
    (lambda m, x: m.path_proba(x, ["rainy"]), ValueError, "1 labels for 3 steps"),
    (lambda m, x: m.sample_posterior(x, 0), ValueError, "n_samples = 0"),
    (lambda m, x: m.sample_posterior(x, 1, random_state="a"), TypeError, "random_state"),
    (lambda m, x: m.entropy(["fly"]), ValueError, "'fly' is not among the model's symbols"),
    (lambda m, x: m.segments(x, ended=False), ValueError, "has no ends"),
    (lambda m, x: Model(2).segments(x), ValueError, "no parameters yet"),
])  # fmt: skip
def test_refusals(ask, error, message):
    with pytest.raises(error, match=message):
        ask(WEATHER, ["walk", "shop", "clean"])


# Durations -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_durations_and_passages_satisfy_their_equations(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 7))
    a = stochastic(rng, n, n, zeros=0.4 * (seed % 2))
    m = dull(np.eye(n)[0], a)
    with np.errstate(divide="ignore", invalid="ignore"):
        assert_allclose(m.expected_durations(), 1 / (1 - a.diagonal()), rtol=1e-12)
        times = m.passage_times()
        assert not np.isnan(times).any() and (times >= 1).all()
        later = np.where(a[:, :, None] > 0, a[:, :, None] * times[None], 0.0)
        later[:, np.arange(n), np.arange(n)] = 0.0
        assert_allclose(times, 1 + later.sum(axis=1), rtol=1e-11)
    if not np.isinf(times).any():
        assert_allclose(1 / times.diagonal(), m.stationary_distribution(), rtol=1e-11)


def test_passages_by_walking():
    m = dull([1, 0, 0], [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0, 0, 1]])
    times = m.passage_times()
    assert np.isinf(times[[0, 1, 2, 2, 0, 1], [1, 0, 0, 1, 0, 1]]).all()  # it may end in 2 before
    assert times[2, 2] == 1
    walks = m.sample(400, 4000, random_state=0).states
    mean = np.mean([np.argmax(np.append(path == 2, True)) for path in walks])
    assert abs(mean - times[0, 2]) < 0.6
    assert_allclose(times[:2, 2], np.linalg.solve([[0.5, -0.3], [-0.1, 0.2]], [1, 1]), rtol=1e-13)


def test_rare_transitions_keep_their_digits():
    e = 2.0**-40
    m = dull([1, 0, 0], [[0.5, 0.5 - e, e], [0.5, 0.5, 0], [0, 1, 0]])
    assert_allclose(m.passage_times()[1, 2], 2 / e, rtol=1e-14)
    assert_allclose(m.expected_durations()[2], 1)


def test_durations_end_with_the_sequence():
    m = dull([0.5, 0.5], [[0.75, 0.25], [0, 1]], endprob=[0.2, 0.1])
    assert_allclose(m.expected_durations(), [1 / (1 - 0.8 * 0.75), 10])
    states = m.sample(n_sequences=4000, random_state=0).states
    visits = [np.diff(np.flatnonzero(np.diff(np.r_[-1, path, -1])))[0] for path in states if path[0] == 0]
    assert abs(np.mean(visits) - m.expected_durations()[0]) < 0.2
    assert_allclose(dull([1, 0], [[0.9, 0.1], [0, 1]]).expected_durations(), [10, np.inf])
