"""Does the model fit? Pseudo-residuals, which are standard normal if it does, and a test of that."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from . import inference
from .checks import as_floats, check_choice, generator
from .emissions import Categorical, Emission, Multinomial
from .emissions.mixture import mixed
from .emissions.product import Cells, values_seen
from .exceptions import quiet
from .log_space import log_sum
from .questions import of_possible
from .symbols import shown

_quantile = np.frompyfunc(NormalDist().inv_cdf, 1, 1)
LEAST, MOST = 5e-324, 1 - 2.0**-53  # between 0 and 1
ROUNDING = 1e-12  # of a distribution function: smaller jumps are none


@of_possible
def pseudo_residuals(asked, kind, random_state):
    """Residuals (T,), or (T, D), of each sequence; NaN where the value is missing."""
    check_choice(kind, "kind", ("ordinary", "forecast"))
    fit, rng = asked.fit, generator(random_state)
    _require_order(fit.emission)
    if kind == "forecast":
        asked = asked.going_on()
    problem, parts = asked.problem(), []
    for s, alone in enumerate(problem.alone()):
        values = values_seen(problem.observed.distinct, problem.observed.index[slice(*problem.bounds[s : s + 2])])
        parts.append(_residuals(alone, s, fit.emission, values, kind, rng))
    out = np.concatenate(parts) if parts else np.empty((0, fit.emission.n_features or 1))
    return asked.data.split(out[:, 0] if out.shape[1] == 1 else out)


@quiet
def _residuals(alone, s, emission, values, kind, rng):
    if not len(alone.index):
        return np.empty((0, emission.n_features or 1))
    logs, outcome = inference.in_log_space(alone, lambda exact: exact.apart())
    alone.require_possible(outcome.step, s)
    past, future = logs
    weights = past + alone.beside_values()
    if kind == "ordinary":
        weights = weights + future
    weights = np.exp(weights - log_sum(weights, 1)[:, None])

    def share_below(limit):
        return np.einsum("tn,tnd->td", weights, emission.cdf(limit))

    upper = share_below(values)
    jump = upper - share_below(_just_below(values))
    share = upper - np.where(jump > ROUNDING, jump, 0.0) * rng.random(upper.shape)
    if np.any(emission.circular):  # a circle has no end: it is cut opposite to the mean, not at -pi
        cut = share_below(emission.values_of(_opposite(emission, weights)))
        share = np.where(emission.circular, np.maximum((share - cut) % 1.0, 1 - MOST), share)
    share = np.clip(share, LEAST, MOST)
    missing = _missing(values, emission)
    return np.where(missing, np.nan, _quantile(np.where(missing, 0.5, share)).astype(np.float64))


def _opposite(emission, weights):
    """(T, D), the direction opposite to the mean of the mixture; 0 in columns that are no angles."""
    mean = mixed(weights, emission.mean(), emission.variance(), emission.circular)[0]
    return np.where(emission.circular, mean + np.pi, 0.0)


def _just_below(values):
    """The largest values below, so that their distribution function is P(o < value)."""
    if isinstance(values, Cells):
        return Cells(len(values), [_just_below(table) for table in values.tables], values.places)
    return values - 1 if values.dtype.kind in "iu" else np.nextafter(values, -np.inf)


def _missing(values, emission):
    """(T, D) bool."""
    if isinstance(values, Cells):
        while not hasattr(emission, "names"):  # a mixture of products, say
            emission = emission.members[0]
        return np.hstack([_missing(values_seen(table, place), c) for c, table, place in values.of(emission)])
    if values.dtype.kind in "iu":
        return (values == emission.n_expected).reshape(-1, 1)
    return np.isnan(values)


def _require_order(emission: Emission):
    """TypeError if values have no order, so that no residual has a sign."""
    if isinstance(emission, Multinomial):
        raise TypeError("counts out of a total have no residuals: the symbols that they count have no order")
    if isinstance(emission, Categorical):
        symbols = emission.symbols
        if any(isinstance(name, str) for name in symbols) or list(symbols) != sorted(symbols):
            raise TypeError(
                f"the symbols {shown(list(symbols))} have no order, so that none is larger than another: residuals are "
                "of numbers, counts, or symbols that are ascending integers"
            )
    for member in emission.members:
        _require_order(member)


# A test of normality --------------------------------------------------------------------------------------------------


class Normality(NamedTuple):
    """How far residuals are from independent draws of a standard normal; prints as sentences.

    n : number of residuals. mean, deviation, skewness, kurtosis : 0, 1, 0 and 3 for a standard normal.
    jarque_bera : n (skewness^2 + (kurtosis - 3)^2 / 4) / 6, chi-square with 2 degrees of freedom for a normal of any
        mean and deviation, if n is large; p_value : the probability of a larger one, exp(-jarque_bera / 2).
    neighbours : the correlation of each residual with the next one, 0 if they are independent.
    """

    n: int
    mean: float
    deviation: float
    skewness: float
    kurtosis: float
    jarque_bera: float
    p_value: float
    neighbours: float

    def __str__(self) -> str:
        if self.p_value < 0.01:
            told = "they are not normal"
        elif self.p_value < 0.05:
            told = "they may not be normal"
        else:
            told = "no sign that they are not normal"
        few = " (the test is rough below some 100 residuals)" if self.n < 100 else ""
        return (
            f"{self.n} residuals: mean {self.mean:.3g} (normal: 0 +- {2 / math.sqrt(self.n):.2g}), deviation "
            f"{self.deviation:.3g} (1 +- {math.sqrt(2 / self.n):.2g}), skewness {self.skewness:.3g} (0), kurtosis "
            f"{self.kurtosis:.3g} (3), correlation of neighbours {self.neighbours:.3g} (0 +- "
            f"{2 / math.sqrt(self.n):.2g}).\n"
            f"Jarque-Bera {self.jarque_bera:.3g}, p = {self.p_value:.2g}: {told}{few}."
        )


def normality(residuals) -> Normality:
    """Test whether residuals are draws from a standard normal, as the pseudo-residuals of a correct model are.

    residuals : an array of one column, in which NaN is ignored; or a list or dict of these, for several sequences.

    The Jarque-Bera test (1980) only tests the shape: look at the mean, deviation and correlation as well.

    >>> import numpy as np
    >>> from chmm import normality
    >>> print(normality(np.random.default_rng(1).normal(size=500)))  # doctest: +ELLIPSIS
    500 residuals: mean -0.0357 (normal: 0 +- 0.089), deviation 0.913 (1 +- 0.063), skewness 0.0523 (0), ...
    Jarque-Bera 3.05, p = 0.22: no sign that they are not normal.
    """
    each, of = "residuals", ""
    if isinstance(residuals, dict):
        each, of, residuals = "z", " for z in residuals.values()]", list(residuals.values())
    elif isinstance(residuals, list):
        each, of = "z", " for z in residuals]"
    if not isinstance(residuals, list) or all(np.ndim(part) == 0 for part in residuals if part is not None):
        residuals = [residuals]
    parts = [as_floats(part, "residuals") for part in residuals if part is not None] or [np.empty(0)]
    if any(part.ndim != 1 for part in parts):
        names = next((list(part.columns) for part in residuals if hasattr(part, "columns")), None)
        column = "[:, 0]" if names is None else f"[{shown(names[0])}]"
        way_out = f"{'[' if of else ''}{each}{column}{of}"
        raise ValueError(f"residuals must be of one column; pass each column separately, as {way_out}")
    pairs = np.concatenate([np.stack([part[:-1], part[1:]], axis=1) for part in parts])
    pairs = pairs[~np.isnan(pairs).any(axis=1)]
    z = np.concatenate(parts)
    z = z[~np.isnan(z)]
    n = len(z)
    if n < 8 or not np.isfinite(z).all() or z.min() == z.max():
        raise ValueError(f"residuals hold {n} numbers; the test takes 8 or more that are finite and not all the same")
    mean, deviation = float(z.mean()), float(z.std())
    unit = (z - mean) / deviation
    skewness, kurtosis = float((unit**3).mean()), float((unit**4).mean())
    statistic = n / 6 * (skewness**2 + (kurtosis - 3) ** 2 / 4)
    apart = (pairs - mean) / deviation
    together = float(apart.prod(axis=1).mean()) if len(pairs) else 0.0
    return Normality(n, mean, deviation, skewness, kurtosis, statistic, math.exp(-statistic / 2), together)
