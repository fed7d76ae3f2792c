"""Counts, expected or observed, and how they become probabilities.

The E-step and the counting of labelled sequences end in the same `Statistics`; they add up, over sequences, chunks,
threads and machines.
"""

from dataclasses import dataclass, fields

import numpy as np

from .symbols import shown

SUM_TOLERANCE = 1e-6
LARGEST_COUNT = 1e100  # of a pseudocount or weight: so that no sum overflows


@dataclass(frozen=True)
class Statistics:
    """What an M-step needs to know of the data.

    Fields
    ------
    start : (n_states,), expected number of sequences that start in state i.
    trans : (n_states, n_states), expected number of transitions from i to j.
    emission : dict of arrays, what the emission family keeps; for `Categorical` {"counts": (n_states, n_symbols)}.
    loglik : log P(O) of the sequences; 0.0 where labels were counted, which needs no parameters.
    n_sequences, n_steps : how many sequences and steps went in; empty sequences do not count.

    `+` adds two of them, field by field.

    >>> import numpy as np
    >>> from chmm import Statistics
    >>> one = Statistics(np.ones(2), np.ones((2, 2)), {"counts": np.ones((2, 3))}, -1.5, 1, 4)
    >>> (one + one).n_steps, (one + one).loglik
    (8, -3.0)
    """

    start: np.ndarray
    trans: np.ndarray
    emission: dict
    loglik: float
    n_sequences: int
    n_steps: int

    def __add__(self, other):
        if not isinstance(other, Statistics):
            return NotImplemented
        if self.emission.keys() != other.emission.keys():
            raise ValueError(f"these statistics are of two families: {set(self.emission)} and {set(other.emission)}")
        total = {}
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if field.name == "emission":
                total["emission"] = {key: mine[key] + theirs[key] for key in mine}
            else:
                total[field.name] = mine + theirs
        return Statistics(**total)


def probabilities(counts, old, pseudocount=0.0, free=None):
    """Rows of counts to rows that sum to 1: the maximiser of sum counts log p + sum pseudocount log p.

    Structural zeros (`free` False) stay 0 and take no pseudocount. A row without mass keeps its old values.
    """
    mass = np.where(free, counts + pseudocount, 0.0) if free is not None else counts + pseudocount
    total = mass.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, mass / total, old)


def log_prior(probs, pseudocount, free=None):
    """What pseudocounts add to the objective: sum of pseudocount * log p over the free entries."""
    if not np.any(pseudocount):
        return 0.0
    if free is None:
        free = np.ones(np.shape(probs), dtype=bool)
    with np.errstate(divide="ignore"):
        return float((pseudocount * np.log(probs[free])).sum())


def as_floats(values, name):
    """A parameter as a new float64 array; NaN where it is masked."""
    try:
        if isinstance(values, np.ma.MaskedArray):
            values = values.astype(np.float64).filled(np.nan)
        values = np.asarray(values)
        if values.dtype.kind == "c":
            raise TypeError("complex")  # NumPy would only warn
        return np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} must be an array of numbers, got {shown(values)}") from error


def check_probabilities(values, name, shape, normalized=True, advice=""):
    """A float64 array of probabilities, its last axis summing to 1 within 1e-6; `advice` ends the error if not."""
    array = as_floats(values, name)
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or not array.size:
        unknown = ("n_states", "n_states" if name == "transmat" else "any")  # what an axis of any length is called
        want = " x ".join(unknown[k] if n is None else str(n) for k, n in enumerate(shape))
        raise ValueError(f"{name} has shape {array.shape}; it must be {want}")
    if np.isnan(array).any():
        at = np.argwhere(np.isnan(array))[0].tolist()
        raise ValueError(f"{name}{at} is NaN; every probability must be given")
    if (array < 0).any() or np.isinf(array).any():
        at = np.argwhere((array < 0) | np.isinf(array))[0]
        raise ValueError(f"{name}{at.tolist()} = {array[tuple(at)]} is not a probability")
    if not normalized:
        return array
    total = array.sum(axis=-1)
    off = np.abs(total - 1) > SUM_TOLERANCE
    if off.any():
        row = np.argwhere(off)[0].tolist()
        place = f"{name}{row}" if row else name
        raise ValueError(f"{place} sums to {total[tuple(row)]:.9g}; it must sum to 1 (within {SUM_TOLERANCE}){advice}")
    return array


def check_pseudocount(value, name="pseudocount"):
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a number, got {shown(value)}") from error
    if isinstance(value, str | bytes):
        raise TypeError(f"{name} must be a number, got the text {shown(value)}")
    if not 0 <= number <= LARGEST_COUNT or isinstance(value, bool):
        raise ValueError(f"{name} = {value!r} must be a number from 0 to {LARGEST_COUNT:g}")
    return number
