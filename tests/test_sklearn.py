"""At home in scikit-learn: its own checks, clone, pipelines, searches and cross-validation over a list of sequences."""

import numpy as np
import pytest

from chmm import Gaussian, Model, NotFittedError, Poisson, Product

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.exceptions import NotFittedError as TheirNotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import estimator_checks

pytestmark = pytest.mark.filterwarnings("ignore")

A_SEQUENCE = "the steps of a sequence have an order, so rows cannot be permuted or left out"
A_WEIGHT = "a weight belongs to a sequence, not to a step of it"
EXPECTED = {
    "check_methods_sample_order_invariance": A_SEQUENCE,
    "check_methods_subset_invariance": A_SEQUENCE,
    "check_sample_weights_not_overwritten": A_WEIGHT,
    "check_sample_weight_equivalence_on_dense_data": A_WEIGHT,
    "check_fit1d": "a 1-D array is one sequence of numbers",
}


@pytest.mark.skipif(not hasattr(estimator_checks, "estimator_checks_generator"), reason="scikit-learn before 1.6")
def test_scikit_learns_own_checks():
    results = estimator_checks.check_estimator(
        Model(emission="gaussian"), expected_failed_checks=EXPECTED, on_skip=None, on_fail=None
    )
    failed = [f"{r['check_name']}: {r['exception']}" for r in results if r["status"] == "failed"]
    assert not failed, "\n".join(failed)


def sequences(n=12, n_steps=60, seed=0):
    truth = Model(
        startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]], emission=Gaussian([[0, 0], [4, 2]], np.ones((2, 2)))
    )
    rng = np.random.default_rng(seed)
    return truth.sample(n_steps, n, random_state=rng)


def test_a_clone_has_the_arguments_and_nothing_learnt():
    m = Model(2, Gaussian(prior=0.5), random_state=0, pseudocount=0.1).fit(sequences().X)
    other = clone(m)
    assert other.n_states == 2 and other.emission.prior == 0.5 and other.pseudocount == 0.1
    with pytest.raises(NotFittedError):
        other.score(sequences().X)


def test_not_fitted_is_scikit_learns_too():
    with pytest.raises(TheirNotFittedError, match="fit"):
        Model(2).predict([[0.5, 1.5]])


def test_cross_validation_over_a_list_of_sequences():
    X, y = sequences()
    scores = cross_val_score(Model(2, random_state=0), X, cv=3)
    folds = KFold(3).split(X)
    own = [Model(2, random_state=0).fit([X[i] for i in a]).score([X[i] for i in b]) for a, b in folds]
    np.testing.assert_allclose(scores, own, rtol=1e-12)
    labelled = cross_val_score(Model(emission="gaussian"), X, y, cv=4)
    assert np.isfinite(labelled).all() and len(labelled) == 4


def test_a_label_that_only_a_test_fold_has_is_impossible():
    X, y = [[0.5, 1.5, 0.3]] * 4, [["a", "b", "a"]] * 3 + [["a", "c", "a"]]
    scores = cross_val_score(Model(emission="gaussian"), X, y, cv=4, error_score="raise")
    assert np.isfinite(scores[:3]).all() and scores[3] == -np.inf


def test_search():
    X = sequences().X
    search = GridSearchCV(Model(random_state=0), {"n_states": [1, 2], "emission": [Gaussian(), "student_t"]}, cv=3).fit(
        X
    )
    assert search.best_params_["n_states"] == 2
    assert search.best_estimator_.predict(X)[0].shape == (60,)


def test_pipeline():
    X = sequences(1, 300).X[0]
    pipe = make_pipeline(StandardScaler(), Model(2, random_state=0))
    assert pipe.fit(X).predict(X).shape == (300,)
    assert np.isfinite(pipe.score(X))
    by_sequence = Pipeline(
        [
            ("log", FunctionTransformer(lambda X: [np.exp(x) for x in X])),
            ("hmm", Model(2, "log-normal", random_state=0)),
        ]
    )
    paths = by_sequence.fit(sequences().X).predict(sequences().X)
    assert len(paths) == 12
    plain = Model(2, "gaussian", random_state=0).fit(sequences().X).predict(sequences().X)
    alike = np.mean([(a == b).mean() for a, b in zip(paths, plain)])
    assert max(alike, 1 - alike) > 0.99  # which state is called 0 is left to chance


def test_lengths_that_were_not_split_name_the_list_form():
    X = np.concatenate(sequences().X)
    with pytest.raises(ValueError, match="list of sequences"):
        cross_val_score(Model(2, random_state=0), X, cv=3, params={"lengths": [60] * 12}, error_score="raise")


def test_weights_of_steps_that_agree_within_sequences():
    X = [np.array([1, 5, 2]), np.array([9, 8])]
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Poisson([2, 8]), max_iter=2)
    by_sequence = m.fit(X, sample_weight=[1, 3]).score(X)
    assert m.fit(X, sample_weight=[1, 1, 1, 3, 3]).score(X) == by_sequence
    with pytest.raises(ValueError, match=r"sample_weight.*step"):
        m.fit(X, sample_weight=[1, 2, 1, 3, 3])


def test_columns_have_their_names(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, 2, 1, 5, 6, 5], "b": [3.0, 2, 1, 5, 7, 5]})
    model = Model(2, Gaussian(), random_state=0).fit(frame)
    model.save(tmp_path / "m")
    for m in (model, Model.load(tmp_path / "m")):
        assert m.feature_names_in_.tolist() == ["a", "b"]
        assert m.score(frame) == m.score(frame.to_numpy()) == m.score(frame.set_axis([0, 1], axis=1))
        for other, place in [(frame[["b", "a"]], 0), (frame.rename(columns={"b": "c"}), 1), (frame.assign(c=1.0), 2)]:
            for ask in (m.score, m.predict, m.decode, m.predict_proba, m.posteriors, m.forward):
                with pytest.raises(ValueError, match=rf"feature names .* column {place} "):
                    ask(other)
    with pytest.raises(AttributeError, match="feature_names_in_"):
        model.fit(frame.to_numpy()).feature_names_in_  # noqa: B018
    named = Model(2, Product(a=Gaussian(), b=Gaussian()), random_state=0).fit(frame)
    assert named.score(frame) == named.score(frame[["b", "a"]])
