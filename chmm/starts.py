"""Where EM starts, and which starts are followed.

EM climbs the hill it starts on, and the likelihood of a hidden Markov model has many. No single way of drawing start
values always finds the highest one, so a fit tries several kinds. Each kind has its own idea of what distinguishes
states, and draws how long a state lasts on all scales, from a few steps to a whole sequence.

A start is (startprob, transmat, emission, endprob). A kind gives the first three, from a `View` of the data, a number u
from 0 to 1 that is its place on the scale of durations, and a generator.
"""

import copy
from dataclasses import replace
from functools import cached_property
from itertools import permutations

import numpy as np

from . import subset
from .e_step import explained
from .emissions.seeding import shares, standardised
from .fit import Fit, column_names
from .inference import posteriors
from .ordering import exchangeable
from .stationary import settled

ON_PIECES = 100  # E-steps that the winner may take on the pieces before it sees everything
FIRST = 10  # E-steps before the better half of the runs is chosen; then twice as many, and so on
ALIKE = 0.01  # nats: of two runs that have stopped this close to each other, one is enough
TIE = 1e-9  # of the objective: smaller differences between runs are rounding
MAX_COLUMNS = 32  # of the points that stand for symbols
GRID = 100  # places among which the best cuts of a sequence are sought
OWN = 0.9  # share of a step that goes to the state of its window; all states share the rest, so that none is empty
MANY_STATES = 5  # with this many, states are moved
MISSES = 4  # moving states ends after this many failures in a row
MOST_SPLITS = 8  # states that are split, one at a time, to make room for a dissolved one
SHORT = 3  # E-steps before the better half of these is chosen
TRIED = 100  # E-steps after which the best of them must have led higher
HOPE = 5  # a run is given up if it needs more than this many times the gain that extrapolation promises


class View:
    """The data of a Problem as the kinds see them, and what is given."""

    def __init__(self, problem, structure, emission):
        self.structure, self.emission, self.n = structure, emission, structure.n
        observed = problem.observed
        self.values, self.index, self.bounds = observed.distinct, observed.index, problem.bounds
        self.lengths = np.diff(self.bounds)
        weight = np.ones(len(self.lengths)) if problem.weight is None else problem.weight
        self.weight = np.repeat(weight, self.lengths)  # (T,), of each step
        self.known = problem.known
        self.times = self.mass(slice(None))

    def mass(self, steps, share=1.0):
        """(R,), the weight of each distinct value among these steps, or of a share of each."""
        return np.bincount(self.index[steps], self.weight[steps] * share, len(self.values) + 1)[:-1]

    @cached_property
    def embedded(self):
        return self.emission.embed(self.values)

    def points(self, rng):
        """(R, F), values as points whose distances tell how alike they are. Symbols are the corners of a simplex, rare
        ones farther out, as in the chi-square distance; if there are many, they are projected to fewer dimensions."""
        if self.embedded is not None:
            return standardised(self.embedded, self.times)
        share = self.times / self.times.sum()
        far = np.divide(1.0, np.sqrt(share), out=np.zeros(len(share)), where=share > 0)[:, None]
        if len(share) <= MAX_COLUMNS:
            return far * np.eye(len(share))
        return far * rng.standard_normal((len(share), MAX_COLUMNS)) / np.sqrt(MAX_COLUMNS)

    def steps(self, rng):
        """(T, F), the points of all steps, where missing ones are in the middle; for numbers also their distances from
        the middle."""
        points = self.points(rng)
        if self.embedded is not None:
            points = np.hstack([points, np.abs(points)])
        return np.vstack([points, np.zeros((1, points.shape[1]))])[self.index]

    def within(self, trans):
        """Rows of transitions without those that the topology rules out."""
        if "transmat" not in self.structure.free:
            return trans
        trans = np.where(self.structure.free["transmat"], trans, 0.0)
        return trans / trans.sum(axis=-1, keepdims=True)


# The kinds -----------------------------------------------------------------------------------------------------------


def by_values(view, u, rng):
    """States differ in the values they show: clusters of values, whatever their order in time."""
    weights = shares(view.embedded, view.times, view.n, rng) * view.times[:, None]
    return startprob(view, rng), lasting(view, u, rng), begun(view, weights, rng)


def by_mixture(view, u, rng):
    """The same, improved by ten EM steps of a mixture that ignores time: clusters of different widths and shapes."""
    start, trans, emission = by_values(view, u, rng)
    for _ in range(10):
        logs = emission.log_likelihood(view.values)
        top = logs.max(axis=1, keepdims=True)
        share = np.exp(logs - np.where(np.isfinite(top), top, 0.0))
        share *= np.divide(view.times[:, None], share.sum(axis=1, keepdims=True), where=top > -np.inf, out=0 * top)
        emission = copy.copy(emission)
        emission.update(emission.statistics(view.values, share))
    return start, trans, emission


def by_windows(view, u, rng):
    """States differ in what they show over some time: clusters of windows of time, by the mean of the points in each
    and their mean distance from the middle. Transitions are counted."""
    window, features, mass = windowed(view, view.weight, u, rng)
    label = shares(features, mass, view.n, rng).argmax(axis=1)[window]
    return labelled(view, label, len(mass) > len(window) / 2, rng)


def windowed(view, weight, u, rng):
    """Windows of time within sequences, from single steps (u = 0) to a third of the data of each state (u = 1): (the
    window of each step (T,), the mean of the points in each (W, F), the weight of each (W,))."""
    length = max(1.0, min(view.lengths.max(), len(view.index) / (3 * view.n))) ** u
    per_sequence = np.where(view.lengths > 0, np.maximum(1, np.round(view.lengths / length)), 0).astype(np.int64)
    place = np.arange(len(view.index)) - np.repeat(view.bounds[:-1], view.lengths)
    window = place * np.repeat(per_sequence, view.lengths) // np.repeat(view.lengths, view.lengths)
    window += np.repeat(np.cumsum(per_sequence) - per_sequence, view.lengths)
    mass = np.bincount(window, weight)
    sums = np.stack([np.bincount(window, weight * column) for column in view.steps(rng).T], axis=1)
    return window, sums / np.maximum(mass, 1e-300)[:, None], mass


def loose(view, u, rng):
    """States may follow each other in any way, even alternate: clusters of values, and nearly uniform transitions."""
    start, _, emission = by_values(view, u, rng)
    return start, given_or(view.structure.transmat, view.within(rows(rng, view.n, view.n))), emission


def by_cuts(view, u, rng):
    """Each state is visited once, in order: each sequence is cut into stretches, evenly (u = 0) or at random."""
    cuts = np.arange(1, view.n) / view.n if u == 0 else np.sort(rng.random(view.n - 1))
    place = np.arange(len(view.index)) - np.repeat(view.bounds[:-1], view.lengths)
    label = np.searchsorted(cuts, (place + 0.5) / np.repeat(view.lengths, view.lengths))
    return labelled(view, label, False, rng, renumber=False)


def by_best_cuts(view, u, rng):
    """Each state is visited once, in order: each sequence is cut where its stretches differ most, by least squares."""
    points = view.steps(rng)
    label = np.empty(len(view.index), dtype=np.int64)
    for first, last in zip(view.bounds[:-1], view.bounds[1:], strict=True):
        grid = np.unique(np.linspace(0, last - first, min(GRID, last - first) + 1).astype(np.int64))
        sums = np.vstack([np.zeros((1, points.shape[1])), points[first:last].cumsum(axis=0)])[grid]
        label[first:last] = np.searchsorted(grid[segmented(sums, grid, view.n)], np.arange(last - first), side="right")
    return labelled(view, label, False, rng, renumber=False)


def segmented(sums, grid, n):
    """Where (as places in `grid`) all n stretches but the first begin, if the points in each are to be nearest to their
    mean.

    sums : (G, F), of the points up to each place. best(b) = max over a of best(a) + |sum of a ... b|^2 / length.
    """
    length = grid[None, :] - grid[:, None]
    squares = ((sums[None] - sums[:, None]) ** 2).sum(axis=2)
    gain = np.where(length > 0, squares / np.maximum(length, 1), -np.inf)
    best, froms = gain[0], []
    for _ in range(1, n):
        total = best[:, None] + gain
        froms.append(total.argmax(axis=0))
        best = np.maximum(total.max(axis=0), -1e300)
    cuts, b = [], len(grid) - 1
    for source in reversed(froms):
        b = source[b]
        cuts.append(b)
    return cuts[::-1]


def by_labels(view, u, rng):
    """What the labels say: their counts, smoothed so that nothing is impossible. States without labels share the
    unlabelled steps, as clusters of values."""
    n, path = view.n, view.known.path
    named = path < n
    own = np.stack([view.mass(path == i) for i in range(n)], axis=1)
    new = own.sum(axis=0) == 0
    if new.any():
        times = view.mass(~named)
        own[:, new] = shares(view.embedded, times, int(new.sum()), rng) * times[:, None]
    first = view.bounds[:-1][view.lengths > 0]
    begins = np.bincount(path[first], view.weight[first], n + 1)[:n]
    inside = named.copy()
    inside[first] = False
    t = np.flatnonzero(inside)
    t = t[named[t - 1]]
    moves = np.bincount(path[t - 1] * n + path[t], view.weight[t], n * n).reshape(n, n)
    return smoothed(view, begins, moves, own, rng)


def by_weights(view, u, rng):
    """Masks and likelihoods, taken as the posteriors of each step by itself."""
    n, known = view.n, view.known
    with np.errstate(under="ignore"):
        share = np.exp(known.masks - known.masks.max(axis=1, keepdims=True, initial=-1e300))
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
    told = share.max(axis=1) > 1.5 / n  # the others say too little
    size = len(view.values) + 1
    own = np.stack(
        [np.bincount(view.index, view.weight * (share[:, i] * told)[known.index], size)[:-1] for i in range(n)], axis=1
    )
    return smoothed(view, np.zeros(n), np.zeros((n, n)), own, rng)


def smoothed(view, begins, moves, own, rng):
    """A start from counts, with one step more in each row of the chain, and a tenth more for all values that occur."""
    n, given = view.n, view.structure
    values = view.times / max(view.times.sum(), 1e-300)
    own = own + 0.1 * np.maximum(own.sum(axis=0), 1.0) * values[:, None]
    start = (begins + 1 / n) / (begins + 1 / n).sum()
    trans = (moves + 1 / n) / (moves + 1 / n).sum(axis=1, keepdims=True)
    emission = begun(view, own, rng, reorder=False)
    return given_or(given.startprob, start), given_or(given.transmat, view.within(trans)), emission


# What they share -----------------------------------------------------------------------------------------------------


def given_or(given, drawn):
    return drawn if given is None else given


def rows(rng, *shape):
    """Random rows that sum to 1, away from 0."""
    x = 0.1 + rng.random(shape)
    return x / x.sum(axis=-1, keepdims=True)


def startprob(view, rng):
    return given_or(view.structure.startprob, rows(rng, view.n))


def lasting(view, u, rng):
    """Transitions under which a state lasts hardly longer than by chance (u = 0), up to a whole sequence (u = 1)."""
    n = view.n
    if view.structure.transmat is not None or n == 1:
        return given_or(view.structure.transmat, np.ones((1, 1)))
    least, most = n / (n - 1), max(2.0, min(view.lengths.max(), len(view.index) / 10))
    stay = 1 - 1 / (least * (most / least) ** u)
    leave = np.where(view.structure.free.get("transmat", True), 1 + 0.3 * rng.random((n, n)), 0.0)
    np.fill_diagonal(leave, 0.0)
    return view.within(stay * np.eye(n) + (1 - stay) * leave / np.maximum(leave.sum(axis=1, keepdims=True), 1.0))


def labelled(view, label, mix, rng, renumber=True):
    """A start from a state for each step."""
    n, start = view.n, startprob(view, rng)
    inside = np.ones(len(label), dtype=bool)
    inside[view.bounds[:-1][view.lengths > 0]] = False
    t = np.flatnonzero(inside)
    moves = np.bincount(label[t - 1] * n + label[t], view.weight[t], n * n).reshape(n, n)
    begins = np.bincount(label[~inside], view.weight[~inside], n)
    own = np.stack([view.mass(label == i) for i in range(n)], axis=1)
    weights = OWN * own + (1 - OWN) / n * view.times[:, None]
    trans, told = view.structure.transmat, "transmat" in view.structure.free
    if told and renumber and n <= 6:  # number the clusters as agrees best with the given transitions
        likely = view.within(np.ones((n, n))) if trans is None else trans
        into, leave = np.log(start + 1e-4), np.log(likely + 1e-4)
        order = max(
            map(list, permutations(range(n))),
            key=lambda order: begins[order] @ into + (moves[np.ix_(order, order)] * leave).sum(),
        )
        weights, moves = weights[:, order], moves[np.ix_(order, order)]
    if trans is None:
        trans = view.within((moves + 1) / (moves + 1).sum(axis=1, keepdims=True))
        trans = view.within(0.9 * trans + 0.1 / n) if mix else trans
    return start, trans, begun(view, weights, rng, reorder=not told)


def begun(view, weights, rng, reorder=True):
    """The emission that starts from these weights. If something is given, the clusters are tried in several orders: in
    all of them, up to four states."""
    emission, n = view.emission, view.n
    if emission.complete:
        return copy.deepcopy(emission)
    orders = [np.arange(n)]
    if reorder and emission.partly_given:
        orders = list(map(list, permutations(range(n)))) if n <= 4 else [rng.permutation(n) for _ in range(24)]
    elif reorder and not emission.exchangeable:
        orders = [rng.permutation(n)]  # the best fit at the start is seldom the best in the end
    best, most = None, -np.inf
    for order in orders:
        trial = copy.deepcopy(emission)
        trial.start(view.values, weights[:, order], rng)
        fit = explained(trial, view.values, weights[:, order]) if len(orders) > 1 else np.inf
        if best is None or fit > most:
            best, most = trial, fit
    return best


# The policy ----------------------------------------------------------------------------------------------------------


def draw(problem, structure, emission, n, rng):
    """At most n different starts: the kinds in turn, with u spread evenly over the starts of each kind, and jitter."""
    first, transmat = structure.startprob, structure.transmat
    if structure.stationary and transmat is not None:
        first = settled(transmat)
    if first is not None and transmat is not None and emission.complete:
        return [(first, transmat, copy.deepcopy(emission), structure.endprob)]
    view = View(problem, structure, emission)
    kinds = [by_values, by_mixture, by_windows, loose]
    if emission.complete:
        kinds = [by_values, loose]  # they differ in their transitions only
    elif structure.forward:
        kinds = [by_best_cuts, by_cuts, by_mixture, by_windows]
    elif structure.topology is not None:  # in a circle
        kinds = [by_windows, by_cuts, by_best_cuts, by_mixture]
    elif not len(view.values) or (view.embedded is None and not problem.observed.shared):
        kinds = [by_values, by_mixture, loose]  # nothing tells windows apart
    known = problem.known
    if known is not None and known.path is not None:
        kinds = [by_labels]
        n = 1 if len(np.unique(known.path[known.path < view.n])) == view.n else n
    elif known is not None:
        kinds = [by_weights, *kinds]
    starts: list = []
    seen: list = []  # the numbers of each
    each = -(-n // len(kinds))
    for j in range(n):
        kind, k = kinds[j % len(kinds)], j // len(kinds)
        u = (k + rng.random()) / each
        first, transmat, drawn = kind(view, 0.0 if kind is by_cuts and k == 0 else u, rng)
        start = settled(transmat) if structure.stationary else first, transmat, drawn, structure.endprob
        numbers = numbers_of(start)
        if not any((np.abs(numbers - other) <= 1e-12 + 1e-9 * np.abs(other)).all() for other in seen):
            starts.append(start)
            seen.append(numbers)
    return starts


def started(problem, structure, emission, rng) -> Fit:
    """Start values, as one start of a fit."""
    seen = subset.of(problem, structure, emission)
    (start,) = draw(seen, structure, emission, 1, rng)
    startprob, transmat, drawn, endprob = start
    columns = column_names(problem.data)
    return Fit(
        startprob, transmat, drawn, structure.states, structure.allowed, columns, np.empty(0), converged=False,
        endprob=endprob,
    )  # fmt: skip


def numbers_of(start):
    """All numbers of a start, one after the other."""
    saved = [start[2].saved()]
    for tree in saved:  # it grows by the members
        saved += tree["members"]
    arrays = [*start[:2], *(value for tree in saved for value in tree.values() if isinstance(value, np.ndarray))]
    return np.concatenate([a.ravel() for a in arrays if a.dtype.kind == "f"])


def enough(n_states, exchangeable=True):
    """How many starts n_init="auto" takes: one of each kind a state, 8 to 20; 24 where roles have to be found, too."""
    return min(max(8, 4 * n_states), 20) if exchangeable else 24


def race(runs, max_iter, steps=FIRST):
    """The winner: all runs take ten E-steps, the better half twenty more, the better half of these forty more, etc.

    A run that fails is out (a state may collapse, if a prior is 0); if all fail, so does the race.
    """
    drawn = list(runs)
    while len(runs) > 1:
        runs = ranked(advanced(runs, steps, max_iter), drawn)
        keep = [runs[0]]
        for run in runs[1:]:
            if not (run.stopped and min(better.history[-1] for better in keep) - run.history[-1] < ALIKE):
                keep.append(run)
        runs = keep[: max(1, len(runs) // 2)]
        steps *= 2
    return runs[0]


def ranked(runs, drawn):
    """The runs by their objectives, the best first; those that differ by rounding alone in the order of drawing."""
    level, levels = 0, {}
    best_first = sorted(runs, key=lambda run: run.history[-1], reverse=True)
    for before, run in zip([best_first[0], *best_first], best_first, strict=False):
        level += before.history[-1] - run.history[-1] > TIE * max(1.0, abs(run.history[-1]))
        levels[run] = level, drawn.index(run)
    return sorted(runs, key=levels.__getitem__)


def advanced(runs, steps, max_iter):
    """The runs that took this many E-steps more, or stopped on the way."""
    left, errors = [], []
    for run in runs:
        try:
            run.advance(min(steps, max_iter - run.n_steps))
            left.append(run)
        except ValueError as error:
            run.failed = True
            errors.append(error)
    if not left:
        raise errors[0]
    return left


# Moving a state ------------------------------------------------------------------------------------------------------


def free(problem, structure, emission):
    """Whether states may be moved: nothing given distinguishes them, and there are enough of them."""
    given = (structure.startprob, structure.transmat, structure.endprob, structure.allowed, structure.topology)
    told = structure.stationary or problem.known is not None or any(value is not None for value in given)
    told = told or not exchangeable(structure.pseudocount, structure.n)
    alike = emission.exchangeable and not emission.partly_given and not emission.complete
    return structure.n >= MANY_STATES and alike and not told


def exchange(run, em, follow, rng, misses=0, n_moved=0, tell=None):
    """(the best run found by moving states, how often one was moved), beginning with `run`.

    EM cannot move a state from where there is one too many to where one is missing, because the likelihood falls on the
    way (Ueda, Nakano, Ghahramani & Hinton 2000). Therefore the state that the data need least is dissolved, and each of
    the others is split in turn. If the best of these starts leads higher, it is the next run; if not, the state that is
    needed next to least is dissolved instead, and after MISSES failures in a row the search ends.

    follow(starts, goal) : the best run from these starts, which is given up if it will not pass the goal; None if all
        fail. misses, n_moved : of a search that goes on. tell(run, misses, n_moved) : is called before each trial.
    """
    problem = em.passes.problem
    view = View(problem, em.told.structure, run.point.emission)
    while misses < min(MISSES, view.n):
        if tell is not None:
            tell(run, misses, n_moved)
        point = run.point
        gamma, _ = posteriors(problem.under(*point.parameters), em.options.n_jobs)
        need = view.weight @ -np.log(np.maximum(1 - gamma, 1e-9))  # about -log P(the path is never in a state)
        i = int(np.argsort(need, kind="stable")[misses])
        others = np.delete(np.arange(view.n), i)
        if len(others) > MOST_SPLITS:
            others = np.sort(rng.choice(others, MOST_SPLITS, replace=False))
        tried = [exchanged(view, em, point, gamma, i, int(j), rng.random(), rng) for j in others]
        best = follow(tried, run.history[-1])
        if best is not None and best.history[-1] - run.history[-1] > ALIKE:
            run, misses, n_moved = best, 0, n_moved + 1
        else:
            misses += 1
    return run, n_moved


def exchanged(view, em, point, gamma, i, j, u, rng):
    """A start from a point and its posteriors gamma (T, N): state i is dissolved, and becomes one half of state j,
    whose windows of time are split into two clusters."""
    n, both = view.n, np.array([j, i])
    share = gamma + 1e-12
    share[:, i] = 0.0
    share /= share.sum(axis=1, keepdims=True)  # the posteriors, if the path is not in i
    heirs = (view.weight * gamma[:, i]) @ share
    own = view.weight * share[:, j]
    window, features, mass = windowed(view, own, u, rng)
    half = 0.1 + 0.8 * (shares(features, mass, 2, rng) > 0.5)[window]
    share[:, both] = share[:, [j]] * half
    # what becomes of the counts of each state
    to = np.eye(n)
    to[j, both] = own @ half / own.sum()
    to[i] = heirs / heirs.sum() @ to
    trans = to.T @ point.statistics.trans @ to + 0.01 * view.weight.max()  # nothing becomes impossible
    inside = np.ones(len(share), dtype=bool)
    inside[view.bounds[:-1][view.lengths > 0]] = False
    t = np.flatnonzero(inside)
    moves = (view.weight[t] * share[t - 1][:, both].T) @ share[t][:, both]  # between the two halves
    block = np.ix_(both, both)
    trans[block] = trans[block].sum() * moves / moves.sum()
    weights = np.stack([view.mass(slice(None), share[:, k]) for k in range(n)], axis=1)
    order = np.arange(n)
    order[i] = j
    point = point._replace(emission=point.emission.reordered(order))
    tallies = point.emission.statistics(view.values, weights)
    counts = replace(point.statistics, start=point.statistics.start @ to, trans=trans, emission=tallies)
    return em.maximise(point, counts)


def pursued(runs, goal, max_iter):
    """The best of these runs, given up if it will not pass the goal; None if all fail."""
    try:
        run = race(runs, max_iter, SHORT)
        while not run.stopped and run.n_steps < min(TRIED, max_iter) and goal - run.history[-1] < HOPE * run.left:
            run.advance(FIRST)
    except ValueError:
        return None
    return run
