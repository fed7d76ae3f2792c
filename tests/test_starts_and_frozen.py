"""Start values, given and frozen parameters, families by name."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import (
    Beta,
    Categorical,
    Gamma,
    Gaussian,
    LogNormal,
    Mixture,
    Model,
    NegativeBinomial,
    PerState,
    Poisson,
    Product,
    StudentT,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

TWO = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]]}


def test_a_newcomer_finds_the_states():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        q = np.repeat(rng.integers(3, size=40), 10)
        x = np.array([-5, 0, 8])[q] + rng.normal(size=400)
        m = Model(3, random_state=seed).fit(x)
        assert_allclose(np.sort(m.emission_.means[:, 0]), [-5, 0, 8], atol=0.5)
        assert "Gaussian" in repr(m)


@pytest.mark.parametrize("name, family", [("gaussian", Gaussian), ("Poisson", Poisson), ("student_t", StudentT), ("log-normal", LogNormal),
                                          ("NegativeBinomial", NegativeBinomial), ("categorical", Categorical)])  # fmt: skip
def test_families_by_name(name, family, tmp_path):
    x = [1, 2, 1, 9, 8, 9, 1, 2]
    m = Model(2, name, random_state=0).fit(x)
    assert type(m.emission_) is family
    m.save(tmp_path / "m")
    again = Model.load(tmp_path / "m")
    assert again.emission == name and again.score(x) == m.score(x)


FROZEN = {
    "means": Gaussian([0, 5], [1, 1], frozen=("means",)),
    "covariances": Gaussian([0, 5], [1, 1], frozen=("covariances",)),
    "rates": Poisson([1, 6], frozen="rates"),
    "categorical probs": Categorical(np.full((2, 20), 0.05), frozen="probs"),
    "shapes": Gamma([1, 6], [1, 1], frozen="shapes"),
    "gamma rates": Gamma([1, 6], [1, 1], frozen="rates"),
    "sizes": NegativeBinomial([3, 6], [0.5, 0.5], frozen="sizes"),
    "negative binomial probs": NegativeBinomial([3, 6], [0.5, 0.5], frozen="probs"),
    "dofs": StudentT([0, 5], [1, 1], [4, 4], frozen="dofs"),
    "scales": StudentT([0, 5], [1, 1], [4, 4], frozen="scales"),
    "weights": Mixture(Gaussian([0, 1, 5, 6], [1, 1, 1, 1]), 2, [[0.5, 0.5]] * 2, frozen="weights"),
}


@pytest.mark.parametrize("name", FROZEN)
def test_frozen_parameters_stay_and_the_rest_rises(name):
    emission = FROZEN[name]
    x = np.random.default_rng(0).poisson(np.repeat([1, 6, 1, 7], 50)) + 1
    m = Model(**TWO, emission=emission, max_iter=30, tol=0).fit(x)
    for parameter in emission.frozen:
        assert_array_equal(getattr(m.emission_, parameter), getattr(emission, parameter))
    rest = [p for p in emission.parameters if p not in emission.frozen]
    assert all((getattr(m.emission_, p) != getattr(emission, p)).any() for p in rest)
    assert len(m.history_) < 2 or np.diff(m.history_).min() > -1e-9


def test_given_means_alone_are_a_start():
    x = np.r_[np.random.default_rng(0).normal(size=50), 9 + np.random.default_rng(1).normal(size=50)]
    m = Model(2, Gaussian(means=[1, 8]), random_state=0).fit(x)
    assert_allclose(m.emission_.means[:, 0], [0, 9], atol=0.5)
    m = Model(2, Gamma(shapes=[1, 8]), random_state=0, max_iter=1).fit(np.abs(x))
    assert m.emission_.complete


@pytest.mark.parametrize(
    "emission",
    [Mixture(Gaussian(frozen="means"), 2), Product(Poisson(frozen="rates")), PerState([Beta(frozen=("a",))] * 2)],
)
def test_what_is_frozen_inside_must_be_given(emission):
    with pytest.raises(ValueError, match="must be given to be frozen"):
        Model(2, emission).fit([1, 2, 2, 3])


def test_given_parameters_start_with_their_own_cluster():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.gamma(2, 1 / 2, 300), rng.gamma(50, 1 / 2, 300)])
    for seed in range(6):
        for shapes in ([2, 50], [50, 2]):
            m = Model(2, Gamma(shapes=shapes, frozen=("shapes",)), random_state=seed, n_init=1).fit(x)
            np.testing.assert_allclose(m.emission_.rates.ravel(), 2, rtol=0.2)


def test_starts_of_a_mixture_follow_the_seed():
    x = np.random.default_rng(0).normal(size=100)
    first = [Model(2, Mixture(Gaussian(), 2), random_state=s, max_iter=1).fit(x).history_[0] for s in (0, 0, 1)]
    assert first[0] == first[1] != first[2]


@pytest.mark.parametrize(
    "emission",
    [
        Mixture(Gaussian(), 4), Product(Mixture(Gaussian(), 4)), PerState([Mixture(Gaussian(), 4), Mixture(Gaussian(), 4)]),
        Mixture(Mixture(Gaussian(), 2), 2), Product(PerState([Mixture(Gaussian(), 4), Gaussian()])),
    ],
)  # fmt: skip
def test_first_shares_are_drawn_by_the_models_generator_with_labels_too(emission):
    rng = np.random.default_rng(0)
    x, y = rng.random(300), rng.integers(2, size=300)
    learnt = [Model(emission=emission, random_state=s).fit([x], [y]).score([x]) for s in (0, 0, 1)]
    assert learnt[0] == learnt[1] != learnt[2]
    # one state is the same at every start but for its components
    one = Mixture(Gaussian(), 4)
    first = {Model(1, one, random_state=s, max_iter=1).fit(x).history_[0] for s in range(3)}
    assert len(first) == 3
