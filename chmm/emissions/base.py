"""What every family of observations does, and what it may leave to this class."""

from typing import NamedTuple

import numpy as np

from ..checks import as_floats
from ..sequences import NO_STEPS, numbers
from ..symbols import shown


class Observed(NamedTuple):
    """Observations as the recursions see them: distinct values, and which of them each step shows."""

    distinct: np.ndarray  # (K, ...), what `log_likelihood` and `statistics` are asked for
    # (T,) int32 into `distinct`; K where the step is missing
    index: np.ndarray  # type: ignore[assignment]
    shared: bool  # whether steps share distinct values


class Emission:
    """A family of distributions b_i(o), one member for each state.

    Subclass it and write four methods; values arrive checked, (R, D), distinct, and without missing steps; weights are
    posterior masses:

    - `log_likelihood(values)` -> (R, n_states), log b_i(value)
    - `statistics(values, weights)` -> dict of float64 arrays that add up; weights is (R, n_states)
    - `update(statistics)`: set the parameters to the maximiser of sum weights * log b_i(value), plus `log_prior()`;
      a state without mass keeps its own
    - `sample(states, rng)` -> one observation for each state of an array

    `parameters` names the arrays that are saved, frozen and shown, each the constructor's argument and None until it is
    known; the first one has an entry for each state. Where none has a second axis to tell how many columns a value has,
    say so: `n_features = 1`. An emission knows neither time nor sequences.

    A fit learns into a deep copy, and calls

    - `prepare(data, n_states, pseudocount)`, which sees all data, and `check(data)`, which gives their distinct values
    - for each of the `n_init` starts, unless the emission is `complete`, `start(values, weights, rng)`: here
      `update(statistics(values, weights))` with the weights of clusters
    - in an EM step `log_likelihood`, `statistics` and `log_prior`, then `update` on a shallow copy: so assign new
      arrays, never write into old ones
    - with labels instead `update(statistics(values, weights))` once, weights being how often a state shows a value.
      Where statistics depend on the parameters, as a mixture's do, this is one step and no maximiser: say
      `max_inner_iter = 200`, and after a `start` it is repeated, at most so often, until the objective rises no more

    Questions to the model call `check` and `log_likelihood`.
    """

    parameters: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()  # parameters that update leaves alone
    members: tuple["Emission", ...] = ()  # the emissions that it is made of
    kind = "numbers"  # what a step of its data is (see sequences.py)
    gaps = False  # whether a value may have NaN in some columns: then they are integrated out
    by_name = False  # whether it takes columns of a frame by their names, in any order
    hint = (  # what helps where a value cannot be
        "look at the zeros in startprob and transmat (a pseudocount keeps learnt ones away from 0), and at what the "
        "emission's parameters allow"
    )
    domain = "numbers"  # what a value must be, in words; `outside` tells which are not
    max_inner_iter = 1  # updates that labelled data take; more where statistics depend on the parameters

    def log_likelihood(self, values):
        raise TypeError(f"{type(self).__name__} has no log_likelihood(values)")

    def statistics(self, values, weights):
        raise TypeError(f"{type(self).__name__} has no statistics(values, weights)")

    def update(self, statistics):
        raise TypeError(f"{type(self).__name__} has no update(statistics)")

    def sample(self, states, rng):
        raise TypeError(f"{type(self).__name__} has no sample(states, rng)")

    # What a family may say beyond the four -------------------------------------------------------------------------

    @property
    def n_states(self):
        """Number of states the parameters are for; None before they are known."""
        known = self._known()
        return len(known[0]) if known else None

    @property
    def n_features(self):
        """Number of columns of a value; None before it is known."""
        known = [a for a in self._known() if np.ndim(a) > 1]
        return known[0].shape[1] if known else None

    @property
    def complete(self):
        """Whether all parameters are known."""
        return bool(self.parameters) and len(self._known()) == len(self.parameters)

    @property
    def exchangeable(self):
        """Whether nothing is given yet, so that any cluster of values will do for any state."""
        return not self._known() and all(part.exchangeable for part in self.members)

    def _known(self):
        return [getattr(self, name) for name in self.parameters if getattr(self, name, None) is not None]

    def prepare(self, data, n_states, pseudocount):
        """See all data of a fit once, before anything else."""

    def start(self, values, weights, rng):
        """The first parameters, from values and a first guess of who takes them; those that were given stay."""
        if self.complete:
            return
        frozen, known = self.frozen, {name: getattr(self, name) for name in self.parameters}
        self.frozen = tuple(name for name, value in known.items() if value is not None)
        self.update(self.statistics(values, weights))
        for name in self.frozen:
            setattr(self, name, known[name])
        self.frozen = frozen
        for name in self.parameters:
            if getattr(self, name) is None:
                raise TypeError(f"{type(self).__name__}.update(statistics) set no {name}")

    def is_frozen(self, name):
        """Whether a parameter stays as it is: frozen, and known."""
        return name in self.frozen and getattr(self, name) is not None

    def assign(self, new, alive):
        """Set the parameters that are not kept; where nothing was seen (`alive` False), known ones stay."""
        for name in self.parameters:
            old = getattr(self, name)
            if not self.is_frozen(name):
                setattr(self, name, read_only(new[name] if old is None else np.where(alive, new[name], old)))

    def outside(self, values):
        """(R, D) bool: which numbers are outside `domain`, NaN never; False if none can be."""
        return False

    def embed(self, values):
        """(R, F): values as points whose distance tells how alike they are, for start values; None: there is none."""
        return np.asarray(values, dtype=np.float64)

    def check(self, data):
        """Sequences -> Observed, or an error that names the place and the value."""
        return observed(self.numbers(data), data.gaps)

    def numbers(self, data):
        """The data as (T, D) float64, all in the domain; NaN where missing."""
        name = type(self).__name__
        values = numbers(data, name)
        n, d = values.shape
        columns = self.n_features
        if columns not in (None, d) and data.kind == NO_STEPS:
            values, d = np.full((n, columns), np.nan), columns
        if columns not in (None, d):
            if columns == 1:
                way_out = "if its rows are sequences, pass list(X); if its columns are, list(X.T)"
            else:
                way_out = f"Reshape your data to (n_steps, {columns})"
            raise ValueError(f"X has {d} features, but {name} is expecting {columns} features as input: {way_out}")
        wrong = self.outside(values)
        if np.any(wrong):
            t, k = np.argwhere(wrong)[0].tolist()
            column = f", column {k if data.names is None else repr(data.names[k])}" if d > 1 else ""
            raise ValueError(
                f"X, {data.where(t)}{column}: {values[t, k]:.12g} is outside what {name} takes, {self.domain}"
            )
        if d > 1 and data.gaps and not self.gaps:
            partly = np.isnan(values).any(axis=1) & ~np.isnan(values).all(axis=1)
            if partly.any():
                t = int(np.flatnonzero(partly)[0])
                raise ValueError(
                    f"X, {data.where(t)}: {shown(values[t].tolist())} is partly missing; {name} takes steps that "
                    "are whole or wholly missing"
                )
        return values

    def log_prior(self):
        """What the prior or a floor adds to the objective."""
        return 0.0

    def alphabet(self):
        """All values there can be, if they are few enough to make one table of likelihoods; else None."""
        return None

    def describe(self, data, t):
        """The value at place t among all steps, for an error message."""
        return f"the value {shown(data.values[t])}"

    def summary(self, state):
        """The parameters of a state in a few words, for the model's repr."""
        known = [(name, np.asarray(getattr(self, name))) for name in self.parameters]
        return ", ".join(f"{name} {_rounded(a[state])}" for name, a in known if len(a) == self.n_states)

    def settings(self):
        """What the constructor needs beside the parameters, as JSON takes it; for saving."""
        return {"frozen": list(self.frozen)} if self.frozen else {}

    @classmethod
    def restored(cls, settings, arrays):
        """The emission that was saved with these settings and parameters."""
        return cls(**{name: arrays.get(name) for name in cls.parameters}, **settings)

    def saved(self, prefix, arrays):
        """Metadata of this emission; its parameters go into `arrays` under `prefix`."""
        for name in self.parameters:
            if getattr(self, name) is not None:
                arrays[f"{prefix}.{name}"] = np.asarray(getattr(self, name))
        return {"family": type(self).__name__, "settings": self.settings()}

    @staticmethod
    def loaded(metadata, prefix, arrays, families):
        """The emission that `saved` described; `families` by name."""
        name = metadata["family"]
        if name not in families:
            raise ValueError(f"it uses the emission {name}; pass its class: Model.load(path, emissions=[{name}])")
        return families[name].rebuilt(metadata, prefix, arrays, families)

    @classmethod
    def rebuilt(cls, metadata, prefix, arrays, families):
        """As `loaded`, for this class; emissions made of others look for these in `families`."""
        start = len(prefix) + 1
        parameters = {key[start:]: value for key, value in arrays.items() if key.startswith(prefix + ".")}
        return cls.restored(metadata["settings"], parameters)

    def report(self, data):
        """What a fit has to tell of the data: a dict, empty if nothing."""
        if not self.gaps:
            return {}
        values = numbers(data, type(self).__name__)
        gone = np.isnan(values if data.gaps else values[:0])
        return {"partly_missing": int((gone.any(axis=1) & ~gone.all(axis=1)).sum())}

    def __repr__(self):
        name = type(self).__name__
        known = {key: getattr(self, key) for key in self.parameters if getattr(self, key, None) is not None}
        if not known:
            return f"{name}()"
        shapes = ", ".join(f"{key} {'x'.join(map(str, np.shape(a)))}" for key, a in known.items())
        return f"{name}({self.n_states} states: {shapes})"


def observed(values, gaps=True):
    """Observed from numbers (T, D), NaN where missing: each distinct row once, where finding them is cheap."""
    n, d = values.shape
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
                return Observed(np.where(parts == top, np.nan, parts + low), index, True)
    missing = np.isnan(values if gaps else values[:0]).all(axis=1)
    if not missing.any():
        return Observed(values, np.arange(n, dtype=np.int32), False)
    index = np.cumsum(~missing, dtype=np.int32) - 1
    index[missing] = n - missing.sum()
    return Observed(np.asfortranarray(values[~missing]), index, False)


def all_whole(values):
    """Whether all are whole numbers or NaN; a sample tells mostly."""
    for some in (slice(None, None, max(1, len(values) // 1000)), slice(None)):
        part = values[some]
        if not ((part == np.round(part)) | np.isnan(part)).all():
            return False
    return True


def distinct_rows(columns, spans):
    """Columns (T,) of codes 0 ... span - 1 -> (columns of the distinct rows, which of them each row is).

    The last code of a column says that it is missing; rows of nothing else are left out, and get the index after the
    last. (None, None) if distinct rows are not much fewer than rows.
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


def _rounded(a):
    digits = {"all": "{:.5g}".format}
    return np.array2string(np.squeeze(np.asarray(a)), separator=", ", threshold=20, formatter=digits).replace("\n", "")


def part_of(statistics, name):
    """The statistics of one part: those whose keys begin with "name.", which is left out."""
    start = f"{name}."
    return {key[len(start) :]: value for key, value in statistics.items() if key.startswith(start)}


# For constructors -----------------------------------------------------------------------------------------------------


def check_parameter(values, name, *, above=None, least=None, most=None, below=None, ndim=2):
    """A parameter as the user gave it: a read-only float64 array (N, D), each number in its range; None stays None.

    One number a state, (N,), is one column.
    """
    if values is None:
        return None
    array = as_floats(values, name)
    if ndim == 2 and array.ndim == 1:
        array = array[:, None]
    if array.ndim != ndim or not array.size:
        want = "(n_states, n_features), or (n_states,) for one feature" if ndim == 2 else f"{ndim} axes"
        raise ValueError(f"{name} has shape {np.shape(values)}; it must have {want}")
    rules = [
        (~np.isfinite(array), "finite"),
        (array <= above if above is not None else None, f"> {above}"),
        (array < least if least is not None else None, f">= {least}"),
        (array >= below if below is not None else None, f"< {below}"),
        (array > most if most is not None else None, f"<= {most}"),
    ]
    for wrong, text in rules:
        if wrong is not None and wrong.any():
            at = np.argwhere(wrong)[0].tolist()
            raise ValueError(f"{name}{at} = {array[tuple(at)]} must be {text}")
    return read_only(array)


def checked_floor(floor):
    if isinstance(floor, bool) or not isinstance(floor, int | float | np.number) or not 0 <= floor < np.inf:
        raise ValueError(f"floor = {shown(floor)} must be a number >= 0")
    return float(floor)


def same_shape(**arrays):
    """ValueError unless all that are given have one shape."""
    known = {name: a.shape for name, a in arrays.items() if a is not None}
    if len(set(known.values())) > 1:
        raise ValueError(
            " and ".join(f"{name} has shape {shape}" for name, shape in known.items()) + "; they must agree"
        )


def frozen_names(frozen, parameters):
    """Names of frozen parameters, checked."""
    if not isinstance(frozen, str | list | tuple | set | frozenset):
        raise TypeError(f"frozen = {shown(frozen)} must be names of parameters, such as {parameters[:1]!r}")
    names = (frozen,) if isinstance(frozen, str) else tuple(frozen)
    for name in names:
        if name not in parameters:
            raise ValueError(f"frozen holds {shown(name)}; it may hold {', '.join(parameters)}")
    return names


def read_only(array):
    """The array, read-only."""
    array.flags.writeable = False
    return array
