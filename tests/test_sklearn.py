"""At home in scikit-learn: its own checks, clone, pipelines, searches and cross-validation over a list of sequences."""

import numpy as np
import pytest

from chmm import Gaussian, Mixture, Model, NotFittedError, Poisson, Product, SequenceTransformer
from chmm.scoring import cross_val_predict

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


@pytest.mark.skipif(not hasattr(estimator_checks, "estimator_checks_generator"), reason="scikit-learn before 1.6")
def test_scikit_learns_checks_of_a_transformer():
    expected = {
        "check_fit1d": "a 1-D array is one sequence of numbers",
        "check_fit2d_predict1d": "the same, of one column, so that the transformer within refuses it in its own words",
        "check_transformer_data_not_an_array": "a list of lists is a list of sequences, and comes back as one",
        "check_dtype_object": "the error names the step that is not a number, in our words",
    }
    results = estimator_checks.check_estimator(
        SequenceTransformer(StandardScaler()), expected_failed_checks=expected, on_skip=None, on_fail=None
    )
    assert not [f"{r['check_name']}: {r['exception']}" for r in results if r["status"] == "failed"]


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


# Nested parameters ---------------------------------------------------------------------------------------------------


def test_parameters_of_the_emission_are_searched():
    X = sequences(6).X
    grid = {"emission__covariance": ["diag", "full"], "emission__prior": [1e-3, 1e3]}
    search = GridSearchCV(Model(2, Gaussian(), n_init=1, random_state=0), grid, cv=2, error_score="raise").fit(X)
    assert search.best_params_["emission__prior"] == 1e-3
    want = [Model(2, Gaussian(covariance=c, prior=p), n_init=1, random_state=0) for c in ("diag", "full") for p in (1e-3, 1e3)]
    for model, row in zip(want, search.cv_results_["mean_test_score"], strict=True):
        np.testing.assert_allclose(row, cross_val_score(model, X, cv=2).mean(), rtol=1e-12)


def test_a_changed_parameter_leaves_the_emission_that_was_given():
    given = Gaussian([[0.0], [1.0]], [[1.0], [2.0]], prior=0.5)
    model = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=given)
    before = model.score([0.3, 0.2])
    assert model.get_params()["emission__prior"] == 0.5 and "emission__prior" not in model.get_params(deep=False)
    model.set_params(emission__means=[[0.0], [3.0]], emission__frozen="means")
    assert given.means.tolist() == [[0], [1]] and not given.frozen
    assert model.emission.prior == 0.5 and model.emission.covariances.tolist() == [[1], [2]]
    assert model.score([0.3, 0.2]) != before
    assert clone(model).emission.is_frozen("means")
    both = Model(2).set_params(emission__prior=0.1, emission=Gaussian(covariance="full")).emission
    assert both.prior == 0.1 and both.covariance == "full"


def test_parameters_within_products_and_mixtures():
    model = Model(2, Product(step=Mixture(Gaussian(), 3), turn=Poisson(prior=2)))
    told = model.get_params()
    assert told["emission__step__n"] == 3 and told["emission__turn__prior"] == 2
    model.set_params(emission__step__family__prior=0.25, emission__step__n=2)
    assert model.emission["step"].components.prior == 0.25 and model.emission["step"].n == 2
    assert model.emission["turn"].prior == 2


@pytest.mark.parametrize(
    "model, name, told",
    [
        (Model(2), "emission__prior", "emission = 'auto' has no 'emission__prior': give an Emission"),
        (Model(2, Gaussian()), "emission__priors", "Gaussian has no argument 'priors'; it has means"),
        (Model(2, Gaussian()), "emission__prior__x", "Gaussian's prior = 0.001 is no Emission"),
        (Model(2, Gaussian()), "emission__prior", "prior = -1"),
        (Model(2, Product(Gaussian(), Poisson())), "emission__0__prior", "none of it has a name"),
        (Model(2, Gaussian()), "states__x", "Model has no parameter 'states__x'"),
    ],
)
def test_wrong_parameters_say_so_and_change_nothing(model, name, told):
    emission, tol = model.emission, model.tol
    with pytest.raises(ValueError, match=told):
        model.set_params(tol=9.0, **{name: -1})
    with pytest.raises(ValueError, match="no parameter 'nope'"):
        model.set_params(emission=Gaussian(), emission__prior=2.0, nope=1)
    assert model.emission is emission and model.tol == tol


def test_a_family_that_keeps_not_its_arguments_is_changed_as_a_whole():
    class Own(Gaussian):
        def __init__(self, scale=1.0):
            super().__init__()

    assert "emission__scale" not in Model(2, Own()).get_params()
    with pytest.raises(ValueError, match="does not keep its argument 'scale'"):
        Model(2, Own()).set_params(emission__scale=2.0)


def test_an_emission_can_be_cloned():
    given = Gaussian([[0.0], [1.0]], [[1.0], [2.0]])
    other = clone(given)
    assert other is not given and (other.means == given.means).all()


# Sequences of several lengths ----------------------------------------------------------------------------------------


def ragged():
    X, y = sequences(6)
    return [x[: 20 + 5 * k] for k, x in enumerate(X)], [path[: 20 + 5 * k] for k, path in enumerate(y)]


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_predictions_of_held_out_sequences(method):
    X, y = ragged()
    model = Model(emission=Gaussian())
    found = cross_val_predict(model, X, y, cv=3, method=method)
    for learnt, out in KFold(3).split(X):
        fitted = clone(model).fit([X[s] for s in learnt], [y[s] for s in learnt])
        for s in out:
            np.testing.assert_array_equal(found[s], getattr(fitted, method)(X[s]))
    assert len(cross_val_predict(Model(2, n_init=1, random_state=0), X, cv=2)) == 6
    with pytest.raises(TypeError, match="a list of sequences"):
        cross_val_predict(model, X[0], y[0])


def test_a_transformer_is_fitted_to_all_steps():
    X, _ = ragged()
    scaler = SequenceTransformer(StandardScaler()).fit(X)
    plain = StandardScaler().fit(np.concatenate(X))
    together = SequenceTransformer(StandardScaler()).fit_transform(np.concatenate(X), lengths=list(map(len, X)))
    for a, x in zip(scaler.transform(X), X, strict=True):
        np.testing.assert_allclose(a, plain.transform(x))
    np.testing.assert_allclose(together, plain.transform(np.concatenate(X)))
    by_key = scaler.transform({"a": X[0], "b": X[1]})
    np.testing.assert_allclose(by_key["b"], plain.transform(X[1]))
    np.testing.assert_allclose(scaler.transform(X[2]), plain.transform(X[2]))
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(X))[3], X[3])
    one = SequenceTransformer(StandardScaler()).fit_transform([[1.0, 2.0, np.nan], [4.0]])
    assert one[0].shape == (3,) and np.isnan(one[0][2]) and abs(np.nanmean(np.concatenate(one))) < 1e-12


def test_a_transformer_in_a_pipeline_is_searched():
    X, _ = ragged()
    pipe = make_pipeline(SequenceTransformer(StandardScaler()), Model(2, Gaussian(), n_init=1, random_state=0))
    grid = {"sequencetransformer__transformer__with_std": [True, False], "model__emission__prior": [1e-3, 1.0]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X)
    assert len(search.best_estimator_.predict(X)) == 6
    assert len(cross_val_predict(pipe, X, cv=3)) == 6
    assert clone(pipe).get_params()["sequencetransformer__transformer"].get_params() == StandardScaler().get_params()


def test_what_is_no_transformer_says_so():
    X, _ = ragged()
    with pytest.raises(TypeError, match="no method 'transform'"):
        SequenceTransformer(Model(2)).fit(X)
    for error in (NotFittedError, TheirNotFittedError):
        with pytest.raises(error, match="has not been fitted"):
            SequenceTransformer(StandardScaler()).transform(X)
    with pytest.raises(TypeError, match="takes numbers"):
        SequenceTransformer(StandardScaler()).fit(["words", "of text"])
    shorter = FunctionTransformer(lambda x: x[1:])
    with pytest.raises(ValueError, match="each step must stay one row"):
        SequenceTransformer(shorter).fit(X).transform(X)
    with pytest.raises(ValueError, match="no parameter 'scaler'"):
        SequenceTransformer(StandardScaler()).set_params(scaler=1)
