"""What the base class and the combinators do for every family: supports, errors, masks, reports, publishing."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import (
    Categorical,
    Emission,
    Exponential,
    Gamma,
    Gaussian,
    Mixture,
    Model,
    Multinomial,
    PerState,
    Poisson,
    Precomputed,
    Product,
)
from chmm.emissions import Survey

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
CHAIN = {"startprob": [0.5, 0.5], "transmat": [[0.8, 0.2], [0.3, 0.7]]}


class Broken(Emission):
    """log of a value: NaN below 0."""

    parameters = ("a",)
    n_features = 1

    def __init__(self, a=None):
        self.a = a

    def log_likelihood(self, values):
        return np.log(values) + np.zeros(2)


# Supports -------------------------------------------------------------------------------------------------------------


def test_a_value_outside_the_support_of_a_member_has_density_0_there():
    m = Model(**CHAIN, emission=PerState([Gaussian([0], [1]), Exponential([0.1])]))
    x = np.array([-0.5, 2.0])
    normal, waits = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), np.where(x < 0, 0, 0.1 * np.exp(-0.1 * x))
    rows = np.stack([normal, waits], axis=1)
    alpha = np.array(CHAIN["startprob"]) * rows[0] @ CHAIN["transmat"] * rows[1]
    assert_allclose(m.score(x), np.log(alpha.sum()), rtol=1e-12)
    assert m.predict(x)[0] == 0
    drawn = m.sample(500, random_state=0).X
    assert np.isfinite(m.score(drawn))


def test_members_of_different_supports_are_learnt():
    truth = Model(**CHAIN, emission=PerState([Gaussian([-3], [1]), Exponential([0.1])]))
    x = truth.sample(3000, random_state=1).X
    m = Model(emission=PerState([Gaussian(), Exponential()]), random_state=0, n_init=4).fit(x)
    assert np.diff(m.history_).min() > -1e-9 * abs(m.history_[0])
    assert m.score(x) > truth.score(x) - 10
    assert_allclose(m.emission_.members[1].rates, 0.1, rtol=0.1)


@pytest.mark.parametrize(
    ("emission", "x", "words"),
    [
        (Gamma([1, 2], [1, 1]), [[1.5], [1.0, -2.0]], "sequence 1, step 1: -2 is outside what Gamma takes"),
        (Mixture(Gamma([1] * 4, [1] * 4), 2, [[0.5, 0.5]] * 2), [1.5, -2.0], "step 1: -2 is outside what Gamma takes"),
        (PerState([Gamma([1], [1]), Exponential([1])]), [1.5, -2.0], "step 1: -2 is outside what any .*Gamma.*Expon"),
        (Product(a=Gamma([1, 2], [1, 1]), b=Poisson([1, 2])), np.array([[1, 2], [3, 0.5]]), "step 1, channel 'b': 0.5"),
        (Precomputed(), np.array([[0.0, -1], [-2, np.inf]]), "step 1, column 1: inf is outside what Precomputed takes"),
        (Precomputed(), np.array([[0.0, -1], [-2, np.nan]]), "step 1: .* is partly missing"),
    ],
)
def test_values_outside_all_supports_are_named(emission, x, words):
    with pytest.raises(ValueError, match=words):
        Model(**CHAIN, emission=emission).score(x)


@pytest.mark.parametrize(
    ("emission", "x", "words"),
    [
        (Broken(np.zeros(2)), [[3.0, 3.0, 2.0], [3.0, -1.0]], "sequence 1, step 1: the value -1.0 has .* nan"),
        (
            Product(a=Broken(np.zeros(2)), b=Gaussian([0, 1], [1, 1])),
            np.array([[1, 2.5], [-2, 1.5]]),
            "step 1, channel 'a': the value -2.0 has the log likelihood nan",
        ),
    ],
)
def test_log_likelihoods_that_are_no_numbers_name_the_step_and_the_value(emission, x, words):
    with pytest.raises(ValueError, match=words):
        Model(**CHAIN, emission=emission).score(x)


# Surveys --------------------------------------------------------------------------------------------------------------


def test_surveys_of_shards_add_up_to_that_of_the_whole():
    family, x = Model(2, Product(Categorical(), Gaussian())), np.array([[0, 1.5], [1, 2.5], [2, -1.0], [0, 4.0]])
    whole, parts = family.survey(x), sum(family.survey(part) for part in (x[:1], x[1:]))
    assert whole["Product"]["0"] == parts["Product"]["0"]
    for one, other in zip(whole["Product"]["1"]["moments"], parts["Product"]["1"]["moments"], strict=True):
        assert_allclose(one, other, rtol=1e-12)


def test_surveys_of_two_families_do_not_add():
    with pytest.raises(ValueError, match="two families"):
        Survey(a=1) + Survey(b=2)


# What is held ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "x"),
    [
        (Categorical([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]], frozen={"probs": [[True, False, False], [False] * 3]}), "i"),
        (Multinomial([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]], frozen={"probs": [[True, False, False], [False] * 3]}), "c"),
    ],
)
def test_held_probabilities_stay_and_the_others_share_the_rest(family, x):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, 80) if x == "i" else rng.integers(0, 5, (80, 3))
    m = Model(2, family, random_state=0, tol=0, max_iter=20).fit(x)
    probs = m.emission_.probs
    assert probs[0, 0] == 0.2 and probs[1, 0] != 0.1
    assert_allclose(probs.sum(axis=1), 1)
    assert np.diff(m.history_).min() > -1e-9 * abs(m.history_[0])


@pytest.mark.parametrize(
    ("frozen", "words"),
    [
        ({"means": [[True], [False], [True]]}, "shape"),
        ({"means": [1, 0]}, "bools"),
        ({"mean": True}, "it may hold means"),
    ],
)
def test_masks_that_do_not_fit_are_errors(frozen, words):
    with pytest.raises((TypeError, ValueError), match=words):
        Gaussian([0, 1], [1, 1], frozen=frozen)


# Learnt emissions -----------------------------------------------------------------------------------------------------


def test_a_learnt_emission_refuses_assignment_in_its_parts_too():
    x = np.random.default_rng(0).standard_normal((40, 2))
    m = Model(2, Product(a=Mixture(Gaussian(), 2), b=Gaussian()), random_state=0, max_iter=3).fit(x)
    parts = [m.emission_, m.emission_["a"], m.emission_["a"].components, m.emission_["b"]]
    for part in [*parts, pickle.loads(pickle.dumps(m.emission_))]:
        with pytest.raises(AttributeError, match=r"copy\.deepcopy"):
            part.means = np.zeros((2, 1))
    free = copy.deepcopy(m.emission_)
    free["b"].means = np.zeros((2, 1))
    assert m.emission_["b"].means.any()
    Model(2, m.emission_, random_state=0, max_iter=3).fit(x)


def test_the_report_names_what_nobody_saw():
    m = Model(2, Categorical(symbols="abcd"), random_state=0).fit("abababbaabbaaaab")
    assert m.report_["impossible_symbols"] == ["c", "d"]
    x = np.column_stack([np.random.default_rng(0).standard_normal(30), np.full(30, np.nan)])
    for emission, where in ((Product(a=Gaussian(), b=Gaussian()), "channel 'b', column 0"), (Gaussian(), "column 1")):
        m = Model(2, emission, random_state=0, max_iter=5).fit(x)
        assert m.report_["cells_without_evidence"] == [(0, where), (1, where)]


# Order ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "family", [Gaussian(), Mixture(Gaussian(covariance="full"), 2), Product(Gaussian(), Gaussian())]
)
def test_the_order_of_sequences_does_not_matter(family):
    rng = np.random.default_rng(5)
    X = [rng.standard_normal((12, 2)) + rng.integers(0, 4, (12, 1)) * [3, -2] for _ in range(8)]
    ends = [
        Model(2, family, random_state=1, max_iter=15).fit([X[i] for i in rng.permutation(8)]).score(X) for _ in range(3)
    ]
    assert_allclose(ends, ends[0], rtol=1e-7)


# Frames ---------------------------------------------------------------------------------------------------------------


def test_columns_of_a_frame_are_symbols():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([[0.2, 0.8], [0.6, 0.4]], columns=["b", "a"])
    assert Categorical(frame).symbols == ("b", "a")
    assert_array_equal(Categorical(frame, symbols="ab").probs, [[0.8, 0.2], [0.4, 0.6]])
    with pytest.raises(ValueError, match="are not the symbols"):
        Categorical(frame, symbols="ac")
    with pytest.raises(ValueError, match="reset_index"):
        Categorical(frame.set_axis(["x", "y"]))


# Moments of the density -----------------------------------------------------------------------------------------------


def test_means_and_variances_of_combinations_are_those_of_their_samples():
    mixed = Mixture(Gaussian([-3, 3, 0, 8], [1, 2, 1, 3]), 2, [[0.3, 0.7], [0.5, 0.5]])
    apart = PerState([Gaussian([0], [2]), Gaussian([1], [4])])
    for emission in (mixed, Product(mixed, Gaussian([5, 7], [4, 1])), apart):
        drawn = emission.sample(np.repeat([0, 1], 40_000), np.random.default_rng(0)).reshape(2, 40_000, -1)
        assert_allclose(emission.mean(), drawn.mean(axis=1), atol=0.1)
        assert_allclose(emission.variance(), drawn.var(axis=1), rtol=0.05)
