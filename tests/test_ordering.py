"""The order of states, and which state of one model is which of another."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import Categorical, Gaussian, Model, StudentT, VonMises
from chmm.ordering import assignment, canonical, confusion, likeness, renamed
from chmm.symbols import Symbols


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6])
def test_the_assignment_is_the_best_of_all(n):
    table = np.random.default_rng(n).normal(size=(n, n))
    best = max(itertools.permutations(range(n)), key=lambda order: table[np.arange(n), order].sum())
    assert assignment(table).tolist() == list(best)


def test_many_states_are_assigned_from_the_surest_pair_on():
    n = 12
    order = np.random.default_rng(0).permutation(n)
    table = np.random.default_rng(1).random((n, n))
    table[np.arange(n), order] += 1 + np.arange(n)
    assert_array_equal(assignment(table), order)
    assert sorted(assignment(np.zeros((n, n)))) == list(range(n))


def test_states_come_in_the_order_of_the_column_that_separates_them():
    class Means(Gaussian):
        def mean(self):
            return self.means

        def variance(self):
            return self.covariances

    apart = Means([[0, 9], [1, 2], [-1, 5]], [[9, 1], [9, 1], [9, 1]])
    assert_array_equal(canonical(apart, np.ones(3)), [1, 2, 0])
    assert_array_equal(canonical(apart.reordered([2, 0, 1]), np.ones(3)), [2, 0, 1])
    # far apart, but farther within; far out, but never visited; within that state alone
    for means, variances in (
        ([[0, 2], [9, 0], [99, 1]], [[1e6, 0.1]] * 3),
        ([[0, 2], [0.1, 0], [99, 1]], [[1, 0.1]] * 3),
        ([[0, 4], [0.1, 0], [0.2, 2]], [[1, 1], [1, 1], [1, 1e5]]),
    ):
        assert_array_equal(canonical(Means(means, variances), np.array([1, 1, 1e-5])), [1, 2, 0])


def test_states_without_means_come_by_how_often_they_are_visited():
    emission = Categorical([[0.5, 0.5], [0.1, 0.9], [0.3, 0.7]])
    assert_array_equal(canonical(emission, np.array([1.0, 5.0, 3.0])), [1, 2, 0])
    assert_array_equal(canonical(emission, np.zeros(3)), [0, 1, 2])


@pytest.mark.parametrize(
    "emission",
    [
        Gaussian([-2, 0, 2], [1, 1, 1]),
        Gaussian([0, 0, 0], [1, 4, 30]),
        Categorical([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]], symbols="abc"),
        Categorical([[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]], symbols=["walk", "shop"]),
        StudentT([0, 3, 9], [1, 1, 1], [3, 4, 5]),
        VonMises([0, 2, -2], [3, 3, 3]),
        Gaussian(np.repeat([[0.0], [1], [2]], 800, axis=1), np.ones((3, 800))),  # densities below all numbers
    ],
    ids=lambda e: type(e).__name__,
)
def test_states_are_recognised_in_another_order(emission):
    for order in ([1, 2, 0], [2, 1, 0]):
        found = assignment(likeness(emission, emission.reordered(order)))
        assert_array_equal(np.asarray(order)[found], [0, 1, 2])


def test_likeness_is_the_same_both_ways_and_at_every_call():
    one, other = Gaussian([0, 3], [1, 1]), Gaussian([2.5, 0.2], [2, 1])
    assert_array_equal(likeness(one, other), likeness(one, other))
    assert_allclose(likeness(one, other), likeness(other, one).T, atol=0.05)


def test_confusion_counts_known_labels():
    counts = confusion(np.array([0, 0, 1, 2, 2]), np.array([1, 0, -1, 1, 1]), 3, 2)
    assert_array_equal(counts, [[1, 1], [0, 0], [0, 2]])


# ------------------------------------------------------------------------------------------------------------ models

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
x = np.random.default_rng(0).normal(np.repeat([4, 0, 9, 4, 9, 0], 40))


def test_a_fit_puts_its_states_in_order():
    fits = [Model(3, Gaussian(), random_state=seed).fit(x) for seed in range(4)]
    for m in fits:
        assert (np.diff(m.emission_.means[:, 0]) > 0).all()
        assert_allclose(m.emission_.means, fits[0].emission_.means, atol=1e-3)
        assert_allclose(m.statistics_.emission["weights"].sum(axis=0), len(x))
        assert_allclose(m.score(x), m.loglik_, rtol=1e-9)
        assert m.report_["n_starts"] == 12


def test_states_without_means_come_by_visits():
    y = np.random.default_rng(1).choice(3, 400, p=[0.6, 0.3, 0.1])
    m = Model(2, Categorical(), random_state=0).fit(y)
    visits = m.statistics_.start + m.statistics_.trans.sum(axis=0)
    assert visits[0] >= visits[1]


def test_state_order_none_leaves_them():
    loose = [Model(3, Gaussian(), random_state=seed, state_order=None).fit(x) for seed in range(6)]
    assert any((np.diff(m.emission_.means[:, 0]) < 0).any() for m in loose)


@pytest.mark.parametrize(
    "options",
    [
        {"states": "abc"},
        {"startprob": [0.2, 0.3, 0.5]},
        {"transmat": [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]},
        {"emission": Gaussian([9, 4, 0])},
        {"final_states": [1]},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_is_given_keeps_its_place(options):
    options = {"emission": Gaussian(), "random_state": 1} | options
    kept = Model(3, **options).fit(x)
    assert_array_equal(kept.emission_.means, Model(3, state_order=None, **options).fit(x).emission_.means)


def test_reorder_changes_nothing_but_places():
    m = Model(3, Gaussian(), random_state=0).fit(x)
    r = m.reorder([2, 0, 1])
    assert_allclose(r.score(x), m.score(x), rtol=1e-12)
    assert_array_equal(np.array([2, 0, 1])[r.predict(x)], m.predict(x))
    assert_array_equal(r.emission_.means, m.emission_.means[[2, 0, 1]])
    assert m.emission_.means[0, 0] < 1 and r.history_[-1] == m.history_[-1]
    for wrong in ([0, 1], [0, 0, 1], [0.0, 1.0, 2.0], "abc"):
        with pytest.raises((ValueError, TypeError), match="order"):
            m.reorder(wrong)


def test_names_and_arguments_go_along(tmp_path):
    a = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.1, 0.6]])
    m = Model(states="abc", startprob=[0.2, 0.3, 0.5], transmat=a, emission=Gaussian([0, 4, 9], [1, 2, 3]))
    m = m.__class__(**m.get_params(deep=False) | {"final_states": ["a", "c"]})
    for model in (m, m.relabel({"a": "z"}).relabel({"z": "a"}), Model(**m.get_params(deep=False)).fit(x)):
        r = model.reorder([2, 1, 0])
        assert r.states_.tolist() == ["c", "b", "a"]
        assert_array_equal(r.predict(x), model.predict(x))
        r.save(tmp_path / "model")
        assert_array_equal(Model.load(tmp_path / "model").predict(x), model.predict(x))
        assert_allclose(r.fit(x).score(x), Model(**m.get_params(deep=False)).fit(x).score(x), rtol=1e-6)


MASK = [[True, False, False], [False, True, False], [False, False, False]]


@pytest.mark.parametrize(
    "options",
    [
        {"endprob": [0.1, 0.02, 0.3]},
        {"frozen": {"transmat": MASK}},
        {"pseudocount": {"startprob": [3, 1, 0], "transmat": np.arange(9.0).reshape(3, 3), "emission": [9, 1, 0]}},
        {"pseudocount": {"emission": np.arange(9.0).reshape(3, 3)}},
    ],
    ids=lambda options: next(iter(options)),
)
def test_a_fit_in_another_order_learns_the_same(options):
    order, places = [1, 2, 0], np.ix_([1, 2, 0], [1, 2, 0])
    rng = np.random.default_rng(0)
    chain = {"startprob": [0.2, 0.3, 0.5], "transmat": rng.dirichlet(np.ones(3), 3)}
    emission = Categorical(rng.dirichlet(np.ones(3), 3))
    m = Model(**chain, emission=emission, max_iter=5, tol=0, accelerate=False, **options)
    X = [rng.integers(0, 3, 30) for _ in range(4)]
    r = m.reorder(order).fit(X)
    m.fit(X)
    assert_allclose(r.transmat_, m.transmat_[places])
    assert_allclose(r.startprob_, m.startprob_[order])
    assert_allclose(r.emission_.probs, m.emission_.probs[order])
    if "endprob" in options:
        assert_allclose(r.endprob_, m.endprob_[order])
    assert_array_equal(m.reorder([0, 1, 2]).statistics_.trans, m.statistics_.trans)
    assert not hasattr(m.reorder(order), "statistics_")  # they are in the old order


def test_the_report_goes_along():
    facts = {
        "states_without_evidence": ["a"], "unreachable_states": ["b"], "twin_states": [["a", "c"]], "missing": 3,
        "at_limits": [(0, "dofs")], "cells_without_evidence": [(2, "x")],
    }  # fmt: skip
    assert renamed(facts, Symbols("abc"), Symbols("BCA"), [1, 2, 0]) == {
        "states_without_evidence": ["A"], "unreachable_states": ["B"], "twin_states": [["A", "C"]], "missing": 3,
        "at_limits": [(2, "dofs")], "cells_without_evidence": [(1, "x")],
    }  # fmt: skip


def test_relabel_maps_names():
    m = Model(3, Gaussian(), random_state=0).fit(x)
    named = m.relabel({0: "low", 1: "middle", 2: "high"})
    assert named.states_.tolist() == ["low", "middle", "high"] and m.states_.tolist() == [0, 1, 2]
    assert named.relabel({"low": "l"}).predict(x)[-1] == "l"
    assert_array_equal(named.fit(x).states_, ["low", "middle", "high"])
    with pytest.raises(ValueError, match="7"):
        m.relabel({7: "x"})
    with pytest.raises(ValueError):
        m.relabel({0: 1})
    with pytest.raises(TypeError, match="mapping"):
        m.relabel(["a", "b", "c"])
    with pytest.raises(TypeError, match=r"leaves out \[1, 2\]"):
        m.relabel({0: "low"})


def test_align_finds_the_other_models_order_and_names():
    m = Model(3, Gaussian(), random_state=0).fit(x)
    other = Model(3, Gaussian(), random_state=5).fit(x[::-1]).relabel({0: "l", 1: "m", 2: "h"}).reorder([1, 2, 0])
    aligned = m.align(other)
    assert aligned.states_.tolist() == ["m", "h", "l"]
    assert_allclose(aligned.emission_.means, other.emission_.means, atol=0.1)
    with pytest.raises(ValueError, match="2 states"):
        m.align(Model(2, Gaussian(), random_state=0).fit(x))
    with pytest.raises(TypeError, match="one of"):
        m.align(Model(3, Categorical(), random_state=0).fit("abcabcab"))


def test_align_takes_the_names_of_labels():
    y = np.repeat(["m", "l", "h", "m", "h", "l"], 40)
    m = Model(3, Gaussian(), random_state=0).fit(x).align(x, y)
    assert sorted(m.states_) == ["h", "l", "m"]
    assert (m.predict(x) == y).mean() > 0.9
    some = [None if t % 3 else label for t, label in enumerate(y)]
    assert m.align(x, some).states_.tolist() == m.states_.tolist()
    with pytest.raises(ValueError, match="no label"):
        m.align(x, [None] * len(x))
    with pytest.raises(TypeError, match=r"y, step 0: 0\.5 is a float"):
        m.align(x, [0.5] * len(x))
    with pytest.raises(ValueError, match="rows differ in length"):
        m.reorder([[0, 1], [2]])
    with pytest.raises(ValueError, match="2 labels"):
        m.align(x, np.where(y == "m", "l", y))
    with pytest.raises(TypeError, match="align"):
        m.align(x)
