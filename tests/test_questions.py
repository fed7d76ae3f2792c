"""Every question takes one sequence or many, and answers in the form of the data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import random_params

from chmm import Categorical, Gaussian, ImpossibleError, Model

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

PARAMS = random_params(np.random.default_rng(0), 3, 4)
X = [np.array([0, 1, 2, 3, 1]), np.array([2, 2, 0]), np.array([1])]
QUESTIONS = {
    "predict": lambda m, *a, **k: m.predict(*a, **k),
    "predict_proba": lambda m, *a, **k: m.predict_proba(*a, **k),
    "decode": lambda m, *a, **k: m.decode(*a, **k),
    "posteriors": lambda m, *a, **k: m.posteriors(*a, **k),
    "posteriors with pairs": lambda m, *a, **k: m.posteriors(*a, pairs=True, **k),
    "forward": lambda m, *a, **k: m.forward(*a, **k),
    "textbook's forward": lambda m, *a, **k: m.forward(*a, scaled=False, **k),
    "backward": lambda m, *a, **k: m.backward(*a, **k),
}
every_question = pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)


def assert_alike(answer, other):
    if isinstance(answer, tuple):
        assert type(answer) is type(other)
        for mine, theirs in zip(answer, other):
            if mine is not None:
                assert_allclose(mine, theirs, rtol=1e-12)
    else:
        assert_allclose(answer, other, rtol=1e-12)


@every_question
def test_one_gives_one_a_list_a_list_a_dict_a_dict(ask):
    model = PARAMS.model(final_states=[0, 2])
    alone = [ask(model, x) for x in X]
    listed, mapped = ask(model, X), ask(model, {"a": X[0], "b": X[1], 7: X[2]})
    assert isinstance(listed, list) and isinstance(mapped, dict) and list(mapped) == ["a", "b", 7]
    for one, of_list, of_dict in zip(alone, listed, mapped.values()):
        assert_alike(one, of_list)
        assert_alike(one, of_dict)
    assert_alike(ask(model, [X[0]])[0], alone[0])  # a list of one is a list


@every_question
def test_lengths_and_ids_give_one_array_for_all_steps(ask):
    model, flat = PARAMS.model(), np.concatenate(X)
    alone = [ask(model, x) for x in X]
    for options in ({"lengths": [5, 3, 1]}, {"ids": ["a"] * 5 + ["b"] * 3 + ["c"]}):
        answer = ask(model, flat, **options)
        if isinstance(alone[0], tuple):  # what is not an array of steps comes as a list
            for one, other in zip(alone, answer):
                assert_alike(one, other)
        else:
            assert_allclose(answer, np.concatenate(alone), rtol=1e-12)


def test_scores_add_up_in_any_form():
    model, flat, y = PARAMS.model(), np.concatenate(X), [[0, 1, 2, 0, 0], [2, 2, 1], [0]]
    total, joint = sum(map(model.score, X)), model.score(X, y)
    assert_allclose([model.score(X), model.score(dict(enumerate(X))), model.score(flat, lengths=[5, 3, 1])], total)
    assert_allclose(model.score(flat, ids=[1, 1, 1, 1, 1, 2, 2, 2, 3]), total)
    assert_allclose(model.score(dict(enumerate(X)), dict(enumerate(y))), joint)
    assert_allclose(model.score(flat, np.concatenate(y), lengths=[5, 3, 1]), joint)


def test_fits_are_the_same_in_any_form():
    flat, y, options = np.concatenate(X), [[0, 1, 2, 0, 0], [2, 2, 1], [0]], {"lengths": [5, 3, 1]}
    for labels in (None, y):
        flat_labels = None if labels is None else np.concatenate(labels)
        mapped = None if labels is None else dict(enumerate(labels))
        want = PARAMS.model(max_iter=3).fit(X, labels).transmat_
        assert_array_equal(PARAMS.model(max_iter=3).fit(flat, flat_labels, **options).transmat_, want)
        assert_array_equal(PARAMS.model(max_iter=3).fit(dict(enumerate(X)), mapped).transmat_, want)


def test_words_are_one_sequence_to_a_model_of_words():
    model = Model(2, random_state=0).fit([["walk", "shop", "clean"], ["clean", "shop"]])
    assert model.decode(["walk", "shop"]).path.shape == (2,)
    assert len(model.decode([["walk", "shop"], ["clean"]])) == 2
    text = Model(2, random_state=0).fit(["abba", "ab"])
    assert [len(path) for path in text.predict(["ab", "bab"])] == [2, 3]


# --------------------------------------------------------------------------------------------------- impossible data


def gate():
    return Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical([[1, 0], [0.5, 0.5]], symbols="ab"))


@every_question
def test_impossible_sequences_are_named(ask):
    with pytest.raises(ImpossibleError, match=r"sequence 2, step 1: symbol 'b'") as caught:
        ask(gate(), ["aa", "a", "ab"])
    assert caught.value.sequences == (2,) and isinstance(caught.value, ValueError)
    with pytest.raises(ImpossibleError, match="sequence 'x', step 0"):
        ask(gate(), {"w": "aa", "x": "ba"})


def test_all_impossible_sequences_are_counted():
    with pytest.raises(ImpossibleError, match="and 1 other") as caught:
        gate().predict(["ab", "aa", "bb"])
    assert caught.value.sequences == (0, 2)
    with pytest.raises(ImpossibleError):
        gate().fit(["aa", "ab"])
    assert gate().score(["aa", "ab"]) == -np.inf


def test_a_label_that_no_state_has_makes_the_data_impossible():
    model = PARAMS.model(states="xyz")
    assert model.score([[0, 1]], ["xw"]) == -np.inf and np.isfinite(model.score([[0, 1]], ["xy"]))
    with pytest.raises(TypeError, match="y holds integers, the states are"):
        model.score([[0, 1]], [[0, 1]])


# -------------------------------------------------------------------------------------------- NumPy's error state


@pytest.mark.parametrize("state", ["raise", "warn"])
def test_the_callers_error_state_is_left_alone(state):
    x = np.random.default_rng(0).normal(np.repeat([0, 5.0], 30))
    with np.errstate(all=state):
        model = Model(2, Gaussian(), random_state=0).fit(x)
        for ask in (model.predict, model.posteriors, model.forward, model.backward, model.score):
            ask(np.array([0.0, 500.0, -500.0, 1e5, 5.0]))
        sparse = Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical(np.eye(2)))
        assert sparse.score([0, 1]) == -np.inf and sparse.forward([0, 0]).loglik == 0
        assert np.geterr()["over"] == state
