"""A first guess of which state takes which value, by k-means++ and a few rounds of k-means."""

import numpy as np

MOST = 20_000  # points to cluster
SURE = 0.95  # the part of a value that goes to its own cluster; the rest goes to all, so that no state is empty


def shares(points, times, n, rng):
    """(R, n): the share of each value that goes to each of n states; rows sum to 1.

    points : (R, F); None if there is no distance, in which case shares are random. times : (R,), how often each value
    occurs. A seed is drawn with a probability proportional to times * squared distance to the seeds before it, the best
    of a few draws (Arthur & Vassilvitskii 2007). What is drawn depends on the values, but not on their order.
    """
    if points is None or not points.size or n == 1 or not times.sum() > 0:
        return _loose(rng.random((len(times), n)))
    dice = _dice(points, n + 1, rng)
    loose, ticket = _loose(dice[:, :n]), dice[:, n]
    points = standardised(points, times)
    few, mass = np.arange(len(points)), times
    if len(points) > MOST:  # priority sampling: sums over the sample are unbiased (Duffield, Lund & Thorup 2007)
        priority = times / ticket
        few = np.argpartition(-priority, MOST)
        least, few = priority[few[MOST]], few[:MOST]
        mass = np.maximum(times, least)
    few = few[np.argsort(ticket[few])]
    centres = clusters(points[few], mass[few], n, rng)
    loose *= 1 - SURE
    loose[np.arange(len(points)), distances(points, centres).argmin(axis=1)] += SURE
    return loose


def clusters(points, times, n, rng):
    """Centres (n, F) of k-means, started from k-means++ seeds."""
    centres, before = seeds(points, times, n, rng), None
    for _ in range(10):
        nearest = distances(points, centres).argmin(axis=1)
        if before is not None and (nearest == before).all():
            break
        before = nearest
        total = np.bincount(nearest, times, n)
        sums = np.stack([np.bincount(nearest, times * column, n) for column in points.T], axis=1)
        centres = np.where(total[:, None] > 0, sums / np.maximum(total, 1e-300)[:, None], centres)
    return centres


def _loose(random):
    random = 0.1 + random
    return random / random.sum(axis=1, keepdims=True)


def _dice(points, n, rng):
    """(R, n) random numbers in (0, 1), each a function of its point: the point's rank in each column, which does not
    depend on units, is hashed (Steele's SplitMix64)."""
    ranks = np.stack([np.unique(column, return_inverse=True)[1] for column in points.T], axis=1).astype(np.uint64)
    factors = rng.integers(2**64, size=ranks.shape[1], dtype=np.uint64) | np.uint64(1)
    keys = ((ranks + np.uint64(1)) * factors).sum(axis=1)
    z = keys[:, None] + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53 + 2.0**-54


def seeds(points, times, n, rng):
    tries = 2 + int(np.log(n))
    first = rng.choice(len(points), p=times / times.sum())
    centres, far = [points[first]], distances(points, points[first : first + 1])[:, 0]
    while len(centres) < n:
        pull = times * far
        if not pull.sum() > 0:
            pull = times  # fewer different values than states
        drawn = rng.choice(len(points), tries, p=pull / pull.sum())
        after = np.minimum(far[:, None], distances(points, points[drawn]))
        best = (times @ after).argmin()
        centres.append(points[drawn[best]])
        far = after[:, best]
    return np.array(centres)


def distances(points, centres):
    """Squared distances (R, n)."""
    d = (points**2).sum(axis=1)[:, None] - 2 * points @ centres.T + (centres**2).sum(axis=1)
    return np.maximum(d, 0.0)


def standardised(points, times):
    """Each column with mean 0 and variance 1; missing entries are put at the mean."""
    seen = ~np.isnan(points)
    mass = np.maximum((times[:, None] * seen).sum(axis=0), 1e-300)
    points = np.where(seen, points, 0.0)
    z = np.where(seen, points - (times @ points) / mass, 0.0)
    z = np.where(seen, z - (times @ z) / mass, 0.0)  # once more, for data far from 0
    variance = (times @ z**2) / mass
    return z / np.sqrt(np.where(variance > 0, variance, 1.0))
