"""State paths: coding of labels, probability and sampling."""

import numpy as np

from .checks import check_count
from .kernels import sampling
from .sequences import Sequences
from .stationary import reachable
from .symbols import Symbols, shown

SAMPLED = 2**20  # values drawn in one call; Ctrl-C acts between calls
EVIDENCE = 1e-6  # in steps: an expected count below this is taken for none

Path = np.ndarray  # (T,) codes of states


def state_path(data: Sequences, names: Symbols, argument: str, gaps: bool = False) -> Path:
    """Codes of labels; each label must be the name of a state, or unknown if `gaps` are allowed."""
    path, unknown = encoded(data, names, argument, gaps)
    if unknown is not None:
        label = chr(data.values[unknown]) if data.kind == "text" else data.values[unknown]
        place = f"{argument}, {data.where(unknown)}"
        if data.kind == "integers" and label == -1 and gaps:
            raise ValueError(f"{place}: -1 is not among the states ({names.preview()}); an unknown label is None here")
        raise ValueError(f"{place}: {shown(label)} is not among the states ({names.preview()})")
    return path


def encoded(data: Sequences, names: Symbols, argument: str, gaps: bool = False) -> tuple[Path, int | None]:
    """(codes of the labels, N where unknown; the position of the first label that names no state, or None)."""
    require_names(data, argument)
    missing = data.missing
    if not gaps and missing is not None and missing.any():
        raise unknown_label(data, argument, int(np.flatnonzero(missing)[0]))
    values, kind = data.values, data.kind
    if not names.takes(values, kind) and not (names.kind == "words" and kind == "text"):
        raise TypeError(f"{argument} holds {kind}, the states are {names.kind}: {names.preview()}")
    if names.kind == "words" and kind == "text":
        values, kind = [chr(c) for c in values], "words"
    path, some_unknown = names.encode(values, kind)
    if missing is not None:
        np.copyto(path, len(names), where=missing)
        some_unknown = path.min(initial=0) < 0
    return path, int(np.flatnonzero(path < 0)[0]) if some_unknown else None


def require_names(data: Sequences, argument: str) -> None:
    """An error unless there is one label for each step, and no label is a float."""
    if np.ndim(data.values) == 2:
        way_out = f"; if its rows are sequences, pass list({argument})"
        raise ValueError(f"{argument} has shape {np.shape(data.values)}; it takes one label a step{way_out}")
    if data.kind == "numbers":
        t = int(next(iter(np.flatnonzero(data.values != np.round(data.values))), 0))
        if np.isnan(data.values[t]):
            raise unknown_label(data, argument, t)
        raise TypeError(f"{argument}, {data.where(t)}: {data.values[t]} is a float; labels are str, integers or bools")


def unknown_label(data: Sequences, argument: str, t: int) -> ValueError:
    return ValueError(f"{argument}, {data.where(t)}: the state is unknown (None or NaN); here every one must be known")


def path_log_probability(startprob: np.ndarray, transmat: np.ndarray, path: Path, bounds: np.ndarray) -> float:
    """The sum of log startprob and log transmat along the paths of all sequences."""
    first = bounds[:-1][np.diff(bounds) > 0]
    inside = np.ones(len(path), dtype=bool)
    inside[first] = False
    arrived = np.flatnonzero(inside)
    with np.errstate(divide="ignore"):
        return float(np.log(startprob[path[first]]).sum() + np.log(transmat[path[arrived - 1], path[arrived]]).sum())


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
        raise MemoryError(f"{n_sequences} sequences of {n_steps} steps do not fit into any memory; draw some at a time")
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
        raise ValueError("n_steps is not given, and this model knows no ends: sample(n_steps), or Model(endprob=True)")
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
