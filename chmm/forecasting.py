"""What comes next: the states and values after a sequence. Their distributions are exact mixtures over the states."""

import numpy as np

from . import frames, html, inference, sequences
from .checks import as_array, as_floats, check_count, generator
from .emissions import Categorical, Emission, Product
from .emissions.alternatives import density
from .emissions.mixture import mixed
from .exceptions import quiet
from .log_space import log_sum
from .memory import room
from .missing import places
from .questions import of_possible
from .sampling import sample_paths
from .symbols import shown

MOST_COLUMNS = 6  # of values that a table for notebooks has
FARTHEST = 1e300  # of numbers; quantiles are sought up to there


class Forecast:
    """The distribution of each of the n_steps steps that follow a sequence.

    states : (n_steps, n_states), states[k, i] = P(the state at step T + 1 + k is i | o_1 ... o_T); rows sum to 1.

    The value at a step has the density sum_i states[k, i] b_i(value). Columns are treated separately: for one column
    `mean`, `variance`, `quantile` and `cdf` have no axis of columns, for several it is the last. For symbols, use
    `probs`. For a `Product`, forecast["name"] is the forecast of one channel. If the model has ends, the forecast is
    conditional on the sequence continuing.

    >>> from chmm import Model, Poisson
    >>> quakes = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Poisson([15, 26]))
    >>> forecast = quakes.forecast([13, 14, 8, 11], 2)
    >>> forecast.states.round(3).tolist(), forecast.mean().round(2).tolist()
    ([[0.899, 0.101], [0.819, 0.181]], [16.11, 16.99])
    >>> forecast.quantile([0.05, 0.95]).tolist()
    [[9.0, 9.0], [26.0, 29.0]]
    """

    @quiet
    def __init__(
        self, log_states: np.ndarray, emission: Emission, moves: np.ndarray, names: tuple, columns: list | None = None
    ):
        self.log_states, self.emission = log_states, emission
        self._moves, self._names, self._columns = moves, names, columns
        self.states = np.exp(log_states)
        for array in (self.states, self.log_states):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.states)

    __iter__ = None  # channels are asked for by name

    def __getitem__(self, channel: str | int) -> "Forecast":
        if not isinstance(self.emission, Product):
            raise TypeError(f"forecast[{shown(channel)}]: {type(self.emission).__name__} has no channels")
        return Forecast(self.log_states, self.emission[channel], self._moves, self._names)

    # The values -------------------------------------------------------------------------------------------------------

    @quiet
    def mean(self) -> np.ndarray:
        """E(value), (n_steps,) or (n_steps, n_features); for angles, the mean direction."""
        return self._by_column(self._moments()[0])

    @quiet
    def variance(self) -> np.ndarray:
        """The variance of each column, shaped like `mean`; infinite if that of a state is. For angles, the circular
        variance, from 0 to 1."""
        variance = self._moments()[1]
        if variance is None:
            raise TypeError(f"{type(self.emission).__name__} has no variance()")
        return self._by_column(variance)

    @quiet
    def cdf(self, values) -> np.ndarray:
        """P(column <= value): (n_steps,) for one value, (n_steps, n_values) for several; with several columns, these
        are an additional last axis. Angles are counted from -pi."""
        self._require_numbers("cdf")
        seen, alone = self._read(values)
        table = self._mixed(self.emission.cdf(seen.distinct)[seen.index])
        return self._by_column(table[:, 0] if alone else table)

    @quiet
    def quantile(self, q) -> np.ndarray:
        """The smallest value v with P(column <= v) >= q, 0 < q < 1: shaped like `mean`, with an additional first axis
        for an array q. It takes 64 evaluations of `cdf`, and is exact to the last digit."""
        self._require_numbers("quantile")
        levels = as_floats(q, "q")
        if levels.ndim > 1 or not ((levels > 0) & (levels < 1)).all():
            raise ValueError(f"q = {shown(q)} must be a number above 0 and below 1, or a list of them")
        d, n_levels = self.emission.n_features or 1, levels.size
        wanted = np.repeat(levels.reshape(-1), len(self))[:, None]
        weights = np.tile(self.states, (n_levels, 1))
        # Doubles are in the order of their bits, taken as integers: between these bounds, halve 64 times
        top = np.where(np.broadcast_to(self.emission.circular, d), np.pi, FARTHEST)
        high = np.tile(top.view(np.int64), (len(wanted), 1))
        low = -high
        for _ in range(64):
            middle = (low >> 1) + (high >> 1) + (low & high & 1)
            values = np.where(middle < 0, -np.abs(middle).view(np.float64), middle.view(np.float64))
            below = np.einsum("rn,rnd->rd", weights, self.emission.cdf(self.emission.values_of(values))) < wanted
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        found = np.where(high < 0, -np.abs(high).view(np.float64), high.view(np.float64))
        return self._by_column(found.reshape(*levels.shape, len(self), d))

    @quiet
    def log_density(self, values) -> np.ndarray:
        """log P(value), or its log density, for whole rows: (n_steps,) for one, (n_steps, n_values) for several; -inf
        outside the support of the emission. For the next value, it is minus its surprise (which, with endprob, also
        includes -log P(the sequence continues))."""
        seen, alone = self._read(values)
        logs = density(self.emission, seen.distinct)[seen.index]
        out = log_sum(self.log_states[:, None, :] + logs, 2)
        return out[:, 0] if alone else out

    @property
    @quiet
    def probs(self) -> np.ndarray:
        """P(symbol), (n_steps, n_symbols), in the order of `symbols`."""
        codes = self.emission.alphabet()
        if codes is None:
            raise TypeError(f"{type(self.emission).__name__} has no symbols; use mean(), quantile(q) or cdf(value)")
        return self.states @ np.exp(self.emission.log_likelihood(codes)).T

    @property
    def symbols(self) -> tuple:
        """The symbols of `probs`."""
        emission = self.emission
        while emission.members and emission.alphabet() is not None:
            emission = emission.members[0]
        if not isinstance(emission, Categorical):
            raise TypeError(f"{type(self.emission).__name__} has no symbols")
        return emission.symbols

    @quiet
    def sample(self, n_samples: int = 1, *, random_state=None) -> np.ndarray:
        """Random continuations, (n_samples, n_steps) or (n_samples, n_steps, n_features), each with its own path of
        states. With endprob, they are conditional on lasting for all n_steps."""
        n, rng = check_count(n_samples, "n_samples", 0), generator(random_state)
        goes_on = None if np.allclose(self._moves.sum(axis=1), 1) else np.ones(len(self._moves))
        path = sample_paths(self.states[0], self._moves, len(self), n, goes_on, rng)
        drawn = self.emission.sample(path.ravel().astype(np.intp), rng)
        return np.asarray(drawn).reshape(n, len(self), *np.shape(drawn)[1:])

    # ------------------------------------------------------------------------------------------------------------------

    def _moments(self):
        self._require_numbers("mean")
        mean, variance = self.emission.mean(), self.emission.variance()
        if mean is None:
            raise TypeError(f"{type(self.emission).__name__} has no mean()")
        spread = np.zeros(mean.shape) if variance is None else variance
        mean, spread = mixed(self.states, mean, spread, self.emission.circular)
        return mean, None if variance is None else spread

    def _mixed(self, table):
        """(n_steps, R, D) of (R, N, D)."""
        return np.einsum("hn,rnd->hrd", self.states, table)

    def _by_column(self, table):
        return table[..., 0] if (self.emission.n_features or 1) == 1 else table

    def _require_numbers(self, question):
        if holds_symbols(self.emission):
            channels = "; ask a channel, as forecast[name]" if isinstance(self.emission, Product) else ""
            raise TypeError(f"{question}: symbols have no order and no mean; `probs` has their probabilities{channels}")

    def _read(self, values):
        """(Observed, whether it is one value)."""
        d, rows = self.emission.n_features or 1, values
        alone = isinstance(values, str) or as_array(values, "values").ndim == 0
        if d > 1 and not hasattr(values, "columns"):
            rows = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
            if rows.ndim == 0:
                raise ValueError(f"values = {shown(values)}: a value has {d} columns; pass a row, or an array of rows")
            alone = rows.ndim == 1
            rows = rows[None] if alone else rows
        elif alone and not (isinstance(values, str) and self.emission.kind == "text"):
            rows = [values]
        try:
            seen = self.emission.observe(sequences.read(rows, name="values", kind=self.emission.kind))
        except (TypeError, ValueError) as error:  # which takes them for a sequence
            told = str(error).replace("X, step", "values, number").replace("X has", "values have")
            error.args = told, *error.args[1:]
            raise
        if len(seen.index) and (seen.index == len(seen.distinct)).any():
            t = int((seen.index == len(seen.distinct)).argmax())
            raise ValueError(f"values[{t}] is missing, or no symbol of the model")
        return seen, alone and len(seen.index) == 1

    def to_frame(self):
        """A pandas DataFrame with one row per step ahead, from 1: the probability of each state; for symbols, that of
        each symbol; for numbers, the mean and the quantiles 0.05, 0.5 and 0.95 of each column."""
        columns = {f"state {name}": p for name, p in zip(self._names, self.states.T, strict=True)}
        if isinstance(self.emission, Categorical):
            columns |= {f"symbol {name}": p for name, p in zip(self.symbols, self.probs.T, strict=True)}
        elif not holds_symbols(self.emission) and self.emission.mean() is not None:
            tables, d = [self.mean(), *self.quantile([0.05, 0.5, 0.95])], self.emission.n_features or 1
            for j in range(d):
                told = zip(("mean", "5 %", "50 %", "95 %"), tables, strict=True)
                columns |= {name + self._of(j): table.reshape(len(self), d)[:, j] for name, table in told}
        return frames.table(columns, range(1, len(self) + 1))

    def _repr_html_(self) -> str:
        return html.forecast(self, self._names, self._told)

    def _told(self, steps: list[int]) -> dict[str, list]:
        """For notebooks: what values these steps may have, one column or several."""
        some = Forecast(self.log_states[steps], self.emission, self._moves, self._names, self._columns)
        if isinstance(self.emission, Categorical):
            best = some.probs.argmax(axis=1)
            return {"most probable": [f"{shown(self.symbols[k])} {p[k]:.3g}" for p, k in zip(some.probs, best)]}
        d = self.emission.n_features or 1
        if holds_symbols(self.emission) or self.emission.mean() is None or d > MOST_COLUMNS:
            return {}
        middle, (low, high) = some.mean().reshape(-1, d), some.quantile([0.05, 0.95]).reshape(2, -1, d)
        return {
            "mean, and 90 %" + self._of(j): [
                f"{m:.4g} ({a:.4g} to {b:.4g})" for m, a, b in zip(middle[:, j], low[:, j], high[:, j])
            ]
            for j in range(d)
        }

    def _of(self, j: int) -> str:
        """Which column it is, if there are several."""
        if (self.emission.n_features or 1) == 1:
            return ""
        return f" of column {j}" if self._columns is None else f" of {self._columns[j]}"

    def __repr__(self) -> str:
        return f"Forecast({len(self)} step{'s' * (len(self) != 1)}, {self.states.shape[1]} states)"

    def __str__(self) -> str:
        lines = [repr(self)]
        for k, row in enumerate(self.states[:20]):
            best = np.argsort(-row, kind="stable")[:3]
            lines.append(f"  {k + 1}: " + ", ".join(f"{shown(self._names[i])} {row[i]:.3g}" for i in best))
        return "\n".join(lines + ["  ..."] * (len(self) > 20))


def holds_symbols(emission: Emission) -> bool:
    """Whether some of its columns are symbols."""
    return isinstance(emission, Categorical) or any(map(holds_symbols, emission.members))


@of_possible
def forecast(asked, n_steps):
    """A Forecast for each sequence."""
    n_steps, fit, data = check_count(n_steps, "n_steps", 1), asked.fit, asked.data
    several = data.names is not None and (fit.emission.n_features or 1) > 1
    columns = [data.names[k] for k in places(data, fit.emission)] if several else None
    answers = []
    for s, alone in enumerate(asked.going_on().problem().alone()):
        here = None
        if len(alone.index):
            here, outcome = inference.in_log_space(alone, lambda exact: exact.here())
            alone.require_possible(outcome.step, s)
        log_states = room("n_steps", n_steps, n_steps, fit.chain.n)
        possible = inference.ahead(fit.chain, here, log_states)
        if possible < n_steps:
            raise ValueError(
                f"the sequence cannot continue for {possible + 1} steps: it ends in each state that it may be in"
            )
        answers.append(Forecast(log_states, fit.emission, fit.chain.moves, fit.states.names, columns))
    return asked.data.collect(answers)
