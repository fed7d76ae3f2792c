"""The special functions of the densities, by series: a few lines each, so that NumPy remains the only dependency.

Gamma functions: the recurrence up to x >= 10, there Stirling's series (DLMF 5.11.1, 5.11.2, 5.15.8). Bessel functions:
the trapezoidal rule on the circle, which converges like I_M / I_0. Relative error below 1e-14 for x > 0.
"""

import numpy as np

from ..exceptions import quiet

TURN = 2 * np.pi
# of 1/x, 1/x^3, 1/x^5 ... in the expansion of half_step: (2^-2k - 1) B_2k / (k (2k - 1)), from the Bernoulli numbers
HALF_STEP = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432, 691 / 180224, -5461 / 425984, 929569 / 15728640)
HALF_STEP_SLOPE = tuple(-(2 * k + 1) * c for k, c in enumerate(HALF_STEP))
_ANGLES = np.arange(256) * (TURN / 256)


def gammaln(x):
    """log Gamma(x), x > 0."""
    x, product = _shifted(x, lambda z: z, np.multiply)
    return (x - 0.5) * np.log(x) - x + 0.5 * np.log(TURN) + _rest(x) / x - np.log(product)


def digamma(x):
    """The derivative of gammaln."""
    x, total = _shifted(x, lambda z: 1 / z, np.add)
    y = (1 / x) ** 2
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132 - y * (691 / 32760 - y / 12))))))
    return np.log(x) - 0.5 / x - series - total


def trigamma(x):
    """The derivative of digamma."""
    x, total = _shifted(x, lambda z: 1 / (z * z), np.add)
    y = (1 / x) ** 2
    series = y * (1 / 6 - y * (1 / 30 - y * (1 / 42 - y * (1 / 30 - y * (5 / 66 - y * (691 / 2730 - y * 7 / 6))))))
    return 1 / x + 0.5 * y + series / x + total


def half_step(x):
    """log Gamma(x + 1/2) - log Gamma(x) - log(x) / 2, x > 0; large terms do not cancel."""
    y, total = _shifted(x, lambda z: np.log(z / (z + 0.5)), np.add)
    return _polynomial(HALF_STEP, (1 / y) ** 2) / y + 0.5 * np.log(y / x) + total


def half_step_slope(x):
    """The derivative of half_step."""
    y, total = _shifted(x, lambda z: 0.5 / (z * (z + 0.5)), np.add)
    return _polynomial(HALF_STEP_SLOPE, (1 / y) ** 2) / (y * y) + 0.5 * (1 / y - 1 / x) + total


def _polynomial(coefficients, x):
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = c + x * total
    return total


def log_ratio(a, b):
    """log(a / b), a > 0, b >= 0; if they are close, as exact as their difference."""
    out = np.log(a / b)
    near = np.abs(a - b) < b / 2
    out[near] = np.log1p(((a - b) / b)[near])
    return out


def stirling(x):
    """log x! - x log x + x, x >= 0."""
    x = np.asarray(x, dtype=np.float64)
    large = np.maximum(x, 10.0)
    out = 0.5 * np.log(TURN * large) + _rest(large) / large
    out[x == 0] = 0.0
    few = (x > 0) & (x < 10)
    small = x[few]
    out[few] = gammaln(small + 1) - small * np.log(small) + small
    return out


@quiet
def log_poisson(x, mean):
    """log of mean^x exp(-mean) / x!, as (x - mean - x log(x/mean)) - (log x! - x log x + x): however large x and mean
    are, no more than x - mean cancels. Other densities of counts are products of it (Loader 2000)."""
    logs = np.where(x > 0, x * log_ratio(np.where(x > 0, x, 1.0), mean), 0.0)  # infinite at a mean of 0
    return x - mean - logs - stirling(x)


def _rest(x):
    """x times the remainder of Stirling's formula for log Gamma, x >= 10."""
    y = (1 / x) ** 2
    return 1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y * (1 / 1188 - y * (691 / 360360 - y / 156)))))


def _shifted(x, term, gather):
    """(x + n, the terms of x, x + 1 ... x + n - 1 gathered), with the least n for which x + n >= 10."""
    x = np.array(x, dtype=np.float64)
    total, few = np.full(x.shape, float(gather.identity)), x < 10
    z = x[few][:, None] + np.arange(10)
    total[few] = gather.reduce(term(z), axis=1, where=z < 10)
    x[few] += (z < 10).sum(axis=1)
    return x, total


@quiet
def log_bessel(kappa):
    """(log I_0(kappa), I_1(kappa) / I_0(kappa)) for an array of kappa >= 0."""
    kappa = np.asarray(kappa, dtype=np.float64)
    k = np.minimum(kappa, 1000.0)[..., None]
    weight = np.exp(k * (np.cos(_ANGLES) - 1))
    mean = weight.mean(axis=-1)
    log_i0, ratio = k[..., 0] + np.log(mean), (weight * np.cos(_ANGLES)).mean(axis=-1) / mean
    # beyond, the asymptotic series (DLMF 10.40.1)
    y = 1 / np.maximum(kappa, 1000.0)
    i0 = 1 + y / 8 * (1 + y * 9 / 16 * (1 + y * 25 / 24 * (1 + y * 49 / 32)))
    i1 = 1 - y * 3 / 8 * (1 + y * 5 / 16 * (1 + y * 21 / 24 * (1 + y * 45 / 32)))
    large = kappa > 1000
    log_i0 = np.where(large, kappa + np.log(i0) - 0.5 * np.log(TURN * np.maximum(kappa, 1.0)), log_i0)
    return log_i0, np.where(large, i1 / i0, ratio)


def newton_ascent(x, value, step, low, high):
    """Guarded Newton: from `x`, steps are taken as long as they raise `value`, element by element; each is halved until
    it does.

    x : (..., P), P parameters > 0; value(x) : (...); step(x) : (..., P). They stay between `low` and `high`. A step of
    less than 1e-6 of x is the last and taken unseen: it lands within 1e-12 of the maximum, where `value` is flat.
    """
    x = np.clip(x, low, high)
    best = value(x)
    done = np.zeros(best.shape, dtype=bool)
    for _ in range(100):
        move = np.clip(x + step(x), np.maximum(low, x / 10), np.minimum(high, x * 10)) - x
        last = ~done & (np.abs(move) <= 1e-6 * x).all(axis=-1)
        x = np.where(last[..., None], x + move, x)
        done |= last
        trying = ~done
        rose = np.zeros_like(trying)
        for _ in range(20):
            if not trying.any():
                break
            new = x + np.where(trying[..., None], move, 0.0)
            there = value(new)
            better = trying & (there > best)
            x, best = np.where(better[..., None], new, x), np.where(better, there, best)
            rose |= better
            move = move / 2
            trying &= ~better & (np.abs(move) > 1e-9 * x).any(axis=-1)
        if not rose.any():
            break
    return x


def newton(gradient, curvature, x):
    """The Newton step for one parameter x > 0, taken in log x; it goes uphill whatever the curvature."""
    slope = x * gradient
    bend = np.abs(x * x * curvature + slope)
    return x * np.expm1(np.clip(slope / np.maximum(bend, 1e-300), -1, 1))
