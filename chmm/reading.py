"""Reading one sequence as an array of steps of one kind, or several sequences, end to end.

    kind        values
    text        code points, uint32
    words       a list of str; Letters if they came as an array of single characters
    integers    an array of integers
    bools       an array of bool
    numbers     an array of floats, (T,) or (T, D); NaN where missing
    columns     Columns, each of its own kind; from frames and object arrays (T, D)

A missing step is None, NaN, pd.NA or masked.

Texts, flat lists and arrays of one kind are joined at the speed of C (`_alike`). If that fails, each sequence is read
on its own, so that an error can name it.
"""

import operator
import sys
from array import array
from collections.abc import Sequence
from itertools import chain, compress
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from . import arrow
from .kernels.counting import characters
from .symbols import Letters, a_type, plain, shown

_EACH = "each sequence must be a text, a 1-D or (T, D) array, or a flat list"
NO_STEPS = "nothing"  # the kind of a sequence that is empty or wholly missing; it is compatible with every other


class Steps(NamedTuple):
    """The steps of one sequence, or of several, end to end."""

    values: Any  # by kind, as above
    kind: str
    missing: np.ndarray | None = None  # (T,) bool
    names: tuple | None = None
    categories: tuple | None = None


def hidden(steps, gone):
    """The values and mask of `steps` after the steps of a mask `gone` were made missing, too."""
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


def selected(steps, which):
    values, missing = steps.values, None if steps.missing is None else steps.missing[which]
    if isinstance(values, Columns):
        values = Columns([selected(part, which) for part in values.parts])
    else:
        values = list(compress(values, which)) if isinstance(values, list) else values[which]
    return steps._replace(values=values, missing=missing)


def within(begin, end, n):
    """(n,) bool: the steps in any of these stretches."""
    ends = np.zeros(n + 1, dtype=np.int8)
    ends[begin] += 1
    ends[end] -= 1
    return np.cumsum(ends[:-1], dtype=np.int8) > 0


_MASKED = type(np.ma.masked)  # what a masked array has in the place of a missing value; an array by its class
TEXTS = (str, bytes, bytearray)  # isinstance takes a tuple of types faster than a union
ROWS = (list, tuple)
_STEPS = (*ROWS, *TEXTS, np.ndarray, Sequence)  # the last is slow to check


def all_are(types, those):
    return all(issubclass(t, those) for t in types)


def _is_flat(types):
    return not any(issubclass(t, (list, tuple, np.ndarray)) and t is not _MASKED for t in types)


def holds_steps(t):
    """Whether a type is one of texts, lists or arrays."""
    return t is not _MASKED and (issubclass(t, _STEPS) or (hasattr(t, "__array__") and not issubclass(t, np.generic)))


def as_list(x):
    """Other containers, as arrays if they hold numbers, else as lists."""
    if isinstance(x, array):
        return x.tounicode() if x.typecode in "uw" else np.asarray(x)
    if isinstance(x, memoryview):
        return np.asarray(x)
    if isinstance(x, range):
        return np.arange(x.start, x.stop, x.step)
    if isinstance(x, Sequence) and not isinstance(x, _STEPS[:-1]):
        return list(x)
    return x


def steps_of_all(X, types, name, keys):
    """The steps of a list of sequences, and the number of steps of each."""
    try:
        steps = _alike(X, types, name)
    except (TypeError, ValueError):
        steps = None  # read each sequence on its own to find the error
    if steps is not None:
        return steps, list(map(len, X))
    expected = _EACH if keys is None else f"{name} is a dict, and {_EACH}"
    keys = range(len(X)) if keys is None else keys
    parts = [steps_of(x, f"{name}[{key!r}]", expected) for key, x in zip(keys, X, strict=True)]
    return join(parts, name, keys), [len(part.values) for part in parts]


def _alike(X, types, name):
    """The steps of texts, flat lists or arrays of one kind, at the speed of C; None for anything else."""
    if types and all_are(types, TEXTS):
        if not all_are(types, str):
            X = [x if isinstance(x, str) else bytes(x).decode("latin-1") for x in X]
        return _text("".join(X))
    if all_are(types, ROWS):
        flat = list(chain.from_iterable(X))
        inside = set(map(type, flat))
        return _elements(flat, name, inside) if _is_flat(inside) else None
    kinds = {x.dtype.kind for x in X} if types == {np.ndarray} else ()
    if len(kinds) == 1 and kinds <= set("biufUST"):
        return _array(np.concatenate(X) if len(X) > 1 else X[0], name, "")
    return None


def join(parts, name, keys):
    """The steps of several sequences, end to end."""
    if any(p.kind == "columns" for p in parts):
        return _join_columns(parts, name, keys)
    if len({p.kind for p in parts}) > 1:
        parts = list(map(_of_any_kind, parts))
    kinds = [p.kind for p in parts]
    kind = next((k for k in kinds if k != NO_STEPS), NO_STEPS)
    for key, k in zip(keys, kinds, strict=True):
        if {k, kind} == {"integers", "numbers"}:
            kind = "numbers"
        elif k not in (kind, NO_STEPS):
            raise TypeError(f"{name}[{key!r}] holds {k} and the sequences before it {kind}; all must be of one kind")
    width = next((p.values.shape[1] for p in parts if np.ndim(p.values) == 2), None)
    parts = [as_kind(p, kind, width) for p in parts]
    if kind == "words":
        values = list(chain.from_iterable(p.values for p in parts))
    else:
        arrays = {key: p.values for key, p in zip(keys, parts, strict=True) if len(p.values)} or {None: np.empty(0)}
        first, model = next(iter(arrays.items()))
        for key, values in arrays.items():
            if values.shape[1:] != model.shape[1:]:
                raise ValueError(
                    f"{name}[{key!r}] has shape {values.shape} and {name}[{first!r}] {model.shape}; all sequences must "
                    "have the same columns"
                )
        values = _end_to_end(list(arrays.values()), kind, name)
    missing = None
    if any(p.missing is not None for p in parts):
        gone = [np.zeros(len(p.values), dtype=bool) if p.missing is None else p.missing for p in parts]
        missing = np.concatenate(gone)
    declared = {p.categories for p in parts if len(p.values)}
    return Steps(values, kind, missing, _same_names(parts, name, keys), declared.pop() if len(declared) == 1 else None)


def _end_to_end(arrays, kind, name):
    values = np.concatenate(arrays)
    if kind == "integers" and values.dtype.kind == "f":  # the common type of int64 and uint64 in NumPy
        low, high = min(int(a.min()) for a in arrays), max(int(a.max()) for a in arrays)
        if low < 0 and high >= 2**63:
            raise ValueError(f"{name} holds {low} and {high}: too far apart for 64 bits")
        values = np.concatenate(arrays, dtype=np.uint64 if high >= 2**63 else np.int64, casting="unsafe")
    return values


def _join_columns(parts, name, keys):
    keys = [key for key, p in zip(keys, parts, strict=True) if len(p.values)]
    parts = [p for p in parts if len(p.values)]
    columns = [columns_of(p) for p in parts]
    n = len(columns[0])
    for key, other in zip(keys, columns, strict=True):
        if len(other) != n:
            raise ValueError(f"{name} has sequences of {n} and of {len(other)} columns ({key!r}); all must agree")
    names = _same_names(parts, name, keys)
    called = range(n) if names is None else map(repr, names)
    joined = [join([c[k] for c in columns], f"column {label} of {name}", keys) for k, label in enumerate(called)]
    return Steps(Columns(joined), "columns", None, names)


def _of_any_kind(steps):
    """Where all is missing, these may be of the kind of the others."""
    if steps.kind == "numbers" and np.isnan(steps.values).all():
        return Steps(np.zeros(len(steps.values)), NO_STEPS, np.ones(len(steps.values), dtype=bool))
    return steps


def _same_names(parts, name, keys):
    names = next((p.names for p in parts if p.names is not None), None)
    for key, p in zip(keys, parts, strict=True):
        if p.names not in (None, names):
            raise ValueError(f"{name}[{key!r}] has columns {shown(list(p.names))}, others {shown(list(names))}")
    return names


def columns_of(steps):
    """The columns of any table, each as Steps."""
    if steps.kind == "columns":
        return steps.values.parts
    if np.ndim(steps.values) == 2:
        columns = [Steps(np.ascontiguousarray(v), steps.kind, steps.missing) for v in steps.values.T]
        return [_nothing(len(c.values)) if _all_missing(c) else c for c in columns]
    return [Steps(steps.values, steps.kind, steps.missing)]


def _all_missing(column):
    values = column.values
    return column.kind == "numbers" and len(values) > 0 and np.isnan(values[0]) and bool(np.isnan(values).all())


def _nothing(n_steps):
    """A column without any value, which may be beside columns of every kind."""
    return Steps(np.zeros(n_steps), NO_STEPS, np.ones(n_steps, dtype=bool))


def as_kind(steps, kind, width=None):
    if steps.kind == NO_STEPS and len(steps.values):
        if kind == "words":
            return Steps([None] * len(steps.values), kind, steps.missing)
        fill = np.nan if kind == "numbers" else 0
        shape = len(steps.values) if width is None else (len(steps.values), width)
        return Steps(np.full(shape, fill, dtype=np.uint32 if kind == "text" else None), kind, steps.missing)
    if kind == "numbers" and steps.kind in ("integers", "bools"):
        values = steps.values.astype(np.float64)
        if steps.missing is not None:
            values[steps.missing] = np.nan
        return Steps(values, kind, None, steps.names)
    return steps


def steps_of(x, name, expected):
    if type(x) is np.ndarray:
        return _array(x, name, expected)
    if isinstance(x, str):
        return _text(x)
    if isinstance(x, (bytes, bytearray)):
        return _text(bytes(x).decode("latin-1"))
    if isinstance(x, np.ma.MaskedArray):
        return _masked(x, name, expected)
    if arrow.is_arrow(x):
        x = arrow.opened(x)
        table = arrow.table(x)
        return _column(x, name, expected) if table is None else _frame(x, *table, name, expected)
    x = as_list(x)
    if isinstance(x, ROWS):
        types = set(map(type, x))
        if _is_flat(types):
            return _elements(x, name, types)
        return _rows(x, name, expected)
    if hasattr(x, "toarray"):
        raise TypeError(f"{name} is a sparse {type(x).__name__}, which is not supported; {name}.toarray() is dense")
    if isinstance(x, np.generic) or not hasattr(x, "__array__"):
        if hasattr(x, "pieces"):
            raise TypeError(
                f"{name} stands for data in pieces, chmm.shards: fit, score, score_samples, predict, predict_proba and "
                "evaluate take them; anything else, ask of the data of one piece"
            )
        raise TypeError(f"{name} is {a_type(x)}, not a sequence: {expected}")
    if hasattr(x, "columns") and np.ndim(x) == 2:
        names = tuple(x.columns)
        several = 1 <= len(set(names)) == len(names)
        return _frame(x, names, [x[c] for c in names] if several else [], name, expected)
    return _column(x, name, expected)


def _column(x, name, expected):
    """A Series or array, with the categories it declares (pandas Categorical, polars Enum, Arrow's dictionaries)."""
    if arrow.is_arrow(x):
        values, kind, missing, categories = arrow.steps(x, name)
        return Steps(values, kind, missing, None, categories)
    steps = _with_gaps(x) or _array(np.asarray(x), name, expected)
    categories = getattr(getattr(x, "dtype", None), "categories", None)
    if hasattr(categories, "__len__") and all(isinstance(c, str | int) for c in categories):
        return steps._replace(categories=tuple(categories))
    return steps


def _with_gaps(x):
    """Integers of pandas or polars with nulls, of which NumPy would make floats; None for anything else."""
    dtype = getattr(x, "dtype", None)
    if getattr(getattr(dtype, "numpy_dtype", None), "kind", "") in ("i", "u"):
        nulls, fill = x.isna, x.fillna
    elif hasattr(x, "null_count") and dtype.is_integer():
        nulls, fill = x.is_null, x.fill_null
    else:
        return None
    gone = np.asarray(nulls())
    if not gone.any():
        return None
    return _nothing(len(gone)) if gone.all() else Steps(np.asarray(fill(0)), "integers", gone)


def _holds_lists(column):
    """Whether a column has a list in each row."""
    if arrow.is_arrow(column):
        return arrow.holds_lists(column)
    dtype = getattr(column, "dtype", None)
    return getattr(dtype, "kind", "") == "O" and isinstance(next(iter(column), None), (*ROWS, np.ndarray))


def _frame(x, names, columns, name, expected):
    """A data frame or table: an array if all columns are of one kind, else Columns."""
    if len(names) < 1 or len(set(names)) < len(names):
        return _array(np.asarray(x), name, expected)._replace(names=names)
    for c, column in zip(names, columns, strict=True):
        if _holds_lists(column):
            raise TypeError(
                f"{name}[{c!r}] has a list in each row: if each is a sequence, pass that column alone, {name}[{c!r}]; "
                "in a table each row is a step"
            )
    if len(names) == 1:
        return _column(columns[0], name, expected)._replace(names=names)
    called = [f"{name}[{c!r}]" for c in names]
    return side_by_side([_column(c, said, expected) for c, said in zip(columns, called, strict=True)], names)


def side_by_side(parts, names=None):
    kinds = {p.kind for p in parts if p.kind != NO_STEPS}
    if len(kinds) > 1 or kinds == {"words"} or any(p.categories for p in parts):
        return Steps(Columns(parts), "columns", None, names)
    if any(p.missing is not None for p in parts):
        kinds = {"numbers"}
    if not kinds:
        return Steps(np.full((len(parts[0].values), len(parts)), np.nan), "numbers", None, names)
    (kind,) = kinds
    return Steps(np.stack([as_kind(p, kind).values for p in parts]).T, kind, None, names)  # columns are contiguous


def _text(text):
    codes = np.frombuffer(text.encode(_UTF_32, "surrogatepass"), dtype=np.uint32)
    return Steps(codes, "text" if text else NO_STEPS)


_UTF_32 = f"utf-32-{sys.byteorder[0]}e"


def _letters(x):
    """(T,) code points of an array of single characters; None if any string is longer or empty."""
    if x.dtype.kind == "T":
        return _decoded(x)
    x = np.ascontiguousarray(x, dtype=x.dtype.newbyteorder("="))
    points = x.view(np.uint8 if x.dtype.kind == "S" else np.uint32).reshape(len(x), -1)
    first = points[:, 0]
    return np.ascontiguousarray(first, dtype=np.uint32) if first.all() and not any(map(np.any, points.T[1:])) else None


def _decoded(x):
    """`_letters` of a StringDType. NumPy offers no view of it, and a cast would take longer than a model's answer, so
    its memory is read as NEP 55 defines it."""
    x, points = np.ascontiguousarray(x), np.empty(len(x), dtype=np.uint32)
    memory = {"data": (x.ctypes.data, True), "shape": (len(x), x.itemsize), "typestr": "|u1", "version": 3}
    stored = np.asarray(SimpleNamespace(__array_interface__=memory))
    known = x.itemsize == 16 and sys.byteorder == "little"
    return points if known and characters(stored, points) else None


def _rows(x, name, expected):
    """A (T, D) list of rows of numbers."""
    wrong = TypeError(f"{name} holds lists that are not rows of numbers: {expected}{_advice_for_rows(x[0])}")
    try:
        widths = set(map(len, x))
        flat = list(chain.from_iterable(x))
        if {bool} < set(map(type, flat)) <= {bool, int, float, type(None)}:  # bools among numbers
            flat = [np.nan if v is None else float(v) for v in flat]
        flat = _elements(flat, name)
    except (TypeError, ValueError) as error:
        raise wrong from error
    if flat.kind == "words" or len(widths) > 1:
        raise wrong
    if widths == {1}:
        return flat
    flat = as_kind(flat, "numbers") if flat.missing is not None else flat
    return _array(flat.values.reshape(len(x), -1), name, expected)


def _advice_for_rows(row):
    """Advice on rows of words; "" for other rows."""
    if isinstance(row, list | tuple) and len(row) == 1 and isinstance(row[0], str):
        return f"; a step of one word is the word itself, {shown(row[0])} for {shown(row)}"
    return advice_for_pairs(row, longest=9)


def advice_for_pairs(row, longest=2):
    """Advice on rows such as (word, tag); "" for other rows."""
    if isinstance(row, list | tuple) and 2 <= len(row) <= longest and all(isinstance(v, str) for v in row):
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
        return Steps(np.empty(0), NO_STEPS)
    if kind == "b":
        return Steps(x, "bools")
    if kind in "iu":
        return Steps(x, "integers")
    if kind == "f":
        return Steps(np.asarray(x, dtype=np.float64), "numbers")
    if kind in "OUST" and x.ndim == 1:
        points = None if kind == "O" else _letters(x)
        if points is not None:
            return Steps(Letters(points), "words")
        values = x.tolist()
        if kind == "S":
            values = [v.decode("latin-1") for v in values]
        return _elements(values, name)
    if kind == "O":
        return side_by_side([_elements(column.tolist(), f"{name}[:, {k}]") for k, column in enumerate(x.T)])
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {x.dtype}; pass its real part or modulus")
    advice = f"; {arrow.NO_TIMES}: make them the index, or leave them out" if kind in "mM" else ""
    raise TypeError(
        f"{name} has dtype {x.dtype}, shape {x.shape}; steps are symbols (str, integers, bools) or numbers{advice}"
    )


def _masked(x, name, expected):
    mask = np.ma.getmaskarray(x)
    return _array(x.filled(np.nan) if x.dtype.kind == "f" else np.where(mask, None, x.data), name, expected)


def is_missing(v):
    if isinstance(v, float | np.floating):
        return v != v
    return v is None or type(v) is _MASKED or type(v).__name__ == "NAType"


_KIND_OF = {str: "words", bool: "bools", int: "integers", float: "numbers"}
_KIND_BY_CLASS = {**_KIND_OF, np.bool_: "bools", np.integer: "integers", np.floating: "numbers"}


def _elements(x, name, types=None):
    """The steps of a flat list of scalars. The set of their types decides nearly everything, at the speed of C."""
    types = types or set(map(type, x))
    missing = None
    if not types <= _KIND_OF.keys() or float in types:
        gone = map(operator.ne, x, x) if types <= _KIND_OF.keys() else map(is_missing, x)  # NaN differs from itself
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
            f"{name}[{i}] is {shown(v)}, {a_type(v)}"
            + (f", among {first}" if first else "")
            + "; steps must all be str, all integers, all bools or all floats (None or NaN where missing); steps of "
            "several columns come as a frame, or an array of shape (n_steps, n_columns)"
        )
    if not kinds:
        gone = np.ones(len(x), dtype=bool)
        return Steps(np.zeros(len(x)), NO_STEPS, gone if len(x) else None)
    kind = kinds.pop()
    if kind == "words":
        if types != {str}:  # numpy.str_, members of an Enum
            x = list(map(plain, x))
        if missing is not None:
            x = [None if gone else v for v, gone in zip(x, missing, strict=True)]
        return Steps(list(x), kind, missing)
    if missing is not None:
        x = [0 if gone else v for v, gone in zip(x, missing, strict=True)]
    if kind == "integers":
        try:
            return Steps(np.array(x, dtype=np.int64 if max(x) < 2**63 else np.uint64), kind, missing)
        except OverflowError:
            i = next((i for i, v in enumerate(x) if not -(2**63) <= v < 2**64), x.index(max(x)))
            raise ValueError(f"{name}[{i}] = {shown(x[i])} does not fit into 64 bits beside the others") from None
    if kind == "bools":
        return Steps(np.array(x, dtype=bool), kind, missing)
    values = np.array(x, dtype=np.float64)
    if missing is not None:
        values[missing] = np.nan
    return Steps(values, kind)


def _kind_of(t):
    return _KIND_OF.get(t) or next((kind for base, kind in _KIND_BY_CLASS.items() if issubclass(t, base)), None)
