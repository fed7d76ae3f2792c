"""The constructor's and fit's arguments, checked: each error names the argument, the position, the value."""

from typing import NamedTuple

import numpy as np

from .chain import check_count, generator, require_names
from .statistics import LARGEST_COUNT, check_probabilities, check_pseudocount
from .symbols import Symbols, shown

MAX_STATES = 2**20


class Options(NamedTuple):
    """The plain options of a Model."""

    pseudocount: float
    n_init: int | str
    max_iter: int
    tol: float
    rng: np.random.Generator
    n_jobs: int
    accelerate: bool


def options(model):
    tol = model.tol
    if isinstance(tol, bool) or not isinstance(tol, int | float | np.number) or not 0 <= tol < np.inf:
        raise ValueError(f"tol = {shown(tol)} must be a finite number >= 0")
    if check_count(model.n_jobs, "n_jobs", -1) == 0:
        raise ValueError("n_jobs = 0 must be a number of threads, or -1 for all cores")
    return Options(
        check_pseudocount(model.pseudocount),
        model.n_init if model.n_init == "auto" else check_count(model.n_init, "n_init", 1),
        check_count(model.max_iter, "max_iter", 1),
        float(tol),
        generator(model.random_state),
        int(model.n_jobs),
        bool(model.accelerate),
    )


def states(model, emission, labels=None):
    """The states, from whatever says how many there are; all that say so must agree."""
    said = {}
    if model.n_states is not None:
        said["n_states"] = check_count(model.n_states, "n_states", 1)
        if model.n_states > MAX_STATES:
            gigabytes = model.n_states**2 // 2**27
            raise MemoryError(f"n_states = {model.n_states}: transmat alone would take {gigabytes} GiB")
    names = None
    if model.states is not None:
        names = Symbols(model.states, argument="states")
        said["states"] = len(names)
    if model.startprob is not None:
        said["startprob"] = check_probabilities(model.startprob, "startprob", (None,)).size
    if model.transmat is not None:
        shape = check_probabilities(model.transmat, "transmat", (None, None)).shape
        if shape[0] != shape[1]:
            raise ValueError(f"transmat has shape {shape}; it must be square, (n_states, n_states)")
        said["transmat"] = shape[0]
    if emission.n_states is not None:
        said["emission"] = emission.n_states
    if names is None and labels is not None:
        require_names(labels, "y")
        names = Symbols.learn(labels, "y")
        n = next(iter(said.values()), len(names))
        if labels.kind == "integers" and set(names.names) <= set(range(n)):
            names = Symbols(range(n))  # the states' own numbers, though some may not occur
        said["the labels in y"] = len(names)
    if not said:
        raise ValueError("n_states is not known: give Model(n_states), names of states, or labels y")
    if len(set(said.values())) > 1:
        raise ValueError("the number of states is not clear: " + ", ".join(f"{k} says {v}" for k, v in said.items()))
    return names if names is not None else Symbols(range(next(iter(said.values()))))


def frozen_given(emission):
    """What is frozen must be given, in the parts of an emission too."""
    for part in emission.members:
        frozen_given(part)
    for name in emission.frozen:
        if getattr(emission, name, None) is None:
            raise ValueError(f"{type(emission).__name__}(frozen={name!r}): {name} must be given to be kept")


def given_chain(model, n):
    """(startprob, transmat), each None if not given."""
    return (
        None if model.startprob is None else check_probabilities(model.startprob, "startprob", (n,)),
        None if model.transmat is None else check_probabilities(model.transmat, "transmat", (n, n)),
    )


def allowed_ends(model, states):
    """(N,) bool: the final states; None if there is no restriction."""
    if model.final_states is None:
        return None
    allowed = np.zeros(len(states), dtype=bool)
    for name in Symbols(model.final_states, argument="final_states").names:
        if name not in states.codes:
            raise ValueError(f"final_states holds {shown(name)}, which is not among the states ({states.preview()})")
        allowed[states.codes[name]] = True
    return allowed


def sequence_weights(weight, data):
    if weight is None:
        return None
    try:
        array = np.array(weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"sample_weight must be an array of numbers, got {shown(weight)}") from error
    if array.shape == (data.n_steps,) != (data.n_sequences,):
        # a weight for each step will do, if it is the same for all steps of a sequence
        first = data.bounds[:-1].clip(max=max(data.n_steps - 1, 0))
        by_sequence = array[first]
        if np.array_equal(np.repeat(by_sequence, np.diff(data.bounds)), array, equal_nan=True):
            array = by_sequence
        else:
            raise ValueError(
                f"sample_weight has a weight for each of {data.n_steps} steps, and they differ within a sequence; give "
                f"one weight for each of the {data.n_sequences} sequences"
            )
    if array.shape != (data.n_sequences,):
        raise ValueError(f"sample_weight has shape {array.shape}; X has {data.n_sequences} sequences, one weight each")
    bad = ~((array >= 0) & (array <= LARGEST_COUNT))
    if bad.any():
        s = int(np.flatnonzero(bad)[0])
        raise ValueError(f"sample_weight[{s}] = {array[s]} must be a number from 0 to {LARGEST_COUNT:g}")
    if not (array[np.diff(data.bounds) > 0] > 0).any():
        raise ValueError("sample_weight is zero for every sequence with steps")
    return array


def agreeing_labels(path, data, states, startprob, transmat, allowed):
    """Labels must not contradict final states and structural zeros."""
    some = np.diff(data.bounds) > 0
    first, last = data.bounds[:-1][some], data.bounds[1:][some] - 1
    if allowed is not None and not allowed[path[last]].all():
        t = int(last[~allowed[path[last]]][0])
        name = shown(states.names[path[t]])
        raise ValueError(f"y, {data.where(t)}: the sequence ends in {name}, which is not in final_states")
    for name, given in (("startprob", startprob), ("transmat", transmat)):
        if given is None or given.all():
            continue
        steps, at = first, (path[first],)
        if name == "transmat":
            steps = np.setdiff1d(np.arange(len(path)), first, assume_unique=True)
            at = path[steps - 1], path[steps]
        if not given[at].all():
            k = int(np.flatnonzero(given[at] == 0)[0])
            names = " -> ".join(shown(states.names[i[k]]) for i in at)
            raise ValueError(f"y, {data.where(int(steps[k]))}: {names} has a given probability of 0 in {name}")


def refuse_texts_as_words(X, data):
    """An array of strings is one sequence of words; where none recurs, texts were probably meant."""
    if data.form == "one" and data.kind == "words" and not isinstance(X, list | tuple):
        words = [word for word in data.values if isinstance(word, str)]
        if len(words) > 1 and len(set(words)) == len(words):
            raise ValueError(
                f"X is an array of {len(words)} strings, none of which recurs: as one sequence of words there is "
                "nothing to learn. If they are texts, pass list(X); if it is one sequence of words, pass it as a list"
            )
