"""The model as an object: its repr, copies, files, samples, threads and manners; and the visible chain."""

import copy
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import interrupt_after, learnt, random_params, same_bits

import chmm
from chmm import Categorical, MarkovChain, Model, NotFittedError

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def tagger():
    return Model(states="BMES", final_states="ES", pseudocount=0.1).fit(
        ["今天天气真不错", "浦东新区在下雨", "我是真的喜欢晴天"], ["BEBESBE", "BMMESBE", "SSBEBEBE"]
    )


def weather():
    return Model(2, random_state=0, max_iter=10).fit([["walk", "shop", "clean"], ["clean", "clean", "shop"]])


def numbers():
    return Model(3, Categorical(symbols=[5, 0, 1_000_000], unknown="missing"), random_state=0, max_iter=4).fit(
        [[5, 0, 5, 1_000_000, 0]] * 3
    )


def given():
    return random_params(np.random.default_rng(0), 3, 4).model(states=[3, 1, 2], pseudocount=0.5)


def bools():
    return Model(states=[True, False], pseudocount=1).fit([[True, False, False]], [[True, True, False]])


def unnormalized():
    return Model(
        startprob=[0.5, 0.5], transmat=np.eye(2), emission=Categorical([[1, 2], [3, 4]], symbols="ab", normalized=False)
    )


MODELS = {
    "text": (tagger, "真是喜欢"),
    "words": (weather, ["walk", "clean"]),
    "integers": (numbers, [0, 5, 5, None, 77]),
    "given": (given, [0, 3, 2, 2]),
    "bools": (bools, [False, True, True]),
    "not normalized": (unnormalized, "abba"),
}
every_model = pytest.mark.parametrize("make, x", MODELS.values(), ids=MODELS)


def assert_same(a, b, x):
    assert all(map(same_bits, learnt(a), learnt(b)))
    assert same_bits(a.states_, b.states_)
    assert list(a.emission_.symbols) == list(b.emission_.symbols)
    assert a.score([x]) == b.score([x])
    assert same_bits(a.decode(x).path, b.decode(x).path)
    assert repr(a) == repr(b)


# ---------------------------------------------------------------------------------------------------------------- repr


def test_repr_says_what_it_is():
    assert all(word in repr(tagger()) for word in ("Model", "B", "M", "E", "S"))
    assert all(word in repr(weather()) for word in ("Model", "walk", "shop", "clean"))


def test_repr_says_whether_and_how_it_converged():
    X = [[0, 1, 1, 0, 2, 2, 1, 0, 0, 1]] * 2
    capped = Model(2, random_state=0, max_iter=3, tol=0).fit(X)
    done = Model(2, random_state=0, max_iter=1000, tol=0.1).fit(X)
    assert "converged" in repr(done) and str(done.n_iter_) in repr(done)
    assert repr(capped) != repr(done) and "3" in repr(capped)


def test_repr_before_any_fit():
    assert "Model" in repr(Model(3)) and "3" in repr(Model(3))


def test_repr_of_a_large_model_is_short():
    rng = np.random.default_rng(0)
    assert len(repr(random_params(rng, 200, 5000).model())) < 5000


def test_reprs_of_the_small_things():
    assert "Categorical" in repr(Categorical([[0.5, 0.5]], symbols="ab"))
    assert "MarkovChain" in repr(MarkovChain().fit(["abab"]))
    assert "Segmenter" in repr(chmm.Segmenter())


def test_the_public_names():
    for name in (
        "Model",
        "MarkovChain",
        "Segmenter",
        "Categorical",
        "Emission",
        "Statistics",
        "NotFittedError",
        "ConvergenceWarning",
    ):
        assert getattr(chmm, name).__doc__, name


# ---------------------------------------------------------------------------------------------------- copies and files

TWINS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda m: pickle.loads(pickle.dumps(m))}
every_twin = pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)


@every_model
@every_twin
def test_copies_are_equal(make, x, twin):
    m = make()
    assert_same(m, twin(m), x)


@every_model
def test_files_keep_every_bit(make, x, tmp_path):
    m = make()
    m.save(tmp_path / "model.chmm")
    loaded = Model.load(str(tmp_path / "model.chmm"))
    assert_same(m, loaded, x)
    assert all(getattr(m, name) == getattr(loaded, name) for name in ("pseudocount", "tol", "max_iter", "n_init"))
    assert set(m.final_states or ()) == set(loaded.final_states or ())


def test_files_keep_how_the_model_was_learnt(tmp_path):
    m = weather()
    m.save(tmp_path / "model")
    loaded = Model.load(next(tmp_path.iterdir()))
    assert same_bits(m.history_, loaded.history_)
    assert (m.n_iter_, m.converged_) == (loaded.n_iter_, loaded.converged_)
    assert not loaded.transmat_.flags.writeable


def test_the_path_is_taken_as_it_is(tmp_path):
    weather().save(tmp_path / "no suffix")
    assert [path.name for path in tmp_path.iterdir()] == ["no suffix"]


def test_saving_over_a_file_replaces_it(tmp_path):
    weather().save(tmp_path / "m")
    tagger().save(tmp_path / "m")
    assert list(Model.load(tmp_path / "m").states_) == list("BMES")


@every_twin
def test_copies_of_an_unfitted_model(twin):
    m = twin(Model(2, Categorical(), random_state=0, max_iter=2))
    with pytest.raises(NotFittedError):
        m.score(["ab"])
    assert m.fit(["abab", "ba"]) is m


def test_a_deep_copy_goes_its_own_way():
    m = weather()
    before, twin = copy.deepcopy(m), copy.deepcopy(m)
    twin.fit(["abab", "baba"])
    assert_same(m, before, ["walk", "shop"])


# -------------------------------------------------------------------------------------------------------------- samples


def assert_plausible(counts, probs):
    """Counts within six standard deviations of what they should be."""
    expected = counts.sum(axis=-1, keepdims=True) * probs
    assert (np.abs(counts - expected) <= 6 * np.sqrt(expected * (1 - probs)) + 1e-9).all()


@pytest.mark.parametrize("n, m", [(1, 2), (2, 3), (4, 5), (12, 30)])
def test_samples_follow_the_model(n, m):
    params = random_params(np.random.default_rng(n), n, m, zeros=0.2)
    x, states = params.model().sample(100_000, random_state=1)
    moves, shown = np.zeros((n, n)), np.zeros((n, m))
    np.add.at(moves, (states[:-1], states[1:]), 1)
    np.add.at(shown, (states, x), 1)
    assert_plausible(moves, params.transmat)
    assert_plausible(shown, params.probs)


def test_many_samples_start_as_they_should():
    params = random_params(np.random.default_rng(0), 3, 4)
    X, states = params.model().sample(2, 20_000, random_state=0)
    assert len(X) == len(states) == 20_000
    assert_plausible(np.bincount([path[0] for path in states], minlength=3).astype(float), params.startprob)


def test_a_sample_is_possible_and_its_score_is_that_of_its_path():
    m = random_params(np.random.default_rng(1), 4, 5, zeros=0.5).model()
    X, states = m.sample(30, 50, random_state=0)
    assert np.isfinite(m.score(X, states))
    assert all(len(x) == len(path) == 30 for x, path in zip(X, states))


def test_forms_of_samples():
    one, several = tagger().sample(8, random_state=0), tagger().sample(8, 3, random_state=0)
    assert isinstance(one.X, str) and len(one.X) == 8 and set(one.states) <= set("BMES")
    assert len(several.X) == 3 and all(isinstance(x, str) for x in several.X)
    assert isinstance(weather().sample(8).X, np.ndarray) and weather().sample(8).states.dtype == np.intp
    assert given().sample(8).states.dtype.kind == "i" and set(given().sample(50).states) == {1, 2, 3}
    assert numbers().sample(8).X.dtype.kind == "i"
    assert len(tagger().sample(0).X) == 0 and tagger().sample(5, 0).X == []


def test_the_same_seed_draws_the_same_sample():
    m = given()
    assert all(map(same_bits, m.sample(50, random_state=3), m.sample(50, random_state=3)))
    assert not np.array_equal(m.sample(50, random_state=3).X, m.sample(50, random_state=4).X)
    assert not np.array_equal(m.sample(50).X, m.sample(50).X)


def test_no_global_random_state_is_touched():
    def state():
        return random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

    before = state()
    for seed in (0, None):
        m = Model(3, Categorical(), random_state=seed, max_iter=2).fit([[0, 1, 2, 1, 0]] * 3)
        m.sample(20, random_state=seed)
        m.posteriors([0, 1, 2])
    assert before == state()


# ---------------------------------------------------------------------------------------------- stationary distribution


@pytest.mark.parametrize("n", [1, 2, 3, 10, 60])
def test_the_stationary_distribution_stays(n):
    m = random_params(np.random.default_rng(n), n, 3).model()
    p = m.stationary_distribution()
    assert p.shape == (n,) and (p >= 0).all()
    assert_allclose(p.sum(), 1, rtol=1e-12)
    assert_allclose(p @ m.transmat_, p, atol=1e-13)


@pytest.mark.parametrize(
    "transmat, stationary",
    [
        ([[0.9, 0.1], [0.2, 0.8]], [2 / 3, 1 / 3]),
        ([[0, 1], [1, 0]], [0.5, 0.5]),  # periodic
        ([[0.5, 0.5], [0, 1]], [0, 1]),  # the last state absorbs
        ([[1 - 1e-12, 1e-12], [2e-12, 1 - 2e-12]], [2 / 3, 1 / 3]),
    ],
)
def test_stationary_distributions_by_hand(transmat, stationary):
    m = Model(startprob=[0.5, 0.5], transmat=transmat, emission=Categorical([[0.5, 0.5]] * 2))
    assert_allclose(m.stationary_distribution(), stationary, rtol=1e-3, atol=1e-14)


def test_of_several_stationary_distributions_none_is_made_up():
    m = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Categorical([[0.5, 0.5]] * 2))
    with pytest.raises(ValueError, match="stationary"):
        m.stationary_distribution()


# ---------------------------------------------------------------------------------------------------- the visible chain


def test_a_chain_counts():
    c = MarkovChain().fit(["aab", "ba", "b"])
    assert list(c.states_) == ["a", "b"]
    assert_array_equal(c.statistics_.start, [1, 2])
    assert_array_equal(c.statistics_.trans, [[1, 1], [1, 0]])
    assert_allclose(c.startprob_, [1 / 3, 2 / 3])
    assert_allclose(c.transmat_, [[0.5, 0.5], [1, 0]])


def test_a_chain_is_a_model_that_shows_its_states():
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 4, size=t) for t in rng.integers(2, 50, size=20)]
    c = MarkovChain(pseudocount=0.5).fit(X)
    shown = Model(startprob=c.startprob_, transmat=c.transmat_, emission=Categorical(np.eye(4)))
    assert_allclose(c.score(X), shown.score(X), rtol=1e-12)
    assert_allclose(c.stationary_distribution(), shown.stationary_distribution())
    labelled = Model(pseudocount=0.5).fit(X, X)
    assert_allclose(c.transmat_, labelled.transmat_)
    assert_allclose(c.startprob_, labelled.startprob_)


def test_a_chain_of_known_parameters():
    c = MarkovChain(states=["rainy", "sunny"], startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]])
    assert_allclose(c.score([["rainy", "rainy", "sunny"]]), np.log(0.6 * 0.7 * 0.3), rtol=1e-14)
    assert set(c.sample(100, random_state=0)) == {"rainy", "sunny"}


def test_a_chain_scores_what_never_happened_minus_infinity():
    assert MarkovChain().fit(["aab", "ba"]).score(["bb"]) == -np.inf


def test_samples_of_a_chain():
    c = MarkovChain().fit([np.random.default_rng(0).integers(0, 3, size=500)])
    x = c.sample(50_000, random_state=0)
    moves = np.zeros((3, 3))
    np.add.at(moves, (x[:-1], x[1:]), 1)
    assert_plausible(moves, c.transmat_)
    assert same_bits(x, c.sample(50_000, random_state=0))
    assert [len(path) for path in c.sample(7, 4, random_state=0)] == [7] * 4
    assert "".join(MarkovChain().fit(["abab"]).sample(5)) in ("ababa", "babab")


# -------------------------------------------------------------------------------------------------- threads and Ctrl-C


def test_many_threads_may_ask_one_model():
    rng = np.random.default_rng(0)
    m = random_params(rng, 6, 8).model()
    X = [rng.integers(0, 8, size=t) for t in rng.integers(2, 3000, size=48)]

    def ask(x):
        return m.score(x), *m.posteriors(x)[::2], *m.decode(x), *m.forward(x)

    alone = list(map(ask, X))
    with ThreadPoolExecutor(8) as pool:
        for together in (pool.map(ask, X) for _ in range(3)):
            assert all(same_bits(a, b) for one, other in zip(alone, together) for a, b in zip(one, other))


def test_threads_may_fit_models_of_their_own():
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 5, size=300) for _ in range(6)]
    emission = Categorical()

    def fitted(seed):
        return learnt(Model(3, emission, random_state=seed, max_iter=10).fit(X))

    alone = list(map(fitted, range(8)))
    with ThreadPoolExecutor(8) as pool:
        assert all(all(map(same_bits, a, b)) for a, b in zip(alone, pool.map(fitted, range(8))))


@pytest.mark.parametrize(
    "call",
    [
        lambda m, x: m.score([x] * 10),
        lambda m, x: m.score(np.tile(x, 10)),
        lambda m, x: m.fit([x]),
        lambda m, x: m.predict([x] * 5),
    ],
    ids=["score", "score one sequence", "fit", "predict"],
)
def test_ctrl_c_stops_a_long_call(call):
    rng = np.random.default_rng(0)
    m, x = random_params(rng, 256, 4).model(), rng.integers(0, 4, size=100_000)
    assert interrupt_after(0.2, lambda: call(m, x))


# ------------------------------------------------------------------------------------------------------- scikit-learn


def test_parameters_by_name():
    m = Model(3, Categorical(), tol=1e-3)
    assert m.get_params(deep=False).keys() >= {
        "n_states",
        "emission",
        "startprob",
        "transmat",
        "tol",
        "n_jobs",
        "final_states",
    }
    assert m.set_params(tol=1e-2, max_iter=7) is m
    assert (m.tol, m.max_iter) == (1e-2, 7)
    with pytest.raises(ValueError, match="n_iter"):
        m.set_params(n_iter=3)


def test_clone():
    base = pytest.importorskip("sklearn.base")
    params = random_params(np.random.default_rng(0), 3, 4)
    for m in (Model(3, max_iter=5, random_state=0), params.model(states="abc", final_states="a"), weather()):
        twin = base.clone(m)
        assert twin is not m and twin.get_params(deep=False).keys() == m.get_params(deep=False).keys()
    with pytest.raises(NotFittedError):
        base.clone(weather()).score([["walk", "shop"]])


def test_a_misspelt_argument_is_not_set():
    model = Model(2)
    with pytest.raises(AttributeError, match="no argument 'n_state' to set; it has n_states, emission"):
        model.n_state = 3
    model.n_states = 3
    assert model.get_params()["n_states"] == 3

    class Named(Model):
        pass

    Named(2).name = "own attributes of a subclass"
