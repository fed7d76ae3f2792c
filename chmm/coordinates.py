"""The free entries of a parameter as a vector whose every value is legal: logarithms, log odds, factors of covariances.

Each class says how an entry becomes a coordinate (`vector`), how coordinates become the parameter (`restored`), and how
a gradient by entries becomes one by coordinates (`pulled`, the chain rule).
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from .exceptions import quiet

LOG_MOST = 690.0  # of a coordinate: its exponential is a number, and so is its inverse
TINY = 1e-300  # stands for a 0 whose logarithm is taken
SIMPLEX = "simplex"  # the range of rows that sum to 1
REAL, POSITIVE, SHARE = (-np.inf, np.inf), (0.0, np.inf), (0.0, 1.0)


class Coordinates(ABC):
    """Coordinates of one parameter.

    array : its value. movable : bool of its shape, the entries that may move. unit : by how much a coordinate changes
    where the distribution does, in the order of magnitude. entries : indices of the entries that move with them.
    """

    n: int
    places: list  # (n,) index of the entry that each coordinate stands for
    entries: list
    unit: Any = 1.0  # or (n,)

    def __init__(self, array, movable):
        self.array, self.movable = array, np.broadcast_to(movable, np.shape(array))

    def at(self, array) -> "Coordinates":
        """The same coordinates of another value of the parameter."""
        return type(self)(array, self.movable)

    def narrowed(self, movable) -> "Coordinates":
        """Those of fewer entries."""
        return type(self)(self.array, self.movable & movable)

    def range(self, place) -> tuple[float, float]:
        """Between which numbers an entry lies."""
        return REAL

    @abstractmethod
    def vector(self) -> np.ndarray:
        """(n,), the coordinates of the value."""

    @abstractmethod
    def restored(self, vector) -> np.ndarray:
        """The value that has these coordinates."""

    @abstractmethod
    def pulled(self, gradient) -> np.ndarray:
        """(n,), a gradient by coordinates, from one by entries."""


class Entrywise(Coordinates):
    """Numbers in a range, each on its own: themselves, log(x - low), or the log odds log((x - low) / (high - x)).

    limits : the least and the largest value that is learnt; what lies beyond is brought back to them.
    """

    def __init__(self, array, movable, between=REAL, limits=REAL, unit=1.0):
        super().__init__(array, movable)
        self.between, self.limits, self.all_units = between, limits, unit
        self.unit = np.broadcast_to(unit, np.shape(array))[self.movable]
        self.places = self.entries = list(map(tuple, np.argwhere(self.movable).tolist()))
        self.n = len(self.places)

    def at(self, array):
        return Entrywise(array, self.movable, self.between, self.limits, self.all_units)

    def narrowed(self, movable):
        return Entrywise(self.array, self.movable & movable, self.between, self.limits, self.all_units)

    def range(self, place):
        return self.between

    def vector(self):
        return link(self.array[self.movable], *self.between)

    def restored(self, vector):
        array = np.array(self.array, dtype=np.float64)
        array[self.movable] = unlink(vector, *self.between)
        return np.where(self.movable, np.clip(array, *self.limits), array)

    def pulled(self, gradient):
        return gradient[self.movable] * link_slope(self.array[self.movable], *self.between)


class Simplex(Coordinates):
    """Rows that sum to 1: log(p_k / p_last), where p_last is the last entry of the row that may move. k entries
    that may move give k - 1 coordinates, and share what the others leave."""

    def __init__(self, array, movable):
        super().__init__(array, movable)
        rows = self.movable.reshape(-1, self.movable.shape[-1])
        several = rows.sum(axis=1, keepdims=True) > 1
        last = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
        self._moving = rows & several
        self._first = self._moving & (np.arange(rows.shape[1]) != last[:, None])  # those that have a coordinate
        self._last = last
        self.n = int(self._first.sum())
        shape = self.movable.shape
        self.places = list(map(tuple, np.argwhere(self._first.reshape(shape)).tolist()))
        self.entries = list(map(tuple, np.argwhere(self._moving.reshape(shape)).tolist()))

    @property
    def _rows(self):
        return np.reshape(self.array, self._moving.shape)

    def room(self):
        """(n_rows,), what the entries that move share."""
        return np.where(self._moving, self._rows, 0.0).sum(axis=1)

    def range(self, place):
        row = int(np.ravel_multi_index(place[:-1], self.movable.shape[:-1])) if len(place) > 1 else 0
        return 0.0, float(self.room()[row])

    def vector(self):
        logs = np.log(np.maximum(self._rows, TINY))
        return (logs - np.take_along_axis(logs, self._last[:, None], axis=1))[self._first]

    @quiet
    def restored(self, vector):
        logs = np.where(self._moving, 0.0, -np.inf)
        logs[self._first] = vector
        some = self._moving.any(axis=1)
        share = np.exp(logs - np.where(some, logs.max(axis=1), 0.0)[:, None])
        share *= (self.room() / np.where(some, share.sum(axis=1), 1.0))[:, None]
        return np.where(self._moving, share, self._rows).reshape(np.shape(self.array))

    def pulled(self, gradient):
        p = np.where(self._moving, self._rows, 0.0)
        terms = np.where(self._moving, p * np.reshape(gradient, p.shape), 0.0)
        share = p / np.maximum(p.sum(axis=1, keepdims=True), TINY)
        return (terms - share * terms.sum(axis=1, keepdims=True))[self._first]


class Covariance(Coordinates):
    """Covariance matrices S = diag(s) M M' diag(s), M lower triangular with a diagonal of 1: log s, and M below it."""

    def __init__(self, array, movable):
        super().__init__(array, movable)
        d = np.shape(array)[-1]
        self._which = self.movable.reshape(-1, d, d).all(axis=(1, 2))
        self._lower = np.tril_indices(d)
        self._diagonal = self._lower[0] == self._lower[1]
        inside = [(*np.unravel_index(k, np.shape(array)[:-2]),) for k in np.flatnonzero(self._which)]
        lower = list(zip(*(axis.tolist() for axis in self._lower), strict=True))
        self.places = self.entries = [(*map(int, k), *pair) for k in inside for pair in lower]
        self.n = len(self.places)

    @property
    def _matrices(self):
        return np.reshape(self.array, (-1, *np.shape(self.array)[-2:]))[self._which]

    def narrowed(self, movable):
        movable = np.broadcast_to(movable, np.shape(self.array))
        return Covariance(self.array, self.movable & movable.all(axis=(-2, -1), keepdims=True))

    def range(self, place):
        return POSITIVE if place[-1] == place[-2] else REAL

    def _factors(self):
        """(L, s): L = diag(s) M, so that S = L L'."""
        factors = np.linalg.cholesky(self._matrices)
        return factors, np.diagonal(factors, axis1=1, axis2=2)

    def vector(self):
        factors, s = self._factors()
        units = factors / s[:, :, None]
        return np.where(self._diagonal, np.log(s)[:, self._lower[0]], units[:, *self._lower]).ravel()

    def restored(self, vector):
        array = np.array(self.array, dtype=np.float64)
        d = array.shape[-1]
        units, table = np.zeros((int(self._which.sum()), d, d)), np.reshape(vector, (-1, len(self._diagonal)))
        units[:, *self._lower] = np.where(self._diagonal, 1.0, table)
        factors = unlink(table[:, self._diagonal], *POSITIVE)[:, :, None] * units
        array.reshape(-1, d, d)[self._which] = factors @ np.swapaxes(factors, 1, 2)
        return array

    def pulled(self, gradient):
        factors, s = self._factors()
        g = np.reshape(gradient, (-1, *np.shape(self.array)[-2:]))[self._which]
        by_factor = (g + np.swapaxes(g, 1, 2)) @ factors
        by_log = (by_factor * np.tril(factors)).sum(axis=2)  # of a row of L by the logarithm of its s
        return np.where(
            self._diagonal, by_log[:, self._lower[0]], (by_factor * s[:, :, None])[:, *self._lower]
        ).ravel()


# A number in a range, and the real line -------------------------------------------------------------------------------


def link(x, low, high):
    """x, log(x - low) or the log odds of (x - low) in (high - low), finite at the ends, too."""
    if low == -np.inf:
        return np.array(x, dtype=np.float64)
    logs = np.log(np.maximum(np.subtract(x, low), TINY))
    return logs if high == np.inf else logs - np.log(np.maximum(np.subtract(high, x), TINY))


@quiet
def unlink(u, low, high):
    """The x of which u is the link."""
    if low == -np.inf:
        return np.array(u, dtype=np.float64)
    if high == np.inf:
        return low + np.exp(np.clip(u, -LOG_MOST, LOG_MOST))
    small = np.exp(-np.abs(u))
    share = np.where(np.greater(u, 0), 1.0, small) / (1.0 + small)
    return low + (high - low) * share


def link_slope(x, low, high):
    """dx / du."""
    if low == -np.inf:
        return np.ones(np.shape(x))
    return x - low if high == np.inf else (x - low) * (high - x) / (high - low)


def ratio(counts, probs):
    """counts / probs, the slope of counts * log(probs); 0 where probs is 0."""
    return np.divide(counts, probs, out=np.zeros(np.shape(probs)), where=np.greater(probs, 0))


# Differences ----------------------------------------------------------------------------------------------------------


def difference(function, step):
    """Derivative at 0 of a smooth function of one number, from four values: error O(step^4)."""
    near, far = function(step) - function(-step), function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)
