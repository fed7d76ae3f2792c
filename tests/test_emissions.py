"""What single families promise: agreement with SciPy and hmmlearn, known answers, numerics, frames, names, bad input."""

import copy
import re
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import (
    Bernoulli,
    Beta,
    Categorical,
    ConvergenceWarning,
    Exponential,
    Gamma,
    Gaussian,
    LogNormal,
    Mixture,
    Model,
    Multinomial,
    NegativeBinomial,
    PerState,
    Poisson,
    Precomputed,
    Product,
    StudentT,
    VonMises,
    memory,
    sequences,
)
from chmm.emissions import special

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

TWO = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]]}
ONE = {"startprob": [1.0], "transmat": [[1.0]]}


def log_density(emission, x):
    """log b_0 of each value of an emission of one state."""
    m = Model(**ONE, emission=emission)
    return np.array([m.score([np.array([v])]) for v in x])


# --------------------------------------------------------------------------------------------------- against SciPy


def scipy_cases():
    stats = pytest.importorskip("scipy.stats")
    positive, shares, angles, n = (
        np.array([1e-9, 0.3, 1, 7.5, 900]),
        np.array([1e-9, 0.2, 0.999]),
        np.array([-3, 0.1, 2, 6.0]),
        np.array([0, 1, 7, 400]),
    )
    real = np.array([-1e5, -2, 0, 0.5, 3e8])
    return {
        "Gaussian": (Gaussian([1.5], [4]), stats.norm(1.5, 2).logpdf, real),
        "StudentT": (StudentT([1.5], [2], [3.5]), stats.t(3.5, 1.5, 2).logpdf, real),
        "LogNormal": (LogNormal([0.7], [0.25]), stats.lognorm(0.5, scale=np.exp(0.7)).logpdf, positive),
        "Gamma": (Gamma([2.5], [0.4]), stats.gamma(2.5, scale=2.5).logpdf, positive),
        "Exponential": (Exponential([0.4]), stats.expon(scale=2.5).logpdf, np.append(positive, 0)),
        "Beta": (Beta([0.4], [7]), stats.beta(0.4, 7).logpdf, shares),
        "VonMises": (VonMises([0.3], [5]), stats.vonmises(5, 0.3).logpdf, angles),
        "VonMises sharp": (VonMises([0.3], [5e4]), stats.vonmises(5e4, 0.3).logpdf, angles),
        "Poisson": (Poisson([3.5]), stats.poisson(3.5).logpmf, n),
        "NegativeBinomial": (NegativeBinomial([2.5], [0.3]), stats.nbinom(2.5, 0.3).logpmf, n),
    }


@pytest.mark.parametrize("name", ["Gaussian", "StudentT", "LogNormal", "Gamma", "Exponential", "Beta", "VonMises",
                                  "VonMises sharp", "Poisson", "NegativeBinomial"])  # fmt: skip
def test_densities_are_scipys(name):
    emission, expected, x = scipy_cases()[name]
    assert_allclose(log_density(emission, x), expected(x), rtol=1e-11, atol=1e-12)


def test_densities_of_vectors_are_scipys():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4, 4))
    mean, covariance, x = rng.normal(size=4), a @ a.T + np.eye(4), 3 * rng.normal(size=(20, 4))
    expected = stats.multivariate_normal(mean, covariance).logpdf(x)
    for emission in (
        Gaussian(mean[None], covariance[None], covariance="full"),
        Gaussian(mean[None], covariance, covariance="tied"),
    ):
        assert_allclose(Model(**ONE, emission=emission).score(x), expected.sum(), rtol=1e-12)
    counts = rng.integers(0, 9, (20, 3))
    expected = stats.multinomial(counts.sum(axis=1), [0.2, 0.3, 0.5]).logpmf(counts).sum()
    assert_allclose(Model(**ONE, emission=Multinomial([[0.2, 0.3, 0.5]])).score(counts), expected, rtol=1e-12)


def test_special_functions_are_scipys():
    theirs = pytest.importorskip("scipy.special")
    x = np.logspace(-8, 8, 3000)
    for ours, want in (
        (special.gammaln, theirs.gammaln), (special.digamma, theirs.digamma), (special.trigamma, lambda x: theirs.polygamma(1, x))
    ):  # fmt: skip
        assert_allclose(ours(x), want(x), rtol=1e-13, atol=1e-14)
    log_i0, ratio = special.log_bessel(np.append(x, 0))
    x = np.append(x, 0)
    assert_allclose(log_i0, np.log(theirs.i0e(x)) + x, rtol=1e-13, atol=1e-15)
    assert_allclose(ratio, theirs.i1e(x) / theirs.i0e(x), rtol=1e-13, atol=1e-15)


# ------------------------------------------------------------------------------------------------- against hmmlearn


def start(n, d, seed=0):
    rng = np.random.default_rng(seed)
    startprob, transmat = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n), n)
    means = 3 * rng.normal(size=(n, d))
    x = means[rng.integers(n, size=400)] + rng.normal(size=(400, d))
    return startprob, transmat, means + 0.3, x


def history_of(theirs, x, steps=12):
    theirs.n_iter, theirs.tol, theirs.init_params = steps, -np.inf, ""
    theirs.monitor_.n_iter, theirs.monitor_.tol = steps, -np.inf
    with warnings.catch_warnings():
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
        startprob=theirs.startprob_.copy(), transmat=theirs.transmat_.copy(), emission=emission, max_iter=800, tol=0
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
    ours = Model(startprob=startprob, transmat=transmat, emission=Poisson([1, 8, 20]), max_iter=12, tol=0)
    assert_allclose(ours.fit(x, lengths=[150, 250]).history_, history_of(theirs, x), rtol=1e-8)


# ---------------------------------------------------------------------------------------------------- known answers

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
    # the floor is there for states of a few values, not for these
    floored = Model(
        startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gaussian([1100, 850], [150**2] * 2), tol=1e-12
    ).fit(flow)
    assert_allclose(floored.emission_.means, m.emission_.means, rtol=1e-4)
    assert_allclose(floored.emission_.covariances, m.emission_.covariances, rtol=1e-3)


@pytest.mark.parametrize("n, loss", [(2, 341.878701), (3, 328.527483)])
def test_earthquakes(n, loss):
    counts = np.array(QUAKES.split(), dtype=int)
    m = Model(n, Poisson(), n_init=10, max_iter=20_000, tol=1e-12, random_state=0).fit(counts)
    assert_allclose(-m.score(counts), loss, atol=2e-6)
    if n == 2:
        order = m.emission_.rates[:, 0].argsort()
        assert_allclose(m.emission_.rates[order, 0], [15.42074, 26.01818], atol=1e-4)
        assert_allclose(m.transmat_[np.ix_(order, order)], [[0.928374, 0.071626], [0.119033, 0.880967]], atol=1e-5)


# --------------------------------------------------------------------------------------------------------- numerics


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
        [x], [np.sign(np.round(x[:, 0] / 1e7)).astype(int)]
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


@pytest.mark.parametrize("family", [Gaussian([[0, 1], [5, 1], [2, 2], [1, 7]], np.ones((4, 2))), Poisson(np.ones((4, 2)))])
def test_a_mixture_is_the_same_by_blocks_of_any_size(family, monkeypatch):
    rng = np.random.default_rng(0)
    x, weights = rng.integers(0, 9, size=(50, 2)).astype(float), rng.random((50, 2))
    x[::7, 0] = np.nan
    emission = Mixture(family, 2, [[0.3, 0.7], [1, 0]])
    parts = np.exp(family.log_likelihood(x)).reshape(50, 2, 2) * emission.weights  # the definition
    assert_allclose(np.exp(emission.log_likelihood(x)), parts.sum(axis=2), rtol=1e-12)
    share = parts / parts.sum(axis=2, keepdims=True) * weights[:, :, None]
    want = family.statistics(x, share.reshape(50, 4))
    for block in (1, 12, 2**15):
        monkeypatch.setattr(memory, "BLOCK", block)
        found = emission.statistics(x, weights)
        assert_allclose(found["counts"], share.sum(axis=0), rtol=1e-12)
        for key, value in want.items():
            assert_allclose(found[f"components.{key}"], value, rtol=1e-10, atol=1e-12)


def test_a_mixture_reads_densities_that_lie_column_by_column():
    """As a family of one's own returns them that stacks its states and turns the table."""

    class Turned(Gaussian):
        def log_likelihood(self, values):
            return np.asfortranarray(super().log_likelihood(values))

    values, weights = np.random.default_rng(0).normal(size=(40, 1)), np.full((40, 2), 0.5)
    plain, turned = (Mixture(f([-1, 0, 1, 2], [1] * 4), 2, [[0.3, 0.7], [0.6, 0.4]]) for f in (Gaussian, Turned))
    assert_array_equal(turned.log_likelihood(values), plain.log_likelihood(values))
    for key, want in plain.statistics(values, weights).items():
        assert_array_equal(turned.statistics(values, weights)[key], want)


def test_singular_without_a_floor_is_named_and_with_it_works():
    x = np.c_[np.arange(12.0), 2 * np.arange(12.0)]
    with pytest.raises(ValueError, match="singular.*prior"):
        Model(2, Gaussian(covariance="full", prior=0), random_state=0).fit(x)
    m = Model(2, Gaussian(covariance="full"), random_state=0).fit(x)
    assert np.isfinite(m.score(x))
    assert np.isfinite(Model(3, Gaussian(), random_state=0).fit([0.5, 7.25, 99]).score([0.5, 7.25, 99]))


def test_an_impossible_value_is_named():
    m = Model(**TWO, emission=Poisson([0, 0]))
    assert m.score([[0, 0, 3]]) == -np.inf
    with pytest.raises(ValueError, match="step 2.*3"):
        m.decode([0, 0, 3])
    assert Model(**TWO, emission=Bernoulli([[0, 1], [0, 0.5]])).score([[[1, 1]]]) == -np.inf


# ---------------------------------------------------------------------------------------------- starts, names, frozen


def test_a_newcomer_finds_the_states():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        q = np.repeat(rng.integers(3, size=40), 10)
        x = np.array([-5, 0, 8])[q] + rng.normal(size=400)
        m = Model(3, random_state=seed).fit(x)
        assert_allclose(np.sort(m.emission_.means[:, 0]), [-5, 0, 8], atol=0.5)
        assert "Gaussian" in repr(m)


@pytest.mark.parametrize("name, family", [("gaussian", Gaussian), ("Poisson", Poisson), ("student_t", StudentT), ("log-normal", LogNormal),
                                          ("NegativeBinomial", NegativeBinomial), ("categorical", Categorical)])  # fmt: skip
def test_families_by_name(name, family, tmp_path):
    x = [1, 2, 1, 9, 8, 9, 1, 2]
    m = Model(2, name, random_state=0).fit(x)
    assert type(m.emission_) is family
    m.save(tmp_path / "m")
    again = Model.load(tmp_path / "m")
    assert again.emission == name and again.score(x) == m.score(x)


FROZEN = {
    "means": Gaussian([0, 5], [1, 1], frozen=("means",)),
    "covariances": Gaussian([0, 5], [1, 1], frozen=("covariances",)),
    "rates": Poisson([1, 6], frozen="rates"),
    "categorical probs": Categorical(np.full((2, 20), 0.05), frozen="probs"),
    "shapes": Gamma([1, 6], [1, 1], frozen="shapes"),
    "gamma rates": Gamma([1, 6], [1, 1], frozen="rates"),
    "sizes": NegativeBinomial([3, 6], [0.5, 0.5], frozen="sizes"),
    "negative binomial probs": NegativeBinomial([3, 6], [0.5, 0.5], frozen="probs"),
    "dofs": StudentT([0, 5], [1, 1], [4, 4], frozen="dofs"),
    "scales": StudentT([0, 5], [1, 1], [4, 4], frozen="scales"),
    "weights": Mixture(Gaussian([0, 1, 5, 6], [1, 1, 1, 1]), 2, [[0.5, 0.5]] * 2, frozen="weights"),
}


@pytest.mark.parametrize("name", FROZEN)
def test_frozen_parameters_stay_and_the_rest_rises(name):
    emission = FROZEN[name]
    x = np.random.default_rng(0).poisson(np.repeat([1, 6, 1, 7], 50)) + 1
    m = Model(**TWO, emission=emission, max_iter=30, tol=0).fit(x)
    for parameter in emission.frozen:
        assert_array_equal(getattr(m.emission_, parameter), getattr(emission, parameter))
    rest = [p for p in emission.parameters if p not in emission.frozen]
    assert all((getattr(m.emission_, p) != getattr(emission, p)).any() for p in rest)
    assert len(m.history_) < 2 or np.diff(m.history_).min() > -1e-9


def test_given_means_alone_are_a_start():
    x = np.r_[np.random.default_rng(0).normal(size=50), 9 + np.random.default_rng(1).normal(size=50)]
    m = Model(2, Gaussian(means=[1, 8]), random_state=0).fit(x)
    assert_allclose(m.emission_.means[:, 0], [0, 9], atol=0.5)
    m = Model(2, Gamma(shapes=[1, 8]), random_state=0, max_iter=1).fit(np.abs(x))
    assert m.emission_.complete


# ------------------------------------------------------------------------------------------------- frames and products


def test_frames_give_columns_by_name():
    pandas = pytest.importorskip("pandas")
    truth = Model(
        **TWO,
        emission=Product(calls=Poisson([2, 9]), mood=Categorical([[0.9, 0.1], [0.2, 0.8]], symbols=["good", "bad"])),
    )
    x = truth.sample(300, random_state=0)
    frame = pandas.DataFrame({"other": np.arange(300.0), "mood": x.X[:, 1], "calls": x.X[:, 0].astype(int)})
    m = Model(2, Product(calls=Poisson(), mood=Categorical()), random_state=0).fit(frame)
    assert list(m.emission_["mood"].symbols) == ["bad", "good"] and m.emission_["calls"].rates.shape == (2, 1)
    same = Model(2, Product(calls=Poisson(), mood=Categorical()), random_state=0).fit(frame[["mood", "calls"]])
    assert same.score(frame) == m.score(frame) == m.score([frame])
    assert_array_equal(truth.predict(frame), truth.predict(x.X))
    parts = [frame[:100], frame[100:]]
    assert [len(p) for p in m.predict(parts)] == [100, 200]
    holes = frame.astype(object)
    holes.loc[3, "mood"], holes.loc[4, "calls"], holes.loc[5, ["mood", "calls"]] = None, None, None
    fitted = Model(2, Product(calls=Poisson(), mood=Categorical()), random_state=0).fit(holes)
    assert (fitted.report_["missing"], fitted.report_["partly_missing"]) == (1, 2)
    with pytest.raises(ValueError, match="column 'calls'.*other"):
        m.score(frame[["other", "mood"]])
    with pytest.raises(TypeError, match=r"(?s)mood.*words.*Product"):
        Model(2).fit(frame)
    with pytest.raises((TypeError, ValueError), match="mood"):
        Model(2, Gaussian()).fit(frame)
    with pytest.raises(ValueError, match="mood.*green.*symbols"):
        m.score(frame.assign(mood="green"))


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("gaps", [False, True])
def test_numbers_in_any_layout_give_the_same_bits(d, gaps):
    x = np.random.default_rng(0).normal(size=(300, d))
    if gaps:
        x[5, 0] = x[7] = np.nan
    wide = np.zeros((600, 2 * d))
    wide[::2, ::2] = x
    fixed = x[::-1].copy()
    fixed.flags.writeable = False
    layouts = [x, np.asfortranarray(x), wide[::2, ::2], fixed[::-1], x.astype(">f8"), np.ma.masked_invalid(x), x.tolist()]
    fitted = [Model(2, Gaussian(), max_iter=3, random_state=0).fit(layout, lengths=[300]).emission_ for layout in layouts]
    for emission in fitted[1:]:
        assert_array_equal(emission.means, fitted[0].means)
        assert_array_equal(emission.covariances, fitted[0].covariances)


def test_numbers_are_made_columns_once():
    data = sequences.many(np.random.default_rng(0).normal(size=(50, 3)))
    assert data.numbers.flags.f_contiguous and data.numbers is data.numbers and not data.gaps
    emission = Gaussian()
    emission.prepare(emission.survey(data), 2, 0)
    assert emission.check(data).distinct is data.numbers
    column = np.arange(50.0)
    assert np.shares_memory(sequences.many(column).numbers, column)  # nothing to be made


def test_frames_of_numbers_are_arrays():
    pandas = pytest.importorskip("pandas")
    x = np.random.default_rng(0).normal(size=(50, 2))
    frame = pandas.DataFrame(x, columns=["a", "b"]).assign(c=np.arange(50))
    m = Model(2, Gaussian(), random_state=0).fit(frame)
    assert m.score(frame.to_numpy()) == m.score(frame)
    with pytest.raises(ValueError, match="'b'|column 1"):
        Model(2, Gamma(), random_state=0).fit(frame[["a", "b"]].abs().assign(b=-1.0))


def test_a_product_in_order_takes_columns_and_its_parts_may_be_wide():
    rng = np.random.default_rng(0)
    x = np.c_[rng.normal(size=(60, 2)), rng.poisson(3, 60), rng.integers(0, 2, 60)]
    emission = Product(
        Gaussian([[0, 0], [1, 1]], np.ones((2, 2))), Product(Poisson([2, 3]), Categorical([[0.5, 0.5], [0.1, 0.9]]))
    )
    m = Model(**TWO, emission=emission)
    channels = [m.emission[0], m.emission[1][0], m.emission[1][1]]
    expected = sum(
        c.log_likelihood(values) for c, values in zip(channels, (x[:, :2], x[:, 2:3], x[:, 3].astype(int)), strict=True)
    )
    pre = Model(**TWO, emission=Precomputed())
    assert_allclose(m.score(x), pre.score(expected), rtol=1e-12)
    assert_array_equal(m.predict(x), pre.predict(expected))
    assert m.fit(x).emission_[1][0].rates.shape == (2, 1)
    with pytest.raises(ValueError, match="3 columns.*4"):
        m.score(x[:, :3])


def test_precomputed_takes_minus_infinity_and_gaps():
    rows = np.log([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]])
    rows[1, 0] = -np.inf
    m = Model(**TWO, emission=Precomputed())
    assert m.decode(rows).path[1] == 1
    rows[2] = np.nan
    assert np.isfinite(m.score([rows]))
    assert m.fit([rows]).n_iter_ > 0
    with pytest.raises(ValueError, match="states"):
        m.score(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="step 2"):
        m.score(np.array([[0, 0], [0, 0], [np.inf, 0]]))


# -------------------------------------------------------------------------------------------------------- bad input



def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


WRONG = [
    ("covariance unheard of", lambda: Gaussian(covariance="round"), "covariance", "round", "diag"),
    ("prior negative", lambda: Gaussian(prior=-1), "prior", "-1"),
    ("means NaN", lambda: Gaussian([0, np.nan]), r"means\[1, 0\]", "nan"),
    ("means of words", lambda: Gaussian(["a"]), "means", "numbers"),
    ("variance tiny", lambda: Gaussian([0, 1], [1, 1e-310]), r"covariances\[1, 0\]", ">= 1e-200"),
    ("variance huge", lambda: Gaussian([0, 1], [1, 1e308]), r"covariances\[1, 0\]", r"<= 1e\+200"),
    ("eigenvalue tiny", lambda: Gaussian([[0, 1]], [np.eye(2) * 1e-310], covariance="full"), r"covariances\[0\]", "1e-200"),
    ("variance zero", lambda: Gaussian([0, 1], [1, 0]), r"covariances\[1, 0\]", "> 0"),
    ("variances of another shape", lambda: Gaussian([[0, 1]], [[1, 1, 1]]), "means", "covariances", r"\(1, 3\)"),
    ("covariance singular", lambda: Gaussian([[0, 1]], [[[1, 1], [1, 1]]], covariance="full"), r"covariances\[0\]", "singular"),
    ("covariance not symmetric", lambda: Gaussian([[0, 1]], [[[1, 1], [0, 1]]], covariance="full"), "symmetric"),
    ("covariance flat", lambda: Gaussian([[0, 1]], np.eye(2), covariance="full"), "covariances", "3 axes|shape"),
    ("rate negative", lambda: Poisson([1, -2]), r"rates\[1, 0\]", "-2", ">= 0"),
    ("probability above 1", lambda: Bernoulli([[0.5, 1.5]]), r"probs\[0, 1\]", r"1\.5", "<= 1"),
    ("multinomial rows off", lambda: Multinomial([[0.5, 0.6]]), r"probs\[0\]", r"1\.1"),
    ("shape and rate", lambda: Gamma([1, 2], [1]), "shapes", "rates", "agree"),
    ("shape zero", lambda: Gamma([0], [1]), r"shapes\[0, 0\]", "0"),
    ("frozen unheard of", lambda: Poisson([1], frozen=("rate",)), "frozen", "rate", "rates"),
    ("mean angle in degrees", lambda: VonMises([90], [1]), r"means\[0, 0\]", "90"),
    ("mixture of a class", lambda: Mixture(Gaussian, 2), "family", "Gaussian"),
    ("mixture of none", lambda: Mixture(Gaussian(), 0), "n", "0"),
    ("mixture that does not divide", lambda: Mixture(Gaussian([0, 1, 2], [1, 1, 1]), 2), "3", "2"),
    ("product of nothing", lambda: Product(), "Product"),
    ("product both ways", lambda: Product(Gaussian(), b=Gaussian()), "Product"),
    ("product of a name", lambda: Product("gaussian"), "gaussian", "Emission"),
    ("product that disagrees", lambda: Product(Poisson([1, 2]), Poisson([1])), "states", "2", "1"),
    ("a missing count", lambda: Model(2, Multinomial()).fit([[[1, 2], [1, np.nan], [2, 2]]]), "step 1", "partly missing"),
    ("infinite", lambda: Model(2, Gaussian()).fit([[1.5, np.inf]]), "step 1", "inf"),
    ("words for numbers", lambda: Model(2, Gaussian()).fit([["a", "b"]]), "words|text", "numbers"),
    ("a class", lambda: Model(2, Gaussian).fit([0.5, 1.5]), "Gaussian"),
    ("multinomial of one column", lambda: Model(2, Multinomial()).fit([1, 2, 3]), "Categorical"),
    ("more draws than a count holds", lambda: Multinomial(n_draws=10**30), "n_draws = 10+ must be"),
    ("a channel that has no copy", lambda: Product(memoryview(b"ab")), "channel 0 is <memory", "Emission"),
    ("normalized neither True nor False", lambda: Categorical(normalized=np.ones(2)), "normalized = array", "True or False"),
    ("unknown an array", lambda: Categorical(unknown=np.ones(2)), "unknown = array", "'missing'"),
    ("multinomial, nothing of categorical", lambda: Multinomial([[0.5, 0.6]]), r"1e-06\)$"),
    ("a scale whose square is none", lambda: StudentT([0, 1], [1e-300, 1], [3, 3]), r"scales\[0, 0\]", ">= 1e-100"),
    ("numbers whose sums are none", lambda: Model(2, Gamma()).fit([2.5, 1e301]), "step 1: 1e.301 is beyond", "rescale"),
    ("mixed columns", lambda: Model(2).fit(frame(a=["x"], b=[1.5])), r"Product\(a=Categorical\(\), b=Gaussian\(\)\)"),
    ("mixed columns, no names", lambda: Model(2).fit(np.array([["x", 1.5]], object)), r"Product\(Categorical\(\), Gaussian\(\)\)"),
    ("a list of rows", lambda: Model(2, Product(Gaussian(), Gaussian())).fit([(1.5, 2), (2.5, 3)]), r"array of shape \(n_steps, 2\)"),
    ("a list of mixed rows", lambda: Model(2, Product(Gaussian(), Categorical())).fit([(1.5, "a"), (2.5, "b")]), r"X\[0\]\[1\] is 'a'", "frame"),
    ("a column of another name", lambda: Model(2, Product(a=Gaussian())).fit(frame(b=[1.5, 2.5])), "no column 'a'; .* 'b'"),
    ("two columns of one name", lambda: Model(2, Product(a=Gaussian())).fit(frame(a=[1.5], b=[2.5]).set_axis(["a", "a"], axis=1)), "2 columns 'a'"),
    ("an impossible number", lambda: Model(2, Poisson([0, 0])).fit([3, 4, 3]), "the value 3 has"),
    ("three axes", lambda: Model(2).fit(np.zeros((2, 3, 4))), r"\(2, 3, 4\)", r"pass list\(X\)"),
    ("a dict", lambda: Model(2).fit({"a": 1}), "X is a dict", "must be a list of sequences, or one"),
    ("an integer of 2000 digits", lambda: Model(2).fit([10**2000, 1]), r"X\[0\] = 1.{,80} does not fit"),
    ("an integer of 5000 digits", lambda: Model(2).fit([10**5000, 1]), r"X\[0\] = an integer of 16610 bits does"),
    ("many integers under auto", lambda: Model(2).fit(np.arange(100)), "100", "Poisson", "Gaussian", "Categorical"),
    ("whole floats under auto", lambda: Model(2).fit([1.0, 2.0, 3.0]), "Poisson", "Gaussian", "Categorical"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=[case[0] for case in WRONG])
def test_bad_input_is_named(case):
    _, call, *patterns = case
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    missing = [p for p in patterns if not re.search(p, str(caught.value))]
    assert not missing, f"{missing} not in: {caught.value}"


# ---------------------------------------------------------------------------------------------------------- examples


def test_the_example_of_a_family_of_ones_own(capsys):
    runpy.run_path(str(Path(__file__).parent.parent / "examples" / "zero_inflated.py"), run_name="__main__")
    words = capsys.readouterr().out.split()
    assert_allclose([float(v) for v in words[3:5]], [3, 20], rtol=0.1)
    assert_allclose([float(v) for v in words[6:8]], [0.6, 0.1], atol=0.05)


def test_the_page_of_the_families_is_made_of_their_docstrings():
    docs = Path(__file__).parent.parent / "docs"
    page = runpy.run_path(str(docs / "emissions.py"))["page"]()
    assert (docs / "emissions.md").read_text(encoding="utf-8") == page


def test_starts_of_a_mixture_follow_the_seed():
    x = np.random.default_rng(0).normal(size=100)
    first = [Model(2, Mixture(Gaussian(), 2), random_state=s, max_iter=1).fit(x).history_[0] for s in (0, 0, 1)]
    assert first[0] == first[1] != first[2]


@pytest.mark.parametrize("combine", [lambda p: Mixture(p, 2), lambda p: Product(p, Gaussian()), lambda p: Product(x=p)])
def test_precomputed_stands_alone(combine):
    with pytest.raises(TypeError, match="Precomputed"):
        combine(Precomputed())


def test_what_is_impossible_has_the_remedy_of_its_family():
    m = Model(startprob=[1.0, 0.0], transmat=np.eye(2), emission=Precomputed())
    with pytest.raises(ValueError, match=r"step 0: .*zeros in startprob and transmat"):
        m.decode([[-np.inf, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize("n_values", [1, 7, 31, 32, 33, 257, 1000])
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("gaps", [0, 0.3])
def test_independent_columns_are_sums_over_their_distances(n_values, d, gaps):
    """Whole registers, tiles of them and blocks, and what is left over; far from 0."""
    rng = np.random.default_rng(n_values)
    means, variances = 1e8 + rng.normal(size=(3, d)), rng.gamma(2, size=(3, d))
    x = 1e8 + rng.normal(size=(n_values, d))
    x[rng.random(x.shape) < gaps] = np.nan
    weights = rng.random((n_values, 5))[:, ::2]
    emission = Gaussian(means, variances)
    y = x[:, None] - means
    terms = -0.5 * (np.log(2 * np.pi * variances) + y**2 / variances)
    assert_allclose(emission.log_likelihood(x), np.nansum(terms, axis=2), rtol=1e-12, atol=1e-12)
    s = emission.statistics(x, weights)
    w = weights[:, :, None] * ~np.isnan(y)
    y = np.nan_to_num(y)
    for name, power in (("weights", 0), ("sums", 1), ("squares", 2)):
        assert_allclose(s[name], (w * y**power).sum(axis=0), rtol=1e-12, atol=1e-12 * n_values)


@pytest.mark.parametrize("family", [Gaussian, StudentT])
@pytest.mark.parametrize("outlier", [1e160, 1e299, -1e299])
def test_data_whose_squares_are_no_numbers(family, outlier):
    x = np.append(np.random.default_rng(0).normal(size=50), outlier)
    for data in (x, x[::-1], x[:-1] * outlier):
        with warnings.catch_warnings(), pytest.raises(ValueError, match="column 0 of X has a standard deviation of .*; rescale"):
            warnings.simplefilter("error")
            Model(2, family(), random_state=0).fit(data)


@pytest.mark.parametrize("emission", [Exponential([1e-310, 1]), LogNormal([800, 1], [1, 1])])
def test_no_infinity_is_drawn(emission):
    m = Model(startprob=[0.5, 0.5], transmat=np.full((2, 2), 0.5), emission=emission)
    with pytest.raises(ValueError, match="drawn in state 0 is beyond all numbers: inf"):
        m.sample(20, random_state=0)


@pytest.mark.parametrize(
    "members, error, words",
    [
        ([], TypeError, ["list"]),
        ([Gaussian], TypeError, ["members[0]", "Emission"]),
        ([Gaussian(), Precomputed()], TypeError, ["members[1]", "Precomputed"]),
        ([Gaussian([0, 1], [1, 1])], ValueError, ["members[0]", "2 states"]),
        ([Gaussian(), Categorical()], ValueError, ["members[0]", "numbers", "members[1]", "symbols"]),
    ],
)
def test_members_that_do_not_go_together(members, error, words):
    with pytest.raises(error) as caught:
        PerState(members)
    assert all(word in str(caught.value) for word in words)


def test_data_that_a_member_does_not_take_name_the_member():
    clash = PerState([Categorical([[0.5, 0.5]], symbols="ab"), Categorical([[0.5, 0.5]], symbols="ba")])
    for emission, x, words in (
        (PerState([Gamma(), Exponential()]), [1.5, 2, -3], ["Exponential", "step 2", "-3"]),
        (clash, "abab", ["members[1]", "symbols"]),
        (PerState([Gaussian([[0, 1]], [[1, 1]]), Exponential([1])]), [1.5, 2], ["members[0]", "2 features"]),
    ):
        with pytest.raises(ValueError) as caught:
            Model(2, emission).fit(x)
        assert all(word in str(caught.value) for word in words)
    with pytest.raises(ValueError, match="n_states says 3, emission says 2"):
        Model(3, PerState([Gaussian(), Exponential()])).fit([1.5, 2, 3])


@pytest.mark.parametrize(
    "emission",
    [
        Mixture(Gaussian(), 4), Product(Mixture(Gaussian(), 4)), PerState([Mixture(Gaussian(), 4), Mixture(Gaussian(), 4)]),
        Mixture(Mixture(Gaussian(), 2), 2), Product(PerState([Mixture(Gaussian(), 4), Gaussian()])),
    ],
)  # fmt: skip
def test_first_shares_are_drawn_by_the_models_generator_with_labels_too(emission):
    rng = np.random.default_rng(0)
    x, y = rng.random(300), rng.integers(2, size=300)
    learnt = [Model(emission=emission, random_state=s).fit([x], [y]).score([x]) for s in (0, 0, 1)]
    assert learnt[0] == learnt[1] != learnt[2]
    # one state is the same at every start but for its components
    one = Mixture(Gaussian(), 4)
    first = {Model(1, one, random_state=s, max_iter=1).fit(x).history_[0] for s in range(3)}
    assert len(first) == 3


def test_a_rate_too_large_to_draw_from_is_named():
    with pytest.raises(ValueError, match=r"rates\[1, 0\] = 1e\+300: state 1"):
        Model(**TWO, emission=Poisson([1, 1e300])).sample(50, random_state=0)


def test_whole_floats_with_gaps_are_told_as_such():
    with pytest.raises(TypeError, match="whole numbers and missing values"):
        Model(2).fit([1.0, 2.0, np.nan])


def test_a_chain_learnt_from_precomputed_values_is_saved_and_loaded(tmp_path):
    logs = np.log([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])
    model = Model(2, Precomputed(), random_state=0, tol=1).fit(logs)
    model.save(tmp_path / "model.npz")
    loaded = Model.load(tmp_path / "model.npz")
    assert loaded.score(logs) == model.score(logs)
    assert_array_equal(loaded.transmat_, model.transmat_)


def test_errors_about_all_data_name_the_channel():
    with pytest.raises(ValueError, match="channel 'size': X, step 1: -2 is outside"):
        Model(2, Product(kind=Poisson(), size=LogNormal())).fit(np.array([[1, 1.0], [3, -2.0]]))


def test_labels_that_are_all_unknown_are_told_as_such():
    with pytest.raises(ValueError, match="y holds nothing but missing values"):
        Model(2, Gaussian()).fit([0.5, 1.5, 2.5], [None, None, None])


@pytest.mark.parametrize(
    "values, words",
    [
        (np.array([1 + 2j, 3]), "must be an array of numbers"),
        ([10**400, 1], "must be an array of numbers"),
        (np.ma.array([0.5, 0.5], mask=[False, True]), "1.* NaN|1.*nan"),
    ],
)
def test_no_parameter_is_taken_for_another_number(values, words):
    def row(p):
        return [p] if isinstance(p, list) else p[None]

    for make in (Gaussian, Poisson, lambda p: Categorical(row(p)), lambda p: Mixture(Gaussian(), 2, row(p))):
        with pytest.raises((TypeError, ValueError), match=words), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make(values)


@pytest.mark.parametrize("rate", [1e5, 1e8, 1e10])
def test_probabilities_of_large_counts_lose_nothing(rate):
    other = rate + 3 * rate**0.5  # the densities are computed around the mean of the two
    low, high = rate - 9 * rate**0.5, other + 9 * rate**0.5
    counts = np.arange(int(low), int(high))[:, None].astype(float)
    assert_allclose(np.exp(Poisson([rate, other]).log_likelihood(counts)).sum(axis=0), 1, rtol=1e-10)


def test_rates_of_zero_and_rates_far_apart():
    values = np.array([[0.0, 0], [0, 3], [2, 0], [np.nan, 1], [0, np.nan]])
    rates = np.array([[0, 1e12], [0, 0], [1e-9, 2]])
    got = Poisson(rates).log_likelihood(values)
    assert_allclose(got[0], -rates.sum(axis=1), rtol=1e-15)
    assert_array_equal(got[:, 1], [0, -np.inf, -np.inf, -np.inf, 0])
    assert got[2, 0] == -np.inf
    assert_allclose(got[3:, 2], [np.log(2) - 2, -1e-9], rtol=1e-14)


@pytest.mark.parametrize("family", [Poisson, NegativeBinomial, Multinomial])
@pytest.mark.parametrize("size", [1e8, 1e12, 1e17])
def test_em_of_counts_of_any_size_never_falls(family, size):
    rng = np.random.default_rng(0)
    x = np.repeat(rng.poisson([size, size + 3 * size**0.5]), 30) + rng.poisson(size, 60)
    x = np.column_stack([x, rng.poisson(size, 60)]) if family is Multinomial else x
    model = Model(2, family(), random_state=0, tol=0, max_iter=30).fit(x)
    assert np.diff(model.history_).min(initial=0) > -1e-6
    assert model.score(x) < 0  # probabilities


@pytest.mark.parametrize("size", [1e4, 1e9, 1e12, 1e15, 1e18])
def test_many_draws_are_nearly_normal(size):
    """At z deviations from its mean size / 2 a binomial has the density exp(-z^2 / 2) / sqrt(pi size / 2), within z^4 / size."""
    z = np.array([-1.5, 0, 0.5, 2])
    heads = np.round(size / 2 + z * size**0.5 / 2)
    z = 2 * (heads - size / 2) / size**0.5
    got = Multinomial([[0.5, 0.5]]).log_likelihood(np.column_stack([heads, size - heads]))
    assert_allclose(got[:, 0], -0.5 * np.log(np.pi * size / 2) - z**2 / 2, atol=10 / size + 1e-9)


@pytest.mark.parametrize("mean", [1e9, 1e12, 1e15, 1e18])
@pytest.mark.parametrize("size", [0.3, 1, 7.5, 1e4])
def test_negative_binomials_of_large_means_are_gamma(size, mean):
    """x (1 - p) / p goes to a gamma variable as p goes to 0, within size^2 / x."""
    x = np.round(mean * np.array([0.9, 1, 1.05]))
    p = size / (size + mean)
    stats = pytest.importorskip("scipy.stats")
    got = NegativeBinomial([size], [p]).log_likelihood(x[:, None])[:, 0]
    assert_allclose(got, stats.gamma.logpdf(x, size, scale=mean / size), atol=max(2 * size**2 / mean, 1e-9))


@pytest.mark.parametrize("emission", [Gamma(), Mixture(Gamma(), 2), PerState([Gamma(), Gamma()])])
def test_numbers_whose_rates_would_be_beyond_all_numbers_are_named(emission):
    with pytest.raises(ValueError, match="step 1: 1e-300 is outside what Gamma takes, .*rescale"):
        Model(2, emission).fit([1.0, 1e-300, 2.0])


@pytest.mark.filterwarnings("error")
@pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
@pytest.mark.parametrize("emission", [Poisson(), NegativeBinomial(), Mixture(Poisson(), 2)])
def test_counts_beyond_reason_are_learnt_without_a_warning_and_not_drawn(emission):
    model = Model(2, emission, random_state=0, max_iter=5).fit(np.repeat([1e200, 5.0], 20))
    assert np.isfinite(model.history_).all()
    with pytest.raises(ValueError, match="counts.* beyond 64 bits"):
        model.sample(100, random_state=0)


def test_the_documented_family_takes_one_column():
    ZeroInflated = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "zero_inflated.py"))["ZeroInflated"]
    model = Model(startprob=[0.5, 0.5], transmat=[[0.5, 0.5], [0.5, 0.5]], emission=ZeroInflated([2, 9], [0.2, 0.5]))
    assert np.isfinite(model.score(np.ones((4, 1))))
    with pytest.raises(ValueError, match="X has 2 features, but ZeroInflated is expecting 1"):
        model.score(np.ones((4, 2)))  # as many columns as states: the shapes would fit, and say nothing


def test_own_families_are_classes_for_load(tmp_path):
    with pytest.raises(TypeError, match="must be a list of classes"):
        Model.load(tmp_path / "model.npz", emissions=[Gaussian()])


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


def test_an_update_that_is_no_maximiser_is_told():
    class Leaving(Poisson):
        def update(self, statistics):
            first = self.rates is None
            super().update(statistics)
            self.rates = self.rates if first else 3 * self.rates + 9

    with pytest.warns(ConvergenceWarning, match="lowered the objective, from .* to .* if it is your own"):
        model = Model(2, Leaving(), n_init=2, random_state=0).fit([1, 2, 1, 0, 9, 8, 11, 9])
    assert not model.converged_ and model.history_[-1] < model.history_[-2]


@pytest.mark.parametrize(
    "emission", [Mixture(Gaussian(frozen="means"), 2), Product(Poisson(frozen="rates")), PerState([Beta(frozen=("a",))] * 2)]
)
def test_what_is_frozen_inside_must_be_given(emission):
    with pytest.raises(ValueError, match="must be given to be kept"):
        Model(2, emission).fit([1, 2, 2, 3])


def test_a_summary_shows_the_digits_of_small_numbers():
    returns = Model(startprob=[1.0], transmat=[[1.0]], emission=StudentT([1.23e-5], [0.00075312], [4.5]))
    returns.score([0.1])
    assert "locations 1.23e-05, scales 0.00075312, dofs 4.5" in repr(returns)


def test_an_update_that_forgets_a_parameter_is_told():
    class Forgetful(Poisson):
        def update(self, statistics):
            pass

    with pytest.raises(TypeError, match=r"Forgetful\.update\(statistics\) set no rates"):
        Model(2, Forgetful()).fit([1, 2, 9])


def test_given_parameters_start_with_their_own_cluster():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.gamma(2, 1 / 2, 300), rng.gamma(50, 1 / 2, 300)])
    for seed in range(6):
        for shapes in ([2, 50], [50, 2]):
            m = Model(2, Gamma(shapes=shapes, frozen=("shapes",)), random_state=seed).fit(x)
            np.testing.assert_allclose(m.emission_.rates.ravel(), 2, rtol=0.2)
