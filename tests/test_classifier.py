"""Which class is a sequence of."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shared import same_bits

from chmm import Gaussian, ImpossibleError, Model, NotFittedError, Poisson, SequenceClassifier
from chmm.scoring import accuracy

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def calls(n=12, seed=0):
    """Sequences of two kinds, which differ in how long a state lasts."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for name, stay in (("slow", 0.95), ("fast", 0.4)):
        transmat = [[stay, 1 - stay], [1 - stay, stay]]
        m = Model(startprob=[0.5, 0.5], transmat=transmat, emission=Gaussian([0, 3], [1, 1]))
        X += m.sample(40, n, random_state=rng).X
        y += [name] * n
    order = rng.permutation(2 * n)
    return [X[i] for i in order], [y[i] for i in order]


def two(**options):
    return SequenceClassifier(Model(2, Gaussian(), n_init=2, random_state=0), **options)


def test_bayes_rule():
    X, y = calls()
    clf = two().fit(X[:15], y[:15])
    assert clf.classes_.tolist() == ["fast", "slow"] and list(clf.models_) == ["fast", "slow"]
    assert clf.priors_[0] != 0.5
    assert_allclose(clf.priors_, [y[:15].count("fast") / 15, y[:15].count("slow") / 15])
    logs = np.array([[m.score(x) for m in clf.models_.values()] for x in X[15:]]) + np.log(clf.priors_)
    share = np.exp(logs - logs.max(axis=1, keepdims=True))
    assert_allclose(clf.predict_proba(X[15:]), share / share.sum(axis=1, keepdims=True), rtol=1e-9)
    assert clf.predict(X[15:]).tolist() == clf.classes_[logs.argmax(axis=1)].tolist()
    right = clf.score(X[15:], y[15:])
    assert right == np.mean(clf.predict(X[15:]) == np.array(y[15:])) == accuracy(clf, X[15:], y[15:]) > 0.8
    alone = Model(2, Gaussian(), n_init=2, random_state=0).fit([x for x, c in zip(X[:15], y[:15]) if c == "fast"])
    assert_allclose(clf.models_["fast"].transmat_, alone.transmat_, atol=1e-3)  # but for the scale of the prior
    assert "prior" in repr(clf) and "SequenceClassifier(Model(" in repr(two())


def test_one_or_many():
    X, y = calls()
    clf = two().fit(X, y)
    many, table = clf.predict(X), clf.predict_proba(X)
    assert clf.predict(X[0]) == many[0] and isinstance(clf.predict(X[0]), str)
    assert_allclose(clf.predict_proba(X[0]), table[0])
    named = dict(zip(range(100, 124), X))
    assert clf.predict(named) == dict(zip(named, many.tolist()))
    assert_allclose(list(clf.predict_proba(named).values()), table)
    joined, lengths = np.concatenate(X), [40] * 24
    assert clf.predict(joined, lengths=lengths).tolist() == many.tolist()
    classes = dict(zip(named, y))
    others = [two().fit(named, classes), two().fit(joined, y, lengths=lengths), two(n_jobs=2).fit(X, np.array(y))]
    pd = pytest.importorskip("pandas")
    others.append(two().fit(named, pd.Series(classes)))
    for other in others:
        assert same_bits(other.predict_proba(X), table)
    assert clf.score(named, classes) == clf.score(X, y)


def test_a_symbol_that_a_class_never_shows_is_impossible_there():
    clf = SequenceClassifier(Model(1)).fit(["aab", "aba", "ccb", "bcc"], ["A", "A", "C", "C"])
    assert clf.predict(["ab", "cb", "b"]).tolist() == ["A", "C", "A"]
    assert clf.predict_proba(["ab", "cb"]).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(ImpossibleError, match="sequence 1 has probability 0 in every class") as caught:
        clf.predict(["ab", "ac"])
    assert caught.value.sequences == (1,)
    with pytest.raises(ImpossibleError, match="sequence 'k' has"):
        clf.predict({"k": "ac"})
    with pytest.raises(ImpossibleError, match="the sequence has"):
        clf.predict("ac")
    with pytest.raises(ValueError, match="not among the model's symbols"):
        clf.predict(["xy"])
    smooth = SequenceClassifier(Model(1, pseudocount=0.1)).fit(["aab", "aba", "ccb", "bcc"], ["A", "A", "C", "C"])
    assert smooth.predict("acc") == "C" and smooth.models_["A"].emission_.symbols == ("a", "b", "c")


def test_priors_weights_and_names():
    X, y = calls(6)
    even = two(priors="uniform").fit(X[:9], y[:9])
    assert even.priors_.tolist() == [0.5, 0.5]
    sure = two(priors={"slow": 0.0, "fast": 1.0}).fit(X, y)
    assert set(sure.predict(X)) == {"fast"} and (sure.predict_proba(X) == [1, 0]).all()
    weighted = two().fit(X, y, sample_weight=[3 if c == "slow" else 1 for c in y])
    assert_allclose(weighted.priors_, [0.25, 0.75])
    numbers = two().fit(X, [c == "slow" for c in y])
    assert numbers.classes_.tolist() == [False, True] and numbers.predict(X[0]) in (False, True)
    assert two().fit(X, [int(c == "slow") for c in y]).classes_.tolist() == [0, 1]


def test_models_of_any_options():
    rng = np.random.default_rng(0)
    X = [rng.poisson(3, 30) for _ in range(5)] + [rng.poisson(np.repeat([3, 12], 15)) for _ in range(5)]
    y = ["flat"] * 5 + ["step"] * 5
    models = {"flat": Model(1, Poisson()), "step": Model(2, Poisson(), topology="left-right", endprob=[0, 0.1])}
    clf = SequenceClassifier(models).fit(X, y, ended=[True] * 9 + [False])
    assert clf.predict(X).tolist() == y and clf.models_["step"].n_states_ == 2
    assert clf.score(X, y, ended=[True] * 10) == 1
    words = SequenceClassifier(Model(1, pseudocount=0.5)).fit([["a", "b"], ["b", "b"], ["a", "a"]], [1, 1, 2])
    assert words.predict([["a", "a", "a"]]).tolist() == [2]


def test_a_classifier_of_models_that_are_there():
    X, y = calls()
    learnt = two().fit(X, y)
    other = SequenceClassifier.from_models(learnt.models_, priors=dict(zip(learnt.classes_, learnt.priors_)))
    assert same_bits(other.predict_proba(X), learnt.predict_proba(X)) and other.score(X, y) == learnt.score(X, y)
    assert SequenceClassifier.from_models(learnt.models_).priors_.tolist() == [0.5, 0.5]
    for models, priors, told in [
        ({}, "uniform", "must be {class: Model}"), (learnt, "uniform", "must be {class: Model}"),
        (learnt.models_, None, "there are none"), ({"a": Model(2)}, "uniform", "no parameters yet"),
        ({1: Model(1), "a": Model(1)}, "uniform", "int and str"), ({"a": 3}, "uniform", "must be a Model"),
    ]:  # fmt: skip
        with pytest.raises((TypeError, ValueError), match=told):
            SequenceClassifier.from_models(models, priors=priors)


def test_searches_and_cross_validation():
    selection = pytest.importorskip("sklearn.model_selection")
    from sklearn.base import clone, is_classifier

    X, y = calls(6)
    clf = two()
    assert is_classifier(clf)
    other = clone(clf).set_params(model__n_states=3, priors="uniform")
    assert other.get_params()["model__n_states"] == 3 and clf.model.n_states == 2
    scores = selection.cross_val_score(clf, X, y, cv=3)
    folds = selection.StratifiedKFold(3).split(X, y)
    for (fit, test), score in zip(folds, scores, strict=True):
        learnt = two().fit([X[i] for i in fit], [y[i] for i in fit])
        assert score == learnt.score([X[i] for i in test], [y[i] for i in test])
    assert (selection.cross_val_score(clf, X, y, cv=3, scoring="accuracy") == scores).all()
    proba = selection.cross_val_predict(clf, X, y, cv=3, method="predict_proba")
    assert proba.shape == (12, 2)
    search = selection.GridSearchCV(clf, {"model__n_states": [1, 2]}, cv=3).fit(X, y)
    assert search.best_params_ == {"model__n_states": 2} and search.best_estimator_.predict(X).shape == (12,)
    by_class = SequenceClassifier({"slow": Model(2, "gaussian", n_init=1), "fast": Model(1, Gaussian())})
    assert np.isfinite(selection.cross_val_score(by_class, X, y, cv=2)).all()


def test_the_same_from_a_generator_on_any_number_of_threads():
    X, y = calls(4)
    tables = []
    for n_jobs in (1, 2):
        m = Model(2, Gaussian(), n_init=1, random_state=np.random.default_rng(3))
        tables.append(SequenceClassifier(m, n_jobs=n_jobs).fit(X, y).predict_proba(X))
    assert same_bits(*tables)


def test_bad_arguments():
    X, y = calls(3)
    for call, error, told in [
        (lambda: two().predict(X), NotFittedError, "has not been fitted"),
        (lambda: two().fit(X, y[:-1]), ValueError, "5 classes for 6 sequences"),
        (lambda: two().fit(X, [None, *y[1:]]), TypeError, r"y\[0\] = None must be the name of a class"),
        (lambda: two().fit(X, [1.5, *y[1:]]), TypeError, r"y\[0\] = 1.5"),
        (lambda: two().fit(X, [1, *y[1:]]), TypeError, "int and str"),
        (lambda: two().fit(dict(enumerate(X)), {0: "a"}), ValueError, "must have the keys of X"),
        (lambda: two(priors=[0.5, 0.5]).fit(X, y), TypeError, "priors"),
        (lambda: two(priors="even").fit(X, y), ValueError, "priors = 'even'"),
        (lambda: two(priors={"slow": 1.0}).fit(X, y), ValueError, "priors has the classes"),
        (lambda: two(priors={"slow": 1.0, "fast": 1.0}).fit(X, y), ValueError, "priors sums to 2"),
        (lambda: two(n_jobs=0).fit(X, y), ValueError, "n_jobs"),
        (lambda: SequenceClassifier(2).fit(X, y), TypeError, "model = 2 must be a Model"),
        (lambda: SequenceClassifier({"slow": Model(1)}).fit(X, y), ValueError, "model has the classes"),
        (lambda: SequenceClassifier(Model(2, Poisson()), n_jobs=1).fit(X, y), ValueError, "class 'fast': X, sequence"),
        (lambda: two().set_params(n_states=2), ValueError, "no parameter 'n_states'"),
        (lambda: two().fit([X[0], X[0][:0]], ["a", "b"]), ValueError, "class 'b' has no sequence with steps"),
        (lambda: two().fit(X, y).predict("abc"), TypeError, "text"),
    ]:
        with pytest.raises(error, match=told):
            call()


def test_accuracy_of_nothing_and_of_one():
    X, y = calls(4)
    clf = two().fit(X, y)
    with pytest.raises(ValueError, match="no sequences"):
        clf.score([], [])
    found = clf.predict(X[0])
    assert accuracy(clf, X[0], found) == 1 and accuracy(clf, X[0], {"slow": "fast", "fast": "slow"}[found]) == 0


def test_no_parameter_is_changed_where_one_is_wrong():
    clf = SequenceClassifier(Model(2), n_jobs=1)
    for wrong in ({"n_jobs": 2, "foo": 1}, {"n_jobs": 2, "model__foo": 1}, {"n_jobs": 2, "model": {}, "model__tol": 1}):
        with pytest.raises(ValueError, match=r"foo|dict"):
            clf.set_params(**wrong)
        assert clf.n_jobs == 1 and isinstance(clf.model, Model)
