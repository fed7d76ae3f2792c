"""Stepwise EM: how the statistics of one batch after another are put together."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from chmm import ConvergenceWarning, Gaussian, Model, NotFittedError, Statistics
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


# ---------------------------------------------------------------------------------------------------- partial_fit


def values(seed=0, n=40):
    return np.random.default_rng(seed).normal(np.repeat([0, 5], n))


def test_whole_steps_over_the_same_data_are_em():
    x, options = values(), {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]]}
    emission = Gaussian([1, 2], [4, 4], prior=0)
    em = Model(emission=emission, max_iter=5, tol=0, accelerate=False, **options)
    with pytest.warns(ConvergenceWarning):
        em.fit(x)
    m = Model(emission=emission, **options)
    for _ in range(5):
        assert m.partial_fit(x, step=1) is m
    assert_allclose(m.history_, em.history_, rtol=1e-12)
    assert_allclose(m.transmat_, em.transmat_, rtol=1e-9)
    assert_allclose(m.emission_.means, em.emission_.means, rtol=1e-9)


def test_the_first_batch_is_a_step_from_its_own_start_values():
    x = values()
    m = Model(2, Gaussian(), random_state=3).partial_fit(x)
    started = Model(2, Gaussian(), random_state=3).start(x)
    by_hand = started.m_step(started.e_step(x))
    assert_allclose(m.transmat_, by_hand.transmat_, rtol=1e-12)
    assert_allclose(m.emission_.means, by_hand.emission_.means, rtol=1e-12)
    assert m.n_iter_ == 1 and m.report_["n_batches"] == 1


def test_many_batches_come_near_to_the_truth():
    m = Model(2, Gaussian(), random_state=0)
    for seed in range(40):
        m.partial_fit([values(seed), values(1000 + seed)])
    assert_allclose(np.sort(m.emission_.means.ravel()), [0, 5], atol=0.1)
    assert_allclose(m.emission_.covariances, 1, atol=0.15)
    assert m.report_["n_steps"] == 40 * 160 and m.statistics_.n_steps == 40 * 160


def test_states_keep_their_order_and_a_fit_can_go_on():
    x = values()
    m = Model(2, Gaussian(), random_state=0, state_order=None).fit(x).reorder([1, 0])
    with pytest.raises(NotFittedError, match="statistics"):
        m.partial_fit(x)
    m = Model(2, Gaussian(), random_state=0).fit(x)
    means = m.emission_.means.copy()
    m.partial_fit(values(1))
    assert_allclose(m.emission_.means, means, atol=0.6)


def test_weights_are_repeats():
    X = [values(1), values(2)]
    options = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]]}
    one, other = (Model(emission=Gaussian([1, 2], [4, 4], prior=0), **options) for _ in range(2))
    one.partial_fit(X, sample_weight=[1, 2])
    other.partial_fit([X[0], X[1], X[1]])
    assert_allclose(one.emission_.means, other.emission_.means, rtol=1e-9)


@pytest.mark.parametrize("step", [0, 1.5, -1, np.nan])
def test_a_step_is_a_share(step):
    with pytest.raises(ValueError, match="step"):
        Model(2, Gaussian()).partial_fit(values(), step=step)


def test_a_batch_that_is_refused_changes_nothing():
    m = Model(2, Gaussian(), random_state=0).partial_fit(values())
    before = m.transmat_
    with pytest.raises(ValueError):
        m.partial_fit([1.0, np.inf])
    assert m.transmat_ is before and m.n_iter_ == 1


def test_labels_of_a_batch_are_counted():
    x, y = values(), np.repeat(["low", "high"], 40)
    m = Model(emission=Gaussian(prior=0), random_state=0).partial_fit(x, y)
    counted = Model(emission=Gaussian(prior=0)).fit(x, y)
    assert_allclose(m.emission_.means, counted.emission_.means, rtol=1e-9)
    assert_allclose(m.transmat_, counted.transmat_, rtol=1e-9)
    m.partial_fit(values(1))
    assert m.states_.tolist() == ["high", "low"] and m.report_["n_batches"] == 2
