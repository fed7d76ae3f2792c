"""Mixtures, products, a family for each state, and precomputed densities."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import (
    Categorical,
    Exponential,
    Gamma,
    Gaussian,
    LogNormal,
    Mixture,
    Model,
    PerState,
    Poisson,
    Precomputed,
    Product,
    memory,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

TWO = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]]}


@pytest.mark.parametrize(
    "family", [Gaussian([[0, 1], [5, 1], [2, 2], [1, 7]], np.ones((4, 2))), Poisson(np.ones((4, 2)))]
)
def test_a_mixture_is_the_same_by_blocks_of_any_size(family, monkeypatch):
    rng = np.random.default_rng(0)
    x, weights = rng.integers(0, 9, size=(50, 2)).astype(float), rng.random((50, 2))
    x[::7, 0] = np.nan
    emission = Mixture(family, 2, [[0.3, 0.7], [1, 0]])
    parts = np.exp(family.log_likelihood(x)).reshape(50, 2, 2) * emission.weights  # the definition
    assert_allclose(np.exp(emission.log_likelihood(x)), parts.sum(axis=2), rtol=1e-12)
    share = parts / parts.sum(axis=2, keepdims=True) * weights[:, :, None]
    want = family.statistics(x, share.reshape(50, 4))
    for block in (1, 12, 2**15):
        monkeypatch.setattr(memory, "BLOCK", block)
        found = emission.statistics(x, weights)
        assert_allclose(found["counts"], share.sum(axis=0), rtol=1e-12)
        for key, value in want.items():
            assert_allclose(found[f"components.{key}"], value, rtol=1e-10, atol=1e-12)


def test_a_mixture_reads_densities_that_lie_column_by_column():
    """As a family of one's own returns them that stacks its states and turns the table."""

    class Turned(Gaussian):
        def log_likelihood(self, values):
            return np.asfortranarray(super().log_likelihood(values))

    values, weights = np.random.default_rng(0).normal(size=(40, 1)), np.full((40, 2), 0.5)
    plain, turned = (Mixture(f([-1, 0, 1, 2], [1] * 4), 2, [[0.3, 0.7], [0.6, 0.4]]) for f in (Gaussian, Turned))
    assert_array_equal(turned.log_likelihood(values), plain.log_likelihood(values))
    for key, want in plain.statistics(values, weights).items():
        assert_array_equal(turned.statistics(values, weights)[key], want)


def test_a_product_in_order_takes_columns_and_its_parts_may_be_wide():
    rng = np.random.default_rng(0)
    x = np.c_[rng.normal(size=(60, 2)), rng.poisson(3, 60), rng.integers(0, 2, 60)]
    emission = Product(
        Gaussian([[0, 0], [1, 1]], np.ones((2, 2))), Product(Poisson([2, 3]), Categorical([[0.5, 0.5], [0.1, 0.9]]))
    )
    m = Model(**TWO, emission=emission)
    channels = [m.emission[0], m.emission[1][0], m.emission[1][1]]
    expected = sum(
        c.log_likelihood(values) for c, values in zip(channels, (x[:, :2], x[:, 2:3], x[:, 3].astype(int)), strict=True)
    )
    pre = Model(**TWO, emission=Precomputed())
    assert_allclose(m.score(x), pre.score(expected), rtol=1e-12)
    assert_array_equal(m.predict(x), pre.predict(expected))
    assert m.fit(x).emission_[1][0].rates.shape == (2, 1)
    with pytest.raises(ValueError, match="3 columns.*4"):
        m.score(x[:, :3])


def test_precomputed_takes_minus_infinity_and_gaps():
    rows = np.log([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]])
    rows[1, 0] = -np.inf
    m = Model(**TWO, emission=Precomputed())
    assert m.decode(rows).path[1] == 1
    rows[2] = np.nan
    assert np.isfinite(m.score([rows]))
    assert m.fit([rows]).n_iter_ > 0
    with pytest.raises(ValueError, match="states"):
        m.score(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="step 2"):
        m.score(np.array([[0, 0], [0, 0], [np.inf, 0]]))


@pytest.mark.parametrize("combine", [lambda p: Mixture(p, 2), lambda p: Product(p, Gaussian()), lambda p: Product(x=p)])
def test_precomputed_stands_alone(combine):
    with pytest.raises(TypeError, match="Precomputed"):
        combine(Precomputed())


def test_what_is_impossible_has_the_remedy_of_its_family():
    m = Model(startprob=[1.0, 0.0], transmat=np.eye(2), emission=Precomputed())
    with pytest.raises(ValueError, match=r"step 0: .*zeros in startprob and transmat"):
        m.decode(np.array([[-np.inf, 0.0], [0.0, 0.0]]))


@pytest.mark.parametrize(
    "members, error, words",
    [
        ([], TypeError, ["list"]),
        ([Gaussian], TypeError, ["members[0]", "Emission"]),
        ([Gaussian(), Precomputed()], TypeError, ["members[1]", "Precomputed"]),
        ([Gaussian([0, 1], [1, 1])], ValueError, ["members[0]", "2 states"]),
        ([Gaussian(), Categorical()], ValueError, ["members[0]", "numbers", "members[1]", "symbols"]),
    ],
)
def test_members_that_do_not_go_together(members, error, words):
    with pytest.raises(error) as caught:
        PerState(members)
    assert all(word in str(caught.value) for word in words)


def test_a_label_that_no_member_of_its_state_takes_is_named():
    m = Model(states=["up", "any"], emission=PerState([Gamma(), Gaussian()]))
    x, y = [[1.0, 2.0, 0.7], [-3.0, 1.5, -1.0, 2.5]], [["up"] * 3, ["any", "up", "up", "any"]]
    with pytest.raises(ValueError, match=r"y, sequence 1, step 2: 'up' cannot show the value -1.0"):
        m.fit(x, y)
    m.fit(x, y, sample_weight=[1, 0])  # what has no weight is not there
    y[1][2] = "any"
    assert np.isfinite(m.fit(x, y).loglik_)


@pytest.mark.parametrize("weight", [1e-9, 1.0, 1e9])
def test_a_report_on_cells_takes_weights_as_the_states_do(weight):
    for emission in (Gaussian(), Product(Gaussian(), Poisson())):
        x = np.array([0.0, 1, 2, 1, 5, 6])
        x = x if isinstance(emission, Gaussian) else np.column_stack([x, x])
        report = Model(states=[0, 1, 2], emission=emission).fit([x], [[0, 0, 0, 0, 1, 1]], sample_weight=[weight]).report_
        assert report["states_without_evidence"] == [2]
        assert {cell[0] for cell in report["cells_without_evidence"]} == {2}


def test_data_that_a_member_does_not_take_name_the_member():
    clash = PerState([Categorical([[0.5, 0.5]], symbols="ab"), Categorical([[0.5, 0.5]], symbols="ba")])
    for emission, x, words in (
        (PerState([Gamma(), Exponential()]), [1.5, 2, -3], ["Exponential", "step 2", "-3"]),
        (clash, "abab", ["members[1]", "symbols"]),
        (PerState([Gaussian([[0, 1]], [[1, 1]]), Exponential([1])]), [1.5, 2], ["members[0]", "2 features"]),
    ):
        with pytest.raises(ValueError) as caught:
            Model(2, emission).fit(x)
        assert all(word in str(caught.value) for word in words)
    with pytest.raises(ValueError, match="n_states says 3, emission says 2"):
        Model(3, PerState([Gaussian(), Exponential()])).fit([1.5, 2, 3])


def test_a_chain_learnt_from_precomputed_values_is_saved_and_loaded(tmp_path):
    logs = np.log([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])
    model = Model(2, Precomputed(), random_state=0, tol=1).fit(logs)
    model.save(tmp_path / "model.npz")
    loaded = Model.load(tmp_path / "model.npz")
    assert loaded.score(logs) == model.score(logs)
    assert_array_equal(loaded.transmat_, model.transmat_)


def test_errors_about_all_data_name_the_channel():
    with pytest.raises(ValueError, match="channel 'size': X, step 1: -2 is outside"):
        Model(2, Product(kind=Poisson(), size=LogNormal())).fit(np.array([[1, 1.0], [3, -2.0]]))
