"""What is known about the states of some steps: labels, masks of possible states, or likelihoods. All of these are
weights of the states, which kernel_input.py puts into rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from . import checks, sequences
from .paths import encoded, state_path
from .sequences import Sequences
from .structure import order_by_name
from .symbols import Symbols, shown


@dataclass(frozen=True, eq=False)
class Known:
    """Weights of the states at each step."""

    masks: np.ndarray  # (M, N), logarithms of distinct weights; the first, all 0, say nothing
    index: np.ndarray  # (T,) int32, the weights of each step
    path: np.ndarray | None = None  # (T,) int32, states, N where unknown; None if some step is neither known nor free
    own: bool = False  # whether each step has its own weights

    @property
    def n_known(self):
        return int(np.count_nonzero(self.index))

    @property
    def complete(self):
        """Whether the state of every step is known."""
        return self.path is not None and self.n_known == len(self.index)

    def at(self, steps) -> "Known":
        """What is known about some of the steps."""
        masks, index = self.masks, self.index[steps]
        if self.own:
            masks, index = masks[np.append(0, index)], np.arange(1, len(index) + 1, dtype=np.int32)
        return replace(self, masks=masks, index=index, path=None if self.path is None else self.path[steps])

    def also(self, step, logs) -> "Known":
        """With more weights of the states at one step, logarithms (N,)."""
        masks, index = np.vstack([self.masks, self.masks[self.index[step]] + logs]), self.index.copy()
        index[step] = len(self.masks)
        return replace(self, masks=masks, index=index, path=None)

    @classmethod
    def nothing(cls, n_steps, n) -> "Known":
        return cls(np.zeros((1, n)), np.zeros(n_steps, dtype=np.int32))

    def counts(self, observed, weight=None):
        """(n_values, N), how often each value has the label of each state; weight : (T,) of the steps."""
        told, n = np.flatnonzero(self.index), self.masks.shape[1]
        pairs = observed.index[told].astype(np.intp) * n + self.path[told]
        size = (len(observed.distinct) + 1) * n
        return np.bincount(pairs, None if weight is None else weight[told], size).astype(float).reshape(-1, n)[:-1]

    @classmethod
    def of_path(cls, path, n) -> "Known":
        """From codes (T,), N where unknown: one mask for each state."""
        masks = np.vstack([np.zeros(n), np.where(np.eye(n, dtype=bool), 0.0, -np.inf)])
        index = path + np.int32(1)
        index[path == n] = 0
        return cls(masks, index, path)

    @classmethod
    def of_weights(cls, weights) -> "Known":
        """From likelihoods (T, N). If all are 0 or 1, they are masks, and steps with the same mask share it."""
        n_steps, n = weights.shape
        if not ((weights == 0) | (weights == 1)).all():
            with np.errstate(divide="ignore"):
                masks = np.vstack([np.zeros(n), np.log(weights)])
            return cls(masks, np.arange(1, n_steps + 1, dtype=np.int32), own=True)
        bits = np.packbits(np.vstack([np.ones((1, n)), weights]) > 0, axis=1)
        _, first, index = np.unique(bits.view(f"V{bits.shape[1]}").ravel(), return_index=True, return_inverse=True)
        order = np.argsort(first)  # by first occurrence: the row of ones, put before the data, comes first
        rows = np.vstack([np.ones((1, n)), weights])[first[order]]
        kind = np.argsort(order)[index[1:]]
        one = bool((rows[1:].sum(axis=1) == 1).all())
        path = np.where(kind == 0, n, rows.argmax(axis=1)[kind]).astype(np.int32) if one else None
        with np.errstate(divide="ignore"):
            return cls(np.log(rows), kind.astype(np.int32), path)


class Weights(NamedTuple):
    """Masks or likelihoods as they were given."""

    table: np.ndarray  # (T, N); 1 where nothing is known
    names: list | None  # of the columns of a frame, which are states; None if it has none


def read(known, data: Sequences, name="known") -> Sequences | Weights:
    """What a user says about the states: labels, or weights."""
    checks.refuse_one_label_a_sequence(known, data, name)
    if getattr(getattr(known, "index", None), "nlevels", 1) > 1 and _is_table(known):
        known = dict(iter(known.groupby(level=0, sort=False)))
    many, parts = data.form in ("list", "dict"), [known]
    if many and isinstance(known, np.ndarray) and known.dtype == object:
        known = list(known)
    if isinstance(known, Mapping):
        if data.form == "dict" and set(known) != set(data.keys):
            raise ValueError(f"{name} must have the keys of X, {shown(data.keys)}, got {shown(list(known))}")
        parts = [known[key] for key in data.keys] if data.form == "dict" else parts
    elif many and isinstance(known, list | tuple | np.ndarray):
        parts = list(known)
    texts = set(map(type, parts)) <= {str, type(None)}
    tables: list = [] if texts else [part for part in parts if _is_table(part)]
    if not tables:
        return sequences.labels(known, data, name)
    if not many:
        return _weights(parts[0], data.n_steps, name)
    if len(parts) != data.n_sequences:
        raise ValueError(f"{name} has {len(parts)} sequences and X has {data.n_sequences}")
    lengths, keys = np.diff(data.bounds).tolist(), data.keys or range(len(parts))
    n, columns, blocks = np.shape(tables[0])[1], checks.axis_names(tables[0], 1), []
    for part, length, key in zip(parts, lengths, keys, strict=True):
        if part is None:
            blocks.append(np.ones((length, n)))
            continue
        table, names = _weights(part, length, f"{name}[{key!r}]")
        if table.shape[1] != n:
            raise ValueError(f"{name}[{key!r}] has {table.shape[1]} columns, others have {n}: one for each state")
        if names != columns:
            raise ValueError(f"{name}[{key!r}] has the columns {shown(names)}, others have {shown(columns)}")
        blocks.append(table)
    return Weights(np.concatenate(blocks), columns)


def _is_table(part):
    """Whether this is weights (T, N) rather than labels."""
    if isinstance(part, list | tuple):
        return len(part) > 0 and isinstance(part[0], list | tuple | np.ndarray)
    if getattr(part, "ndim", None) != 2 or not hasattr(part, "shape"):
        return False
    return part.shape[1] != 1 or getattr(getattr(part, "dtype", None), "kind", "") in "bf"


def _weights(table, n_steps, name) -> Weights:
    array = checks.as_floats(table, name)
    if array.ndim != 2 or len(array) != n_steps:
        raise ValueError(
            f"{name} has shape {array.shape}; a mask or likelihoods have a row for each of {n_steps} steps and a "
            "column for each state"
        )
    free = np.isnan(array).all(axis=1)
    array[free] = 1.0
    bad = ~((array >= 0) & (array <= sequences.LARGEST))
    if bad.any():
        t, i = np.argwhere(bad)[0].tolist()
        raise ValueError(
            f"{name}[{t}, {i}] = {array[t, i]} is not a likelihood: they are numbers from 0 to {sequences.LARGEST:g}; "
            "a row of NaN says that nothing is known"
        )
    return Weights(array, checks.axis_names(table, 1))


def with_gaps(labels: Sequences) -> Sequences | None:
    """Labels, with unknown ones as missing steps; None if all are unknown. Integers beside NaN come as floats."""
    if labels.kind == "numbers" and np.ndim(labels.values) == 1:
        gone = np.isnan(labels.values)
        names = np.where(gone, 0.0, labels.values)
        if gone.any() and np.array_equal(names, np.round(names)):
            labels = replace(labels, values=names.astype(np.int64), kind="integers", missing=gone)
    return None if labels.missing is not None and labels.missing.all() else labels


def resolve(known, data: Sequences, states: Symbols, name="known", strict=True) -> Known | None:
    """What `read` returned, in terms of the states of a model; None if it says nothing.

    strict : whether a label that is not a state is an error; otherwise it makes the data impossible.
    """
    if isinstance(known, Weights):
        table, names = known
        if table.shape[1] != len(states):
            raise ValueError(f"{name} has {table.shape[1]} columns for {len(states)} states ({states.preview()})")
        if names is not None:
            table = np.take(table, order_by_name(names, name, states, "columns"), axis=1)
        return Known.of_weights(table)
    known = None if known is None else with_gaps(known)
    if known is None or not data.n_steps:
        return None
    if strict:
        return Known.of_path(state_path(known, states, name, gaps=True), len(states))
    path, unknown = encoded(known, states, name, gaps=True)
    return Known.of_path(path, len(states)) if unknown is None else Known.of_weights(np.zeros((len(path), len(states))))
