"""Fits over data in pieces: as in one piece, in the same bits for any number of threads, with nothing half-changed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import chmm
from chmm import Gaussian, Mixture, Model, Poisson, StudentT, starts

SIZES = (5, 0, 30, 10, 1)  # sequences of the shards
pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def numbers(rng, n=40):
    return rng.normal(np.repeat(rng.integers(0, 3, n // 10 + 1), 10)[:n] * 3.0)


def symbols(rng, n=40):
    return rng.integers(0, 4, n) // (1 + np.arange(n) % 2)


def texts(rng, n=40):
    return "".join(rng.choice(list("abcd"), n))


def drawn(draw, sizes=SIZES, seed=0):
    rng = np.random.default_rng(seed)
    return [[draw(rng, int(rng.integers(5, 60))) for _ in range(n)] for n in sizes]


def together(pieces):
    return [x for piece in pieces for x in piece]


def bits(model):
    """All numbers that a fit gives."""
    tallies = model.statistics_.emission
    arrays = [model.startprob_, model.transmat_, model.history_, *tallies.values(), model.statistics_.trans]
    return [np.asarray(a).tobytes() for a in (*arrays, model.loglik_)]


FAMILIES = {
    "Gaussian": (Gaussian, numbers),
    "symbols": (lambda: "auto", symbols),
    "texts": (lambda: "auto", texts),
    "Poisson": (Poisson, lambda rng, n: rng.poisson(numbers(rng, n).clip(0.1))),
    "StudentT": (StudentT, numbers),
    "Mixture": (lambda: Mixture(Gaussian(), 2), numbers),
}
every_family = pytest.mark.parametrize("family, draw", FAMILIES.values(), ids=FAMILIES)


@every_family
def test_shards_that_starts_see_whole_are_fitted_as_one_list(family, draw):
    pieces = drawn(draw)
    one = Model(2, family(), random_state=0, max_iter=40).fit(together(pieces))
    many = Model(2, family(), random_state=0, max_iter=40).fit(chmm.shards(pieces))
    assert bits(one) == bits(many)
    assert many.statistics_.shards == frozenset(range(len(pieces)))
    assert one.report_ == many.report_


@every_family
@pytest.mark.parametrize("options", [{}, {"training": "viterbi"}, {"endprob": True}], ids=["EM", "hard", "ends"])
def test_shards_reach_what_a_fit_of_everything_reaches_in_the_same_bits_for_any_number_of_threads(
    family, draw, options, monkeypatch
):
    monkeypatch.setattr(starts, "MOST", 600)
    pieces = drawn(draw)
    model = Model(2, family(), random_state=0, max_iter=60, n_init=3, **options)
    fits = [model.set_params(n_jobs=n_jobs).fit(chmm.shards(pieces))._fit for n_jobs in (1, 2, 3)]
    fits = [model._with(fit) for fit in fits]
    assert bits(fits[0]) == bits(fits[1]) == bits(fits[2])
    one = fits[0]
    X = together(pieces)
    assert one.statistics_.n_steps == sum(map(len, X)) and one.statistics_.n_sequences == len(X)
    assert (np.diff(one.history_) >= 0).all()
    assert_allclose(one.loglik_, one.score(X) if not options.get("training") else one.loglik_, rtol=1e-10)
    again = one.start(X)  # one step of EM from these parameters, over everything
    again = again._with(one._fit)
    statistics = again.e_step(X)
    if one.converged_:
        assert_allclose(statistics.trans, one.statistics_.trans, rtol=1e-7, atol=1e-9)
