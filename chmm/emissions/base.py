"""The contract of all families of observations.

What every emission does beyond it, whichever family it is: parameters.py, observing.py and saving.py.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from ..exceptions import quiet
from ..hints import hinted
from ..sequences import Sequences
from .observing import Observing
from .saving import Saved
from .survey import Survey

COMPUTING = {  # quietly
    "support", "survey", "log_likelihood", "statistics", "update", "log_prior", "mean", "variance", "gradient", "cdf",
    "expected",
}  # fmt: skip


class Emission(Observing, Saved):
    """A family of distributions b_i(o), one member for each state.

    Four methods make a family. The values they receive are checked and distinct, (R, D), without missing steps;
    weights are posterior masses:

    - `log_likelihood(values)` -> (R, n_states), log b_i(value)
    - `statistics(values, weights)` -> dict of float64 arrays that add up; weights is (R, n_states)
    - `update(statistics)`: set the parameters to the maximiser of sum weights * log b_i(value), plus `log_prior()`;
      a state without mass and without a prior keeps its parameters
    - `sample(states, rng)` -> one observation for each state of an array, (T,) or (T, D)

    `parameters` names the arrays that are saved, frozen and shown. Each is an argument of the constructor, and None
    until it is known; the first one has an entry for each state. If no parameter is two-dimensional, set
    `n_features = 1` so that the number of columns is known. An emission knows neither time nor sequences.

    Besides these four there are hooks, each with a default. For the values:

    - `support(values)` -> (R, D) bool, True where a value is allowed (NaN either way), or (R, 1) where only whole rows
      can be judged; `domain` describes it in words. Other values are refused by an error that names the step and the
      column; where families are combined, their density is 0.
    - `gaps = True` if the methods take values with NaN in some columns and integrate these out; otherwise a step that
      is partly missing is refused. `counts = True` if values are counts (see `ZeroInflated`).
    - `embed(values)` -> (R, F), points whose distances tell how alike values are, for start values; None: no distance.
    - `density()` -> a function like `log_likelihood`, for streams, which ask it for one value at a time: what depends
      on the parameters alone can be computed once.

    For learning:

    - `survey(data)` -> a `Survey` of what the family must know about all data, or None; `prepare(survey, n_states,
      pseudocount)` receives it before the first step of a fit. If `prepare` makes arrays that the density or the prior
      needs, `prepared` names them, and they are saved with the parameters.
    - `start(values, weights, rng)` sets the first parameters from a first guess of which state takes which value; by
      default `update(statistics(values, weights))`. Given parameters are kept.
    - `frozen`: parameters that stay as they are. `check_frozen` checks the constructor's argument, and
      `assign(new, alive)` sets all others; `is_frozen(name)` and `held(name)` tell what is kept.
    - `log_prior()` -> what the prior adds to the objective. A family whose `prior` holds pseudo-observations (see
      `check_pseudo_observations`) needs none of its own: it calls `statistics = self.with_prior(statistics)` first in
      `update`.
    - `max_inner_iter = 200` if statistics depend on the parameters, as a mixture's do: with labels, `update` and
      `statistics` then alternate, at most that many times, until the objective stops rising.
    - `recentre(statistics, other)` converts statistics taken by `other`, an emission of the same family with other
      parameters, to those that self would have taken; by default statistics do not depend on the parameters.

    For questions about what was learnt:

    - `mean()`, `variance()` -> (n_states, n_features), of each column, or None. For columns that are `circular`
      (angles), the mean direction and the circular variance.
    - `cdf(values)` -> (R, n_states, n_features), P(column <= value | state) for any numbers, each column by itself.
    - `expected(values)` -> (R, n_states, F), the means of all columns given those that are not NaN, in coordinates that
      may be averaged over states; `averaged(table)` makes (R, n_features) of such averages (R, F). By default `mean()`.
    - `sample_given(values, states, rng)` -> like `sample`, given the columns that are not NaN; by default `sample`.
    - `gradient(values, weights)` -> {parameter: array of its shape}, the derivatives of sum weights * log b_i(value) by
      the entries of each parameter; by default by differences of `log_likelihood`.
    - `ranges`: for each of `parameters` (low, high), such as (0, inf) or (0, 1), or "simplex" for rows that sum to 1;
      by default any number. `unconstrained()` makes coordinates of parameters, and `replaced(arrays)` goes back.
    - `limits()` -> {parameter: (low, high)}, the ends of what can be learnt, and `report(statistics)` -> dict of facts
      about the learnt parameters, both for the report; facts that do not apply are left out.

    For saving and reordering:

    - `settings()` -> what the constructor needs besides the parameters, in types that JSON can hold.
    - `reordered(order)` -> the emission with its states permuted: state i is the former state order[i]. By default this
      permutes every parameter except those in `common`, which all states share.

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
            cls.__init__ = hinted(cls.__init__)
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

    # What is asked of columns ----------------------------------------------------------------------------------------

    def mean(self) -> np.ndarray | None:
        return None

    def variance(self) -> np.ndarray | None:
        return None

    def cdf(self, values: Any) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} has no cdf(values), P(value <= values | state)")

    def values_of(self, table: np.ndarray) -> Any:
        """Numbers (R, D) in the form that the methods take values in."""
        return table

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

    # Data ------------------------------------------------------------------------------------------------------------

    def support(self, values: Any) -> bool | np.ndarray:
        return True

    def embed(self, values: Any) -> np.ndarray | None:
        return np.asarray(values, dtype=np.float64)

    def alphabet(self) -> Any:
        """All possible values, if they are few enough for one table of likelihoods; else None."""
        return None

    # Learning --------------------------------------------------------------------------------------------------------

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
