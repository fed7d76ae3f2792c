"""What every family of observations does, and what it may leave to this class."""

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..checks import as_floats, check_frozen, read_only  # noqa: F401  (the families' own, too)
from ..sequences import NO_STEPS, numbers
from ..symbols import shown

EVIDENCE = 1e-6  # steps: a cell that saw less than this saw nothing


class Observed(NamedTuple):
    """Observations as the recursions see them: distinct values, and which of them each step shows."""

    distinct: Any  # (K, ...), what `log_likelihood` and `statistics` are asked for
    # (T,) int32 into `distinct`; K where the step is missing
    index: np.ndarray  # type: ignore[assignment]
    shared: bool  # whether steps share distinct values
    notes: Mapping = MappingProxyType({})  # met while coding: "unknown" {symbol: how often}, "partly_missing" steps

    def place(self, data, emission: "Emission", k: int, origin=None) -> str:
        """Where distinct value k is first seen, and what it is, for an error message; `origin` (T,) says which steps of
        the data these are."""
        t = int((self.index == k).argmax())
        t = t if origin is None else int(origin[t])
        part, value = emission.culprit(data, self.distinct, k, t)
        return f"X, {data.where(t)}{part}: {value}"


class Survey(dict):
    """What a family must know of all data before the first step, by name. Surveys of shards add up, name by name:
    sets by union, everything else by its own `+`; None is nothing.

    >>> from chmm.emissions import Survey
    >>> sum([Survey(symbols={"a", "b"}, total=3.0), Survey(symbols={"c"}, total=1.0)])["total"]
    4.0
    """

    def __add__(self, other: "Survey") -> "Survey":
        if self.keys() != other.keys():
            raise ValueError(f"these surveys are of two families: {sorted(self)} and {sorted(other)}")
        return Survey({name: _added(value, other[name]) for name, value in self.items()})

    def __radd__(self, other):
        return self if other == 0 else NotImplemented  # for sum()


def _added(one, other):
    if one is None or other is None:
        return other if one is None else one
    return one | other if isinstance(one, set | frozenset) else one + other


class Emission:
    """A family of distributions b_i(o), one member for each state.

    Four methods make a family. Values arrive checked, (R, D), distinct, and without missing steps; weights are
    posterior masses:

    - `log_likelihood(values)` -> (R, n_states), log b_i(value)
    - `statistics(values, weights)` -> dict of float64 arrays that add up; weights is (R, n_states)
    - `update(statistics)`: set the parameters to the maximiser of sum weights * log b_i(value), plus `log_prior()`;
      a state without mass and without prior keeps its own
    - `sample(states, rng)` -> one observation for each state of an array

    `parameters` names the arrays that are saved, frozen and shown, each the constructor's argument and None until it is
    known; the first one has an entry for each state. If no parameter is two-dimensional, set `n_features = 1` so that
    the number of columns is known. An emission knows neither time nor sequences.

    Beyond the four there are hooks, each with a default:

    - `support(values)` -> (R, D) bool, True where a value may be (NaN either way); `domain` says it in words. Other
      values are refused, with the step and the column; where families are combined their density is 0.
    - `embed(values)` -> (R, F), points whose distance says how alike values are, for start values; None: no distance.
    - `survey(data)` -> a `Survey` of what the family must know of all data, or None; `prepare(survey, n_states,
      pseudocount)` takes it in, before the first step of a fit. Arrays that `prepare` makes and that the density or the
      prior need are named in `prepared`, and saved with the parameters.
    - `log_prior()` -> what the prior adds to the objective. A family whose `prior` holds pseudo-observations (see
      `check_pseudo_observations`) needs none of its own: it calls `statistics = self.with_prior(statistics)` first in
      `update`.
    - `settings()` -> what the constructor needs beside the parameters, as JSON takes it, for saving.
    - `frozen`: parameters that stay as they are. `check_frozen` reads the constructor's argument, and
      `assign(new, alive)` sets all the others; `is_frozen(name)` and `held(name)` tell what stays.
    - `start(values, weights, rng)` sets the first parameters from a first guess of who takes which value; by default
      `update(statistics(values, weights))`. Given parameters stay.
    - `max_inner_iter = 200` where statistics depend on the parameters, as a mixture's do: with labels, `update` and
      `statistics` then take turns, at most so often, until the objective rises no more.
    - `recentre(statistics, other)` -> the statistics that `other`, an emission of the same family with other
      parameters, took, as if self had taken them; by default they do not depend on the parameters.
    - `mean()`, `variance()` -> (n_states, n_features), of each column, or None.
    - `reordered(order)` -> the emission with its states permuted: state i is what order[i] was. By default this
      permutes each parameter but those that all states have in `common`.
    - `report(statistics)` -> dict of facts about what was learnt; what is not the case is left out.

    A fit learns into a deep copy: it calls `survey`, `prepare`, and `check(data)`, which gives the distinct values; for
    each start, unless the emission is `complete`, `start`; in an EM step `log_likelihood`, `statistics` and
    `log_prior`, then `update` on a shallow copy: so assign new arrays, never write into old ones. With labels it calls
    `update(statistics(values, weights))`, weights being how often a state shows a value. Questions call `check` and
    `log_likelihood`.
    """

    parameters: tuple[str, ...] = ()
    common: tuple[str, ...] = ()  # parameters without an axis of states
    prepared: tuple[str, ...] = ()  # arrays that `prepare` makes; saved
    frozen: Any = ()  # names of parameters that update leaves alone; or {name: True, or the mask of what it leaves}
    free: Any = None  # bool, (N, ...): where probabilities may move; given zeros are structural
    prior: Any = None  # a number, or (values, weights), pseudo-observations that every state sees
    members: tuple["Emission", ...] = ()  # the emissions that it is made of
    kind = "numbers"  # what a step of its data is (see sequences.py)
    gaps = False  # whether a value may have NaN in some columns: then they are integrated out
    by_name = False  # whether it takes columns of a frame by their names, in any order
    hint = (  # what helps where a value cannot be
        "look at the zeros in startprob and transmat (a pseudocount keeps learnt ones away from 0), and at what the "
        "emission's parameters allow"
    )
    domain = "numbers"  # what a value must be, in words; `support` tells which are
    max_inner_iter = 1  # updates that labelled data take; more where statistics depend on the parameters

    def log_likelihood(self, values):
        raise TypeError(f"{type(self).__name__} has no log_likelihood(values)")

    def statistics(self, values, weights):
        raise TypeError(f"{type(self).__name__} has no statistics(values, weights)")

    def update(self, statistics):
        raise TypeError(f"{type(self).__name__} has no update(statistics)")

    def sample(self, states, rng):
        raise TypeError(f"{type(self).__name__} has no sample(states, rng)")

    # Parameters -----------------------------------------------------------------------------------------------------

    @property
    def n_states(self):
        """Number of states the parameters are for; None before they are known."""
        known = [a for name, a in self._known().items() if name not in self.common]
        return len(known[0]) if known else None

    @property
    def n_features(self):
        """Number of columns of a value; None before it is known."""
        known = [a for a in self._known().values() if np.ndim(a) > 1]
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
        known = {name: getattr(self, name, None) for name in self.parameters}
        return {name: value for name, value in known.items() if value is not None}

    def held(self, name: str):
        """What of a parameter stays as it is: True (all of it), a mask of its shape, or False; only what is known."""
        if name not in self.frozen or getattr(self, name) is None:
            return False
        return self.frozen[name] if isinstance(self.frozen, dict) else True

    def is_frozen(self, name: str) -> bool:
        """Whether all of a parameter stays as it is."""
        return self.held(name) is True

    def assign(self, new, alive=True):
        """Set the parameters, but for what is frozen; where nothing was seen (`alive` False), known ones stay."""
        for name in self.parameters:
            old = getattr(self, name)
            if not self.is_frozen(name):
                value = new[name] if old is None else np.where(self.held(name) | ~np.asarray(alive), old, new[name])
                setattr(self, name, read_only(value))

    def reordered(self, order):
        order, other = np.asarray(order), copy.copy(self)
        for name, value in self._known().items():
            if name not in self.common:
                setattr(other, name, read_only(np.asarray(value)[order]))
        if isinstance(self.frozen, dict):
            other.frozen = {
                name: mask if mask is True or name in self.common else mask[order] for name, mask in self.frozen.items()
            }
        if np.ndim(self.free):
            other.free = self.free[order]
        counts = getattr(self, "pseudocount", None)
        if np.ndim(counts) == 2 and len(counts) == len(order):
            other.pseudocount = counts[order]
        return other

    def mean(self):
        return None

    def variance(self):
        return None

    # Learning -------------------------------------------------------------------------------------------------------

    def survey(self, data):
        return None

    def prepare(self, survey, n_states, pseudocount):
        pass

    def start(self, values, weights, rng):
        if self.complete:
            return
        frozen, known = self.frozen, self._known()
        self.frozen = tuple(known)
        self.update(self.statistics(values, weights))
        for name, value in known.items():
            setattr(self, name, value)
        self.frozen = frozen
        for name in self.parameters:
            if getattr(self, name) is None:
                raise TypeError(f"{type(self).__name__}.update(statistics) set no {name}")

    def recentre(self, statistics, other):
        return statistics

    def log_prior(self) -> float:
        if not isinstance(self.prior, tuple):
            return 0.0
        values, weights = self.prior
        return float(weights @ self.log_likelihood(values).sum(axis=1))

    def with_prior(self, statistics):
        """The statistics, and those of the pseudo-observations of the prior in every state."""
        if self.prior is None:
            return statistics
        values, weights = self.prior
        n = self.n_states
        if n is None:  # the first update of a start: the statistics tell
            n = len(next(iter(statistics.values())))
        extra = self.statistics(values, np.repeat(weights[:, None], n, axis=1))
        return {key: value + extra[key] for key, value in statistics.items()}

    def limits(self) -> dict:
        """The least and the largest that a learnt parameter can be, by its name."""
        return {}

    def report(self, statistics) -> dict:
        found: dict = {"cells_without_evidence": [], "at_limits": []}
        if "weights" in statistics:
            empty = np.argwhere(np.atleast_2d(np.transpose(statistics["weights"])).T <= EVIDENCE)
            found["cells_without_evidence"] = [(i, f"column {k}") for i, k in empty.tolist()]
        for name, (low, high) in self.limits().items():
            value = getattr(self, name)
            ends = ((value <= low) | (value >= high)) & ~np.asarray(self.held(name))
            found["at_limits"] += [(i, f"{name}, column {k}") for i, k in np.argwhere(ends).tolist()]
        return {fact: items for fact, items in found.items() if items}

    # Data -----------------------------------------------------------------------------------------------------------

    def support(self, values):
        return True

    def inside(self, values):
        """(R,) bool: which values lie in the support; True if all do."""
        inside = self.support(values)
        return True if inside is True else np.all(inside | np.isnan(values), axis=1)

    def embed(self, values):
        return np.asarray(values, dtype=np.float64)

    def check(self, data):
        """Sequences -> Observed, or an error that names the place and the value."""
        seen = self.observe(data)
        self._require_inside(data, seen.distinct, seen.index)
        return seen

    def observe(self, data):
        """Sequences -> Observed, whatever the support."""
        return observed(self._columns(data), data.gaps)

    def numbers(self, data):
        """The data as (T, D) float64, all in the support; NaN where missing."""
        values = self._columns(data)
        self._require_inside(data, values)
        return values

    def _require_inside(self, data, values, index=slice(None)):
        inside = self.inside(values)
        if inside is not True and not np.all(inside):
            t = int(np.append(~inside, False)[index].argmax())
            r = t if isinstance(index, slice) else int(index[t])
            raise ValueError(f"X, {data.where(t)}{self.misfit(values, r, data.names)}")

    def misfit(self, values, r, names=None):
        """Why value r is refused: its column, if there are several, and what is wrong with it."""
        k = int(np.argmin(np.atleast_2d(self.support(values[r : r + 1]) | np.isnan(values[r : r + 1]))[0]))
        column = f", column {k if names is None else repr(names[k])}" if values.shape[1] > 1 else ""
        return f"{column}: {values[r, k]:.12g} is outside what {type(self).__name__} takes, {self.domain}"

    def _columns(self, data):
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

    def alphabet(self):
        """All values there can be, if they are few enough to make one table of likelihoods; else None."""
        return None

    # In words, and on disk ------------------------------------------------------------------------------------------

    def describe(self, data, t):
        """The value at place t among all steps, for an error message."""
        return f"the value {shown(data.values[t])}"

    def culprit(self, data, values, r, t):
        """(where in a step, which value) makes the log likelihood of value r, seen at place t, no number."""
        return "", self.describe(data, t)

    def summary(self, state):
        """The parameters of a state in a few words, for the model's repr."""
        known = [(name, np.asarray(a)) for name, a in self._known().items() if name not in self.common]
        return ", ".join(f"{name} {_rounded(a[state])}" for name, a in known)

    def settings(self) -> dict:
        settings: dict = {}
        if self.frozen:
            whole = not isinstance(self.frozen, dict) or all(mask is True for mask in self.frozen.values())
            settings["frozen"] = (
                list(self.frozen)
                if whole
                else {name: True if mask is True else mask.tolist() for name, mask in self.frozen.items()}
            )
        if self.prior is not None:
            settings["prior"] = [a.tolist() for a in self.prior] if isinstance(self.prior, tuple) else self.prior
        return settings

    @classmethod
    def restored(cls, settings, arrays):
        """The emission that was saved with these settings and arrays."""
        emission = cls(**{name: arrays.get(name) for name in cls.parameters}, **settings)
        for name in cls.prepared:
            setattr(emission, name, arrays.get(name))
        return emission

    def saved(self, prefix, arrays):
        """Metadata of this emission; its arrays go into `arrays` under `prefix`."""
        for name in (*self.parameters, *self.prepared):
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
        own = {key[start:]: value for key, value in arrays.items() if key.startswith(prefix + ".")}
        return cls.restored(metadata["settings"], own)

    def __repr__(self):
        name, known = type(self).__name__, self._known()
        if not known:
            return f"{name}()"
        shapes = ", ".join(f"{key} {'x'.join(map(str, np.shape(a)))}" for key, a in known.items())
        return f"{name}({self.n_states} states: {shapes})"

    # What a fit has learnt refuses assignment -----------------------------------------------------------------------

    _published = False

    def published(self):
        """A copy that refuses assignment, in its parts too; copies of it can be changed again."""
        other = copy.copy(self)
        other._publish_members()
        vars(other)["_published"] = True
        return other

    def _publish_members(self):
        pass  # see Composite

    def __setattr__(self, name, value):
        if self._published:
            raise AttributeError(
                f"{name} of a learnt emission cannot be assigned. Change a copy, and give it to a model: "
                f"emission = copy.deepcopy(m.emission_); emission.{name} = ...; "
                "Model(emission=emission, startprob=m.startprob_, transmat=m.transmat_)"
            )
        object.__setattr__(self, name, value)

    def __copy__(self):
        other = object.__new__(type(self))
        vars(other).update(vars(self), _published=False)
        return other

    def __deepcopy__(self, memo):
        other = copy.copy(self)
        vars(other).update({name: copy.deepcopy(value, memo) for name, value in vars(other).items()})
        return other


def observed(values, gaps=True):
    """Observed from numbers (T, D), NaN where missing: each distinct row once, where finding them is cheap."""
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
    """Observed in which each step has a value of its own; missing (T,) bool, or None if none is."""
    if missing is None or not missing.any():
        return Observed(values, np.arange(len(values), dtype=np.int32), False, notes)
    index = np.cumsum(~missing, dtype=np.int32) - 1
    index[missing] = len(values) - missing.sum()
    kept = values[~missing]
    return Observed(np.asfortranarray(kept) if isinstance(kept, np.ndarray) else kept, index, False, notes)


def all_whole(values):
    """Whether all are whole numbers or NaN; the first one, or a sample, mostly tells."""
    if values.size and values.item(0) % 1 > 0:
        return False
    for step in (max(1, len(values) // 1000), 1):
        part = values[::step]
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


def check_prior(prior, name="prior"):
    """The strength of a prior in steps, a number >= 0."""
    if isinstance(prior, bool) or not isinstance(prior, int | float | np.number) or not 0 <= prior < np.inf:
        raise ValueError(f"{name} = {shown(prior)} must be a number of steps >= 0")
    return float(prior)


def check_pseudo_observations(prior):
    """`prior=(values, weights)` of a family of one's own: values (R,) or (R, D), and how much each weighs in every
    state, (R,) or one number for all. None: no prior."""
    if prior is None:
        return None
    if not isinstance(prior, list | tuple) or len(prior) != 2:
        raise TypeError(f"prior = {shown(prior)} must be (values, weights), such as ([0.5, 2.0], 0.1)")
    values, weights = as_floats(prior[0], "values of the prior"), as_floats(prior[1], "weights of the prior")
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or weights.shape not in ((), (len(values),)):
        raise ValueError(
            f"prior has values of shape {np.shape(prior[0])} and weights of shape {weights.shape}; it must be values "
            "(R,) or (R, n_features), and a weight for each"
        )
    weights = np.broadcast_to(weights, len(values)).copy()
    if not np.isfinite(values).all() or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError("values of the prior must be finite, and its weights finite and >= 0")
    return read_only(values), read_only(weights)


def same_shape(**arrays):
    """ValueError unless all that are given have one shape."""
    known = {name: a.shape for name, a in arrays.items() if a is not None}
    if len(set(known.values())) > 1:
        raise ValueError(
            " and ".join(f"{name} has shape {shape}" for name, shape in known.items()) + "; they must agree"
        )
