"""Drawing from a model: paths of its states, and what is observed in them."""

from itertools import pairwise

import numpy as np

from .checks import check_count
from .fit import Fit
from .kernels import sampling
from .paths import Path
from .results import Sample
from .stationary import reachable
from .symbols import Symbols, shown

SAMPLED = 2**20  # values drawn in one call; Ctrl-C acts between calls


def sample(fit: Fit, n_steps: int | None, n_sequences: int | None, rng: np.random.Generator) -> Sample:
    """Observations and their states: one sequence, or lists of several; n_steps=None: each goes on until it ends."""
    n_sampled = 1 if n_sequences is None else n_sequences
    if n_steps is None:
        path, bounds = sample_to_the_end(fit.startprob, fit.transmat, fit.endprob, n_sampled, fit.states, rng)
    else:
        paths = sample_paths(fit.startprob, fit.chain.moves, n_steps, n_sampled, fit.chain.last, rng)
        path, bounds = paths.reshape(-1), np.arange(len(paths) + 1) * paths.shape[1]
    blocks = np.split(path, range(SAMPLED, path.size, SAMPLED)) if path.size else []
    drawn = [fit.emission.sample(states, rng) for states in blocks]
    values = np.concatenate(drawn) if len(drawn) > 1 else drawn[0] if drawn else np.empty(0)
    if getattr(values, "dtype", None) == np.float64 and not np.isfinite(values).all():
        t = int(np.argwhere(~np.isfinite(values))[0][0])
        raise ValueError(
            f"a value drawn in state {shown(fit.states.names[path[t]])} is beyond all numbers: "
            f"{values[t]}; check the emission's parameters"
        )
    X = [values[a:b] for a, b in pairwise(bounds.tolist())]
    if fit.emission.kind == "text":
        X = ["".join(x) for x in X]
    states = [fit.named(path[a:b].astype(np.intp)) for a, b in pairwise(bounds.tolist())]
    return Sample(X[0], states[0]) if n_sequences is None else Sample(X, states)


def sample_paths(
    startprob: np.ndarray,
    transmat: np.ndarray,
    n_steps: int,
    n_sequences: int | None,
    last: np.ndarray | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """(n_sequences, n_steps) paths of the chain. last : (N,), weights of the states in which they end; None: equal."""
    n_steps = check_count(n_steps, "n_steps", 0)
    n_sequences = 1 if n_sequences is None else check_count(n_sequences, "n_sequences", 0)
    if n_sequences * n_steps >= 2**48:
        raise MemoryError(f"{n_sequences} sequences of {n_steps} steps do not fit in memory; draw some at a time")
    uniforms = np.empty((n_sequences, n_steps))
    for start in range(0, uniforms.size, SAMPLED):
        rng.random(out=uniforms.reshape(-1)[start : start + SAMPLED])
    path = np.empty((n_sequences, n_steps), dtype=np.int32)
    if not path.size:
        return path
    if last is None:
        bounds = np.arange(n_sequences + 1, dtype=np.int64) * n_steps
        sampling.sample_paths(
            np.cumsum(startprob), np.cumsum(transmat, axis=1), bounds, uniforms.ravel(), path.reshape(-1)
        )
        return path
    # Given the end: h[t, i] is proportional to the probability of what follows i at t, and a step from i to j is drawn
    # with a probability proportional to A[i, j] h[t+1, j].
    h = np.empty((n_steps, len(startprob)))
    h[-1] = last
    for t in range(n_steps - 2, -1, -1):
        h[t] = transmat @ h[t + 1]
        if not h[t].any():
            break
        h[t] /= h[t].max()
    if not (startprob * h[0]).any():
        raise ValueError(f"no path of {n_steps} steps ends in a state where it may (final_states, endprob)")
    weights = np.broadcast_to(startprob * h[0], (n_sequences, len(startprob)))
    for t in range(n_steps):
        total = np.cumsum(weights, axis=1)
        path[:, t] = (uniforms[:, t, None] * total[:, -1:] >= total).sum(axis=1)
        if t + 1 < n_steps:
            weights = transmat[path[:, t]] * h[t + 1]
    return path


def sample_to_the_end(
    startprob: np.ndarray,
    transmat: np.ndarray,
    endprob: np.ndarray | None,
    n_sequences: int,
    states: Symbols,
    rng: np.random.Generator,
) -> tuple[Path, np.ndarray]:
    """(path (T,), bounds (n_sequences + 1,)) of sequences that go on until they end. They are drawn as one long path of
    a chain with one more state, the end, from which the next sequence starts."""
    if endprob is None:
        raise ValueError("n_steps is not given, and this model has no ends: sample(n_steps), or Model(endprob=True)")
    n_sequences, end = check_count(n_sequences, "n_sequences", 0), len(startprob)
    chain = np.block([[(1 - endprob)[:, None] * transmat, endprob[:, None]], [startprob, 0.0]])
    reach = reachable(chain > 0)
    never = np.flatnonzero(reach[end] & ~reach[:, end])
    if len(never):
        names = ", ".join(shown(states.names[i]) for i in never[:6])
        raise ValueError(f"a sequence may come to {names}, from where it never ends: give n_steps, or change endprob")
    visited = np.flatnonzero(reach[end, :end])
    onwards = np.eye(len(visited)) - chain[np.ix_(visited, visited)]
    n_steps = n_sequences * float(startprob[visited] @ np.linalg.solve(onwards, np.ones(len(visited))))
    if not n_steps < 2**40:
        raise MemoryError(f"{n_sequences} sequences would have about {n_steps:.3g} steps: give n_steps, or draw fewer")
    cumulated, parts, last, n_ended = np.cumsum(chain, axis=1), [np.empty(0, dtype=np.int32)], end, 0
    while n_ended < n_sequences:
        size = int(min(max(1.2 * n_steps * (1 - n_ended / n_sequences), 64), SAMPLED))
        part = np.empty(size, dtype=np.int32)
        sampling.sample_paths(cumulated[last], cumulated, np.array([0, size], dtype=np.int64), rng.random(size), part)
        parts.append(part)
        last, n_ended = int(part[-1]), n_ended + int((part == end).sum())
    path = np.concatenate(parts)
    ends = np.flatnonzero(path == end)[:n_sequences]
    path = path[: ends[-1]] if n_sequences else path
    return path[path < end], np.append(0, ends - np.arange(n_sequences))
