"""States that share what they emit, and components of several families in a state."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from chmm import (
    Categorical,
    Exponential,
    Gamma,
    Gaussian,
    Mixture,
    Model,
    PerState,
    Poisson,
    Precomputed,
    Product,
    Tied,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
THREE = {"startprob": [0.5, 0.3, 0.2], "transmat": [[0.2, 0.7, 0.1], [0.1, 0.6, 0.3], [0.5, 0.1, 0.4]]}
TWO = {"startprob": [0.5, 0.5], "transmat": [[0.8, 0.2], [0.3, 0.7]]}


# Tied ----------------------------------------------------------------------------------------------------------------


def test_tied_states_have_the_rows_of_their_group():
    x = [0.1, 4.2, 3.7, -0.5]
    tied = Model(**THREE, emission=Tied(Gaussian([0, 4], [1, 2]), [0, 0, 1]))
    free = Model(**THREE, emission=Gaussian([0, 0, 4], [1, 1, 2]))
    assert tied.score(x) == free.score(x)
    assert_array_equal(tied.predict_proba(x), free.predict_proba(x))
    assert_array_equal(tied.emission_.mean(), free.emission_.mean())
    assert_array_equal(tied.emission_.variance(), free.emission_.variance())


def test_an_em_step_adds_up_what_a_group_saw():
    """The maximiser under the constraint: expected counts of the free model, added up by group."""
    x = THREE_DRAWN
    tied = Model(**THREE, emission=Tied(Poisson([2, 9], prior=0), [0, 1, 0]), max_iter=1, accelerate=False).fit(x)
    e = Model(**THREE, emission=Poisson([2, 9, 2], prior=0)).e_step(x)
    for name in ("start", "trans"):
        assert_allclose(getattr(tied.statistics_, name), getattr(e, name), rtol=1e-10)
    mass, sums = e.emission["weights"][:, 0], e.emission["sums"][:, 0]
    assert_allclose(tied.emission_.shared.rates[:, 0],
                    [(sums[0] + sums[2]) / (mass[0] + mass[2]), sums[1] / mass[1]], rtol=1e-10)  # fmt: skip


THREE_DRAWN = Model(**THREE, emission=Poisson([2, 9, 2])).sample(400, random_state=0).X


def test_labels_of_a_group_are_counted_together():
    y = np.arange(400) % 3
    m = Model(emission=Tied(Poisson(prior=0), [1, 0, 1])).fit([THREE_DRAWN], [y])
    assert_allclose(m.emission_.shared.rates[:, 0], [THREE_DRAWN[y == 1].mean(), THREE_DRAWN[y != 1].mean()])
    m = Model(emission=Tied(Categorical(pseudocount=0.5), [1, 0, 1])).fit(["abcabd"], [[0, 1, 2, 0, 1, 2]])
    assert_allclose(
        m.emission_.shared.probs, np.array([[0, 2, 0, 0], [2, 0, 1, 1]] + np.full((2, 4), 0.5)) / [[4], [6]]
    )


def test_a_group_of_two_gives_durations_that_are_not_geometric():
    """Known answer: two states in a row, of which the first cannot be left at once."""
    chain = {"startprob": [1, 0, 0], "transmat": [[0, 1, 0], [0, 0.8, 0.2], [0.5, 0, 0.5]]}
    truth = Model(**chain, emission=Tied(Gaussian([0, 9], [1, 1]), [0, 0, 1]))
    x = truth.sample(4000, random_state=0).X
    m = Model(**{**chain, "transmat": [[0, 1, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]]}, emission=Tied(Gaussian(), [0, 0, 1]),
              random_state=0).fit(x)  # fmt: skip
    assert_allclose(m.transmat_, chain["transmat"], atol=0.05)
    assert_allclose(m.emission_.shared.means[:, 0], [0, 9], atol=0.1)


def test_tied_saved_reordered_reported_and_held(tmp_path):
    tied = Tied(Mixture(Gaussian([0, 1, 8, 9], [1] * 4), 2, [[0.4, 0.6], [0.5, 0.5]]), [0, 1, 0])
    m = Model(3, tied, random_state=0, max_iter=5).fit(np.random.default_rng(0).normal(size=60))
    m.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    x = [0.5, 8.2, 9.1]
    assert again.score(x) == m.score(x) and repr(again) == repr(m)
    values = np.array(x)[:, None]
    assert_array_equal(tied.reordered([1, 2, 0]).log_likelihood(values), tied.log_likelihood(values)[:, [1, 2, 0]])
    held = Model(3, Tied(Poisson([2, 9], frozen={"rates": [True, False]}), [0, 1, 0]), random_state=0).fit(THREE_DRAWN)
    assert held.emission_.shared.rates[0, 0] == 2 and held.emission_.shared.rates[1, 0] != 9
    nobody = Model(emission=Tied(Poisson(), [0, 1, 0]), states=[0, 1, 2]).fit([[1, 2, 3]], [[1, 1, 1]])
    assert nobody.report_["cells_without_evidence"] == [(0, "column 0"), (2, "column 0")]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Tied(Gaussian(), [0, 2]), "none left out"),
        (lambda: Tied(Gaussian(), "001"), "none left out"),
        (lambda: Tied(Gaussian(), []), "none left out"),
        (lambda: Tied(Gaussian(), [0.0, 1.0]), "none left out"),
        (lambda: Tied("gaussian", [0, 1]), "must be an Emission"),
        (lambda: Tied(Precomputed(), [0, 1]), "must be an Emission"),
        (lambda: Tied(Gaussian([1, 2, 3], [1, 1, 1]), [0, 0, 1]), "parameters for 3 states; groups name 2"),
        (lambda: Mixture(Tied(Gaussian(), [0, 0, 1]), 2), "put the mixture inside"),
        (lambda: Mixture(Product(Tied(Gaussian(), [0, 0, 1]), Gaussian()), 2), "put the mixture inside"),
        (lambda: Mixture([Tied(Gaussian(), [0, 0, 1]), Gaussian()]), "put the mixture inside"),
        (lambda: Model(2, Tied(Gaussian(), [0, 0, 1])).fit([0.5, 1.5]), "states"),
        (lambda: Mixture(3), "must be an Emission such as Gaussian.., or a list"),
        (lambda: Mixture([Gaussian(), "gamma"]), r"components\[1\] is 'gamma'"),
        (lambda: Mixture([Gaussian(), Categorical()]), "all components must take the same kind of values"),
        (lambda: Mixture([Gaussian(), Gamma()], 3), "a list of 2 families has as many components"),
        (lambda: Mixture([]), "must be a list of families"),
        (lambda: Mixture([Gamma([1, 2], [1, 1]), Exponential([1])]), "1 components; the others say 2 x 1"),
        (lambda: Mixture([Gamma([1, 2], [1, 1])], weights=[[1.0]] * 3), "2 components; weights say 3 x 1"),
        (lambda: Model(2, Mixture([Gamma(), Exponential()])).fit([1.5, -1.0]), "step 1: -1 is outside .* any .*Expon"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()


# Mixtures of several families -----------------------------------------------------------------------------------------


def test_the_density_of_a_mixture_of_families():
    weights = np.array([[0.3, 0.7], [0.6, 0.4]])
    emission = Mixture([Gaussian([-1, 4], [1, 2.25]), Exponential([0.5, 2])], weights=weights)
    x = np.array([-3.0, 0, 0.5, 2, 7])
    normal = stats.norm.pdf(x[:, None], [-1, 4], [1, 1.5])
    waits = stats.expon.pdf(x[:, None], scale=[2, 0.5])
    assert_allclose(
        np.exp(emission.log_likelihood(x[:, None])), weights[:, 0] * normal + weights[:, 1] * waits, rtol=1e-12
    )
    assert_allclose(emission.mean()[:, 0], weights[:, 0] * [-1, 4] + weights[:, 1] * [2, 0.5])
    drawn = emission.sample(np.repeat([0, 1], 40_000), np.random.default_rng(0)).reshape(2, -1)
    assert_allclose(drawn.mean(axis=1), emission.mean()[:, 0], atol=0.05)
    assert_allclose(drawn.var(axis=1), emission.variance()[:, 0], rtol=0.03)


def test_a_list_of_one_family_is_a_mixture_of_it():
    x = np.random.default_rng(0).normal(size=(40, 1)) * 3
    weights = [[0.3, 0.7], [0.6, 0.4]]
    one = Mixture(Gaussian([0, 1, 5, -5], [1, 2, 1, 2]), 2, weights)
    several = Mixture([Gaussian([0, 5], [1, 1]), Gaussian([1, -5], [2, 2])], weights=weights)
    assert_allclose(several.log_likelihood(x), one.log_likelihood(x), rtol=1e-13)
    learnt = [Model(**TWO, emission=e, max_iter=4, tol=0, accelerate=False).fit(x) for e in (one, several)]
    assert_allclose(learnt[0].history_[:2], learnt[1].history_[:2], rtol=1e-6)  # the priors' references are the same
    assert_allclose(learnt[0].emission_.weights, learnt[1].emission_.weights, rtol=1e-6)


def test_a_mixture_of_families_is_learnt_saved_and_held(tmp_path):
    truth = Model(
        **TWO, emission=Mixture([Gaussian([-6, -20], [1, 1]), Exponential([1, 0.1])], weights=[[0.5, 0.5], [0.7, 0.3]])
    )
    x = truth.sample(2000, random_state=0).X
    m = Model(2, Mixture([Gaussian(), Exponential()]), random_state=0).fit(x)
    assert np.diff(m.history_).min() > -1e-8 and m.score(x) > truth.score(x) - 1
    m.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert again.score(x) == m.score(x) and repr(again) == repr(m)
    assert "Exponential: rates" in repr(m)
    held = Mixture([Gaussian(), Exponential([1, 0.1], frozen="rates")], weights=[[0.5, 0.5], [1, 0]])
    m = Model(2, held, random_state=0, max_iter=20).fit(x)
    assert_array_equal(m.emission_.components[1].rates[:, 0], [1, 0.1])
    assert m.emission_.weights[1, 1] == 0 and np.isfinite(m.history_).all()
    order = m.emission_.reordered([1, 0])
    assert_array_equal(order.log_likelihood(x[:9, None]), m.emission_.log_likelihood(x[:9, None])[:, ::-1])


def test_labels_and_missing_steps():
    truth = Mixture([Gamma([20, 50], [2, 1]), Exponential([1, 0.1])], weights=[[0.5, 0.5], [0.7, 0.3]])
    x, y = Model(**TWO, emission=truth).sample(500, random_state=0)
    x[::7] = np.nan
    m = Model(emission=Mixture([Gamma(), Exponential()]), random_state=0).fit([x], [y])
    again = m.emission_
    values, weights = x[~np.isnan(x)][:, None], np.eye(2)[y[~np.isnan(x)]]
    before = (weights * again.log_likelihood(values)).sum() + again.log_prior()
    again = again.reordered([0, 1])
    again.update(again.statistics(values, weights))
    assert_allclose((weights * again.log_likelihood(values)).sum() + again.log_prior(), before, atol=1e-5)


def test_members_of_different_supports_embed_what_all_take():
    """Start values of a PerState whose first member does not take all values."""
    x = np.r_[np.random.default_rng(0).normal(-5, 1, 100), np.random.default_rng(1).gamma(9, 1, 100)]
    for emission in (
        PerState([Gamma(), Gaussian()]),
        Mixture([Gamma(), Gaussian()]),
        PerState([Gamma(), Exponential()]),
    ):
        y = np.abs(x) if "Exponential" in repr(emission) else x
        assert np.isfinite(emission.embed(y[:, None])).all()
        m = Model(2, emission, random_state=0, max_iter=30).fit(y)
        assert np.isfinite(m.history_).all() and np.diff(m.history_).min() > -1e-8
    both = Product(Mixture([Gamma(), Exponential()]), Tied(Poisson(), [0, 0]))
    m = Model(2, both, random_state=0, max_iter=5).fit(np.column_stack([np.abs(x), np.arange(200) % 3]))
    assert np.isfinite(m.history_).all()
