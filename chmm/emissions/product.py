"""Several channels in one observation, each of its own family."""

import copy
from dataclasses import replace

import numpy as np

from ..sequences import NO_STEPS
from ..symbols import shown
from .base import Emission, Observed, distinct_rows
from .composite import Composite
from .precomputed import Precomputed


class Cells:
    """Rows of several channels: for each channel its distinct values, and which of them each row shows."""

    def __init__(self, tables, places):
        self.tables = tables  # per channel (K_c, ...)
        self.places = places  # per channel (R,) int32 into it; K_c where the channel is missing

    def __len__(self):
        return len(self.places[0])

    def __getitem__(self, rows):
        return Cells(self.tables, [place[rows] for place in self.places])

    def of(self, product):
        """(channel, table, place) for each channel."""
        return zip(product.members, self.tables, self.places, strict=True)


class Product(Composite):
    """Channels that are independent given the state: log b_i(o) = sum_c log b_i^c(o^c).

    Parameters
    ----------
    *channels : families in the order of the columns of the data, or
    **named : families by the names of the columns of a frame, `**{"step length": Gamma()}` where a name has a space; an
        array then has these columns, in this order. Read one as `product["name"]`, or `product[0]`.

    A family takes one column; with parameters for more, or as a product itself, as many as these say. A missing channel
    says nothing, the others stay in force. Each channel is asked for its own distinct values only, and each takes its
    own update.

    >>> from chmm import Categorical, Model, Poisson, Product
    >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.8, 0.2], [0.2, 0.8]],
    ...           emission=Product(calls=Poisson([1, 9]), mood=Categorical([[0.9, 0.1], [0.2, 0.8]])))
    >>> m.decode([[0, 0], [2, 0], [8, 1], [11, 1]]).path.tolist()
    [0, 0, 1, 1]
    """

    kind = "columns"
    by_name = property(lambda self: isinstance(self.names[0], str))

    def __init__(self, /, *channels, **named):
        if bool(channels) == bool(named):
            raise TypeError(
                "Product takes channels in order, Product(Gamma(), VonMises()), or by name, "
                "Product(step=Gamma(), angle=VonMises())"
            )
        self.names = tuple(named) or tuple(range(len(channels)))
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

    def __getitem__(self, name):
        if name in self.names:
            return self.members[self.names.index(name)]
        if isinstance(name, int) and -len(self.members) <= name < len(self.members):
            return self.members[name]
        raise KeyError(f"there is no channel {name!r}; there are {', '.join(map(repr, self.names))}")

    @property
    def n_states(self):
        return next((c.n_states for c in self.members if c.n_states is not None), None)

    @property
    def n_features(self):
        return sum(channel.n_features or 1 for channel in self.members)

    # Data ----------------------------------------------------------------------------------------------------------

    def parts(self, data):
        """The data of each channel."""
        widths = [channel.n_features or 1 for channel in self.members]
        by_name = isinstance(self.names[0], str)
        if by_name and data.names is not None:
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
            ends = np.cumsum(widths).tolist()
            places = [list(range(end - width, end)) for end, width in zip(ends, widths, strict=True)]
        return [_as_symbols(data.columns(at), c) for at, c in zip(places, self.members, strict=True)]

    def observe(self, data):
        seen = []
        for k, part in enumerate(self.parts(data)):
            with self.naming(k) as channel:
                seen.append(channel.observe(part))
        sizes = [len(o.distinct) for o in seen]
        places = [o.index for o in seen]
        missing = np.all([place == size for place, size in zip(places, sizes, strict=True)], axis=0)
        shared = all(o.shared for o in seen)
        if shared:
            kept, index = distinct_rows(places, [size + 1 for size in sizes])
            shared = kept is not None
            places = [place.astype(np.int32) for place in kept] if shared else places
        if not shared:
            index = np.arange(len(missing), dtype=np.int32)
            if missing.any():
                index = (np.cumsum(~missing) - 1).astype(np.int32)
                index[missing] = len(missing) - missing.sum()
                places = [place[~missing] for place in places]
        return Observed(Cells([o.distinct for o in seen], places), index, shared, _notes(seen))

    def inside(self, cells):
        inside = True
        for channel, table, place in cells.of(self):
            mine = channel.inside(table)
            if not np.all(mine):
                inside = inside & np.append(mine, True)[place]
        return inside

    def misfit(self, cells, r, names=None):
        for name, (channel, table, place) in zip(self.names, cells.of(self), strict=True):
            if place[r] < len(table) and not np.all(channel.inside(table[place[r] : place[r] + 1])):
                return f", channel {name!r}{channel.misfit(table, place[r])}"

    def embed(self, cells):
        parts = []
        for channel, table, place in cells.of(self):
            points = channel.embed(table) if len(table) else None
            if points is not None:
                parts.append(np.vstack([points, np.full((1, points.shape[1]), np.nan)])[place])
        return np.hstack(parts) if parts else None

    # The four methods ------------------------------------------------------------------------------------------------

    def log_likelihood(self, cells):
        out = None
        for channel, table, place in cells.of(self):
            part = channel.log_likelihood(table)
            part = part if _is_whole(place, table) else np.vstack([part, np.zeros((1, part.shape[1]))])[place]
            out = part if out is None else out + part
        return out

    def shares(self, cells, weights):
        return [(table, _weights(place, table, weights)) for _, table, place in cells.of(self)]

    def sample(self, states, rng):
        drawn = [np.asarray(channel.sample(states, rng)) for channel in self.members]
        if any(part.dtype.kind not in "iufb" for part in drawn):
            drawn = [part.astype(object) for part in drawn]
        return np.column_stack(drawn)

    # What goes channel by channel ------------------------------------------------------------------------------------

    keys = property(lambda self: tuple(map(str, self.names)))

    def title(self, k):
        return f"channel {self.names[k]!r}"

    def placed(self, k, item):
        return (item[0], f"channel {self.names[k]!r}, {item[1]}") if isinstance(item, tuple) else item

    def reordered(self, order):
        other = copy.copy(self)
        other.members = tuple(channel.reordered(order) for channel in self.members)
        return other

    def mean(self):
        return self._side_by_side([channel.mean() for channel in self.members])

    def variance(self):
        return self._side_by_side([channel.variance() for channel in self.members])

    def _side_by_side(self, tables):
        """(N, D): NaN for a channel that has none; None if no channel has one."""
        if all(table is None for table in tables):
            return None
        empty = np.full((self.n_states, 1), np.nan)
        return np.hstack([empty if table is None else table for table in tables])

    def describe(self, data, t):
        parts = zip(self.names, self.members, self.parts(data), strict=True)
        return "; ".join(f"channel {name!r}: {channel.describe(part, t)}" for name, channel, part in parts)

    def summary(self, state):
        return "; ".join(f"{name}: {c.summary(state)}" for name, c in zip(self.names, self.members, strict=True))

    def settings(self):
        return {"names": list(self.names)}

    @classmethod
    def made_of(cls, members, settings, arrays):
        names = settings["names"]
        if names == list(range(len(members))):
            return cls(*members)
        if len(set(names)) != len(members) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{shown(names)} cannot be the names of {len(members)} channels")
        return cls(**dict(zip(names, members, strict=True)))

    def __repr__(self):
        by_name = isinstance(self.names[0], str)
        parts = [f"{name}={c!r}" if by_name else repr(c) for name, c in zip(self.names, self.members, strict=True)]
        return f"Product({', '.join(parts)})"


def _notes(seen):
    """What the channels met, added up, and how many steps are missing in some channels only."""
    gone = [o.index == len(o.distinct) for o in seen]
    partly = int((np.any(gone, axis=0) & ~np.all(gone, axis=0)).sum())
    unknown: dict = {}
    for o in seen:
        partly += o.notes.get("partly_missing", 0)
        for symbol, times in o.notes.get("unknown", {}).items():
            unknown[symbol] = unknown.get(symbol, 0) + times
    some = any("unknown" in o.notes for o in seen)
    return {"partly_missing": partly, **({"unknown": unknown} if some else {})}


def _is_whole(place, table):
    """Whether row r shows value r."""
    return len(place) == len(table) and bool((place == np.arange(len(place))).all())


def _weights(place, table, weights):
    """(K, N): the weights of the rows, added up for each value of a channel."""
    if _is_whole(place, table):
        return weights
    return np.stack([np.bincount(place, column, len(table) + 1)[:-1] for column in weights.T], axis=1)


def _as_symbols(data, channel):
    """A column of an array of floats may hold the codes of symbols."""
    if data.kind != "numbers" or channel.kind in ("numbers", "columns") or np.ndim(data.values) != 1:
        return data
    missing = np.isnan(data.values)
    values = np.where(missing, 0, data.values)
    if (values != np.round(values)).any() or np.abs(values).max(initial=0) >= 2**53:
        return data
    return replace(data, values=values.astype(np.int64), kind="integers", missing=missing if missing.any() else None)
