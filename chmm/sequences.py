"""The user's data, one sequence or several, as values and bounds.

One sequence is a str, bytes (Latin-1 text), a 1-D array or Series, a (T, D) array or frame, or a flat list of numbers
or symbols. Several are a list, tuple, object array or dict of sequences, an Arrow array of lists, a frame with several
levels of index (the first identifies the sequence), a pandas groupby, or one array with `lengths=` or `ids=`. Single
sequences are read in reading.py, which says what a step may hold, and in arrow.py.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, compress, pairwise
from typing import Any

import numpy as np

from . import arrow, reading
from .memory import aligned, blocks, windows
from .reading import NO_STEPS, ROWS, TEXTS, Columns, Steps
from .symbols import Letters, a_type, distinct, shown


@dataclass(eq=False)  # not frozen: `frozen=True` would cost a short call more than its recursion
class Sequences:
    """All steps of all sequences, end to end. Treated as immutable."""

    values: Any  # by kind, see reading.py
    bounds: np.ndarray  # (S + 1,) int64: sequence s has the steps bounds[s] ... bounds[s + 1] - 1
    kind: str
    missing: np.ndarray | None  # (T,) bool, or None
    form: str  # "one", "list", "dict", "lengths" or "ids": the form in which results are returned
    names: tuple | None = None  # of the columns of a frame
    categories: tuple | None = None  # declared by a Categorical or Enum column, in its order
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
        """An array over all steps, in the form of the input as in `collect`; itself for `lengths` and `ids`."""
        if self.form not in ("list", "dict"):
            return results
        return self.collect([results[a:b] for a, b in pairwise(self.bounds.tolist())])

    def collect(self, results: list) -> Any:
        """A list with a result for each sequence, in the form of the input: for one sequence its result, for a dict a
        dict with its keys, otherwise the list."""
        if self.form == "one":
            return results[0]
        return dict(zip(self.keys, results, strict=True)) if self.form == "dict" else results

    def chosen(self, which: np.ndarray) -> "Sequences":
        """The sequences selected by a mask (S,); errors still refer to them by their original numbers."""
        steps = np.repeat(which, np.diff(self.bounds))
        keys = range(self.n_sequences) if self.keys is None else self.keys
        part = reading.selected(Steps(self.values, self.kind, self.missing), steps)
        bounds = _bounds(np.diff(self.bounds)[which])
        return replace(self, values=part.values, missing=part.missing, bounds=bounds, keys=tuple(compress(keys, which)))

    def cut(self, begin: np.ndarray, end: np.ndarray) -> "Sequences":
        """Stretches of steps, ascending and apart from each other, as sequences of their own."""
        part = reading.selected(_steps(self), reading.within(begin, end, self.n_steps))
        return replace(
            self, values=part.values, missing=part.missing, bounds=_bounds(end - begin), form="list", keys=None
        )

    @cached_property
    def _checked(self):
        if self.kind == "columns":
            values = np.stack([reading.as_kind(part, "numbers").values for part in self.values.parts]).T
        else:
            values = np.asarray(self.values, dtype=np.float64)
            values = values if values.ndim == 2 else values[:, None]
            if self.missing is not None and self.missing.any():
                values = np.where(self.missing[:, None], np.nan, values)
        if not values.flags.f_contiguous:
            rows, values = values, aligned(*values.shape[::-1]).T
            for where, block in blocks(rows, rows.shape[1]):
                values[where] = block
            if self.kind == "numbers":
                self.values = values if values.shape[1] > 1 else values[:, 0]  # rather than both
        if math.isfinite(np.einsum("td,td->", values, values)):  # one pass: nothing is missing, infinite or huge
            return values, False
        gaps = False
        for where in windows(len(values)):
            size = np.abs(values[where])
            gaps |= bool(np.isnan(size).any())
            if (size > LARGEST).any():
                t, k = np.argwhere(size > LARGEST)[0].tolist()
                t += where.start
                value, place = values[t, k], f"X, {self.where(t)}" + f", column {k}" * (values.shape[1] > 1)
                if np.isinf(value):
                    raise ValueError(f"{place}: {value} is not a number; numbers are finite, NaN where missing")
                raise ValueError(f"{place}: {value} is beyond {LARGEST:g}, where sums overflow; rescale X")
        return values, gaps

    @property
    def numbers(self) -> np.ndarray:
        """(T, D) float64, finite, NaN where missing; columns are contiguous. Made and checked once."""
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

    def as_integers(self) -> "Sequences":
        """One column of whole numbers as integers, since pandas turns integers with gaps into floats; one without any
        value as of no kind; anything else unchanged."""
        if self.kind != "numbers" or np.ndim(self.values) != 1:
            return self
        values, missing = np.empty(len(self.values), dtype=np.int64), None
        for where in windows(len(values)):
            part = self.values[where]
            whole = (part == np.rint(part)) & (np.abs(part) < 2**53)
            if not whole.all():
                gone = np.isnan(part)
                if not (whole | gone).all():
                    return self
                missing = np.zeros(len(values), dtype=bool) if missing is None else missing
                missing[where], part = gone, np.where(gone, 0, part)
            values[where] = part
        kind = "integers" if missing is None or not missing.all() else NO_STEPS
        steps = Steps(values, kind, missing, self.names, self.categories)
        return _sequences(steps, self.bounds, self.form, self.keys)

    def without(self, gone: np.ndarray) -> "Sequences":
        """The same sequences, with the steps of a mask (T,) missing."""
        if self.kind == "columns":
            values = Columns([part._replace(**reading.hidden(part, gone)) for part in self.values.parts])
            return replace(self, values=values)
        return replace(self, **reading.hidden(self, gone))

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
        parts = reading.columns_of(self)
        names = None if self.names is None else tuple(self.names[k] for k in places)
        steps = parts[places[0]] if len(places) == 1 else reading.side_by_side([parts[k] for k in places], names)
        return _sequences(steps, self.bounds, self.form, self.keys)


FILES = (".npy", ".npz", ".parquet")  # that `chmm.shards` reads, and that hold no text
TO_NUMBERS = "these read as numbers: pd.to_numeric makes them so, and pd.read_csv with thousands=',' or decimal=','"
LARGEST = 1e300  # magnitude of a number; sums of larger ones may overflow


_ONE = "it must be one sequence: a text, an array of one or two axes, a frame or a flat list"
_MANY = "it must be a list or dict of sequences, or one: a text, an array of one or two axes, a frame or a flat list"


def read(X: Any, lengths: Any = None, ids: Any = None, name: str = "X", kind: str | None = None) -> Sequences:
    """One sequence or several, in any of the forms above.

    lengths : the number of steps of each sequence, if X holds all sequences end to end.
    ids : instead of lengths, one id for each step, or the name of the column of a frame that holds them: a new sequence
        begins where it changes. An id that recurs is an error.
    kind : the kind of the symbols that a model knows. A list of str is one sequence of words for "words", and for
        "letters" if each is a single character; otherwise it is a list of texts. None, before a fit: probable slips are
        refused, too.
    """
    refuse_promise(X, name)
    if lengths is not None or ids is not None:
        return _in_a_row(X, lengths, ids, name)
    is_one = type(X) is str or (type(X) is np.ndarray and X.dtype.kind != "O")
    data = _alone(X, name) if is_one else _read(X, name, kind)
    if kind is None:
        _refuse_slips(X, data, name)
    return data


PROMISES = {"LazyFrame": "collect", "Delayed": "compute", "Future": "result"}  # of polars and Dask, and their method


def refuse_promise(X: Any, name: str) -> None:
    """TypeError for what stands for data that are still to be computed."""
    way = PROMISES.get(type(X).__name__)
    if way is not None:
        later = "" if way == "result" else f", or to chmm.shards a list of functions, [x.{way}, ...]"
        raise TypeError(f"{name} is {a_type(X)}, which is still to be computed: pass {name}.{way}(){later}")


def _read(X, name, kind):
    keys = None
    if not isinstance(X, ROWS):
        index = getattr(X, "index", None)
        if getattr(index, "nlevels", 1) > 1:
            bounds, keys = _runs(index.get_level_values(0), len(X), f"{name}.index", "rows")
            return _sequences(reading.steps_of(X, name, _MANY), bounds, "dict", keys)
        if hasattr(X, "get_group"):  # a pandas groupby; its keys are not observations
            X = {key: part.drop(columns=[n for n in X.exclusions if n in part]) if part.ndim == 2 else part
                 for key, part in X}  # fmt: skip
        X = arrow.opened(X) if arrow.is_arrow(X) else X
        lists = arrow.lists(X, name) if arrow.is_arrow(X) else None
        if lists is not None:
            values, n_steps = lists
            if len(n_steps) > 1 and (n_steps == 1).all():
                raise _single_steps(len(n_steps), f"{name}.flatten()", name)
            return _sequences(reading.steps_of(values, f"the lists of {name}", _MANY), _bounds(n_steps), "list")
        if isinstance(X, Mapping):
            keys, X = tuple(X), list(X.values())
        else:
            X = reading.as_list(X)
            if getattr(X, "dtype", None) == np.dtype(object) and X.ndim == 1:
                types = set(map(type, X))
                if not reading.all_are(types, str) and all(map(reading.holds_steps, types)):
                    X = list(X)
        if not isinstance(X, ROWS):
            return _alone(X, name)
    types = set(map(type, X))
    if keys is None and types:
        several = set() if _are_words(X, types, kind) else set(filter(reading.holds_steps, types))
        if not several:
            return _alone(X, name)
        if several != types:
            i = next(i for i, x in enumerate(X) if (type(x) in several) != (type(X[0]) in several))
            raise TypeError(
                f"{name}[{i}] is {shown(X[i])}, {a_type(X[i])}, among sequences; "
                f"{name} must be a list of sequences, or one flat list of values"
            )
    steps, n_steps = reading.steps_of_all(X, types, name, keys)
    if keys is None and len(X) > 1 and set(n_steps) == {1}:
        together = f"{X[0][:0]!r}.join({name})" if reading.all_are(types, TEXTS) else f"np.concatenate({name})"
        raise _single_steps(len(X), together, name)
    return _sequences(steps, _bounds(n_steps), "list" if keys is None else "dict", keys)


def _single_steps(n_sequences, together, name):
    return ValueError(
        f"{name} holds {n_sequences} sequences, each of a single step; if they are the steps of one sequence, pass "
        f"{together}; if they are sequences, say so: {together}, lengths=[1] * {n_sequences}"
    )


def _alone(x, name, expected=_MANY):
    steps = reading.steps_of(x, name, expected)
    return _sequences(steps, np.array([0, len(steps.values)], dtype=np.int64), "one")


def joined(parts: list[Sequences], names: list, keys: tuple, name: str = "X") -> Sequences:
    """The sequences of several parts, one after the other. names : of the parts. keys : of all sequences."""
    steps = reading.join([_steps(part) for part in parts], name, names)
    return _sequences(steps, _bounds(np.concatenate([np.diff(part.bounds) for part in parts])), "dict", keys)


def unknown(data: Sequences) -> Sequences:
    """Labels of which none is known."""
    gone = np.ones(data.n_steps, dtype=bool)
    return _sequences(Steps(np.zeros(data.n_steps), NO_STEPS, gone), data.bounds, data.form, data.keys)


def _steps(data):
    return Steps(data.values, data.kind, data.missing, data.names, data.categories)


def _sequences(steps, bounds, form, keys=None):
    return Sequences(steps.values, bounds, steps.kind, steps.missing, form, steps.names, steps.categories, keys)


def _read_as_numbers(words):
    """Whether the first words are numbers written out."""
    return not isinstance(words, Letters) and all(map(_reads_as_number, words[:9]))


def _reads_as_number(word):
    try:
        return not isinstance(word, str) or math.isfinite(float(word.replace(",", "")))
    except ValueError:
        return False


def _way_to_read(paths, name):
    """How data are read that are in files."""
    if all(path.endswith(FILES) for path in paths):
        return f"pass chmm.shards({name}), with columns= to choose among columns, or what the file holds"
    if all(path.endswith((".csv", ".tsv")) for path in paths):
        return "pass the columns that it holds, such as pd.read_csv(...)[[...]]"
    return "pass its text, Path(...).read_text(), or a list of its lines"


def _refuse_slips(X, data, name):
    """Refuse data that could be learnt from, but are probably a mistake."""
    if data.kind == "text":
        one = isinstance(X, str)
        texts, whole = ([X], f"{name}, lengths=[len({name})]") if one else (X, f"''.join({name}), lengths=[...]")
        as_text = f"If the name itself is the text, say so: {whole}"
        if isinstance(texts, ROWS) and all(isinstance(x, str) and len(x) < 1000 and os.path.isfile(x) for x in texts):
            raise ValueError(f"{name} = {shown(X)} names a file; {_way_to_read(texts, name)}. {as_text}")
        if isinstance(X, str) and X.endswith(FILES) and any(mark in X for mark in "*?["):
            raise ValueError(f"{name} = {shown(X)} names files; {_way_to_read(texts, name)}. {as_text}")
    elif data.kind == "words" and data.form == "list":
        advice = [reading.advice_for_pairs(x) if isinstance(x, tuple) else "" for x in X]
        if all(advice):
            two_words = f"If each is a sequence of two words, pass list(map(list, {name}))"
            raise ValueError(f"{name} is a list of pairs{advice[0]}. {two_words}")
    elif data.kind == "words" and data.form == "one" and not isinstance(X, ROWS):
        words = data.values
        known = distinct(words.points) if isinstance(words, Letters) else {w for w in words if isinstance(w, str)}
        if len(words) > 1 and len(known) == len(words):
            if _read_as_numbers(words):
                raise ValueError(
                    f"{name} is an array of {len(words)} strings, none of which recurs; {TO_NUMBERS}. If they are "
                    "symbols, pass them as a list"
                )
            raise ValueError(
                f"{name} is an array of {len(words)} strings, none of which recurs: as one sequence of words there is "
                f"nothing to learn. If they are texts, pass list({name}); if it is one sequence of words, pass it as a "
                "list"
            )


def numbers(data: Sequences, family: str) -> np.ndarray:
    """`Sequences.numbers` for a family of numbers; TypeError if the data are symbols."""
    parts = [data] if data.kind != "columns" else data.values.parts
    for k, part in enumerate(parts):
        if part.kind not in ("numbers", "integers", "bools", NO_STEPS):
            column = "" if data.kind != "columns" else f"column {k if data.names is None else repr(data.names[k])} of "
            advice = "; leave it out, make it the index, or give each column a family, Product(...)" if column else ""
            if part.kind == "words" and _read_as_numbers(part.values):
                advice = f"; {TO_NUMBERS}"
            elif part.kind == "words" and any(_reads_as_number(w) for w in part.values if isinstance(w, str)):
                odd = next(word for word in part.values if not _reads_as_number(word))
                advice = f"; {shown(odd)} is not one: pd.to_numeric(..., errors='coerce') makes such values missing"
            raise TypeError(f"{column}the data holds {part.kind}, {family} takes numbers{advice}")
    return data.numbers


def labels(y: Any, data: Sequences, name: str = "y") -> Sequences:
    """The labels of `data`, in the same form, one for each step."""
    y = arrow.opened(y) if arrow.is_arrow(y) else y
    parts = arrow.parts(y) if data.form == "list" and arrow.is_arrow(y) else None
    y = y if parts is None else parts
    if data.form == "dict" and isinstance(y, Mapping) and set(y) == set(data.keys):
        y = dict(zip(data.keys, _with_whole_gaps([y[key] for key in data.keys], data), strict=True))
    elif data.form == "list" and isinstance(y, reading.ROWS):
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


def _are_words(X, types, kind):
    """Whether a list of str is one sequence to a model of words."""
    if kind not in ("words", "letters") or not any(issubclass(t, str) for t in types):
        return False
    longest = np.inf if kind == "words" else 1
    return all(len(x) <= longest if isinstance(x, str) else reading.is_missing(x) for x in X)


def _with_whole_gaps(parts, data):
    """The labels of each sequence: None becomes a list of unknown labels; texts become lists if others are lists."""
    types = set(map(type, parts))
    if type(None) in types and len(parts) == data.n_sequences:
        parts = [[None] * n if y is None else y for y, n in zip(parts, np.diff(data.bounds).tolist(), strict=True)]
        types = set(map(type, parts))
    return [list(y) if isinstance(y, str) else y for y in parts] if str in types and len(types) > 1 else parts


def _in_a_row(X, lengths, ids, name):
    """Sequences from one array, text or flat list that holds all steps."""
    if lengths is not None and ids is not None:
        raise ValueError("lengths and ids both say where a sequence begins; give one of them")
    argument = "lengths" if ids is None else "ids"
    X, ids = _without_ids(arrow.opened(X) if arrow.is_arrow(X) else X, ids, name)
    steps = reading.steps_of(X, name, f"with {argument}= it must be one array, text or flat list with all steps")
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
    # a sum of int64 could wrap around, unless no length exceeds the number of steps
    total = int(counts.sum()) if counts.max(initial=0) <= n_steps else sum(counts.tolist())
    if total != n_steps:
        raise ValueError(
            f"lengths sum to {total} but {name} has {n_steps} steps; a list of sequences needs none, and "
            "is what a cross-validation can split"
        )
    return _sequences(steps, _bounds(counts), "lengths")


def _without_ids(X, ids, name):
    """A frame or table without its column of ids, and that column, where it is given by its name."""
    if not isinstance(ids, str):
        return X, ids
    table = arrow.table(X) if arrow.is_arrow(X) else None
    names = table[0] if table is not None else getattr(X, "columns", None)
    if names is None or (not hasattr(X, "drop") and not hasattr(X, "drop_columns")):
        return X, ids
    if ids not in names:
        if len(ids) == len(X):  # one character for each step
            return X, ids
        raise ValueError(f"ids = {shown(ids)} is not a column of {name}, which has {', '.join(map(repr, names))}")
    if list(names).count(ids) > 1:
        raise ValueError(f"ids = {shown(ids)}: {name} has several columns of this name")
    column = X[ids]
    if table is not None:
        return X.drop_columns([ids]), column
    return X.drop(columns=[ids]) if hasattr(X, "iloc") else X.drop(ids), column


def _runs(ids, n_steps, argument, of):
    """(bounds, ids) of the runs of equal ids."""
    ids = arrow.as_numpy(ids) if arrow.is_arrow(ids) else ids
    try:
        values = np.asarray(list(ids) if isinstance(ids, str | bytes | tuple) else ids)
    except ValueError:  # lists of several lengths
        values = np.empty((0, 0))
    if values.ndim != 1 or any(isinstance(v, list | np.ndarray) for v in values[:1]):
        raise TypeError(f"{argument} must hold one id for each step, got {shown(ids)}")
    if len(values) != n_steps:
        raise ValueError(f"{argument} has {len(values)} entries for {n_steps} {of}; there must be one id for each step")
    if values.dtype.kind in "fO" and any(map(reading.is_missing, values.tolist())):
        i = next(i for i, v in enumerate(values.tolist()) if reading.is_missing(v))
        raise ValueError(f"{argument}[{i}] is missing; every step belongs to a sequence")
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1])[:n_steps])
    keys = values[starts].tolist()
    seen = {}
    for s, key in enumerate(keys):
        if key in seen:
            last = int(starts[seen[key] + 1]) - 1
            raise ValueError(
                f"{argument}[{starts[s]}] = {shown(key)} occurs again after other ids; it was last seen at {last}. The "
                "steps of a sequence must be adjacent: sort by id, or give the later steps a different id"
            )
        seen[key] = s
    return np.append(starts, n_steps).astype(np.int64), tuple(keys)


def _bounds(n_steps):
    """The bounds of sequences of these lengths; lists and arrays are each handled the fastest way."""
    if isinstance(n_steps, list):
        return np.fromiter(accumulate(n_steps, initial=0), dtype=np.int64, count=len(n_steps) + 1)
    bounds = np.zeros(len(n_steps) + 1, dtype=np.int64)
    np.cumsum(n_steps, out=bounds[1:])
    return bounds
