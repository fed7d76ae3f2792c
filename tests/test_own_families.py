"""Families of one's own, the example among them, and the page of all families."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from chmm import ConvergenceWarning, Emission, Gaussian, Model, Poisson, StudentT
from chmm.testing import check_emission

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

TWO = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]]}


def test_the_example_of_a_family_of_ones_own(capsys):
    runpy.run_path(str(Path(__file__).parent.parent / "examples" / "heaped_counts.py"), run_name="__main__")
    words = capsys.readouterr().out.split()
    assert_allclose([float(v) for v in words[3:5]], [6, 23], rtol=0.05)
    assert_allclose([float(v) for v in words[6:8]], [0.1, 0.6], atol=0.05)


def test_the_page_of_the_families_is_made_of_their_docstrings():
    docs = Path(__file__).parent.parent / "docs"
    page = runpy.run_path(str(docs / "emissions.py"))["page"]()
    assert (docs / "emissions.md").read_text(encoding="utf-8") == page


def test_the_documented_family_takes_one_column():
    Heaped = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "heaped_counts.py"))["Heaped"]
    model = Model(startprob=[0.5, 0.5], transmat=[[0.5, 0.5], [0.5, 0.5]], emission=Heaped([2, 9], [0.2, 0.5]))
    assert np.isfinite(model.score(np.ones((4, 1))))
    with pytest.raises(ValueError, match="X has 2 features, but Heaped is expecting 1"):
        model.score(np.ones((4, 2)))  # as many columns as states: the shapes would fit, and say nothing


def test_own_families_are_classes_for_load(tmp_path):
    with pytest.raises(TypeError, match="must be a list of classes"):
        Model.load(tmp_path / "model.npz", emissions=[Gaussian()])


def test_an_update_that_is_no_maximiser_is_told():
    class Leaving(Poisson):
        def update(self, statistics):
            first = self.rates is None
            super().update(statistics)
            self.rates = self.rates if first else 3 * self.rates + 9

    with pytest.warns(ConvergenceWarning, match="lowered the objective, from .* to .* if it is your own"):
        model = Model(2, Leaving(), n_init=2, random_state=0).fit([1, 2, 1, 0, 9, 8, 11, 9])
    assert not model.converged_ and model.report_["stopped"] == "fall"
    assert (np.diff(model.history_) >= 0).all()  # what fell is not kept


def test_a_summary_shows_the_digits_of_small_numbers():
    returns = Model(startprob=[1.0], transmat=[[1.0]], emission=StudentT([1.23e-5], [0.00075312], [4.5]))
    returns.score([0.1])
    assert "locations 1.23e-05, scales 0.00075312, dofs 4.5" in repr(returns)


def test_an_update_that_forgets_a_parameter_is_told():
    class Forgetful(Poisson):
        def update(self, statistics):
            pass

    with pytest.raises(TypeError, match=r"Forgetful\.update\(statistics\) set no rates"):
        Model(2, Forgetful()).fit([1, 2, 9])


class Halves(Emission):
    """Pairs of shares that add up to 1, of which the first has the density of x^a."""

    parameters = ("powers",)
    n_features = 2
    domain = "two shares that add up to 1"

    def __init__(self, powers=None):
        self.powers = powers

    def support(self, values):
        return np.abs(values.sum(axis=1, keepdims=True) - 1) < 1e-9

    def log_likelihood(self, values):
        return np.log1p(self.powers) + self.powers * np.log(values[:, :1])


def test_a_support_may_judge_whole_rows():
    model = Model(emission=Halves(np.array([0.5, 2])), **TWO)
    assert np.isfinite(model.score(np.array([[0.5, 0.5], [0.1, 0.9]])))
    with pytest.raises(ValueError, match=r"X, step 1: \[0.5, 0.4\] is outside what Halves takes, two shares"):
        model.score(np.array([[0.5, 0.5], [0.5, 0.4]]))
    Halves.support = lambda self, values: values[:, 0] > 0
    with pytest.raises(TypeError, match=r"Halves.support\(values\) has shape \(2,\); it must be \(R, D\) or \(R, 1\)"):
        model.score(np.array([[0.5, 0.5], [0.1, 0.9]]))


def test_a_family_that_does_not_tell_its_columns_is_told():
    class Plain(Emission):
        parameters = ("rates",)

        def __init__(self, rates=None):
            self.rates = rates

        def log_likelihood(self, values):
            return np.log(self.rates) - values * self.rates

        def statistics(self, values, weights):
            return {"weights": weights.sum(axis=0), "sums": weights.T @ values[:, 0]}

        def update(self, statistics):
            self.rates = statistics["weights"] / statistics["sums"]

        def sample(self, states, rng):
            return rng.exponential(1 / self.rates[states])

    with pytest.raises(AssertionError, match=r"n_features is None, and the values have shape \(6, 1\)"):
        check_emission(Plain(), [0.3, 1.7, 0.2, 4.1, 5.5, 2.8])
