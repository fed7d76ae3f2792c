"""The special functions of the densities, by series: a few lines each, so that NumPy remains the only dependency.

Gamma functions: the recurrence up to x >= 10, there Stirling's series (DLMF 5.11.1, 5.11.2, 5.15.8). Bessel functions:
the trapezoidal rule on the circle, which converges like I_M / I_0. Relative error below 1e-14 for x > 0.

Distribution functions: the smaller tail, by a series of positive terms where few are needed (DLMF 8.7.1, 8.17.8), else
by Gauss and Legendre's rule in a variable in which the density has neither poles nor cancelling terms. The error is
below 1e-13, and of a tail below 1e-12, for shapes from 1e-3 to 1e6.
"""

import math

import numpy as np

from ..exceptions import quiet

TURN = 2 * np.pi
# of 1/x, 1/x^3, 1/x^5 ... in the expansion of half_step: (2^-2k - 1) B_2k / (k (2k - 1)), from the Bernoulli numbers
HALF_STEP = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432, 691 / 180224, -5461 / 425984, 929569 / 15728640)
HALF_STEP_SLOPE = tuple(-(2 * k + 1) * c for k, c in enumerate(HALF_STEP))
_ANGLES = np.arange(256) * (TURN / 256)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(32)
GONE = 45.0  # nats below its start, a tail is over: e^-45 is below the rounding of its sum
BLOCK = 2**9  # elements that are integrated at a time
MANY = 1000.0  # shapes above it: the series of a tail has too many terms


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
    whole = np.where(x < len(_STIRLING), x, 0).astype(np.intp)
    return _STIRLING[whole] if (whole == x).all() else _stirling(x)


def _stirling(x):
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


_STIRLING = _stirling(np.arange(256.0))  # of small counts


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


def newton_ascent_of_one(x, value, step, low, high):
    """`newton_ascent` where each element of x is a parameter by itself: value(x) and step(x) have its shape."""
    ascent = newton_ascent(
        x[..., None], lambda x: value(x[..., 0]), lambda x: step(x[..., 0])[..., None], low, high
    )  # fmt: skip
    return ascent[..., 0]


def newton(gradient, curvature, x):
    """The Newton step for one parameter x > 0, taken in log x; it goes uphill whatever the curvature."""
    slope = x * gradient
    bend = np.abs(x * x * curvature + slope)
    return x * np.expm1(np.clip(slope / np.maximum(bend, 1e-300), -1, 1))


# Distribution functions -----------------------------------------------------------------------------------------------

_erfc = np.frompyfunc(math.erfc, 1, 1)


def normal_cdf(z):
    """P(Z <= z) of a standard normal; NaN where z is."""
    return 0.5 * np.asarray(_erfc(-np.asarray(z, dtype=np.float64) / math.sqrt(2)), dtype=np.float64)


def gamma_cdf(a, x):
    """(P(a, x), Q(a, x)) for a > 0: lower and upper tail of the gamma distribution of shape a and rate 1."""
    return _both_tails(_gamma_tails, a, x)


def beta_cdf(a, b, x, y):
    """(I_x(a, b), 1 - I_x(a, b)) for a, b > 0, 0 <= x <= 1 and y = 1 - x: tails of the beta distribution."""
    return _both_tails(_beta_tails, a, b, x, y)


def student_cdf(z, dofs):
    """P(T <= z) of Student's t."""
    ratio = z * z / dofs
    tail = 0.5 * beta_cdf(0.5 * dofs, 0.5, 1 / (1 + ratio), 1 / (1 + 1 / ratio))[0]
    return np.where(z > 0, 1 - tail, tail)


def von_mises_cdf(angle, kappa):
    """The integral of the density from -pi to any angle, with the mean at 0; a turn adds 1."""
    turns = np.round(angle / TURN)
    angle = angle - turns * TURN
    (tail,) = _by_blocks(_von_mises_tail, -np.abs(angle), kappa)
    return turns + np.where(angle > 0, 1 - tail, tail)


def from_minus_pi(angle):
    """The same angle between -pi and pi."""
    return np.where(np.abs(angle) > np.pi, angle - TURN * np.round(angle / TURN), angle)


def _by_blocks(tails, *arguments):
    """The arrays that `tails` makes of flat arguments, computed a block at a time."""
    arguments = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in arguments))
    flat, shape = [a.ravel() for a in arguments], arguments[0].shape
    starts = range(0, max(flat[0].size, 1), BLOCK)
    parts = [quiet(tails)(*(a[start : start + BLOCK] for a in flat)) for start in starts]
    return [np.concatenate(part).reshape(shape) for part in zip(*parts, strict=True)]


def _both_tails(tails, *arguments):
    lower, is_lower = _by_blocks(tails, *arguments)
    return np.where(is_lower > 0, lower, 1 - lower), np.where(is_lower > 0, 1 - lower, lower)


def _gamma_tails(a, x):
    """(the tail that was computed, whether it is the lower one)."""
    lower = np.where(a > MANY, x < a, x < a + 1)
    tail = np.where(np.isnan(a + x), np.nan, 0.0)
    inside = (x > 0) & (x < np.inf)
    height = np.zeros(len(a))
    height[inside] = np.exp(log_poisson(a[inside], x[inside]))  # x^a e^-x / Gamma(a + 1)
    some = inside & lower & (a <= MANY)
    tail[some] = height[some] * _series(a[some] + 1, x[some], np.ones(1), 0.0)
    for side in (-1.0, 1.0):  # t = x exp(side s): t^a e^-t dlog t
        some = inside & (lower if side < 0 else ~lower) & ((a > MANY) | (side > 0))
        shape, here = a[some][:, None], x[some][:, None]
        tail[some] = height[some] * a[some] * _integral(
            lambda s, a=shape, x=here, k=side: k * (x - a) * s + x * _expm1_less(k * s), np.full(shape.size, 50.0), 2
        )  # fmt: skip
    return tail, lower


def _beta_tails(a, b, x, y):
    """The same: x stands below the mean, or is turned around."""
    lower = a * y >= b * x
    tail = np.where(np.isnan(a + b + x), np.nan, 0.0)
    a, b, x, y = np.where(lower, a, b), np.where(lower, b, a), np.where(lower, x, y), np.where(lower, y, x)
    inside, n = (x > 0) & (y > 0), a + b
    height = np.zeros(len(a))  # x^a y^b n! / a! b!
    parts = [log_poisson(a[inside], (n * x)[inside]), log_poisson(b[inside], (n * y)[inside]), stirling(n[inside])]
    height[inside] = np.exp(sum(parts))
    some = summed = inside & (x <= 0.9) & ((n <= 2 * MANY) | (a < 5))
    tail[some] = (height * b / n)[some] * _series(a[some] + 1, x[some], n[some], 1.0)
    some = turned = inside & (x > 0.9) & (a < 5)  # so that b is smaller yet
    tail[some] = 1 - (height * a / n)[some] * _series(b[some] + 1, y[some], n[some], 1.0)
    for small in (True, False):
        some = inside & ~summed & ~turned & ((x <= 0.5) == small)
        size, slope, b_some = n[some][:, None], (a * y - b * x)[some][:, None], b[some][:, None]
        share = (x if small else y)[some][:, None]

        def drop(s, n=size, c=slope, b=b_some, p=share, small=small):
            """a s + n log(y + x e^-s) at a distance of s in log odds, by way of whichever of x and y is smaller."""
            k = -1.0 if small else 1.0
            z = p * np.expm1(k * s)
            near = c * s + n * p * _expm1_less(k * s) + n * _log1p_less(z)
            return near if small else np.where(s < 1, near, n * np.log1p(z) - b * s)

        tail[some] = (height * a * b / n)[some] * _integral(drop, np.full(size.size, 200.0), 4)
    return tail, lower


def _von_mises_tail(angle, kappa):
    """(the integral from -pi to an angle <= 0,)."""
    height = np.exp(kappa * np.cos(angle) - log_bessel(kappa)[0]) / TURN
    here, k = angle[:, None], kappa[:, None]
    width = _integral(lambda s: -2 * k * np.sin(here - s / 2) * np.sin(s / 2), np.maximum(np.pi + angle, 0.0), 2)
    return (np.where(np.isnan(angle), np.nan, height * width),)


def _series(low, x, high, growth):
    """sum_k prod_j x (high + growth j) / (low + j); all terms are positive."""
    term, total, j = np.ones(len(x)), np.ones(len(x)), 0
    while len(x) and (term > 1e-17 * total).any():
        term = term * (x * (high + growth * j) / (low + j))
        total, j = total + term, j + 1
    return total


def _integral(drop, most, n):
    """The integral of exp(-drop(s)) over s = 0 ... most (E,), in n pieces; drop (E, K) -> (E, K) rises from 0."""
    low, high = most * 2.0**-64, most
    for _ in range(9):  # the end of what counts, within 10 %
        middle = np.sqrt(low * high)
        over = drop(middle[:, None])[:, 0] > GONE
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    width, places = high / n, (np.arange(n)[:, None] + 0.5 * (1 + NODES)).ravel()
    return 0.5 * width * (np.exp(-drop(width[:, None] * places)) @ np.tile(WEIGHTS, n))


def _expm1_less(x):
    """e^x - 1 - x."""
    near, total = np.clip(x, -0.5, 0.5), 0.0
    for k in range(16, 2, -1):
        total = (1 + total) * near / k
    return np.where(near == x, near * near / 2 * (1 + total), np.expm1(x) - x)


def _log1p_less(x):
    """log(1 + x) - x; by way of r with log(1 + x) = 2 artanh r."""
    near = np.clip(x, -0.5, 0.5)
    r, total = near / (2 + near), 0.0
    for k in range(31, 1, -2):
        total = total * r * r + 1 / k
    return np.where(near == x, 2 * r**3 * total - r * near, np.log1p(x) - x)
