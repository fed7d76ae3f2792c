"""Viterbi training: EM that counts the most probable path alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shared import random_params

from chmm import Categorical, Gaussian, Model

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


@pytest.mark.parametrize("seed", range(6))
def test_a_step_decodes_and_counts(seed):
    rng = np.random.default_rng(seed)
    params = random_params(rng, 3, 4)
    X = [rng.integers(0, 4, t) for t in (30, 1, 12)]
    weight = np.array([1.0, 2.0, 3.0])
    options = {"pseudocount": 0.3, "tol": 0}
    m = params.model(training="viterbi", max_iter=4, **options).fit(X, sample_weight=weight)
    by_hand, objectives = params.model(**options), []
    for _ in range(4):
        decoded = by_hand.decode(X)
        prior = 0.3 * sum(np.log(a).sum() for a in (by_hand.startprob_, by_hand.transmat_, by_hand.emission_.probs))
        objectives.append(sum(w * d.log_prob for w, d in zip(weight, decoded, strict=True)) + prior)
        counted = Model(states=range(3), emission=Categorical(symbols=range(4)), pseudocount=0.3)
        counted.fit(X, [d.path for d in decoded], sample_weight=weight)
        by_hand = Model(emission=counted.emission_, startprob=counted.startprob_, transmat=counted.transmat_)
    k = len(m.history_)
    assert k == 4 or m.converged_
    assert_allclose(m.history_, objectives[:k], rtol=1e-10)
    assert_allclose(m.transmat_, by_hand.transmat_, rtol=1e-10)
    assert_allclose(m.loglik_, sum(w * m.score([x]) for w, x in zip(weight, X, strict=True)), rtol=1e-10)


@pytest.mark.parametrize("family", [Gaussian, Categorical])
def test_it_climbs_to_a_fixed_point(family):
    rng = np.random.default_rng(3)
    x = rng.normal(np.repeat([0, 4, 1, 4], 40)) if family is Gaussian else rng.integers(0, 5, 300)
    m = Model(3, family(), training="viterbi", random_state=0, pseudocount=0.01).fit(x)
    assert m.converged_ and (np.diff(m.history_) >= -1e-9).all()
    again = Model(
        3, m.emission_, startprob=m.startprob_, transmat=m.transmat_, training="viterbi", pseudocount=0.01
    ).fit(x)  # fmt: skip
    assert again.history_[-1] - m.history_[-1] <= m.tol


def test_final_states_and_zeros_hold():
    a = [[0.5, 0.5], [0, 1]]
    options = {"startprob": [1, 0], "transmat": a, "states": "ab", "final_states": "b"}
    m = Model(emission=Categorical(), training="viterbi", random_state=0, pseudocount=0.1, **options)
    m.fit([[0, 0, 1, 1, 1], [0, 1, 1]])
    assert m.transmat_[1, 0] == 0 and m.decode([0, 0, 1]).path[-1] == "b"


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="training = 'hard' must be one of 'baum-welch', 'viterbi'"):
        Model(2, training="hard").fit([[0, 1]])
