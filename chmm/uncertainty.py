"""How sure of the parameters: the score vector, the information of the objective, standard errors, the bootstrap.

A model's free parameters as one vector are the coordinates (coordinates.py) of startprob, transmat, endprob and the
emission, in this order.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from . import checks, frames, html, inference, sequences, training
from .coordinates import Coordinates, Entrywise, Simplex, link, link_slope, ratio, unlink
from .display import Display, counted, followed
from .exceptions import quiet
from .fit import Fit
from .parallel import until
from .questions import Question
from .sampling import sample_paths, sample_to_the_end
from .stationary import settled
from .statistics import spread
from .structure import Structure
from .symbols import shown

LARGEST = 500  # free parameters of which `summary` takes the information
STEP = 1e-4  # of the differences of the score, in units of a coordinate
LEAST = 1.0  # observations: what fewer tell of a parameter is no information
NEAR = 1e-6  # a probability nearer to 0 or 1 is at its limit


# The vector -----------------------------------------------------------------------------------------------------------


def coordinates(structure: Structure, fit: Fit) -> dict[str, Coordinates]:
    """The free parameters by name: what is structural, frozen, tied or follows from others has no coordinate."""
    found: dict[str, Coordinates] = {}
    if not structure.stationary:
        found["startprob"] = Simplex(fit.startprob, _movable(structure, "startprob", fit.startprob))
    found["transmat"] = Simplex(fit.transmat, _movable(structure, "transmat", fit.transmat))
    if fit.endprob is not None and structure.endprob is not None:
        movable = _movable(structure, "endprob", fit.endprob) & (structure.endprob < 1)
        found["endprob"] = Entrywise(fit.endprob, movable, (0, 1))
    return found | fit.emission.unconstrained()


def _movable(structure, name, array):
    free = structure.free.get(name)
    return (np.ones(array.shape, dtype=bool) if free is None else free) & ~np.asarray(structure.held(name))


def n_free(parts: Mapping[str, Coordinates]) -> int:
    return sum(part.n for part in parts.values())


def to_vector(parts: Mapping[str, Coordinates]) -> np.ndarray:
    return np.concatenate([np.empty(0), *(part.vector() for part in parts.values())])


def names(parts: Mapping[str, Coordinates]) -> list[str]:
    """For each coordinate the entry that it stands for."""
    return [called(name, place, part) for name, part in parts.items() for place in part.places]


def called(name, place, part):
    """transmat[0, 1], as one would write it; a single column is left out."""
    column = len(place) == 2 and np.shape(part.array)[1] == 1
    return f"{name}[{', '.join(map(str, place[:1] if column else place))}]"


def with_vector(structure: Structure, fit: Fit, parts: Mapping[str, Coordinates], vector) -> Fit:
    """The parameters of a vector; what has no coordinate is as in `fit`."""
    ends = np.cumsum([part.n for part in parts.values()])[:-1]
    pieces = np.split(vector, ends)
    arrays = {name: part.restored(piece) for (name, part), piece in zip(parts.items(), pieces, strict=True)}
    transmat = arrays["transmat"]
    startprob = settled(transmat) if structure.stationary else arrays["startprob"]
    if not np.isfinite(startprob).all():
        raise ValueError(
            "the vector has log odds so large that transitions have probability 0, and not every state is reached from "
            "every other: there is no stationary distribution to start in"
        )
    return replace(
        fit, startprob=startprob, transmat=transmat,
        endprob=arrays.get("endprob", fit.endprob), emission=fit.emission.replaced(arrays).published(),
        history=np.empty(0), n_iter=0, converged=False, loglik=None, statistics=None, anchor=None, report={},
    )  # fmt: skip


def check_vector(vector, n):
    array = checks.as_floats(vector, "vector")
    if array.shape != (n,):
        raise ValueError(f"vector has shape {array.shape}; this model has {n} free parameters, so it must be ({n},)")
    if not np.isfinite(array).all():
        k = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"vector[{k}] = {array[k]} must be a finite number")
    return array


# The score vector -----------------------------------------------------------------------------------------------------


class ScoreVector:
    """Derivatives of log P(O), or of the objective, which has the prior too: by Fisher's identity they are those of the
    expected log P(O, Q), where the expectation is that of an E-step at these very parameters."""

    def __init__(self, structure, asked: Question, n_jobs=1):
        self.structure, self.problem = structure, asked.problem()
        self.n_jobs, self.scratch = n_jobs, inference.Scratch()

    def counts(self, fit):
        """(start (N,), trans (N, N), weights by value, ends (N,)), expected."""
        problem = self.problem.under(*fit.parameters)
        counts, outcome = inference.expected_counts(problem, None, self.scratch, self.n_jobs)
        problem.require_possible(outcome.step)
        return counts

    def vector(self, fit, parts, with_prior=False):
        """By the coordinates at the parameters of `fit`."""
        slopes = self.slopes(fit, self.counts(fit), with_prior)
        return np.concatenate([np.empty(0), *(part.pulled(slopes[name]) for name, part in parts.items())])

    def slopes(self, fit, counts, with_prior=False):
        """{parameter: derivatives by its entries}."""
        (start, trans, weights, ends), pi, a, e = counts, fit.startprob, fit.transmat, fit.endprob
        go, extra = trans.sum(axis=1), self.structure.pseudocount
        if with_prior:
            start = start + spread(extra.startprob, start.shape)
            trans = trans + spread(extra.transmat, trans.shape)
            ends, go = ends + spread(extra.endprob, ends.shape), go + spread(extra.endprob, go.shape)
        slopes = {"startprob": ratio(start, pi), "transmat": ratio(trans, a)}
        if self.structure.stationary:  # d log pi / d a_ij: see stationary.ascend
            h = np.linalg.solve(np.eye(len(pi)) - a + pi, ratio(start, pi) - start.sum())
            slopes["transmat"] = slopes["transmat"] + np.outer(pi, h)
        if e is not None:
            slopes["endprob"] = ratio(ends, e) - ratio(go, 1 - e)
        slopes |= fit.emission.gradient(self.problem.observed.distinct, np.ascontiguousarray(weights))
        if with_prior:
            for name, slope in fit.emission.prior_gradient().items():
                slopes[name] = slopes[name] + slope
        return slopes


# Standard errors ------------------------------------------------------------------------------------------------------


class Estimate(NamedTuple):
    """A parameter and its uncertainty.

    value : as learnt. standard_error, low, high : the interval has the level of the table; None if the parameter is
    held fixed. note : why it is, "at its limit" or "hardly seen"; otherwise "".
    """

    value: float
    standard_error: float | None
    low: float | None
    high: float | None
    note: str = ""


class Summary(Mapping):
    """Parameters by name, such as "transmat[0, 1]", each an `Estimate`; prints as a table.

    level : that of the intervals. draws : for a bootstrap, (n, len(self)), the parameters of each refit; otherwise
    None.
    """

    def __init__(self, rows: Mapping[str, Estimate], level: float, title: str, draws: np.ndarray | None = None):
        self._rows, self.level, self.title, self.draws = dict(rows), level, title, draws

    def __getitem__(self, name: str) -> Estimate:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def to_frame(self):
        """A pandas DataFrame with one row per parameter, by name."""
        return frames.table(self.values(), list(self))

    def _repr_html_(self) -> str:
        return html.summary(self, self.title, self.level)

    def __repr__(self) -> str:
        width = max(map(len, self._rows), default=0)
        ends = f"{100 * self.level:g} % from", "to"
        lines = [self.title, f"{'':{width}}  {'value':>11}  {'std. error':>11}  {ends[0]:>11}  {ends[1]:>11}"]
        for name, row in self._rows.items():
            told = "  ".join(f"{'' if x is None else f'{x:.5g}':>11}" for x in row[:4])
            lines.append(f"{name:{width}}  {told}  {row.note}".rstrip())
        return "\n".join(lines)


def summary(asked: Question, structure: Structure, level: float, n_jobs: int, display: Display) -> Summary:
    """Estimates with standard errors by the observed information of the objective."""
    quantile = NormalDist().inv_cdf((1 + check_level(level)) / 2)
    _require_steps(asked)
    fit, score = asked.fit, ScoreVector(structure, asked, n_jobs)
    every = coordinates(structure, fit)
    if n_free(every) > LARGEST:
        raise ValueError(
            f"the model has {n_free(every)} free parameters, and the information of more than {LARGEST} is not taken: "
            "it costs two E-steps for each; freeze what is not in question, or bootstrap"
        )
    counts = score.counts(fit)
    slopes = score.slopes(fit, counts) | {"transmat": ratio(counts[1], fit.transmat)}  # of the counts alone
    kept = {name: part.narrowed(_told(part, slopes[name])) for name, part in every.items()}
    information = _information(score, structure, fit, kept, display)
    weak = np.diagonal(information) * _units(kept) ** 2 < LEAST
    if weak.any():
        kept = {name: part.narrowed(~mask) for (name, part), mask in zip(kept.items(), _masks(kept, weak), strict=True)}
        information = _information(score, structure, fit, kept, display)
    covariance = _inverse(information, names(kept))
    rows, at = {}, 0
    for name, part in every.items():
        here = slice(at, at + kept[name].n)
        errors, at = _errors(kept[name], covariance[here, here]), here.stop
        for place in part.entries:
            value = float(part.array[place])
            low, high = part.range(place)
            if place in errors:
                row = Estimate(value, errors[place], *_interval(value, errors[place], quantile, low, high))
            else:
                row = Estimate(value, None, None, None, "at its limit" if _at_limit(part, place) else "hardly seen")
            rows[called(name, place, part)] = row
    n = len(score.problem.observed.index)
    title = f"{_states(fit)}, {n_free(every)} free parameters, {n:,} steps; observed information"
    return Summary(rows, level, title)


def _states(fit):
    return f"{len(fit.states)} state{'s' * (len(fit.states) != 1)}"


def check_level(level):
    number = checks.check_number(level, "level")
    if not 0 < number < 1:
        raise ValueError(f"level = {shown(level)} must be between 0 and 1, such as 0.95")
    return number


def _require_steps(asked):
    if not asked.data.n_steps:
        raise ValueError("X holds no steps, so it has no information about the parameters")


def _at_limit(part, place):
    low, high = part.range(place)
    x = part.array[place]
    if isinstance(part, Entrywise) and part.between[1] != 1:
        ends = [np.broadcast_to(limit, np.shape(part.array))[place] for limit in part.limits]
        return bool(x <= max(low, ends[0]) or x >= min(high, ends[1]))
    return bool(np.isfinite(high) and not low + NEAR * (high - low) < x < high - NEAR * (high - low))


def _told(part, slope):
    """The entries that are neither at a limit nor, among probabilities, expected less than once."""
    told = np.ones(np.shape(part.array), dtype=bool)
    for place in part.entries:
        told[place] = not _at_limit(part, place)
    return told & (part.array * slope >= LEAST) if isinstance(part, Simplex) else told


def _units(parts):
    return np.concatenate([np.empty(0), *(np.broadcast_to(part.unit, part.n) for part in parts.values())])


def _information(score, structure, fit, parts, display):
    """(p, p), minus the derivatives of the score, by differences."""
    here, steps = to_vector(parts), STEP * _units(parts)

    def at(vector):
        moved = with_vector(structure, fit, parts, vector)
        arrays = {"startprob": moved.startprob, "transmat": moved.transmat, "endprob": moved.endprob}
        arrays |= {name: part.array for name, part in moved.emission.unconstrained().items()}
        return score.vector(moved, {name: part.at(arrays[name]) for name, part in parts.items()}, True)

    rows = []
    for step in np.diag(steps):
        display.step(counted(display, len(rows), len(steps), "parameters"))
        rows.append((at(here - step) - at(here + step)) / (2 * step.max()))
    display.result(counted(display, len(rows), len(steps), "parameters"))
    found = np.reshape(rows, (len(here), len(here)))
    return (found + found.T) / 2


def _masks(parts, weak):
    """For each part the entries whose coordinates are weak."""
    at = 0
    for part in parts.values():
        mask = np.zeros(np.shape(part.array), dtype=bool)
        for k, place in enumerate(part.places):
            if weak[at + k]:
                mask[place] = True
        at += part.n
        yield mask


def _inverse(information, labels):
    """The inverse, of units that count for nothing; ValueError if it is no information of a maximum."""
    size = np.sqrt(np.diagonal(information))
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    if len(values) and not values[0] > 1e-10:
        worst = np.argsort(-np.abs(vectors[:, 0]))[:2]
        which = " and ".join(labels[k] for k in sorted(worst.tolist()))
        raise ValueError(
            f"the objective has no maximum at these parameters along {which}: the model was not fitted to these data, "
            "or not to the end (a smaller tol), or the data cannot tell these parameters apart (freeze one)"
        )
    return (vectors / values) @ vectors.T / np.outer(size, size)


def _errors(part, covariance):
    """{place: standard error} of the entries that move, by the delta method."""
    found = {}
    for place in part.entries:
        unit = np.zeros(np.shape(part.array))
        unit[place] = 1.0
        row = part.pulled(unit)
        found[place] = float(np.sqrt(max(row @ covariance @ row, 0.0)))
    return found


def _interval(value, error, quantile, low, high):
    """Made on the real line, so that it stays inside the range."""
    half = quantile * error / link_slope(value, low, high)
    middle = link(value, low, high)
    return float(unlink(middle - half, low, high)), float(unlink(middle + half, low, high))


# The bootstrap --------------------------------------------------------------------------------------------------------


def bootstrap(
    model, asked: Question, structure: Structure, n: int, level: float, rng, n_jobs, display: Display
) -> Summary:  # fmt: skip
    """Refits to data that the model draws: of the same lengths, with the same steps missing."""
    n, level, fit = checks.check_count(n, "n", 2), check_level(level), asked.fit
    _require_steps(asked)
    parts = coordinates(structure, fit)
    missing = asked.problem().observed
    gone = missing.index == len(missing.distinct)
    again = copy.copy(model).set_params(
        emission=fit.emission, transmat=fit.transmat, states=model.states if fit.names is None else fit.states.names,
        startprob=model.startprob if structure.stationary else fit.startprob,
        endprob=model.endprob if fit.endprob is None else fit.endprob, n_init=1, state_order=None, n_jobs=1,
    )  # fmt: skip

    @quiet
    def one(stop, seed):
        data, ended = drawn(asked, gone, seed)
        learnt = training.fit(again, data, ended=ended, callback=until(stop))
        arrays = {"startprob": learnt.startprob, "transmat": learnt.transmat, "endprob": learnt.endprob}
        arrays |= {name: part.array for name, part in learnt.emission.unconstrained().items()}
        return [float(arrays[name][place]) for name, part in parts.items() for place in part.entries]

    tasks = [lambda stop, seed=seed: one(stop, seed) for seed in rng.spawn(n)]
    draws = np.reshape(followed(display, tasks, n_jobs, "refits"), (n, -1))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    labels = [(called(name, place, part), part.array[place]) for name, part in parts.items() for place in part.entries]
    rows = {
        label: Estimate(float(value), float(draws[:, k].std(ddof=1)), float(low[k]), float(high[k]))
        for k, (label, value) in enumerate(labels)
    }
    return Summary(rows, level, f"{_states(fit)}, {n} refits to data drawn from the model", draws)


def drawn(asked: Question, gone, rng):
    """(Sequences, ended): data like those asked about, drawn from the model. With endprob, sequences that ended go on
    until they end; those that were cut off have their lengths, and have not ended by then."""
    fit, chain, lengths = asked.fit, asked.fit.chain, np.diff(asked.data.bounds)
    ended = np.ones(len(lengths), dtype=bool) if asked.ended is None else asked.ended
    paths: list = [None] * len(lengths)
    to_the_end = np.flatnonzero(ended & (lengths > 0)) if fit.endprob is not None else np.empty(0, dtype=np.intp)
    if len(to_the_end):
        path, bounds = sample_to_the_end(fit.startprob, fit.transmat, fit.endprob, len(to_the_end), fit.states, rng)
        for s, part in zip(to_the_end.tolist(), np.split(path, bounds[1:-1]), strict=True):
            paths[s] = part
    for length, final in sorted(set(zip(lengths.tolist(), ended.tolist(), strict=True))):
        which = [s for s in np.flatnonzero((lengths == length) & (ended == final)).tolist() if paths[s] is None]
        last = chain.last if final else None if fit.endprob is None else np.ones(len(chain.last))
        for s, row in zip(which, sample_paths(fit.startprob, chain.moves, length, len(which), last, rng), strict=True):
            paths[s] = row
    states = np.concatenate([np.empty(0, dtype=np.intp), *paths]).astype(np.intp)
    values, sizes = fit.emission.sample(states, rng), [len(path) for path in paths]
    data = sequences.read("".join(values) if fit.emission.kind == "text" else values, sizes, kind=fit.emission.kind)
    if gone.any() and len(gone) == data.n_steps:
        data = data.without(gone)
    return data, None if asked.ended is None else ended
