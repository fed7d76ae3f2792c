"""Random models and data through the public doors. `CHMM_FUZZ=10 pytest tests/test_fuzz.py` runs ten times as many.

Recursions are compared with the oracle; fits must keep the laws of EM: finite, never falling, zeros stay zero.
"""

import warnings

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import Params, as_given, stochastic

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
    Product,
    StudentT,
    VonMises,
)

# ---------------------------------------------------------------------------------------------- models and the oracle


def random_model(rng):
    """Of any size, with zeros, missing steps and final states by turns, and magnitudes as far apart as doubles go."""
    n = int(rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 17, 24, 33]))
    m = int(rng.integers(1, 9))
    zeros = rng.choice([0, 0, 0.2, 0.6])
    params = Params(*(stochastic(rng, *shape, zeros=zeros) for shape in ((n,), (n, n), (n, m))))
    if rng.random() < 0.3:  # rows whose entries differ by many orders of magnitude
        reach = rng.choice([20, 100, 250])
        params = Params(*(a * 10.0 ** (-reach * rng.random(a.shape)) for a in params))
        params = Params(*(a / a.sum(axis=-1, keepdims=True) for a in params))
    final = rng.random(n) < 0.6 if rng.random() < 0.3 else None
    if final is not None and not final.any():
        final = None
    lengths = rng.integers(1, 25 if n > 9 else 60, size=rng.integers(1, 5))
    gone = rng.choice([0, 0, 0.2])
    X = [np.where(rng.random(t) < gone, -1, rng.integers(0, m, size=t)) for t in lengths]
    return params, final, X


@np.errstate(under="ignore")  # of comparisons; test_manners.py is strict
def test_fuzz_of_models(fuzz):
    rng = np.random.default_rng(fuzz.seed)
    possible = 0
    for _ in range(fuzz.rounds(200)):
        params, final, X = random_model(rng)
        truths = [oracle.log_space(*params[:2], params.rows(x), final) for x in X]
        options = {} if final is None else {"final_states": np.flatnonzero(final).tolist()}
        model = params.model(max_iter=1, **options)
        given, logliks = [as_given(x) for x in X], [float(truth.loglik) for truth in truths]
        sizes = [np.abs(truth.log_scale).sum() for truth in truths]
        assert_allclose(model.score(given), sum(logliks), rtol=0, atol=1e-12 * max(1, sum(sizes)))
        for x, truth, loglik, size in zip(X, truths, logliks, sizes):
            compare_one(model, params, x, final, truth, loglik, 1e-12 * max(1, size))
        if np.isneginf(logliks).any():
            with pytest.raises(ValueError, match="impossible"):
                model.fit(given)
            continue
        possible += 1
        for gamma, path, truth, x in zip(model.predict_proba(given), model.predict(given), truths, given):
            assert_allclose(gamma, truth.gamma.astype(float), rtol=1e-8, atol=1e-10)
            assert_array_equal(path, model.decode(x).path)
        weight = rng.random(len(X)) + 0.01
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = model.fit(given, sample_weight=weight)
        want = oracle.expected_counts(
            [w * t.gamma for w, t in zip(weight, truths)], [w * t.xi for w, t in zip(weight, truths)], X,
            params.probs.shape[1],
        )  # fmt: skip
        statistics = fitted.statistics_
        for got, count in zip((statistics.start, statistics.trans, statistics.emission["counts"]), want):
            assert_allclose(got, np.asarray(count, float), rtol=1e-8, atol=1e-10 * max(map(len, X)))
        for new, old in zip((fitted.startprob_, fitted.transmat_, fitted.emission_.probs), params):
            assert (new[old == 0] == 0).all() and np.isfinite(new).all()
    assert possible > fuzz.rounds(200) / 2


def compare_one(model, params, x, final, truth, loglik, atol):
    given = as_given(x)
    if np.isneginf(loglik):
        assert model.score([given]) == -np.inf
        for ask in (model.decode, model.forward, model.backward, model.posteriors):
            with pytest.raises(ValueError, match="impossible"):
                ask(given)
        return
    forward, posteriors = model.forward(given), model.posteriors(given, pairs=True)
    assert_allclose([forward.loglik, posteriors.loglik, model.score([given])], loglik, rtol=0, atol=atol)
    assert_allclose(forward.alpha, np.exp(truth.log_filter).astype(float), rtol=1e-8, atol=1e-10)
    assert_allclose(posteriors.gamma, truth.gamma.astype(float), rtol=1e-8, atol=1e-10)
    assert_allclose(posteriors.xi, truth.xi.astype(float), rtol=1e-8, atol=1e-10)
    path, log_prob = model.decode(given)
    rows = oracle.end_in(final, params.rows(x))
    best = oracle.path_log_prob(*params[:2], rows, oracle.viterbi(*params[:2], rows))
    assert_allclose([log_prob, oracle.path_log_prob(*params[:2], rows, path)], best, rtol=1e-12, atol=1e-12)
    assert_allclose(model.score([given], [path]), best, rtol=1e-12, atol=1e-12)


# --------------------------------------------------------------------------------------------------------------- fits


def counts(rng, n):
    return rng.poisson(rng.choice([0.3, 4, 300], size=n))


def positive(rng, n):
    return rng.gamma(2, rng.choice([0.1, 1, 30], size=n))


def reals(rng, n):
    return rng.normal(rng.choice([-5, 0, 9], size=n), 1.0)


def angles(rng, n):
    return rng.vonmises(rng.choice([-2, 1], size=n), 3.0)


def shares(rng, n):
    return np.clip(rng.beta(2, rng.choice([1, 9], size=n)), 1e-6, 1 - 1e-6)


def marks(rng, n):
    return rng.integers(0, 2, size=n)


def symbols(rng, n):
    return rng.integers(0, 4, size=n)


def columns(*draws):
    return lambda rng, n: np.column_stack([draw(rng, n) for draw in draws])


def pairs_of(draw):
    return columns(draw, draw)


def draws(rng, n):
    return rng.multinomial(6, [0.2, 0.5, 0.3], size=n)


FAMILIES = {
    "Categorical": (Categorical, symbols),
    "Bernoulli": (Bernoulli, pairs_of(marks)),
    "Multinomial": (Multinomial, draws),
    "Poisson": (Poisson, counts),
    "NegativeBinomial": (NegativeBinomial, counts),
    "Exponential": (Exponential, positive),
    "Gamma": (Gamma, positive),
    "LogNormal": (LogNormal, positive),
    "Beta": (Beta, shares),
    "VonMises": (VonMises, angles),
    "StudentT": (StudentT, reals),
    "Gaussian": (Gaussian, reals),
    "Gaussian full": (lambda: Gaussian(covariance="full"), pairs_of(reals)),
    "Gaussian tied": (lambda: Gaussian(covariance="tied"), pairs_of(reals)),
    "Gaussian spherical": (lambda: Gaussian(covariance="spherical"), pairs_of(reals)),
    "Mixture": (lambda: Mixture(Gaussian(), 2), reals),
    "Mixture of counts": (lambda: Mixture(Poisson(), 2), counts),
    "Product": (lambda: Product(Categorical(), Gamma(), VonMises()), columns(symbols, positive, angles)),
    "Product of a Mixture": (lambda: Product(Mixture(Gaussian(), 2), Poisson()), columns(reals, counts)),
    "PerState": (lambda n: PerState([Gaussian(), StudentT(), Mixture(Gaussian(), 2), Gaussian()][:n]), reals),
}


def hostile(rng, x, whole):
    """The data, or some that invite a fit to break: few distinct values, one value, one far out, gaps, other units."""
    kind = rng.choice(["as drawn", "as drawn", "few", "one", "far out", "gaps", "units"])
    x = x.copy()
    if kind == "few":
        x = x[rng.integers(0, 2, size=len(x))]
    elif kind == "one":
        x[:] = x[0]
    elif kind == "gaps":
        x = x.astype(object) if whole else x.astype(float)
        x[rng.random(len(x)) < 0.3] = None if whole else np.nan
    return x, kind


@pytest.mark.parametrize("name", FAMILIES)
def test_fuzz_of_fits(fuzz, name):
    rng = np.random.default_rng([fuzz.seed, *name.encode()])
    family, draw = FAMILIES[name]
    fitted = 0
    for _ in range(fuzz.rounds(7)):
        n = int(rng.integers(1, 5))
        x, kind = hostile(rng, draw(rng, int(rng.integers(2, 120))), name == "Categorical")
        if kind == "units" and name in ("Gaussian", "Gaussian full", "StudentT", "Gamma", "Exponential"):
            x = x * 10.0 ** rng.integers(-9, 9)
        if kind == "far out" and x.dtype == np.float64 and name not in ("Beta", "VonMises", "Product"):
            x[-1] = x[-1] * 1000
        cuts = np.sort(rng.integers(1, len(x), size=rng.integers(0, 3)))
        X = np.split(x, cuts)
        emission = family(n) if name == "PerState" else family()
        options = {"max_iter": 25, "tol": 0, "random_state": int(rng.integers(9)), "n_init": int(rng.integers(1, 4))}
        options["pseudocount"] = rng.choice([0, 0, 0.5])
        if rng.random() < 0.3:
            options["transmat"] = np.triu(stochastic(rng, n, n))
            options["transmat"] /= options["transmat"].sum(axis=1, keepdims=True)
        weight = rng.random(len(X)) + 0.1 if rng.random() < 0.3 else None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model = Model(n, emission, **options).fit(X, sample_weight=weight)
        except ValueError as error:
            refused = "each of a single step", "no steps", "nothing but missing values"
            assert type(error) is ValueError and any(words in str(error) for words in refused), (kind, str(error))
            continue
        fitted += 1
        check_laws(model, X, options)
    assert fitted >= fuzz.rounds(7) / 2


def check_laws(model, X, options):
    history = model.history_
    assert np.isfinite(history).all()
    assert np.diff(history).min(initial=0) >= -1e-8 * np.abs(history).max(initial=1)
    for array in (model.startprob_, model.transmat_):
        assert (array >= 0).all()
        assert_allclose(array.sum(axis=-1), 1, rtol=1e-9)
    if "transmat" in options:
        assert (model.transmat_[options["transmat"] == 0] == 0).all()
    for emission in (model.emission_, *model.emission_.members):
        for name in emission.parameters:
            assert np.isfinite(getattr(emission, name)).all(), name
    assert np.isfinite(model.score(X))
    assert all(np.isfinite(gamma).all() for gamma in model.predict_proba(X))
    assert all((path >= 0).all() and (path < model.n_states_).all() for path in model.predict(X))
