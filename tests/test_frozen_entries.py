"""Masks: entries of parameters that stay, and the maximiser given them; states permuted; moments."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import (
    Bernoulli,
    Beta,
    Exponential,
    Gamma,
    Gaussian,
    LogNormal,
    Model,
    NegativeBinomial,
    Poisson,
    StudentT,
    VonMises,
    sequences,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

MASK = [[True, False], [False, False], [False, True]]
OTHER = [[False, True], [False, True], [False, False]]
A, B = [[1.0, 2], [3, 1], [2, 2]], [[0.5, 0.7], [0.6, 0.4], [0.8, 0.3]]
SQUARES = np.array([[[1, 0.5], [0.5, 2]], [[2, -0.3], [-0.3, 0.5]], [[1, 0], [0, 1]]])


def continuous(rng):
    return rng.gamma(2, 1, size=(90, 2))


def counts(rng):
    return rng.negative_binomial(3, 0.4, size=(90, 2)).astype(float)


CASES = {
    "Bernoulli": (lambda **o: Bernoulli(B, **o), {"probs": MASK}, lambda rng: (rng.random((90, 2)) < 0.3).astype(float)),
    "Poisson": (lambda **o: Poisson(A, **o), {"rates": MASK}, counts),
    "Exponential": (lambda **o: Exponential(A, **o), {"rates": MASK}, continuous),
    "Gamma": (lambda **o: Gamma(A, A, **o), {"shapes": MASK, "rates": OTHER}, continuous),
    "Beta": (lambda **o: Beta(A, A, **o), {"a": MASK, "b": OTHER}, lambda rng: rng.beta(2, 3, (90, 2))),
    "NegativeBinomial": (lambda **o: NegativeBinomial(A, B, **o), {"sizes": MASK, "probs": OTHER}, counts),
    "VonMises": (
        lambda **o: VonMises(A, A, **o), {"means": MASK, "concentrations": OTHER}, lambda rng: rng.vonmises(1, 2, (90, 2))
    ),
    "StudentT": (lambda **o: StudentT(A, A, A, **o), {"locations": MASK, "scales": OTHER, "dofs": MASK}, continuous),
    "LogNormal": (lambda **o: LogNormal(A, A, **o), {"means": MASK, "covariances": OTHER}, continuous),
    "Gaussian": (lambda **o: Gaussian(A, A, **o), {"means": MASK, "covariances": OTHER}, continuous),
    "Gaussian spherical": (
        lambda **o: Gaussian(A, [1, 2, 3], covariance="spherical", **o), {"means": MASK, "covariances": [True, False, False]},
        continuous,
    ),
    "Gaussian full": (
        lambda **o: Gaussian(A, SQUARES, covariance="full", **o), {"means": MASK, "covariances": [True, False, False]},
        continuous,
    ),
    "Gaussian tied": (lambda **o: Gaussian(A, SQUARES[0], covariance="tied", **o), {"means": MASK}, continuous),
}  # fmt: skip
every_family = pytest.mark.parametrize("name", CASES)


def held(emission, name):
    value = getattr(emission, name)
    mask = np.asarray(emission.held(name))
    return np.broadcast_to(mask.reshape(mask.shape + (1,) * (value.ndim - mask.ndim)), value.shape)


@every_family
def test_held_entries_stay_and_the_others_maximise(name):
    make, masks, draw = CASES[name]
    rng = np.random.default_rng(0)
    emission = make(frozen=masks)
    data = sequences.read(draw(rng))
    emission.prepare(emission.survey(data), 3, 0.0)
    values = emission.check(data).distinct
    weights, first = rng.random((len(values), 3)), copy.copy(emission)

    def objective(e):
        return (weights * e.log_likelihood(values)).sum() + e.log_prior()

    for _ in range(150 if emission.max_inner_iter > 2 else 2):
        before = objective(emission)
        emission.update(emission.statistics(values, weights))
        assert objective(emission) >= before - 1e-9 * abs(before)
    best = objective(emission)
    for parameter in emission.parameters:
        free = ~held(emission, parameter)
        assert_array_equal(getattr(emission, parameter)[~free], getattr(first, parameter)[~free])
        assert free.any() and (getattr(emission, parameter)[free] != getattr(first, parameter)[free]).all()
        for size in (1e-3, 0.03):
            for _ in range(4):
                other, value = copy.copy(emission), getattr(emission, parameter)
                noise = size * rng.standard_normal(value.shape)
                noise = noise + np.swapaxes(noise, -1, -2) if value.ndim == 3 or len(value) != 3 else noise
                setattr(other, parameter, np.where(free, value + noise * np.abs(value).min(), value))
                assert objective(other) <= best + 1e-6


@every_family
def test_masks_are_saved_and_states_permuted(name, tmp_path):
    make, masks, draw = CASES[name]
    emission, order = make(frozen=masks), [2, 0, 1]
    values = draw(np.random.default_rng(0))
    other = emission.reordered(order)
    assert_array_equal(other.log_likelihood(values), emission.log_likelihood(values)[:, order])
    for moment in ("mean", "variance"):
        assert_array_equal(getattr(other, moment)(), getattr(emission, moment)()[order])
    for parameter in masks:
        if parameter not in emission.common:
            assert_array_equal(held(other, parameter), held(emission, parameter)[order])
    model = Model(emission=emission, startprob=np.full(3, 1 / 3), transmat=np.full((3, 3), 1 / 3))
    model.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model").emission
    for parameter in masks:
        assert_array_equal(held(loaded, parameter), held(emission, parameter))


@every_family
def test_moments_are_those_of_what_is_drawn(name):
    make, *_ = CASES[name]
    emission = make()
    n = 40_000
    x = np.stack([emission.sample(np.full(n, i), np.random.default_rng(i)) for i in range(3)])
    if name == "VonMises":
        z = np.exp(1j * x).mean(axis=1)
        assert_allclose(np.exp(1j * emission.mean()), z / np.abs(z), atol=0.03)
        assert_allclose(emission.variance(), 1 - np.abs(z), atol=0.02)
        return
    if name == "StudentT":
        assert_array_equal(emission.mean(), emission.locations)
        assert_array_equal(np.isfinite(emission.variance()), emission.dofs > 2)
        return
    if name == "LogNormal":
        emission = LogNormal(np.array(A) / 4, np.array(A) / 20)
        x = np.stack([emission.sample(np.full(n, i), np.random.default_rng(i)) for i in range(3)])
    assert emission.mean().shape == emission.variance().shape == (3, 2)
    assert_allclose(x.mean(axis=1), emission.mean(), rtol=0.05)
    assert_allclose(x.var(axis=1), emission.variance(), rtol=0.08)


def test_entries_of_one_covariance_matrix_cannot_be_held():
    with pytest.raises(ValueError, match="whole matrices"):
        Gaussian(A, SQUARES, covariance="full", frozen={"covariances": SQUARES > 0.7})


@pytest.mark.parametrize("name", [name for name in CASES if name.split()[0] in ("Gaussian", "LogNormal", "StudentT")])
@pytest.mark.parametrize("gaps", [False, True])
def test_recentred_statistics_are_those_taken_from_there(name, gaps):
    """StudentT's precisions, and expectations where there are gaps among crossed columns, are those of who took them."""
    make, _, draw = CASES[name]
    rng = np.random.default_rng(0)
    emission, values, weights = make(), draw(rng), rng.random((90, 3))
    if gaps:
        values[rng.random(values.shape) < 0.2] = np.nan
        values = values[~np.isnan(values).all(axis=1)]
        weights = weights[: len(values)]
    other = copy.copy(emission)
    place = emission.parameters[0]
    setattr(other, place, getattr(emission, place) + rng.normal(size=(3, 2)))
    theirs = other.statistics(values, weights)
    moved = emission.recentre(theirs, other)
    if name == "StudentT" or (gaps and emission.covariance in ("full", "tied")):
        back = other.recentre(moved, emission)
        for key in theirs:
            assert_allclose(back[key], theirs[key], rtol=1e-12, atol=1e-11)
        a, b = copy.copy(emission), copy.copy(other)
        a.update(moved)
        b.update(theirs)
        if name != "StudentT":  # whose steps alternate
            for parameter in emission.parameters:
                assert_allclose(getattr(a, parameter), getattr(b, parameter), rtol=1e-10)
        return
    for key, want in emission.statistics(values, weights).items():
        assert_allclose(moved[key], want, rtol=1e-11, atol=1e-11)
