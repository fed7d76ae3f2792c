"""Passes over the data: what learning asks of each piece of them, as functions of a piece whose answers add up.

Data in memory are one piece. Data that are read piece by piece come from an engine, such as that of shards.py, which
applies a function to one piece after the other, in threads or on other machines. Learning sees the sums alone, taken in
the order of the pieces, so that they have the same bits wherever a piece was worked on.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from . import checks, e_step, inference, reading
from .emissions import Emission, Survey, choose
from .exceptions import entitle
from .kernel_input import Problem, pose
from .known import Weights, resolve, with_gaps
from .memory import n_equal, tally, windows
from .paths import require_names
from .reading import NO_STEPS, Steps
from .sequences import Sequences
from .statistics import Statistics, n_filled
from .structure import Structure
from .symbols import shown


class Engine(Protocol):
    """Hands out the pieces of the data."""

    @property
    def names(self) -> list:
        """Of the pieces, in their order."""

    def map(self, task: Callable, *args: Any) -> Iterator:
        """task(piece, *args) for each `Piece`, in their order. The task is a function of a module and the arguments are
        small, so that both can be sent to another process. An engine may keep pieces from one call to the next."""


class Told(NamedTuple):
    """What makes a Problem of sequences, apart from parameters."""

    structure: Structure
    token: str  # of the fit; a piece that is kept poses its Problem once for each
    counting: bool = False  # whether the state of every step of all data is known

    @classmethod
    def of(cls, structure: Structure, counting: bool = False) -> "Told":
        return cls(structure, uuid.uuid4().hex, counting)


class Piece:
    """Sequences that a task works on, and what is known of their states.

    name : None: these are all the data. ids : of its first and last step, if steps have ids. scratch : of an engine,
    for all its pieces.
    """

    def __init__(
        self, name: Any, data: Sequences, labels: Sequences | Weights | None = None, ids: tuple | None = None,
        problem: Problem | None = None, scratch: inference.Scratch | None = None,
    ):  # fmt: skip
        self.name, self.data, self.labels, self.ids = name, data, labels, ids
        self.scratch = inference.Scratch(scratch)
        self._problem, self._token = problem, ""
        self._counts: tuple | None = None

    def __reduce__(self):
        return Piece, (self.name, self.data, self.labels, self.ids)

    @property
    def size(self) -> tuple[int, int]:
        """The number of sequences and of steps, without empty sequences."""
        return n_filled(self.data.bounds), self.data.n_steps

    def problem(self, told: Told, emission: Emission) -> Problem:
        """The Problem, which waits for parameters."""
        if self._problem is None or self._token not in ("", told.token):
            self._problem = posed(told.structure, emission, self.data, self.labels, counting=told.counting)
            self._token, self._counts = told.token, None
        return self._problem

    def counts(self, told: Told, emission: Emission) -> tuple:
        """(start, trans, weights of the distinct values, ends) of the states, all of which are known."""
        problem = self.problem(told, emission)
        if self._counts is None:
            ends = told.structure.endprob is not None
            known: Any = problem.known
            self._counts = e_step.counts_of(problem, known.path, told.structure.n, ends)
        return self._counts


class Whole:
    """The engine of data in memory, which are one piece."""

    def __init__(self, problem: Problem, shards: frozenset = frozenset()):
        self.shards, self.problem = shards, problem
        self._piece = Piece(None, problem.data, problem=problem)
        self.sizes = [self._piece.size]

    def map(self, task: Callable, *args: Any) -> Iterator:
        yield task(self._piece, *args)

    def within(self, options):
        """The options for a task."""
        return options


class Pieces:
    """An engine whose pieces are found to be what they were in the first pass, or an error names the one that is not.
    Answers of None are left out.

    tell(k, n) : is called when k of n pieces are done.
    """

    def __init__(self, engine: Engine, tell: Callable[[int, int], None] | None = None):
        self.names, self.shards = list(engine.names), frozenset(engine.names)
        self.sizes: Any = None  # of the pieces, (sequences, steps), since the first pass
        self._engine, self._tell = engine, tell

    def map(self, task: Callable, *args: Any) -> Iterator:
        sizes, n = [], len(self.names)
        for k, (size, answer, error) in enumerate(self._engine.map(_sized, task, *args)):
            if self.sizes is not None and size != self.sizes[k]:
                raise ValueError(
                    f"shard {shown(self.names[k])} has changed since the fit began: it had {_size(*self.sizes[k])}, "
                    f"now it has {_size(*size)}"
                )
            if error is not None:
                raise error
            sizes.append(size)
            if self._tell is not None:
                self._tell(k + 1, n)
            if answer is not None:
                yield answer
        self.sizes = sizes

    def within(self, options):
        """The options for a task, which has one thread."""
        return options._replace(n_jobs=1, rng=None)


def _size(n_sequences, n_steps):
    return f"{n_sequences} sequences and {n_steps} steps"


def _sized(piece, task, *args):
    """(the size of the piece, the answer to a task, its error): an error may come of a size that is not what it was."""
    if not piece.data.n_steps and task not in (look, cut):  # it would add nothing
        return piece.size, None, None
    try:
        return piece.size, entitled(piece, task, *args), None
    except Exception as error:
        return piece.size, None, error


def entitled(piece, task, *args):
    """The answer to a task; an error names the piece."""
    try:
        return task(piece, *args)
    except (TypeError, ValueError, MemoryError) as error:
        if piece.name is not None:
            entitle(error, f"shard {shown(piece.name)}")
        raise


class Sums(dict):
    """Arrays by name, which add up name by name."""

    def __add__(self, other):
        return Sums({name: value + other[name] for name, value in self.items()})

    def __radd__(self, other):
        return self if isinstance(other, int) else NotImplemented  # what sum() begins with


def survey(family, data) -> tuple[Emission, Survey]:
    """The emission that learns from these data, and what it must know of all data before its first step."""
    emission = choose(family, data)
    checks.frozen_given(emission)
    counts = {"n_sequences": n_filled(data.bounds), "n_steps": data.n_steps, "n_columns": {data.n_columns}}
    return emission, Survey({type(emission).__name__: emission.survey(data), **counts})


def posed(structure, emission, data, labels=None, weight=None, ended=None, counting=False) -> Problem:
    """The Problem of these data, which waits for parameters.

    counting : if the state of every step is known, the problem is only counted and needs no rows."""
    observed, known = emission.check(data), resolve(labels, data, structure.states, "y")
    ended = checks.ended_sequences(ended, data, structure.ends)
    if known is not None and known.path is not None:
        checks.agreeing_labels(known.path, data, structure, "y", ended)
    final = None if structure.endprob is not None else structure.allowed
    if counting and known is not None and known.complete:
        return pose(data, observed, ended=ended, weight=weight)._replace(known=known, final=final)
    return pose(
        data, observed, ends=structure.ends, final=final, known=known, ended=ended, weight=weight, learning=True
    )


# The first pass: what there is ---------------------------------------------------------------------------------------


class Found(NamedTuple):
    """What the first pass finds in a piece."""

    emission: Emission | None  # None: it holds nothing that could tell
    survey: Survey | None
    labels: Sequences | Weights | None  # the distinct ones, or no rows of weights; None: none
    labelled: tuple[int, int]  # the number of sequences of which a label is known, and of their steps
    ids: tuple | None  # as of `Piece`
    columns: tuple | None  # their names


def look(piece, family) -> Found:
    data, emission, seen = piece.data, None, None
    if data.n_steps and not (isinstance(family, str) and family == "auto" and data.kind == NO_STEPS):
        emission, seen = survey(family, data)
    labels = piece.labels
    if isinstance(labels, Sequences):
        labels = with_gaps(labels)
        if labels is not None:
            require_names(labels, "y")
    told = _told(data, labels)
    n_told, n_steps = int(told.sum()), int(np.diff(data.bounds)[told].sum())
    return Found(emission, seen, _distinct(labels), (n_told, n_steps), piece.ids, data.names if data.n_steps else None)


def _told(data, labels):
    """(S,) bool: the sequences of which some state is known."""
    lengths = np.diff(data.bounds)
    if labels is None:
        return np.zeros(len(lengths), dtype=bool)
    if isinstance(labels, Weights) or labels.missing is None:
        return lengths > 0
    known = np.append(0, np.cumsum(~labels.missing))[data.bounds]
    return np.diff(known) > 0


def _distinct(labels):
    """The distinct labels, as labels of one sequence."""
    if isinstance(labels, Weights):
        return labels._replace(table=labels.table[:0])
    if labels is None or not labels.n_steps:
        return None
    values = labels.values
    if labels.missing is not None:
        values = reading.selected(Steps(values, labels.kind), ~labels.missing).values
    values = np.unique(values) if isinstance(values, np.ndarray) else sorted(set(values))
    bounds = np.array([0, len(values)], dtype=np.int64)
    return Sequences(values, bounds, labels.kind, None, "one", None, labels.categories)


# The second pass: what starts see ------------------------------------------------------------------------------------


class Cut(NamedTuple):
    """What starts see of a piece, and facts for the report."""

    data: Sequences
    labels: Sequences | Weights | None
    places: list  # of its sequences, in words
    n_missing: int
    n_known: int
    labelled: bool  # whether all that is known are labels
    notes: dict  # as of `Observed`


def cut(piece, told, emission, chosen) -> Cut:
    """The stretches of a piece that are in the sample. chosen : `Chosen` of all pieces."""
    data, labels = piece.data, piece.labels
    if not data.n_steps:
        return Cut(data, None, [], 0, 0, True, {})
    problem = piece.problem(told, emission)
    observed, known = problem.observed, problem.known
    s, begin, end = chosen.of(piece.name, data.bounds, _told(data, labels))
    keys = range(data.n_sequences) if data.keys is None else data.keys
    places = [Place(piece.name, keys[k], a) for k, a in zip(s.tolist(), (begin - data.bounds[s]).tolist(), strict=True)]
    if isinstance(labels, Weights):
        labels = labels._replace(table=labels.table[reading.within(begin, end, data.n_steps)])
    elif labels is not None:
        labels = labels.cut(begin, end)
    n_missing = n_equal(observed.index, len(observed.distinct))
    n_known, labelled = (0, True) if known is None else (known.n_known, known.path is not None)
    return Cut(data.cut(begin, end), labels, places, n_missing, n_known, labelled, dict(observed.notes))


class Place:
    """Where a sequence of the sample is from; shown in errors."""

    def __init__(self, shard, sequence, first):
        self.shard, self.sequence, self.first = shard, sequence, first

    def __repr__(self):
        later = f" (from step {self.first} on)" if self.first else ""
        return f"{shown(self.sequence)} of shard {shown(self.shard)}{later}"


# Passes of EM --------------------------------------------------------------------------------------------------------


def expect(piece, told, parameters, options) -> Statistics:
    """The E-step."""
    problem = piece.problem(told, parameters[2])
    return replace(e_step.expectation(problem.under(*parameters), options, piece.scratch), digest=None)


def likelihood(piece, told, parameters, options) -> float:
    problem = piece.problem(told, parameters[2]).under(*parameters)
    return e_step.total_loglik(inference.log_likelihood(problem, options.n_jobs), problem)


def little(piece, told, emission, mass, n_seen) -> Sums:
    """The statistics of a little of all values, equally in all states: of a mass for all n_seen steps together."""
    observed, n = piece.problem(told, emission).observed, told.structure.n
    values = observed.distinct
    times = tally(observed.index, len(values) + 1)[:-1] if observed.shared else np.broadcast_to(1, len(values))
    total: Any = 0
    for where in windows(len(values), inference.BUDGET // (8 * n)):
        weights = np.repeat((mass * times[where] / max(n_seen, 1))[:, None], n, axis=1)
        total = total + Sums(emission.statistics(values[where], weights))
    return total


# Passes over labels ---------------------------------------------------------------------------------------------------


def counted(piece, told, emission) -> Statistics:
    """Counts of the states, all of which are known."""
    start, trans, _, end = piece.counts(told, emission)
    tallies = emission.statistics(*labelled_values(piece, told, emission))
    n, n_steps = piece.size
    return Statistics(start, trans, tallies, 0.0, n, n_steps, end=end)


def labelled_values(piece, told, emission):
    """(distinct values, how often each goes with each state)."""
    return piece.problem(told, emission).observed.distinct, piece.counts(told, emission)[2]


def tallied(piece, told, emission) -> Sums:
    return Sums(emission.statistics(*labelled_values(piece, told, emission)))


def explained(piece, told, emission) -> float:
    return e_step.explained(emission, *labelled_values(piece, told, emission))


def possible_labels(piece, told, emission) -> None:
    problem = piece.problem(told, emission)
    checks.possible_labels(problem.known.path, problem, told.structure, emission)
