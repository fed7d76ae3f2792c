"""Paths by scores that are not probabilities: published tables, log odds, negated costs."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from . import inference, sequences
from .checks import as_floats
from .emissions import Categorical
from .exceptions import ImpossibleError
from .kernels import forward_backward
from .memory import aligned
from .results import Decoding, naming
from .symbols import a_type, shown

LARGEST = 1e280  # of a score; sums of them must not overflow


class Scores:
    """Tables of scores, not probabilities, that are added up along a path; the best path has the largest sum (Viterbi).

        score(q, o) = start[q_1] + sum_t transitions[q_t, q_t+1] + sum_t emission[q_t, o_t] + end[q_T]

    Parameters
    ----------
    start : {state: score}, or (n_states,). transitions : {state: {state: score}}, or (n_states, n_states).
    emission : {state: {symbol: score}}, or (n_states, n_symbols) with `symbols`.
    end : {state: score}, or (n_states,), for the last state; None: any state may be last, with score 0.
    states : names of the states, in the order of every axis; None: those in the mappings, or 0 ... n_states - 1.
        In a mapping, a name may be any key, such as ("B", "noun"). A Series or data frame is a mapping by its names:
        the rows of transitions and emission are states.
    symbols : the alphabet; None: the symbols in the mappings, or 0 ... n_symbols - 1.
    default : the score of a symbol that a state does not list, and of an unknown symbol in every state, which then
        says nothing about the path. A missing symbol (None) has score 0 in every state.

    A score is a finite number, or -inf if impossible; entries missing from a mapping are -inf. Rows need not be
    normalised. A state whose transitions are all -inf can only be last. Nothing is learnt, and there is no log P(O).

    Every method accepts one sequence or several, as for a `Model`.

    >>> from chmm import Scores
    >>> tagger = Scores(start={"noun": 2, "verb": 0}, transitions={"noun": {"verb": 3, "noun": 1}, "verb": {"noun": 1}},
    ...                 emission={"noun": {"fish": 2, "swim": 0}, "verb": {"swim": 2, "fish": 1}})
    >>> path, score = tagger.decode(["fish", "swim", "fish"])
    >>> path.tolist(), score
    (['noun', 'verb', 'noun'], 12.0)
    >>> tagger.path_score(["fish", "swim"], ["noun", "noun"])
    5.0
    """

    def __init__(
        self, start: Any, transitions: Any, emission: Any, end: Any = None, *, states: Any = None, symbols: Any = None,
        default: float = -np.inf,
    ):  # fmt: skip
        start, transitions = _given(start, "start", 1), _given(transitions, "transitions", 2)
        emission, end = _given(emission, "emission", 2), None if end is None else _given(end, "end", 1)
        tables = {"start": start, "transitions": transitions, "emission": emission, "end": end}
        names = _states(tables, states)
        codes = {name: i for i, name in enumerate(names)}
        self._coder = Categorical(symbols=_symbols(emission) if symbols is None else symbols, unknown="missing")
        self.states, self.symbols = names, self._coder.symbols
        self._codes = codes
        self.default = float(_table(as_floats(default, "default"), "default", (), 0.0))
        columns = {symbol: k for k, symbol in enumerate(self.symbols)}
        self.start = _table(start, "start", (codes,), -np.inf)
        self.transitions = _table(transitions, "transitions", (codes, codes), -np.inf)
        self.emission = _table(emission, "emission", (codes, columns), self.default)
        self.end = None if end is None else _table(end, "end", (codes,), -np.inf)
        # rows of the symbols, of a missing and of an unknown one; then the same rows for last steps
        n = len(names)
        rows = np.vstack([self.emission.T, np.zeros(n), np.full(n, self.default)])
        self._rows = np.vstack([rows, rows + (0.0 if self.end is None else self.end)])
        self._tables = _Tables(self.start, self.transitions, self._rows)

    def predict(self, X: Any, *, lengths=None, ids=None) -> Any:
        """The path with the largest score, an array of states; in a tie, the first of them.

        ImpossibleError if every path scores -inf. Cost: n_states^2 additions and comparisons a step.
        """
        data = self._read(X, lengths, ids)
        path, _ = self._best(data)
        return data.split(self._names[path])

    def decode(self, X: Any, *, lengths=None, ids=None) -> Any:
        """The path with the largest score, and that score: `Decoding(path, log_prob)`. See `predict`."""
        data = self._read(X, lengths, ids)
        path, index = self._best(data)
        scores, bounds = self._scores(data, path, index), pairwise(data.bounds.tolist())
        parts = [self._names[path[a:b]] for a, b in bounds]
        return data.collect(naming(map(Decoding, parts, scores), self.states))

    def path_score(self, X: Any, y: Any, *, lengths=None, ids=None) -> Any:
        """The score of given paths y, in the form of X: a number, or one for each sequence; -inf if impossible."""
        data = self._read(X, lengths, ids)
        labels: Any = [y] if data.form == "one" else y
        if data.form == "dict":
            if not isinstance(y, Mapping) or set(y) != set(data.keys):
                raise ValueError(f"y must be a dict with the keys of X, {shown(data.keys)}, got {shown(y)}")
            labels = [y[key] for key in data.keys]
        elif data.form in ("lengths", "ids"):
            if _length(y) != data.n_steps:
                raise ValueError(f"y holds {len(y)} states for {data.n_steps} steps; pass one for each step")
            y = list(y)
            labels = [y[a:b] for a, b in pairwise(data.bounds.tolist())]
        sizes = np.diff(data.bounds).tolist()
        if _length(labels) != len(sizes):
            raise ValueError(f"y holds {len(labels)} paths; X holds {len(sizes)} sequences")
        path = []
        for s, (one, size) in enumerate(zip(labels, sizes, strict=True)):
            if _length(one) != size:
                raise ValueError(f"y, sequence {s}: {len(one)} states for {size} steps; pass one for each step")
            for t, name in enumerate(one):
                code = self._codes.get(name) if _can_be_key(name) else None
                if code is None:
                    raise ValueError(f"y, {data.where(int(data.bounds[s]) + t)}: {shown(name)} is not a state")
                path.append(code)
        return data.collect(self._scores(data, np.array(path, dtype=np.intp), self._index(data)))

    def _read(self, X, lengths, ids):
        return sequences.read(X, lengths, ids, kind=self._coder.kind)

    @property
    def _names(self):
        """(n_states,), the states as an array."""
        if all(isinstance(name, str) for name in self.states) or all(type(name) is int for name in self.states):
            return np.array(self.states)
        names = np.empty(len(self.states), dtype=object)
        names[:] = self.states
        return names

    def _index(self, data):
        """(T,), the row that each step sees."""
        n = len(self.symbols)
        seen = self._coder.observe(data)
        index = seen.index.astype(np.int32)
        if seen.notes.get("unknown"):
            known_gap = np.zeros(len(index), dtype=bool) if data.missing is None else data.missing
            known_gap = np.isnan(data.values) if data.kind == "numbers" else known_gap
            index[(index == n) & ~known_gap] = n + 1
        index[data.bounds[1:][np.diff(data.bounds) > 0] - 1] += n + 2
        return index

    def _best(self, data):
        """(path (T,) of codes, index (T,) of rows)."""
        index = self._index(data)
        path, outcome = inference.viterbi(_Question(index, data.bounds, self._tables, self._tables))
        impossible = np.flatnonzero(outcome.step >= 0)
        if len(impossible):
            s = int(impossible[0])
            raise ImpossibleError(
                f"{data.where(int(data.bounds[s] + outcome.step[s]))}: every path has the score -inf at this step; a "
                "finite default, or finite scores for impossible entries, make one possible",
                impossible.tolist(),
            )
        return path, index

    def _scores(self, data, path, index):
        """The score of each path, exactly rounded."""
        chain = np.empty(len(path))
        chain[1:] = self.transitions[path[:-1], path[1:]]
        first = data.bounds[:-1][np.diff(data.bounds) > 0]
        chain[first] = self.start[path[first]]
        terms = np.stack([chain, self._rows[index, path]], axis=1)
        return [math.fsum(terms[a:b].ravel().tolist()) for a, b in pairwise(data.bounds.tolist())]

    def __repr__(self):
        return f"Scores({len(self.states)} states, {len(self.symbols)} symbols)"


class _Tables:
    """Scores as the Viterbi kernel expects them: padded to whole registers, aligned, transposed. Each row is shifted to
    a maximum of 0, which changes no path, and keeps a huge default from absorbing the scores before it."""

    shared = True

    def __init__(self, start, transitions, rows):
        self.n = len(start)
        self.width = forward_backward.row_width(self.n)
        top = rows.max(axis=1, keepdims=True)
        self.logs = self._padded(rows - np.where(top > -np.inf, top, 0.0))
        self.log_startprob = self._padded(start[None])[0]
        self.log_transmat, self.log_transposed = self._padded(transitions), self._padded(transitions.T)

    def _padded(self, table):
        out = aligned(len(table), self.width)
        out[:, : self.n] = table
        out[:, self.n :] = -np.inf
        return out

    def __len__(self):
        return len(self.logs)


class _Question(NamedTuple):
    """What `inference.viterbi` reads of a Problem."""

    index: np.ndarray  # type: ignore[assignment]
    bounds: np.ndarray
    chain: _Tables
    rows: _Tables

    @property
    def n_sequences(self):
        return len(self.bounds) - 1


# Tables ---------------------------------------------------------------------------------------------------------------


def _given(table, name, n_axes):
    """A mapping, which a Series or data frame is turned into, or an array."""
    if hasattr(table, "iloc"):
        table = table.to_dict("index") if table.ndim == 2 else table.to_dict()
    if isinstance(table, Mapping):
        return table
    array = as_floats(table, name)
    if array.ndim != n_axes:
        raise ValueError(f"{name} has shape {array.shape}; it must be a mapping, or an array with {n_axes} axes")
    return array


def _states(tables, states):
    """The names of the states, in their order."""
    if states is not None:
        if not hasattr(states, "__iter__") or getattr(states, "ndim", 1) != 1:
            raise TypeError(f"states = {shown(states)} must be a list of names")
        names = tuple(states)
    else:
        maps = [table for table in tables.values() if isinstance(table, Mapping)]
        inner = tables["transitions"].values() if isinstance(tables["transitions"], Mapping) else ()
        inner = [row for row in inner if isinstance(row, Mapping)]
        names = tuple(dict.fromkeys(name for table in (*maps, *inner) for name in table))
        names = names or tuple(range(len(tables["transitions"])))
    if not names or not all(map(_can_be_key, names)) or len(set(names)) < len(names):
        raise ValueError(f"states = {shown(names)} must hold the names of the states, each once")
    return names


def _symbols(emission):
    if not isinstance(emission, Mapping):
        return range(emission.shape[1])
    rows = [row for row in emission.values() if isinstance(row, Mapping)]
    names = {symbol for row in rows for symbol in row}
    try:
        return sorted(names)
    except TypeError:
        return list(names)  # of several types, which Categorical refuses by name


def _table(table, name, axes, default):
    """A mapping, or an array, as an array of scores; `axes` are the codes of the names along each."""
    shape = tuple(map(len, axes))
    if isinstance(table, Mapping):
        out = np.full(shape, default)
        _fill(out, table, name, axes)
    else:
        out = as_floats(table, name)
    if out.shape != shape:
        raise ValueError(f"{name} has shape {out.shape}; it must be {' x '.join(map(str, shape)) or 'one number'}")
    out = _checked(out, name, axes)
    out.flags.writeable = False
    return out


def _fill(out, table, name, axes):
    if not isinstance(table, Mapping):
        raise TypeError(f"{name} is {shown(table)}; it must be a mapping, as the rows beside it are")
    for key in table:
        if key not in axes[0]:
            raise ValueError(f"{name} names {shown(key)}, which is not among {shown(list(axes[0]))}")
    places = [axes[0][key] for key in table]
    if len(axes) == 1:
        scores = as_floats(list(table.values()), name)
        if scores.ndim != 1:
            raise ValueError(f"{name} = {shown(dict(table))} must hold one number for each name")
        out[places] = scores
        return
    for place, (key, row) in zip(places, table.items(), strict=True):
        _fill(out[place], row, f"{name}[{shown(key)}]", axes[1:])


def _checked(table, name, axes):
    wrong = ~(table < np.inf) | (np.abs(table) > LARGEST) & (table > -np.inf)
    if wrong.any():
        at = np.argwhere(wrong)[0]
        place = "".join(f"[{shown(list(codes)[i])}]" for codes, i in zip(axes, at, strict=True))
        raise ValueError(f"{name}{place} = {table[tuple(at)]}: a score is -inf, or a number within +-{LARGEST:g}")
    return table


def _length(path):
    """The number of states of a path, or of paths."""
    if not hasattr(path, "__len__") or getattr(path, "ndim", 1) == 0 or isinstance(path, set | frozenset):
        raise TypeError(f"y holds {shown(path)}, {a_type(path)}; it must hold a state for each step")
    return len(path)


def _can_be_key(name):
    try:
        hash(name)
    except TypeError:
        return False
    return True
