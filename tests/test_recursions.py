"""Every public quantity against all paths enumerated, on random small models; laws of the recursions on larger ones."""

from functools import cache

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import Params, as_given, hair, learnt, random_params, stochastic

from chmm import Categorical, Model

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
close = {"rtol": 1e-10, "atol": 1e-13}


class Case:
    """A random small model with a few sequences; by turns with zeros in pi, A, B, missing values and final states."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        n, m = rng.integers(1, 6), rng.integers(1, 7)
        self.params = random_params(rng, n, m, zeros=[0, 0, 0.2, 0.4][seed % 4])
        lengths = rng.integers(1, 8, size=rng.integers(1, 4))
        lengths[0] = max(lengths[0], 2)
        missing = [0, 0.3, 0][seed % 3]
        self.sequences = [np.where(rng.random(t) < missing, -1, rng.integers(0, m, size=t)) for t in lengths]
        self.final = np.isin(np.arange(n), rng.integers(0, n, size=2)) if seed % 5 in (0, 1) else None
        self.truths = [self.truth(x) for x in self.sequences]
        self.possible = all(truth.prob > 0 for truth in self.truths)

    def truth(self, x):
        return oracle.enumerate_paths(self.params.startprob, self.params.transmat, self.params.rows(x), self.final)

    def model(self, **options):
        final_states = None if self.final is None else np.flatnonzero(self.final).tolist()
        return self.params.model(final_states=final_states, **options)

    @property
    def X(self):
        return [as_given(x) for x in self.sequences]

    def one_by_one(self):
        """(a sequence, its truth) wherever P(O) > 0."""
        return [(x, truth) for x, truth in zip(self.X, self.truths) if truth.prob > 0]


case = cache(Case)
SEEDS = range(240)
every_case = pytest.mark.parametrize("seed", SEEDS)
every_possible_case = pytest.mark.parametrize("seed", [s for s in SEEDS if case(s).possible])


def test_the_cases_are_worth_their_name():
    possible = [case(seed).possible for seed in SEEDS]
    assert 0.5 < np.mean(possible) < 0.95
    assert any(case(s).possible and case(s).final is not None and (case(s).sequences[0] < 0).any() for s in SEEDS)


@every_case
def test_score(seed):
    c = case(seed)
    with np.errstate(divide="ignore"):
        truth = [np.log(truth.prob) for truth in c.truths]
    assert_allclose(c.model().score(c.X), sum(truth), **close)
    for x, loglik in zip(c.X, truth):
        assert_allclose(c.model().score(x), loglik, **close)


@every_case
def test_forward_in_the_texts_form(seed):
    for x, truth in case(seed).one_by_one():
        alpha, log_scale, loglik = case(seed).model().forward(x, scaled=False)
        assert_allclose(alpha, truth.alpha, **close)
        assert_allclose(np.exp(np.cumsum(log_scale)), truth.alpha.sum(axis=1), **close)
        assert_allclose(loglik, np.log(truth.prob), **close)


@every_case
def test_forward_scaled_is_the_filter(seed):
    for x, truth in case(seed).one_by_one():
        alpha, log_scale, loglik = case(seed).model().forward(x)
        prefix = truth.alpha.sum(axis=1)
        assert_allclose(alpha, truth.alpha / prefix[:, None], **close)
        assert_allclose(np.exp(log_scale), prefix / np.append(1, prefix[:-1]), **close)
        assert_allclose(loglik, np.log(truth.prob), **close)


@every_case
def test_backward_in_the_texts_form(seed):
    for x, truth in case(seed).one_by_one():
        beta, log_scale, loglik = case(seed).model().backward(x, scaled=False)
        assert_allclose(beta, truth.beta, **close)
        assert_allclose(log_scale, case(seed).model().forward(x).log_scale, **close)
        assert_allclose(loglik, np.log(truth.prob), **close)


@every_case
def test_backward_scaled_complements_the_filter(seed):
    for x, truth in case(seed).one_by_one():
        beta, log_scale, loglik = case(seed).model().backward(x)
        assert_allclose(beta, truth.beta * truth.alpha.sum(axis=1, keepdims=True) / truth.prob, **close)
        assert_allclose(log_scale.sum(), np.log(truth.prob), **close)
        assert_allclose(loglik, np.log(truth.prob), **close)


@every_case
def test_posteriors(seed):
    for x, truth in case(seed).one_by_one():
        gamma, xi, loglik = case(seed).model().posteriors(x, pairs=True)
        assert_allclose(gamma, truth.gamma, **close)
        assert_allclose(xi, truth.xi, **close)
        assert_allclose(loglik, np.log(truth.prob), **close)
        assert case(seed).model().posteriors(x).xi is None


@every_case
def test_decode(seed):
    c = case(seed)
    for (x, truth), codes in zip(c.one_by_one(), (x for x, t in zip(c.sequences, c.truths) if t.prob > 0)):
        path, log_prob = c.model().decode(x)
        rows = oracle.end_in(c.final, c.params.rows(codes))
        assert_allclose(log_prob, np.log(truth.path_prob), **close)
        assert_allclose(oracle.path_log_prob(c.params.startprob, c.params.transmat, rows, path), log_prob, **close)


@every_possible_case
def test_predict_is_decode_and_predict_proba_is_gamma(seed):
    c, m = case(seed), case(seed).model()
    for path, gamma, x in zip(m.predict(c.X), m.predict_proba(c.X), c.X):
        assert_array_equal(path, m.decode(x).path)
        assert_allclose(gamma, m.posteriors(x).gamma, **close)


@every_possible_case
def test_score_with_a_path_is_the_joint_probability(seed):
    c, rng = case(seed), np.random.default_rng(seed)
    paths = [rng.integers(0, len(c.params.startprob), size=len(x)) for x in c.sequences]
    truth = [
        oracle.path_log_prob(c.params.startprob, c.params.transmat, oracle.end_in(c.final, c.params.rows(x)), path)
        for x, path in zip(c.sequences, paths)
    ]
    assert_allclose(c.model().score(c.X, paths), sum(truth), **close)
    decoded = c.model().predict(c.X)
    assert_allclose(c.model().score(c.X, decoded), sum(np.log(truth.path_prob) for truth in c.truths), **close)


@every_possible_case
def test_one_em_step(seed):
    c = case(seed)
    counts = oracle.expected_counts(
        [truth.gamma for truth in c.truths], [truth.xi for truth in c.truths], c.sequences, c.params.probs.shape[1]
    )
    m = c.model(max_iter=1).fit(c.X)
    assert m.n_iter_ == 1
    for new, count, old in zip(learnt(m), counts, c.params):
        assert_allclose(new, oracle.normalized(count, old), **close)
    assert_allclose(m.history_[0], sum(np.log(truth.prob) for truth in c.truths), **close)


@every_possible_case
def test_statistics_of_an_em_step(seed):
    c = case(seed)
    start, trans, emission = oracle.expected_counts(
        [truth.gamma for truth in c.truths], [truth.xi for truth in c.truths], c.sequences, c.params.probs.shape[1]
    )
    s = c.model(max_iter=1).fit(c.X).statistics_
    assert_allclose(s.start, start, **close)
    assert_allclose(s.trans, trans, **close)
    assert_allclose(s.emission["counts"], emission, **close)
    assert_allclose(s.loglik, sum(np.log(truth.prob) for truth in c.truths), **close)
    assert (s.n_sequences, s.n_steps) == (len(c.X), sum(map(len, c.X)))


@pytest.mark.parametrize("seed", [s for s in SEEDS if not case(s).possible])
def test_impossible_data_score_minus_infinity_and_every_other_question_is_refused(seed):
    c, m = case(seed), case(seed).model()
    assert m.score(c.X) == -np.inf
    x = next(x for x, truth in zip(c.X, c.truths) if truth.prob == 0)
    for ask in (m.decode, m.forward, m.backward, m.posteriors):
        with pytest.raises(ValueError, match="pseudocount"):
            ask(x)
    for ask in (m.predict, m.predict_proba, m.fit):
        with pytest.raises(ValueError, match="pseudocount"):
            ask(c.X)


# ------------------------------------------------------------------------------------------------------------ ties


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 31, 40, 64, 255, 256, 257, 300])
def test_equal_paths_give_the_lowest_states(n):
    m = Params(np.full(n, 1 / n), np.full((n, n), 1 / n), np.full((n, 2), 0.5)).model()
    assert_array_equal(m.decode(np.arange(50) % 2).path, np.zeros(50))


@pytest.mark.parametrize("n", [2, 3, 5, 8, 20])
def test_of_twin_states_only_the_lower_one_is_visited(n):
    rng = np.random.default_rng(n)
    p = random_params(rng, n, 4)
    twins = Params(
        np.repeat(p.startprob, 2) / 2, np.repeat(np.repeat(p.transmat, 2, 0), 2, 1) / 2, np.repeat(p.probs, 2, 0)
    )
    x = rng.integers(0, 4, size=300)
    path = twins.model().decode(x).path
    assert_array_equal(path % 2, 0)
    assert_allclose(p.model().score(x, path // 2), p.model().decode(x).log_prob, rtol=1e-13)


# ----------------------------------------------------------------------------------------------------- larger models

LARGE = [(1, 2, 50), (2, 3, 3000), (3, 20, 1000), (4, 5, 777), (5, 2, 999), (7, 30, 64), (8, 4, 1500), (9, 9, 500),
         (13, 3, 301), (16, 50, 800), (17, 6, 400), (24, 11, 200), (31, 8, 150),
         (33, 40, 1000), (40, 25, 3000), (64, 7, 90), (130, 6, 60), (300, 5, 40)]  # fmt: skip


@pytest.fixture(scope="module", params=LARGE, ids=lambda p: "N{}-M{}-T{}".format(*p))
def large(request):
    n, m, t = request.param
    rng = np.random.default_rng([n, m, t])
    params = random_params(rng, n, m, zeros=0.3 if n % 2 else 0)
    X, _ = params.model().sample(t, random_state=n)
    return params, np.asarray(X)


def test_the_filter_gamma_and_loglik_agree_with_log_space(large):
    params, x = large
    x = x[:400]
    truth = oracle.log_space(params.startprob, params.transmat, params.rows(x))
    alpha, log_scale, loglik = params.model().forward(x)
    gamma, xi, _ = params.model().posteriors(x, pairs=True)
    assert_allclose(loglik, float(truth.loglik), rtol=1e-12, atol=hair(len(x)))
    assert_allclose(log_scale, truth.log_scale.astype(float), rtol=1e-9, atol=1e-11)
    assert_allclose(alpha, np.exp(truth.log_filter).astype(float), rtol=1e-9, atol=1e-12)
    assert_allclose(gamma, truth.gamma.astype(float), rtol=1e-9, atol=1e-12)
    assert_allclose(xi, truth.xi.astype(float), rtol=1e-9, atol=1e-12)


def test_gamma_sums_to_one_and_margins_of_xi_are_gamma(large):
    params, x = large
    gamma, xi, _ = params.model().posteriors(x, pairs=True)
    assert gamma.shape == (len(x), len(params.startprob)) and xi.shape == (len(x) - 1, *params.transmat.shape)
    assert_allclose(gamma.sum(axis=1), 1, rtol=1e-11)
    assert_allclose(xi.sum(axis=2), gamma[:-1], rtol=1e-9, atol=1e-13)
    assert_allclose(xi.sum(axis=1), gamma[1:], rtol=1e-9, atol=1e-13)


def test_scaled_alpha_times_beta_is_gamma_and_both_passes_give_the_same_loglik(large):
    params, x = large
    m = params.model()
    forward, backward = m.forward(x), m.backward(x)
    assert_allclose(forward.alpha.sum(axis=1), 1, rtol=1e-12)
    assert_allclose(forward.alpha * backward.beta, m.posteriors(x).gamma, rtol=1e-10, atol=1e-14)
    assert_allclose(backward.loglik, forward.loglik, rtol=1e-13)
    assert_allclose(m.score(x), forward.loglik, rtol=1e-13)
    assert_allclose(forward.log_scale.sum(), forward.loglik, rtol=1e-12, atol=hair(len(x)))
    assert_allclose(backward.log_scale, forward.log_scale, rtol=1e-9, atol=1e-12)


def test_unscaled_alpha_times_beta_sums_to_the_probability_at_every_step(large):
    params, x = large
    m, x = params.model(), x[:60]
    product = (m.forward(x, scaled=False).alpha * m.backward(x, scaled=False).beta).sum(axis=1)
    assert_allclose(product, np.exp(m.score(x)), rtol=1e-11)


def test_unscaled_refuses_to_underflow(large):
    params, x = large
    m = params.model()
    if m.score(x) == 0:
        return  # one model is certain of its only symbol: nothing can underflow
    x = np.tile(x, 2 + int(1000 / -m.score(x)))  # e^-745 is the least double
    assert m.score(x) < -1000
    for verb in (m.forward, m.backward):
        with pytest.raises(ValueError, match="scaled"):
            verb(x, scaled=False)


def test_the_decoded_path_is_the_best(large):
    params, x = large
    path, log_prob = params.model().decode(x)
    best = oracle.viterbi(params.startprob, params.transmat, params.rows(x))
    joint = [oracle.path_log_prob(params.startprob, params.transmat, params.rows(x), q) for q in (path, best)]
    assert_allclose(joint[0], joint[1], rtol=1e-12)
    assert_allclose(log_prob, joint[1], rtol=1e-12)
    assert_allclose(params.model().score(x, path), log_prob, rtol=1e-12)
    assert log_prob <= params.model().score(x) + 1e-9


def test_renaming_the_states_changes_nothing_else(large):
    params, x = large
    order = np.random.default_rng(1).permutation(len(params.startprob))
    m, p = params.model(), params.permuted(order).model()
    assert_allclose(p.score(x), m.score(x), rtol=1e-12)
    assert_allclose(p.posteriors(x).gamma, m.posteriors(x).gamma[:, order], rtol=1e-9, atol=1e-13)
    assert_allclose(p.decode(x).log_prob, m.decode(x).log_prob, rtol=1e-12)
    fitted, permuted = (learnt(p.model(max_iter=1).fit(x)) for p in (params, params.permuted(order)))
    for new, same in zip(permuted, fitted.permuted(order)):
        assert_allclose(new, same, rtol=1e-9, atol=1e-12)


def test_an_em_step_counts_the_posteriors(large):
    params, x = large
    gamma, xi, loglik = params.model().posteriors(x, pairs=True)
    counts = oracle.expected_counts([gamma], [xi], [x], params.probs.shape[1])
    m = params.model(max_iter=1).fit(x)
    for got, want in zip((m.statistics_.start, m.statistics_.trans, m.statistics_.emission["counts"]), counts):
        assert_allclose(got, want, rtol=1e-9, atol=1e-11)
    assert_allclose(m.history_[0], loglik, rtol=1e-12)


# ------------------------------------------------------------------------------------------------- several sequences


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(5)
    params = random_params(rng, 4, 6)
    return params, [rng.integers(0, 6, size=t) for t in rng.integers(2, 60, size=70)]


def test_score_adds_over_sequences(many):
    params, X = many
    m = params.model()
    assert_allclose(m.score(X), sum(m.score(x) for x in X), rtol=1e-13)
    assert_allclose(m.score(X), m.score(X[:30]) + m.score(X[30:]), rtol=1e-13)


def test_the_order_of_sequences_does_not_matter(many):
    params, X = many
    assert_allclose(params.model().score(X[::-1]), params.model().score(X), rtol=1e-13)
    for forth, back in zip(learnt(params.model(max_iter=3).fit(X)), learnt(params.model(max_iter=3).fit(X[::-1]))):
        assert_allclose(forth, back, rtol=1e-11)


def test_statistics_of_shards_add_to_the_statistics_of_the_whole(many):
    params, X = many
    whole, left, right = (params.model(max_iter=1).fit(part).statistics_ for part in (X, X[:20], X[20:]))
    total = left + right
    for got, want in zip((total.start, total.trans, total.loglik), (whole.start, whole.trans, whole.loglik)):
        assert_allclose(got, want, rtol=1e-11)
    assert_allclose(total.emission["counts"], whole.emission["counts"], rtol=1e-11)
    assert (total.n_sequences, total.n_steps) == (whole.n_sequences, whole.n_steps)


def test_concatenating_sequences_of_an_independent_process_changes_nothing(many):
    params, X = many
    iid = params._replace(transmat=np.tile(params.startprob, (4, 1))).model()
    assert_allclose(iid.score(np.concatenate(X)), iid.score(X), rtol=1e-12)


def test_a_sequence_knows_nothing_of_its_neighbours(many):
    params, X = many
    m = params.model()
    for path, gamma, x in zip(m.predict(X), m.predict_proba(X), X):
        assert_array_equal(path, m.predict(x))
        assert_allclose(gamma, m.predict_proba(x), rtol=1e-12, atol=1e-15)


def test_a_missing_tail_adds_nothing_and_gives_the_forecast(many):
    params, X = many
    m, x = params.model(), as_given(X[0])
    longer = [*x.tolist(), None, None]
    assert_allclose(m.score([longer, longer]), 2 * m.score(x), rtol=1e-13)
    ahead = m.forward(x).alpha[-1] @ np.linalg.matrix_power(params.transmat, 2)
    assert_allclose(m.posteriors(longer).gamma[-1], ahead, rtol=1e-11)


def test_final_states_condition_on_the_last_state(many):
    params, X = many
    x, last = X[0], params.model().posteriors(X[0]).gamma[-1]
    ending = [params.model(final_states=[k]) for k in range(4)]
    assert_allclose([np.exp(m.score(x) - params.model().score(x)) for m in ending], last, rtol=1e-10)
    for k, m in enumerate(ending):
        assert m.decode(x).path[-1] == k
        assert_allclose(m.posteriors(x).gamma[-1], np.eye(4)[k], atol=1e-14)
    mixture = sum(p * m.posteriors(x).gamma for p, m in zip(last, ending))
    assert_allclose(mixture, params.model().posteriors(x).gamma, rtol=1e-10)


def test_an_empty_sequence_has_an_empty_answer():
    rng = np.random.default_rng(0)
    m, empty = random_params(rng, 3, 4).model(), np.array([], dtype=int)
    assert m.score(empty) == 0
    path, log_prob = m.decode(empty)
    assert (len(path), log_prob) == (0, 0)
    for verb in (m.forward, m.backward):
        table, log_scale, loglik = verb(empty)
        assert (table.shape, log_scale.shape, loglik) == ((0, 3), (0,), 0)
    gamma, xi, loglik = m.posteriors(empty, pairs=True)
    assert (gamma.shape, xi.shape, loglik) == ((0, 3), (0, 3, 3), 0)


def test_empty_sequences_among_others_keep_their_place():
    rng = np.random.default_rng(0)
    m, x = random_params(rng, 3, 4).model(), rng.integers(0, 4, size=9)
    assert m.score([x, [], x]) == m.score([x, x])
    assert [len(path) for path in m.predict([x, [], x])] == [9, 0, 9]
    assert [gamma.shape for gamma in m.predict_proba([[], x])] == [(0, 3), (9, 3)]
    assert len(m.predict(x, lengths=[0, 9, 0])) == 9


def test_one_step_has_no_pairs():
    params = Params(stochastic(np.random.default_rng(0), 3), np.eye(3), np.eye(3))
    gamma, xi, loglik = params.model().posteriors([1], pairs=True)
    assert_allclose(gamma, [[0, 1, 0]])
    assert xi.shape == (0, 3, 3)
    assert_allclose(loglik, np.log(params.startprob[1]))


def test_one_model_serves_known_parameters_before_any_fit():
    m = Model(startprob=[1, 0], transmat=[[0, 1], [1, 0]], emission=Categorical([[1, 0], [0, 1]]))
    assert_array_equal(m.decode([0, 1, 0]).path, [0, 1, 0])
    assert abs(m.score([0, 1, 0])) <= hair(3)
