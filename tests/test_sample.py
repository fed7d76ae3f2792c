"""What a model draws follows the model."""

import random

import numpy as np
import pytest
from models import given, numbers, tagger, weather
from shared import assert_plausible, random_params, same_bits

from chmm import Categorical, Model

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


@pytest.mark.parametrize("n, m", [(1, 2), (2, 3), (4, 5), (12, 30)])
def test_samples_follow_the_model(n, m):
    params = random_params(np.random.default_rng(n), n, m, zeros=0.2)
    x, states = params.model().sample(100_000, random_state=1)
    moves, shown = np.zeros((n, n)), np.zeros((n, m))
    np.add.at(moves, (states[:-1], states[1:]), 1)
    np.add.at(shown, (states, x), 1)
    assert_plausible(moves, params.transmat)
    assert_plausible(shown, params.probs)


def test_many_samples_start_as_they_should():
    params = random_params(np.random.default_rng(0), 3, 4)
    X, states = params.model().sample(2, 20_000, random_state=0)
    assert len(X) == len(states) == 20_000
    assert_plausible(np.bincount([path[0] for path in states], minlength=3).astype(float), params.startprob)


def test_a_sample_is_possible_and_its_score_is_that_of_its_path():
    m = random_params(np.random.default_rng(1), 4, 5, zeros=0.5).model()
    X, states = m.sample(30, 50, random_state=0)
    assert np.isfinite(m.score(X, states))
    assert all(len(x) == len(path) == 30 for x, path in zip(X, states))


def test_forms_of_samples():
    one, several = tagger().sample(8, random_state=0), tagger().sample(8, 3, random_state=0)
    assert isinstance(one.X, str) and len(one.X) == 8 and set(one.states) <= set("BMES")
    assert len(several.X) == 3 and all(isinstance(x, str) for x in several.X)
    assert isinstance(weather().sample(8).X, np.ndarray) and weather().sample(8).states.dtype == np.intp
    assert given().sample(8).states.dtype.kind == "i" and set(given().sample(50).states) == {1, 2, 3}
    assert numbers().sample(8).X.dtype.kind == "i"
    assert len(tagger().sample(0).X) == 0 and tagger().sample(5, 0).X == []


def test_the_same_seed_draws_the_same_sample():
    m = given()
    assert all(map(same_bits, m.sample(50, random_state=3), m.sample(50, random_state=3)))
    assert not np.array_equal(m.sample(50, random_state=3).X, m.sample(50, random_state=4).X)
    assert not np.array_equal(m.sample(50).X, m.sample(50).X)


def test_no_global_random_state_is_touched():
    def state():
        return random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

    before = state()
    for seed in (0, None):
        m = Model(3, Categorical(), random_state=seed, max_iter=2).fit([[0, 1, 2, 1, 0]] * 3)
        m.sample(20, random_state=seed)
        m.posteriors([0, 1, 2])
    assert before == state()
