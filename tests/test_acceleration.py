"""Extrapolated EM: it never falls, ends where EM ends, and takes fewer steps."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from chmm import Bernoulli, Categorical, Gamma, Gaussian, Mixture, Model, PerState, Poisson, Product, StudentT, VonMises
from chmm.acceleration import WARM, Climb, Run, Vectors, attempt, quasi_newton
from chmm.statistics import Statistics

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

LEFT_RIGHT = np.triu(np.ones((3, 3))) / [[3], [2], [1]]
FAMILIES = [
    Categorical(),
    Poisson(),
    Bernoulli(),
    Gaussian(),
    Gaussian(covariance="tied"),
    StudentT(),
    Mixture(Gaussian(), 2),
    PerState([Gaussian(), StudentT(), Gaussian()]),
]


def data(family, seed=0, n_steps=300):
    rng = np.random.default_rng(seed)
    q = np.repeat(rng.integers(0, 3, n_steps), rng.integers(1, 8, n_steps))[:n_steps]
    if isinstance(family, Bernoulli):
        return (rng.random(n_steps) < np.array([0.2, 0.5, 0.9])[q]).astype(int)
    if isinstance(family, Categorical | Poisson):
        return rng.poisson(np.array([1, 4, 9])[q])
    return rng.normal(np.array([0, 2, 5])[q], 1)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("options", [{}, {"pseudocount": 0.5}, {"transmat": LEFT_RIGHT}])
def test_the_objective_never_falls(family, options):
    m = Model(3, family, n_init=2, random_state=0, **options).fit(data(family))
    assert np.diff(m.history_).min() > -1e-9 * abs(m.history_[-1])


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
def test_it_ends_at_a_fixed_point_of_plain_em(family):
    x = data(family, 1)
    m = Model(3, family, n_init=1, random_state=1, tol=1e-8, max_iter=3000).fit(x)
    again = Model(
        3, m.emission_, startprob=m.startprob_, transmat=m.transmat_, accelerate=False, tol=0, max_iter=5
    ).fit(x)
    assert again.history_[-1] - m.history_[-1] < 1e-5


def test_a_slow_fit_takes_a_fraction_of_the_steps():
    rng = np.random.default_rng(0)
    x = rng.normal(np.repeat(rng.integers(0, 2, 200), 5) * 1.2, 1)  # two states that overlap
    given = {"startprob": [0.5, 0.5], "transmat": [[0.6, 0.4], [0.4, 0.6]], "max_iter": 5000}
    fast = Model(2, Gaussian([0.1, 0.2], [1, 1]), tol=1e-6, **given).fit(x)
    slow = Model(2, Gaussian([0.1, 0.2], [1, 1]), tol=1e-9, accelerate=False, **given).fit(x)
    height = slow.history_[-1] - 1e-4
    assert fast.history_[-1] > height
    assert 2 * np.searchsorted(fast.history_, height) < np.searchsorted(slow.history_, height)


def test_zeros_and_frozen_parameters_stay():
    x = data(Gaussian())
    a = [[0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]]
    m = Model(3, Gaussian([0, 2, 5], frozen="means"), transmat=a, random_state=0).fit(x)
    assert (m.transmat_[np.array(a) == 0] == 0).all()
    assert_allclose(m.emission_.means.ravel(), [0, 2, 5], rtol=0)


def test_several_channels_are_extrapolated_together():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.gamma(3, size=200), rng.vonmises(0, 2, 200)])
    m = Model(2, Product(Gamma(), VonMises()), random_state=0).fit(x)
    assert np.diff(m.history_).min() > -1e-9 * abs(m.history_[-1])


# --------------------------------------------------------------------------------------------------- by itself


class Linear:
    """EM for a toy: a matrix moves statistics towards a target; the objective is minus the distance."""

    def __init__(self, matrix, target):
        self.matrix, self.target, self.n = matrix, target, 0

    def expect(self, x):
        self.n += 1
        moved = self.target + self.matrix @ (x - self.target)
        emission = SimpleNamespace(recentre=lambda statistics, other: statistics)
        statistics = Statistics(moved[:2], moved[2:].reshape(2, 2), {}, 0.0, 1, 1)
        return SimpleNamespace(x=x, emission=emission, statistics=statistics, objective=-np.abs(x - self.target).max())

    def maximise(self, point, statistics):
        return np.append(statistics.start, statistics.trans)


def test_a_linear_map_is_solved_by_its_secants():
    target = np.arange(1.0, 7)
    em = Linear(np.diag([0.999, 0.99, 0.9, 0.5, 0.1, 0.01]), target)
    climb = Climb(em, target + 1)
    for _ in range(1 + WARM + 40):
        climb.step()
    assert climb.point.objective > -1e-6  # as many steps of the map itself would leave .96


def test_quasi_newton_finds_the_fixed_point_of_a_linear_map_with_as_many_secants_as_dimensions():
    rng = np.random.default_rng(0)
    matrix, target = 0.9 * np.linalg.qr(rng.normal(size=(4, 4)))[0], rng.normal(size=4)

    def move(x):
        return target + matrix @ (x - target)

    xs = rng.normal(size=(4, 4))
    firsts = np.array([move(x) - x for x in xs])
    seconds = np.array([move(move(x)) - move(x) for x in xs])
    x = xs[-1]
    step = move(move(x)) - move(x)
    jump = quasi_newton(firsts, seconds, step, np.ones(4))
    assert_allclose(move(move(x)) + jump, target, atol=1e-9)


def test_secants_that_say_nothing_give_no_jump():
    assert quasi_newton(np.zeros((4, 3)), np.zeros((4, 3)), np.ones(3), np.ones(3)) is None


def test_a_jump_to_impossible_parameters_is_dropped():
    class Broken(Linear):
        def maximise(self, point, statistics):
            raise ValueError("no such parameters")

    em = Broken(np.eye(6), np.zeros(6))
    point = em.expect(np.ones(6))
    assert attempt(em, point, point.statistics) is None


def test_vectors_give_back_the_statistics_they_were_made_of():
    rng = np.random.default_rng(0)
    one, other = Gaussian([0, 3], [1, 2]), Gaussian([1, 2.5], [2, 1])
    values, weights = rng.normal(size=(50, 1)), rng.random((50, 2))

    def point(emission):
        tallies = emission.statistics(values, weights)
        statistics = Statistics(np.ones(2), np.ones((2, 2)), tallies, 0.0, 1, 50)
        return SimpleNamespace(emission=emission, statistics=statistics)

    vectors = Vectors(point(one))
    assert_allclose(vectors.of(point(one)), vectors.of(point(other)), atol=1e-10)
    back = vectors.statistics(vectors.of(point(one)), point(other))
    for key, value in point(other).statistics.emission.items():
        assert_allclose(back.emission[key], value, atol=1e-10)


def test_a_run_can_be_continued():
    target = np.ones(6)
    whole, parts = (Run(Linear(0.9 * np.eye(6), target), target + 1, 0) for _ in range(2))
    whole.advance(9)
    for n in (1, 5, 3):
        parts.advance(n)
    assert parts.history == whole.history and parts.n_steps == 9


@pytest.mark.parametrize("options", [{}, {"accelerate": False}, {"memory": 0}], ids=str)
@pytest.mark.parametrize("before", range(24))
def test_another_run_goes_on_from_a_state_with_the_same_bits(before, options):
    def run():
        return Run(Linear(np.diag([0.999, 0.99, 0.9, 0.5, 0.1, 0.01]), np.arange(6.0)), np.ones(6), 0, **options)

    whole, broken, resumed = run(), run(), run()
    broken.advance(before)
    state = broken.state()
    broken.advance(10)  # of which the state knows nothing
    resumed.restore(state)
    for other in (whole, resumed):
        other.advance(40 - other.n_steps)
    assert whole.history == resumed.history and (whole.n_dropped, whole.left) == (resumed.n_dropped, resumed.left)


def test_an_m_step_that_lowers_the_objective_ends_the_run_before_it():
    target = np.ones(6)
    run = Run(Linear(2 * np.eye(6), target), target + 1, 0)  # away from the target
    run.advance(100)
    assert run.fell and run.history == [-1.0]
