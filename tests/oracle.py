"""Hidden Markov models done slowly and obviously; whatever is compiled must agree with this file.

A model is (startprob, transmat, rows) with rows[t, i] = b_i(o_t), the likelihood of step t in state i. A missing step
is a row of ones. `final` marks the states in which a sequence may end: an allowed set at the last step.
"""

import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np


def joint(startprob, transmat, rows):
    """P(O, Q) of every path Q: an array with one axis of states per step."""
    p = startprob * rows[0]
    for row in rows[1:]:
        p = p[..., :, None] * transmat * row
    return p


def margin(p, *steps):
    """Sum over the states of all other steps."""
    return p.sum(axis=tuple(t for t in range(p.ndim) if t not in steps))


def end_in(final, rows):
    return rows if final is None else np.vstack([rows[:-1], rows[-1] * np.asarray(final)])


def enumerate_paths(startprob, transmat, rows, final=None):
    """alpha and beta as in the texts, gamma and xi (NaN where P(O) = 0), the best path and P(O), by adding up paths."""
    rows = end_in(final, np.asarray(rows, float))
    steps, ones = range(len(rows)), np.ones((1, rows.shape[1]))
    p = joint(startprob, transmat, rows)
    best = np.unravel_index(p.T.argmax(), p.T.shape)[::-1]  # ties: lowest last state, then lowest before it
    with np.errstate(invalid="ignore"):
        return SimpleNamespace(
            prob=p.sum(),
            alpha=np.array([margin(joint(startprob, transmat, rows[: t + 1]), t) for t in steps]),
            beta=np.array([margin(joint(ones[0], transmat, np.vstack([ones, rows[t + 1 :]])), 0) for t in steps]),
            gamma=np.array([margin(p, t) for t in steps]) / p.sum(),
            xi=np.array([margin(p, t, t + 1) for t in steps[:-1]]).reshape(-1, *transmat.shape) / p.sum(),
            path=np.array(best),
            path_prob=p[best],
            joint=p,
            tied=(p >= (1 - 1e-9) * p[best]).sum() > 1,
        )


def path_log_prob(startprob, transmat, rows, path):
    """log P(O, Q) of one path."""
    path = np.asarray(path)
    factors = [startprob[path[0]], *transmat[path[:-1], path[1:]], *np.asarray(rows)[np.arange(len(path)), path]]
    with np.errstate(divide="ignore"):
        return np.log(factors).sum()


def expected_counts(gammas, xis, sequences, n_symbols):
    """start, trans and emission counts, given the posteriors of several sequences of codes (-1: missing)."""
    emission = np.zeros((gammas[0].shape[1], n_symbols))
    for gamma, x in zip(gammas, sequences):
        for weights, symbol in zip(gamma, x):
            if symbol >= 0:
                emission[:, symbol] += weights
    return sum(gamma[0] for gamma in gammas), sum(xi.sum(axis=0) for xi in xis), emission


def normalized(counts, old):
    """Rows of counts as probabilities; a row without evidence keeps its old values."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1), old)


# ----------------------------------------------------------------------------------------------- for longer sequences


def logsumexp(a, axis):
    top = a.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    return np.log(np.exp(a - top).sum(axis=axis)) + top.squeeze(axis)


@np.errstate(divide="ignore", invalid="ignore")
def log_space(startprob, transmat, rows, final=None):
    """Forward-backward in logarithms, in the widest float there is, for a whole batch of models if there are more axes.

    Everything but loglik is NaN where P(O) = 0.
    """
    rows = np.array(rows, np.longdouble)
    if final is not None:
        rows[..., -1, :] *= np.asarray(final)
    start, trans, rows = (np.log(np.asarray(a, np.longdouble)) for a in (startprob, transmat, rows))
    alpha, beta = np.empty_like(rows), np.zeros_like(rows)
    alpha[..., 0, :] = start + rows[..., 0, :]
    for t in range(1, rows.shape[-2]):
        alpha[..., t, :] = logsumexp(alpha[..., t - 1, :, None] + trans, -2) + rows[..., t, :]
    for t in range(rows.shape[-2] - 1)[::-1]:
        beta[..., t, :] = logsumexp(trans + (rows[..., t + 1, :] + beta[..., t + 1, :])[..., None, :], -1)
    prefix = logsumexp(alpha, -1)  # log P(o_1 .. o_t)
    loglik = prefix[..., -1]
    log_scale = np.diff(prefix, axis=-1, prepend=0)
    log_filter = alpha - prefix[..., None]
    log_gamma = alpha + beta - loglik[..., None, None]
    ahead = (rows + beta)[..., 1:, None, :] - loglik[..., None, None, None]
    xi = np.exp(alpha[..., :-1, :, None] + trans[..., None, :, :] + ahead)
    return SimpleNamespace(loglik=loglik, log_scale=log_scale, log_filter=log_filter, log_gamma=log_gamma,
                           gamma=np.exp(log_gamma), xi=xi)  # fmt: skip


@np.errstate(divide="ignore")
def viterbi(startprob, transmat, rows, final=None):
    """The best path in logarithms, ties to the lowest state."""
    start, trans, rows = (np.log(a) for a in (startprob, transmat, end_in(final, np.asarray(rows))))
    delta, back = start + rows[0], []
    for row in rows[1:]:
        into = delta[:, None] + trans
        back.append(into.argmax(axis=0))
        delta = into.max(axis=0) + row
    path = [delta.argmax()]
    for pointers in back[::-1]:
        path.append(pointers[path[-1]])
    return np.array(path[::-1])


# ------------------------------------------------------------------------------------------------- without rounding


def exact(startprob, transmat, rows, final=None):
    """Forward-backward in integers, which every double is when multiplied by 2^1074. The results are rounded once, from
    exact quotients; alpha and beta are Fractions, as the texts have them. None if P(O) = 0."""

    def integers(a):
        return [integers(b) for b in a] if np.ndim(a) else int(Fraction(float(a)) * unit)

    unit = 2**1074
    pi, a, b = integers(startprob), integers(transmat), integers(end_in(final, np.asarray(rows, float)))
    states, n_steps = range(len(pi)), len(b)
    alpha, beta = [[pi[j] * b[0][j] for j in states]], [[1 for _ in states]]
    for row in b[1:]:
        alpha.append([row[j] * sum(alpha[-1][i] * a[i][j] for i in states) for j in states])
    for row in b[:0:-1]:
        beta.insert(0, [sum(a[i][j] * row[j] * beta[0][j] for j in states) for i in states])
    totals = [sum(row) for row in alpha]
    total = totals[-1]
    if total == 0:
        return None
    return SimpleNamespace(
        loglik=math.log(total) - 2 * n_steps * math.log(unit),
        alpha=[[Fraction(x, unit ** (2 * t + 2)) for x in row] for t, row in enumerate(alpha)],
        beta=[[Fraction(x, unit ** (2 * (n_steps - 1 - t))) for x in row] for t, row in enumerate(beta)],
        filter=[[Fraction(x, s) for x in row] for row, s in zip(alpha, totals)],
        scaled_beta=[[Fraction(x * s, total) for x in row] for row, s in zip(beta, totals)],
        gamma=np.array([[x * y / total for x, y in zip(*both)] for both in zip(alpha, beta)]),
        xi=np.array([[[alpha[t][i] * a[i][j] * b[t + 1][j] * beta[t + 1][j] / total for j in states] for i in states]
                     for t in range(n_steps - 1)]).reshape(-1, len(pi), len(pi)),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------- paths and the past


def best_paths(p, k):
    """The k most probable paths of an array of P(O, Q) that are possible, and log P(O, Q)."""
    order = np.argsort(-p, axis=None, kind="stable")[:k]
    return [(q, np.log(p[q])) for q in map(tuple, np.stack(np.unravel_index(order, p.shape), axis=1)) if p[q] > 0]


def deltas(startprob, transmat, rows):
    """max P(o_1 .. o_t, q_1 .. q_t) over q_1 .. q_t-1, by trying all paths."""
    tables = [joint(startprob, transmat, rows[: t + 1]) for t in range(len(rows))]
    return np.array([p.max(axis=tuple(range(t))) for t, p in enumerate(tables)])


def lagged(startprob, transmat, rows, lag):
    """P(q_t | o_1 .. o_t+lag), by adding up the paths so far; lag -1: before step t is seen."""
    rows, table = np.asarray(rows, float), []
    for t in range(len(rows)):
        seen = np.vstack([rows[: t + lag + 1], np.ones((max(-lag, 0), rows.shape[1]))])
        p = margin(joint(startprob, transmat, seen), t)
        table.append(p / p.sum())
    return np.array(table)
