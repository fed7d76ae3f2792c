"""Parameters and data that a family refuses: the error names the argument, the position and the value."""

import re
import warnings

import numpy as np
import pytest

from chmm import (
    Bernoulli,
    Categorical,
    Gamma,
    Gaussian,
    Mixture,
    Model,
    Multinomial,
    PerState,
    Poisson,
    Product,
    StudentT,
    VonMises,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


WRONG = [
    ("covariance unheard of", lambda: Gaussian(covariance="round"), "covariance", "round", "diag"),
    ("prior negative", lambda: Gaussian(prior=-1), "prior", "-1"),
    ("means NaN", lambda: Gaussian([0, np.nan]), r"means\[1, 0\]", "nan"),
    ("means of words", lambda: Gaussian(["a"]), "means", "numbers"),
    ("variance tiny", lambda: Gaussian([0, 1], [1, 1e-310]), r"covariances\[1, 0\]", ">= 1e-200"),
    ("variance huge", lambda: Gaussian([0, 1], [1, 1e308]), r"covariances\[1, 0\]", r"<= 1e\+200"),
    ("eigenvalue tiny", lambda: Gaussian([[0, 1]], [np.eye(2) * 1e-310], covariance="full"), r"covariances\[0\]", "1e-200"),
    ("variance zero", lambda: Gaussian([0, 1], [1, 0]), r"covariances\[1, 0\]", "> 0"),
    ("variances of another shape", lambda: Gaussian([[0, 1]], [[1, 1, 1]]), "means", "covariances", r"\(1, 3\)"),
    ("covariance singular", lambda: Gaussian([[0, 1]], [[[1, 1], [1, 1]]], covariance="full"), r"covariances\[0\]", "singular"),
    ("covariance not symmetric", lambda: Gaussian([[0, 1]], [[[1, 1], [0, 1]]], covariance="full"), "symmetric"),
    ("covariance flat", lambda: Gaussian([[0, 1]], np.eye(2), covariance="full"), "covariances", "3 axes|shape"),
    ("matrices as variances", lambda: Gaussian([[0, 1]], [np.eye(2)]), "covariances", "covariance=.full.", "diag"),
    ("rate negative", lambda: Poisson([1, -2]), r"rates\[1, 0\]", "-2", ">= 0"),
    ("probability above 1", lambda: Bernoulli([[0.5, 1.5]]), r"probs\[0, 1\]", r"1\.5", "<= 1"),
    ("multinomial rows off", lambda: Multinomial([[0.5, 0.6]]), r"probs\[0\]", r"1\.1"),
    ("shape and rate", lambda: Gamma([1, 2], [1]), "shapes", "rates", "agree"),
    ("shape zero", lambda: Gamma([0], [1]), r"shapes\[0, 0\]", "0"),
    ("frozen unheard of", lambda: Poisson([1], frozen=("rate",)), "frozen", "rate", "rates"),
    ("mean angle in degrees", lambda: VonMises([90], [1]), r"means\[0, 0\]", "90"),
    ("mixture of a class", lambda: Mixture(Gaussian, 2), "family", "Gaussian"),
    ("mixture of none", lambda: Mixture(Gaussian(), 0), "n", "0"),
    ("mixture that does not divide", lambda: Mixture(Gaussian([0, 1, 2], [1, 1, 1]), 2), "3", "2"),
    ("product of nothing", lambda: Product(), "Product"),
    ("product both ways", lambda: Product(Gaussian(), b=Gaussian()), "Product"),
    ("product of a name", lambda: Product("gaussian"), "gaussian", "Emission"),
    ("product that disagrees", lambda: Product(Poisson([1, 2]), Poisson([1])), "states", "2", "1"),
    ("a missing count", lambda: Model(2, Multinomial()).fit([[[1, 2], [1, np.nan], [2, 2]]]), "step 1", "partly missing"),
    ("infinite", lambda: Model(2, Gaussian()).fit([[1.5, np.inf]]), "step 1", "inf"),
    ("words for numbers", lambda: Model(2, Gaussian()).fit([["a", "b"]]), "words|text", "numbers"),
    ("a class", lambda: Model(2, Gaussian).fit([0.5, 1.5]), "Gaussian"),
    ("multinomial of one column", lambda: Model(2, Multinomial()).fit([1, 2, 3]), "Categorical"),
    ("more draws than a count holds", lambda: Multinomial(n_draws=10**30), "n_draws = 10+ must be"),
    ("a channel that has no copy", lambda: Product(memoryview(b"ab")), "channel 0 is <memory", "Emission"),
    ("unknown an array", lambda: Categorical(unknown=np.ones(2)), "unknown = array", "'missing'"),
    ("multinomial, nothing of categorical", lambda: Multinomial([[0.5, 0.6]]), r"1e-06\)$"),
    ("a scale whose square is none", lambda: StudentT([0, 1], [1e-300, 1], [3, 3]), r"scales\[0, 0\]", ">= 1e-100"),
    ("numbers whose sums are none", lambda: Model(2, Gamma()).fit([2.5, 1e301]), "step 1: 1e.301 is beyond", "rescale"),
    ("mixed columns", lambda: Model(2).fit(frame(a=["x"], b=[1.5])), r"Product\(a=Categorical\(\), b=Gaussian\(\)\)"),
    ("mixed columns, no names", lambda: Model(2).fit(np.array([["x", 1.5]], object)), r"Product\(Categorical\(\), Gaussian\(\)\)"),
    ("a list of rows", lambda: Model(2, Product(Gaussian(), Gaussian())).fit([(1.5, 2), (2.5, 3)]), r"array of shape \(n_steps, 2\)"),
    ("a list of mixed rows", lambda: Model(2, Product(Gaussian(), Categorical())).fit([(1.5, "a"), (2.5, "b")]), r"X\[0\]\[1\] is 'a'", "frame"),
    ("a column of another name", lambda: Model(2, Product(a=Gaussian())).fit(frame(b=[1.5, 2.5])), "no column 'a'; .* 'b'"),
    ("two columns of one name", lambda: Model(2, Product(a=Gaussian())).fit(frame(a=[1.5], b=[2.5]).set_axis(["a", "a"], axis=1)), "2 columns 'a'"),
    ("an impossible number", lambda: Model(2, Poisson([0, 0])).fit([3, 4, 3]), "the value 3 has"),
    ("three axes", lambda: Model(2).fit(np.zeros((2, 3, 4))), r"\(2, 3, 4\)", r"pass list\(X\)"),
    ("a dict", lambda: Model(2).fit({"a": 1}), "X is a dict", "each sequence must be"),
    ("an integer of 2000 digits", lambda: Model(2).fit([10**2000, 1]), r"X\[0\] = 1.{,80} does not fit"),
    ("an integer of 5000 digits", lambda: Model(2).fit([10**5000, 1]), r"X\[0\] = an integer of 16610 bits does"),
    ("many integers under auto", lambda: Model(2).fit(np.arange(100)), "100", "Poisson", "Gaussian", "Categorical"),
    ("whole floats under auto", lambda: Model(2).fit([1.0, 2.0, 3.0]), "Poisson", "Gaussian", "Categorical"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=[case[0] for case in WRONG])
def test_bad_input_is_named(case):
    _, call, *patterns = case
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    missing = [p for p in patterns if not re.search(p, str(caught.value))]
    assert not missing, f"{missing} not in: {caught.value}"


@pytest.mark.parametrize("family", [Gaussian, StudentT])
@pytest.mark.parametrize("outlier", [1e160, 1e299, -1e299])
def test_data_whose_squares_are_no_numbers(family, outlier):
    x = np.append(np.random.default_rng(0).normal(size=50), outlier)
    for data in (x, x[::-1], x[:-1] * outlier):
        with (
            warnings.catch_warnings(),
            pytest.raises(ValueError, match="column 0 of X has a standard deviation of .*; rescale"),
        ):
            warnings.simplefilter("error")
            Model(2, family(), random_state=0).fit(data)


def test_whole_floats_with_gaps_are_told_as_such():
    with pytest.raises(TypeError, match="whole numbers and missing values"):
        Model(2).fit([1.0, 2.0, np.nan])


def test_labels_that_are_all_unknown_say_nothing():
    x = [0.5, 1.5, 2.5, 0.4, 1.4]
    one, other = (Model(2, Gaussian(), random_state=0).fit(x, y) for y in (None, [None] * 5))
    assert one.loglik_ == other.loglik_ and np.array_equal(one.transmat_, other.transmat_)
    with pytest.raises(ValueError, match="n_states"):
        Model(emission=Gaussian()).fit(x, [None] * 5)


@pytest.mark.parametrize(
    "values, words",
    [
        (np.array([1 + 2j, 3]), "must be an array of numbers"),
        ([10**400, 1], "must be an array of numbers"),
        (np.ma.array([0.5, 0.5], mask=[False, True]), "1.* NaN|1.*nan"),
    ],
)
def test_no_parameter_is_taken_for_another_number(values, words):
    def row(p):
        return [p] if isinstance(p, list) else p[None]

    for make in (Gaussian, Poisson, lambda p: Categorical(row(p)), lambda p: Mixture(Gaussian(), 2, row(p))):
        with pytest.raises((TypeError, ValueError), match=words), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make(values)


@pytest.mark.parametrize("emission", [Gamma(), Mixture(Gamma(), 2), PerState([Gamma(), Gamma()])])
def test_numbers_whose_rates_would_be_beyond_all_numbers_are_named(emission):
    with pytest.raises(ValueError, match="step 1: 1e-300 is outside what Gamma takes, .*ZeroInflated"):
        Model(2, emission).fit([1.0, 1e-300, 2.0])
