"""What users pass, turned into values and bounds. Every check of the shape and type of data is in this file.

One sequence is a str, bytes (Latin-1 text), a 1-D array or Series, a (T, D) array or frame, or a flat list of numbers
or symbols. Many are a list, tuple, object array or dict of sequences, a frame with several levels of index (the first
tells the sequences apart), a pandas groupby, or one array with `lengths=` or `ids=`. What a step may hold:

    kind        values
    text        code points, uint32
    words       a list of str; Letters where they came as an array of single characters
    integers    an array of integers
    bools       an array of bool
    numbers     an array of floats, (T,) or (T, D); NaN where missing
    columns     Columns, each of its own kind; from frames and object arrays (T, D)

A missing step is None, NaN, pd.NA or masked.
"""

import operator
import os
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain, compress, pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from .kernels.counting import characters
from .memory import aligned
from .symbols import Letters, distinct, plain, shown


@dataclass(eq=False)  # not frozen, although it never changes: that would cost a short call more than its recursion
class Sequences:
    """All steps of all sequences, one after the other."""

    values: Any  # by kind, as above
    bounds: np.ndarray  # (S + 1,) int64: sequence s has the steps bounds[s] ... bounds[s + 1] - 1
    kind: str
    missing: np.ndarray | None  # (T,) bool, or None
    form: str  # "one", "list", "dict", "lengths" or "ids": how results go back
    names: tuple | None = None  # of the columns of a frame
    categories: tuple | None = None  # what a Categorical or Enum column declares, in its order
    keys: Any = None  # of a dict: a tuple, one for each sequence

    @property
    def n_sequences(self) -> int:
        return len(self.bounds) - 1

    @property
    def n_steps(self) -> int:
        return int(self.bounds[-1])

    def where(self, position: int) -> str:
        """'sequence 3, step 12' for a position among all steps."""
        s = int(np.searchsorted(self.bounds, position, side="right")) - 1
        step = f"step {position - int(self.bounds[s])}"
        if self.form == "one":
            return step
        return f"sequence {s if self.keys is None else shown(self.keys[s])}, {step}"

    def split(self, results: Any) -> Any:
        """An array over all steps, in the form in which the sequences came: see `collect`, but `lengths` and `ids`
        give the array as it is."""
        if self.form not in ("list", "dict"):
            return results
        return self.collect([results[a:b] for a, b in pairwise(self.bounds.tolist())])

    def collect(self, results: list) -> Any:
        """A list of one result for each sequence, in the form in which they came: one sequence gives its result, a dict
        a dict with its keys, all others the list."""
        if self.form == "one":
            return results[0]
        return dict(zip(self.keys, results, strict=True)) if self.form == "dict" else results

    def chosen(self, which: np.ndarray) -> "Sequences":
        """Some of the sequences, (S,) bool; errors call them by the numbers they had."""
        steps = np.repeat(which, np.diff(self.bounds))
        keys = range(self.n_sequences) if self.keys is None else self.keys
        part = _some(_Steps(self.values, self.kind, self.missing), steps)
        bounds = _bounds(np.diff(self.bounds)[which])
        return replace(
            self, values=part.values, missing=part.missing, bounds=bounds, keys=tuple(compress(keys, which))
        )

    @cached_property
    def _checked(self):
        if self.kind == "columns":
            values = np.column_stack([_as_kind(part, "numbers").values for part in self.values.parts])
        else:
            values = np.asarray(self.values, dtype=np.float64)
            values = values if values.ndim == 2 else values[:, None]
            if self.missing is not None and self.missing.any():
                values = np.where(self.missing[:, None], np.nan, values)
        if not values.flags.f_contiguous:
            rows, values = values, aligned(*values.shape[::-1]).T
            values[...] = rows
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.einsum("td,td->", values, values)
        if np.isfinite(squares):  # then nothing is missing, infinite or huge: one pass
            return values, False
        huge = np.abs(values) > LARGEST
        if huge.any():
            t, k = np.argwhere(huge)[0].tolist()
            value, place = values[t, k], f"X, {self.where(t)}" + f", column {k}" * (values.shape[1] > 1)
            if np.isinf(value):
                raise ValueError(f"{place}: {value} is no number; numbers are finite, NaN where missing")
            raise ValueError(f"{place}: {value} is beyond {LARGEST:g}, where sums overflow; rescale X")
        return values, bool(np.isnan(values).any())

    @property
    def numbers(self) -> np.ndarray:
        """(T, D) float64, finite, NaN where missing; each column in one piece. Made and checked once."""
        return self._checked[0]

    @property
    def gaps(self) -> bool:
        """Whether any of the numbers is missing."""
        return self._checked[1]

    @property
    def n_columns(self) -> int:
        if self.kind == "columns":
            return len(self.values.parts)
        return self.values.shape[1] if np.ndim(self.values) == 2 else 1

    def without(self, gone: np.ndarray) -> "Sequences":
        """The same, with the steps of a mask (T,) missing."""
        if self.kind == "columns":
            values = Columns([part._replace(**_hidden(part, gone)) for part in self.values.parts])
            return replace(self, values=values)
        return replace(self, **_hidden(self, gone))

    def columns(self, places: list[int]) -> "Sequences":
        """Some of the columns, as Sequences of their own."""
        if self.kind == "numbers" and np.ndim(self.values) == 2:  # checked already
            values, gaps = self._checked
            first, end = places[0], places[-1] + 1
            values = values[:, first:end] if end - first == len(places) else values[:, places]
            names = None if self.names is None else tuple(self.names[k] for k in places)
            flat = values[:, 0] if len(places) == 1 else values
            part = Sequences(flat, self.bounds, "numbers", None, self.form, names)
            vars(part)["_checked"] = values, gaps and bool(np.isnan(values).any())
            return part
        parts = _columns(self)
        names = None if self.names is None else tuple(self.names[k] for k in places)
        steps = parts[places[0]] if len(places) == 1 else _side_by_side([parts[k] for k in places], names)
        return _sequences(steps, self.bounds, self.form, self.keys)


def _hidden(steps, gone):
    """Values and the mask of missing steps, where those of `gone` are missing, too."""
    if steps.kind == "numbers":
        values = np.array(steps.values, dtype=np.float64)
        values[gone] = np.nan
        return {"values": values}
    return {"missing": gone if steps.missing is None else steps.missing | gone}


class Columns:
    """Columns of different kinds, side by side."""

    def __init__(self, parts):
        self.parts = parts

    def __len__(self):
        return len(self.parts[0].values)

    def __getitem__(self, t):
        return tuple(part.values[t] for part in self.parts)


def _some(steps, which):
    values, missing = steps.values, None if steps.missing is None else steps.missing[which]
    if isinstance(values, Columns):
        values = Columns([_some(part, which) for part in values.parts])
    else:
        values = list(compress(values, which)) if isinstance(values, list) else values[which]
    return steps._replace(values=values, missing=missing)


class _Steps(NamedTuple):
    values: Any
    kind: str
    missing: np.ndarray | None
    names: tuple | None = None
    categories: tuple | None = None


LARGEST = 1e300  # of numbers: sums of larger ones are soon infinite
NO_STEPS = "nothing"  # the kind of a sequence that is empty or all missing; it agrees with every other kind


_ONE = "it must be one sequence: a text, an array of one or two axes, a frame or a flat list"
_MANY = "it must be a list or dict of sequences, or one: a text, an array of one or two axes, a frame or a flat list"
_EACH = "each sequence must be a text, a 1-D or (T, D) array, or a flat list"


def read(X: Any, lengths: Any = None, ids: Any = None, name: str = "X", kind: str | None = None) -> Sequences:
    """One or many sequences, in any of the forms above.

    lengths : the number of steps of each sequence, where X holds one after the other.
    ids : likewise, one id for each step: a new sequence begins where it changes. An id that comes back is an error.
    kind : of the symbols that a model knows. A list of str is one sequence of words for "words", and for "letters" if
        each is a single character; it is a list of texts otherwise. None, before a fit: what looks like a slip is
        refused too.
    """
    if lengths is not None or ids is not None:
        return _in_a_row(X, lengths, ids, name)
    is_one = type(X) is str or (type(X) is np.ndarray and X.dtype.kind != "O")
    data = _alone(X, name) if is_one else _read(X, name, kind)
    if kind is None:
        _refuse_slips(X, data, name)
    return data


def _read(X, name, kind):
    keys = None
    if not isinstance(X, _ROWS):
        index = getattr(X, "index", None)
        if getattr(index, "nlevels", 1) > 1:
            bounds, keys = _runs(index.get_level_values(0), len(X), f"{name}.index", "rows")
            return _sequences(_one(X, name, _MANY), bounds, "dict", keys)
        if hasattr(X, "get_group"):  # a pandas groupby; what it groups by is no observation
            X = {key: part.drop(columns=[n for n in X.exclusions if n in part]) if part.ndim == 2 else part
                 for key, part in X}  # fmt: skip
        if isinstance(X, Mapping):
            keys, X = tuple(X), list(X.values())
        else:
            X = _plain(X)
            if getattr(X, "dtype", None) == np.dtype(object) and X.ndim == 1:
                types = set(map(type, X))
                if not _only(types, str) and all(map(_holds_steps, types)):
                    X = list(X)
        if not isinstance(X, _ROWS):
            return _alone(X, name)
    types = set(map(type, X))
    if keys is None and types:
        several = set() if _are_words(X, types, kind) else set(filter(_holds_steps, types))
        if not several:
            return _alone(X, name)
        if several != types:
            i = next(i for i, x in enumerate(X) if (type(x) in several) != (type(X[0]) in several))
            raise TypeError(
                f"{name}[{i}] is {shown(X[i])}, a {type(X[i]).__name__}, among sequences; "
                f"{name} must be a list of sequences, or one flat list of values"
            )
    steps, n_steps = _joined(X, types, name, keys)
    if keys is None and len(X) > 1 and set(n_steps) == {1}:
        together = f"{X[0][:0]!r}.join({name})" if _only(types, _TEXTS) else f"np.concatenate({name})"
        raise ValueError(
            f"{name} holds {len(X)} sequences, each of a single step; if they are the steps of one sequence, pass "
            f"{together}; if they are sequences, say so: {together}, lengths=[1] * {len(X)}"
        )
    return _sequences(steps, _bounds(n_steps), "list" if keys is None else "dict", keys)


def _alone(x, name, expected=_MANY):
    values, kind, missing, names, categories = _one(x, name, expected)
    return Sequences(values, np.array([0, len(values)], dtype=np.int64), kind, missing, "one", names, categories)


def _sequences(steps, bounds, form, keys=None):
    return Sequences(steps.values, bounds, steps.kind, steps.missing, form, steps.names, steps.categories, keys)


def _refuse_slips(X, data, name):
    """What could be learnt from, but hardly can be meant."""
    if data.kind == "text":
        texts, whole = ([X], name) if isinstance(X, str) else (X, f"''.join({name})")
        if isinstance(texts, _ROWS) and all(isinstance(x, str) and len(x) < 1000 and os.path.isfile(x) for x in texts):
            raise ValueError(
                f"{name} = {shown(X)} names a file; pass its text, Path(...).read_text(), or a list of its lines. If "
                f"the name itself is the text, say so: {whole}, lengths={shown(list(map(len, texts)))}"
            )
    elif data.kind == "words" and data.form == "list":
        if all(isinstance(x, tuple) and _pairs(x) for x in X):
            raise ValueError(
                f"{name} is a list of pairs{_pairs(next(iter(X)))}. If each is a sequence of two words, pass "
                f"list(map(list, {name}))"
            )
    elif data.kind == "words" and data.form == "one" and not isinstance(X, _ROWS):
        words = data.values
        known = distinct(words.points) if isinstance(words, Letters) else {w for w in words if isinstance(w, str)}
        if len(words) > 1 and len(known) == len(words):
            raise ValueError(
                f"{name} is an array of {len(words)} strings, none of which recurs: as one sequence of words there is "
                f"nothing to learn. If they are texts, pass list({name}); if it is one sequence of words, pass it as a "
                "list"
            )


def numbers(data: Sequences, family: str) -> np.ndarray:
    """The data as a family of numbers takes them: see `Sequences.numbers`."""
    parts = [data] if data.kind != "columns" else data.values.parts
    for k, part in enumerate(parts):
        if part.kind not in ("numbers", "integers", "bools", NO_STEPS):
            column = "" if data.kind != "columns" else f"column {k if data.names is None else repr(data.names[k])} of "
            raise TypeError(f"{column}the data holds {part.kind}, {family} takes numbers")
    return data.numbers


def labels(y: Any, data: Sequences, name: str = "y") -> Sequences:
    """The labels of `data`: in the same form, and one for each step."""
    if data.form == "dict" and isinstance(y, Mapping) and set(y) == set(data.keys):
        y = dict(zip(data.keys, _with_whole_gaps([y[key] for key in data.keys], data), strict=True))
    elif data.form == "list" and isinstance(y, _ROWS):
        y = _with_whole_gaps(y, data)
    parts = _read(y, name, "labels") if data.form in ("list", "dict") else _alone(y, name, _ONE)
    if data.form not in ("one", "list") and parts.form == "one" and parts.n_steps == data.n_steps:
        return _sequences(parts, data.bounds, data.form, data.keys)
    if data.form == "dict" and parts.keys != data.keys:
        raise ValueError(f"{name} must have the keys of X, {shown(data.keys)}, got {shown(y)}")
    n_steps, wanted = np.diff(parts.bounds), np.diff(data.bounds)
    if np.array_equal(n_steps, wanted):
        return parts
    if parts.kind == "integers" and np.ndim(parts.values) == 1 and parts.values.sum() == data.n_steps:
        raise ValueError(
            f"{name} = {shown(y)} looks like lengths: pass lengths=..., {name} holds one label for each step"
        )
    if data.form in ("lengths", "ids"):
        raise ValueError(f"{name} has {parts.n_steps} labels for {data.n_steps} steps; there must be one for each step")
    if len(n_steps) != len(wanted):
        raise ValueError(f"{name} has {len(n_steps)} sequences and X has {len(wanted)}")
    s = int(np.flatnonzero(n_steps != wanted)[0])
    place = "" if data.form == "one" else f", sequence {s if parts.keys is None else shown(parts.keys[s])}"
    words = data.kind == parts.kind == "text" and data.form == "list"
    way_out = "; if X is one sequence of words, pass [X] and [y]" if words else ""
    raise ValueError(
        f"{name}{place}: {n_steps[s]} labels for {wanted[s]} steps; there must be one label for each step{way_out}"
    )


def _with_whole_gaps(parts, data):
    """Labels by sequences: None as so many unknown ones, and texts as lists where others are lists."""
    types = set(map(type, parts))
    if type(None) in types and len(parts) == data.n_sequences:
        parts = [[None] * n if y is None else y for y, n in zip(parts, np.diff(data.bounds).tolist(), strict=True)]
        types = set(map(type, parts))
    return [list(y) if isinstance(y, str) else y for y in parts] if str in types and len(types) > 1 else parts


def _in_a_row(X, lengths, ids, name):
    """All steps of all sequences in one array, text or flat list."""
    if lengths is not None and ids is not None:
        raise ValueError("lengths and ids both say where a sequence begins; give one of them")
    argument = "lengths" if ids is None else "ids"
    steps = _one(X, name, f"with {argument}= it must be one array, text or flat list with all steps")
    n_steps = len(steps.values)
    if ids is not None:
        return _sequences(steps, _runs(ids, n_steps, "ids", f"steps of {name}")[0], "ids")
    try:
        counts = np.asarray(lengths)
    except ValueError:  # lists of several lengths
        counts = np.empty((0, 0))
    if counts.ndim != 1 or (counts.dtype.kind not in "iu" and counts.size):
        raise TypeError(f"lengths must be a list of integers, got {shown(lengths)}")
    if counts.min(initial=0) < 0:
        i = int(np.flatnonzero(counts < 0)[0])
        raise ValueError(f"lengths[{i}] = {counts[i]} is negative")
    # sums of int64 could wrap around, but not where none is larger than all steps
    total = int(counts.sum()) if counts.max(initial=0) <= n_steps else sum(counts.tolist())
    if total != n_steps:
        raise ValueError(
            f"lengths sum to {total} but {name} has {n_steps} steps; a list of sequences needs none, and "
            "is what a cross-validation can split"
        )
    return _sequences(steps, _bounds(counts), "lengths")


def _runs(ids, n_steps, argument, of):
    """(bounds, ids) of the runs of one id."""
    try:
        values = np.asarray(list(ids) if isinstance(ids, str | bytes | tuple) else ids)
    except ValueError:  # lists of several lengths
        values = np.empty((0, 0))
    if values.ndim != 1:
        raise TypeError(f"{argument} must hold one id for each step, got {shown(ids)}")
    if len(values) != n_steps:
        raise ValueError(f"{argument} has {len(values)} entries for {n_steps} {of}; there must be one id for each step")
    if values.dtype.kind in "fO" and any(map(_is_missing, values.tolist())):
        i = next(i for i, v in enumerate(values.tolist()) if _is_missing(v))
        raise ValueError(f"{argument}[{i}] is missing; every step belongs to a sequence")
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1])[:n_steps])
    keys = values[starts].tolist()
    seen = {}
    for s, key in enumerate(keys):
        if key in seen:
            last = int(starts[seen[key] + 1]) - 1
            raise ValueError(
                f"{argument}[{starts[s]}] = {shown(key)} comes back after other ids; it was last seen at {last}. The "
                "steps of a sequence must stand together: sort by id, or give the later steps an id of their own"
            )
        seen[key] = s
    return np.append(starts, n_steps).astype(np.int64), tuple(keys)


def _bounds(n_steps):
    """From a list or an array, each in its fastest way."""
    if isinstance(n_steps, list):
        return np.fromiter(accumulate(n_steps, initial=0), dtype=np.int64, count=len(n_steps) + 1)
    bounds = np.zeros(len(n_steps) + 1, dtype=np.int64)
    np.cumsum(n_steps, out=bounds[1:])
    return bounds


_TEXTS = (str, bytes, bytearray)  # isinstance takes a tuple of types faster than a union
_ROWS = (list, tuple)
_STEPS = (*_ROWS, *_TEXTS, np.ndarray, Sequence)  # the last is slow to ask for


def _only(types, those):
    return all(issubclass(t, those) for t in types)


def _is_flat(types):
    return not any(issubclass(t, (list, tuple, np.ndarray)) for t in types)


def _holds_steps(t):
    """Whether a type is one of texts, lists or arrays."""
    return issubclass(t, _STEPS) or (hasattr(t, "__array__") and not issubclass(t, np.generic))


def _are_words(X, types, kind):
    """Whether a list of str is one sequence, to a model that knows words."""
    if kind not in ("words", "letters") or not any(issubclass(t, str) for t in types):
        return False
    longest = np.inf if kind == "words" else 1
    return all(len(x) <= longest if isinstance(x, str) else _is_missing(x) for x in X)


def _plain(x):
    """Containers of other makes: as arrays if they hold numbers, else as lists."""
    if isinstance(x, array):
        return x.tounicode() if x.typecode in "uw" else np.asarray(x)
    if isinstance(x, memoryview):
        return np.asarray(x)
    if isinstance(x, range):
        return np.arange(x.start, x.stop, x.step)
    if isinstance(x, Sequence) and not isinstance(x, _STEPS[:-1]):
        return list(x)
    return x


def _joined(X, types, name, keys):
    """The steps of a list of sequences, and the number of steps of each."""
    try:
        steps = _alike(X, types, name)
    except (TypeError, ValueError):
        steps = None  # reading each sequence tells what is wrong where
    if steps is not None:
        return steps, list(map(len, X))
    expected = _EACH if keys is None else f"{name} is a dict, and {_EACH}"
    keys = range(len(X)) if keys is None else keys
    parts = [_one(x, f"{name}[{key!r}]", expected) for key, x in zip(keys, X, strict=True)]
    return _join(parts, name, keys), [len(part.values) for part in parts]


def _alike(X, types, name):
    """The steps of texts, flat lists, or arrays of one kind, at the speed of C. None for others."""
    if types and _only(types, _TEXTS):
        return _text("".join(x if isinstance(x, str) else bytes(x).decode("latin-1") for x in X))
    if _only(types, _ROWS):
        flat = list(chain.from_iterable(X))
        inside = set(map(type, flat))
        return _elements(flat, name, inside) if _is_flat(inside) else None
    kinds = {x.dtype.kind for x in X} if types == {np.ndarray} else ()
    if len(kinds) == 1 and kinds <= set("biufUST"):
        return _array(np.concatenate(X) if len(X) > 1 else X[0], name, "")
    return None


def _join(parts, name, keys):
    """Steps of several sequences, one after the other."""
    if any(p.kind == "columns" for p in parts):
        return _join_columns(parts, name, keys)
    kinds = [p.kind for p in parts]
    kind = next((k for k in kinds if k != NO_STEPS), NO_STEPS)
    for i, k in enumerate(kinds):
        if k not in (kind, NO_STEPS):
            if {k, kind} == {"integers", "numbers"}:
                kind = "numbers"
                continue
            place = f"{name}[{keys[i]!r}]"
            raise TypeError(f"{place} holds {k} and the sequences before it {kind}; all must be of one kind")
    width = next((p.values.shape[1] for p in parts if np.ndim(p.values) == 2), None)
    parts = [_as_kind(p, kind, width) for p in parts]
    if kind == "words":
        values = list(chain.from_iterable(p.values for p in parts))
    else:
        shapes = {p.values.shape[1:] for p in parts if len(p.values)}
        if len(shapes) > 1:
            some = [i for i, p in enumerate(parts) if len(p.values)]
            i = next(i for i in some if parts[i].values.shape[1:] != parts[some[0]].values.shape[1:])
            raise ValueError(
                f"{name}[{keys[i]!r}] has shape {parts[i].values.shape} and {name}[{keys[some[0]]!r}] "
                f"{parts[some[0]].values.shape}; "
                "all sequences must have the same columns"
            )
        values = _end_to_end([p.values for p in parts if len(p.values)] or [np.empty(0)], kind, name)
    missing = None
    if any(p.missing is not None for p in parts):
        missing = np.concatenate(
            [np.zeros(len(p.values), dtype=bool) if p.missing is None else p.missing for p in parts]
        )
    declared = {p.categories for p in parts if len(p.values)}
    return _Steps(values, kind, missing, _same_names(parts, name, keys), declared.pop() if len(declared) == 1 else None)


def _end_to_end(arrays, kind, name):
    values = np.concatenate(arrays)
    if kind == "integers" and values.dtype.kind == "f":  # what NumPy makes of int64 and uint64
        low, high = min(int(a.min()) for a in arrays), max(int(a.max()) for a in arrays)
        if low < 0 and high >= 2**63:
            raise ValueError(f"{name} holds {low} and {high}: too far apart for 64 bits")
        values = np.concatenate(arrays, dtype=np.uint64 if high >= 2**63 else np.int64, casting="unsafe")
    return values


def _join_columns(parts, name, keys):
    keys = [key for key, p in zip(keys, parts, strict=True) if len(p.values)]
    parts = [p for p in parts if len(p.values)]
    columns = [_columns(p) for p in parts]
    n = len(columns[0])
    for key, other in zip(keys, columns, strict=True):
        if len(other) != n:
            raise ValueError(f"{name} has sequences of {n} and of {len(other)} columns ({key!r}); all must agree")
    names = _same_names(parts, name, keys)
    called = range(n) if names is None else map(repr, names)
    joined = [_join([c[k] for c in columns], f"column {label} of {name}", keys) for k, label in enumerate(called)]
    return _Steps(Columns(joined), "columns", None, names)


def _same_names(parts, name, keys):
    names = next((p.names for p in parts if p.names is not None), None)
    for key, p in zip(keys, parts, strict=True):
        if p.names not in (None, names):
            raise ValueError(f"{name}[{key!r}] has columns {shown(list(p.names))}, others {shown(list(names))}")
    return names


def _columns(steps):
    """The columns of any table, each as _Steps."""
    if steps.kind == "columns":
        return steps.values.parts
    if np.ndim(steps.values) == 2:
        return [_Steps(np.ascontiguousarray(v), steps.kind, steps.missing) for v in steps.values.T]
    return [_Steps(steps.values, steps.kind, steps.missing)]


def _as_kind(steps, kind, width=None):
    if steps.kind == NO_STEPS and len(steps.values):
        if kind == "words":
            return _Steps([None] * len(steps.values), kind, steps.missing)
        fill = np.nan if kind == "numbers" else 0
        shape = len(steps.values) if width is None else (len(steps.values), width)
        return _Steps(np.full(shape, fill), kind, steps.missing)
    if kind == "numbers" and steps.kind in ("integers", "bools"):
        values = steps.values.astype(np.float64)
        if steps.missing is not None:
            values[steps.missing] = np.nan
        return _Steps(values, kind, None, steps.names)
    return steps


def _one(x, name, expected):
    if type(x) is np.ndarray:
        return _array(x, name, expected)
    if isinstance(x, str):
        return _text(x)
    if isinstance(x, (bytes, bytearray)):
        return _text(bytes(x).decode("latin-1"))
    if isinstance(x, np.ma.MaskedArray):
        return _masked(x, name, expected)
    x = _plain(x)
    if isinstance(x, _ROWS):
        types = set(map(type, x))
        if _is_flat(types):
            return _elements(x, name, types)
        return _rows(x, name, expected)
    if hasattr(x, "toarray"):
        raise TypeError(f"{name} is a sparse {type(x).__name__}, which is not supported; {name}.toarray() is dense")
    if isinstance(x, np.generic) or not hasattr(x, "__array__"):
        raise TypeError(f"{name} is a {type(x).__name__}, not a sequence: {expected}")
    if hasattr(x, "columns") and np.ndim(x) == 2:
        return _frame(x, name, expected)
    return _column(x, name, expected)


def _column(x, name, expected):
    """A Series or array, with the categories that it declares (pandas Categorical, polars Enum)."""
    steps = _array(np.asarray(x), name, expected)
    categories = getattr(getattr(x, "dtype", None), "categories", None)
    if hasattr(categories, "__len__") and all(isinstance(c, str | int) for c in categories):
        return steps._replace(categories=tuple(categories))
    return steps


def _frame(x, name, expected):
    """A data frame: an array if its columns are of one kind, else Columns."""
    names = tuple(x.columns)
    if len(names) == 1:
        return _column(x[names[0]], name, expected)._replace(names=names)
    if len(names) < 1 or len(set(names)) < len(names):
        return _array(np.asarray(x), name, expected)._replace(names=names)
    return _side_by_side([_column(x[c], f"{name}[{c!r}]", expected) for c in names], names)


def _side_by_side(parts, names=None):
    kinds = {p.kind for p in parts if p.kind != NO_STEPS}
    if len(kinds) > 1 or kinds == {"words"} or any(p.categories for p in parts):
        return _Steps(Columns(parts), "columns", None, names)
    if any(p.missing is not None for p in parts):
        kinds = {"numbers"}
    if not kinds:
        return _Steps(np.full((len(parts[0].values), len(parts)), np.nan), "numbers", None, names)
    (kind,) = kinds
    return _Steps(np.column_stack([_as_kind(p, kind).values for p in parts]), kind, None, names)


def _text(text):
    codes = np.frombuffer(text.encode(_UTF_32, "surrogatepass"), dtype=np.uint32)
    return _Steps(codes, "text" if text else NO_STEPS, None)


_UTF_32 = f"utf-32-{sys.byteorder[0]}e"


def _letters(x):
    """(T,) code points of an array of single characters; None if any is longer, or empty."""
    if x.dtype.kind == "T":
        return _decoded(x)
    x = np.ascontiguousarray(x, dtype=x.dtype.newbyteorder("="))
    points = x.view(np.uint8 if x.dtype.kind == "S" else np.uint32).reshape(len(x), -1)
    first = points[:, 0]
    return np.ascontiguousarray(first, dtype=np.uint32) if first.all() and not any(map(np.any, points.T[1:])) else None


def _decoded(x):
    """Likewise of a StringDType. NumPy gives no view of it, and a cast would take longer than a model's answer; so its
    memory is read as NEP 55 defines it."""
    x, points = np.ascontiguousarray(x), np.empty(len(x), dtype=np.uint32)
    memory = {"data": (x.ctypes.data, True), "shape": (len(x), x.itemsize), "typestr": "|u1", "version": 3}
    stored = np.asarray(SimpleNamespace(__array_interface__=memory))
    known = x.itemsize == 16 and sys.byteorder == "little"
    return points if known and characters(stored, points) else None


def _rows(x, name, expected):
    """A (T, D) list of rows of numbers."""
    try:
        widths = set(map(len, x))
        flat = list(chain.from_iterable(x))
        if {bool} < set(map(type, flat)) <= {bool, int, float, type(None)}:  # marks beside numbers
            flat = [np.nan if v is None else float(v) for v in flat]
        flat = _elements(flat, name)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} holds lists that are not rows of numbers: {expected}{_pairs(x[0])}") from error
    if flat.kind == "words" or len(widths) > 1:
        raise TypeError(f"{name} holds lists that are not rows of numbers: {expected}{_pairs(x[0])}")
    if widths == {1}:
        return flat
    flat = _as_kind(flat, "numbers") if flat.missing is not None else flat
    return _array(flat.values.reshape(len(x), -1), name, expected)


def _pairs(row):
    """What to do with rows such as (word, tag)."""
    if isinstance(row, list | tuple) and len(row) == 2 and all(isinstance(v, str) for v in row):
        return (
            f"; pairs such as {shown(row)}, of a word and its tag, come apart: the words in X and the tags in y: "
            "X = [[word, ...], ...] and y = [[tag, ...], ...]"
        )
    return ""


def _array(x, name, expected):
    if x.ndim == 2 and x.shape[1] == 1:
        x = x[:, 0]
    if x.ndim not in (1, 2):
        way_out = f"; if its first axis counts sequences, pass list({name})" if x.ndim == 3 else ""
        raise ValueError(f"{name} has {x.ndim} dimensions, shape {x.shape}: {expected}{way_out}")
    if x.ndim == 2 and x.shape[1] == 0:
        raise ValueError(f"{name} has 0 feature(s) (shape={x.shape}) while a minimum of 1 is required: no columns")
    kind = x.dtype.kind
    if not x.size and kind in "OUSTfiub":
        return _Steps(np.empty(0), NO_STEPS, None)
    if kind == "b":
        return _Steps(x, "bools", None)
    if kind in "iu":
        return _Steps(x, "integers", None)
    if kind == "f":
        return _numbers(x)
    if kind in "OUST" and x.ndim == 1:
        points = None if kind == "O" else _letters(x)
        if points is not None:
            return _Steps(Letters(points), "words", None)
        values = x.tolist()
        if kind == "S":
            values = [v.decode("latin-1") for v in values]
        return _elements(values, name)
    if kind == "O":
        return _side_by_side([_elements(column.tolist(), f"{name}[:, {k}]") for k, column in enumerate(x.T)])
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {x.dtype}; pass its real part or modulus")
    raise TypeError(f"{name} has dtype {x.dtype}, shape {x.shape}; steps are symbols (str, integers, bools) or numbers")


def _masked(x, name, expected):
    mask = np.ma.getmaskarray(x)
    return _array(x.filled(np.nan) if x.dtype.kind == "f" else np.where(mask, None, x.data), name, expected)


def _numbers(x):
    return _Steps(np.asarray(x, dtype=np.float64), "numbers", None)


def _is_missing(v):
    return v is None or type(v).__name__ == "NAType" or (isinstance(v, float | np.floating) and v != v)


_KIND_OF = {str: "words", bool: "bools", int: "integers", float: "numbers"}
_KIND_BY_CLASS = {**_KIND_OF, np.bool_: "bools", np.integer: "integers", np.floating: "numbers"}


def _elements(x, name, types=None):
    """A flat list of scalars; the set of their types tells nearly everything, at the speed of C."""
    types = types or set(map(type, x))
    missing = None
    if not types <= _KIND_OF.keys() or float in types:
        gone = map(operator.ne, x, x) if types <= _KIND_OF.keys() else map(_is_missing, x)  # only NaN is not itself
        missing = np.fromiter(gone, dtype=bool, count=len(x))
        if missing.any():
            types = set(map(type, compress(x, ~missing)))
        else:
            missing = None
    kinds = {_kind_of(t) for t in types}
    if kinds == {"integers", "numbers"}:
        kinds = {"numbers"}
    if len(kinds) > 1 or None in kinds:
        present = [(i, v) for i, v in enumerate(x) if missing is None or not missing[i]]
        first = _kind_of(type(present[0][1]))
        alike = {"integers", "numbers"} if first in ("integers", "numbers") else {first} - {None}
        i, v = next((i, v) for i, v in present if _kind_of(type(v)) not in alike)
        raise TypeError(
            f"{name}[{i}] is {shown(v)}, a {type(v).__name__}"
            + (f", among {first}" if first else "")
            + "; steps must all be str, all integers, all bools or all floats (None or NaN where missing); steps of "
            "several columns come as a frame, or an array of shape (n_steps, n_columns)"
        )
    if not kinds:
        gone = np.ones(len(x), dtype=bool)
        return _Steps(np.zeros(len(x)), NO_STEPS, gone if len(x) else None)
    kind = kinds.pop()
    if kind == "words":
        if types != {str}:  # numpy.str_, members of an Enum
            x = [v if _is_missing(v) else plain(v) for v in x]
        return _Steps(list(x), kind, missing)
    if missing is not None:
        x = [0 if gone else v for v, gone in zip(x, missing, strict=True)]
    if kind == "integers":
        for dtype in (np.int64, np.uint64):
            try:
                return _Steps(np.array(x, dtype=dtype), kind, missing)
            except OverflowError:
                pass  # too large for this type
        i = next((i for i, v in enumerate(x) if not -(2**63) <= v < 2**64), x.index(max(x)))
        raise ValueError(f"{name}[{i}] = {shown(x[i])} does not fit into 64 bits beside the others")
    if kind == "bools":
        return _Steps(np.array(x, dtype=bool), kind, missing)
    values = np.array(x, dtype=np.float64)
    if missing is not None:
        values[missing] = np.nan
    return _numbers(values)


def _kind_of(t):
    return _KIND_OF.get(t) or next((kind for base, kind in _KIND_BY_CLASS.items() if issubclass(t, base)), None)
