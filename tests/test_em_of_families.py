"""EM of single families: hmmlearn's, known answers, data far from zero, gaps, counts of any size."""

import copy
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

from chmm import Gaussian, Mixture, Model, Multinomial, NegativeBinomial, Poisson

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

TWO = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]]}


def start(n, d, seed=0):
    rng = np.random.default_rng(seed)
    startprob, transmat = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n), n)
    means = 3 * rng.normal(size=(n, d))
    x = means[rng.integers(n, size=400)] + rng.normal(size=(400, d))
    return startprob, transmat, means + 0.3, x


def history_of(theirs, x, steps=12):
    theirs.n_iter, theirs.tol, theirs.init_params = steps, -np.inf, ""
    theirs.monitor_.n_iter, theirs.monitor_.tol = steps, -np.inf
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        theirs.fit(x, [150, 250])
    return np.array(theirs.monitor_.history)


@pytest.mark.parametrize("form", ["spherical", "diag", "full", "tied"])
@pytest.mark.parametrize("d", [1, 3])
def test_em_of_a_gaussian_is_hmmlearns(form, d):
    hmm = pytest.importorskip("hmmlearn.hmm")
    startprob, transmat, means, x = start(3, d)
    covariances = {
        "spherical": np.ones(3),
        "diag": np.ones((3, d)),
        "full": np.tile(np.eye(d), (3, 1, 1)),
        "tied": np.eye(d),
    }[form]
    # its prior for full and tied is not that of a density unless its weight is 1 + d
    prior = (
        {"covars_prior": 0, "covars_weight": 1}
        if form in ("spherical", "diag")
        else {"covars_prior": 0, "covars_weight": d if form == "full" else 0}
    )
    theirs = hmm.GaussianHMM(3, form, min_covar=0, implementation="scaling", **prior)
    theirs.startprob_, theirs.transmat_, theirs.means_, theirs.covars_ = startprob, transmat, means, covariances
    history = history_of(theirs, x)
    ours = Model(
        startprob=startprob,
        transmat=transmat,
        emission=Gaussian(means, covariances, covariance=form, prior=0),
        max_iter=12,
        tol=0,
        accelerate=False,
    )
    ours.fit(x, lengths=[150, 250])
    n = len(ours.history_)  # it stops where rounding ends the rise
    assert n > 5
    assert_allclose(ours.history_, history[:n], rtol=1e-8)
    assert_allclose(ours.emission_.means, theirs.means_, rtol=1e-6, atol=1e-8)


def test_em_of_a_mixture_ends_where_hmmlearns_ends():
    """On the way there it takes scatter around the old means; each step of ours is higher."""
    hmm = pytest.importorskip("hmmlearn.hmm")
    startprob, transmat, means, x = start(4, 2)
    theirs = hmm.GMMHMM(2, 2, covariance_type="diag", min_covar=0, implementation="scaling")
    theirs.startprob_, theirs.transmat_ = (
        startprob[:2] / startprob[:2].sum(),
        transmat[:2, :2] / transmat[:2, :2].sum(axis=1, keepdims=True),
    )
    theirs.weights_, theirs.means_, theirs.covars_ = np.full((2, 2), 0.5), means.reshape(2, 2, 2), np.ones((2, 2, 2))
    emission = Mixture(Gaussian(means, np.ones((4, 2)), prior=0), 2, np.full((2, 2), 0.5))
    ours = Model(
        startprob=theirs.startprob_.copy(), transmat=theirs.transmat_.copy(), emission=emission, max_iter=800, tol=0,
        accelerate=False,
    )
    history, mine = history_of(theirs, x, 800), ours.fit(x, lengths=[150, 250]).history_
    assert_allclose(mine[0], history[0], rtol=1e-12)
    assert mine[1] > history[1]
    assert_allclose(mine[-1], history[-1], rtol=1e-8)


def test_em_of_poisson_is_hmmlearns():
    hmm = pytest.importorskip("hmmlearn.hmm")
    startprob, transmat, _, _ = start(3, 1)
    x = np.random.default_rng(0).poisson(np.random.default_rng(1).choice([2, 9, 30], (400, 1)))
    theirs = hmm.PoissonHMM(3, lambdas_prior=0, lambdas_weight=0, implementation="scaling")
    theirs.startprob_, theirs.transmat_, theirs.lambdas_ = startprob, transmat, np.array([[1.0], [8], [20]])
    ours = Model(startprob=startprob, transmat=transmat, emission=Poisson([1, 8, 20], prior=0), max_iter=12, tol=0,
                 accelerate=False)  # fmt: skip
    assert_allclose(ours.fit(x, lengths=[150, 250]).history_, history_of(theirs, x), rtol=1e-8)


# annual flow of the Nile at Aswan, 1871-1970
NILE = """1120 1160 963 1210 1160 1160 813 1230 1370 1140 995 935 1110 994 1020 960 1180 799 958 1140 1100 1210 1150
1250 1260 1220 1030 1100 774 840 874 694 940 833 701 916 692 1020 1050 969 831 726 456 824 702 1120 1100 832 764 821 768
845 864 862 698 845 744 796 1040 759 781 865 845 944 984 897 822 1010 771 676 649 846 812 742 801 1040 860 874 848 890
744 749 838 1050 918 986 797 923 975 815 1020 906 901 1170 912 746 919 718 714 740"""


# earthquakes of magnitude 7 or more a year, 1900-2006
QUAKES = """13 14 8 10 16 26 32 27 18 32 36 24 22 23 22 18 25 21 21 14 8 11 14 23 18 17 19 20 22 19 13 26 13 14 22 24 21
22 26 21 23 24 27 41 31 27 35 26 28 36 39 21 17 22 17 19 15 34 10 15 22 18 15 20 15 22 19 16 30 27 29 23 20 16 21 21 25
16 18 15 18 14 10 15 8 15 6 11 8 7 18 16 13 12 13 20 15 16 12 18 15 16 13 15 16 11 11"""


def test_nile():
    flow = np.array(NILE.split(), dtype=float)
    emission = Gaussian([1100, 850], [150**2, 150**2], prior=0)
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=emission, max_iter=5000, tol=1e-13).fit(
        flow
    )
    assert_allclose(m.score(flow), -629.804456, atol=1e-6)
    assert_allclose(m.emission_.means[:, 0], [1097.1525, 850.7565], atol=1e-3)
    assert_allclose(np.sqrt(m.emission_.covariances[:, 0]), [133.748, 124.4464], atol=1e-3)
    assert_allclose(m.transmat_[1], [0, 1], atol=1e-9)
    assert 1871 + np.flatnonzero(np.diff(m.predict(flow))) == 1898
    # the prior is there for states of a few values, not for these
    default = Model(
        startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gaussian([1100, 850], [150**2] * 2), tol=1e-12
    ).fit(flow)
    assert_allclose(default.score(flow), m.score(flow), atol=1e-6)
    assert_allclose(default.emission_.covariances, m.emission_.covariances, rtol=1e-3)


@pytest.mark.parametrize("n, loss", [(2, 341.878701), (3, 328.527483)])
def test_earthquakes(n, loss):
    counts = np.array(QUAKES.split(), dtype=int)
    m = Model(n, Poisson(prior=0), n_init=10, max_iter=20_000, tol=1e-12, random_state=0).fit(counts)
    assert_allclose(-m.score(counts), loss, atol=2e-6)
    given = {"startprob": m.startprob_, "transmat": m.transmat_, "emission": Poisson(m.emission_.rates)}
    assert_allclose(Model(**given, max_iter=20_000, tol=1e-12).fit(counts).score(counts), m.score(counts), atol=1e-6)
    if n == 2:
        order = m.emission_.rates[:, 0].argsort()
        assert_allclose(m.emission_.rates[order, 0], [15.42074, 26.01818], atol=1e-4)
        assert_allclose(m.transmat_[np.ix_(order, order)], [[0.928374, 0.071626], [0.119033, 0.880967]], atol=1e-5)


@pytest.mark.parametrize("form", ["spherical", "diag", "full", "tied"])
def test_data_far_from_zero_lose_nothing(form):
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=(500, 2)) + 4 * rng.integers(0, 2, (500, 1)), 6)
    near, far = (
        Model(**TWO, emission=Gaussian(np.array([[0, 0], [4, 4.0]]) + shift, {"spherical": [1, 1], "diag": np.ones((2, 2)),
              "full": [np.eye(2)] * 2, "tied": np.eye(2)}[form], covariance=form), max_iter=5, tol=0).fit(x + shift)
        for shift in (0, 2.0**27)
    )  # fmt: skip
    assert_allclose(far.history_, near.history_, rtol=1e-7)  # the data themselves lose 1e-8
    assert_allclose(far.emission_.covariances, near.emission_.covariances, rtol=1e-6)


@pytest.mark.parametrize("form", ["spherical", "diag", "full", "tied"])
def test_states_a_million_deviations_apart(form):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)) + 1e7 * rng.integers(-1, 2, (300, 1))
    m = Model(3, Gaussian(covariance=form, prior=0), random_state=0).fit(x)
    for mean, i in zip(m.emission_.means, range(3)):
        mine = x[np.abs(x - mean).max(axis=1) < 100]
        assert_allclose(mean, mine.mean(axis=0), rtol=1e-12)
        if form == "diag":
            assert_allclose(m.emission_.covariances[i], mine.var(axis=0), rtol=1e-6)
    labelled = Model(emission=Gaussian(covariance=form, prior=0)).fit(
        [x], [1 + np.sign(np.round(x[:, 0] / 1e7)).astype(int)]
    )
    assert_allclose(np.sort(labelled.emission_.means[:, 0]), np.sort(m.emission_.means[:, 0]), rtol=1e-9)
    assert_allclose(
        np.sort(np.ravel(labelled.emission_.covariances)),
        np.sort(np.ravel(m.emission_.covariances)),
        rtol=1e-5,
        atol=1e-5,
    )


def test_gaps_in_a_full_gaussian_are_filled_by_what_is_expected():
    """The maximum of the likelihood of what is seen, found by EM over the gaps alone (one state)."""
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal([1, 2], [[1, 0.8], [0.8, 2]], 300)
    x[:100, 1] = np.nan
    m = Model(1, Gaussian(covariance="full", prior=0), max_iter=500, tol=1e-14, random_state=0).fit(x)
    seen = x[100:]
    slope = np.cov(seen.T, bias=True)[0, 1] / seen[:, 0].var()
    mean = seen[:, 1].mean() + slope * (x[:, 0].mean() - seen[:, 0].mean())  # Anderson 1957
    assert_allclose(m.emission_.means[0], [x[:, 0].mean(), mean], rtol=1e-5)


@pytest.mark.parametrize("form", ["full", "tied"])
@pytest.mark.parametrize("frozen", [(), ("means",), ("covariances",)])
def test_labelled_data_with_gaps_give_the_maximiser(form, frozen):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    x = rng.multivariate_normal([0, 0], [[2, 1.2], [1.2, 1]], 120) + 3 * labels[:, None]
    x[rng.random(x.shape) < 0.4] = np.nan
    given = {"means": [[0, 0], [3, 3]], "covariances": np.eye(2) if form == "tied" else [np.eye(2)] * 2}
    start = Gaussian(**{name: given[name] for name in frozen}, covariance=form, frozen=frozen)
    learnt = Model(2, start).fit(x, labels).emission_
    seen = ~np.isnan(x).all(axis=1)
    values, weights = x[seen], np.eye(2)[labels[seen]]

    def objective(emission):
        return (weights * emission.log_likelihood(values)).sum() + emission.log_prior()

    before = objective(learnt)
    for _ in range(50):
        learnt = copy.copy(learnt)
        learnt.update(learnt.statistics(values, weights))
    assert_allclose(objective(learnt), before, atol=1e-4)


def test_singular_without_a_prior_is_named_and_with_it_works():
    x = np.c_[np.arange(12.0), 2 * np.arange(12.0)]
    with pytest.raises(ValueError, match="singular.*prior"):
        Model(2, Gaussian(covariance="full", prior=0), random_state=0).fit(x)
    m = Model(2, Gaussian(covariance="full"), random_state=0).fit(x)
    assert np.isfinite(m.score(x))
    assert np.isfinite(Model(3, Gaussian(), random_state=0).fit([0.5, 7.25, 99]).score([0.5, 7.25, 99]))


@pytest.mark.parametrize("family", [Poisson, NegativeBinomial, Multinomial])
@pytest.mark.parametrize("size", [1e8, 1e12, 1e17])
def test_em_of_counts_of_any_size_never_falls(family, size):
    rng = np.random.default_rng(0)
    x = np.repeat(rng.poisson([size, size + 3 * size**0.5]), 30) + rng.poisson(size, 60)
    x = np.column_stack([x, rng.poisson(size, 60)]) if family is Multinomial else x
    model = Model(2, family(), random_state=0, tol=0, max_iter=30).fit(x)
    assert np.diff(model.history_).min(initial=0) > -1e-6
    assert model.score(x) < 0  # probabilities


@pytest.mark.filterwarnings("error")
@pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
@pytest.mark.parametrize("emission", [Poisson(), NegativeBinomial(), Mixture(Poisson(), 2)])
def test_counts_beyond_reason_are_learnt_without_a_warning_and_not_drawn(emission):
    model = Model(2, emission, random_state=0, max_iter=5).fit(np.repeat([1e200, 5.0], 20))
    assert np.isfinite(model.history_).all()
    with pytest.raises(ValueError, match="counts.* beyond 64 bits"):
        model.sample(100, random_state=0)
