"""The order of states, and which state of one model is which of another."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import Categorical, Gaussian, StudentT, VonMises
from chmm.ordering import assignment, canonical, confusion, likeness


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
