"""A plain fit: what its starts depend on, and what its report tells."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shared import same_bits

from chmm import Categorical, ConvergenceWarning, Gaussian, Mixture, Model, Poisson, Product, StudentT

rng = np.random.default_rng(0)
x = rng.normal(np.repeat([0, 3, 0, 6, 3, 6], 30))
plane = np.column_stack([x, rng.normal(np.repeat([1, 1, 4, 4, 1, 4], 30))])


def parameters(m):
    return [m.startprob_, m.transmat_, *(getattr(m.emission_, name) for name in m.emission_.parameters)]


@pytest.mark.parametrize("factor", [2.0**-20, 3.7, 1e6])
@pytest.mark.parametrize(
    "family, data", [(Gaussian, x), (StudentT, x), (Gaussian, plane), (lambda: Gaussian(covariance="full"), plane)],
    ids=["Gaussian", "StudentT", "columns", "full"],
)  # fmt: skip
def test_units_change_nothing(family, data, factor):
    one = Model(3, family(), random_state=1).fit(data)
    other = Model(3, family(), random_state=1).fit(data * factor)
    assert_allclose(other.transmat_, one.transmat_, atol=1e-3)
    assert_allclose(other.loglik_, one.loglik_ - data.size * np.log(factor), atol=1e-2)


def test_units_of_one_column_change_nothing():
    one = Model(3, Gaussian(), random_state=1).fit(list(plane.reshape(6, 30, 2)))
    other = Model(3, Gaussian(), random_state=1).fit(list((plane * [1, 1000.0]).reshape(6, 30, 2)))
    assert_allclose(other.transmat_, one.transmat_, atol=1e-3)


@pytest.mark.parametrize(
    "family, X",
    [
        (Categorical, [rng.integers(0, 4, 50) for _ in range(9)]),
        (Gaussian, list(x.reshape(9, 20))),
        (lambda: Product(Gaussian(), Mixture(Gaussian(), 2)), list(plane.reshape(6, 30, 2))),
        (Poisson, [rng.poisson([2, 9] * 20) for _ in range(5)]),
    ],
    ids=["Categorical", "Gaussian", "Product", "Poisson"],
)
def test_threads_change_no_bit(family, X):
    fits = [Model(3, family(), random_state=2, max_iter=60, n_jobs=n).fit(X) for n in (1, 2, 5)]
    for other in fits[1:]:
        assert same_bits(other.history_, fits[0].history_)
        assert same_bits(other.transmat_, fits[0].transmat_)


test_threads_change_no_bit = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")(test_threads_change_no_bit)


def test_identical_start_values_are_told():
    given = {"startprob": [0.5, 0.5], "transmat": [[0.5, 0.5], [0.5, 0.5]], "states": "ab"}
    with pytest.warns(ConvergenceWarning, match="'a' and 'b' were given the same parameters"):
        m = Model(emission=Gaussian([1, 1], [2, 2]), **given).fit(x)
    assert m.report_["identical_starts"] == m.report_["twin_states"] == [["a", "b"]]
    assert "which EM cannot tell apart" in str(m.report_)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        m = Model(emission=Gaussian([1, 2], [2, 2]), **given).fit(x)
        assert "identical_starts" not in m.report_ and "twin_states" not in m.report_
        drawn = Model(2, Gaussian(), startprob=[0.5, 0.5], transmat=given["transmat"], random_state=0).fit(x)
        assert "twin_states" not in drawn.report_  # start values that are drawn differ


def test_the_report_tells_why_it_stopped_and_how_many_starts_there_were(tmp_path):
    m = Model(3, Gaussian(), random_state=0).fit(x)
    assert m.report_["stopped"] == "tol" and m.report_["n_starts"] == 12 and 1 <= m.report_["n_agreed"] <= 12
    assert m.report_["left"] <= 1e-3
    m.save(tmp_path / "m")
    assert Model.load(tmp_path / "m").report_ == m.report_
    assert str(Model.load(tmp_path / "m").report_) == str(m.report_)
    with pytest.warns(ConvergenceWarning):
        assert Model(3, Gaussian(), random_state=0, max_iter=2).fit(x).report_["stopped"] == "max_iter"
    counted = Model(emission=Gaussian()).fit(x, np.repeat([0, 1, 0, 2, 1, 2], 30))
    assert counted.report_["stopped"] == "labels" and "n_starts" not in counted.report_


def test_states_that_no_path_reaches_are_told():
    given = {"startprob": [1, 0, 0], "transmat": [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]]}
    m = Model(emission=Gaussian([0, 3, 6], [1, 1, 1]), **given).fit(x)
    assert m.report_["unreachable_states"] == m.report_["states_without_evidence"] == [2]


def test_more_states_than_values_are_no_reason_to_fail():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        m = Model(4, Gaussian(), random_state=0).fit([1.0, 1.0, 1.0, 1.0])
    assert np.isfinite(m.score([1.0, 1.0]))
