"""State paths: coding of labels, probability and sampling."""

import numpy as np

from .checks import check_count
from .kernels import sampling
from .symbols import shown

SAMPLED = 2**20  # values drawn in one call, so that Ctrl-C can interrupt between two
EVIDENCE = 1e-6  # of a step: what was seen less was not seen


def state_path(data, names, argument):
    """Codes of labels; every label must be known."""
    path, unknown = encoded(data, names, argument)
    if unknown is not None:
        label = chr(data.values[unknown]) if data.kind == "text" else data.values[unknown]
        place = f"{argument}, {data.where(unknown)}"
        raise ValueError(f"{place}: {shown(label)} is not among the states ({names.preview()})")
    return path


def encoded(data, names, argument):
    """(codes of labels, position of the first that is no state, or None)."""
    require_names(data, argument)
    if data.missing is not None and data.missing.any():
        raise unknown_label(data, argument, int(np.flatnonzero(data.missing)[0]))
    values, kind = data.values, data.kind
    if not names.takes(values, kind) and not (names.kind == "words" and kind == "text"):
        raise TypeError(f"{argument} holds {kind}, the states are {names.kind}: {names.preview()}")
    if names.kind == "words" and kind == "text":
        values, kind = [chr(c) for c in values], "words"
    path, some_unknown = names.encode(values, kind)
    return path, int(np.flatnonzero(path < 0)[0]) if some_unknown else None


def require_names(data, argument):
    """Labels are names: one a step, and no floats."""
    if np.ndim(data.values) == 2:
        way_out = f"; if its rows are sequences, pass list({argument})"
        raise ValueError(f"{argument} has shape {np.shape(data.values)}; it takes one label a step{way_out}")
    if data.kind == "numbers":
        t = next(iter(np.flatnonzero(data.values != np.round(data.values))), 0)
        if np.isnan(data.values[t]):
            raise unknown_label(data, argument, t)
        raise TypeError(f"{argument}, {data.where(t)}: {data.values[t]} is a float; labels are str, integers or bools")


def unknown_label(data, argument, t):
    return NotImplementedError(
        f"{argument}, {data.where(t)}: the label is unknown (None or NaN); partly labelled sequences are not taken: "
        "leave them out, or leave out y to learn from X alone"
    )


def path_log_probability(startprob, transmat, path, bounds):
    """sum log startprob + sum log transmat along the paths."""
    first = bounds[:-1][np.diff(bounds) > 0]
    inside = np.ones(len(path), dtype=bool)
    inside[first] = False
    arrived = np.flatnonzero(inside)
    with np.errstate(divide="ignore"):
        return float(np.log(startprob[path[first]]).sum() + np.log(transmat[path[arrived - 1], path[arrived]]).sum())


def sample_paths(startprob, transmat, n_steps, n_sequences, allowed, rng):
    """(n_sequences, n_steps) paths of the chain; with `allowed` (N,), given that they end in one of those states."""
    n_steps = check_count(n_steps, "n_steps", 0)
    n_sequences = 1 if n_sequences is None else check_count(n_sequences, "n_sequences", 0)
    if n_sequences * n_steps >= 2**48:
        raise MemoryError(f"{n_sequences} sequences of {n_steps} steps do not fit into any memory; draw some at a time")
    uniforms = np.empty((n_sequences, n_steps))
    for start in range(0, uniforms.size, SAMPLED):
        rng.random(out=uniforms.reshape(-1)[start : start + SAMPLED])
    path = np.empty((n_sequences, n_steps), dtype=np.int32)
    if not path.size:
        return path
    if allowed is None:
        bounds = np.arange(n_sequences + 1, dtype=np.int64) * n_steps
        sampling.sample_paths(
            np.cumsum(startprob), np.cumsum(transmat, axis=1), bounds, uniforms.ravel(), path.reshape(-1)
        )
        return path
    # Given the end: h[t, i] = P(q_T allowed | q_t = i), and steps are drawn in proportion to A[i, j] h[t+1, j].
    h = np.empty((n_steps, len(startprob)))
    h[-1] = allowed
    for t in range(n_steps - 2, -1, -1):
        h[t] = transmat @ h[t + 1]
        if not h[t].any():
            break
        h[t] /= h[t].max()
    if not (startprob * h[0]).any():
        raise ValueError(f"no path of {n_steps} steps ends in final_states")
    weights = np.broadcast_to(startprob * h[0], (n_sequences, len(startprob)))
    for t in range(n_steps):
        total = np.cumsum(weights, axis=1)
        path[:, t] = (uniforms[:, t, None] * total[:, -1:] >= total).sum(axis=1)
        if t + 1 < n_steps:
            weights = transmat[path[:, t]] * h[t + 1]
    return path
