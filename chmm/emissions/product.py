"""Several channels in one observation, each of its own family."""

import copy
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from ..sequences import NO_STEPS
from ..symbols import shown
from .base import Emission, Observed, distinct_rows, part_of
from .precomputed import Precomputed


class Cells:
    """Rows of several channels: for each channel its distinct values, and which of them each row shows."""

    def __init__(self, tables, places):
        self.tables = tables  # per channel (K_c, ...)
        self.places = places  # per channel (R,) int32 into it; K_c where the channel is missing

    def __len__(self):
        return len(self.places[0])


class Product(Emission):
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
    by_name = property(lambda self: isinstance(self.names[0], str))  # takes columns of a frame in any order
    max_inner_iter = property(lambda self: max(channel.max_inner_iter for channel in self.channels))
    members = property(lambda self: self.channels)

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
        self.channels = tuple(map(copy.deepcopy, (*channels, *named.values())))
        said = {name: c.n_states for name, c in zip(self.names, self.channels, strict=True) if c.n_states is not None}
        if len(set(said.values())) > 1:
            raise ValueError(
                "the channels have different numbers of states: "
                + ", ".join(f"{name!r} has {n}" for name, n in said.items())
            )

    def __getitem__(self, name):
        if name in self.names:
            return self.channels[self.names.index(name)]
        if isinstance(name, int) and -len(self.channels) <= name < len(self.channels):
            return self.channels[name]
        raise KeyError(f"there is no channel {name!r}; there are {', '.join(map(repr, self.names))}")

    @property
    def n_states(self):
        return next((c.n_states for c in self.channels if c.n_states is not None), None)

    @property
    def complete(self):
        return all(channel.complete for channel in self.channels)

    @property
    def n_features(self):
        return sum(channel.n_features or 1 for channel in self.channels)

    # Data ----------------------------------------------------------------------------------------------------------

    def _split(self, data):
        """The data of each channel."""
        widths = [channel.n_features or 1 for channel in self.channels]
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
        return [_as_symbols(data.columns(at), c) for at, c in zip(places, self.channels, strict=True)]

    def prepare(self, data, n_states, pseudocount):
        for name, channel, part in zip(self.names, self.channels, self._split(data), strict=True):
            with _naming(name):
                channel.prepare(part, n_states, pseudocount)

    def check(self, data):
        seen = []
        for name, channel, part in zip(self.names, self.channels, self._split(data), strict=True):
            with _naming(name):
                seen.append(channel.check(part))
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
        return Observed(Cells([o.distinct for o in seen], places), index, shared)

    def embed(self, cells):
        parts = []
        for channel, table, place in zip(self.channels, cells.tables, cells.places, strict=True):
            points = channel.embed(table) if len(table) else None
            if points is not None:
                parts.append(np.vstack([points, np.full((1, points.shape[1]), np.nan)])[place])
        return np.hstack(parts) if parts else None

    # The four methods ------------------------------------------------------------------------------------------------

    def log_likelihood(self, cells):
        out = None
        for channel, table, place in zip(self.channels, cells.tables, cells.places, strict=True):
            part = channel.log_likelihood(table)
            part = part if _is_whole(place, table) else np.vstack([part, np.zeros((1, part.shape[1]))])[place]
            out = part if out is None else out + part
        return out

    def statistics(self, cells, weights):
        """The channels' statistics, each key with "channel." before it."""
        total = {}
        for name, channel, table, place in zip(self.names, self.channels, cells.tables, cells.places, strict=True):
            mine = channel.statistics(table, _weights(place, table, weights))
            total |= {f"{name}.{key}": value for key, value in mine.items()}
        return total

    def update(self, statistics):
        self.channels = tuple(map(copy.copy, self.channels))  # fit copies an emission, not what is inside it
        for name, channel in zip(self.names, self.channels, strict=True):
            channel.update(part_of(statistics, name))

    def start(self, cells, weights, rng):
        for channel, table, place in zip(self.channels, cells.tables, cells.places, strict=True):
            channel.start(table, _weights(place, table, weights), rng)

    def sample(self, states, rng):
        drawn = [np.asarray(channel.sample(states, rng)) for channel in self.channels]
        if any(part.dtype.kind not in "iufb" for part in drawn):
            drawn = [part.astype(object) for part in drawn]
        return np.column_stack(drawn)

    # What goes channel by channel ------------------------------------------------------------------------------------

    def log_prior(self):
        return sum(channel.log_prior() for channel in self.channels)

    def describe(self, data, t):
        parts = zip(self.names, self.channels, self._split(data), strict=True)
        return "; ".join(f"channel {name!r}: {channel.describe(part, t)}" for name, channel, part in parts)

    def report(self, data):
        split = self._split(data)
        seen = [channel.check(part) for channel, part in zip(self.channels, split, strict=True)]
        gone = [o.index == len(o.distinct) for o in seen]
        inside = {}
        for channel, part in zip(self.channels, split, strict=True):
            for key, value in channel.report(part).items():
                if isinstance(value, dict):
                    so_far = inside.setdefault(key, {})
                    for symbol, times in value.items():
                        so_far[symbol] = so_far.get(symbol, 0) + times
                else:
                    inside[key] = inside.get(key, 0) + value
        partly = int((np.any(gone, axis=0) & ~np.all(gone, axis=0)).sum())
        return {**inside, "partly_missing": partly + inside.get("partly_missing", 0)}

    def summary(self, state):
        return "; ".join(f"{name}: {c.summary(state)}" for name, c in zip(self.names, self.channels, strict=True))

    def saved(self, prefix, arrays):
        parts = [channel.saved(f"{prefix}.{k}", arrays) for k, channel in enumerate(self.channels)]
        return {"family": type(self).__name__, "names": list(self.names), "channels": parts}

    @classmethod
    def rebuilt(cls, metadata, prefix, arrays, families):
        parts = [
            Emission.loaded(part, f"{prefix}.{k}", arrays, families) for k, part in enumerate(metadata["channels"])
        ]
        names = metadata["names"]
        if names == list(range(len(parts))):
            return cls(*parts)
        if len(set(names)) != len(parts) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{shown(names)} cannot be the names of {len(parts)} channels")
        return cls(**dict(zip(names, parts, strict=True)))

    def __repr__(self):
        by_name = isinstance(self.names[0], str)
        parts = [f"{name}={c!r}" if by_name else repr(c) for name, c in zip(self.names, self.channels, strict=True)]
        return f"Product({', '.join(parts)})"


@contextmanager
def _naming(name):
    """An error names the channel that raised it."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"channel {name!r}: {error}") from error


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
