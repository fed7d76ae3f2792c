"""The callback of a fit: what it is told, how it stops a fit, and what stays when it is broken off."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shared import same_bits

from chmm import Categorical, Gaussian, Model, subset
from chmm.report import Progress

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
x = np.random.default_rng(0).normal(np.repeat([0, 4, 0, 4], 30))


def learnt(m):
    return m.startprob_, m.transmat_, m.emission_.means, m.emission_.covariances, m.history_


def model(**options):
    return Model(2, Gaussian(), random_state=0, **options)


def test_it_is_told_every_step():
    seen: list[Progress] = []
    m = model(n_init=4).fit(x, callback=seen.append)
    assert {p.start for p in seen} == set(range(4)) and {p.n_starts for p in seen} == {4}
    assert m.history_[-1] in [p.objective for p in seen]
    seen.clear()
    m = model(n_init=1).fit(x, callback=seen.append)
    winner = seen
    assert [p.step for p in winner] == list(range(1, len(winner) + 1))
    objectives = [p.objective for p in winner]
    assert all(np.diff(objectives) >= -1e-9) and objectives[-1] == m.history_[-1]
    gains = [p.gain for p in winner[1:]]
    assert_allclose(gains, np.diff(objectives), atol=1e-12)
    assert all(np.diff([p.seconds for p in seen]) >= 0)


def test_a_silent_callback_changes_nothing():
    for alone, told in zip(learnt(model().fit(x)), learnt(model().fit(x, callback=lambda p: None))):
        assert same_bits(alone, told)


def test_true_stops_and_keeps_the_best_so_far():
    seen: list[Progress] = []

    def enough(progress):
        seen.append(progress)
        return len(seen) == 30

    m = model(n_init=5, state_order=None).fit(x, callback=enough)
    best = max(seen, key=lambda p: p.objective)
    assert len(seen) == 30 and not m.converged_ and m.report_["stopped"] == "callback"
    assert m.history_[-1] == best.objective
    assert_allclose(m.score(x), m.loglik_, rtol=1e-12)
    assert_allclose(m.loglik_ + m.emission_.log_prior(), best.objective, rtol=1e-9)


@pytest.mark.parametrize("n_steps", [120, 160, 200, 250])
def test_it_stops_while_states_are_moved(n_steps):
    seen: list[float] = []

    def enough(progress):
        seen.append(progress.objective)
        return len(seen) == n_steps

    m = Model(5, Gaussian(), random_state=0, n_init=2).fit(x, callback=enough)
    assert len(seen) == n_steps and m.report_["stopped"] == "callback"
    assert_allclose(m.history_[-1], max(seen), rtol=1e-12)


@pytest.mark.parametrize("answer", [lambda p: int("one"), lambda p: np.zeros(2)], ids=["an error", "no truth"])
def test_an_error_of_the_callback_is_no_failure_of_a_start(answer):
    m = model()
    with pytest.raises(ValueError, match=r"'one'|ambiguous"):
        m.fit(x, callback=answer)
    assert not hasattr(m, "startprob_")


def test_its_model_answers_saves_and_stays(tmp_path):
    kept: list[Model] = []
    model(n_init=2).fit(x, callback=lambda p: kept.append(p.model()))
    scores = [m.score(x) for m in kept]
    kept[3].save(tmp_path / "kept")
    assert Model.load(tmp_path / "kept").score(x) == scores[3]
    assert max(scores) > scores[0]


@pytest.mark.parametrize("broken", [KeyboardInterrupt, ZeroDivisionError])
def test_what_ends_a_fit_leaves_the_model_as_it_was(broken):
    kept = []

    def end(progress):
        kept.append(progress.model())
        if len(kept) == 7:
            raise broken

    fresh = model()
    with pytest.raises(broken):
        fresh.fit(x, callback=end)
    assert not hasattr(fresh, "transmat_")
    fitted = model().fit(x)
    before = learnt(fitted)
    kept.clear()
    with pytest.raises(broken):
        fitted.fit(x + 1, callback=end)
    assert all(map(same_bits, before, learnt(fitted)))
    assert np.isfinite(kept[2].score(x))


@pytest.mark.parametrize("when", [5, 60])
def test_it_stops_a_fit_that_still_sees_pieces(monkeypatch, when):
    monkeypatch.setattr(subset, "MOST", 400)
    y = np.random.default_rng(1).integers(0, 2, 3000)
    count = iter(range(1, 10**6))
    m = Model(2, Categorical(), random_state=0, n_init=2).fit(y, callback=lambda p: next(count) == when)
    assert_allclose(m.score(y), m.loglik_, rtol=1e-12)
    assert m.report_["n_steps"] == m.statistics_.n_steps == 3000


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="callback"):
        model().fit(x, callback=3)
