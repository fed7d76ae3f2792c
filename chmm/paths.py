"""State paths: coding of labels, and probability."""

import numpy as np

from .sequences import Sequences
from .symbols import Symbols, shown

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
