"""What print(model) tells, and the reprs of the small things."""

import numpy as np
import pytest
from models import tagger, weather
from shared import random_params

import chmm
from chmm import Categorical, Gaussian, MarkovChain, Model, Poisson

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def test_repr_says_what_it_is():
    assert all(word in repr(tagger()) for word in ("Model", "B", "M", "E", "S"))
    assert all(word in repr(weather()) for word in ("Model", "walk", "shop", "clean"))


def test_repr_says_whether_and_how_it_converged():
    X = [[0, 1, 1, 0, 2, 2, 1, 0, 0, 1]] * 2
    capped = Model(2, random_state=0, max_iter=3, tol=0).fit(X)
    done = Model(2, random_state=0, max_iter=1000, tol=0.1).fit(X)
    assert "converged" in repr(done) and str(done.n_iter_) in repr(done)
    assert repr(capped) != repr(done) and "3" in repr(capped)


def test_one_is_singular():
    for family in (Gaussian([0], [1]), Poisson([2]), Categorical([[1.0]], symbols="a")):
        told = repr(Model(startprob=[1], transmat=[[1]], emission=family))
        assert "1 state" in told and "1 states" not in told and "1 symbols" not in told


def test_repr_before_any_fit():
    assert "Model" in repr(Model(3)) and "3" in repr(Model(3))
    given = Model(startprob=[1.0], transmat=[[1.0]], emission=Categorical([[0.5, 0.5]], symbols="ab"))
    assert "with given parameters" in (before := repr(given))
    given.predict("ab")
    assert repr(given) == before
    assert "startprob=[2.0]" in repr(Model(startprob=[2.0], transmat=[[1.0]], emission=given.emission))


def test_repr_of_a_large_model_is_short():
    rng = np.random.default_rng(0)
    assert len(repr(random_params(rng, 200, 5000).model())) < 5000


def test_reprs_of_the_small_things():
    assert "Categorical" in repr(Categorical([[0.5, 0.5]], symbols="ab"))
    assert "MarkovChain" in repr(MarkovChain().fit(["abab"]))
    assert "Segmenter" in repr(chmm.Segmenter())


def test_the_public_names():
    for name in (
        "Model",
        "MarkovChain",
        "Segmenter",
        "Categorical",
        "Emission",
        "Statistics",
        "NotFittedError",
        "ConvergenceWarning",
    ):
        assert getattr(chmm, name).__doc__, name


def test_repr_says_what_it_learnt_from():
    assert "learnt from 2 sequences, 6 steps (words)" in repr(weather())
    assert "learnt from 3 sequences, 22 steps (characters), with labels" in repr(tagger())
    assert "learnt from 1 sequence, 4 steps (numbers)" in repr(Model(1, Gaussian()).fit([0.5, 1.5, 0.25, 0.75]))
    assert "with given parameters" in repr(model_with([1, 0]))


def model_with(startprob):
    model = Model(startprob=startprob, transmat=np.eye(2), emission=Categorical([[0.5, 0.5]] * 2))
    model.score([0, 1])
    return model


@pytest.mark.parametrize(
    "startprob, told",
    [
        ([0.99988, 0.00012], ["0.99988", "0.00012"]),
        ([1, 0], ["start 1,", "start 0,"]),
        ([1 - 1e-14, 1e-14], ["~1", "~0"]),
        ([1.0, 3e-298], ["start 1,", "~0"]),
        ([1 / 3, 2 / 3], ["0.333", "0.667"]),
    ],
)
def test_probabilities_read_0_or_1_only_where_they_are(startprob, told):
    assert all(text in repr(model_with(startprob)) for text in told)
