"""The right number or an error, whatever the magnitude: underflow that matters, underflow that does not, 10^6 steps."""

import math
import tracemalloc

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import AGAIN, Params, learnt, random_params, stochastic

from chmm import inference

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


@pytest.fixture(autouse=True)
def what_is_compared_may_underflow(strict_error_state):
    with np.errstate(under="ignore"):
        yield


def true(params, x, final=None):
    return oracle.log_space(*params[:2], params.rows(x), final)


def together(ask, models, sequences, final):
    """Answers by name, those of all models in one array: ask(model, x) gives them of one."""
    options = {} if final is None else {"final_states": np.flatnonzero(final).tolist()}
    answers = [ask(params.model(max_iter=1, **options), x) for params, x in zip(models, sequences)]
    return {name: np.stack([answer[name] for answer in answers]) for name in answers[0]}


def backward_if_it_fits(m, x, forward):
    """Infinite where a beta is above the largest double, which is an error."""
    try:
        return m.backward(x)
    except ValueError as error:
        assert "is above 1.8e308, although it is scaled" in str(error)
        return forward._replace(alpha=np.full_like(forward.alpha, np.inf))


def questions(m, x):
    forward, posteriors = m.forward(x), m.posteriors(x, pairs=True)
    backward = backward_if_it_fits(m, x, forward)
    return {
        "loglik": [m.score(x), forward.loglik, backward.loglik, posteriors.loglik],
        "alpha": forward.alpha,
        "beta": backward[0],
        "log_scale": [forward.log_scale, backward.log_scale],
        "gamma": [posteriors.gamma, m.posteriors(x).gamma],
        "xi": posteriors.xi,
    }


def em_step(m, x):
    s = m.fit(x).statistics_
    new_start, new_trans, new_probs = learnt(m)
    return {
        "loglik": [s.loglik],
        "start": (s.start, new_start),
        "trans": (s.trans, new_trans),
        "probs": (s.emission["counts"], new_probs),
    }


def assert_logliks(got, truth):
    """The promise: within 1e-12 of the sum of the sizes of its terms."""
    bound = 1e-12 * np.maximum(1, np.abs(truth.log_scale).sum(axis=-1))
    assert (np.abs(got["loglik"] - truth.loglik[:, None]) <= bound[:, None]).all()


def assert_answers_right(models, sequences, truth, final=None):
    """score, filter, beta, gamma and xi against the answer in log space, whose arrays have an axis of models first."""
    got = together(questions, models, sequences, final)
    close = {"rtol": 1e-8, "atol": 1e-10}
    assert_logliks(got, truth)
    assert_allclose(got["alpha"], np.exp(truth.log_filter), **close)
    assert_allclose(got["log_scale"], np.stack([truth.log_scale] * 2, axis=1), **close)
    assert_allclose(got["gamma"], np.stack([truth.gamma] * 2, axis=1), **close)
    assert_allclose(got["xi"], truth.xi, **close)
    assert not np.isnan(got["beta"]).any()
    reachable = np.isfinite(truth.log_filter)
    log_beta = truth.log_gamma[reachable] - truth.log_filter[reachable]
    beta = got["beta"][reachable]
    ordinary = (np.abs(log_beta) < 600) & (beta < np.inf)  # neither below the smallest nor above the largest double
    assert_allclose(np.log(beta[ordinary]), log_beta[ordinary], rtol=1e-8, atol=1e-8)


def assert_em_steps_right(models, sequences, truth, final=None):
    """Expected counts and new parameters."""
    got = together(em_step, models, sequences, final)
    assert_logliks(got, truth)
    seen = np.eye(models[0].probs.shape[1])[np.stack(sequences)]
    wanted = truth.gamma[:, 0], truth.xi.sum(axis=1), np.swapaxes(truth.gamma, 1, 2) @ seen
    for name, counts, old in zip(("start", "trans", "probs"), wanted, map(np.stack, zip(*models))):
        assert_allclose(got[name][:, 0], counts, rtol=1e-8, atol=1e-8)
        new = got[name][:, 1]
        assert_allclose(new.sum(axis=-1), 1, rtol=1e-12)
        assert not np.isnan(new).any() and (new >= 0).all()
        assert (new[old == 0] == 0).all(), "a zero came alive"
        enough = counts.sum(axis=-1, keepdims=True) > 1e-3
        assert_allclose(new * enough, oracle.normalized(counts, old) * enough, rtol=1e-6, atol=1e-8)


def assert_everything_right(params, x, final=None):
    truth = true(params, x, final)
    alone = type(truth)(**{name: np.asarray(a, float)[None] for name, a in vars(truth).items()})
    assert_answers_right([params], [x], alone, final)
    assert_em_steps_right([params], [x], alone, final)


def stretches(symbols, lengths):
    return np.repeat(symbols, lengths)


# --------------------------------------------------------------------------------------------------- named examples

# State 0 fits symbol 0 900 times better, state 1 fits symbol 1 10^9 times better.
RIVALS = np.array([[0.9, 1e-10, 0.1 - 1e-10], [0.001, 0.1, 0.899]])
SEPARATE = Params(np.array([0.5, 0.5]), np.eye(2), RIVALS)


def test_a_state_that_underflowed_and_later_overtakes():
    x = stretches([0, 1], [300, 200])
    assert_allclose(SEPARATE.model().score(x), math.log(0.5) + 300 * math.log(0.001) + 200 * math.log(0.1), rtol=1e-12)
    assert round(SEPARATE.model().score(x), 1) == -2533.5
    assert_allclose(SEPARATE.model().posteriors(x).gamma, np.tile([0, 1], (500, 1)), atol=1e-300)
    assert_everything_right(SEPARATE, x)


def test_a_state_that_underflowed_and_is_revived_when_the_survivor_dies():
    """State 0 explains 1,500 steps 1,000 times better and then becomes impossible."""
    dies = SEPARATE._replace(probs=np.array([[0.999, 0, 0.001], [0.000999, 0.5, 0.499001]]))
    x = stretches([0, 1], [1500, 3])
    assert_allclose(dies.model().score(x), math.log(0.5) + 1500 * math.log(0.000999) + 3 * math.log(0.5), rtol=1e-12)
    assert_everything_right(dies, x)


def test_both_states_die_and_the_sequence_is_impossible():
    dies = SEPARATE._replace(probs=np.array([[0.9, 0, 0.1, 0], [0.001, 0.1, 0, 0.899]]))
    x = stretches([0, 1, 2, 0], [400, 5, 1, 9])
    assert dies.model().score(x) == -np.inf
    with pytest.raises(ValueError, match="405"):
        dies.model().posteriors(x)


def test_worse_better_worse_again():
    for lengths in ([300, 400, 300], [400, 300, 150], [150, 700, 600], [700, 700, 700], [120, 45, 600]):
        assert_everything_right(SEPARATE, stretches([0, 1, 0], lengths))
        assert_everything_right(SEPARATE, stretches([1, 0, 1], lengths))


@pytest.mark.parametrize("leak", [1e-5, 1e-30, 1e-100, 1e-200, 1e-300])
def test_states_that_hardly_communicate(leak):
    barely = SEPARATE._replace(transmat=np.array([[1 - leak, leak], [leak, 1 - leak]]))
    one_way = SEPARATE._replace(transmat=np.array([[1, 0], [leak, 1 - leak]]))
    for params in (barely, one_way):
        for lengths in ([300, 200], [120, 120], [500, 30]):
            assert_everything_right(params, stretches([0, 1], lengths))


def test_a_final_state_that_had_underflowed():
    assert_everything_right(SEPARATE, stretches([0], [800]), final=[False, True])
    assert_everything_right(SEPARATE, stretches([1, 0], [200, 900]), final=[False, True])


@pytest.mark.parametrize("behind, steps", [(1e-30, 12), (1e-30, 20), (1e-50, 8)])
def test_what_underflowed_may_matter_to_the_filter_alone(behind, steps):
    """State 0 falls straight to 0, then overtakes; but a sequence must end in state 1, so P(O) never missed it."""
    probs = np.array([[behind, 0.5, 0.5], [0.5, behind, 0.5]])
    assert_everything_right(SEPARATE._replace(probs=probs), stretches([0, 1], [steps, steps + 2]), final=[False, True])


def test_an_unlikely_start_that_fits_better_later():
    for start in (1e-15, 1e-150, 1e-300, 1e-308):
        params = SEPARATE._replace(startprob=np.array([1 - start, start]))
        assert_everything_right(params, stretches([0, 1], [100, 200]))
        assert_everything_right(params, stretches([1, 0], [200, 100]))


def test_an_unreachable_state_that_explains_the_data_far_better():
    probs = np.array([[1e-3, 0.999], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5]])
    params = Params(np.eye(4)[0], np.eye(4), probs)
    x = stretches([0], [2000])
    assert_everything_right(params, x)
    s = params.model(max_iter=1).fit(x).statistics_
    assert_allclose(s.trans, 1999 * np.outer(np.eye(4)[0], np.eye(4)[0]), rtol=1e-12)


def test_a_dead_end_that_explains_the_data_far_better_has_no_mass_and_keeps_its_row():
    """State 1 is reached, fits, but cannot emit the last symbol nor leave: its gamma is exactly 0."""
    params = Params(np.array([0.5, 0.5]), np.eye(2), np.array([[0.001, 0.999], [1.0, 0]]))
    x = stretches([0, 1], [50, 1])
    assert (params.model().posteriors(x).gamma[:, 1] == 0).all()
    fitted = learnt(params.model(max_iter=1).fit(x))
    assert_array_equal(fitted.transmat[1], params.transmat[1])
    assert_array_equal(fitted.probs[1], params.probs[1])


@pytest.mark.parametrize("tiny", [1e-300, 1e-307, 1e-310, 5e-324])
def test_what_lies_below_the_smallest_normal_number_may_decide(tiny):
    """State 0 fits the first symbol by far better, and then hardly or not at all."""
    for later in (0, 5e-324, 1e-300):
        probs = np.array([[0.9, later, 0.1], [tiny, 0.5, 0.5]])
        for x in ([0, 1], [0, 1, 1, 1], [0, 2, 1, 1, 2]):
            assert_everything_right(SEPARATE._replace(probs=probs), np.array(x))
            assert_everything_right(Params(np.array([1, tiny]), np.eye(2), probs), np.array(x[1:]))


@pytest.mark.parametrize("n", [3, 4, 5, 9])
def test_a_symbol_that_hardly_anyone_explains_hides_what_underflows(n):
    """State 1 is lost at a step at which all likelihoods are tiny, so that scaling makes up for almost all of it."""
    probs = np.array([[1e-200, 1e-200, 1], [1e-300, 0.5, 0.5], *[[1, 0, 0]] * (n - 2)])
    params = Params(np.array([1, 1e-50, *[0] * (n - 2)]), np.eye(n), probs)
    for x in ([0, 1], [0, 1, 2], [0, 1, 2, 2, 2], [2, 0, 1, 2, 2, 2]):
        assert_everything_right(params, np.array(x))


@pytest.mark.parametrize("n", [3, 4, 5, 9])
@pytest.mark.parametrize("rare", [1e-10, 1e-15, 1e-20, 1e-28])
def test_a_sum_below_the_smallest_normal_number_is_scaled_too(n, rare):
    """Whoever fits the symbol is not there, and whoever is there is rare, and hardly fits."""
    probs = np.array([[0, 0.5, 0.5], [1e-295, 0.5, 0.5], *[[1, 0, 0]] * (n - 2)])
    params = Params(np.array([1 - rare, rare, *[0] * (n - 2)]), np.eye(n), probs)
    for x in ([0], [0, 1], [0, 1, 2, 1, 1], [1, 2, 0, 1, 1], [1, 1, 1, 1, 0]):
        assert_everything_right(params, np.array(x))


@pytest.mark.parametrize("mirrored", [False, True])
def test_dead_ends_that_flow_together_and_fit_far_better(mirrored):
    """States 1 to 3 fit all but the last symbol; what would be theirs grows beyond any double."""
    transmat = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0.9, 0.1, 0], [0, 0.9, 0, 0.1]])
    better = [0.8, 0, 0.1, 0.1]
    m = Params(np.full(4, 0.25), transmat, np.array([[0.001, 0.1, 0.1, 0.799], better, better, better])).model(
        max_iter=1
    )
    for alike in range(20, 320, 15):
        for apart in range(100, 320, 11):
            x = stretches([2, 0, 1], [alike, apart, 1])[:: -1 if mirrored else 1]
            assert_array_equal(m.predict_proba(x)[1:-1, 1:], 0)
            assert_allclose(m.predict_proba(x)[:, 0], 1, rtol=1e-11)
    assert_allclose(m.fit(x).statistics_.emission["counts"], np.outer([1, 0, 0, 0], [apart, 1, alike, 0]), rtol=1e-11)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("steps", range(100, 110))
def test_powers_of_two_become_subnormal_without_a_rounding(steps, n):
    """State 1 falls behind by exactly 2^10 a step, which no flag reports until its alpha is gone below 2^-1074."""
    probs = np.array([[0.5, 0, 0.5], [2**-11, 0.5, 0.5 - 2**-11]])
    probs = probs[np.arange(n) // (n - 1)]  # the last state, and twins of the other
    assert_everything_right(Params(np.full(n, 1 / n), np.eye(n), probs), stretches([0, 1], [steps, 3]))


@pytest.mark.parametrize("n", [2, 3, 5, 8, 20])
@pytest.mark.parametrize("stay", [0.5, 0.99, 1e-6])
def test_left_right_models(n, stay):
    """They underflow as a matter of course, and the answers are right."""
    rng = np.random.default_rng(n)
    transmat = np.diag(np.full(n, stay)) + np.diag(np.full(n - 1, 1 - stay), 1)
    transmat[-1, -1] = 1
    params = Params(np.eye(n)[0], transmat, stochastic(rng, n, 6))
    x = np.sort(rng.integers(0, 6, size=700)) if n % 2 else rng.integers(0, 6, size=700)
    assert_everything_right(params, x)
    assert_everything_right(params, x, final=np.arange(n) == n - 1)


@pytest.mark.parametrize("tiny", [1e-20, 1e-200, 1e-307, 1e-310, 5e-324])
def test_symbols_of_any_magnitude(tiny):
    params = Params(
        np.array([0.3, 0.7]), np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[tiny, 1 - tiny], [tiny, 1 - tiny]])
    )
    x = stretches([0, 1, 0], [40, 5, 300])
    assert_allclose(params.model().score(x), 340 * math.log(tiny), rtol=1e-13)
    assert_everything_right(params, x)


def test_alternating_extremes_within_one_model():
    probs = np.array([[1 - 1e-300, 1e-300, 0], [1e-300, 1 - 2e-300, 1e-300], [1e-250, 1e-50, 1 - 1e-50 - 1e-250]])
    for transmat in (np.eye(3), np.full((3, 3), 1 / 3), np.array([[0.5, 0.5, 0], [1e-300, 0.5, 0.5], [0, 1e-300, 1]])):
        assert_everything_right(
            Params(np.full(3, 1 / 3), transmat, probs), stretches([0, 1, 2, 1, 0, 2], [3, 4, 2, 5, 3, 2])
        )


@pytest.mark.parametrize("two_threads", [False, True])
@pytest.mark.parametrize("half", range(1, 9))
def test_what_underflows_only_where_two_ends_meet_is_noticed(half, two_threads, monkeypatch):
    """Neither alpha nor delta underflows before, and their product is below 1e-308. Where a compiler moves this product
    behind the read of the flag, the statistics are NaN."""
    probs = np.array([[1e-20, 0, 1 - 1e-20], [0.5, 0.5, 0], [0, 1e-20, 1 - 1e-20]])
    leaves = 10.0 ** -(318 - 20 * (half % 4) - 20 * half)  # alpha is scaled at every fourth step, delta is not
    m = Params(np.eye(3)[0], np.eye(3) + leaves * np.eye(3, k=2), probs).model(max_iter=1)
    if two_threads:
        monkeypatch.setattr(inference, "_long_alone", lambda problem: problem.n_sequences == 1)
    m.fit(stretches([0, 1], [half, half]))
    s = m.statistics_
    assert_allclose(m.history_[0], 2 * half * math.log(1e-20) + math.log(leaves), rtol=1e-13)
    assert_allclose(s.start, [1, 0, 0], rtol=1e-12)
    assert_allclose(s.trans, [[half - 1, 0, 1], [0, 0, 0], [0, 0, half - 1]], rtol=1e-12)
    assert_allclose(s.emission["counts"], [[half, 0, 0], [0, 0, 0], [0, half, 0]], rtol=1e-12)


# ------------------------------------------------------------------------------------------------------------- fuzz


def nearly_separate(rng, n):
    """States that never or barely communicate: the identity, left-right, tiny leaks of any size; or a few ways only."""
    if rng.random() < 0.25:
        return stochastic(rng, n, n, zeros=0.6)
    leak = 10.0 ** -rng.uniform(1, 300, size=(n, n)) * (rng.random((n, n)) < rng.choice([0, 0.1, 1]))
    leak = np.triu(leak, 1) if rng.random() < 0.3 else leak - np.diag(np.diag(leak))
    return leak + np.diag(1 - leak.sum(axis=1))


def contrasting(rng, n, m):
    """Likelihoods of m symbols spread over many orders of magnitude; one more symbol takes the rest of each row."""
    probs = 10.0 ** -rng.uniform(0.7, rng.choice([1, 4, 12, 40]), size=(n, m)) * (rng.random((n, m)) > 0.02)
    probs = np.column_stack([probs, np.full(n, 0.2)])
    return probs / probs.sum(axis=1, keepdims=True)


def adversary(rng, n, steps):
    startprob = 10.0 ** -rng.uniform(0, rng.choice([1, 100]), size=n) * (rng.random(n) > 0.1)
    startprob[0] += startprob.sum() == 0
    m = 4
    cuts = np.sort(rng.integers(0, steps, size=rng.integers(1, 6)))
    lengths = np.diff(cuts, prepend=0, append=steps)
    x = stretches(rng.integers(0, m, size=len(lengths)), lengths)
    return Params(startprob / startprob.sum(), nearly_separate(rng, n), contrasting(rng, n, m)), x


def as_twins(rng, models, truth, final, n):
    """The same processes in n states: each state as several twins, which share its probability."""
    k = len(models[0].startprob)
    whose = np.sort(np.append(np.arange(k), rng.integers(0, k, size=n - k)))
    share = np.concatenate([stochastic(rng, np.sum(whose == i)) for i in range(k)])
    models = [Params(a[whose] * share, b[np.ix_(whose, whose)] * share, c[whose]) for a, b, c in models]
    truth = type(truth)(
        loglik=truth.loglik,
        log_scale=truth.log_scale,
        log_filter=truth.log_filter[..., whose] + np.log(share),
        log_gamma=truth.log_gamma[..., whose] + np.log(share),
        gamma=truth.gamma[..., whose] * share,
        xi=truth.xi[..., whose, :][..., whose] * np.outer(share, share),
    )
    return models, truth, None if final is None else final[whose]


FUZZED = [(2, 2), (3, 2), (3, 3), (4, 2), (4, 4), (5, 5), (6, 3), (8, 2), (9, 3), (13, 2), (16, 3), (17, 2), (20, 3),
          (33, 2)]  # fmt: skip


@pytest.mark.parametrize("n, kinds", FUZZED)
@pytest.mark.parametrize("with_final", [False, True])
@pytest.mark.parametrize("way", ["whole", "in stretches", "from both ends"])
def test_fuzz(n, kinds, with_final, way, monkeypatch, fuzz):
    """Stretches of good and bad fit, states that hardly communicate, against log space."""
    rng, steps = np.random.default_rng([n, kinds, with_final, len(way), fuzz.seed]), 160
    final = np.arange(kinds) == kinds - 1 if with_final else None
    n_models = fuzz.rounds(min(20 if AGAIN else 60, max(12, 2000 // n**2)))
    models, sequences = zip(*(adversary(rng, kinds, steps) for _ in range(n_models)))
    startprob, transmat, _ = map(np.stack, zip(*models))
    truth = oracle.log_space(startprob, transmat, np.stack([p.rows(x) for p, x in zip(models, sequences)]), final)
    models, truth, final = as_twins(rng, models, truth, final, n)

    possible = np.isfinite(truth.loglik)
    assert possible.mean() > 0.5
    options = {} if final is None else {"final_states": np.flatnonzero(final).tolist()}
    for k in np.flatnonzero(~possible):
        assert models[k].model(**options).score(sequences[k]) == -np.inf
    truth = type(truth)(**{name: a[possible].astype(float) for name, a in vars(truth).items()})
    models, sequences = ([a[k] for k in np.flatnonzero(possible)] for a in (models, sequences))
    if way == "in stretches":
        monkeypatch.setattr(inference, "BUDGET", 1)  # alpha of an E-step is not kept, log space goes by windows
    if way == "from both ends":
        monkeypatch.setattr(inference, "_long_alone", lambda problem: problem.n_sequences == 1)
    else:
        assert_answers_right(models, sequences, truth, final)
    assert_em_steps_right(models, sequences, truth, final)


@pytest.mark.parametrize("twins", [1, 2, 4, 8, 35])
def test_several_sequences_of_which_some_need_the_exact_path(twins):
    """One at a time, two at a time from both ends, two at a time side by side; each state as some twins."""
    rng = np.random.default_rng(2)
    X = [stretches([0, 1], rng.integers(1, 400, size=2)) for _ in range(21)]
    truths = [true(SEPARATE, x) for x in X]
    whose = np.repeat([0, 1], twins)
    of_twins = np.eye(2)[whose]
    params = Params(*(a / twins for a in (SEPARATE.startprob[whose], SEPARATE.transmat[np.ix_(whose, whose)])),
                    SEPARATE.probs[whose])
    m = params.model(max_iter=1)
    assert_allclose(m.score(X), float(sum(truth.loglik for truth in truths)), rtol=1e-13)
    assert_allclose([m.score(x) for x in X], [float(truth.loglik) for truth in truths], rtol=1e-13)
    for gamma, truth in zip(m.predict_proba(X), truths):
        assert_allclose(gamma @ of_twins, truth.gamma.astype(float), rtol=1e-8, atol=1e-10)
    weight = rng.random(len(X))
    s = m.fit(X, sample_weight=weight).statistics_
    counts = oracle.expected_counts(
        [w * truth.gamma for w, truth in zip(weight, truths)], [w * truth.xi for w, truth in zip(weight, truths)], X, 3
    )
    folded = of_twins.T @ s.start, of_twins.T @ s.trans @ of_twins, of_twins.T @ s.emission["counts"]
    for got, want in zip(folded, counts):
        assert_allclose(got, want.astype(float), rtol=1e-9, atol=1e-9)


def test_log_space_keeps_to_the_budget(monkeypatch):
    x = stretches([0, 1], [100_000, 70_000])
    fitted, score, peaks = [], [], []
    for budget in (inference.BUDGET, 2**19):
        monkeypatch.setattr(inference, "BUDGET", budget)
        tracemalloc.start()
        score.append(SEPARATE.model().score(x))
        fitted.append(SEPARATE.model(max_iter=1).fit(x).statistics_)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert_allclose(score[1], score[0], rtol=1e-14)
    assert_allclose(fitted[1].trans, fitted[0].trans, rtol=1e-9, atol=1e-12)
    table = 2 * 8 * len(x)  # a number for each state and step
    assert peaks[0] - peaks[1] > 3 * table


def test_em_never_falls_where_states_are_revived():
    rng = np.random.default_rng(3)
    X = [stretches([0, 1, 0, 2], rng.integers(50, 300, size=4)) for _ in range(5)]
    m = SEPARATE._replace(transmat=np.array([[1 - 1e-9, 1e-9], [1e-12, 1 - 1e-12]])).model(max_iter=30).fit(X)
    assert np.diff(m.history_).min() > -1e-9


# ------------------------------------------------------------------------------------------------------ a million steps


def log_power(startprob, matrix, n):
    """log(startprob @ matrix^n @ 1) by repeated squaring; powers of two are kept aside."""

    def scaled(vector_or_matrix, exponent):
        e = math.frexp(vector_or_matrix.max())[1]
        return vector_or_matrix / np.longdouble(2) ** e, exponent + e

    power, vector = scaled(matrix, 0), (startprob, 0)
    while n:
        if n & 1:
            vector = scaled(vector[0] @ power[0], vector[1] + power[1])
        power = scaled(power[0] @ power[0], 2 * power[1])
        n >>= 1
    return float(np.log(vector[0].sum()) + vector[1] * np.log(np.longdouble(2)))


@pytest.mark.parametrize("n", [2, 3, 4, 6, 8, 11])
def test_a_million_steps_of_a_periodic_sequence(n):
    rng = np.random.default_rng(n)
    params, period, times = random_params(rng, n, 5), rng.integers(0, 5, size=50), 20_000
    one_period = np.eye(n, dtype=np.longdouble)
    for symbol in period:
        one_period = one_period @ (params.probs[:, symbol, None] * params.transmat)  # the last transition sums to 1
    exact = log_power(params.startprob, one_period, times)
    x = np.tile(period, times)
    scale = np.abs(params.model().forward(x).log_scale).sum()
    assert abs(params.model().score(x) - exact) <= 1e-12 * scale


@pytest.mark.parametrize("spread", [1, 1e5, 1e200])
def test_a_million_independent_steps(spread):
    """Where all rows of A equal pi, P(O) is a product, and its logarithm a sum that math.fsum rounds once."""
    rng = np.random.default_rng(7)
    startprob, probs = stochastic(rng, 3), stochastic(rng, 3, 6)
    probs[:, :3] /= spread
    probs /= probs.sum(axis=1, keepdims=True)
    x = rng.integers(0, 6, size=1_000_000)
    terms = np.log(startprob.astype(np.longdouble) @ probs)
    exact = float((np.bincount(x) * terms).sum())
    m = Params(startprob, np.tile(startprob, (3, 1)), probs).model()
    assert abs(m.score(x) - exact) <= 1e-12 * float((np.bincount(x) * np.abs(terms)).sum())
    forward = m.forward(x)
    assert_allclose(math.fsum(forward.log_scale), exact, rtol=1e-12)
    assert_allclose(m.backward(x).loglik, exact, rtol=1e-12)


def test_the_best_of_a_million_steps_keeps_its_digits():
    params = Params(
        np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    )
    x = np.random.default_rng(8).integers(0, 3, size=1_000_000)
    path, log_prob = params.model().decode(x)
    moves, shown = np.zeros((2, 2)), np.zeros((2, 3))
    np.add.at(moves, (path[:-1], path[1:]), 1)
    np.add.at(shown, (path, x), 1)
    terms = [math.log(0.5), *(moves * np.log(params.transmat)).ravel(), *(shown * np.log(params.probs)).ravel()]
    assert_allclose(log_prob, math.fsum(terms), rtol=1e-12)
    assert_allclose(params.model().score(x, path), math.fsum(terms), rtol=1e-12)
    assert_array_equal(path[:2000], oracle.viterbi(*params[:2], params.rows(x[:2100]))[:2000])
