"""Stepwise EM: how the statistics of one batch after another are put together."""

import numpy as np
from numpy.testing import assert_allclose

from chmm import Gaussian, Statistics
from chmm.stepwise import blended, step_size


def batch(emission, values):
    weights = np.full((len(values), emission.n_states), 1 / emission.n_states)
    tallies = emission.statistics(values[:, None], weights)
    return Statistics(np.full(2, 0.5), np.full((2, 2), (len(values) - 1) / 4), tallies, -1.0, 1, len(values))


def test_the_first_batch_counts_whole_and_later_ones_less_and_less():
    sizes = [step_size(k) for k in range(50)]
    assert sizes[0] == 1 and np.diff(sizes).max() < 0
    assert_allclose(sizes[3], 5**-0.6)


def test_two_alike_batches_blend_to_statistics_of_their_size():
    emission, values = Gaussian([0, 3], [1, 1]), np.random.default_rng(0).normal(size=40)
    one = batch(emission, values)
    both = blended(one, emission, one, emission, 0.3)
    assert (both.n_steps, both.n_sequences) == (80, 2)
    assert_allclose(both.trans, 2 * one.trans)
    assert_allclose(both.emission["sums"], 2 * one.emission["sums"])


def test_statistics_about_other_means_are_moved_before_they_are_added():
    values = np.random.default_rng(0).normal(size=40)
    before, after = Gaussian([0, 3], [1, 1]), Gaussian([1, 2], [1, 1])
    moved = blended(batch(before, values), before, batch(after, values), after, 0.25)
    for key, value in batch(after, values).emission.items():
        assert_allclose(moved.emission[key], 2 * value, atol=1e-9)
