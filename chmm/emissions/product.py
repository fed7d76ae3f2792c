"""Several channels in one observation, each of its own family."""

import copy
from collections import Counter
from itertools import accumulate

import numpy as np

from ..exceptions import entitle
from ..sequences import NO_STEPS
from ..symbols import shown
from .base import Emission
from .composite import Composite
from .observing import Observed, distinct_rows, unshared
from .precomputed import Precomputed


class Cells:
    """Rows of several channels: for each channel its distinct values, and the index of the value of each row."""

    def __init__(self, n_rows, tables, places):
        self.n_rows = n_rows
        self.tables = tables  # per channel (K_c, ...)
        # per channel (R,) int32 into its table, K_c where it is missing; None where row r shows value r
        self.places = places

    def __len__(self):
        return self.n_rows

    def __getitem__(self, rows):
        picked = rows if isinstance(rows, np.ndarray) and rows.dtype.kind == "i" else np.arange(self.n_rows)[rows]
        tables = [table[rows] if place is None else table for table, place in self._pairs()]
        return Cells(len(picked), tables, [None if place is None else place[picked] for place in self.places])

    def _pairs(self):
        return zip(self.tables, self.places, strict=True)

    def of(self, product):
        """(channel, table, place) for each channel."""
        return zip(product.members, self.tables, self.places, strict=True)


class Product(Composite):
    """Channels that are independent given the state.

        log b_i(o) = sum_c log b_i^c(o^c)

    Parameters
    ----------
    *channels : families in the order of the columns of the data, or
    **named : families by the column names of a frame, `**{"step length": Gamma()}` if a name has a space; an array must
        then have these columns, in this order. `product["name"]` and `product[0]` are single channels.

    Each family takes one column, or as many as its parameters have; a nested product takes those of its channels. A
    missing channel is ignored, and the others are still used. Each channel is evaluated only at its own distinct
    values, and updated separately.

    >>> import numpy as np
    >>> from chmm import Categorical, Model, Poisson, Product
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.8, 0.2], [0.2, 0.8]],
    ...           emission=Product(calls=Poisson([1, 9]), mood=Categorical([[0.9, 0.1], [0.2, 0.8]])))
    >>> m.decode(np.array([[0, 0], [2, 0], [8, 1], [11, 1]])).path.tolist()
    [0, 0, 1, 1]
    """

    kind = "columns"
    by_name = property(lambda self: isinstance(self.names[0], str))

    def __init__(self, /, *channels: Emission, **named: Emission):
        if bool(channels) == bool(named):
            raise TypeError(
                "Product takes channels in order, Product(Gamma(), VonMises()), or by name, "
                "Product(step=Gamma(), angle=VonMises())"
            )
        self.names: tuple = tuple(named) or tuple(range(len(channels)))
        for name, channel in zip(self.names, (*channels, *named.values()), strict=True):
            if not isinstance(channel, Emission):
                raise TypeError(f"channel {name!r} is {shown(channel)}; it must be an Emission such as Gaussian()")
            if isinstance(channel, Precomputed):
                raise TypeError(
                    f"channel {name!r} is Precomputed, which takes a column for each state; add the log likelihoods of "
                    "the other channels to its values, and use it alone"
                )
        self.members = tuple(map(copy.deepcopy, (*channels, *named.values())))
        said = {name: c.n_states for name, c in zip(self.names, self.members, strict=True) if c.n_states is not None}
        if len(set(said.values())) > 1:
            raise ValueError(
                "the channels have different numbers of states: "
                + ", ".join(f"{name!r} has {n}" for name, n in said.items())
            )

    def __getitem__(self, name: str | int) -> Emission:
        if name in self.names:
            return self.members[self.names.index(name)]
        if isinstance(name, int) and -len(self.members) <= name < len(self.members):
            return self.members[name]
        raise KeyError(f"there is no channel {name!r}; there are {', '.join(map(repr, self.names))}")

    def arguments(self):
        """The channels that have names; those in order have none to be changed by."""
        return dict(zip(self.names, self.members, strict=True)) if self.by_name else {}

    @property
    def n_states(self):
        return next((c.n_states for c in self.members if c.n_states is not None), None)

    @property
    def n_features(self):
        return sum(self.widths)

    @property
    def widths(self):
        """The number of columns of each channel."""
        return [channel.n_features or 1 for channel in self.members]

    # Data ----------------------------------------------------------------------------------------------------------

    def parts(self, data):
        """The data of each channel."""
        widths = self.widths
        if self.by_name and data.names is not None:
            for name in self.names:
                if data.names.count(name) != 1:
                    many = "no column" if name not in data.names else f"{data.names.count(name)} columns"
                    raise ValueError(f"X has {many} {name!r}; its columns are {', '.join(map(repr, data.names))}")
            places = [[data.names.index(name)] for name in self.names]
        else:
            have = data.n_columns
            if data.kind == NO_STEPS:
                return [data] * len(widths)
            if have != sum(widths):
                takes = f"{sum(widths)} columns, for the channels {', '.join(map(repr, self.names))}"
                form = f"as a frame or an array of shape (n_steps, {sum(widths)})"
                raise ValueError(f"X has {have} column{'s' * (have != 1)}; {type(self).__name__} takes {takes}, {form}")
            places = [list(range(end - width, end)) for end, width in zip(accumulate(widths), widths, strict=True)]
        parts = zip(map(data.columns, places), self.members, strict=True)
        return [part if c.kind in ("numbers", "columns") else part.as_integers() for part, c in parts]

    def observe(self, data):
        parts, seen = self.parts(data), []
        try:
            for channel, part in zip(self.members, parts, strict=True):
                seen.append(channel.observe(part))
        except (TypeError, ValueError) as error:
            entitle(error, self.title(len(seen)))
            raise
        tables, places = [o.distinct for o in seen], [o.index for o in seen]
        gone = [_gone(o) for o in seen]
        if all(o.shared for o in seen):
            kept, index = distinct_rows(places, [len(table) + 1 for table in tables])
            if kept is not None:
                kept = [place.astype(np.int32) for place in kept]
                return Observed(Cells(len(kept[0]), tables, kept), index, True, _notes(seen, gone))
        cells = Cells(len(seen[0].index), tables, [None if _is_whole(o) else o.index for o in seen])
        missing = None if any(mask is None for mask in gone) else np.all(gone, axis=0)
        return unshared(cells, missing, _notes(seen, gone))

    def inside(self, cells):
        inside = True
        for channel, table, place in cells.of(self):
            mine = channel.inside(table)
            if mine is not True and not np.all(mine):
                inside = inside & (mine if place is None else np.append(mine, True)[place])
        return inside

    def misfit(self, cells, r, names=None):
        for name, (channel, table, place) in zip(self.names, cells[r : r + 1].of(self), strict=True):
            value = table if place is None else table[place[0] : place[0] + 1]
            if not np.all(channel.inside(value)):
                return f", channel {name!r}{channel.misfit(value, 0)}"

    def embed(self, cells):
        parts = []
        for channel, table, place in cells.of(self):
            points = channel.embed(table) if len(table) else None
            if points is not None:
                parts.append(_spread(points, place, np.nan))
        return np.hstack(parts) if parts else None

    # The four methods ------------------------------------------------------------------------------------------------

    def log_likelihood(self, cells):
        spread = [_spread(channel.log_likelihood(table), place, 0.0) for channel, table, place in cells.of(self)]
        return sum(spread[1:], spread[0])

    def shares(self, cells, weights):
        return [(table, _gathered(weights, place, len(table))) for _, table, place in cells.of(self)]

    def sample(self, states, rng):
        return self._beside([channel.sample(states, rng) for channel in self.members])

    def sample_given(self, cells, states, rng):
        return self._beside([c.sample_given(values_seen(t, place), states, rng) for c, t, place in cells.of(self)])

    def _beside(self, drawn):
        drawn = [np.asarray(part) for part in drawn]
        if any(part.dtype.kind not in "iufb" for part in drawn):
            drawn = [part.astype(object) for part in drawn]
        return np.column_stack(drawn)

    # Channel by channel ------------------------------------------------------------------------------------

    keys = property(lambda self: tuple(map(str, self.names)))

    def title(self, k):
        return f"channel {self.names[k]!r}"

    def placed(self, k, item):
        return (item[0], f"channel {self.names[k]!r}, {item[1]}") if isinstance(item, tuple) else item

    def together(self, tables):
        """NaN for a channel without a table; None if no channel has one."""
        if all(table is None for table in tables):
            return None
        empty = [np.full((self.n_states, width), np.nan) for width in self.widths]
        return np.hstack([gap if table is None else table for gap, table in zip(empty, tables, strict=True)])

    @property
    def circular(self):
        return np.concatenate([np.broadcast_to(c.circular, n) for c, n in zip(self.members, self.widths, strict=True)])

    n_expected = property(lambda self: sum(channel.n_expected for channel in self.members))

    def values_of(self, table):
        parts = np.split(table, np.cumsum(self.widths)[:-1], axis=1)
        tables = [channel.values_of(part) for channel, part in zip(self.members, parts, strict=True)]
        return Cells(len(table), tables, [None] * len(tables))

    def cdf(self, cells):
        return np.concatenate([channel.cdf(values_seen(t, place)) for channel, t, place in cells.of(self)], axis=2)

    def expected(self, cells):
        return np.concatenate([channel.expected(values_seen(t, place)) for channel, t, place in cells.of(self)], axis=2)

    def averaged(self, table):
        ends = np.cumsum([channel.n_expected for channel in self.members])[:-1]
        return self._beside([c.averaged(p) for c, p in zip(self.members, np.split(table, ends, axis=1), strict=True)])

    def describe(self, data, t):
        parts = zip(self.names, self.members, self.parts(data), strict=True)
        return "; ".join(f"channel {name!r}: {channel.describe(part, t)}" for name, channel, part in parts)

    def culprit(self, data, cells, r, t):
        cells = cells[r : r + 1]
        for name, (channel, table, place), part in zip(self.names, cells.of(self), self.parts(data), strict=True):
            value = table if place is None else table[place[0] : place[0] + 1]
            if len(value) and not channel.log_likelihood(value).max() < np.inf:
                where, what = channel.culprit(part, value, 0, t)
                return f", channel {name!r}{where}", what
        return "", self.describe(data, t)

    def summary(self, state):
        return "; ".join(f"{name}: {c.summary(state)}" for name, c in zip(self.names, self.members, strict=True))

    def settings(self):
        return {"names": list(self.names)}

    @classmethod
    def restored(cls, settings, arrays, members):
        names = settings["names"]
        if names == list(range(len(members))):
            return cls(*members)
        if len(set(names)) != len(members) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{shown(names)} cannot be the names of {len(members)} channels")
        return cls(**dict(zip(names, members, strict=True)))

    def __repr__(self):
        parts = [f"{name}={c!r}" if self.by_name else repr(c) for name, c in zip(self.names, self.members, strict=True)]
        return f"Product({', '.join(parts)})"


def _notes(seen, gone):
    """The notes of all channels, and the number of steps that are missing in some channels only."""
    partly, unknown = 0, None
    if any(mask is not None for mask in gone):
        gone = [np.zeros(len(seen[0].index), dtype=bool) if mask is None else mask for mask in gone]
        partly = int((np.any(gone, axis=0) & ~np.all(gone, axis=0)).sum())
    for o in seen:
        partly += o.notes.get("partly_missing", 0)
        if "unknown" in o.notes:
            unknown = Counter(unknown) + Counter(o.notes["unknown"])
    return {"partly_missing": partly} if unknown is None else {"partly_missing": partly, "unknown": dict(unknown)}


def _is_whole(seen):
    """Whether step t shows value t."""
    return not seen.shared and len(seen.distinct) == len(seen.index)


def _gone(seen):
    """(T,) bool, the missing steps of a channel; None if there are none."""
    gone = None if _is_whole(seen) else seen.index == len(seen.distinct)
    return gone if gone is not None and np.count_nonzero(gone) else None


def values_seen(table, place):
    """The values that steps see, one each, from distinct values: where place is len(table), a missing one."""
    if place is None:
        return table
    if isinstance(table, Cells):
        pairs = zip(table.tables, table.places, strict=True)
        places = [np.append(np.arange(len(table)) if p is None else p, len(t))[place] for t, p in pairs]
        return Cells(len(place), table.tables, places)
    gap = np.full((1, *table.shape[1:]), np.nan if table.dtype.kind == "f" else len(table), dtype=table.dtype)
    return np.concatenate([table, gap])[place]


def _spread(table, place, gap):
    """The rows of a channel's table that the cells show; `gap` where it is missing."""
    if place is None:
        return table
    try:
        return table[place]
    except IndexError:  # some are missing, which a search would tell no sooner
        return np.vstack([table, np.full((1, table.shape[1]), gap)])[place]


def _gathered(weights, place, n):
    """(n, N): the weights of the rows, added up for each value of a channel."""
    if place is None:
        return weights
    return np.stack([np.bincount(place, column, n + 1)[:-1] for column in weights.T], axis=1)
