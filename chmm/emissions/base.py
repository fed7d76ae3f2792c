"""The base class of all emission families, and the helpers that families share."""

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType, MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import memory
from ..checks import SUM_TOLERANCE, as_floats, check_pseudocount, read_only, refuse_row_names
from ..coordinates import REAL, SIMPLEX, Coordinates, Entrywise, Simplex, difference, ratio
from ..exceptions import quiet
from ..hints import hinted
from ..sequences import NO_STEPS, Sequences, numbers
from ..symbols import Symbols, distinct, shown

Given = ArrayLike | None  # a parameter as the constructor takes it; None: learnt
Frozen = str | Iterable[str] | Mapping[str, Any]  # names of parameters, or masks by name

EVIDENCE = 1e-6  # in steps: a cell with less weight than this counts as unseen
COMPUTING = {  # quietly
    "support", "survey", "log_likelihood", "statistics", "update", "log_prior", "mean", "variance", "gradient", "cdf",
    "expected",
}  # fmt: skip
STEP = 1e-3  # of differences, in units of a parameter


class Observed(NamedTuple):
    """Observations as the recursions see them: the distinct values, and the index of the value of each step."""

    distinct: Any  # (K, ...), the argument of `log_likelihood` and `statistics`
    # (T,) int32 into `distinct`, or uint8 if there are very many steps; K where the step is missing
    index: np.ndarray  # type: ignore[assignment]
    shared: bool  # whether steps share distinct values
    notes: Mapping = MappingProxyType({})  # facts met in coding: "unknown" {symbol: count}, "partly_missing" steps

    def place(self, data, emission: "Emission", k: int, origin=None) -> str:
        """The first position of distinct value k, and the value itself, for an error message; `origin` (T,) says which
        steps of the data these are."""
        t = int((self.index == k).argmax())
        t = t if origin is None else int(origin[t])
        part, value = emission.culprit(data, self.distinct, k, t)
        return f"X, {data.where(t)}{part}: {value}"


class Survey(dict):
    """What a family must know about all data before the first step, by name. The surveys of shards are added name by
    name: sets by union, everything else by its own `+`; None is neutral.

    >>> from chmm.emissions import Survey
    >>> sum([Survey(symbols={"a", "b"}, total=3.0), Survey(symbols={"c"}, total=1.0)])["total"]
    4.0
    """

    def __add__(self, other: "Survey") -> "Survey":
        if not isinstance(other, Survey):
            return NotImplemented
        if self.keys() != other.keys():
            one, two = (sorted(own.keys() - {"n_columns", "n_sequences", "n_steps"}) for own in (self, other))
            raise ValueError(f"these surveys are of two families, {', '.join(one)} and {', '.join(two)}")
        if self.get("n_columns") != other.get("n_columns"):
            columns = " and ".join(str(n) for n in (*self["n_columns"], *other["n_columns"]))
            raise ValueError(f"these surveys are of data with {columns} columns, so they do not add up")
        return Survey({name: _added(value, other[name]) for name, value in self.items()})

    def __radd__(self, other):
        return self if other == 0 else NotImplemented  # for sum()


def _added(one, other):
    if one is None or other is None:
        return other if one is None else one
    return one | other if isinstance(one, set | frozenset) else one + other


class Emission:
    """A family of distributions b_i(o), one member for each state.

    Four methods make a family. The values they receive are checked and distinct, (R, D), without missing steps;
    weights are posterior masses:

    - `log_likelihood(values)` -> (R, n_states), log b_i(value)
    - `statistics(values, weights)` -> dict of float64 arrays that add up; weights is (R, n_states)
    - `update(statistics)`: set the parameters to the maximiser of sum weights * log b_i(value), plus `log_prior()`;
      a state without mass and without a prior keeps its parameters
    - `sample(states, rng)` -> one observation for each state of an array

    `parameters` names the arrays that are saved, frozen and shown. Each is an argument of the constructor, and None
    until it is known; the first one has an entry for each state. If no parameter is two-dimensional, set
    `n_features = 1` so that the number of columns is known. An emission knows neither time nor sequences.

    Besides these four there are hooks, each with a default:

    - `support(values)` -> (R, D) bool, True where a value is allowed (NaN either way); `domain` describes it in
      words. Other values are refused by an error that names the step and the column; where families are combined,
      their density is 0.
    - `embed(values)` -> (R, F), points whose distances tell how alike values are, for start values; None: no distance.
    - `survey(data)` -> a `Survey` of what the family must know about all data, or None; `prepare(survey, n_states,
      pseudocount)` receives it before the first step of a fit. If `prepare` makes arrays that the density or the prior
      needs, `prepared` names them, and they are saved with the parameters.
    - `log_prior()` -> what the prior adds to the objective. A family whose `prior` holds pseudo-observations (see
      `check_pseudo_observations`) needs none of its own: it calls `statistics = self.with_prior(statistics)` first in
      `update`.
    - `settings()` -> what the constructor needs besides the parameters, in types that JSON can hold, for saving.
    - `frozen`: parameters that stay as they are. `check_frozen` checks the constructor's argument, and
      `assign(new, alive)` sets all others; `is_frozen(name)` and `held(name)` tell what is kept.
    - `start(values, weights, rng)` sets the first parameters from a first guess of which state takes which value; by
      default `update(statistics(values, weights))`. Given parameters are kept.
    - `max_inner_iter = 200` where statistics depend on the parameters, as a mixture's do: with labels, `update` and
      `statistics` then alternate, at most that many times, until the objective stops rising.
    - `recentre(statistics, other)` converts statistics taken by `other`, an emission of the same family with other
      parameters, to those that self would have taken; by default statistics do not depend on the parameters.
    - `density()` -> a function like `log_likelihood`, for streams, which ask it of one value at a time: what depends on
      the parameters alone can be computed once.
    - `mean()`, `variance()` -> (n_states, n_features), of each column, or None. Of columns that are `circular`, angles,
      the mean direction and the circular variance.
    - `cdf(values)` -> (R, n_states, n_features), P(column <= value | state) for any numbers, columns apart.
    - `expected(values)` -> (R, n_states, F), the means of all columns given those that are not NaN, in coordinates that
      may be averaged over states; `averaged(table)` makes (R, n_features) of such averages (R, F). By default `mean()`.
    - `sample_given(values, states, rng)` -> like `sample`, given the columns that are not NaN; by default `sample`.
    - `ranges`: for each of `parameters` (low, high), such as (0, inf) or (0, 1), or "simplex" for rows that sum to 1;
      by default any number. `unconstrained()` makes coordinates of parameters, and `replaced(arrays)` goes back.
    - `gradient(values, weights)` -> {parameter: array of its shape}, the derivatives of sum weights * log b_i(value) by
      the entries of each parameter; by default by differences of `log_likelihood`.
    - `reordered(order)` -> the emission with its states permuted: state i is the former state order[i]. By default this
      permutes every parameter except those in `common`, which all states share.
    - `report(statistics)` -> dict of facts about the learnt parameters; facts that do not apply are left out.

    A fit learns into a deep copy: it calls `survey`, `prepare`, and `check(data)`, which gives the distinct values; for
    each start, unless the emission is `complete`, `start`; in an EM step `log_likelihood`, `statistics` and
    `log_prior`, then `update` on a shallow copy: so assign new arrays, and never write into existing ones. With labels
    it calls `update(statistics(values, weights))`, where the weights count how often a state shows a value. Questions
    call `check` and `log_likelihood`.
    """

    parameters: tuple[str, ...] = ()
    ranges: tuple = ()  # of each of the parameters: (low, high), or "simplex"; any number if not told
    common: tuple[str, ...] = ()  # parameters without an axis of states
    prepared: tuple[str, ...] = ()  # arrays made by `prepare`; saved
    frozen: Any = ()  # names of parameters that `update` keeps; or {name: True, or a mask of the kept entries}
    free: Any = None  # bool, (N, ...): the probabilities that may change; given zeros are structural
    prior: Any = None  # a number, or (values, weights): pseudo-observations added to every state
    members: tuple["Emission", ...] = ()  # the emissions it is made of
    kind = "numbers"  # the kind of its steps (see reading.py)
    gaps = False  # whether values may be NaN in some columns, which are then integrated out
    by_name = False  # whether it finds the columns of a frame by name, in any order
    hint = (  # advice for a value that is impossible
        "check the zeros in startprob and transmat (a pseudocount keeps learnt ones away from 0), and at what the "
        "emission's parameters allow"
    )
    domain = "numbers"  # the allowed values in words; see `support`
    counts = False  # whether the values are counts, so that a 0 may have either cause (see ZeroInflated)
    circular: Any = False  # whether columns are angles, a bool or (D,)
    max_inner_iter = 1  # updates for labelled data; more than 1 if statistics depend on the parameters

    def __init_subclass__(cls, **options):
        """A family's methods may underflow or divide by 0, whatever the caller's NumPy error state. Its constructor
        has an error that helps for an unknown argument."""
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = hinted(cls.__init__)  # type: ignore[method-assign]
        for name in COMPUTING & vars(cls).keys():
            if isinstance(vars(cls)[name], FunctionType):
                setattr(cls, name, quiet(vars(cls)[name]))

    def log_likelihood(self, values: Any) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} has no log_likelihood(values)")

    def statistics(self, values: Any, weights: np.ndarray) -> dict[str, np.ndarray]:
        raise TypeError(f"{type(self).__name__} has no statistics(values, weights)")

    def update(self, statistics: dict[str, np.ndarray]) -> None:
        raise TypeError(f"{type(self).__name__} has no update(statistics)")

    def sample(self, states: np.ndarray, rng: np.random.Generator) -> Any:
        raise TypeError(f"{type(self).__name__} has no sample(states, rng)")

    def density(self) -> Callable[[Any], np.ndarray]:
        return self.log_likelihood

    # Parameters -----------------------------------------------------------------------------------------------------

    @property
    def n_states(self) -> int | None:
        """Number of states; None before the parameters are known."""
        known = [a for name, a in self._known().items() if name not in self.common]
        return len(known[0]) if known else None

    @property
    def n_features(self) -> int | None:
        """Number of columns; None before it is known."""
        known = [a for a in self._known().values() if np.ndim(a) > 1]
        return known[0].shape[1] if known else None

    @property
    def complete(self) -> bool:
        """Whether all parameters are known."""
        return bool(self.parameters) and len(self._known()) == len(self.parameters)

    @property
    def partly_given(self) -> bool:
        """Whether some parameter is given, so that it matters which cluster of values starts which state."""
        return bool(self._known()) or any(part.partly_given for part in self.members)

    @property
    def exchangeable(self) -> bool:
        """Whether states are alike until parameters are given; not where each has a role of its own."""
        return all(part.exchangeable for part in self.members)

    def _known(self):
        known = {name: getattr(self, name, None) for name in self.parameters}
        return {name: value for name, value in known.items() if value is not None}

    def held(self, name: str) -> bool | np.ndarray:
        """The frozen entries of a parameter: True (all), a mask of its shape, or False, also while it is unknown."""
        if name not in self.frozen or getattr(self, name) is None:
            return False
        return self.frozen[name] if isinstance(self.frozen, dict) else True

    def is_frozen(self, name: str) -> bool:
        """Whether a parameter is frozen as a whole."""
        return self.held(name) is True

    def assign(self, new: Mapping[str, np.ndarray], alive: bool | np.ndarray = True) -> None:
        """Set all parameters that are not frozen; where nothing was seen (`alive` False), known values are kept."""
        for name in self.parameters:
            old = getattr(self, name)
            if not self.is_frozen(name):
                value = new[name] if old is None else np.where(self.held(name) | ~np.asarray(alive), old, new[name])
                setattr(self, name, read_only(value))

    def reordered(self, order: Sequence[int] | np.ndarray) -> "Emission":
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
        counts: Any = getattr(self, "pseudocount", None)
        if np.ndim(counts) == 2 and len(counts) == len(order):
            other.pseudocount = counts[order]
        return other

    def mean(self) -> np.ndarray | None:
        return None

    def variance(self) -> np.ndarray | None:
        return None

    def cdf(self, values: Any) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} has no cdf(values), P(value <= values | state)")

    def values_of(self, table: np.ndarray) -> Any:
        """Numbers (R, D) in the form that the methods take values in."""
        return table

    # What is missing of a value, given what is seen of it ----------------------------------------------------------

    def expected(self, values: Any) -> np.ndarray:
        mean = self.mean()
        if mean is None:
            raise TypeError(f"{type(self).__name__} has no mean(), so that nothing can be said of missing values")
        return np.broadcast_to(mean, (len(values), *mean.shape))

    def averaged(self, table: np.ndarray) -> np.ndarray:
        return table.real

    @property
    def n_expected(self) -> int:
        """Number of coordinates of `expected`."""
        return self.n_features or 1

    def sample_given(self, values: Any, states: np.ndarray, rng: np.random.Generator) -> Any:
        return self.sample(states, rng)

    # Learning -------------------------------------------------------------------------------------------------------

    def survey(self, data: Sequences) -> Survey | None:
        return None

    def prepare(self, survey: Survey | None, n_states: int, pseudocount: float) -> None:
        pass

    def start(self, values: Any, weights: np.ndarray, rng: np.random.Generator) -> None:
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

    def recentre(self, statistics: dict[str, np.ndarray], other: "Emission") -> dict[str, np.ndarray]:
        return statistics

    def log_prior(self) -> float:
        if not isinstance(self.prior, tuple):
            return 0.0
        values, weights = self.prior
        return float(weights @ self.log_likelihood(values).sum(axis=1))

    def with_prior(self, statistics: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The statistics plus those of the prior's pseudo-observations in every state."""
        if self.prior is None:
            return statistics
        values, weights = self.prior
        n = self.n_states
        if n is None:  # the first update of a start: the statistics tell
            n = len(next(iter(statistics.values())))
        extra = self.statistics(values, np.repeat(weights[:, None], n, axis=1))
        return {key: value + extra[key] for key, value in statistics.items()}

    def limits(self) -> dict[str, tuple[float, float]]:
        """{name of a parameter: (the least, the largest value that can be learnt)}."""
        return {}

    def report(self, statistics: dict[str, np.ndarray]) -> dict:
        found: dict = {"cells_without_evidence": [], "at_limits": []}
        if "weights" in statistics:
            empty = np.argwhere(np.atleast_2d(np.transpose(statistics["weights"])).T <= EVIDENCE)
            found["cells_without_evidence"] = [(i, f"column {k}") for i, k in empty.tolist()]
        for name, (low, high) in self.limits().items():
            value = getattr(self, name)
            ends = ((value <= low) | (value >= high)) & ~np.asarray(self.held(name))
            found["at_limits"] += [(i, f"{name}, column {k}") for i, k in np.argwhere(ends).tolist()]
        return {fact: items for fact, items in found.items() if items}

    # Parameters as coordinates -----------------------------------------------------------------------------------

    def unconstrained(self) -> dict[str, Coordinates]:
        """The free entries of each parameter as coordinates without limits, by the range of the parameter."""
        return {name: self._coordinates(name) for name in self.parameters}

    def _coordinates(self, name, unit=None):
        array, between = np.asarray(getattr(self, name)), self._range(name)
        if between == SIMPLEX:
            return Simplex(array, self._movable(name))
        unit = (self._unit(array) if between == REAL else 1.0) if unit is None else unit
        return Entrywise(array, self._movable(name), between, self.limits().get(name, REAL), unit)

    def _movable(self, name):
        """The entries that are neither frozen nor structural."""
        held = np.broadcast_to(self.held(name), np.shape(getattr(self, name)))
        return ~held if self.free is None else ~held & self.free

    def _range(self, name):
        return dict(zip(self.parameters, self.ranges, strict=False)).get(name, REAL)

    def _unit(self, array):
        """How far a parameter on the real line is from one like it: a standard deviation, if there is one."""
        variance = self.variance()
        if np.shape(variance) == array.shape and np.all((variance > 0) & np.isfinite(variance)):
            return np.sqrt(variance)
        return np.where(array == 0, 1.0, np.abs(array))

    def replaced(self, arrays: Mapping[str, np.ndarray]) -> "Emission":
        """A copy with other values of these parameters."""
        other = copy.copy(self)
        for name in self.parameters:
            if name in arrays:
                setattr(other, name, read_only(arrays[name]))
        return other

    def gradient(self, values: Any, weights: np.ndarray) -> dict[str, np.ndarray]:
        def explained(other):
            logs = other.log_likelihood(values)
            return np.where(weights > 0, weights * logs, 0.0).sum(axis=0)  # by state

        return self._differences(explained, True)

    def prior_gradient(self) -> dict[str, np.ndarray]:
        """The derivatives of `log_prior()`, by differences."""
        return self._differences(lambda other: other.log_prior(), False)

    def _differences(self, function, by_state):
        """Derivatives of a function of such an emission by the entries of its parameters that may move. by_state : it
        gives a number for each state, so that entries of different states can be moved together."""
        found = {}
        for name in self.parameters:
            array = np.array(getattr(self, name), dtype=np.float64)
            slope, movable = np.zeros(array.shape), np.broadcast_to(self._movable(name), array.shape)
            steps = self._steps(name, array)
            together = by_state and name not in self.common
            for place in np.ndindex(array.shape[1:] if together else array.shape):
                at = (slice(None), *place) if together else place
                if not movable[at].any():
                    continue
                moved = np.zeros(array.shape)
                moved[at] = np.where(movable[at], steps[at], 0.0)
                change = difference(lambda k, n=name, x=array, by=moved: function(self.replaced({n: x + k * by})), 1)
                slope[at] = ratio(change if together else np.sum(change), moved[at])
            found[name] = slope
        return found

    def _steps(self, name, array):
        """How far to move each entry for a difference: well inside its range."""
        between = self._range(name)
        if between == REAL:
            return STEP * self._unit(array)
        low, high = (0.0, np.inf) if between == SIMPLEX else between
        return STEP * np.maximum(np.minimum(array - low, high - array), 0.0)

    # Data -----------------------------------------------------------------------------------------------------------

    def support(self, values: Any) -> bool | np.ndarray:
        return True

    def inside(self, values: Any) -> bool | np.ndarray:
        """(R,) bool: whether each value lies in the support; True if all do."""
        inside = self.support(values)
        return True if inside is True else np.all(inside | np.isnan(values), axis=1)

    def embed(self, values: Any) -> np.ndarray | None:
        return np.asarray(values, dtype=np.float64)

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
        """The reason to refuse value r: its column, if there are several, and the fault."""
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

    def alphabet(self) -> Any:
        """All possible values, if they are few enough for one table of likelihoods; else None."""
        return None

    # In words, and on disk ------------------------------------------------------------------------------------------

    def describe(self, data: Sequences, t: int) -> str:
        """The value at position t among all steps, for an error message."""
        return f"the value {shown(data.values[t])}"

    def culprit(self, data: Sequences, values: Any, r: int, t: int) -> tuple[str, str]:
        """(where in a step, which value): why the log likelihood of value r, seen at position t, is not a number."""
        return "", self.describe(data, t)

    def summary(self, state: int) -> str:
        """The parameters of a state in brief, for the model's repr."""
        known = [(name, np.asarray(a)) for name, a in self._known().items() if name not in self.common]
        return ", ".join(f"{name} {_rounded(a[state])}" for name, a in known)

    def settings(self) -> dict:
        settings: dict = {}
        if self.frozen:
            masks = self.frozen if isinstance(self.frozen, dict) else dict.fromkeys(self.frozen, True)
            settings["frozen"] = {name: np.asarray(mask).tolist() for name, mask in masks.items()}
        if self.prior is not None:
            settings["prior"] = [a.tolist() for a in self.prior] if isinstance(self.prior, tuple) else self.prior
        return settings

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name, as far as they are kept as attributes."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters if hasattr(self, name)}

    def nested_arguments(self) -> dict[str, Any]:
        """The arguments, and as outer__inner those of the emissions among them."""
        found = self.arguments()
        for outer, value in list(found.items()):
            if isinstance(value, Emission):
                found |= {f"{outer}__{name}": inner for name, inner in value.nested_arguments().items()}
        return found

    def changed(self, **changes: Any) -> "Emission":
        """A new emission with other arguments; outer__inner changes those of an emission among them.

        >>> from chmm import Gaussian, Mixture
        >>> Mixture(Gaussian(), 3).changed(n=2, family__covariance="full").components
        Gaussian(covariance='full')
        """
        family, arguments = type(self).__name__, self.arguments()
        inner: dict[str, dict] = {}
        for parameter in inspect.signature(type(self)).parameters.values():
            one = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            if one and parameter.name not in arguments:
                raise ValueError(
                    f"{family} does not keep its argument {parameter.name!r} as an attribute, so that a changed copy "
                    "cannot be made: give a whole emission"
                )
        for name, value in changes.items():
            outer, _, rest = name.partition("__")
            if outer not in arguments:
                told = f"it has {', '.join(arguments)}" if arguments else "none of it has a name to be changed by"
                raise ValueError(f"{family} has no argument {outer!r}; {told}")
            if rest:
                inner.setdefault(outer, {})[rest] = value
            else:
                arguments[name] = value
        for outer, settings in inner.items():
            if not isinstance(arguments[outer], Emission):
                told = f"{family}'s {outer} = {shown(arguments[outer])} is no Emission"
                raise ValueError(f"{told}, and has no argument {next(iter(settings))!r}")
            arguments[outer] = arguments[outer].changed(**settings)
        return type(self)(**arguments)

    def __sklearn_clone__(self):
        return copy.deepcopy(self)

    def saved(self) -> dict:
        """What a file keeps of this emission: the name of its class, its settings, its arrays and its members."""
        arrays = {name: getattr(self, name) for name in (*self.parameters, *self.prepared)}
        return {
            "class": type(self).__name__,
            "settings": self.settings(),
            "members": [member.saved() for member in self.members],
            **{name: np.asarray(array) for name, array in arrays.items() if array is not None},
        }

    @staticmethod
    def loaded(saved: dict, families: Mapping[str, type["Emission"]]) -> "Emission":
        """The emission that `saved()` described; `families` are the classes by name."""
        name = saved["class"]
        if name not in families:
            raise ValueError(f"it uses the emission {name}; pass its class: Model.load(path, emissions=[{name}])")
        members = [Emission.loaded(member, families) for member in saved["members"]]
        arrays = {name: value for name, value in saved.items() if isinstance(value, np.ndarray)}
        return families[name].restored(saved["settings"], arrays, members)

    @classmethod
    def restored(cls, settings: dict, arrays: dict[str, np.ndarray], members: list["Emission"]) -> "Emission":
        """The emission that was saved with these settings, arrays and members."""
        emission = cls(*members, **{name: arrays.get(name) for name in cls.parameters}, **settings)
        for name in cls.prepared:
            setattr(emission, name, arrays.get(name))
        return emission

    def __repr__(self):
        name, known = type(self).__name__, self._known()
        if not known:
            return f"{name}()"
        shapes = ", ".join(f"{key} {'x'.join(map(str, np.shape(a)))}" for key, a in known.items())
        return f"{name}({self.n_states} states: {shapes})"

    # Learnt emissions refuse assignment -----------------------------------------------------------------------

    _published = False

    def published(self) -> "Emission":
        """A copy that refuses assignment, as do its members; copies of that copy can be changed."""
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


def _rounded(a):
    digits = {"all": "{:.5g}".format}
    return np.array2string(np.squeeze(np.asarray(a)), separator=", ", threshold=20, formatter=digits).replace("\n", "")


def part_of(statistics, name):
    """The statistics of one member: those whose keys begin with "name.", without that prefix."""
    start = f"{name}."
    return {key[len(start) :]: value for key, value in statistics.items() if key.startswith(start)}


def mixed(weights, means, variances, circular=False):
    """(means, variances) (..., D) of mixtures: weights (..., K) of components with means and variances (..., K, D).

    Of angles, directions and circular variances: 1 - the length of the mean vector.
    """
    weights = np.asarray(weights)[..., None]

    def average(table):
        return np.where(weights > 0, weights * table, 0.0).sum(axis=-2)  # what has no weight may be infinite

    with np.errstate(all="ignore"):
        mean = average(means)
        variance = np.where(np.isfinite(mean), average(variances + (means - mean[..., None, :]) ** 2), np.inf)
        if np.any(circular):
            vector = average((1 - variances) * np.exp(1j * means))
            mean = np.where(circular, np.angle(vector), mean)
            variance = np.where(circular, np.maximum(1 - np.abs(vector), 0.0), variance)
    return mean, variance


# For constructors -----------------------------------------------------------------------------------------------------


def check_parameter(
    values: Any, name: str, *, above=None, least=None, most=None, below=None, ndim: int = 2
) -> np.ndarray | None:
    """A parameter given by the user as a read-only float64 array (N, D), each number in its range; None stays None.

    An array (N,), one number for each state, becomes one column.
    """
    if values is None:
        return None
    refuse_row_names(values, name)
    array = as_floats(values, name)
    if ndim == 2 and array.ndim == 1:
        array = array[:, None]
    if array.ndim != ndim or not array.size:
        want = "(n_states, n_features), or (n_states,) for one feature" if ndim == 2 else f"{ndim} axes"
        raise ValueError(f"{name} has shape {np.shape(values)}; it must have {want}")
    if least == 0:  # the grace that entries of other probabilities have
        array[(array < 0) & (array >= -SUM_TOLERANCE)] = 0.0
    if most == 1:
        array[(array > 1) & (array <= 1 + SUM_TOLERANCE)] = 1.0
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


def check_prior(prior: Any, name: str = "prior") -> float:
    """The strength of a prior in steps, a number >= 0."""
    return check_pseudocount(prior, name)


def check_pseudo_observations(prior: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Check `prior=(values, weights)` of a user's family: values (R,) or (R, D), and the weight of each in every state,
    (R,) or one number for all. None: no prior."""
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
    """ValueError unless all given arrays have the same shape."""
    known = {name: a.shape for name, a in arrays.items() if a is not None}
    if len(set(known.values())) > 1:
        raise ValueError(
            " and ".join(f"{name} has shape {shape}" for name, shape in known.items()) + "; they must agree"
        )
