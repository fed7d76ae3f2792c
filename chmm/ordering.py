"""The order of states: EM finds them in any order, so that a canonical one is needed to compare fits."""

import copy
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from . import checks, inference, sequences
from .emissions import Emission
from .fit import Fit
from .known import with_gaps
from .paths import require_names, state_path
from .structure import structure_of, without_frames
from .symbols import Symbols, shown

EXACT = 8  # states up to which the best assignment is found exactly


def canonical(emission: Emission, visits: np.ndarray) -> np.ndarray:
    """(N,), the states by their mean in the column that separates them most; by how often they are visited, the most
    frequent first, if the family has no means.

    visits : (N,), expected number of steps in each state. A column separates states by the variance of their means over
    their mean variance (its share of the total variance that the states explain).
    """
    means, variances = emission.mean(), emission.variance()
    if means is None or not np.isfinite(means).all():
        return np.argsort(-visits, kind="stable")
    share = visits / visits.sum() if visits.sum() > 0 else np.full(len(visits), 1 / len(visits))
    between = share @ (means - share @ means) ** 2
    within = share @ variances if variances is not None and np.isfinite(variances).all() else np.ones(len(between))
    column = int(np.argmax(between / (between + within + np.finfo(float).tiny)))
    return np.argsort(means[:, column], kind="stable")


def assignment(agreement: np.ndarray) -> np.ndarray:
    """(N,), for each row of an (N, N) table a column of its own, so that their entries have the largest sum.

    Exact up to 8 rows, by dynamic programming over sets of columns, 2^N N steps; above, greedy from the largest entry.

    >>> import numpy as np
    >>> assignment(np.array([[5, 4], [4, 0]])).tolist()
    [1, 0]
    """
    n = len(agreement)
    if n > EXACT:
        left, order = np.array(agreement, dtype=np.float64), np.empty(n, dtype=np.intp)
        for _ in range(n):
            i, j = divmod(int(left.argmax()), n)
            order[i] = j
            left[i, :] = left[:, j] = -np.inf
        return order
    best: dict = {0: (0.0, ())}  # set of columns taken by the first rows, as bits -> (sum, those columns)
    for row in agreement:
        reached: dict = {}
        for taken, (total, columns) in best.items():
            for j in range(n):
                if not taken >> j & 1:
                    more = total + row[j], (*columns, j)
                    if taken | 1 << j not in reached or more[0] > reached[taken | 1 << j][0]:
                        reached[taken | 1 << j] = more
        best = reached
    return np.array(best[2**n - 1][1], dtype=np.intp)


def likeness(one: Emission, other: Emission, n_draws: int = 200) -> np.ndarray:
    """(N, N), how alike state i of one emission and state j of another of the same kind are: the posterior of j for
    values that i draws, all states of the other being equally likely, and the other way round; their mean. The draws
    are the same at every call."""
    rng = np.random.default_rng(0)
    return 0.5 * (_recognised(one, other, n_draws, rng) + _recognised(other, one, n_draws, rng).T)


def _recognised(one, other, n_draws, rng):
    n = one.n_states
    drawn = one.sample(np.repeat(np.arange(n), n_draws), rng)
    observed = other.check(sequences.read("".join(drawn) if one.kind == "text" else drawn, kind=other.kind))
    logs = other.log_likelihood(observed.distinct)[observed.index]
    top = logs.max(axis=1, keepdims=True)
    share = np.exp(logs - np.where(np.isfinite(top), top, 0.0))
    share /= np.maximum(share.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    return share.reshape(n, n_draws, -1).mean(axis=1)


def confusion(path: np.ndarray, labels: np.ndarray, n_states: int, n_labels: int) -> np.ndarray:
    """(n_states, n_labels), how many steps are in state i and have label j; labels below 0 are unknown."""
    known = labels >= 0
    counts = np.bincount(path[known] * n_labels + labels[known], minlength=n_states * n_labels)
    return counts.reshape(n_states, n_labels)


def permuted(array, name: str, order):
    """Pseudocounts or a mask of a parameter, or of the emission, with the states in another order."""
    n_axes, axes = np.ndim(array), [0] if name == "emission" else [0, 1]
    for axis in axes if name != "emission" or n_axes == 2 else []:
        if axis < n_axes and array.shape[axis] == len(order):
            array = np.take(array, order, axis)
    return array


def exchangeable(counts, n: int) -> bool:
    """Whether pseudocounts are the same in any order of the states: after a turn of all and a swap of two."""
    orders = np.roll(np.arange(n), 1), np.r_[np.arange(n)[:2][::-1], np.arange(n)[2:]]
    return all(np.array_equal(permuted(a, name, order), a) for name, a in counts._asdict().items() for order in orders)


# Models -------------------------------------------------------------------------------------------------------------


def reorder(model, order):
    fit = model._ready()
    n = len(fit.states)
    order = checks.as_array(order, "order")
    if order.shape != (n,) or order.dtype.kind not in "iu" or not np.array_equal(np.sort(order), np.arange(n)):
        raise ValueError(f"order = {shown(order.tolist())} must be a permutation of 0 ... {n - 1}")
    names = fit.states.names if fit.names is None else [fit.states.names[i] for i in order]
    return _rearranged(model, fit, order, names)


def relabel(model, names):
    fit = model._ready()
    if not isinstance(names, Mapping):
        raise TypeError(f"names = {shown(names)} must be a mapping {{old: new}}")
    for old in names:
        if old not in fit.states.codes:
            raise ValueError(f"names holds {shown(old)}, which is not among the states ({fit.states.preview()})")
    left = [name for name in fit.states.names if name not in names]
    if left and any(isinstance(new, str) != isinstance(left[0], str) for new in names.values()):
        raise TypeError(f"names leaves out {shown(left)}, and names cannot be str and int at once: name all states")
    new = [names.get(name, name) for name in fit.states.names]
    return _rearranged(model, fit, np.arange(len(new)), new, new)


def align_with(model, other):
    fit, goal = model._ready(), other._ready()
    if len(fit.states) != len(goal.states):
        raise ValueError(f"the other model has {len(goal.states)} states, this one {len(fit.states)}")
    if fit.emission.kind != goal.emission.kind:
        raise TypeError(f"the other model is one of {goal.emission.kind}, this one of {fit.emission.kind}")
    order = assignment(likeness(goal.emission, fit.emission))
    return _rearranged(model, fit, order, goal.states.names, None if goal.names is None else goal.states.names)


def align_by_labels(model, X, y, lengths=None, ids=None):
    fit = model._ready()
    if y is None:
        raise TypeError("align takes another Model, or sequences and their labels: align(X, y)")
    data = fit.read(X, lengths, ids)
    labels = with_gaps(sequences.labels(y, data))
    if labels is None:
        raise ValueError("y holds no label to align with")
    require_names(labels, "y")
    names = Symbols.learn(labels, "y")
    if len(names) != len(fit.states):
        raise ValueError(f"y holds {len(names)} labels, {names.preview()}, the model has {len(fit.states)} states")
    problem = fit.problem(data)
    path, outcome = inference.viterbi(problem, model.n_jobs)
    problem.require_possible(outcome.step)
    codes = state_path(labels, names, "y", gaps=True)
    codes[codes == len(names)] = -1
    order = assignment(confusion(path, codes, len(names), len(names)).T)
    return _rearranged(model, fit, order, names.names, names.names)


def _rearranged(model, fit: Fit, order, names, told=None):
    """A copy of the model whose state i is what order[i] was, and is called names[i]; its arguments go along, so that
    it can be fitted, saved and asked. told : what its argument `states` shall say; None: as before, in this order."""
    order, states = np.asarray(order), Symbols(names, argument="names")
    structure = structure_of(model, _given(model), known=fit.states)
    other = copy.copy(model)
    if told is not None or without_frames(model, fit.states)["states"] is not None:
        other.states = list(names)
    kept = (np.diff(order) > 0).all()
    if structure.topology is not None and not kept:
        raise ValueError(f"topology={structure.topology!r} says which state follows which: they cannot be reordered")
    if structure.startprob is not None and not structure.stationary:
        other.startprob = structure.startprob[order]
    if structure.transmat is not None:
        other.transmat = structure.transmat[np.ix_(order, order)]
    if structure.endprob is not None and model.endprob is not True:
        other.endprob = structure.endprob[order]
    if structure.allowed is not None:
        other.final_states = [name for name, may in zip(names, structure.allowed[order], strict=True) if may]
    if isinstance(model.frozen, Mapping):
        other.frozen = {name: permuted(mask, name, order) for name, mask in structure.frozen.items()}
    if isinstance(model.pseudocount, Mapping):
        counts = structure.pseudocount._asdict()
        other.pseudocount = {name: permuted(counts[name], name, order) for name in model.pseudocount}
    emission = _given(model)
    if emission is not None and emission.n_states is not None:
        other.emission = emission.reordered(order)
    if model._fit is None:
        return other
    other._fit = replace(
        fit,
        startprob=fit.startprob[order],
        transmat=fit.transmat[np.ix_(order, order)],
        states=states,
        emission=copy.copy(fit.emission).reordered(order).published(),
        allowed=None if fit.allowed is None else fit.allowed[order],
        endprob=None if fit.endprob is None else fit.endprob[order],
        statistics=fit.statistics if kept else None,  # only a family could say which of its rows are of which state
        anchor=fit.anchor if kept else None,
        report=renamed(fit.report, fit.states, states, order),
    )
    return other


def renamed(report, old, new, order):
    """The facts of a report under new names, and in a new order of states."""
    place = np.argsort(order)
    called = {name: new.names[place[i]] for i, name in enumerate(old.names)}
    facts = dict(report)
    for name in ("states_without_evidence", "unreachable_states"):
        if name in facts:
            facts[name] = [called[state] for state in facts[name]]
    for name in ("twin_states", "identical_starts"):
        if name in facts:
            facts[name] = [[called[state] for state in pair] for pair in facts[name]]
    for name in ("cells_without_evidence", "at_limits"):
        if name in facts:
            facts[name] = [(int(place[cell[0]]), *cell[1:]) for cell in facts[name]]
    return facts


def _given(model):
    return model.emission if isinstance(model.emission, Emission) else None
