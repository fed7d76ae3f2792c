"""The M-step: Statistics become the parameters that maximise the objective, log P + log prior."""

import copy

import numpy as np

from .stationary import ascend, settled
from .statistics import log_prior, probabilities, spread

ASCENTS = 2  # steps uphill that an M-step takes where startprob follows transmat
ASCENTS_ALONE = 1000  # the same from counts of labels, after which there is no next step of EM


def step(structure, statistics, startprob, transmat, emission, endprob=None):
    """(startprob, transmat, emission, endprob), the next parameters after these."""
    emission = copy.copy(emission)
    emission.update(statistics.emission)
    startprob, transmat, endprob = maximise(structure, statistics, startprob, transmat, endprob)
    return startprob, transmat, emission, endprob


def maximise(structure, statistics, startprob=None, transmat=None, endprob=None):
    """(startprob, transmat, endprob): the chain's part. A row without evidence stays as it was, or as given, or is
    uniform. endprob (N,) is the share of ends among ends and goings-on in each state; None if there are no ends."""
    end = None
    if structure.endprob is not None:
        counts = end_or_go(statistics.end, statistics.trans.sum(axis=1))
        before = end_or_go(structure.endprob if endprob is None else endprob)
        end = probabilities(counts, before, *_end_options(structure))[:, 0]
    start = _rows(structure, "startprob", statistics.start, startprob)
    if not structure.stationary:
        return start, _rows(structure, "transmat", statistics.trans, transmat), end
    free, counts, before = structure.free.get("transmat", True), structure.pseudocount, transmat
    if before is None:
        before = structure.transmat
    if before is None:
        before = _rows(structure, "transmat", statistics.trans + 1 / structure.n, None)
    climbed = ascend(
        before,
        statistics.start + spread(counts.startprob, statistics.start.shape),
        statistics.trans + spread(counts.transmat, statistics.trans.shape),
        np.full(statistics.trans.shape, free) & ~np.asarray(structure.held("transmat")),
        ASCENTS_ALONE if transmat is None else ASCENTS,
    )
    return settled(climbed), climbed, end


def _rows(structure, name, counts, before):
    """The maximiser of one parameter, whose rows share no parameters."""
    free, given = structure.free.get(name), getattr(structure, name)
    if before is None:
        before = given
    if before is None:
        before = np.full(counts.shape, 1 / structure.n) if free is None else free / free.sum(axis=-1, keepdims=True)
    return probabilities(counts, before, getattr(structure.pseudocount, name), free, structure.held(name))


def _end_options(structure):
    """(pseudocount, free, held) of the (N, 2) table of ends and goings-on: both get the pseudocount."""
    pseudocount, held = structure.pseudocount.endprob, structure.held("endprob")
    column = pseudocount if np.ndim(pseudocount) == 0 else np.broadcast_to(pseudocount, structure.n)[:, None]
    return column, end_or_go(structure.endprob) > 0, held if held is True or held is False else held[:, None]


def end_or_go(end, go=None):
    """(N, 2): what ends, and what goes on."""
    return np.stack([end, 1 - end if go is None else go], axis=1)


def prior(structure, startprob, transmat, emission, endprob=None):
    """log prior, what the objective holds beside log P."""
    logs = emission.log_prior()
    told = (("startprob", startprob), ("transmat", transmat))
    logs += sum(
        log_prior(probs, getattr(structure.pseudocount, name), structure.free.get(name), structure.held(name))
        for name, probs in told
    )
    return logs if endprob is None else logs + log_prior(end_or_go(endprob), *_end_options(structure))


def settle(emission, tallies, tally, fits, n_steps):
    """Update an emission to the maximiser; again and again where statistics depend on the parameters, as a mixture's
    do.

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
