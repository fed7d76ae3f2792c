"""Learning: by counting where the states are known, by Baum-Welch (EM) where they are not."""

import copy
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from . import checks, inference, starts
from .acceleration import MEMORY, Run
from .display import Display, duration
from .emissions import Emission, Precomputed, Survey
from .exceptions import ConvergenceWarning, ImpossibleError, entitle, outside
from .fit import Fit, column_names
from .kernel_input import Problem
from .known import Weights, with_gaps
from .memory import n_equal
from .ordering import canonical, exchangeable
from .passes import (
    Chosen,
    Cut,
    Engine,
    Pieces,
    Told,
    Whole,
    chain_loglik,
    counted,
    cut,
    expect,
    explained,
    labelled_values,
    likelihood,
    little,
    look,
    n_sequences,
    notes_of,
    posed,
    possible_labels,
    survey,
    tallied,
)
from .paths import EVIDENCE, require_names
from .report import Progress, twins, unreachable
from .sequences import Sequences, joined, unknown
from .stationary import ascend, settled
from .statistics import Digest, Statistics, log_prior, probabilities, spread
from .structure import Structure, structure_of
from .symbols import shown

PROBED = 1000  # values at which states are compared
AGREE = 0.1  # nats: starts that end so near to each other found the same optimum
ASCENTS = 2  # steps uphill that an M-step takes where startprob follows transmat


def prepared(model, data, seen=None, labels=None, weight=None, ended=None, counting=False):
    """(structure, emission, problem): what a model is told, its emission ready to learn, and the data as a Problem that
    waits for parameters.

    counting : if the state of every step is known, the problem is only counted and needs no rows."""
    if isinstance(labels, Sequences):
        labels = with_gaps(labels)
        if labels is not None:
            require_names(labels, "y")
    emission, own = survey(model.emission, data)
    structure, emission = told_of(model, emission, own if seen is None else seen, own["n_columns"], labels)
    return structure, emission, posed(structure, emission, data, labels, weight, ended, counting)


def told_of(model, emission, seen, n_columns, labels):
    """(structure, emission): what a model is told, and its emission ready to learn.

    seen : the survey of all data. n_columns : the numbers of columns in the data at hand."""
    name, emission = type(emission).__name__, copy.deepcopy(emission)
    if not isinstance(seen, Survey):
        raise TypeError(f"survey = {shown(seen)} must be a Survey, such as sum(model.survey(X) for X in shards)")
    if name not in seen:
        raise ValueError(f"survey is of {next(iter(seen))}, the model learns {name}")
    if seen["n_columns"] != n_columns:
        raise ValueError(f"survey is of data with {min(seen['n_columns'])} columns, sample has {min(n_columns)}")
    structure = structure_of(model, emission, labels)
    emission.prepare(seen[name], structure.n, structure.pseudocount.emission)
    return structure, emission


class Material(NamedTuple):
    """What a fit learns from: all data by passes over them, and what starts see of them."""

    passes: Whole | Pieces
    told: Told
    seen: Problem
    probed: Any  # values at which states are compared
    n_sequences: int
    n_steps: int
    n_missing: int
    n_known: int | None  # steps of which something is known; None: nothing is
    notes: Mapping  # as of `Observed`
    top: float = 1.0  # the largest weight of a sequence

    @property
    def structure(self):
        return self.told.structure

    @property
    def partial(self):
        """Whether starts see less than all data."""
        return len(self.seen.index) < self.n_steps

    @property
    def columns(self):
        return column_names(self.seen.data)


def possible(model, data, labels=None, ended=None):
    """(S,) bool: which sequences are possible where EM starts. What is given may exclude some, never what is drawn."""
    structure, emission, problem = prepared(model, data, None, labels, None, ended)
    start = started(problem, structure, emission, np.random.default_rng(0))
    found = inference.log_likelihood(problem.under(*start.parameters)).loglik > -np.inf
    if not found[np.diff(data.bounds) > 0].any():
        raise ImpossibleError("all sequences are impossible: none is left to learn from", range(len(found)))
    return found


def fit(
    model, data, labels=None, weight=None, ended=None, callback: Callable | None = None, seen=None, n_skipped: int = 0,
    display: Display | None = None, keep: Any = None,
) -> Fit:  # fmt: skip
    """All of Model.fit once its data are read. labels : Sequences of names, or weights of the states.

    seen : the survey of more data than these. n_skipped : how many impossible sequences were left out, for the report.
    keep : the `Checkpoint` of the fit, if it has one.
    """
    options = checks.options(model)
    tell = told_to(model, callback, display)
    structure, emission, problem = prepared(model, data, seen, labels, weight, ended, counting=True)
    known, observed = problem.known, problem.observed
    counting = known is not None and known.complete
    material = Material(
        Whole(problem),
        Told.of(structure, counting),
        problem if counting else starts.sample(problem, structure, emission),
        observed.distinct[:PROBED],
        n_sequences(data),
        data.n_steps,
        n_equal(observed.index, len(observed.distinct)),
        None if known is None else known.n_known,
        observed.notes,
        1.0 if weight is None else float(weight.max()),
    )
    return learn(model, material, emission, options, tell, display, n_skipped, keep)


def fit_pieces(
    model, engine: Engine, callback: Callable | None = None, display: Display | None = None, keep: Any = None
) -> Fit:
    """All of Model.fit for data in pieces, which an engine hands out. What starts see of them is held in memory."""
    options, lines = checks.options(model), [""]
    tell = told_to(model, callback, display, lines)

    def count(k, n):
        if display is not None and display.active:
            display.step(f"{lines[0]}shard {k} of {n}")

    passes = Pieces(engine, count)
    gathered = gather(model, passes)
    structure, emission, cuts = gathered.structure, gathered.emission, gathered.cuts
    if gathered.everything:
        learnt = fit(model, gathered.data, gathered.labels, callback=callback, display=display, keep=keep)
        own: Any = learnt.statistics
        return replace(learnt, statistics=replace(own, shards=passes.shards))
    n_sequences, n_steps = (sum(counts) for counts in zip(*passes.sizes, strict=True))
    n_known = sum(one.n_known for one in cuts)
    counting = n_known == n_steps and all(one.labelled for one in cuts)
    problem = posed(structure, emission, gathered.data, gathered.labels, counting=counting)
    material = Material(
        passes,
        Told.of(structure, counting),
        problem if counting else starts.sample(problem, structure, emission),
        problem.observed.distinct[:PROBED],
        n_sequences,
        n_steps,
        sum(one.n_missing for one in cuts),
        n_known or None,
        notes_of(one.notes for one in cuts),
    )
    return learn(model, material, emission, options, tell, display, keep=keep)


def start_pieces(model, engine: Engine, seen: Survey | None = None) -> Fit:
    """Start values from data in pieces; `started` for those in memory."""
    gathered = gather(model, Pieces(engine), seen)
    structure, emission = gathered.structure, gathered.emission
    problem = posed(structure, emission, gathered.data, gathered.labels)
    return started(problem, structure, emission, checks.options(model).rng)


def survey_pieces(model, engine: Engine) -> Survey:
    """The survey of all pieces."""
    passes = Pieces(engine)
    found = list(passes.map(look, model.emission))
    refuse_other_columns(passes.names, found)
    return survey_of(passes.names, found)


class Gathered(NamedTuple):
    """What two passes find: what a model is told, its emission ready to learn, and what starts see of the data."""

    structure: Structure
    emission: Emission
    data: Sequences
    labels: Sequences | Weights | None
    everything: bool  # whether these are all data
    cuts: list[Cut]


def gather(model, passes: Pieces, seen: Survey | None = None) -> Gathered:
    found = list(passes.map(look, model.emission))
    refuse_cut_sequences(passes.names, found)
    refuse_other_columns(passes.names, found)
    own = survey_of(passes.names, found)
    first = next(one for one in found if one.emission is not None)
    labels = distinct_labels(passes.names, [one.labels for one in found])
    structure, emission = told_of(model, first.emission, own if seen is None else seen, own["n_columns"], labels)
    whole = labels is not None or bool(structure.free) or structure.stationary or structure.ends
    chosen = Chosen(passes.names, passes.sizes, [one.labelled for one in found], whole)
    cuts = list(passes.map(cut, Told.of(structure), emission, chosen))
    data, own_labels = sample_of(passes.names, cuts)
    return Gathered(structure, emission, data, own_labels, chosen.everything, cuts)


def refuse_cut_sequences(names, found):
    """ValueError if a piece begins with the id with which the one before it ends."""
    last = None
    for name, one in zip(names, found, strict=True):
        if one.ids is None:
            continue
        if last is not None and last[1] == one.ids[0]:
            raise ValueError(
                f"shard {shown(name)} begins with the id {shown(last[1])}, with which shard {shown(last[0])} ends, and "
                "a sequence cannot go on in the next shard: cut the data between ids, or give ids that differ"
            )
        last = name, one.ids[1]


def refuse_other_columns(names, found):
    """ValueError if pieces have columns of other names, or in another order."""
    first = None
    for name, one in zip(names, found, strict=True):
        if one.columns is None:
            continue
        if first is None:
            first = name, one.columns
        elif one.columns != first[1]:
            raise ValueError(
                f"shard {shown(name)} has the columns {shown(list(one.columns))}, shard {shown(first[0])} "
                f"{shown(list(first[1]))}; chmm.shards(..., columns=[...]) says which, in one order"
            )


def survey_of(names, found) -> Survey:
    """The survey of all pieces; an error names the piece that does not agree with those before it."""
    total: Any = 0
    for name, one in zip(names, found, strict=True):
        if one.survey is not None:
            try:
                total = total + one.survey
            except (TypeError, ValueError) as error:
                entitle(error, f"shard {shown(name)}, beside those before it")
                raise
    if total == 0:
        raise ValueError("the shards hold no steps to learn from")
    return total


def distinct_labels(names, labels):
    """The labels of all pieces as those of one; None if there are none."""
    some = [(name, part) for name, part in zip(names, labels, strict=True) if part is not None]
    if not some:
        return None
    weights = [part for _, part in some if isinstance(part, Weights)]
    if weights:
        if len(weights) < len(some) or len({part.table.shape[1] for part in weights}) > 1:
            raise ValueError("y holds labels in some shards and weights of states in others; all must be alike")
        return weights[0]
    all_labels = joined([part for _, part in some], [name for name, _ in some], ("all",), "y")
    return replace(all_labels, bounds=all_labels.bounds[[0, -1]], form="one", keys=None)


def sample_of(names, cuts):
    """(Sequences, labels or None) of what was cut from the pieces."""
    some = [(name, one) for name, one in zip(names, cuts, strict=True) if one.data.n_steps]
    places = tuple(place for _, one in some for place in one.places)
    data = joined([one.data for _, one in some], [name for name, _ in some], places)
    labels = [one.labels for _, one in some]
    weights = next((part for part in labels if isinstance(part, Weights)), None)
    if weights is not None:
        n = weights.table.shape[1]
        tables = [np.ones((one.data.n_steps, n)) if one.labels is None else one.labels.table for _, one in some]
        return data, weights._replace(table=np.concatenate(tables))
    if all(part is None for part in labels):
        return data, None
    return data, joined(
        [unknown(one.data) if one.labels is None else one.labels for _, one in some], [name for name, _ in some],
        places, "y",
    )  # fmt: skip


def told_to(model, callback, display, lines=None):
    """A function of (a function that gives what was learnt, what is told), for those who watch the fit; None: nobody
    does. lines[0] becomes the last line that was shown."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback = {shown(callback)} must be a function that takes a Progress, or None")
    if callback is None and (display is None or not display.active):
        return None

    def tell(learnt, **told):
        progress = Progress(model=lambda: model._with(learnt()), **told)
        if display is not None:
            display.step(str(progress))
            if lines is not None:
                lines[0] = f"{progress}, "
        return callback is not None and callback(progress)

    return tell


def learn(model, material, emission, options, tell, display, n_skipped=0, keep=None) -> Fit:
    """Count if the states are known, else follow EM; and say what was met."""
    if keep is not None:
        keep.begin(material, emission, options.rng)
    if material.told.counting:
        learnt = supervised(material, emission, options.rng)
    else:
        told_apart = material.n_known is not None or not unordered(model, material.structure, emission)
        if options.state_order is None or told_apart:
            options = options._replace(state_order=None)
        learnt = baum_welch(material, emission, options, tell, keep)
    facts = report(material, learnt) | ({"impossible_sequences": n_skipped} if n_skipped else {})
    learnt = replace(learnt, emission=learnt.emission.published(), report=facts)
    if keep is not None:
        keep.finish(learnt)
    if display is not None:
        display.result(f"{learnt.outcome()}, {duration(display.seconds)}")
    return learnt


def unordered(model, structure, emission):
    """Whether nothing that is given tells one state from another."""
    given = (model.states, structure.startprob, structure.transmat, structure.allowed, structure.topology)
    fixed = isinstance(emission, Precomputed) or emission.partly_given or not emission.exchangeable
    return all(value is None for value in given) and not fixed and exchangeable(structure.pseudocount, structure.n)


# Labelled data --------------------------------------------------------------------------------------------------------


def supervised(material, emission, rng):
    """Supervised learning: relative frequencies of the states, which go with the observations."""
    passes, told, structure = material.passes, material.told, material.structure
    if emission.max_inner_iter > 1:  # its statistics may need parameters
        source = passes if isinstance(passes, Whole) else Whole(material.seen)
        for distinct, weights in source.map(labelled_values, told, emission):
            emission.start(distinct, weights, rng)
    statistics = sum(passes.map(counted, told, emission))
    anchor = copy.copy(emission)
    statistics = replace(statistics, digest=Digest(None, None, anchor), shards=passes.shards)

    def tally(emission):
        return sum(passes.map(tallied, told, emission))

    def fits(emission):
        return sum(passes.map(explained, told, emission))

    settle(emission, statistics.emission, tally, fits, material.n_steps)
    fit = fits(emission)
    if fit == -np.inf:
        list(passes.map(possible_labels, told, emission))
    startprob, transmat = maximise(structure, statistics)
    endprob = maximise_end(structure, statistics)
    chain = chain_loglik(statistics.start, statistics.trans, statistics.end, startprob, transmat, endprob)
    return Fit(
        startprob, transmat, emission, structure.states, structure.allowed, material.columns,
        np.empty(0), loglik=float(chain + fit), statistics=statistics, anchor=anchor, report={"stopped": "labels"},
        endprob=endprob,
    )  # fmt: skip


def settle(emission, tallies, tally, fits, n_steps):
    """Update to the maximiser; again and again where statistics depend on the parameters, as a mixture's do.

    tally(emission) : the statistics that it takes. fits(emission) : log P of the values."""
    before, looked, look = -np.inf, 0, 1
    for k in range(1, emission.max_inner_iter + 1):
        emission.update(tallies)
        if k == emission.max_inner_iter:
            break
        if k == look and emission.max_inner_iter > 2:  # rarely: the objective costs more than a round
            objective = fits(emission) + emission.log_prior()
            if objective - before <= 1e-9 * n_steps * (k - looked):
                break
            before, looked, look = objective, k, k + 1 + k // 4
        tallies = tally(emission)


# The M-step of the chain ----------------------------------------------------------------------------------------------


def maximise(structure, statistics, startprob=None, transmat=None):
    """(startprob, transmat): the maximisers. A row without evidence stays as it was, or as given, or is uniform."""
    start = _rows(structure, "startprob", statistics.start, startprob)
    if not structure.stationary:
        return start, _rows(structure, "transmat", statistics.trans, transmat)
    free, counts = structure.free.get("transmat", True), structure.pseudocount
    n_ascents = ASCENTS
    if transmat is None:  # counts of labels alone: there is no next step of EM
        n_ascents = 1000
        transmat = structure.transmat
    if transmat is None:
        transmat = _rows(structure, "transmat", statistics.trans + 1 / structure.n, None)
    transmat = ascend(
        transmat,
        statistics.start + spread(counts.startprob, statistics.start.shape),
        statistics.trans + spread(counts.transmat, statistics.trans.shape),
        np.full(statistics.trans.shape, free) & ~np.asarray(structure.held("transmat")),
        n_ascents,
    )
    return settled(transmat), transmat


def _rows(structure, name, counts, before):
    """The maximiser of one parameter, whose rows share no parameters."""
    free, given = structure.free.get(name), getattr(structure, name)
    if before is None:
        before = given
    if before is None:
        before = np.full(counts.shape, 1 / structure.n) if free is None else free / free.sum(axis=-1, keepdims=True)
    return probabilities(counts, before, getattr(structure.pseudocount, name), free, structure.held(name))


def maximise_end(structure, statistics, endprob=None):
    """(N,), the share of ends among ends and goings-on in each state, the maximiser; None if there are no ends."""
    if structure.endprob is None:
        return None
    counts = end_or_go(statistics.end, statistics.trans.sum(axis=1))
    first = end_or_go(structure.endprob)
    before = first if endprob is None else end_or_go(endprob)
    return probabilities(counts, before, *_end_options(structure))[:, 0]


def _end_options(structure):
    """(pseudocount, free, held) of the (N, 2) table of ends and goings-on: both get the pseudocount."""
    pseudocount, held = structure.pseudocount.endprob, structure.held("endprob")
    column = pseudocount if np.ndim(pseudocount) == 0 else np.broadcast_to(pseudocount, structure.n)[:, None]
    return column, end_or_go(structure.endprob) > 0, held if held is True or held is False else held[:, None]


def end_or_go(end, go=None):
    """(N, 2): what ends, and what goes on."""
    return np.stack([end, 1 - end if go is None else go], axis=1)


def prior(structure, startprob, transmat, emission, endprob=None):
    """What the objective holds beside log P."""
    told = (("startprob", startprob), ("transmat", transmat))
    return (
        emission.log_prior()
        + sum(
            log_prior(probs, getattr(structure.pseudocount, name), structure.free.get(name), structure.held(name))
            for name, probs in told
        )
        + (0.0 if endprob is None else log_prior(end_or_go(endprob), *_end_options(structure)))
    )


# Baum-Welch -----------------------------------------------------------------------------------------------------------


class Point(NamedTuple):
    """Parameters, and what an E-step found at them."""

    startprob: np.ndarray
    transmat: np.ndarray
    emission: Emission
    endprob: np.ndarray | None
    statistics: Statistics
    objective: float

    @property
    def parameters(self):
        return self[:4]


class EM:
    """The two steps of EM, over all pieces of the data."""

    def __init__(self, passes, told, options):
        self.passes, self.told, self.options = passes, told, options

    def expect(self, parameters) -> Point:
        startprob, transmat, emission, endprob = parameters
        statistics = sum(self.passes.map(expect, self.told, parameters, self.passes.within(self.options)))
        statistics = replace(statistics, digest=Digest(*parameters), shards=self.passes.shards)
        objective = statistics.loglik + prior(self.told.structure, *parameters)
        return Point(startprob, transmat, emission, endprob, statistics, objective)

    def maximise(self, point, statistics):
        return step(self.told.structure, statistics, *point.parameters)


class Halt(Exception):
    """The callback asked a fit to stop, or raised the error that caused this one: which is no failure of a run."""


class Search(NamedTuple):
    """How the search for a start went."""

    alike: list  # pairs of states that were given the same start values
    fates: list  # of the starts
    k: int  # of the start that is followed
    own: bool = True  # whether the run that is followed is that start's, rather than one that began where it ended
    n_moved: int = 0  # states
    misses: int = 0  # states that it did not lead higher to move, in a row
    over: bool = False  # whether the run that is followed is the last one, which sees all data

    def known(self, run):
        """The fates, when the run that is followed has come so far."""
        return [*self.fates[: self.k], Fate.of(run), *self.fates[self.k + 1 :]] if self.own else self.fates

    def left(self, run):
        """When another run goes on where this one ended."""
        return self._replace(fates=self.known(run), own=False)


class Fate(NamedTuple):
    """What became of a start."""

    objective: float
    failed: bool
    n_dropped: int

    @classmethod
    def of(cls, run):
        return cls(run.history[-1] if run.history else -np.inf, run.failed, run.n_dropped)


def baum_welch(material, emission, options, tell=None, keep=None):
    """EM from several starts, of which the best is followed to its end.

    keep : is told of the leading run before each trial to move a state, and of each step of the last run; it may know
        such a run to go on with.
    """
    passes, told, seen, structure = material.passes, material.told, material.seen, material.structure
    max_iter, hard = options.max_iter, options.training == "viterbi"
    accelerate = options.accelerate and not hard
    tol = options.tol * material.top
    began = time.monotonic()
    search = state = None
    if keep is not None and keep.resumed is not None:
        search, state = keep.resumed

    def watch(k, run):
        if keep is not None and search is not None and search.over:
            keep.step(search, run.state(), so_far(material, run))
        if tell is None:
            return
        facts = {"start": k, "n_starts": n_starts, "step": run.n_steps, "seconds": time.monotonic() - began}
        facts |= {"objective": run.history[-1], "gain": run.gain, "left": run.left}
        try:
            stop = bool(tell(partial(so_far, material, run), **facts))
        except Exception as error:
            raise Halt from error
        if stop:
            raise Halt

    def follow(em, start, k, memory=MEMORY):
        return Run(em, start, tol, accelerate, memory, None if tell is keep is None else partial(watch, k))

    def leader(runs):
        return max((run for run in runs if run.history), key=lambda run: run.history[-1])

    def pursue(begun, goal):
        nonlocal stage
        tried = [follow(em, start, search.k, MEMORY // len(begun)) for start in begun]
        stage = [leader(stage), *tried]
        return starts.pursued(tried, goal, max_iter)

    def leads(run, misses, n_moved):
        nonlocal search
        search = search._replace(own=search.own and run is first, misses=misses, n_moved=n_moved)
        if keep is not None:
            keep.step(search, run.state(), so_far(material, run))

    em = EM(Whole(seen), told, options)
    whole = EM(passes, told, options) if material.partial else em
    halted = False
    try:
        if search is None:
            movable, n_init = starts.free(seen, structure, emission), options.n_init
            if n_init == "auto":
                n_init = starts.enough(structure.n, emission.exchangeable)
            drawn = starts.draw(seen, structure, emission, n_init, options.rng)
            alike, n_starts = identical(seen, structure, emission, drawn[0]), len(drawn)
            runs = stage = [follow(em, start, k, MEMORY // len(drawn)) for k, start in enumerate(drawn)]
            run = starts.race(runs, max_iter)
            movable = movable and len(runs) > 1 and max_iter >= starts.TRIED
            if movable:
                run.advance(starts.TRIED - run.n_steps)
            search = Search(alike, list(map(Fate.of, runs)), runs.index(run), misses=0 if movable else starts.MISSES)
        else:
            n_starts, run = len(search.fates), follow(whole if search.over else em, None, search.k)
            run.restore(state)
            stage = [run]
        first = run
        if search.misses < starts.MISSES:
            run, n_moved = starts.exchange(run, em, pursue, options.rng, search.misses, search.n_moved, leads)
            leads(run, starts.MISSES, n_moved)
        if material.partial and not search.over:
            run.advance(min(starts.ON_PIECES, max_iter - run.n_steps))
            search, run = search.left(run), follow(whole, widened(material, run.point), search.k)
        search = search._replace(over=True)
        run.advance(max_iter - run.n_steps)
    except Halt as halt:
        if halt.__cause__ is not None:
            raise halt.__cause__ from None
        halted = True
        if search is None or not search.over:
            run = leader(stage)
            if search is None:
                search = Search(alike, list(map(Fate.of, runs)), runs.index(run))
            else:
                search = search._replace(own=search.own and run is first)
            if material.partial:
                search, run = search.left(run), Run(whole, widened(material, run.point), tol, accelerate)
                run.advance(1)
            search = search._replace(misses=starts.MISSES, over=True)
    if keep is not None:
        keep.step(search, run.state(), so_far(material, run))
    return finished(material, whole, run, search, options, halted)


def finished(material, em, run, search, options, halted=False) -> Fit:
    """What a run has learnt in the end; halted : whether the callback ended it."""
    point, parameters, onward = run.point, run.point.parameters, not (run.stopped or halted)
    if onward:
        parameters = em.maximise(point, point.statistics)
    if options.state_order is not None:
        visits = point.statistics.start + point.statistics.trans.sum(axis=0)
        order = canonical(parameters[2], visits)
        if (np.diff(order) < 0).any():
            point = em.expect(reordered(point.parameters, order))
            parameters = em.maximise(point, point.statistics) if onward else point.parameters
    loglik = point.statistics.loglik
    if onward or options.training == "viterbi":
        passes = material.passes
        loglik = sum(passes.map(likelihood, material.told, parameters, passes.within(options)))
    for message in complaints(run, options, search.alike, onward):
        warnings.warn(message, ConvergenceWarning, stacklevel=outside())  # at the line that called fit
    why = "callback" if halted else "fall" if run.fell else "tol" if run.converged else "max_iter"
    facts = {"stopped": why, **followed(search, run), **({"n_moved": search.n_moved} if search.n_moved else {})}
    if search.alike:
        facts["identical_starts"] = search.alike
    return so_far(material, run, point, parameters, loglik, facts)


def complaints(run, options, alike, onward):
    """What a user should hear about a fit that is over; onward : whether EM would have gone on."""
    if alike:
        names = " and ".join(shown(name) for name in alike[0])
        yield (
            f"the states {names} were given the same parameters, so that EM cannot tell them apart: give start values "
            "that differ, or none"
        )
    if run.fell:
        yield (
            f"EM stopped because a step lowered the objective, from {run.history[-1]:.9g} to {run.fallen:.9g}: the "
            "numbers are too large for this emission (rescale them), or, if it is your own, its update is no maximiser"
        )
    elif onward:
        yield (
            f"EM stopped after max_iter = {options.max_iter} steps, before the gain fell to tol = {options.tol}; fit "
            "with a larger max_iter, or a larger tol if the fit is good enough"
        )


def so_far(material, run, point=None, parameters=None, loglik=None, facts=None) -> Fit:
    """What a run has learnt until now."""
    point = run.point if point is None else point
    startprob, transmat, emission, endprob = point.parameters if parameters is None else parameters
    return Fit(
        startprob.copy(), transmat.copy(), emission.published(), material.structure.states, material.structure.allowed,
        material.columns, np.array(run.history), len(run.history), run.converged,
        point.statistics.loglik if loglik is None else loglik, point.statistics, point.emission, facts or {},
        endprob=endprob,
    )  # fmt: skip


def followed(search, run):
    """What became of the starts: facts for the report."""
    fates = search.known(run)
    best = max(fate.objective for fate in fates)
    facts = {"n_starts": len(fates), "n_agreed": sum(best - fate.objective < AGREE for fate in fates)}
    n_failed = sum(fate.failed for fate in fates)
    n_dropped = sum(fate.n_dropped for fate in fates) + (0 if search.own else run.n_dropped)
    facts |= {name: n for name, n in (("n_failed", n_failed), ("n_dropped", n_dropped)) if n}
    return facts | ({"left": float(run.left)} if np.isfinite(run.left) else {})


def identical(problem, structure, emission, start):
    """Pairs of states that were given the same start values; what is drawn tells them apart."""
    if structure.startprob is None or structure.transmat is None or not emission.complete:
        return []
    if problem.known is not None:
        return []
    return named_pairs(apart_by_end(twins(*start[:3], problem.observed.distinct[:PROBED]), start[3]), structure)


def apart_by_end(pairs, endprob):
    """Without the pairs of states that end with unlike probabilities."""
    return [pair for pair in pairs if endprob is None or endprob[pair[0]] == endprob[pair[1]]]


def named_pairs(pairs, structure):
    return [[structure.states.names[i] for i in pair] for pair in pairs]


def reordered(parameters, order):
    startprob, transmat, emission, endprob = parameters
    end = None if endprob is None else endprob[order]
    return startprob[order], transmat[np.ix_(order, order)], emission.reordered(order), end


def started(problem, structure, emission, rng) -> Fit:
    """Start values, as one start of a fit."""
    seen = starts.sample(problem, structure, emission)
    (start,) = starts.draw(seen, structure, emission, 1, rng)
    startprob, transmat, drawn, endprob = start
    columns = column_names(problem.data)
    return Fit(
        startprob, transmat, drawn, structure.states, structure.allowed, columns, np.empty(0), converged=False,
        endprob=endprob,
    )  # fmt: skip


def widened(material, point):
    """The M-step from pieces of the data, and a little of all of it: what no piece showed must not be impossible."""
    top, told, seen = material.top, material.told, point.statistics
    n_seen = material.n_steps - material.n_missing
    extra = sum(material.passes.map(little, told, point.emission, top, n_seen))
    emission = {key: value + extra[key] for key, value in seen.emission.items()}
    end = None if seen.end is None else seen.end + 0.01 * top
    start, trans = seen.start + 0.01 * top, seen.trans + 0.01 * top
    more = replace(seen, start=start, trans=trans, emission=emission, end=end)
    return step(told.structure, more, *point.parameters)


def step(structure, statistics, startprob, transmat, emission, endprob=None):
    """The M-step: new (startprob, transmat, emission, endprob)."""
    emission = copy.copy(emission)
    emission.update(statistics.emission)
    end = maximise_end(structure, statistics, endprob)
    return *maximise(structure, statistics, startprob, transmat), emission, end


def next_fit(structure, statistics, fit) -> Fit:
    """An EM step by hand, from statistics that were taken with the parameters of `fit`."""
    if not isinstance(statistics, Statistics):
        raise TypeError(f"statistics = {shown(statistics)} must be Statistics, such as model.e_step(X)")
    parameters = fit.parameters
    if statistics.digest is not None and statistics.digest != Digest(*parameters):
        raise ValueError(
            "these statistics were made with other parameters: call m_step of the model whose e_step took them"
        )
    history = np.append(fit.history, statistics.loglik + prior(structure, *parameters))
    startprob, transmat, emission, endprob = step(structure, statistics, *parameters)
    return replace(
        fit, endprob=endprob, startprob=startprob, transmat=transmat, emission=emission.published(), history=history,
        n_iter=fit.n_iter + 1, converged=False, statistics=statistics, loglik=None, anchor=fit.emission,
    )  # fmt: skip


def report(material, learnt):
    """What the fit met, as a dict."""
    statistics, structure = learnt.statistics, material.structure
    visits = statistics.start + statistics.trans.sum(axis=0)
    top = material.top
    alike = twins(learnt.startprob, learnt.transmat, learnt.emission, material.probed)
    twin = named_pairs(apart_by_end(alike, learnt.endprob), structure)
    lost = [structure.states.names[i] for i in unreachable(learnt.startprob, learnt.transmat)]
    dust = int(((learnt.transmat > 0) & (learnt.transmat <= learnt.least_transition)).sum())
    return {
        "n_sequences": statistics.n_sequences,
        "n_steps": statistics.n_steps,
        "kind": material.seen.data.kind,
        **({"labelled": material.n_known} if material.n_known is not None else {}),
        "missing": material.n_missing,
        "states_without_evidence": [
            name for name, mass in zip(structure.states.names, visits, strict=True) if not mass > EVIDENCE * top
        ],
        "structural_zeros": sum(int((~free).sum()) for free in structure.free.values()),
        **({"transitions_without_evidence": dust} if dust else {}),
        **({"twin_states": twin} if twin else {}),
        **({"unreachable_states": lost} if lost else {}),
        **learnt.report,
        **material.notes,
        **learnt.emission.report({name: sums / top for name, sums in statistics.emission.items()}),
    }
