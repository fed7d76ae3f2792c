"""The visible chain."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import assert_plausible, same_bits

from chmm import Categorical, MarkovChain, Model, NotFittedError

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


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
    assert_allclose(c.expected_durations(), shown.expected_durations())
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


def test_given_chains_need_no_fit_and_keep_what_is_given():
    given = {"startprob": [0.5, 0.5], "transmat": [[0, 1], [0.5, 0.5]]}
    c = MarkovChain(**given)
    assert c.states_.tolist() == [0, 1] and not c.transmat_.flags.writeable
    assert_allclose(c.score([[1, 0, 1]]), np.log(0.5 * 0.5))
    with pytest.raises(NotFittedError, match="statistics_"):
        c.statistics_  # noqa: B018
    fitted = MarkovChain(**given, states="ab", pseudocount=1).fit(["abab", "babb"])
    assert_allclose(fitted.transmat_, [[0, 1], [3 / 5, 2 / 5]])
    assert_allclose(fitted.startprob_, [0.5, 0.5])


def test_a_step_that_is_given_as_impossible_is_refused():
    chain = MarkovChain(transmat=[[0, 1], [0.5, 0.5]], states="ab")
    with pytest.raises(ValueError, match="X, sequence 1, step 2: 'a' -> 'a' has a given probability of 0 in transmat"):
        chain.fit(["abb", "baa"])
    with pytest.raises(ValueError, match=r"'b' has a given probability of 0 in startprob"):
        MarkovChain(startprob=[1, 0], states="ab").fit(["abb", "baa"])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: MarkovChain(states="ab").fit(["abc"]), "'c' is not among the states"),
        (lambda: MarkovChain().fit(["ab"]).score([[0, 1]]), "X holds integers, the states are text"),
        (lambda: MarkovChain().fit([["a", None]]), "unknown"),
        (lambda: MarkovChain().fit(np.array([[2, 4, 9], [2, 9, 4]])), r"list\(X\)"),
        (lambda: MarkovChain(states="abc", transmat=np.eye(2)).fit(["ab"]), "states says 3, transmat says 2"),
        (lambda: MarkovChain(transmat=np.eye(3)).fit([[1, 2, 1]]), r"states=range\(3\)"),
        (lambda: MarkovChain(pseudocount=-1).fit(["ab"]), "pseudocount = -1"),
    ],
    ids=["label", "kind", "missing", "table", "numbers", "names", "pseudocount"],
)
def test_wrong_labels_and_arguments_of_a_chain(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_a_chain_takes_one_or_many():
    c = MarkovChain().fit({"a": "abba", "b": "ab"})
    assert c.statistics_.n_sequences == 2
    by_ids = MarkovChain().fit("abbaab", ids=[0, 0, 0, 0, 1, 1])
    assert_array_equal(by_ids.statistics_.trans, c.statistics_.trans)


def test_a_large_chain_counts_as_a_model_does():
    labels = [np.random.default_rng(0).integers(0, 3, 200)]
    assert_array_equal(MarkovChain().fit(labels).statistics_.trans, Model().fit(labels, labels).statistics_.trans)
