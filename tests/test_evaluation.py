"""How good decoded states are: scikit-learn's numbers, in every form of data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import chmm
from chmm import Categorical, Gaussian, Model
from chmm.scoring import accuracy


def weather(**options):
    return Model(states=["dry", "wet", "snow"], startprob=[0.4, 0.4, 0.2],
                 transmat=[[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.2, 0.2, 0.6]], emission=Gaussian([0, 2, 4], [1, 1, 1]),
                 **options)  # fmt: skip


def test_scikit_learns_numbers():
    metrics = pytest.importorskip("sklearn.metrics")
    m = weather()
    X, y = m.sample(60, 8, random_state=0)
    found, said, there = m.evaluate(X, y), np.concatenate(m.predict(X)), np.concatenate(y)
    assert found.accuracy == metrics.accuracy_score(there, said)
    names = list(m.states_)
    assert np.array_equal(found.confusion, metrics.confusion_matrix(there, said, labels=names))
    columns = metrics.precision_recall_fscore_support(there, said, labels=names)
    for k, name in enumerate(names):
        assert_allclose(found[name], [column[k] for column in columns], rtol=1e-14)
    macro = metrics.precision_recall_fscore_support(there, said, labels=names, average="macro")
    assert_allclose(found.macro[:3], macro[:3], rtol=1e-14)
    assert found.macro.support == 480 == len(there)
    assert list(found) == names and "'snow'" in repr(found) and "accuracy" in repr(found)


def test_every_form_of_data_gives_one_table():
    m = weather()
    X, y = m.sample(30, 3, random_state=0)
    table = m.evaluate(X, y).confusion
    keys = dict(zip("abc", X)), dict(zip("abc", y))
    assert np.array_equal(m.evaluate(*keys).confusion, table)
    assert np.array_equal(m.evaluate(np.concatenate(X), np.concatenate(y), lengths=[30] * 3).confusion, table)
    assert np.array_equal(sum(m.evaluate(x, z).confusion for x, z in zip(X, y)), table)


def test_what_is_unknown_does_not_count_and_what_is_no_state_is_missed():
    m = weather()
    x = [0.0, 0.1, 2.0, 4.1]
    assert m.predict(x).tolist() == ["dry", "dry", "wet", "snow"]
    some = m.evaluate(x, ["dry", None, "dry", None])
    assert some.accuracy == 0.5 and some.confusion.sum() == 2 and some["snow"] == (0.0, 0.0, 0.0, 0)
    fog = m.evaluate(x, ["dry", "fog", "wet", "fog"])
    assert fog.names == ("dry", "wet", "snow", "fog") and fog.accuracy == 0.5
    assert fog["fog"] == (0.0, 0.0, 0.0, 2) and fog["snow"].precision == 0
    assert m.evaluate(x, ["dry"] * 4, known=["dry"] * 4).accuracy == 1
    numbered = Model(startprob=[0.5, 0.5], transmat=np.full((2, 2), 0.5), emission=Categorical(np.eye(2) * 0.8 + 0.1))
    assert numbered.evaluate([0, 1, 1], [0, 1, 7]).names == (0, 1, 7)
    assert numbered.evaluate([0, 1, 1], [0.0, np.nan, 1.0]).accuracy == 1
    text = Model(states="BES", pseudocount=0.1).fit(["ab", "c"], ["BE", "S"])
    assert text.evaluate(["abc", "ab"], ["BES", "BX"]).accuracy == 0.8


def test_bad_labels():
    m = weather()
    for y, error, told in [
        ([1, 2, 3], TypeError, "y holds integers"),
        (["dry", "wet"], ValueError, "2 labels for 3 steps"),
        ([None] * 3, ValueError, "no label"),
        ([0.5, 1, 2], TypeError, "float"),
        (None, (TypeError, ValueError), "y"),
    ]:
        with pytest.raises(error, match=told):
            m.evaluate([0.0, 1.0, 2.0], y)
    with pytest.raises(ValueError, match=r"-1.*unknown label is None"):
        Model(startprob=[1], transmat=[[1]], emission=Gaussian([0], [1])).evaluate([0.0, 1.0], [0, -1])
    with pytest.raises(ValueError, match="probability 0"):
        Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical([[1, 0], [0, 1]])).evaluate([0, 1], [0, 1])


def test_accuracy_is_a_scorer():
    selection = pytest.importorskip("sklearn.model_selection")
    X, y = weather().sample(40, 9, random_state=0)
    m = Model(emission="gaussian")
    scores = selection.cross_val_score(m, X, y, cv=3, scoring=accuracy)
    for (fit, test), score in zip(selection.KFold(3).split(X), scores, strict=True):
        learnt = Model(emission="gaussian").fit([X[i] for i in fit], [y[i] for i in fit])
        assert score == learnt.evaluate([X[i] for i in test], [y[i] for i in test]).accuracy
    search = selection.GridSearchCV(m, {"pseudocount": [0, 1]}, scoring=accuracy, cv=3).fit(X, y)
    assert search.best_score_ > 0.6
    assert accuracy(m.fit(X, y), X[0], y[0]) == m.evaluate(X[0], y[0]).accuracy
    assert accuracy(m, {"a": X[0]}, {"a": y[0]}) == m.evaluate(X[0], y[0]).accuracy
    with pytest.raises(ValueError, match="no label"):
        accuracy(m, [X[0][:2]], [[None, np.nan]])


def test_accuracy_of_labels_that_do_not_fit():
    tagger = Model(pseudocount=0.1).fit(["abab", "ba"], ["XYXY", "YX"])
    for X, y, told in (
        ("ab", "XYX", "sequence 0: 'XYX' must have a label for each of 2 steps"),
        (["ab", "b"], ["XY"], "y = .* must have the labels of 2 sequences"),
        (["ab"], None, "y = None"),
        (["ab"], [None], "sequence 0: None must have a label"),
        ({"a": "ab"}, {"b": "XY"}, "y must be one, too, with the same keys, \\['a'\\]"),
        ({"a": "ab"}, ["XY"], "y must be one, too"),
    ):
        with pytest.raises(ValueError, match=told):
            chmm.scoring.accuracy(tagger, X, y)
