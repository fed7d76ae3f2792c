"""Expected or observed counts, and how they become probabilities.

The E-step and the counting of labelled sequences both produce `Statistics`, which add up over sequences, chunks,
threads and machines.
"""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .symbols import shown


class Digest:
    """The parameters and survey that statistics were made with, in 32 hex digits. Computed when it is first compared
    with another, which never happens in a plain fit."""

    def __init__(self, startprob, transmat, emission, endprob=None):
        self._parts = startprob, transmat, emission, endprob

    @cached_property
    def text(self) -> str:
        startprob, transmat, emission, endprob = self._parts

        def plain(value):
            return value.tobytes().hex() if isinstance(value, np.ndarray) else repr(value)

        text = json.dumps([startprob, transmat, endprob, emission.saved()], sort_keys=True, default=plain)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def __eq__(self, other):
        return self is other or (isinstance(other, Digest) and self.text == other.text)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self):
        return _digest, (self.text,)

    def __repr__(self):
        return self.text


def _digest(text):
    digest = Digest.__new__(Digest)
    digest.text = text
    return digest


@dataclass(frozen=True, eq=False)
class Statistics:
    """What an M-step needs to know about the data.

    Fields
    ------
    start : (n_states,), expected number of sequences that start in state i.
    trans : (n_states, n_states), expected number of transitions from i to j.
    emission : dict of arrays, the statistics of the emission family; for `Categorical` {"counts": (n_states,
        n_symbols)}.
    loglik : log P(O) of the sequences; 0.0 where labels were counted, which needs no parameters.
    n_sequences, n_steps : number of sequences and steps that were counted, without empty sequences.
    digest : of the parameters and the survey that they were made with; None: unknown, agrees with any.
    shards : names of the shards that they cover, if those have names.
    end : (n_states,), expected number of sequences that end in state i; None: the model has no ends.

    `+` adds two of them, field by field; `sum` adds many. ValueError if they were made with different parameters, or if
    a shard would be counted twice.

    >>> import numpy as np
    >>> from chmm import Statistics
    >>> one = Statistics(np.ones(2), np.ones((2, 2)), {"counts": np.ones((2, 3))}, -1.5, 1, 4)
    >>> total = sum([one, one])
    >>> total.n_steps, total.loglik
    (8, -3.0)
    """

    start: np.ndarray
    trans: np.ndarray
    emission: dict
    loglik: float
    n_sequences: int
    n_steps: int
    digest: Digest | None = None
    shards: frozenset = field(default_factory=frozenset)
    end: np.ndarray | None = None

    def __add__(self, other) -> "Statistics":
        if not isinstance(other, Statistics):
            return NotImplemented
        if self.emission.keys() != other.emission.keys():
            raise ValueError(f"these statistics are of two families: {set(self.emission)} and {set(other.emission)}")
        if None not in (self.digest, other.digest) and self.digest != other.digest:
            raise ValueError(
                "these statistics were made with different parameters or surveys, so they do not add up: "
                f"{self.digest} and {other.digest}; take all E-steps of an iteration with one model"
            )
        twice = self.shards & other.shards
        if twice:
            raise ValueError(f"the shard {shown(min(twice, key=str))} is in both statistics: it would count twice")
        return Statistics(
            self.start + other.start,
            self.trans + other.trans,
            {key: value + other.emission[key] for key, value in self.emission.items()},
            self.loglik + other.loglik,
            self.n_sequences + other.n_sequences,
            self.n_steps + other.n_steps,
            other.digest if self.digest is None else self.digest,
            self.shards | other.shards,
            self.end if other.end is None else other.end if self.end is None else self.end + other.end,
        )

    def __radd__(self, other) -> "Statistics":
        return self if isinstance(other, int) and other == 0 else NotImplemented  # what sum() begins with


def n_filled(bounds) -> int:
    """The number of sequences that are not empty."""
    return int(np.count_nonzero(np.diff(bounds)))


def probabilities(counts, old, pseudocount=0.0, free=None, held=False):
    """Rows of counts as rows that sum to 1: the maximiser of sum counts log p + sum pseudocount log p.

    Structural zeros (`free` False) stay 0 and get no pseudocount. Entries that are `held` keep their old values, and
    the others share what remains. A row without mass keeps its old values.
    """
    mass, room = counts + spread(pseudocount, counts.shape), 1.0
    if free is not None:
        mass = np.where(free, mass, 0.0)
    if held is not False:
        mass = np.where(held, 0.0, mass)
        room = np.maximum(1.0 - np.where(held, old, 0.0).sum(axis=-1, keepdims=True), 0.0)
    total = mass.sum(axis=-1, keepdims=True)
    with np.errstate(all="ignore"):
        return np.where(held | ~(total > 0), old, room * mass / total)


def log_prior(probs, pseudocount, free=None, held=False):
    """What pseudocounts add to the objective: sum of pseudocount * log p over entries that are free and not held."""
    if pseudocount is None or (isinstance(pseudocount, float) and not pseudocount):
        return 0.0
    counts = np.broadcast_to(spread(pseudocount, probs.shape), probs.shape)
    some = (counts > 0) & (True if free is None else free) & ~np.asarray(held)
    with np.errstate(divide="ignore"):
        return float((counts[some] * np.log(probs[some])).sum())


def spread(pseudocount, shape):
    """A pseudocount for each entry, from a number, an array that broadcasts, or None."""
    if pseudocount is None or isinstance(pseudocount, float):
        return pseudocount or 0.0
    try:
        return np.broadcast_to(pseudocount, shape)
    except ValueError:
        raise ValueError(
            f"pseudocount has shape {np.shape(pseudocount)}, which does not match probabilities of shape {shape}"
        ) from None


def rounded(p) -> str:
    """A probability in a few digits, shown as 0 or 1 only if it is exactly that."""
    if p in (0, 1):
        return f"{p:.0f}"
    if p < 1e-9:
        return "~0"
    if 1 - p < 1e-9:
        return "~1"
    return f"{p:.3g}" if p < 0.999 else f"{p:.{1 - int(np.floor(np.log10(1 - p)))}f}".rstrip("0")
