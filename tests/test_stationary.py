"""Where a chain settles."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shared import random_params

from chmm import Categorical, Model

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


@pytest.mark.parametrize("n", [1, 2, 3, 10, 60])
def test_the_stationary_distribution_stays(n):
    m = random_params(np.random.default_rng(n), n, 3).model()
    p = m.stationary_distribution()
    assert p.shape == (n,) and (p >= 0).all()
    assert_allclose(p.sum(), 1, rtol=1e-12)
    assert_allclose(p @ m.transmat_, p, atol=1e-13)


@pytest.mark.parametrize(
    "transmat, stationary",
    [
        ([[0.9, 0.1], [0.2, 0.8]], [2 / 3, 1 / 3]),
        ([[0, 1], [1, 0]], [0.5, 0.5]),  # periodic
        ([[0.5, 0.5], [0, 1]], [0, 1]),  # the last state absorbs
        ([[1 - 1e-12, 1e-12], [2e-12, 1 - 2e-12]], [2 / 3, 1 / 3]),
    ],
)
def test_stationary_distributions_by_hand(transmat, stationary):
    m = Model(startprob=[0.5, 0.5], transmat=transmat, emission=Categorical([[0.5, 0.5]] * 2))
    assert_allclose(m.stationary_distribution(), stationary, rtol=1e-3, atol=1e-14)


def test_of_several_stationary_distributions_none_is_made_up():
    m = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Categorical([[0.5, 0.5]] * 2))
    with pytest.raises(ValueError, match="stationary"):
        m.stationary_distribution()


@pytest.mark.parametrize("dust", [0, 1e-30, 1e-17])
def test_what_is_below_the_rounding_of_its_row_is_no_connection(dust):
    m = Model(startprob=[0.5, 0.5], transmat=[[1, dust], [dust, 1]], emission=Categorical([[0.5, 0.5]] * 2))
    with pytest.raises(ValueError, match="not unique"):
        m.stationary_distribution()


def test_dust_of_em_is_no_connection(tmp_path):
    """Two sets of sequences with nothing in common: whatever grains EM leaves between them, no step was seen."""
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 5, 60).tolist(), rng.integers(5, 10, 60).tolist()]
    probs = [[0.15] * 5 + [0.05] * 5, [0.05] * 5 + [0.15] * 5]
    for seed in range(6):
        m = Model(2, Categorical(probs), random_state=seed, max_iter=2000, accelerate=False).fit(X)
        assert_allclose(m.transmat_, np.eye(2), atol=1e-9)
        m.save(tmp_path / "m")
        for model in (m, Model.load(tmp_path / "m")):
            dust = " is no connection" if model.transmat_[0, 1] + model.transmat_[1, 0] > 0 else ""
            with pytest.raises(ValueError, match=f"not unique.*{dust}"):
                model.stationary_distribution()
        grains = int(((m.transmat_ > 0) & (m.transmat_ < 1e-9)).sum())
        assert m.report_.get("transitions_without_evidence", 0) == grains


def test_a_state_without_evidence_is_told():
    given = {"startprob": [1, 0], "transmat": [[1 - 1e-12, 1e-12], [0.5, 0.5]]}
    m = Model(emission=Categorical([[0.9, 0.1]] * 2), accelerate=False, **given)
    assert m.fit([[0, 1, 0, 0]]).report_["states_without_evidence"] == [1]
