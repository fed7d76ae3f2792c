"""The data that starts see: all of them, or of large data a subset, spread evenly."""

import numpy as np

from . import memory
from .emissions.seeding import standardised

MOST = 200_000  # steps that starts see; from longer data they see
N_PIECES = 20  # pieces, spread evenly
SHORTEST = 1000  # steps of a stretch, where there are many pieces


def of(problem, structure, emission):
    """The Problem with its sequences in an order of their own, so that starts do not depend on the user's order; of
    large data some pieces, spread evenly, which are whole sequences if the chain's start or end is prescribed, or the
    beginnings of very long ones if only its start is, and it may come back to where it was."""
    lengths = np.diff(problem.bounds)
    some = np.flatnonzero(lengths > 0)
    if problem.known is not None and problem.known.path is not None:
        return problem  # its one start is from the labels, wherever they are
    if len(some) > 1:
        some = some[order(problem, emission, some)]
    ends = np.cumsum(lengths[some])
    n_steps = int(ends[-1])
    if n_steps <= MOST:
        return problem if np.array_equal(some, np.arange(len(lengths))) else problem.part(some)
    if problem.known is not None or structure.free or structure.stationary or structure.ends:
        n_whole = max(1, MOST * len(some) // n_steps)
        chosen = some[np.linspace(0, len(some) - 1, n_whole).round().astype(np.int64)]
        is_whole = problem.known is not None or structure.ends or structure.forward
        return problem.part(chosen, 0, None if is_whole else np.minimum(lengths[chosen], MOST))
    bounds, length = np.append(0, ends), MOST // N_PIECES
    first = np.linspace(0, n_steps - length, N_PIECES).astype(np.int64)
    s, begin, end = stretches(bounds, np.stack([first, first + length], axis=1))
    return problem.part(some[s], begin - bounds[s], end - begin)


def stretches(bounds, windows):
    """(the sequence, the first step, the last step + 1) of each stretch of a sequence within windows (K, 2)."""
    cuts = np.unique(np.concatenate([windows.ravel(), bounds]))
    begin, end = cuts[:-1], cuts[1:]
    inside = np.searchsorted(windows[:, 0], begin, side="right") - 1
    kept = inside >= 0
    kept[kept] = begin[kept] < windows[inside[kept], 1]
    begin, end = begin[kept], end[kept]
    return np.searchsorted(bounds, begin, side="right") - 1, begin, end


def order(problem, emission, some):
    """An order of these sequences that depends on nothing but their content."""
    observed, lengths, first = problem.observed, np.diff(problem.bounds), problem.bounds[some]
    if observed.shared:
        numbers = np.arange(len(observed.distinct) + 1.0)
    else:
        points = emission.embed(observed.distinct)
        if points is None:
            points = np.zeros((len(observed.distinct), 1))
        points = standardised(points, np.ones(len(points)))
        numbers = np.append(points @ np.sqrt(np.arange(1.0, points.shape[1] + 1)), 0.0)
    lengths, sums, k = lengths[some], np.empty((2, len(some))), 0
    while k < len(some):  # as many sequences as fit into a window, or one that does not
        end = max(int(np.searchsorted(first + lengths, first[k] + memory.WINDOW, side="right")), k + 1)
        sums[:, k:end] = _sums(numbers, observed.index, first[k:end], lengths[k:end])
        k = end
    weight = np.zeros(len(some)) if problem.weight is None else problem.weight[some]
    return np.lexsort([weight, sums[1], sums[0], lengths])


def _sums(numbers, index, first, lengths):
    """(2, S), of each sequence the sum of its numbers, and of their products with their places."""
    sums = 0.0
    for where in memory.windows(int(first[-1] + lengths[-1] - first[0])):
        own = numbers[index[first[0] + where.start : first[0] + where.stop]]
        place = np.arange(where.start, where.stop)
        if len(first) > 1:
            place -= np.repeat(first - first[0], lengths)
        sums += np.array([np.add.reduceat(part, first - first[0]) for part in (own, own * place)])
    return sums


# Of data in pieces --------------------------------------------------------------------------------------------------


class Chosen:
    """Which stretches of the pieces starts see: about MOST steps, spread evenly over all data, or everything
    if there is no more. They are whole sequences if the chain's start or end is prescribed, or if states are known:
    then half of these steps are from sequences of which a state is known.

    sizes : of each piece, (sequences, steps). told : the same of the sequences of which a state is known.
    """

    def __init__(self, names, sizes, told, whole):
        sizes, told = np.array(sizes, dtype=np.int64), np.array(told, dtype=np.int64)
        n_steps, most = sizes[:, 1], MOST
        self.everything = int(n_steps.sum()) <= most
        self._windows: dict | None = None  # by name: (K, 2), in steps of the piece
        self._sequences: list = []  # by name, for those that are told and for the others: (K, 2), among their numbers
        if self.everything:
            return
        if not whole:
            n_windows = max(N_PIECES, min(len(names), most // SHORTEST))
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
