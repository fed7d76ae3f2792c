"""Learning: by counting where the states are known, by Baum-Welch (EM) where they are not."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from . import checks, inference
from .baum_welch import BaumWelch
from .display import Display, duration
from .e_step import chain_loglik
from .emissions import Precomputed, Survey
from .exceptions import ImpossibleError
from .fit import Fit
from .gathering import gather, in_memory, in_pieces, prepared
from .m_step import maximise, settle
from .ordering import exchangeable
from .passes import Engine, Pieces, Whole, counted, explained, labelled_values, posed, possible_labels, tallied
from .report import Progress, met
from .starts import started
from .statistics import Digest
from .symbols import shown


def possible(model, data, labels=None, ended=None):
    """(S,) bool: which sequences are possible where EM starts. What is given may exclude some, never what is drawn."""
    structure, emission, problem = prepared(model, data, None, labels, None, ended)
    start = started(problem, structure, emission, np.random.default_rng(0))
    found = inference.log_likelihood(problem.under(*start.parameters)).loglik > -np.inf
    if not found[np.diff(data.bounds) > 0].any():
        raise ImpossibleError("all sequences are impossible: none is left to learn from", range(len(found)))
    return found


def fit(
    model, data, labels=None, weight=None, ended=None, callback: Callable | None = None, seen: Survey | None = None,
    n_skipped: int = 0, display: Display | None = None, keep: Any = None,
) -> Fit:  # fmt: skip
    """All of Model.fit once its data are read. labels : Sequences of names, or weights of the states.

    seen : the survey of more data than these. n_skipped : how many impossible sequences were left out, for the report.
    keep : the `Checkpoint` of the fit, if it has one.
    """
    options = checks.options(model)
    tell, _ = told_to(model, callback, display)
    return learn(model, in_memory(model, data, labels, weight, ended, seen), options, tell, display, keep, n_skipped)


def fit_pieces(
    model, engine: Engine, callback: Callable | None = None, display: Display | None = None, keep: Any = None
) -> Fit:
    """The same of data in pieces, which an engine hands out."""
    options = checks.options(model)
    tell, count = told_to(model, callback, display)
    return learn(model, in_pieces(model, Pieces(engine, count)), options, tell, display, keep)


def start_pieces(model, engine: Engine, seen: Survey | None = None) -> Fit:
    """Start values from data in pieces; `started` for those in memory."""
    structure, emission, data, labels, *_ = gather(model, Pieces(engine), seen)
    return started(posed(structure, emission, data, labels), structure, emission, checks.options(model).rng)


def told_to(model, callback, display):
    """(tell, count), for those who watch the fit: functions of (a function that gives what was learnt, what is told),
    and of how many shards of how many are done. tell is None if nobody watches."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback = {shown(callback)} must be a function that takes a Progress, or None")
    shows, line = display is not None and display.active, ""

    def tell(learnt, **facts):
        nonlocal line
        progress = Progress(model=lambda: model._with(learnt()), **facts)
        if shows:
            display.step(text := str(progress))
            line = f"{text}, "
        return callback is not None and callback(progress)

    def count(k, n):
        if shows:
            display.step(f"{line}shard {k} of {n}")

    return tell if shows or callback is not None else None, count


def learn(model, material, options, tell, display, keep, n_skipped=0) -> Fit:
    """Count if the states are known, else follow EM; and say what was met."""
    if keep is not None:
        keep.begin(material, options.rng)
    if material.told.counting:
        learnt = supervised(material, options.rng)
    else:
        if material.n_known is not None or not unordered(model, material.structure, material.emission):
            options = options._replace(state_order=None)
        learnt = BaumWelch(material, options, tell, keep).fit()
    facts = met(material, learnt) | ({"impossible_sequences": n_skipped} if n_skipped else {})
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


def supervised(material, rng) -> Fit:
    """Learning from labels: relative frequencies of the states, which go with the observations."""
    passes, told, structure, emission = material.passes, material.told, material.structure, material.emission
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
    startprob, transmat, endprob = maximise(structure, statistics)
    chain = chain_loglik(statistics.start, statistics.trans, statistics.end, startprob, transmat, endprob)
    return Fit(
        startprob, transmat, emission, structure.states, structure.allowed, material.columns,
        np.empty(0), loglik=float(chain + fit), statistics=statistics, anchor=anchor, report={"stopped": "labels"},
        endprob=endprob,
    )  # fmt: skip
