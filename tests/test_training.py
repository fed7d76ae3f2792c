"""Learning: counting, Baum-Welch, pseudocounts, what stays as it was, and what fit promises about itself."""

import copy
import warnings

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import Params, interrupt_after, learnt, random_params, same_bits, stochastic

from chmm import Categorical, ConvergenceWarning, Model, NotFittedError, Poisson, Statistics

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def data(seed=0, n_symbols=5, n_sequences=12, longest=40):
    """Sequences from a random model of three states, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    params = random_params(rng, 3, n_symbols)
    X = [
        params.model().sample(t, random_state=int(t) + k).X for k, t in enumerate(rng.integers(2, longest, n_sequences))
    ]
    return [np.asarray(x) for x in X]


def labelled(seed=0, n_states=4, n_symbols=6):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 30, size=15)
    X, y = ([rng.integers(0, k, size=t) for t in lengths] for k in (n_symbols, n_states))
    X[1], y[1] = np.arange(n_symbols), np.arange(n_symbols) % n_states  # every symbol and every state occurs
    return X, y


def assert_same_model(a, b):
    assert all(map(same_bits, learnt(a), learnt(b)))
    assert same_bits(a.history_, b.history_)


# ------------------------------------------------------------------------------------------------- counting with labels

SENTENCES = ["今天天气真不错", "浦东新区在下雨", "我是真的喜欢晴天"]
TAGS = ["BEBESBE", "BMMESBE", "SSBEBEBE"]


def counted(X, y, n_states, n_symbols):
    start, trans, emission = np.zeros(n_states), np.zeros((n_states, n_states)), np.zeros((n_states, n_symbols))
    for x, q in zip(X, y):
        start[q[0]] += 1
        for i, j in zip(q, q[1:]):
            trans[i, j] += 1
        for i, k in zip(q, x):
            emission[i, k] += 1
    return start, trans, emission


def test_counts_of_three_sentences():
    s = Model(states="BMES").fit(SENTENCES, TAGS).statistics_
    assert isinstance(s, Statistics)
    assert_array_equal(s.start, [2, 0, 0, 1])
    assert_array_equal(s.trans, [[0, 1, 7, 0], [0, 1, 1, 0], [3, 0, 0, 2], [3, 0, 0, 1]])
    assert_array_equal(s.trans.sum(axis=1), [8, 2, 5, 4])  # a last step is no transition
    assert_array_equal(s.emission["counts"].sum(axis=1), [8, 2, 8, 4])
    assert (s.n_sequences, s.n_steps) == (3, 22)


@pytest.mark.parametrize("seed", range(10))
def test_counting(seed):
    X, y = labelled(seed)
    m = Model().fit(X, y)
    for got, want in zip(
        (m.statistics_.start, m.statistics_.trans, m.statistics_.emission["counts"]), counted(X, y, 4, 6)
    ):
        assert_array_equal(got, want)
    for got, counts in zip(learnt(m), counted(X, y, 4, 6)):
        assert_allclose(got, oracle.normalized(counts, got), rtol=1e-14)
        assert_allclose(got.sum(axis=-1), 1, rtol=1e-12)


def test_no_transition_crosses_sequences():
    m = Model().fit(["aab", "bba"], ["001", "110"])
    assert_array_equal(m.statistics_.trans, [[1, 1], [1, 1]])
    one = Model().fit("aabbba", "001110")
    assert_array_equal(one.statistics_.trans, [[1, 1], [1, 2]])


@pytest.mark.parametrize("seed", range(20))
def test_counting_is_the_maximum_of_the_joint_likelihood(seed):
    X, y = labelled(seed)
    best = Model().fit(X, y)
    rng = np.random.default_rng(seed)
    for size in (1e-3, 0.1, 1):
        other = Params(*(p * (1 - size) + size * stochastic(rng, *p.shape) for p in learnt(best)))
        assert other.model().score(X, y) < best.score(X, y)


def test_the_first_label_that_cannot_be_is_named():
    m = Model(startprob=[0.5, 0.5], transmat=[[0.5, 0.5]] * 2, emission=Categorical([[1, 0], [0.5, 0.5]]))
    with pytest.raises(ValueError, match="sequence 1, step 1: symbol 1 has probability 0"):
        m.fit([[0] * 4, [0, 1, 0, 1, 0]], [[None] * 4, [None, 0, None, 0, None]])


def test_labelled_steps_with_a_missing_value_count_for_the_states_only():
    m = Model(emission=Categorical(symbols=[0, 1])).fit([[0, None, 1], [1, 1, 0]], [[0, 0, 1], [1, 0, 0]])
    assert_array_equal(m.statistics_.trans, [[2, 1], [1, 0]])
    assert_array_equal(m.statistics_.emission["counts"], [[2, 1], [0, 2]])


def test_a_label_seen_only_at_the_end_still_gets_a_valid_row():
    m = Model().fit([["a", "b"], ["a", "b"]], [["x", "y"], ["x", "y"]])
    assert_allclose(m.transmat_.sum(axis=1), 1)
    assert np.isfinite(m.score([["a", "b"]]))


def test_states_given_but_never_seen_have_valid_rows():
    m = Model(states="BMES").fit(["ab", "ab"], ["BE", "BE"])
    for rows in learnt(m):
        assert_allclose(rows.sum(axis=-1), 1)
    assert_array_equal(m.decode("ab").path, ["B", "E"])


def test_supervised_pseudocounts_are_added_to_the_counts():
    X, y = labelled(3)
    counts = counted(X, y, 4, 6)
    for got, count in zip(learnt(Model(pseudocount=0.5).fit(X, y)), counts):
        assert_allclose(got, (count + 0.5) / (count + 0.5).sum(axis=-1, keepdims=True), rtol=1e-13)
    m = Model(emission=Categorical(pseudocount=2), pseudocount=0.5).fit(X, y)
    assert_allclose(m.transmat_, (counts[1] + 0.5) / (counts[1] + 0.5).sum(axis=1, keepdims=True), rtol=1e-13)
    assert_allclose(m.emission_.probs, (counts[2] + 2) / (counts[2] + 2).sum(axis=1, keepdims=True), rtol=1e-13)
    assert_array_equal(m.statistics_.trans, counts[1])  # the raw counts, without the prior


def test_a_structural_zero_takes_no_pseudocount():
    transmat = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    m = Model(startprob=[0.5, 0.5, 0], transmat=transmat, pseudocount=1).fit(["abca"], [[0, 1, 2, 1]])
    assert m.startprob_[2] == 0
    assert_array_equal(np.diag(m.transmat_), 0)
    assert_allclose(m.startprob_, [2 / 3, 1 / 3, 0])
    assert_allclose(m.transmat_, [[0, 2 / 3, 1 / 3], [1 / 3, 0, 2 / 3], [1 / 3, 2 / 3, 0]])


# ------------------------------------------------------------------------------------------------------- Baum-Welch


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("pseudocount", [0, 0.01, 0.7])
def test_the_objective_never_falls(n, pseudocount):
    for seed in range(4):
        m = Model(n, Categorical(), pseudocount=pseudocount, max_iter=60, tol=0, random_state=seed).fit(data(seed))
        assert len(m.history_) > 1
        assert np.diff(m.history_).min() > -1e-10 * abs(m.history_[0])


@pytest.mark.parametrize("seed", range(8))
def test_no_zero_comes_alive_and_the_objective_never_falls_with_zeros(seed):
    rng = np.random.default_rng(seed)
    params = random_params(rng, 4, 5, zeros=0.3)
    params.probs[0] += 0.1  # one state explains everything, and can be reached
    params.startprob[0] += 0.1
    params.transmat[:, 0] += 0.1
    params = Params(*(p / p.sum(axis=-1, keepdims=True) for p in params))
    for pseudocount in (0, 0.5):
        m = params.model(pseudocount=pseudocount, max_iter=40).fit(data(seed))
        assert np.diff(m.history_).min() > -1e-10 * abs(m.history_[0])
        for new, old in zip(learnt(m), params):
            assert (new[old == 0] == 0).all()
            assert_allclose(new.sum(axis=-1), 1, rtol=1e-12)


def test_history_is_the_objective_at_the_start_of_each_iteration():
    X, params = data(1), random_params(np.random.default_rng(1), 3, 5)
    history = params.model(max_iter=6, tol=0, accelerate=False).fit(X).history_
    for k in range(1, 6):
        shorter = params.model(max_iter=k, tol=0, accelerate=False).fit(X)
        assert_array_equal(shorter.history_[:k], history[:k])
        assert_allclose(shorter.score(X), history[k], rtol=1e-12)
    assert_allclose(history[0], params.model().score(X), rtol=1e-13)


def test_pseudocounts_in_an_em_step_and_in_the_objective():
    X, params = data(2), random_params(np.random.default_rng(2), 3, 5)
    plain = params.model(max_iter=1).fit(X)
    m = params.model(max_iter=1, pseudocount=0.3).fit(X)
    s = plain.statistics_
    for new, counts in zip(learnt(m), (s.start, s.trans, s.emission["counts"])):
        assert_allclose(new, (counts + 0.3) / (counts + 0.3).sum(axis=-1, keepdims=True), rtol=1e-12)
    assert_allclose(m.history_[0], plain.history_[0] + 0.3 * sum(np.log(p).sum() for p in params), rtol=1e-12)
    assert_allclose(m.statistics_.loglik, plain.history_[0], rtol=1e-13)


def test_a_given_zero_enters_no_objective():
    X = data(2)
    params = random_params(np.random.default_rng(2), 3, 5)
    params.transmat[1] = [0.6, 0, 0.4]
    m = params.model(max_iter=1, pseudocount=0.3).fit(X)
    free = [np.log(p[p > 0]).sum() for p in params]
    assert_allclose(m.history_[0], params.model().score(X) + 0.3 * sum(free), rtol=1e-12)


def test_an_exact_fixed_point_stays():
    """All states alike and B the frequencies of the symbols: a saddle from which EM cannot move."""
    X = data(3)
    frequency = np.bincount(np.concatenate(X), minlength=5) / sum(map(len, X))
    saddle = Params(np.full(3, 1 / 3), np.full((3, 3), 1 / 3), np.tile(frequency, (3, 1)))
    for new, old in zip(learnt(saddle.model(max_iter=1).fit(X)), saddle):
        assert_allclose(new, old, rtol=1e-12)


def test_where_em_converged_another_step_changes_little():
    X = data(4, n_sequences=30)
    m = Model(2, Categorical(), pseudocount=1, tol=0, max_iter=20_000, random_state=0).fit(X)
    again = Model(emission=m.emission_, startprob=m.startprob_, transmat=m.transmat_, pseudocount=1, max_iter=1).fit(X)
    for new, old in zip(learnt(again), learnt(m)):
        assert_allclose(new, old, atol=1e-5)


def test_going_on_from_learnt_values_is_one_longer_fit():
    X, params, plain = data(5), random_params(np.random.default_rng(5), 3, 5), {"tol": 0, "accelerate": False}
    whole, half = params.model(max_iter=8, **plain).fit(X), params.model(max_iter=3, **plain).fit(X)
    on = Model(3, half.emission_, startprob=half.startprob_, transmat=half.transmat_, max_iter=5, **plain).fit(X)
    for a, b in zip(learnt(on), learnt(whole)):
        assert_allclose(a, b, rtol=1e-10)


def test_a_dead_state_keeps_its_rows():
    params = Params(np.array([0.5, 0.5, 0]), np.array([[0.6, 0.4, 0], [0.3, 0.7, 0], [0.2, 0.3, 0.5]]),
                    np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]]))  # fmt: skip
    m = params.model(max_iter=20).fit([[0, 1, 1, 0, 1], [1, 0, 1]])
    assert_array_equal(m.transmat_[2], params.transmat[2])
    assert_array_equal(m.emission_.probs[2], params.probs[2])


def test_a_symbol_that_never_occurs_fades_but_its_column_stays():
    m = Model(2, Categorical(symbols="abc"), random_state=0).fit(["abba", "aabb"])
    assert m.emission_.probs.shape == (2, 3)
    assert_allclose(m.emission_.probs[:, 2], 0, atol=1e-12)


# ------------------------------------------------------------------------------------- convergence, starts and seeds


def test_the_cap_is_reported():
    X = data(6)
    with pytest.warns(ConvergenceWarning) as warned:
        m = Model(3, Categorical(), max_iter=4, tol=0, random_state=0).fit(X)
    assert warned[0].filename == __file__  # the line that called fit
    assert (m.n_iter_, m.converged_) == (4, False)
    assert len(m.history_) in (4, 5)


def test_plain_em_converges_when_a_step_gains_no_more_than_the_tolerance():
    X, tol = data(6), 1e-3
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        m = Model(2, Categorical(), tol=tol, max_iter=10_000, random_state=0, accelerate=False).fit(X)
    assert m.converged_ is True
    assert m.n_iter_ == len(m.history_)
    gains = np.diff(m.history_)
    assert gains[-1] <= tol
    assert (gains[:-1] > tol).all()


def test_em_has_converged_when_what_is_left_is_within_the_tolerance():
    for seed in range(5):
        X = data(seed)
        m = Model(2, Categorical(), tol=1e-3, random_state=0).fit(X)
        assert m.converged_
        on = Model(2, m.emission_, startprob=m.startprob_, transmat=m.transmat_, tol=1e-9, max_iter=10_000).fit(X)
        assert on.history_[-1] - m.history_[-1] < 1e-2


def test_the_tolerance_goes_with_the_largest_weight():
    X = data(6)
    fits = [Model(2, Categorical(), random_state=0).fit(X, sample_weight=np.full(len(X), w)) for w in (1, 1e-6, 1e6)]
    assert len({m.n_iter_ for m in fits}) == 1


def test_a_tighter_tolerance_goes_further():
    fits = [
        Model(3, Categorical(), tol=tol, max_iter=10_000, random_state=1).fit(data(7)) for tol in (1e-2, 1e-4, 1e-7)
    ]
    assert [m.n_iter_ for m in fits] == sorted({m.n_iter_ for m in fits})
    assert fits[0].history_[-1] <= fits[1].history_[-1] <= fits[2].history_[-1]


def test_refit_starts_afresh():
    m = Model(3, Categorical(), random_state=0, max_iter=20).fit(data(0))
    assert_same_model(m.fit(data(1)), Model(3, Categorical(), random_state=0, max_iter=20).fit(data(1)))
    assert_same_model(m.fit(data(0)), Model(3, Categorical(), random_state=0, max_iter=20).fit(data(0)))


def test_refit_may_change_symbols_and_states():
    m = Model(pseudocount=0.1).fit(["aba"], ["xyx"])
    m.fit([["walk", "shop", "walk"]], [["p", "q", "r"]])
    assert list(m.states_) == ["p", "q", "r"] and list(m.emission_.symbols) == ["shop", "walk"]


@pytest.mark.parametrize("options", [{}, {"n_init": 4}, {"n_jobs": 2}, {"pseudocount": 0.2}], ids=str)
def test_same_seed_same_bits(options):
    a, b = (Model(4, Categorical(), random_state=3, max_iter=25, **options).fit(data(8)) for _ in "ab")
    assert_same_model(a, b)


def test_another_seed_is_another_start():
    a, b = (Model(4, Categorical(), random_state=seed, max_iter=1).fit(data(8)) for seed in (0, 1))
    assert a.history_[0] != b.history_[0]


def test_no_seed_is_a_fresh_start():
    assert len({Model(4, Categorical(), max_iter=1).fit(data(8)).history_[0] for _ in range(4)}) > 1


def test_start_values_are_away_from_zero():
    for seed in range(20):
        first = Model(5, Categorical(), random_state=seed, max_iter=1).fit(data(9))
        assert min(p.min() for p in learnt(first)) > 1e-5


@pytest.mark.parametrize("n_jobs", [2, 3, 8])
def test_any_number_of_threads_gives_the_same_bits(n_jobs):
    X = data(10, n_sequences=300, longest=200)
    one, several = (Model(4, Categorical(), random_state=0, max_iter=5, n_jobs=jobs).fit(X) for jobs in (1, n_jobs))
    assert_same_model(one, several)
    assert one.score(X) == several.score(X)


def test_restarts_keep_the_best():
    X = data(11, n_symbols=12, n_sequences=20)

    def reached(n_init):
        return [
            Model(5, Categorical(), n_init=n_init, max_iter=40, random_state=seed).fit(X).score(X) for seed in range(5)
        ]

    assert np.mean(reached(8)) > np.mean(reached(1))


# ------------------------------------------------------------------------------------------------- weights, empties


@pytest.mark.parametrize("supervised", [True, False])
def test_an_integer_weight_is_a_repetition(supervised):
    X, y = labelled(4)
    weight = np.arange(len(X)) % 3
    weight[1] = 2  # the sequence which holds every symbol
    repeat = np.repeat(np.arange(len(X)), weight)
    params = random_params(np.random.default_rng(4), 4, 6)
    labels = (y, [y[k] for k in repeat]) if supervised else (None, None)
    weighted = params.model(max_iter=3).fit(X, labels[0], sample_weight=weight)
    repeated = params.model(max_iter=3).fit([X[k] for k in repeat], labels[1])
    for a, b in zip(learnt(weighted), learnt(repeated)):
        assert_allclose(a, b, rtol=1e-10, atol=1e-14)
    assert_allclose(weighted.statistics_.trans, repeated.statistics_.trans, rtol=1e-10)
    if not supervised:
        assert_allclose(weighted.history_, repeated.history_, rtol=1e-11)


def test_start_values_look_at_weights():
    weighted = [3, 4, 5, 3, 21, 19, 20, 22]
    far = [900, 901] * 4
    model = Model(2, "poisson", random_state=0).fit([weighted, far], sample_weight=[1, 0])
    assert sorted(model.emission_.rates.ravel().round(2)) == [3.75, 20.5]
    twice = [Model(2, Poisson(prior=0), random_state=0).fit(*args, sample_weight=w) for args, w in (
        ([[weighted, far]], [2, 1]), ([[weighted, weighted, far]], None))]  # fmt: skip
    assert_allclose(twice[0].history_[-1], twice[1].history_[-1], rtol=1e-11)


def test_only_the_ratio_of_weights_matters_without_pseudocounts():
    X, params = data(12), random_params(np.random.default_rng(12), 3, 5)
    weight = np.random.default_rng(0).random(len(X)) + 0.1
    small, big = (params.model(max_iter=1).fit(X, sample_weight=scale * weight) for scale in (1e-3, 1e6))
    for a, b in zip(learnt(small), learnt(big)):
        assert_allclose(a, b, rtol=1e-10)


def test_empty_sequences_are_ignored():
    X, params = data(13), random_params(np.random.default_rng(13), 3, 5)
    with_empties = params.model(max_iter=3).fit([[], *X[:3], [], *X[3:]])
    for a, b in zip(learnt(with_empties), learnt(params.model(max_iter=3).fit(X))):
        assert_allclose(a, b, rtol=1e-12)
    m = Model().fit([["a", "b"], [], ["b", "a"]], [["x", "y"], [], ["y", "x"]])
    assert_array_equal(m.statistics_.start, [1, 1])


def test_statistics_can_be_added_up():
    X, y = labelled(5)
    whole, left, right = (Model().fit(X[part], y[part]).statistics_ for part in (slice(None), slice(8), slice(8, None)))
    if left.emission["counts"].shape == right.emission["counts"].shape:
        total = left + right
        assert_array_equal(total.trans, whole.trans)
        assert_array_equal(total.start, whole.start)
        assert_array_equal(total.emission["counts"], whole.emission["counts"])


# ------------------------------------------------------------------------------------------------ what stays as it was


def test_fit_returns_the_model():
    m = Model(2, Categorical(), random_state=0)
    assert m.fit(data(0)) is m


def test_constructor_arguments_are_stored_and_untouched():
    params = random_params(np.random.default_rng(0), 3, 5)
    emission = Categorical(params.probs, pseudocount=0.5)
    given = {"startprob": params.startprob.copy(), "transmat": params.transmat.tolist(), "emission": emission,
             "n_init": 1, "pseudocount": 0.25, "max_iter": 3, "tol": 1e-3, "random_state": 7, "n_jobs": 1,
             "states": "xyz", "final_states": ["x", "y"]}  # fmt: skip
    before = copy.deepcopy({k: v for k, v in given.items() if k != "emission"})
    m = Model(**given).fit(data(0))
    for name, value in given.items():
        assert getattr(m, name) is value, name
    for name, value in before.items():
        assert_array_equal(given[name], value)
    assert m.emission_ is not emission
    assert_array_equal(emission.probs, params.probs)


def test_one_emission_serves_many_models():
    emission = Categorical()
    a = Model(2, emission, random_state=0, max_iter=5).fit(data(0))
    b = Model(2, emission, random_state=0, max_iter=5).fit(["abab", "bbaa"])
    assert emission.probs is None
    assert list(b.emission_.symbols) == ["a", "b"] and a.emission_.probs.shape == (2, 5)


def test_given_arrays_are_not_aliased():
    params = random_params(np.random.default_rng(0), 3, 5)
    m = params.model()
    score = m.score(data(0))
    for p in params:
        p[...] = 0
    assert m.score(data(0)) == score


def test_learnt_arrays_are_read_only():
    m = Model(2, Categorical(), random_state=0, max_iter=2).fit(data(0))
    for array in (m.startprob_, m.transmat_, m.emission_.probs):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.5


@pytest.mark.parametrize("name", ["startprob_", "transmat_", "emission_"])
def test_assigning_a_learnt_array_raises_with_the_recipe(name):
    m = Model(2, Categorical(), random_state=0, max_iter=2).fit(data(0))
    before = learnt(m)
    with pytest.raises(AttributeError, match=rf"Model\(.*{name.rstrip('_')}|{name.rstrip('_')}="):
        setattr(m, name, m.transmat_)
    assert all(map(same_bits, before, learnt(m)))


def test_asking_for_the_names_of_another_library_raises_with_the_recipe():
    m = Model(2, Categorical(), random_state=0, max_iter=2).fit(data(0))
    with pytest.raises(AttributeError, match="emission_"):
        m.means_  # noqa: B018


def test_nothing_is_learnt_before_fit():
    m = Model(2)
    for name in ("startprob_", "transmat_", "emission_", "history_", "converged_", "statistics_"):
        with pytest.raises(NotFittedError, match="fit"):
            getattr(m, name)
        assert not hasattr(m, name)


@pytest.mark.parametrize(
    "X, y, options",
    [
        ([[0.5, 1.5], [1.0, 2.0]], None, {}),
        ([], None, {}),
        ([[0, 1, 2], [1, 2]], [[0, 1, 1], [1]], {}),
        ([[0, 1, 2], [1, 2, 0]], None, {"sample_weight": [1, -1]}),
        ([[0, 1, 2], [1, 2, 99]], None, {}),
        ([["a", "b", "a"]], None, {}),
    ],
    ids=["fractional", "empty", "y too short", "weight", "unknown symbol", "words"],
)
def test_a_failed_fit_leaves_the_model_as_it_was(X, y, options):
    m = Model(3, Categorical(symbols=range(5)), random_state=0, max_iter=3).fit(data(0))
    before, state = copy.deepcopy(m), repr(m)
    with pytest.raises((ValueError, TypeError)):
        m.fit(X, y, **options)
    assert_same_model(m, before)
    assert repr(m) == state


def test_a_fit_that_meets_impossible_data_leaves_the_model_as_it_was():
    params = random_params(np.random.default_rng(0), 2, 4)
    probs = np.column_stack([params.probs, [0, 0]])
    m = params._replace(probs=probs).model(max_iter=3)
    m.fit([[0, 1, 0], [1, 1]])
    before = copy.deepcopy(m)
    with pytest.raises(ValueError, match=r"(?s)sequence.*1.*step.*2.*symbol.*4.*pseudocount"):
        m.fit([[0, 1, 0], [3, 3, 4]])
    assert_same_model(m, before)


def test_an_interrupted_fit_leaves_the_model_as_it_was():
    m = Model(20, Categorical(symbols=range(50)), random_state=0, max_iter=3, tol=0).fit(data(0))
    before = copy.deepcopy(m)
    m.max_iter = 10**8
    noise = np.random.default_rng(0).integers(0, 50, size=(20, 10_000))  # takes thousands of steps
    assert interrupt_after(0.3, lambda: m.fit(list(noise)))
    assert_same_model(m, before)
