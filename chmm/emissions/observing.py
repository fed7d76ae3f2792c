"""From data to what the recursions see of them: distinct values, and which of them each step shows."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from .. import memory
from ..sequences import NO_STEPS, Sequences, numbers
from ..symbols import Symbols, distinct, shown
from .parameters import Parameters


class Observed(NamedTuple):
    """Observations as the recursions see them: the distinct values, and the index of the value of each step."""

    distinct: Any  # (K, ...), the argument of `log_likelihood` and `statistics`
    # (T,) int32 into `distinct`, or uint8 if there are very many steps; K where the step is missing
    index: np.ndarray  # type: ignore[assignment]
    shared: bool  # whether steps share distinct values
    notes: Mapping = MappingProxyType({})  # facts met in coding: "unknown" {symbol: count}, "partly_missing" steps

    def place(self, data, emission: Any, k: int, origin=None) -> str:
        """The first position of distinct value k, and the value itself, for an error message; `origin` (T,) says which
        steps of the data these are."""
        t = int((self.index == k).argmax())
        t = t if origin is None else int(origin[t])
        part, value = emission.culprit(data, self.distinct, k, t)
        return f"X, {data.where(t)}{part}: {value}"


class Observing(Parameters):
    """How an emission reads data. It asks the family for `support`, `n_features`, `gaps` and `domain`."""

    domain: Any
    gaps: Any
    support: Any

    def inside(self, values: Any) -> bool | np.ndarray:
        """(R,) bool: whether each value lies in the support; True if all do."""
        inside = self.support(values)
        if inside is True:
            return True
        if np.ndim(inside) == 1:  # which NumPy would take for a row
            name = type(self).__name__
            raise TypeError(f"{name}.support(values) has shape {inside.shape}; it must be (R, D) or (R, 1)")
        return np.all(inside | np.isnan(values), axis=1)

    def check(self, data: Sequences) -> Observed:
        """Sequences -> Observed, or an error that names the place and the value."""
        seen = self.observe(data)
        self._require_inside(data, seen.distinct, seen.index)
        return seen

    def observe(self, data: Sequences) -> Observed:
        """Sequences -> Observed, without a check of the support."""
        small = of_small_integers(data) if self.n_features in (None, 1) else None
        return observed(self._columns(data), data.gaps) if small is None else small

    def numbers(self, data: Sequences) -> np.ndarray:
        """The data as (T, D) float64, checked against the support; NaN where missing."""
        values = self._columns(data)
        for where in memory.windows(len(values)):
            self._require_inside(data, values[where], first=where.start)
        return values

    def _require_inside(self, data, values, index=slice(None), first=0):
        """ValueError for a value outside the support; the first of them is that of step `first`."""
        inside = self.inside(values)
        if inside is not True and not np.all(inside):
            t = int(np.append(~inside, False)[index].argmax())
            r = t if isinstance(index, slice) else int(index[t])
            raise ValueError(f"X, {data.where(first + t)}{self.misfit(values, r, data.names)}")

    def misfit(self, values, r, names=None):
        """The reason to refuse value r: its column, if these are judged one by one, and the fault."""
        value, allowed = values[r], np.atleast_2d(self.support(values[r : r + 1]))[0]
        k = int(np.argmin(allowed | np.isnan(value)))
        column = f", column {k if names is None else repr(names[k])}" if len(allowed) > 1 else ""
        fault = shown(value.tolist()) if len(allowed) < len(value) else f"{value[k]:.12g}"
        return f"{column}: {fault} is outside what {type(self).__name__} takes, {self.domain}"

    def _columns(self, data):
        name = type(self).__name__
        values = numbers(data, name)
        n, d = values.shape
        columns = self.n_features
        if columns not in (None, d) and data.kind == NO_STEPS:
            values, d = np.full((n, columns), np.nan), columns
        if columns not in (None, d):
            if data.names is not None:
                way_out = f"choose from the columns of X, {', '.join(map(repr, data.names))}"
            elif columns == 1:
                way_out = "if its rows are sequences, pass list(X); if its columns are, list(X.T)"
            else:
                way_out = f"Reshape your data to (n_steps, {columns})"
            raise ValueError(f"X has {d} features, but {name} is expecting {columns} features as input: {way_out}")
        if d > 1 and data.gaps and not self.gaps:
            self._require_whole(data, values)
        return values

    def _require_whole(self, data, values):
        partly = np.isnan(values).any(axis=1) & ~np.isnan(values).all(axis=1)
        if partly.any():
            t = int(partly.argmax())
            raise ValueError(
                f"X, {data.where(t)}: {shown(values[t].tolist())} is partly missing; {type(self).__name__} takes steps "
                "that are whole or wholly missing"
            )

    def describe(self, data: Sequences, t: int) -> str:
        """The value at position t among all steps, for an error message."""
        return f"the value {shown(data.values[t])}"

    def culprit(self, data: Sequences, values: Any, r: int, t: int) -> tuple[str, str]:
        """(where in a step, which value): why the log likelihood of value r, seen at position t, is not a number."""
        return "", self.describe(data, t)


def of_small_integers(data):
    """Observed of a very long column of integers of one byte or two, without a float for each step; None for other
    data."""
    values = data.values
    if data.n_steps < memory.LONG or data.kind not in ("integers", "bools") or data.missing is not None:
        return None
    if values.ndim != 1 or values.itemsize > 2:
        return None
    alphabet = Symbols(distinct(values))
    index, _ = alphabet.encode(values, data.kind, narrow=True)
    return Observed(np.array(alphabet.names, dtype=np.float64)[:, None], index, True, {"partly_missing": 0})


def observed(values, gaps=True):
    """Observed from numbers (T, D), NaN where missing: each distinct row once, if these are cheap to find."""
    d = values.shape[1]
    missing, partly = None, 0
    if gaps:
        gone = np.isnan(values)
        missing = gone.all(axis=1)
        partly = int((gone.any(axis=1) & ~missing).sum())
    notes = {"partly_missing": partly}
    if all_whole(values):
        gone = np.isnan(values)
        low = np.where(gone, np.inf, values).min(axis=0, initial=np.inf)
        low[np.isinf(low)] = 0.0
        top = np.where(gone, low, values).max(axis=0, initial=0.0) - low + 1  # stands for NaN
        if top.max() < 2**53:
            codes = [np.where(gone[:, k], top[k], values[:, k] - low[k]).astype(np.int64) for k in range(d)]
            parts, index = distinct_rows(codes, [int(t) + 1 for t in top])
            if parts is not None:
                parts = np.stack(parts, axis=1)
                return Observed(np.where(parts == top, np.nan, parts + low), index, True, notes)
    return unshared(values, missing, notes)


def unshared(values, missing, notes):
    """Observed with a value for each step; missing : (T,) bool, or None if none is."""
    if missing is None or not missing.any():
        return Observed(values, np.arange(len(values), dtype=np.int32), False, notes)
    index = np.cumsum(~missing, dtype=np.int32) - 1
    index[missing] = len(values) - missing.sum()
    kept = values[~missing]
    return Observed(np.asfortranarray(kept) if isinstance(kept, np.ndarray) else kept, index, False, notes)


def all_whole(values):
    """Whether all are whole numbers or NaN; the first one, or a sample, usually decides."""
    if values.size and values.item(0) % 1 > 0:
        return False
    for step in (max(1, len(values) // 1000), 1):
        part = values[::step]
        if not ((part == np.round(part)) | np.isnan(part)).all():
            return False
    return True


def distinct_rows(columns, spans):
    """Columns (T,) of codes 0 ... span - 1 -> (columns of the distinct rows, index of the distinct row of each row).

    The last code of a column means missing; rows that are wholly missing are left out, and their index is one past the
    last. (None, None) unless the distinct rows are much fewer than the rows.
    """
    n, total = len(columns[0]), int(np.prod(spans, dtype=object))
    if total >= 2**62:
        return None, None
    codes = np.zeros(n, dtype=np.int64)
    for column, span in zip(columns, spans, strict=True):
        codes *= span
        codes += column
    if total <= max(4 * n, 65536):
        seen = np.zeros(total, dtype=bool)
        seen[codes] = True
        seen[-1] = False
        kept = np.flatnonzero(seen)
        rank = np.full(total, len(kept), dtype=np.int32)
        rank[kept] = np.arange(len(kept), dtype=np.int32)
        index = rank[codes]
    else:
        kept, index = np.unique(codes, return_inverse=True)
        index = index.astype(np.int32)
        if len(kept) and kept[-1] == total - 1:
            kept = kept[:-1]
    if 2 * len(kept) > n >= 1000:
        return None, None
    return list(np.unravel_index(kept, spans)), index
