"""Passes over the data: what learning asks of each piece of them, as functions of a piece whose answers add up.

Data in memory are one piece. Data that are read piece by piece come from an engine, such as that of shards.py, which
applies a function to one piece after the other, in threads or on other machines. Learning sees the sums alone, taken in
the order of the pieces, so that they have the same bits wherever a piece was worked on.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from . import checks, inference, reading, starts
from .emissions import Emission, Survey, choose
from .exceptions import entitle
from .kernel_input import Problem, pose
from .kernels import counting
from .known import Weights, resolve, with_gaps
from .log_space import compensated_sum
from .memory import n_equal, tally
from .parallel import run
from .paths import require_names
from .reading import NO_STEPS, Steps
from .sequences import Sequences
from .statistics import Digest, Statistics
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
        return n_sequences(self.data), self.data.n_steps

    def problem(self, told: Told, emission: Emission) -> Problem:
        """The Problem, which waits for parameters."""
        if self._problem is None or self._token not in ("", told.token):
            self._problem = posed(told.structure, emission, self.data, self.labels, counting=told.counting)
            self._token, self._counts = told.token, None
        return self._problem

    def counts(self, told: Told, emission: Emission) -> tuple:
        """(start, trans, weights of the distinct values, ends) of the states that are known."""
        problem = self.problem(told, emission)
        if self._counts is None:
            path, n = path_of(problem), told.structure.n
            observed = problem.observed
            n_values = len(observed.distinct) + 1
            start, trans, weights = count(path, observed.index, problem.bounds, problem.weight, n, n_values)
            end = None if told.structure.endprob is None else count_ends(problem, path, n)
            self._counts = start, trans, weights[:-1], end
        return self._counts


class Whole:
    """The engine of data in memory, which are one piece."""

    def __init__(self, problem: Problem):
        self.names: list = [None]
        self.shards: frozenset = frozenset()
        self.problem = problem
        self._piece = Piece(None, problem.data, problem=problem)

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


def n_sequences(data):
    return int((np.diff(data.bounds) > 0).sum())


def survey(family, data) -> tuple[Emission, Survey]:
    """The emission that learns from these data, and what it must know of all data before its first step."""
    emission = choose(family, data)
    checks.frozen_given(emission)
    counts = {"n_sequences": n_sequences(data), "n_steps": data.n_steps, "n_columns": {data.n_columns}}
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


SHORTEST = 1000  # steps of a stretch, where there are many pieces


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


class Chosen:
    """Which stretches of the pieces starts see: about `starts.MOST` steps, spread evenly over all data, or everything
    if there is no more. They are whole sequences if the chain's start or end is prescribed, or if states are known:
    then half of these steps are from sequences of which a state is known.

    sizes : of each piece, (sequences, steps). told : the same of the sequences of which a state is known.
    """

    def __init__(self, names, sizes, told, whole):
        sizes, told = np.array(sizes, dtype=np.int64), np.array(told, dtype=np.int64)
        n_steps, most = sizes[:, 1], starts.MOST
        self.everything = int(n_steps.sum()) <= most
        self._windows: dict | None = None  # by name: (K, 2), in steps of the piece
        self._sequences: list = []  # by name, for those that are told and for the others: (K, 2), among their numbers
        if self.everything:
            return
        if not whole:
            n_windows = max(starts.N_PIECES, min(len(names), most // SHORTEST))
            length = most // n_windows
            first = np.linspace(0, n_steps.sum() - length, n_windows).astype(np.int64)
            self._windows = _shared_out(names, n_steps, first, length)
            return
        groups = told, sizes - told
        share = most // sum(bool(group.any()) for group in groups)
        for group in groups:
            n, length = group.sum(axis=0).tolist()
            n_chosen = min(n, max(1, share * n // max(length, 1)))
            first = np.unique(np.linspace(0, max(n - 1, 0), n_chosen).round().astype(np.int64))
            self._sequences.append(_shared_out(names, group[:, 0], first, 1))

    def of(self, name, bounds, told):
        """(the sequence, the first step, the last step + 1) of each stretch of a piece. told : (S,) bool."""
        some = np.diff(bounds) > 0
        if self._windows is not None:
            return stretches(bounds, self._windows.get(name, np.empty((0, 2), dtype=np.int64)))
        s = np.flatnonzero(some)
        if self._sequences:
            masks = some & told, some & ~told
            parts = [
                np.flatnonzero(mask)[chosen.get(name, np.empty((0, 2), dtype=np.int64))[:, 0]]
                for mask, chosen in zip(masks, self._sequences, strict=True)
            ]
            s = np.sort(np.concatenate(parts))
        return s, bounds[s], bounds[s + 1]


def _shared_out(names, counts, first, length):
    """{name: windows (K, 2) in its own numbers}, from windows of a length over all pieces, end to end."""
    ends = np.cumsum(counts)
    windows = np.stack([first, first + length], axis=1)
    found = {}
    for name, a, b in zip(names, (ends - counts).tolist(), ends.tolist(), strict=True):
        mine = windows[(windows[:, 0] < b) & (windows[:, 1] > a)]
        if len(mine):
            found[name] = np.clip(mine, a, b) - a
    return found


def stretches(bounds, windows):
    """(the sequence, the first step, the last step + 1) of each stretch of a sequence within windows (K, 2)."""
    cuts = np.unique(np.concatenate([windows.ravel(), bounds]))
    begin, end = cuts[:-1], cuts[1:]
    inside = np.searchsorted(windows[:, 0], begin, side="right") - 1
    kept = inside >= 0
    kept[kept] = begin[kept] < windows[inside[kept], 1]
    begin, end = begin[kept], end[kept]
    return np.searchsorted(bounds, begin, side="right") - 1, begin, end


# Passes of EM --------------------------------------------------------------------------------------------------------


def expect(piece, told, parameters, options) -> Statistics:
    """The E-step."""
    problem = piece.problem(told, parameters[2])
    return replace(expectation(problem.under(*parameters), options, piece.scratch), digest=None)


def likelihood(piece, told, parameters, options) -> float:
    problem = piece.problem(told, parameters[2]).under(*parameters)
    return total_loglik(inference.log_likelihood(problem, options.n_jobs), problem)


def little(piece, told, emission, mass, n_seen) -> Sums:
    """The statistics of a little of all values, equally in all states: of a mass for all n_seen steps together."""
    observed = piece.problem(told, emission).observed
    times = tally(observed.index, len(observed.distinct) + 1)[:-1]
    weights = np.repeat((mass * times / max(n_seen, 1))[:, None], told.structure.n, axis=1)
    return Sums(emission.statistics(observed.distinct, weights))


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
    return starts.explained(emission, *labelled_values(piece, told, emission))


def possible_labels(piece, told, emission) -> None:
    problem = piece.problem(told, emission)
    checks.possible_labels(path_of(problem), problem, told.structure, emission)


def notes_of(parts) -> dict:
    """The notes of several `Observed`, as of one."""
    found: dict = {}
    for notes in parts:
        for name, value in notes.items():
            if isinstance(value, int):
                found[name] = found.get(name, 0) + value
            else:
                found[name] = dict(Counter(found.get(name, {})) + Counter(value))
    return found


# One piece under its parameters ---------------------------------------------------------------------------------------


def expectation(problem, options, scratch=None, shards=frozenset()) -> Statistics:
    """The E-step: Statistics of all sequences; in hard EM those of their most probable paths, so that EM climbs
    log P(O, path) (segmental k-means, Juang & Rabiner 1990)."""
    if options.training == "viterbi":
        path, outcome = inference.viterbi(problem, options.n_jobs)
        problem.require_possible(outcome.step)
        return of_path(problem, path, total_loglik(outcome, problem), shards)
    emission, chain, weight = problem.rows.emission, problem.chain, problem.weight
    # weights at most 1 inside, so that nothing overflows
    top = 1.0 if weight is None else float(weight.max())
    startprob, transmat, endprob = chain.given
    outcome, labelled = inference.Outcome.of(problem), problem.labelled
    total: Any = None
    parts = inference.counts_in_parts(
        problem, outcome, None if weight is None else weight / top, scratch, options.n_jobs
    )
    problem = problem._replace(rows=copy(problem.rows))  # whose tables may be as large as the data times the states
    for observed, (start, trans, weights, end) in parts:
        weights = weights if top == 1 else top * weights  # no copy unless it must be
        weights = weights if labelled is None else weights + labelled
        sums, own_end = emission.statistics(observed.distinct, weights), None if endprob is None else top * end
        own = Statistics(top * start, top * trans, sums, 0.0, 0, 0, end=own_end)
        total = own if total is None else total + own
    problem.require_possible(outcome.step)
    return replace(
        total,
        loglik=total_loglik(outcome, problem),
        n_sequences=int((np.diff(problem.bounds) > 0).sum()),
        n_steps=int(problem.bounds[-1]),
        digest=Digest(startprob, transmat, emission, endprob),
        shards=shards,
    )


def of_path(problem, path, loglik=None, shards=frozenset()) -> Statistics:
    """The Statistics of one path (T,) under the parameters of the problem; loglik: log P(O, path), if known."""
    emission, (startprob, transmat, endprob) = problem.rows.emission, problem.chain.given
    observed, bounds, n = problem.observed, problem.bounds, problem.chain.n
    n_values = len(observed.distinct) + 1
    start, trans, weights = count(path, observed.index, bounds, problem.weight, n, n_values)
    end = None if endprob is None else count_ends(problem, path, n)
    if loglik is None:
        loglik = chain_loglik(start, trans, end, startprob, transmat, endprob)
        loglik += starts.explained(emission, observed.distinct, weights[:-1])
    return Statistics(
        start,
        trans,
        emission.statistics(observed.distinct, weights[:-1]),
        float(loglik),
        int((np.diff(bounds) > 0).sum()),
        int(bounds[-1]),
        Digest(startprob, transmat, emission, endprob),
        shards,
        end,
    )


def total_loglik(outcome, problem):
    """log P of all sequences, with that of labelled values which the recursions did not see."""
    emission, observed, weight = problem.rows.emission, problem.observed, problem.weight
    loglik = compensated_sum(outcome.loglik if weight is None else outcome.loglik * weight)
    if problem.labelled is None:
        return loglik
    apart = float(starts.explained(emission, observed.distinct, problem.labelled))
    if apart == -np.inf:
        cannot = np.pad(emission.log_likelihood(observed.distinct) == -np.inf, ((0, 1), (0, 1)))
        t = np.flatnonzero(cannot[observed.index, problem.known.path])[::-1]
        s = np.searchsorted(problem.bounds, t, "right") - 1
        step = np.full(problem.n_sequences, -1)
        step[s] = t - problem.bounds[s]
        problem.require_possible(step)
    return loglik + apart


def count(path, index, bounds, weight, n_states, n_values):
    """(start (N,), trans (N, N), weights (n_values, N)): how often each state comes first, follows another, and goes
    with each value. path (T,) int32 or intp, index (T,) int32 or uint8: states and values."""
    start, trans, weights = np.zeros(n_states), np.zeros((n_states, n_states)), np.zeros((n_values, n_states))

    def work(stop):
        counting.count(path, index, bounds, weight, stop, start, trans, weights)

    run([work], len(path) * 3e-9)
    return start, trans, weights


def path_of(problem):
    """(T,) int32, the states, all of which are known."""
    return np.empty(0, dtype=np.int32) if problem.known is None else problem.known.path


def count_ends(problem, path, n):
    """(N,), how often a sequence ends in each state."""
    some = np.diff(problem.bounds) > 0
    some = some if problem.ended is None else some & problem.ended
    last = path[problem.bounds[1:][some] - 1]
    return np.bincount(last, None if problem.weight is None else problem.weight[some], n).astype(np.float64)


def chain_loglik(start, trans, end, startprob, transmat, endprob):
    """log P of what was counted."""
    loglik = xlogy(start, startprob) + xlogy(trans, transmat)
    return loglik if end is None else loglik + xlogy(end, endprob) + xlogy(trans.sum(axis=1), 1 - endprob)


def xlogy(counts, probs):
    """sum counts * log(probs), where 0 log 0 = 0."""
    return (counts * np.log(np.where(counts > 0, probs, 1.0))).sum()


