"""Arguments and attributes of a model: their names, copies of them, subclasses, and words of other libraries."""

import numpy as np
import pytest
from models import weather
from shared import random_params
from test_fuzz import FAMILIES

from chmm import (
    Categorical,
    Exponential,
    Gamma,
    Gaussian,
    Mixture,
    Model,
    NotFittedError,
    Product,
    Tied,
    VonMises,
    ZeroInflated,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


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


# ---------------------------------------------------------------------------------------- given parameters, and changes


def test_a_changed_argument_is_seen_and_one_changed_in_place_is_not():
    params = random_params(np.random.default_rng(0), 2, 3)
    m = params.model()
    score = m.score([0, 1, 2])
    params.transmat[:] = 0.5
    assert m.score([0, 1, 2]) == score
    m.transmat = np.full((2, 2), 0.5)
    assert m.score([0, 1, 2]) != score
    assert m.transmat_[0, 0] == 0.5


@pytest.mark.parametrize(
    "model", [weather(), random_params(np.random.default_rng(0), 2, 3).model()], ids=["fit", "given"]
)
def test_what_was_learnt_refuses_assignment(model):
    with pytest.raises(AttributeError, match="emission"):
        model.emission_.probs = np.eye(2)
    with pytest.raises(AttributeError, match="transmat_ is learnt"):
        model.transmat_ = np.eye(2)
    with pytest.raises(AttributeError, match="loglik_ is learnt"):
        model.loglik_ = 0.0


def test_a_property_that_fails_runs_once():
    calls = []

    class Mine(Model):
        @property
        def sure_(self):
            calls.append(1)
            return self.transmat_.max()

    with pytest.raises(NotFittedError):
        Mine(2).sure_  # noqa: B018
    assert len(calls) == 1


def test_the_log_likelihood_of_the_training_data():
    X, y = [[0, 1, 1, 0, 2], [2, 1]], [[0, 1, 1, 0, 0], [0, 1]]
    for options in ({}, {"max_iter": 2}, {"pseudocount": 0.5}, {"n_init": 3}):
        m = Model(2, Categorical(), random_state=0, **options).fit(X) if options else Model(2, random_state=0).fit(X)
        assert m.loglik_ == pytest.approx(m.score(X), rel=1e-12)
    m = Model(pseudocount=0.1).fit(X, y)
    assert m.loglik_ == pytest.approx(m.score(X, y), rel=1e-12)


# ----------------------------------------------------------------------------------------------------------- subclasses


class Regimes(Model):
    """Fewer arguments than Model has, one of its own, and an attribute that it learns."""

    def __init__(self, n_states=2, random_state=None, *, name="returns"):
        super().__init__(n_states, Gaussian(), random_state=random_state)
        self.name = name

    def fit(self, X, y=None, **options):
        super().fit(X, y, **options)
        self.calm_ = int(np.argmin(self.emission_.covariances))
        return self


class Wider(Model):
    def __init__(self, extra=1, **options):
        super().__init__(**options)
        self.extra = extra


X = np.random.default_rng(0).normal(np.repeat([0, 3], 50), np.repeat([1, 4], 50))


def test_a_subclass_has_its_own_arguments(tmp_path):
    base = pytest.importorskip("sklearn.base")
    assert repr(Regimes()) == "Regimes()" and repr(Regimes(3, name="x")) == "Regimes(n_states=3, name='x')"
    assert Regimes().get_params() == {"n_states": 2, "random_state": None, "name": "returns"}
    twin = base.clone(Regimes(3, name="x"))
    assert (twin.n_states, twin.name, type(twin)) == (3, "x", Regimes)
    with pytest.raises(ValueError, match="Regimes has no parameter 'tol'"):
        Regimes().set_params(tol=1)
    assert base.clone(Wider(7, n_states=3, tol=0.5)).get_params()["tol"] == 0.5
    assert Wider(7).extra == 7 and "extra=7" in repr(Wider(7))


def test_a_subclass_is_saved_whole(tmp_path):
    m = Regimes(random_state=0, name="x").fit(X)
    m.save(tmp_path / "m")
    loaded = Regimes.load(tmp_path / "m")
    assert (loaded.name, loaded.calm_, type(loaded)) == ("x", m.calm_, Regimes)
    assert np.array_equal(loaded.predict(X), m.predict(X)) and repr(loaded) == repr(m)
    assert loaded.loglik_ == m.loglik_


# ------------------------------------------------------------------------------------------- words of other libraries


@pytest.mark.parametrize(
    "call, hint",
    [
        (lambda m: Model(n_components=3), "n_states"),
        (lambda m: Model(2, n_iter=10), "max_iter"),
        (lambda m: Model(2, covariance_type="full"), "covariance='full'"),
        (lambda m: Gaussian(covariance_type="full"), r"Gaussian has no argument 'covariance_type'.*covariance='full'"),
        (lambda m: m.fit([0, 1], n_init=3), "n_init is an argument of Model"),
        (lambda m: m.predict(X, lag=0), "predict has no argument 'lag', unlike predict_proba"),
        (lambda m: m.plot(X), r"plot\.states\(model, x\)"),
        (lambda m: Model(2, formula="~ sex"), r"covariates.*docs/faq\.md"),
        (lambda m: m.fit([0, 1], covariates=[0, 1]), r"covariates.*docs/faq\.md"),
        (lambda m: Model(2, seeds=0), "Model has no argument 'seeds': it has n_states, .*random_state"),
        (lambda m: Gamma(mean=2), "Gamma has no argument 'mean': it has shapes, rates"),
        (lambda m: m.stateProbs, "predict_proba"),
        (lambda m: Model(1, ZeroInflated(Gamma([1], [1]))).score([1.0]), r"such as ZeroInflated\(zeros=\.\.\.\)"),
        (lambda m: Model(2, algorithm="map"), "method=.posterior."),
        (lambda m: Model(2).set_params(n_iter=10), "max_iter"),
        (lambda m: m.means_, r"emission_\.means"),
        (lambda m: m.covars_, r"emission_\.covariances"),
        (lambda m: m.emissionprob_, r"emission_\.probs"),
        (lambda m: m.monitor_, "history_"),
        (lambda m: m.n_components, "n_states_"),
        (lambda m: m.predict(X, [50, 50]), "lengths=.*positional|positional.*lengths="),
        (lambda m: m.score(X, [50, 50]), "lengths"),
        (lambda m: m.fit(X, [50, 50]), "lengths"),
    ],
)
def test_words_of_other_libraries_get_their_hint(call, hint):
    model = Model(2, Gaussian(), random_state=0).fit(X)
    with pytest.raises((AttributeError, TypeError, ValueError), match=hint):
        call(model)
    assert not hasattr(model, "means_")


# Arguments of an emission ---------------------------------------------------------------------------------------------

TAKEN = ("PerState", "Product", "Product of a Mixture")  # their members have no names of their own
COMBINED = {
    "Tied": Tied(Gaussian(covariance="full"), [0, 0, 1]),
    "ZeroInflated": ZeroInflated(Gamma(prior=2), prior=3),
    "Mixture of two": Mixture([Gaussian([0, 5], [1, 1]), Exponential([0.1, 0.1])], weights=[[0.9, 0.1], [0.5, 0.5]]),
    "frozen": Gaussian([[0.0, 1.0], [2.0, 3.0]], frozen={"means": np.array([[True, False], [False, False]])}),
    "Product": Product(step=Mixture(Gaussian(), 3), turn=VonMises()),
    "letters": Categorical(symbols=["a", "b"]),
    "Categorical": Categorical([[0.5, 0.5], [0.1, 0.9]], symbols="ab", pseudocount=2, unknown="missing"),
}


def alike(one, other):
    """Whether two emissions save the same."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return np.array_equal(one, other)


@pytest.mark.parametrize("emission", [*(family() for name, (family, _) in FAMILIES.items() if name not in TAKEN),
                                      *COMBINED.values()], ids=repr)  # fmt: skip
def test_an_emission_made_of_its_arguments_is_the_same(emission):
    assert alike(emission.changed().saved(), emission.saved())
    for name, value in emission.nested_arguments().items():
        if value is not None:
            assert alike(emission.changed(**{name: value}).saved(), emission.saved()), name
