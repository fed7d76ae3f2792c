"""Start values: every kind gives proper ones, what is given stays, and neither order nor size of the data matters."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import (
    Categorical,
    Gaussian,
    Mixture,
    Model,
    Multinomial,
    PerState,
    Poisson,
    Precomputed,
    Product,
    StudentT,
    Tied,
    baum_welch,
    checks,
    gathering,
    inference,
    sequences,
    starts,
    subset,
)
from chmm.acceleration import Run
from chmm.passes import Told, Whole

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def told(model, X, weight=None):
    """(problem, structure, emission), as a fit has them."""
    structure, emission, problem = gathering.prepared(model, sequences.read(X), None, None, weight)
    return problem, structure, emission


def numbers(seed=0, lengths=(80, 3, 40)):
    rng = np.random.default_rng(seed)
    return [np.repeat(rng.normal(0, 3, n), 4)[:n] + rng.normal(size=n) for n in lengths]


def symbols(seed=0, lengths=(80, 3, 40)):
    return [np.abs(x).astype(int) for x in numbers(seed, lengths)]


FAMILIES = [
    (Gaussian(), numbers),
    (StudentT(), numbers),
    (Mixture(Gaussian(), 2), numbers),
    (Poisson(), symbols),
    (Categorical(), symbols),
    (PerState([Gaussian(), StudentT(), Gaussian()]), numbers),
]


@pytest.mark.parametrize("family, data", FAMILIES, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("kind", [starts.by_values, starts.by_mixture, starts.by_windows, starts.loose, starts.by_cuts,
                                  starts.by_best_cuts])  # fmt: skip
def test_every_kind_gives_proper_values_on_every_scale(family, data, kind):
    view = starts.View(*told(Model(3, family), data()))
    for u in (0.0, 0.3, 0.999):
        startprob, transmat, emission = kind(view, u, np.random.default_rng(0))
        for rows in (startprob, transmat):
            assert_allclose(rows.sum(axis=-1), 1, rtol=1e-12)
            assert (rows > 0).all()  # no start makes zeros of its own
        assert emission.complete and not family.complete
        logs = emission.log_likelihood(view.values)
        assert not np.isnan(logs).any() and (logs.max(axis=1) > -np.inf).all()


@pytest.mark.parametrize("n", [2, 3, 8])
def test_a_state_lasts_from_by_chance_to_a_whole_sequence(n):
    view = starts.View(*told(Model(n, Gaussian()), numbers(lengths=(400, 30))))
    stay = [np.diag(starts.lasting(view, u, np.random.default_rng(0))) for u in (0.0, 0.5, 1.0)]
    assert_allclose(stay[0], 1 / n)
    assert_allclose(stay[2], 1 - 1 / 43)  # a tenth of all steps, if sequences are longer
    assert (stay[0] < stay[1]).all() and (stay[1] < stay[2]).all()


def test_given_transitions_stay_with_their_zeros():
    a = np.array([[0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]])
    pi = np.array([0.5, 0.5, 0])
    drawn = starts.draw(*told(Model(3, Gaussian(), startprob=pi, transmat=a), numbers()), 12, np.random.default_rng(0))
    for startprob, transmat, *_ in drawn:
        assert_array_equal(startprob, pi)
        assert_array_equal(transmat, a)


def test_given_parameters_of_the_emission_stay():
    drawn = starts.draw(*told(Model(3, Gaussian([-3, 0, 3])), numbers()), 12, np.random.default_rng(0))
    for _, _, emission, _ in drawn:
        assert_array_equal(emission.means.ravel(), [-3, 0, 3])
        assert emission.complete


def test_where_all_is_given_there_is_one_start():
    model = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gaussian([0, 1], [1, 1]))
    assert len(starts.draw(*told(model, numbers()), 12, np.random.default_rng(0))) == 1


def test_one_state_needs_one_start_unless_it_is_a_mixture():
    assert len(starts.draw(*told(Model(1, Gaussian()), numbers()), 12, np.random.default_rng(0))) == 1
    assert len(starts.draw(*told(Model(1, Mixture(Gaussian(), 3)), numbers()), 12, np.random.default_rng(0))) > 1
    assert_allclose(Model(1, Gaussian()).fit(numbers()).emission_.means, np.concatenate(numbers()).mean(), rtol=1e-9)


def test_families_without_a_distance_and_own_ones_are_started():
    rng = np.random.default_rng(0)
    counts = rng.multinomial(5, [0.2, 0.3, 0.5], 60)
    assert Model(2, Multinomial(), random_state=0).fit(counts).converged_
    assert Model(2, Precomputed(), random_state=0).fit(rng.normal(size=(60, 2))).converged_
    both = np.column_stack([rng.integers(0, 3, 60), rng.normal(size=60)])
    assert Model(2, Product(Categorical(), Gaussian()), random_state=0).fit(both).converged_


@pytest.mark.parametrize("family, data", FAMILIES, ids=lambda f: type(f).__name__)
def test_the_order_of_sequences_does_not_matter(family, data):
    X = data(lengths=(40, 3, 25, 40, 11))
    weight = np.array([1, 2, 1, 0.5, 3])
    for order in ([4, 2, 0, 1, 3], [3, 0, 1, 2, 4]):
        one = Model(3, family, random_state=0, n_init=4).fit(X, sample_weight=weight)
        other = Model(3, family, random_state=0, n_init=4).fit([X[s] for s in order], sample_weight=weight[order])
        assert_allclose(one.history_, other.history_, rtol=1e-9)
        assert_allclose(one.transmat_, other.transmat_, atol=1e-6)


def test_an_error_names_the_sequence_as_the_user_counts():
    """However the starts order them."""
    given = {"startprob": [0.5, 0.5], "transmat": [[0.5, 0.5], [0.5, 0.5]]}
    model = Model(2, Categorical([[1, 0, 0], [0, 1, 0]]), **given)
    with pytest.raises(ValueError, match="sequence 1, step 2: symbol 2 has probability 0"):
        model.fit([[0, 1, 0, 1, 0], [0, 1, 2], [1, 1]])


# -------------------------------------------------------------------------------------------------- what starts see


def pieces(monkeypatch, X, most=60, n_pieces=3, **options):
    monkeypatch.setattr(subset, "MOST", most)
    monkeypatch.setattr(subset, "N_PIECES", n_pieces)
    problem, structure, emission = told(Model(2, **options), X)
    seen = subset.of(problem, structure, emission)
    values = np.append(seen.observed.distinct[:, 0], np.nan)[seen.observed.index]
    return [values[a:b] for a, b in zip(seen.bounds[:-1], seen.bounds[1:])], seen


def test_of_long_data_starts_see_pieces_of_bounded_size(monkeypatch):
    x = np.arange(1000.0) + 0.5
    x[10] = np.nan
    seen, problem = pieces(monkeypatch, x, emission=Gaussian())
    assert [len(part) for part in seen] == [20, 20, 20]
    assert_array_equal(seen[0], x[:20])
    assert_array_equal(seen[-1], x[-20:])
    assert_array_equal(x[problem.origin], np.concatenate(seen))


def test_pieces_end_where_sequences_do(monkeypatch):
    X = [np.full(n, float(n)) + np.arange(n) / 1000 for n in (90, 91, 92, 7, 8)]
    seen, _ = pieces(monkeypatch, X, emission=Gaussian())
    assert sum(map(len, seen)) == 60
    assert all(len(np.unique(np.floor(part))) == 1 for part in seen)


@pytest.mark.parametrize("emission", [Gaussian(prior=0), Categorical()])
def test_weights_of_any_unit_lead_from_pieces_to_the_same(monkeypatch, emission):
    monkeypatch.setattr(subset, "MOST", 60)
    monkeypatch.setattr(subset, "N_PIECES", 3)
    rng = np.random.default_rng(0)
    X = [rng.normal(np.repeat([0, 6], 20)) for _ in range(10)]
    X = [(x > 3).astype(int) for x in X] if isinstance(emission, Categorical) else X
    one, other = (
        Model(2, emission, random_state=0, n_init=2, max_iter=15, tol=0).fit(X, sample_weight=np.full(10, w))
        for w in (1.0, 2.0**-40)
    )
    assert_allclose(other.history_[:1] * 2.0**40, one.history_[:1], rtol=1e-9)
    assert_allclose(other.transmat_, one.transmat_, rtol=1e-6)


def test_pieces_are_whole_sequences_where_the_chain_is_given(monkeypatch):
    X = [np.arange(20.0) + 0.1 * k for k in range(10)]
    seen, _ = pieces(monkeypatch, X, emission=Gaussian(), transmat=[[0.5, 0.5], [0, 1]])
    assert [len(part) for part in seen] == [20, 20, 20]
    assert all(np.allclose(np.diff(part), 1) for part in seen)


def test_what_no_piece_shows_is_possible_all_the_same(monkeypatch):
    monkeypatch.setattr(subset, "MOST", 60)
    monkeypatch.setattr(subset, "N_PIECES", 3)
    x = np.random.default_rng(0).integers(0, 3, 600)
    x[100] = 3
    m = Model(2, Categorical(), random_state=0).fit(x)
    assert m.score(x) > -np.inf and m.emission_.probs[:, 3].max() > 0


# ------------------------------------------------------------------------------------------------------- by itself


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_best_cuts_are_those_of_least_squares(seed, n):
    x = np.random.default_rng(seed).normal(size=(9, 2))

    def loss(cuts):
        return sum(((part - part.mean(axis=0)) ** 2).sum() for part in np.split(x, cuts))

    grid = np.arange(len(x) + 1)
    cuts = starts.segmented(np.vstack([np.zeros((1, 2)), x.cumsum(axis=0)]), grid, n)
    best = min(itertools.combinations(range(1, len(x)), n - 1), key=lambda cuts: loss(list(cuts)))
    assert_allclose(loss(list(cuts)), loss(list(best)))


def test_a_left_right_model_finds_its_change_points():
    rng = np.random.default_rng(6)
    means, lengths = [0, 2, -1, 1.5, 0.3, 3], [60, 25, 90, 40, 70, 35]
    x = np.concatenate([rng.normal(m, 1, k) for m, k in zip(means, lengths)])
    a = np.triu(np.ones((6, 6)))
    a[np.arange(6)[:, None] + 1 < np.arange(6)] = 0
    given = {"transmat": a / a.sum(axis=1, keepdims=True), "startprob": np.eye(6)[0]}
    for seed in range(3):
        path = Model(6, Gaussian(), random_state=seed, **given).fit(x).predict(x)
        assert np.abs(np.flatnonzero(np.diff(path)) + 1 - np.cumsum(lengths)[:-1]).max() <= 3


class Steps:
    """A run in a race: gains by a table."""

    def __init__(self, heights, stops=10**9):
        self.heights, self.stops, self.n_steps, self.history = heights, stops, 0, []

    stopped = property(lambda self: self.n_steps >= self.stops)

    def advance(self, n):
        self.n_steps = min(self.n_steps + n, self.stops)
        self.history.append(self.heights(self.n_steps))


def test_a_slow_start_that_leads_after_thirty_steps_wins_the_race():
    runs = [Steps(lambda t, k=k: -10.0 - k) for k in range(6)]
    runs.append(Steps(lambda t: -11.5 + t / 15))
    assert starts.race(list(runs), 1000) is runs[-1]


def test_a_run_that_fails_leaves_the_race_and_if_all_fail_it_is_told():
    class Failing(Steps):
        def advance(self, n):
            raise ValueError("singular")

    good = Steps(lambda t: -1.0)
    assert starts.race([Failing(None), good, Failing(None)], 100) is good
    with pytest.raises(ValueError, match="singular"):
        starts.race([Failing(None), Failing(None)], 100)


def test_of_runs_that_have_stopped_at_one_place_one_goes_on():
    runs = [Steps(lambda t: -1.0, 5) for _ in range(3)] + [Steps(lambda t: -2 + t / 15)]
    assert starts.race(list(runs), 1000) is runs[-1]  # among two halves of equals it would have been left out


# -------------------------------------------------------------------------------------------------- moving a state


def stuck():
    """(problem, structure, emission, start values): of five clusters two are taken for one, and one for two."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.permutation(np.arange(60) % 5) * 10.0, 10) + rng.normal(size=600)
    problem, structure, emission = told(Model(5, Gaussian()), x)
    start = Gaussian([-1.0, 1.0, 10.0, 20.0, 35.0], [1.0, 1.0, 1.0, 1.0, 30.0])
    return problem, structure, emission, (np.full(5, 0.2), np.full((5, 5), 0.1) + 0.5 * np.eye(5), start, None)


def test_states_with_priors_of_their_own_are_not_moved():
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.full(8, 0.3), size=7)[np.repeat(rng.integers(0, 7, 100), 4)]
    x = (rows.cumsum(axis=1) < rng.random((len(rows), 1))).sum(axis=1)
    counts = 3 * rng.random((7, x.max() + 1))
    model = Model(7, Categorical(), n_init=2, random_state=0, pseudocount={"emission": counts}).fit(x)
    assert (model.emission_.pseudocount == counts).all() and "n_moved" not in model.report_


def test_a_state_moves_from_where_there_is_one_too_many():
    problem, structure, _, start = stuck()
    em = baum_welch.EM(Whole(problem), Told.of(structure), checks.options(Model()))
    run = Run(em, start, 1e-3)
    run.advance(200)
    assert (np.sort(run.point.emission.means.ravel())[[0, 1, 4]] < [2, 5, 36]).all()  # EM leaves it where it is

    def follow(tried, goal):
        return starts.pursued([Run(em, start, 1e-3) for start in tried], goal, 1000)

    moved, n_moved = starts.exchange(run, em, follow, np.random.default_rng(0))
    assert n_moved == 1
    assert moved.point.objective > run.point.objective + 100
    assert_allclose(np.sort(moved.point.emission.means.ravel()), np.arange(5) * 10, atol=0.5)


@pytest.mark.parametrize("family, data", FAMILIES[:-1], ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("u", [0.0, 0.5, 1.0])
def test_a_moved_state_starts_from_proper_values(family, data, u):
    weight = np.array([1e-6, 3e-6, 2e-6])
    problem, structure, emission = told(Model(3, family), data(), weight)
    em, rng = baum_welch.EM(Whole(problem), Told.of(structure), checks.options(Model())), np.random.default_rng(0)
    point = em.expect(starts.draw(problem, structure, emission, 1, rng)[0])
    gamma, _ = inference.posteriors(problem.under(*point.parameters))
    view = starts.View(problem, structure, emission)
    startprob, transmat, new, _ = starts.exchanged(view, em, point, gamma, 0, 2, u, rng)
    for rows in (startprob, transmat):
        assert_allclose(rows.sum(axis=-1), 1, rtol=1e-12)
    assert (transmat > 0).all()
    logs = new.log_likelihood(view.values)
    assert not np.isnan(logs).any() and (logs.max(axis=1) > -np.inf).all()
    assert em.expect((startprob, transmat, new, None)).objective > -np.inf


def test_only_states_that_nothing_tells_apart_are_moved():
    even = np.full((5, 5), 0.2)
    some = Model(5, Gaussian())
    assert starts.free(*told(some, numbers()))
    for options in (
        {"startprob": even[0]}, {"transmat": even}, {"topology": "linear"}, {"final_states": [0]}, {"endprob": True},
        {"startprob": "stationary"}, {"emission": Gaussian([0, 1, 2, 3, 4])},
        {"emission": Tied(Gaussian(), [0, 0, 1, 2, 3])}, {"emission": PerState([Gaussian()] * 5)}, {"n_states": 4},
    ):  # fmt: skip
        assert not starts.free(*told(clone(some, **options), numbers())), options


def clone(model, **options):
    return Model(**{"n_states": model.n_states, "emission": model.emission} | options)


def test_a_fit_of_five_states_is_the_same_with_threads_and_in_any_order():
    X = numbers(lengths=(60, 3, 40, 25))
    fits = [
        Model(5, Gaussian(), random_state=1, n_init=4, n_jobs=n_jobs).fit([X[s] for s in order])
        for n_jobs, order in ((1, range(4)), (2, range(4)), (1, [2, 0, 3, 1]))
    ]
    assert_array_equal(fits[0].history_, fits[1].history_)
    assert_allclose(fits[0].loglik_, fits[2].loglik_, rtol=1e-9)


def test_the_kinds_come_in_turn_and_any_number_can_be_asked_for():
    for n in (1, 2, 5, 9):
        assert len(starts.draw(*told(Model(2, Gaussian()), numbers()), n, np.random.default_rng(0))) == n
    with pytest.raises(ValueError, match="n_init"):
        Model(2, n_init=0).fit([0.1, 0.2])
    assert checks.options(Model(2)).n_init == "auto"
