"""The stationary distribution of a chain, and the M-step of a chain that starts in it."""

import numpy as np

ROUNDING = 2.0**-52  # of a row that sums to 1: a transition below it is no connection


def stationary_distribution(transmat, least=ROUNDING):
    """The p with p = p A and sum p = 1. ValueError if there are several, because several sets of states are closed.

    A transition of at most `least` is no connection: EM leaves such tiny numbers where the data show no transition.
    Cost: O(N^3).
    """
    reach = reachable(transmat > least)
    # a state is recurrent if every state that it reaches can come back; all must be in one class
    recurrent = np.flatnonzero((~reach | reach.T).all(axis=1))
    if not reach[np.ix_(recurrent, recurrent)].all():
        dust = ((transmat > 0) & (transmat <= least)).any()
        told = f" (a transition below {least:.2g} is no connection)" if dust else ""
        raise ValueError(
            f"the stationary distribution is not unique: there are sets of states that are never left{told}"
        )
    result = np.zeros(len(transmat))
    result[recurrent] = settled(transmat[np.ix_(recurrent, recurrent)])
    return result


def reachable(connected):
    """(N, N) bool: whether state j can be reached from state i; every state reaches itself."""
    n = len(connected)
    reach = connected | np.eye(n, dtype=bool)
    for _ in range(max(n - 1, 1).bit_length()):
        reach = reach @ reach
    return reach


def settled(transmat):
    """The p = p A of an irreducible chain, by elimination without subtraction, so that small probabilities keep all
    their digits (Grassmann, Taksar and Heyman 1985). Not finite if the chain is reducible."""
    a, n = np.array(transmat), len(transmat)
    for k in range(n - 1, 0, -1):
        a[:k, k] /= a[k, :k].sum()
        a[:k, :k] += np.outer(a[:k, k], a[k, :k])
    p = np.ones(n)
    for k in range(1, n):
        p[k] = p[:k] @ a[:k, k]
    return p / p.sum()


def ascend(transmat, start, trans, movable, n_steps):
    """transmat A after at most `n_steps` uphill steps on Q = sum start_i log p_i + sum trans_ij log a_ij, with p = p A.

    start (N,), trans (N, N) : counts, including pseudocounts. movable (N, N) bool : the entries that may change; the
    others of a row leave room r_i for them, which they share as b_ij = a_ij / r_i. A row without counts stays.

    dQ / da_ij = trans_ij / a_ij + p_i h_j  with  h = (I - A + 1 p)^-1 (start / p - sum start)

    so that b_ij grows along (trans_ij + b_ij r_i p_i (h_j - sum_l b_il h_l)) / sum_l trans_il - b_ij: plain counting,
    and a pull towards the states in which sequences start. The step is halved until Q does not fall, and further while
    that raises Q. Entries stay >= 0, and a 0 without counts stays 0. Cost of a step: O(N^3).
    """
    a, counts = transmat, np.where(movable, trans, 0.0)
    total, room = counts.sum(axis=1, keepdims=True), 1.0 - np.where(movable, 0.0, a).sum(axis=1, keepdims=True)
    movable = movable & (total > 0)
    used = movable & (counts > 0)

    def objective(a, p):
        if not (np.isfinite(p).all() and p.min() > 0):
            return -np.inf  # reducible
        return (start * np.log(p)).sum() + (counts[used] * np.log(a[used])).sum()

    with np.errstate(all="ignore"):
        p = settled(a)
        best = objective(a, p)
        for _ in range(n_steps):
            share = np.where(movable, a, 0.0)
            share /= share.sum(axis=1, keepdims=True)
            try:
                h = np.linalg.solve(np.eye(len(p)) - a + p, start / p - start.sum())
            except np.linalg.LinAlgError:  # all but reducible
                break
            pull = share * room * p[:, None] * (h - np.where(movable, share * h, 0.0).sum(axis=1, keepdims=True))
            move = np.where(movable, (counts + pull) / total - share, 0.0)
            slope = (total * np.divide(move * move, share, out=np.zeros_like(move), where=share > 0)).sum()
            if not slope > 1e-16 * counts.sum():
                break
            # a row's step ends half-way to where an entry would be below 0
            least = np.where(share > 0, move / share, 0.0).min(axis=1, keepdims=True)
            move = np.where(least < -1 - 1e-12, -0.5 / least, 1.0) * move
            found = None
            for halvings in range(50):
                new = np.where(movable, room * np.maximum(share + move * 0.5**halvings, 0.0), a)
                q = settled(new)
                value = objective(new, q)
                if found is not None and value <= found[2]:
                    break
                if value >= best - 1e-15 * abs(best):
                    found = new, q, value
            if found is None:
                break
            a, p, best = found
    return a
