"""Start values: which state takes which value before anything is known, by k-means++ and a few rounds of k-means."""

import numpy as np

MOST = 20_000  # points that clusters are sought among
SURE = 0.95  # share of a value that its own cluster takes; the rest goes to all, so that no state is empty


def shares(points, times, n, rng):
    """(R, n): the share of each value that each of n states takes; rows sum to 1.

    points : (R, F), or None where there is no distance: then random shares. times : (R,), how often each value occurs.
    Seeds are drawn with probability ~ times * squared distance to the seeds before, the best of a few draws (Arthur &
    Vassilvitskii 2007).
    """
    loose = 0.1 + rng.random((len(times), n))
    loose /= loose.sum(axis=1, keepdims=True)
    if points is None or not len(times) or n == 1 or not times.sum() > 0:
        return loose
    points = standardised(points, times)
    few, mass = points, times
    if len(points) > MOST:
        drawn = rng.choice(len(points), MOST, p=times / times.sum())
        few, mass = points[drawn], np.ones(MOST)
    centres = seeds(few, mass, n, rng)
    for _ in range(10):
        nearest = distances(few, centres).argmin(axis=1)
        total = np.bincount(nearest, mass, n)
        sums = np.stack([np.bincount(nearest, mass * column, n) for column in few.T], axis=1)
        centres = np.where(total[:, None] > 0, sums / np.maximum(total, 1e-300)[:, None], centres)
    loose *= 1 - SURE
    loose[np.arange(len(points)), distances(points, centres).argmin(axis=1)] += SURE
    return loose


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
    """Each column with mean 0 and variance 1; what is missing stands at the mean."""
    seen = ~np.isnan(points)
    mass = np.maximum((times[:, None] * seen).sum(axis=0), 1e-300)
    points = np.where(seen, points, 0.0)
    z = np.where(seen, points - (times @ points) / mass, 0.0)
    z = np.where(seen, z - (times @ z) / mass, 0.0)  # once more, for data far from 0
    variance = (times @ z**2) / mass
    return z / np.sqrt(np.where(variance > 0, variance, 1.0))
