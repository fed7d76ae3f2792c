"""What users pass, turned into values and bounds. Every check of shape and type of data stands here.

One sequence is a str, bytes (Latin-1 text), a 1-D array, a (T, D) array or frame, or a flat list of numbers or symbols.
Many are a list, tuple or object array of sequences, or one array with `lengths`. What a step may hold:

    kind        values
    text        code points, uint32
    words       a list of str
    integers    an array of integers
    bools       an array of bool
    numbers     an array of floats, (T,) or (T, D); NaN where missing
    columns     Columns, each of its own kind; from frames and object arrays (T, D)

A missing step is None, NaN, pd.NA or masked.
"""

import operator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain, compress, pairwise
from typing import NamedTuple

import numpy as np

from .memory import aligned
from .symbols import shown


@dataclass(eq=False)  # never changed; to freeze it would cost a short call more than its steps
class Sequences:
    """All steps of all sequences, one after the other."""

    values: np.ndarray | list
    bounds: np.ndarray  # (S + 1,) int64: sequence s has the steps bounds[s] ... bounds[s + 1] - 1
    kind: str
    missing: np.ndarray | None  # (T,) bool, or None
    form: str  # "one", "list" or "lengths": how results go back
    names: tuple | None = None  # of the columns of a frame

    @property
    def n_sequences(self):
        return len(self.bounds) - 1

    @property
    def n_steps(self):
        return int(self.bounds[-1])

    def where(self, position):
        """'sequence 3, step 12' for a position among all steps."""
        s = int(np.searchsorted(self.bounds, position, side="right")) - 1
        step = f"step {position - int(self.bounds[s])}"
        return step if self.form == "one" else f"sequence {s}, {step}"

    def split(self, results):
        """Results for all steps, in the form in which the sequences came."""
        if self.form != "list":
            return results
        return [results[a:b] for a, b in pairwise(self.bounds.tolist())]

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
    def numbers(self):
        """(T, D) float64, finite, NaN where missing; each column in one piece. Made and looked at once."""
        return self._checked[0]

    @property
    def gaps(self):
        """Whether any of the numbers is missing."""
        return self._checked[1]

    @property
    def n_columns(self):
        return len(_columns(self))

    def without(self, gone):
        """The same, with the steps of a mask (T,) missing."""
        if self.kind == "columns":
            values = Columns([part._replace(**_hidden(part, gone)) for part in self.values.parts])
            return replace(self, values=values)
        return replace(self, **_hidden(self, gone))

    def columns(self, places):
        """Some of the columns, as Sequences of their own."""
        parts = _columns(self)
        names = None if self.names is None else tuple(self.names[k] for k in places)
        steps = parts[places[0]] if len(places) == 1 else _side_by_side([parts[k] for k in places], names)
        return Sequences(steps.values, self.bounds, steps.kind, steps.missing, self.form, steps.names)


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


class _Steps(NamedTuple):
    values: np.ndarray | list | Columns
    kind: str
    missing: np.ndarray | None
    names: tuple | None = None


LARGEST = 1e300  # of numbers: sums of larger ones are soon infinite
NO_STEPS = "nothing"  # the kind of a sequence that is empty or all missing: it goes with every other kind


_MANY = "it must be a list of sequences, or one: a text, an array of one or two axes, a frame or a flat list"


def one(x, name="x", expected="it takes one sequence; predict, score and predict_proba take a list of them"):
    """A single sequence, for the verbs that take one."""
    steps = _one(x, name, expected)
    bounds = np.array([0, len(steps.values)], dtype=np.int64)
    return Sequences(steps.values, bounds, steps.kind, steps.missing, "one", steps.names)


def numbers(data, family):
    """The data as a family of numbers takes them: see `Sequences.numbers`."""
    parts = [data] if data.kind != "columns" else data.values.parts
    for k, part in enumerate(parts):
        if part.kind not in ("numbers", "integers", "bools", NO_STEPS):
            column = "" if data.kind != "columns" else f"column {k if data.names is None else repr(data.names[k])} of "
            raise TypeError(f"{column}the data holds {part.kind}, {family} takes numbers")
    return data.numbers


def many(X, lengths=None, name="X"):
    """Many sequences, for the verbs that take a list; a single array or text passes as one."""
    if lengths is not None:
        return _with_lengths(X, lengths, name)
    if isinstance(X, np.ndarray) and X.dtype.kind == "O" and X.ndim == 1 and len(X) and all(map(_is_sequence, X)):
        X = list(X)
    if not isinstance(X, list | tuple):
        return one(X, name, _MANY)
    types = set(map(type, X))
    if not _are_sequences(X, types):
        nested = [isinstance(x, _TEXTS) or _is_sequence(x) for x in X]
        if not any(nested):
            return one(X, name, _MANY)
        if not all(nested):
            i = nested.index(not nested[0])
            raise TypeError(
                f"{name}[{i}] is {shown(X[i])}, a {type(X[i]).__name__}, among sequences; "
                f"{name} must be a list of sequences, or one flat list of values"
            )
    n_steps = list(map(len, X))
    if len(X) > 1 and set(n_steps) == {1}:
        together = f"{X[0][:0]!r}.join({name})" if _only(types, _TEXTS) else f"np.concatenate({name})"
        raise ValueError(
            f"{name} holds {len(X)} sequences, each of a single step; if they are the steps of one sequence, pass "
            f"{together}; if they are sequences, say so: {together}, lengths=[1] * {len(X)}"
        )
    steps = _joined(X, types, name)
    return Sequences(steps.values, _bounds(n_steps), steps.kind, steps.missing, "list", steps.names)


def labels(y, data, lengths, name="y"):
    """The labels of `data`: in the same form, and one for each step."""
    try:
        parts = many(y, lengths, name) if data.form != "one" else one(y, name)
    except ValueError as error:
        if np.ndim(y) == 1 and all(isinstance(n, int | np.integer) for n in y) and sum(y) == data.n_steps:
            raise ValueError(_looks_like_lengths(y)) from error
        raise
    if parts.n_sequences != data.n_sequences:
        if parts.kind == "integers" and parts.n_steps == data.n_sequences and parts.values.sum() == data.n_steps:
            raise ValueError(_looks_like_lengths(y))
        raise ValueError(f"{name} has {parts.n_sequences} sequences and X has {data.n_sequences}")
    differ = np.flatnonzero(np.diff(parts.bounds) != np.diff(data.bounds))
    if len(differ):
        s = differ[0]
        have, want = np.diff(parts.bounds)[s], np.diff(data.bounds)[s]
        if parts.kind == "integers" and parts.values.sum() == data.n_steps:
            raise ValueError(_looks_like_lengths(y))
        place = "" if data.form == "one" else f", sequence {s}"
        raise ValueError(f"{name}{place}: {have} labels for {want} steps; there must be one label for each step")
    return parts


def _looks_like_lengths(y):
    return f"y = {shown(y)} looks like lengths: pass lengths=..., y holds one label for each step"


def _with_lengths(X, lengths, name):
    steps = _one(X, name, "with lengths= it must be one array, text or flat list with all steps")
    try:
        counts = np.asarray(lengths)
    except ValueError:  # lists of several lengths
        counts = np.empty((0, 0))
    if counts.ndim != 1 or (counts.dtype.kind not in "iu" and counts.size):
        raise TypeError(f"lengths must be a list of integers, got {shown(lengths)}")
    if counts.min(initial=0) < 0:
        i = int(np.flatnonzero(counts < 0)[0])
        raise ValueError(f"lengths[{i}] = {counts[i]} is negative")
    n_steps = len(steps.values)
    # sums of int64 could wrap around, but not where none is larger than all steps
    total = int(counts.sum()) if counts.max(initial=0) <= n_steps else sum(counts.tolist())
    if total != n_steps:
        raise ValueError(
            f"lengths sum to {total} but {name} has {n_steps} steps; a list of sequences needs none, and "
            "is what a cross-validation can split"
        )
    return Sequences(steps.values, _bounds(counts), steps.kind, steps.missing, "lengths", steps.names)


def _bounds(n_steps):
    """From a list or an array; each has a way that is fast."""
    if isinstance(n_steps, list):
        return np.fromiter(accumulate(n_steps, initial=0), dtype=np.int64, count=len(n_steps) + 1)
    bounds = np.zeros(len(n_steps) + 1, dtype=np.int64)
    np.cumsum(n_steps, out=bounds[1:])
    return bounds


_TEXTS = str | bytes | bytearray
_LISTS = list | tuple | range


def _only(types, those):
    return all(issubclass(t, those) for t in types)


def _is_flat(types):
    return not any(issubclass(t, list | tuple | np.ndarray) for t in types)


def _is_sequence(x):
    return isinstance(x, _LISTS) or (hasattr(x, "__array__") and np.ndim(x) > 0)


def _are_sequences(X, types):
    """Whether the types say so, which is much faster than a look at each; False where they do not say."""
    return _only(types, _TEXTS | _LISTS) or (types == {np.ndarray} and all(x.ndim for x in X))


def _joined(X, types, name):
    """The steps of a list of sequences."""
    try:
        steps = _alike(X, types, name)
    except (TypeError, ValueError):
        steps = None  # a look at each sequence says what is wrong where
    if steps is not None:
        return steps
    parts = [
        _one(x, f"{name}[{i}]", "each sequence must be a text, a 1-D or (T, D) array, or a flat list")
        for i, x in enumerate(X)
    ]
    return _join(parts, name)


def _alike(X, types, name):
    """The steps of texts, flat lists, or arrays of one kind, at the speed of C. None for others."""
    if types and _only(types, _TEXTS):
        return _text("".join(x if isinstance(x, str) else bytes(x).decode("latin-1") for x in X))
    if _only(types, list | tuple):
        flat = list(chain.from_iterable(X))
        inside = set(map(type, flat))
        return _elements(flat, name, inside) if _is_flat(inside) else None
    kinds = {x.dtype.kind for x in X} if types == {np.ndarray} else ()
    if len(kinds) == 1 and kinds <= set("biuf"):
        return _array(np.concatenate(X) if len(X) > 1 else X[0], name, "")
    return None


def _join(parts, name):
    """Steps of several sequences, one after the other."""
    if any(p.kind == "columns" for p in parts):
        return _join_columns(parts, name)
    kinds = [p.kind for p in parts]
    kind = next((k for k in kinds if k != NO_STEPS), NO_STEPS)
    for i, k in enumerate(kinds):
        if k not in (kind, NO_STEPS):
            if {k, kind} == {"integers", "numbers"}:
                kind = "numbers"
                continue
            raise TypeError(f"{name}[{i}] holds {k} and the sequences before it {kind}; all must be of one kind")
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
                f"{name}[{i}] has shape {parts[i].values.shape} and {name}[{some[0]}] {parts[some[0]].values.shape}; "
                "all sequences must have the same columns"
            )
        values = _end_to_end([p.values for p in parts if len(p.values)] or [np.empty(0)], kind, name)
    missing = None
    if any(p.missing is not None for p in parts):
        missing = np.concatenate(
            [np.zeros(len(p.values), dtype=bool) if p.missing is None else p.missing for p in parts]
        )
    return _Steps(values, kind, missing, _same_names(parts, name))


def _end_to_end(arrays, kind, name):
    values = np.concatenate(arrays)
    if kind == "integers" and values.dtype.kind == "f":  # what NumPy makes of int64 and uint64
        low, high = min(int(a.min()) for a in arrays), max(int(a.max()) for a in arrays)
        if low < 0 and high >= 2**63:
            raise ValueError(f"{name} holds {low} and {high}: too far apart for 64 bits")
        values = np.concatenate(arrays, dtype=np.uint64 if high >= 2**63 else np.int64, casting="unsafe")
    return values


def _join_columns(parts, name):
    parts = [p for p in parts if len(p.values)]
    columns = [_columns(p) for p in parts]
    n = len(columns[0])
    for i, other in enumerate(columns):
        if len(other) != n:
            raise ValueError(f"{name} has sequences of {n} and of {len(other)} columns (sequence {i}); all must agree")
    names = _same_names(parts, name)
    called = range(n) if names is None else map(repr, names)
    joined = [_join([c[k] for c in columns], f"{name}, column {label}") for k, label in enumerate(called)]
    return _Steps(Columns(joined), "columns", None, names)


def _same_names(parts, name):
    names = next((p.names for p in parts if p.names is not None), None)
    for i, p in enumerate(parts):
        if p.names not in (None, names):
            raise ValueError(f"{name}[{i}] has columns {shown(list(p.names))}, others {shown(list(names))}")
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
    if isinstance(x, bytes | bytearray):
        return _text(bytes(x).decode("latin-1"))
    if isinstance(x, np.ma.MaskedArray):
        return _masked(x, name, expected)
    if isinstance(x, range):
        x = np.arange(x.start, x.stop, x.step)
    if isinstance(x, list | tuple):
        types = set(map(type, x))
        if _is_flat(types):
            return _elements(x, name, types)
        return _nested(x, name, expected)
    if hasattr(x, "toarray"):
        raise TypeError(f"{name} is a sparse {type(x).__name__}, which is not supported; {name}.toarray() is dense")
    if isinstance(x, np.generic) or not hasattr(x, "__array__"):
        raise TypeError(f"{name} is a {type(x).__name__}, not a sequence: {expected}")
    if hasattr(x, "columns") and np.ndim(x) == 2:
        return _frame(x, name, expected)
    return _array(np.asarray(x), name, expected)


def _frame(x, name, expected):
    """A data frame: an array if its columns are of one kind, else Columns."""
    names = tuple(x.columns)
    if len(names) < 2 or len(set(names)) < len(names):
        return _array(np.asarray(x), name, expected)._replace(names=names)
    return _side_by_side([_array(np.asarray(x[c]), f"{name}[{c!r}]", expected) for c in names], names)


def _side_by_side(parts, names=None):
    kinds = {p.kind for p in parts if p.kind != NO_STEPS}
    if len(kinds) > 1 or kinds == {"words"}:
        return _Steps(Columns(parts), "columns", None, names)
    if any(p.missing is not None for p in parts):
        kinds = {"numbers"}
    if not kinds:
        return _Steps(np.full((len(parts[0].values), len(parts)), np.nan), "numbers", None, names)
    (kind,) = kinds
    return _Steps(np.column_stack([_as_kind(p, kind).values for p in parts]), kind, None, names)


def _text(text):
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return _Steps(codes, "text" if text else NO_STEPS, None)


def _nested(x, name, expected):
    """A (T, D) list of lists of numbers."""
    try:
        array = np.array([[np.nan if _is_missing(v) else v for v in row] for row in x], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} holds lists that are not rows of numbers: {expected}") from error
    return _array(array, name, expected)


def _array(x, name, expected):
    if x.ndim == 2 and x.shape[1] == 1:
        x = x[:, 0]
    if x.ndim not in (1, 2):
        way_out = f"; if its first axis counts sequences, pass list({name})" if x.ndim == 3 else ""
        raise ValueError(f"{name} has {x.ndim} dimensions, shape {x.shape}: {expected}{way_out}")
    if x.ndim == 2 and x.shape[1] == 0:
        raise ValueError(f"{name} has 0 feature(s) (shape={x.shape}) while a minimum of 1 is required: no columns")
    kind = x.dtype.kind
    if not x.size and kind in "OUSfiub":
        return _Steps(np.empty(0), NO_STEPS, None)
    if kind == "b":
        return _Steps(x, "bools", None)
    if kind in "iu":
        return _Steps(x, "integers", None)
    if kind == "f":
        return _numbers(x)
    if kind in "OUS" and x.ndim == 1:
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
    data = np.ma.getmaskarray(x)
    if x.dtype.kind == "f":
        return _array(x.filled(np.nan), name, expected)
    if x.ndim == 2 and x.shape[1] == 1:
        x, data = x[:, 0], data[:, 0]
    if x.ndim != 1:
        return _array(x.astype(np.float64).filled(np.nan), name, expected)
    steps = _array(np.where(data, x.dtype.type(0), x.data), name, expected)
    missing = data if steps.missing is None else data | steps.missing
    return _Steps(steps.values, NO_STEPS if data.all() else steps.kind, missing)


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
        if types != {str}:  # numpy.str_ and the like
            x = [v if _is_missing(v) else str(v) for v in x]
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
