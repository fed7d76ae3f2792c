"""The columns of the data, as pictures show them: which they are, what they are called, numbers and symbols."""

from collections.abc import Sequence

import numpy as np

from .canvas import MOST_COLUMNS, cut, stretches
from .emissions import Categorical, Precomputed, Product
from .missing import places
from .reading import columns_of
from .symbols import shown

MOST_PANELS = 6  # columns that are drawn if none are named
MOST_LETTERS = 60  # steps whose symbols can be read
MOST_SYMBOLS = 30  # symbols that have a row each


def listed(names):
    return [names] if isinstance(names, str) or not isinstance(names, Sequence | np.ndarray) else list(names)


def chosen(columns, names, n):
    """The numbers of the columns to draw."""
    if columns is None:
        return list(range(min(n, MOST_PANELS)))
    return [place(column, names, n) for column in listed(columns)]


def place(column, names, n):
    if names is not None and column in names:
        return names.index(column)
    if isinstance(column, int | np.integer) and not isinstance(column, bool) and 0 <= column < n:
        return int(column)
    there = ("0" if n == 1 else f"0 ... {n - 1}") + ("" if names is None else f", or {', '.join(map(shown, names))}")
    raise ValueError(f"column = {shown(column)}: there {'is' if n == 1 else 'are'} {there}")


def name(x, data, k):
    """The name of a column of a frame, or of a Series; "" if there is none."""
    if data.names is not None:
        return str(data.names[k])
    name = getattr(x, "name", None) if getattr(x, "ndim", 0) == 1 else None
    return "" if name is None else str(name)


def of_emission(column, data, emission):
    """(the number of a column in the emission, its number in the data)."""
    n = emission.n_features or 1
    channels = getattr(emission, "names", None)
    if data is None or isinstance(emission, Categorical | Precomputed):
        k = place(column, channels if channels and isinstance(channels[0], str) else None, n)
        return k, k
    where = places(data, emission)
    named = None if data.names is None else tuple(data.names[at] for at in where)
    k = place(column, named or channels, len(where))
    return k, where[k]


def family(emission, k):
    """(name, emission, its column) of the channel of a Product that column k belongs to; of others name is None."""
    if not isinstance(emission, Product):
        return None, emission, k
    for name, channel in zip(emission.names, emission.members, strict=True):
        width = channel.n_features or 1
        if k < width:
            return name, channel, k
        k -= width
    raise IndexError(k)


def cdf(emission, k, values):
    """(R, N), P(column k <= value)."""
    table = np.tile(np.asarray(values, dtype=np.float64)[:, None], (1, emission.n_features or 1))
    return emission.cdf(emission.values_of(table))[:, :, k]


def is_discrete(emission, k, low, high):
    """Whether column k takes whole numbers alone: nothing lies between them."""
    at = np.unique(np.floor(np.linspace(low, high, 20)))
    return bool(np.array_equal(cdf(emission, k, at + 0.25), cdf(emission, k, at + 0.75)))


def observed(data, at):
    column = columns_of(data)[at]
    values = np.asarray(column.values, dtype=np.float64)
    gone = np.isnan(values) if column.missing is None else np.isnan(values) | column.missing
    return values[~gone]


def last(steps, n):
    first = len(steps.values) - n
    return steps._replace(values=steps.values[first:], missing=None if steps.missing is None else steps.missing[first:])


def is_number(steps, emission):
    return steps.kind in ("numbers", "integers") and not isinstance(emission, Categorical)


def is_short(told):
    """Whether all symbols can be written side by side."""
    return len(told) <= MOST_LETTERS and len(told) * max(map(len, told), default=0) <= 90


def height(steps, emission):
    """Of the panel of a column, in inches."""
    told = [] if is_number(steps, emission) else texts(steps)
    if told and is_short(told):
        return 0.6
    n = len(set(told))
    return max(1.6, 0.14 * n) if n <= MOST_SYMBOLS else 1.6


def draw_numbers(ax, at, steps):
    """A line; where many steps share a column of the picture, their range."""
    values = np.asarray(steps.values, dtype=np.float64)
    if steps.missing is not None:
        values = np.where(steps.missing, np.nan, values)
    if len(at) <= 10 * MOST_COLUMNS:
        ax.plot(at, values, color="black", lw=0.8 if len(at) <= 2000 else 0.4, marker="." if len(at) <= 200 else None)
        return
    starts = stretches(len(at))[:-1]
    low, high = (which.reduceat(values, starts) for which in (np.fmin, np.fmax))
    ax.fill_between(at[starts], low, high, step="post", color="black", alpha=0.4, lw=0)


def symbols(data):
    """The symbols of all steps as texts; of numbers, those with three digits."""
    table = columns_of(data)
    told = [texts(steps) for steps in table]
    return ["\n".join(row) for row in zip(*told)]


def texts(steps):
    if steps.kind == "text":
        found = [chr(point) for point in np.asarray(steps.values).tolist()]
    elif steps.kind == "numbers":
        found = ["" if value != value else f"{value:.3g}" for value in np.asarray(steps.values).tolist()]
    else:
        values = steps.values.tolist() if isinstance(steps.values, np.ndarray) else list(steps.values)
        found = ["" if value is None or value != value else str(value) for value in values]
    if steps.missing is not None:
        found = ["" if gone else one for one, gone in zip(found, steps.missing.tolist())]
    return found


def draw_symbols(ax, at, steps, emission):
    told = texts(steps)
    alphabet = getattr(emission, "symbols", None)
    kept = set(told) - {""}
    names = [str(name) for name in alphabet if str(name) in kept] if alphabet is not None else []
    names += sorted(kept - set(names))
    ax.set_ylabel("symbol")
    if is_short(told):
        for t, one in zip(at.tolist(), told):
            ax.text(t, 0.5, one, ha="center", va="center", transform=ax.get_xaxis_transform(), fontsize=11)
        ax.set_yticks([])
        return
    rows = {name: k for k, name in enumerate(names)}
    there = np.array([k for k, one in enumerate(told) if one], dtype=np.intp)
    style = {"color": "black", "ms": 5, "alpha": max(0.05, min(1.0, 2 * MOST_COLUMNS / len(at)))}
    ax.plot(at[there], [rows[told[k]] for k in there.tolist()], "|" if len(at) > 200 else ".", **style)
    ax.set_ylim(len(names) - 0.5, -0.5)
    if len(names) <= MOST_SYMBOLS:
        ax.set_yticks(range(len(names)), [cut(name) for name in names], fontsize=10 if len(names) <= 10 else 7)
    else:
        ax.set_yticks([])
        ax.set_ylabel(f"{len(names)} symbols")
