"""What the past says, without the end of the sequence: the filter and the fixed lag, for all steps or one at a time."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import inference, sequences
from .checks import as_array, check_count
from .emissions import Emission, PerState, Product, ZeroInflated
from .exceptions import ImpossibleError, entitle, quiet
from .fit import Fit
from .kernels.status import Status
from .kernels.stream import Past
from .known import read as read_known
from .known import resolve
from .questions import Question, of_possible
from .reading import ROWS, is_missing
from .results import Pushed, Rest
from .sequences import LARGEST
from .symbols import shown

OK, IMPOSSIBLE = int(Status.OK), int(Status.IMPOSSIBLE)
NUMBERS = (float, int, np.float64, np.int64)  # the types of a number that goes the short way
SYMBOLS = {str: (str, np.str_), int: (int, np.int64), bool: (bool, np.bool_)}  # the same of symbols
MOST_COUNTS = 4096  # whose log likelihoods are remembered


def predict_proba(asked: Question, lag: int, n_jobs=1):
    """P(q_t = i | o_1 ... o_t+lag)."""
    return _lagged(asked.going_on(), check_count(lag, "lag", -1), n_jobs)


def surprise(asked: Question):
    """-log P(o_t | o_1 ... o_t-1)."""
    return _surprise(asked.going_on())


@of_possible
def _lagged(asked, lag, n_jobs):
    problem = asked.problem()
    if lag >= problem.longest - 1:
        gamma, outcome = inference.posteriors(problem, n_jobs)
        problem.require_possible(outcome.step)
        return asked.data.split(gamma)
    tables = [table for table, _ in _past(problem, lag)]
    return asked.data.split(tables[0] if len(tables) == 1 else np.concatenate(tables))


@of_possible
def _surprise(asked):
    parts = [0.0 - log_scale for _, log_scale in _past(asked.problem(), None)]
    return asked.data.split(np.concatenate(parts) if parts else np.empty(0))


def _past(problem, lag):
    for s, alone in enumerate(problem.alone()):
        table, log_scale, step = inference.past(alone, None if lag is None else min(lag, max(alone.longest - 1, 0)))
        problem.require_possible(step, s)
        yield table, log_scale


class Stream:
    """Filters one sequence, observation by observation; made by `Model.stream`. Copies and pickles continue
    independently.

    n_steps : number of steps pushed. loglik : their log P. lag : see `Model.stream`.
    """

    def __init__(self, fit: Fit, lag: int = 0):
        self._fit, self.lag = fit, check_count(lag, "lag", 0)
        self._start()

    def _start(self):
        fit = self._fit
        try:
            self._past = Past(*fit.chain.numbers, self.lag)
        except (MemoryError, OverflowError) as error:
            raise MemoryError(f"lag = {self.lag}: no memory for so many steps") from error
        self._states = (np.arange(len(fit.states)) if fit.names is None else fit.names).tolist()
        self._likelihoods = _door(fit.emission)
        self._nothing = np.zeros((1, len(fit.states)))
        self._closed = False

    n_steps = property(lambda self: self._past.n_steps, doc="Number of observations pushed.")
    loglik = property(lambda self: self._past.loglik, doc="log P(o_1 ... o_t).")

    def push(self, observation: Any, known: Any = None) -> Pushed:
        """One more step: `Pushed(filtered, state, proba, surprise, loglik)`.

        observation : a symbol or number; for several columns, a row of values; for a Product with names, a dict, from
        which missing channels may be left out, or a row of a frame, whose columns are matched by name. None: a missing
        step. known : its state, or likelihoods of the states (n_states,), such as a mask of the possible ones.

        ImpossibleError if it has probability 0 given the previous steps; like any other error, it leaves the stream
        unchanged.
        """
        if self._closed:
            raise ValueError("this stream is closed: make another, model.stream()")
        past = self._past
        try:
            logs = None if observation is None else self._likelihoods(observation)
            if known is not None:
                logs = self._weighted(logs, known)
        except (TypeError, ValueError) as error:
            error.args = (str(error).replace("step 0", f"step {past.n_steps}", 1),)
            raise
        n = len(self._states)
        filtered, lagged = np.empty(n), None
        if self.lag and past.n_steps >= self.lag:
            lagged = np.empty(n)
        status, log_scale = past.push(self._nothing if logs is None else logs, filtered, lagged)
        if status != OK:
            raise self._refused(status, observation, logs)
        if not self.lag:
            lagged = filtered
        state = None if lagged is None else self._states[lagged.argmax()]
        return Pushed(filtered, state, lagged, 0.0 - log_scale, past.loglik)

    def _weighted(self, logs, known):
        n = len(self._states)
        told = np.asarray(known)[None] if as_array(known, "known").ndim == 1 else [known]
        weights = resolve(read_known(told, sequences.read([0])), sequences.read([0]), self._fit.states)
        logs = self._nothing if logs is None else logs[:, :n]
        return logs if weights is None else logs + weights.masks[weights.index]

    def close(self) -> Rest:
        """The steps still outstanding, `Rest(states, proba)`, given everything that was pushed. This ends the
        stream."""
        if self._closed:
            raise ValueError("this stream is closed already")
        self._closed = True
        proba = np.empty((min(self.lag, self.n_steps), len(self._states)))
        self._past.rest(proba)
        return Rest(self._fit.named(proba.argmax(axis=1)), proba)

    def _refused(self, status, observation, logs):
        where = f"step {self.n_steps}: {shown(observation)}"
        if status == IMPOSSIBLE:
            return ImpossibleError(
                f"{where} has probability 0 in every state that can be reached there; {self._fit.emission.hint}", (0,)
            )
        n = len(self._states)
        return ValueError(
            f"{where} has the log likelihoods {shown(np.asarray(logs)[0, :n].tolist())}; they must be -inf or numbers "
            "up to 1e280: check the emission's parameters, or its log_likelihood if it is your own"
        )

    def __getstate__(self):
        return {"fit": self._fit, "lag": self.lag, "past": self._past.saved(), "closed": self._closed}

    def __setstate__(self, state):
        self._fit, self.lag = state["fit"], state["lag"]
        self._start()
        self._past.restore(*state["past"])
        self._closed = state["closed"]

    def __repr__(self):
        closed = ", closed" if self._closed else ""
        return f"Stream(lag={self.lag}, {self.n_steps:,} steps, log P {self.loglik:.6g}{closed})"


# One observation to its log likelihoods (1, at least N); None where it is missing ------------------------------------


class _Symbols:
    """Symbols, and the log likelihoods of those seen so far."""

    def __init__(self, emission):
        self.emission, self.types, self.seen = emission, SYMBOLS[type(emission.symbols[0])], {}
        with np.errstate(divide="ignore"):
            self.table = np.ascontiguousarray(emission.log_likelihood(emission.alphabet()))

    def __call__(self, value):
        row = self.seen.get(value) if type(value) in self.types else None
        if row is None:
            code = _read(self.emission, value)
            if code is None:
                return None
            row = self.table[int(code[0]) : int(code[0]) + 1]
            if type(value) in self.types:
                self.seen[value] = row
        return row


def _door(emission: Emission):
    if isinstance(emission, Product):
        return _Channels(emission)
    if emission.alphabet() is not None:
        return _Symbols(emission)
    return _Numbers(emission) if emission.kind == "numbers" and _as_they_come(emission) else _Any(emission)


def _as_they_come(emission):
    """Whether the distinct value of a single number is the number."""
    if isinstance(emission, ZeroInflated | PerState):  # which observe what their members do
        return all(map(_as_they_come, emission.members))
    return type(emission).check is Emission.check and type(emission).observe is Emission.observe


class _Any:
    """Whatever a family takes."""

    def __init__(self, emission):
        self.emission, self.density = emission, emission.density()

    def __call__(self, value):
        value = _read(self.emission, value)
        return None if value is None else np.ascontiguousarray(self.density(value), dtype=np.float64)


class _Numbers(_Any):
    """Numbers that are taken as they come: a single one goes the short way, and counts are remembered."""

    def __init__(self, emission):
        super().__init__(emission)
        self.short, self.seen = emission.n_features == 1, {}

    def __call__(self, value):
        if not (self.short and type(value) in NUMBERS and -LARGEST <= value <= LARGEST):
            return super().__call__(value)
        logs = self.seen.get(value)
        if logs is None:
            values = np.array([[value]], dtype=np.float64)
            inside = self.emission.support(values)
            if inside is not True and not inside[0, 0]:
                return super().__call__(value)
            logs = self.density(values)
            if self.emission.counts and len(self.seen) < MOST_COUNTS:
                self.seen[value] = logs
        return logs


class _Channels:
    """A Product: the sum over its channels, each through a door of its own."""

    def __init__(self, product):
        self.names, self.known = product.names, frozenset(product.names)
        self.widths = [channel.n_features or 1 for channel in product.members]
        self.doors = [_door(channel) for channel in product.members]

    def __call__(self, value):
        if is_missing(value):
            return None
        total = None
        for k, (name, part) in enumerate(zip(self.names, self._parts(value), strict=True)):
            try:
                logs = None if part is None else self.doors[k](part)
            except (TypeError, ValueError) as error:
                entitle(error, f"channel {name!r}")
                raise
            if logs is not None:
                total = logs if total is None else total + logs
        return total

    def _parts(self, value):
        """What each channel sees."""
        if isinstance(value, Mapping):
            if not value.keys() <= self.known:
                unknown = next(name for name in value if name not in self.known)
                raise ValueError(
                    f"step 0: {shown(unknown)} is not a channel; they are {', '.join(map(repr, self.names))}"
                )
            return [value.get(name) for name in self.names]
        entries = _entries(value)
        if self.known <= entries.keys() and isinstance(self.names[0], str):
            return [entries[name] for name in self.names]
        row = value if isinstance(value, ROWS) else list(value) if np.ndim(value) == 1 else None
        if row is None or len(row) != sum(self.widths):
            raise ValueError(
                f"step 0: {shown(value)} must be a dict by channel, or {sum(self.widths)} values in the order of the "
                f"channels {', '.join(map(repr, self.names))}"
            )
        parts, first = [], 0
        for width in self.widths:
            parts.append(row[first] if width == 1 else row[first : first + width])
            first += width
        return parts


def _entries(row):
    """The values by name of a row of a frame, be it a Series or one of `itertuples`."""
    if hasattr(row, "_asdict"):
        return row._asdict()
    return row.to_dict() if hasattr(row, "to_dict") and row.ndim == 1 else {}


@quiet
def _read(emission, value):
    """One observation as the emission's one distinct value, through every check; None if it is missing."""
    if is_missing(value):
        return None
    row = None
    if isinstance(value, str):
        data = sequences.read(value if emission.kind in ("text", "letters") else np.array([value]), kind=emission.kind)
    elif isinstance(value, ROWS) or np.ndim(value) == 1:
        row = as_array([[np.nan if is_missing(v) else v for v in value]], "step 0")
        data = sequences.read(row, kind=emission.kind)
    else:
        alone = isinstance(value, np.ndarray) and value.ndim == 0
        data = sequences.read([value.item() if alone else value], kind=emission.kind)
    if data.n_steps != 1:
        raise ValueError(f"step 0: {shown(value)} is {data.n_steps} steps; push takes one")
    d, columns = np.shape(row)[1] if row is not None else 1, emission.n_features
    if columns == 1 < d:
        raise ValueError(f"step 0: {shown(value)} holds {d} numbers; push takes one step at a time, here of one number")
    seen = emission.check(data)
    k = int(seen.index[0])
    return seen.distinct[k : k + 1] if k < len(seen.distinct) else None
