"""What one may say of a chain: frozen entries, topologies, a stationary start, pseudocounts. Their laws in combination
are in test_said.py."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import random_params, same_bits, stochastic

from chmm import Categorical, Model, Poisson

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

N = 3
OPTIONS = ("frozen", "topology", "stationary", "pseudocount", "weights", "zeros", "final")


def irreducible(a):
    reach = np.linalg.matrix_power((a > 0) + np.eye(len(a)), len(a))
    return (reach > 0).all()


def a_case(said, seed):
    """(arguments of Model, of fit, mask of what is frozen in transmat) of a random model under these options."""
    rng = np.random.default_rng(seed)
    while True:
        start, a, b = random_params(rng, N, 4, zeros=0.25 if "zeros" in said else 0.0)
        if "topology" in said:
            name = "cyclic" if "stationary" in said else rng.choice(["left-right", "linear", "bakis", "cyclic"])
            ahead = np.arange(N) - np.arange(N)[:, None]
            a = np.where(ahead % N <= 1 if name == "cyclic" else ahead >= 0, a + 0.1, 0.0)
            if name == "linear":
                a[ahead > 1] = 0.0
            a /= a.sum(axis=1, keepdims=True)
        if irreducible(a) or "stationary" not in said:
            break
    mask = rng.random((N, N)) < 0.4
    options = {"emission": Categorical(b), "transmat": a, "startprob": start}
    told = {}
    if "topology" in said:
        options["topology"] = str(name)
    if "stationary" in said:
        options["startprob"] = "stationary"
    if "frozen" in said:
        options["frozen"] = {"transmat": mask}
        if rng.random() < 0.5 and "stationary" not in said:
            options["frozen"] |= {"startprob": True}
    if "pseudocount" in said:
        options["pseudocount"] = {"startprob": rng.random(N), "transmat": rng.random((N, N)), "emission": rng.random(4)}
    if "final" in said:
        options["final_states"] = [1, 2]
    X = Model(startprob=np.full(N, 1 / N), transmat=stochastic(rng, N, N), emission=Categorical(stochastic(rng, N, 4)))
    X = X.sample(8, 5, random_state=seed).X
    if "weights" in said:
        told["sample_weight"] = rng.random(5) * 3
    return options, told, X, mask


@pytest.mark.parametrize("said", [{"stationary", "frozen", "pseudocount"}, {"frozen", "pseudocount", "weights"}])
def test_states_may_be_numbered_otherwise(said):
    order = [2, 0, 1]
    for seed in range(5):
        options, told, X, mask = a_case(said, seed)
        other = dict(options, transmat=options["transmat"][np.ix_(order, order)])
        other["emission"] = Categorical(options["emission"].probs[order])
        other["frozen"] = {"transmat": mask[np.ix_(order, order)]}
        options["frozen"] = {"transmat": mask}
        if "stationary" not in said:
            other["startprob"] = np.asarray(options["startprob"])[order]
        counts = options["pseudocount"]
        other["pseudocount"] = dict(
            counts, startprob=counts["startprob"][order], transmat=counts["transmat"][np.ix_(order, order)]
        )
        one, two = (Model(**o, max_iter=5, tol=0, accelerate=False).fit(X, **told) for o in (options, other))
        assert_allclose(one.history_, two.history_, rtol=1e-9)
        assert_allclose(one.transmat_[np.ix_(order, order)], two.transmat_, rtol=1e-7, atol=1e-12)
        turned = one.reorder(order)
        assert_allclose(turned.m_step(turned.e_step(X, **told)).transmat_,
                        two.m_step(two.e_step(X, **told)).transmat_, rtol=1e-6, atol=1e-12)  # fmt: skip


@pytest.mark.parametrize("said", [*({o} for o in OPTIONS[:5]), {"stationary", "frozen", "pseudocount", "topology"}])
def test_saved_cloned_and_asked(said, tmp_path):
    sklearn = pytest.importorskip("sklearn.base")
    options, told, X, _ = a_case(said, 3)
    model = Model(**options, max_iter=3, random_state=0).fit(X, **told)
    model.save(tmp_path / "m")
    loaded = Model.load(tmp_path / "m")
    assert same_bits(loaded.transmat_, model.transmat_) and same_bits(loaded.startprob_, model.startprob_)
    again = [m.m_step(m.e_step(X)) for m in (model, loaded)]
    assert same_bits(again[0].transmat_, again[1].transmat_)
    assert again[0].history_[-1] == again[1].history_[-1]
    assert same_bits(loaded.fit(X, **told).transmat_, model.transmat_)
    copy = sklearn.clone(model)
    assert copy.get_params().keys() == model.get_params().keys()
    assert same_bits(copy.fit(X, **told).transmat_, model.transmat_)
    for name in ("topology", "frozen", "pseudocount"):
        assert getattr(model, name) is options.get(name, getattr(Model(), name))
    assert len(model.sample(5, random_state=0).X) == 5 and len(model.predict(X)) == len(X)


# Frozen ---------------------------------------------------------------------------------------------------------------


def test_free_entries_share_what_frozen_ones_leave():
    """In proportion to count + pseudocount."""
    X, y = [[0, 0, 1, 2, 0]], [[0, 0, 1, 2, 0]]
    a = [[0.5, 0.2, 0.3], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]]
    mask = np.array([[True, False, False], [False, False, False], [True, True, True]])
    m = Model(transmat=a, frozen={"transmat": mask}, pseudocount=0.5).fit(X, y)
    assert_allclose(m.transmat_[0], [0.5, 0.5 * 1.5 / 2, 0.5 * 0.5 / 2])  # counts 1, 1, 0
    assert_allclose(m.transmat_[1], [0.5 / 2.5, 0.5 / 2.5, 1.5 / 2.5])
    assert same_bits(m.transmat_[2], np.array(a[2]))
    rows = Model(transmat=a, frozen={"transmat": [True, False, True]}, pseudocount=0.5).fit(X, y).transmat_
    assert same_bits(rows[[0, 2]], np.array(a)[[0, 2]])


def test_frozen_entries_add_nothing_to_the_objective():
    emission = Categorical([[0.6, 0.4], [0.3, 0.7]], frozen="probs")
    given = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]], "emission": emission}
    X = [[0, 1, 1, 0]]
    m = Model(**given, frozen=("startprob", "transmat"), pseudocount=2.0, max_iter=1).fit(X)
    assert_allclose(m.history_[0], Model(**given).score(X))
    half = Model(
        **given, frozen={"transmat": [[True, False], [False, False]]}, pseudocount={"transmat": 2.0}, max_iter=1
    )
    assert_allclose(half.fit(X).history_[0], Model(**given).score(X) + 2 * np.log([0.1, 0.2, 0.8]).sum())


def test_accelerated_fits_keep_what_is_frozen():
    truth = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.3, 0.7]], emission=Poisson([2, 5]))
    X = truth.sample(300, random_state=1).X
    a = np.array([[0.8, 0.2], [0.25, 0.75]])
    for options in ({"frozen": {"transmat": [[False, False], [True, True]]}}, {"frozen": "transmat"}):
        m = Model(2, Poisson(), transmat=a, **options, random_state=0).fit(X)
        assert same_bits(m.transmat_[1], a[1]) and np.diff(m.history_).min() > -1e-9 * abs(m.history_[-1])


# Topologies -----------------------------------------------------------------------------------------------------------


MAY = {
    "left-right": lambda i, j, n: j >= i,
    "linear": lambda i, j, n: j - i in (0, 1),
    "bakis": lambda i, j, n: j - i in (0, 1, 2),
    "cyclic": lambda i, j, n: (j - i) % n in (0, 1),
}


@pytest.mark.parametrize("name", MAY)
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_topology_has_its_zeros(name, n):
    rng = np.random.default_rng(n)
    X = [np.repeat(np.arange(5.0), 6) + 0.2 * rng.standard_normal(30) for _ in range(4)]
    m = Model(n, "gaussian", topology=name, random_state=0).fit(X)
    may = np.array([[MAY[name](i, j, n) for j in range(n)] for i in range(n)])
    assert_array_equal(m.transmat_[~may], 0)
    assert_allclose(m.transmat_.sum(axis=1), 1)
    if name != "cyclic":
        assert_array_equal(m.startprob_, np.eye(n)[0])
        assert (np.diff(m.emission_.means[:, 0]) > 0).all()  # found in their order
    assert m.report_["structural_zeros"] == (~may).sum() + (n - 1) * (name != "cyclic")
    counted = Model(n, "gaussian", topology=name).fit(X, [np.repeat(np.arange(5), 6) * n // 5 for _ in X])
    assert_array_equal(counted.transmat_[~may], 0)


def test_a_topology_goes_with_clone_and_grid_search():
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV

    rng = np.random.default_rng(0)
    X = [np.repeat([0.0, 4, 1], 10) + 0.3 * rng.standard_normal(30) for _ in range(9)]
    search = GridSearchCV(
        Model(2, "gaussian", topology="linear", random_state=0, n_init=2), {"n_states": [1, 2, 3]}, cv=3
    )
    assert search.fit(X).best_params_ == {"n_states": 3}
    assert clone(search.best_estimator_).topology == "linear"


def test_a_topology_and_numbers_that_agree():
    a = [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1]]
    m = Model(topology="linear", transmat=a, emission=Categorical([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]]))
    assert_array_equal(m.startprob_, [1, 0, 0])
    assert m.predict([0, 0, 1, 1]).tolist()[0] == 0
    assert_allclose(
        Model(topology="linear", transmat=a, startprob=[0.5, 0.5, 0], emission=m.emission_).startprob_[1], 0.5
    )


def test_labels_against_a_topology_are_refused():
    with pytest.raises(ValueError, match=r"y, .*step 1: 0 -> 2 .*topology='linear'"):
        Model(3, topology="linear").fit([[0, 1, 0, 1]], [[0, 2, 1, 2]])


# A stationary start ---------------------------------------------------------------------------------------------------


def test_a_stationary_start_of_given_numbers():
    a = [[0.9, 0.1], [0.3, 0.7]]
    emission = Categorical([[0.8, 0.2], [0.1, 0.9]])
    m = Model(startprob="stationary", transmat=a, emission=emission)
    same = Model(startprob=[0.75, 0.25], transmat=a, emission=emission)
    assert_allclose(m.startprob_, [0.75, 0.25], rtol=1e-14)
    x = [0, 1, 1, 0, 0]
    assert_allclose(m.score(x), same.score(x))
    assert_allclose(m.predict_proba(x), same.predict_proba(x))
    assert_allclose(np.mean([q[0] == 0 for q in m.sample(1, 4000, random_state=0).states]), 0.75, atol=0.03)


def maximum(start, trans, free, fixed):
    """max of sum start log pi + sum trans log A by a numeric maximiser: (value, A)."""
    optimize = pytest.importorskip("scipy.optimize")
    n, room = len(start), 1 - fixed.sum(axis=1)

    def matrix(theta):
        a = np.zeros((n, n))
        a[free] = np.exp(theta - theta.max())
        return fixed + room[:, None] * a / np.maximum(a.sum(axis=1, keepdims=True), 1e-300)

    def loss(theta):
        a = matrix(theta)
        values = np.linalg.lstsq(np.vstack([a.T - np.eye(n), np.ones(n)]), np.r_[np.zeros(n), 1], rcond=None)[0]
        with np.errstate(divide="ignore"):
            logs = np.log(np.maximum(a, 1e-300))
        return -(start @ np.log(np.maximum(values, 1e-300)) + (trans * logs)[free].sum())

    best = min(
        (optimize.minimize(loss, np.random.default_rng(k).normal(size=free.sum()), method="BFGS") for k in range(3)),
        key=lambda found: found.fun,
    )
    return -best.fun, matrix(best.x)


@pytest.mark.parametrize("seed", range(6))
def test_counting_under_a_stationary_start_finds_the_maximum(seed):
    """Labelled sequences, with zeros, frozen entries and pseudocounts, against a numeric maximiser."""
    rng = np.random.default_rng(seed)
    while True:
        a = stochastic(rng, N, N, zeros=0.2 * (seed % 2))
        if irreducible(a):
            break
    mask = (rng.random((N, N)) < 0.3) & (a > 0) if seed > 2 else np.zeros((N, N), dtype=bool)
    y = (
        Model(startprob=np.full(N, 1 / N), transmat=a, emission=Categorical(np.full((N, 1), 1.0)))
        .sample(3, 20, random_state=seed)
        .states
    )
    k = 0.3
    m = Model(startprob="stationary", transmat=a, frozen={"transmat": mask}, pseudocount=k).fit([[0] * 3] * 20, y)
    start = np.bincount([q[0] for q in y], minlength=N) + k
    trans = np.full((N, N), k)
    for q in y:
        np.add.at(trans, (q[:-1], q[1:]), 1)
    free = (a > 0) & ~mask
    best, at = maximum(start, trans, free, np.where(mask, a, 0.0))
    found = start @ np.log(m.startprob_) + (trans[free] * np.log(m.transmat_[free])).sum()
    assert found >= best - 1e-7
    assert_allclose(m.transmat_, at, atol=2e-4)
    assert same_bits(m.transmat_[mask], a[mask])


def test_a_state_that_no_label_leads_to_is_reached_all_the_same():
    """Every sequence starts in 0, and none comes back: a chain that has run for long must come back."""
    m = Model(startprob="stationary").fit([[0, 1, 1]] * 3, [[0, 1, 1]] * 3)
    assert m.transmat_[1, 0] > 0 and np.isfinite(m.loglik_)
    p = m.startprob_[0]
    # max of 3 log p + 3 log a01 + 3 log a11 with p = a10 / (a01 + a10)
    grid = np.linspace(0.001, 0.999, 999)
    up, back = np.meshgrid(grid, grid)
    value = 3 * np.log(back / (up + back)) + 3 * np.log(up) + 3 * np.log(1 - back)
    assert 3 * np.log(p * m.transmat_[0, 1] * m.transmat_[1, 1]) >= value.max() - 1e-9


def test_a_row_without_counts_stays():
    a = [[0.5, 0.3, 0.2], [0.4, 0.5, 0.1], [0.25, 0.5, 0.25]]
    m = Model(startprob="stationary", transmat=a).fit([[0, 1, 0, 1, 1]], [[0, 1, 0, 1, 1]])
    assert same_bits(m.transmat_[2], np.array(a[2]))
    assert_allclose(m.startprob_ @ m.transmat_, m.startprob_, atol=1e-14)


EARTHQUAKES = {
    2: (342.3183, [15.4723, 26.1254], [0.6608, 0.3392]),
    3: (329.4603, [13.1457, 19.7211, 29.7144], [0.4436, 0.4045, 0.1519]),
}


@pytest.mark.parametrize("n", EARTHQUAKES)
def test_earthquakes_with_a_stationary_start(n):
    """Zucchini & MacDonald, Hidden Markov Models for Time Series."""
    from test_em_of_families import QUAKES

    loss, rates, start = EARTHQUAKES[n]
    m = Model(n, Poisson(prior=0), startprob="stationary", random_state=0, tol=1e-6).fit(np.array(QUAKES.split(), int))
    assert_allclose(-m.loglik_, loss, atol=6e-5)
    assert_allclose(m.emission_.rates[:, 0], rates, atol=2e-4)
    assert_allclose(m.startprob_, start, atol=2e-4)


def test_fed_funds_as_stata_has_them():
    tests = pytest.importorskip("statsmodels.tsa.regime_switching.tests.test_markov_regression")
    from chmm import Gaussian

    emission = Gaussian(covariance="tied", prior=0)
    m = Model(2, emission, startprob="stationary", random_state=0, tol=1e-7).fit(np.array(tests.fedfunds))
    assert_allclose(m.loglik_, -508.63592, atol=1e-5)
    assert_allclose([m.transmat_[0, 0], m.transmat_[1, 0]], [0.9820939, 0.0503587], atol=1e-5)
    assert_allclose(m.emission_.means[:, 0], [3.70877, 9.556793], atol=1e-4)
    assert_allclose(np.sqrt(m.emission_.covariances), 2.107562, atol=1e-5)


# Pseudocounts ---------------------------------------------------------------------------------------------------------


def test_pseudocounts_by_parameter():
    X, y = [[0, 1, 1, 0]], [[0, 1, 1, 0]]
    m = Model(pseudocount={"startprob": [1, 3], "transmat": 2 * np.eye(2), "emission": [[1, 0], [0.5, 0.5]]}).fit(X, y)
    assert_allclose(m.startprob_, [2 / 5, 3 / 5])
    assert_allclose(m.transmat_, [[2 / 3, 1 / 3], [1 / 4, 3 / 4]])
    assert_allclose(m.emission_.probs, [[1, 0], [0.5 / 3, 2.5 / 3]])
    assert_array_equal(Model(pseudocount={"startprob": 1.0}).fit(X, y).transmat_, Model().fit(X, y).transmat_)
    by_target = Model(pseudocount={"transmat": [1.0, 0]}).fit(X, y)
    assert_allclose(by_target.transmat_, [[1 / 2, 1 / 2], [2 / 3, 1 / 3]])


def test_one_number_is_the_mapping_with_that_number():
    X = [[0, 1, 2, 1, 0, 2, 2]]
    number, mapping = (
        Model(2, pseudocount=k, random_state=0, max_iter=20).fit(X)
        for k in (0.3, {"startprob": 0.3, "transmat": 0.3, "emission": 0.3})
    )
    assert_array_equal(number.history_, mapping.history_)


def test_zeros_win_over_pseudocounts():
    m = Model(transmat=[[0.5, 0.5], [0, 1]], pseudocount={"transmat": np.ones((2, 2))}).fit(
        [[0, 0, 1, 1]], [[0, 0, 1, 1]]
    )
    assert m.transmat_[1, 0] == 0


# Refusals -------------------------------------------------------------------------------------------------------------

A = [[0.9, 0.1], [0.2, 0.8]]
X = [[0, 1, 1, 0, 1], [1, 0, 0]]


def fitted(**options):
    return Model(**{"n_states": 2, "emission": Categorical(), "random_state": 0, "max_iter": 2} | options).fit(X)


@pytest.mark.parametrize("known", [[1, None, 0], [None] * 3], ids=str)
def test_labels_that_are_not_known_may_be_nan(known):
    m = Model(startprob=[0.7, 0.3], transmat=A, emission=Categorical([[0.9, 0.1], [0.2, 0.8]]))
    as_floats = np.array(known, dtype=float)
    assert m.score([0, 1, 0], as_floats) == m.score([0, 1, 0], known)
    assert (m.score([0, 1, 0], as_floats) < m.score([0, 1, 0])) == (1 in known)


LEFT = {"startprob": "stationary", "transmat": [[0.5, 0.5], [0, 1]]}
REFUSED = [
    # frozen
    ({"frozen": "means"}, ValueError, "frozen.*'means'.*startprob"),
    ({"frozen": 3}, TypeError, "frozen = 3"),
    ({"frozen": "transmat"}, ValueError, "transmat must be given"),
    ({"frozen": ("startprob", "transmat"), "transmat": A}, ValueError, "startprob must be given"),
    ({"frozen": {"transmat": [[True, False], [False, False]]}}, ValueError, "transmat must be given"),
    ({"frozen": {"transmat": [[1, 0], [0, 0]]}, "transmat": A}, TypeError, "mask of bools"),
    ({"frozen": {"transmat": [True, False, True]}, "transmat": A}, ValueError, r"shape \(3,\)"),
    (
        {"frozen": {"transmat": np.ones((2, 2, 2), bool) & [True, False]}, "transmat": A},
        ValueError,
        r"shape \(2, 2, 2\)",
    ),
    ({"frozen": {3: True}}, ValueError, "frozen holds 3"),
    ({"frozen": {"startprob": "all"}, "startprob": [0.5, 0.5]}, TypeError, "mask"),
    ({"frozen": ("startprob",), "startprob": "stationary"}, ValueError, "follows transmat"),
    ({"frozen": None}, TypeError, "frozen = None"),
    # topology
    ({"topology": "right-left"}, ValueError, "topology = 'right-left' must be.*'left-right'.*'cyclic'"),
    ({"topology": 3}, ValueError, "topology = 3"),
    ({"topology": ["linear"]}, ValueError, "topology"),
    ({"topology": True}, ValueError, "topology = True"),
    ({"topology": np.eye(2)}, ValueError, "topology"),
    ({"topology": "linear", "transmat": A}, ValueError, r"transmat\[1, 0\] = 0.2.*topology='linear'"),
    ({"topology": "left-right", "transmat": [[1, 0, 0], [0, 1, 0], [0.5, 0, 0.5]], "n_states": 3}, ValueError,
     r"transmat\[2, 0\] = 0.5"),
    ({"topology": "bakis", "transmat": A}, ValueError, r"transmat\[1, 0\]"),
    ({"topology": "linear", "startprob": "stationary"}, ValueError, "topology='linear'.*cannot be reached"),
    ({"topology": "bakis", "startprob": "stationary"}, ValueError, "topology='bakis'.*cannot be reached"),
    ({"topology": "Linear"}, ValueError, "'Linear'"),
    # a stationary start
    ({"startprob": "uniform"}, ValueError, "'uniform'.*'stationary'"),
    ({"startprob": "Stationary"}, ValueError, "'Stationary'"),
    ({"startprob": ""}, ValueError, "startprob = ''"),
    (LEFT, ValueError, "0 cannot be reached from 1"),
    ({**LEFT, "transmat": np.eye(2)}, ValueError, "1 cannot be reached from 0"),
    ({**LEFT, "states": ["on", "off"]}, ValueError, "'on' cannot be reached from 'off'"),
    ({**LEFT, "transmat": [[0, 1], [0, 1]]}, ValueError, "under transmat"),
    ({"startprob": "stationary", "transmat": [[0.5, 0.6], [0, 1]]}, ValueError, r"transmat\[0\] sums to 1.1"),
    ({"startprob": "stationary", "transmat": np.eye(3)}, ValueError, "n_states says 2, transmat says 3"),
    ({"startprob": ["stationary"]}, (TypeError, ValueError), "startprob"),
    # pseudocounts
    ({"pseudocount": {"transmut": 1.0}}, ValueError, "'transmut'.*transmat"),
    ({"pseudocount": {"transmat": -1}}, ValueError, r"pseudocount\['transmat'\] = -1"),
    ({"pseudocount": {"transmat": [[1, 2], [3, np.nan]]}}, ValueError, r"\['transmat'\]\[1, 1\] = nan"),
    ({"pseudocount": {"transmat": np.ones((3, 3))}}, ValueError, r"shape \(3, 3\)"),
    ({"pseudocount": {"startprob": [1, 2, 3]}}, ValueError, r"shape \(3,\)"),
    ({"pseudocount": {"startprob": "much"}}, TypeError, "must be a number"),
    ({"pseudocount": {"transmat": [["a", "b"]]}}, TypeError, r"pseudocount\['transmat'\]"),
    ({"pseudocount": {"emission": [1, 2, 3]}}, ValueError, r"pseudocount has shape \(3,\)"),
    ({"pseudocount": {"emission": np.inf}}, ValueError, "emission.* = inf"),
    ({"pseudocount": [1, 2]}, TypeError, "pseudocount must be a number"),
    ({"pseudocount": {"transmat": True}}, ValueError, "True"),
]


@pytest.mark.parametrize("options, error, words", REFUSED)
def test_what_makes_no_sense_is_refused_in_words(options, error, words):
    with pytest.raises(error, match=words):
        fitted(**options)
