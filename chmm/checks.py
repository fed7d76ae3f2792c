"""The checks of all arguments except the data; each error names the argument, the position and the value."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .exceptions import ImpossibleError
from .symbols import plain, shown

MOST_STARTS = 10**6
SUM_TOLERANCE = 1e-6  # how far below 0 or above 1 a probability may be, and how far a sum of them from 1
TRAININGS = ("baum-welch", "viterbi")
LARGEST_COUNT = 1e100  # of a pseudocount or weight: so that no sum overflows


class Options(NamedTuple):
    """How a Model learns."""

    n_init: int | str
    max_iter: int
    tol: float
    rng: np.random.Generator
    n_jobs: int
    accelerate: bool
    training: str = "baum-welch"
    state_order: str | None = None  # None: leave the states as they come


def options(model) -> Options:
    return Options(
        check_starts(model.n_init),
        check_count(model.max_iter, "max_iter", 1),
        check_number(model.tol, "tol"),
        generator(model.random_state),
        check_jobs(model.n_jobs),
        check_flag(model.accelerate, "accelerate"),
        check_choice(model.training, "training", TRAININGS),
        check_choice(model.state_order, "state_order", ("auto", None)),
    )


def check_jobs(n_jobs) -> int:
    if check_count(n_jobs, "n_jobs", -1) == 0:
        raise ValueError("n_jobs = 0 must be a number of threads, or -1 for all cores")
    return int(n_jobs)


def check_shares(values, name, shape):
    """A float64 array of numbers from 0 to 1."""
    array = as_floats(values, name)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; it must be {shape}: one for each state, or True to learn it")
    bad = ~((array >= 0) & (array <= 1))
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise ValueError(f"{name}[{i}] = {array[i]} is not a probability")
    return array


def ended_sequences(ended, data, ends):
    """(S,) bool, the sequences that ended rather than being cut off; None: all."""
    if ended is None:
        return None
    if not ends:
        raise ValueError("ended= says which sequences were cut off, and this model has no ends: give it endprob=True")
    if isinstance(ended, Mapping) and data.form == "dict":
        if set(ended) != set(data.keys):
            raise ValueError(f"ended must have the keys of X, {shown(data.keys)}, got {shown(list(ended))}")
        ended = [ended[key] for key in data.keys]
    array = np.atleast_1d(as_array(ended, "ended"))
    if array.shape != (data.n_sequences,) or array.dtype != bool:
        raise ValueError(
            f"ended = {shown(ended)} must hold a bool for each of {data.n_sequences} sequences: True where it ended, "
            "False where it was cut off"
        )
    return None if array.all() else array


def axis_names(values, axis):
    """The names along an axis of a Series or data frame; None for an array, or if the index merely counts."""
    if not hasattr(values, "iloc"):
        return None
    names = list(map(plain, values.columns if axis else values.index))
    return None if names == list(range(len(names))) else names


def refuse_row_names(values, name):
    """ValueError for a frame with named rows, since an emission does not know the names of the states. A frame of
    covariances is fine: its rows and columns have the same names."""
    rows = axis_names(values, 0)
    if rows is not None and not (np.ndim(values) == 2 and rows == axis_names(values, 1)):
        raise ValueError(
            f"{name} is a frame with the rows {shown(rows)}; an emission does not know states by name: put the rows "
            f"into the order of Model(states=...) and pass {name}.reset_index(drop=True)"
        )


def frozen_given(emission):
    """Frozen parameters must be given, also in the members of an emission."""
    for part in emission.members:
        frozen_given(part)
    for name in emission.frozen:
        if getattr(emission, name, None) is None:
            raise ValueError(f"{type(emission).__name__}(frozen={name!r}): {name} must be given to be frozen")


def sequence_weights(weight, data):
    """(S,) float64; None if all sequences count equally."""
    if weight is None:
        return None
    named = data.keys is not None and hasattr(weight, "keys")  # a dict or a Series
    if named and (isinstance(weight, dict) or axis_names(weight, 0) is not None):
        if set(weight.keys()) != set(data.keys):
            raise ValueError(f"sample_weight must have the keys of X, {shown(data.keys)}, got {shown(weight)}")
        weight = [weight[key] for key in data.keys]
    try:
        array = np.array(weight, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"sample_weight must be an array of numbers, got {shown(weight)}") from error
    if array.shape == (data.n_steps,) != (data.n_sequences,):
        # a weight for each step is accepted if it is the same for all steps of a sequence
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


def shard_names(shard):
    """The names of shards that the statistics keep: none or one."""
    try:
        return frozenset() if shard is None else frozenset([shard])
    except (TypeError, ValueError) as error:
        raise TypeError(f"shard = {shown(shard)} must be a name, such as a str or an int") from error


def agreeing_labels(path, data, structure, argument="y", ended=None):
    """Labels (codes, N where unknown) must not contradict final states and structural zeros."""
    states, n = structure.states, structure.n
    some = np.diff(data.bounds) > 0
    first, last = data.bounds[:-1][some], data.bounds[1:][some] - 1
    allowed = structure.allowed if structure.endprob is None else structure.endprob > 0
    if allowed is not None:
        last = data.bounds[1:][some if ended is None else some & ended] - 1
        allowed = np.append(allowed, True)
        if not allowed[path[last]].all():
            t = int(last[~allowed[path[last]]][0])
            name = shown(states.names[path[t]])
            told = "which is not in final_states" if structure.allowed is not None else "where endprob is 0"
            raise ValueError(f"{argument}, {data.where(t)}: the sequence ends in {name}, {told}")
    for name, free in structure.free.items():
        if name not in ("startprob", "transmat") or free.all():
            continue
        steps, at = first, (path[first],)
        if name == "transmat":
            steps = np.setdiff1d(np.arange(len(path)), first, assume_unique=True)
            steps = steps[(path[steps - 1] < n) & (path[steps] < n)]
            at = path[steps - 1], path[steps]
        else:
            steps = steps[path[steps] < n]
            at = (path[steps],)
        if not free[at].all():
            k = int(np.flatnonzero(~free[at])[0])
            names = " -> ".join(shown(states.names[i[k]]) for i in at)
            place = f"{argument}, {data.where(int(steps[k]))}"
            where = name if structure.topology is None else f"{name} (topology={structure.topology!r})"
            raise ValueError(f"{place}: {names} has a given probability of 0 in {where}")


def possible_labels(path, problem, structure, emission, argument="y"):
    """No label (code) may assign a value to a state that cannot show it."""
    observed, data = problem.observed, problem.data
    impossible = emission.log_likelihood(observed.distinct) == -np.inf
    wrong = np.vstack([impossible, np.zeros((1, structure.n), dtype=bool)])[observed.index, path]
    if wrong.any():
        t = int(wrong.argmax())
        raise ImpossibleError(
            f"{argument}, {data.where(t)}: {shown(structure.states.names[path[t]])} cannot show "
            f"{emission.describe(data, t)}, which has probability 0 in that state; give the step another label, or the "
            "state another emission"
        )


def refuse_one_label_a_sequence(y, data, name="y"):
    """ValueError for one label per sequence: labels belong to steps."""
    if data.form == "one" or not isinstance(y, list | tuple | np.ndarray) or data.n_steps == data.n_sequences:
        return
    if isinstance(y, list | tuple) and type(None) in set(map(type, y)):  # a whole sequence without labels
        return
    # labels of several characters may be texts of labels
    if len(y) == data.n_sequences > 1 and all(len(v) == 1 if isinstance(v, str) else np.size(v) == 1 for v in y):
        raise ValueError(
            f"{name} holds {len(y)} labels for {data.n_sequences} sequences; it takes a label for each step. If all "
            f"steps of a sequence have its label: {name}=[[label] * len(x) for x, label in zip(X, {name})]"
        )


# Numbers, options, probabilities --------------------------------------------------------------------------------------


def check_choice(value, name, choices):
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
        raise ValueError(f"{name} = {shown(value)} must be one of {', '.join(map(repr, choices))}")
    return value


def check_flag(value, name):
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} = {shown(value)} must be True or False")
    return bool(value)


def check_count(value, name, least, most=None):
    """An int from `least` to `most`, if there is a limit."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name} = {shown(value)} must be at least {least}")
    if most is not None and value > most:
        raise ValueError(f"{name} = {shown(value)} must be at most {most:,}")
    return int(value)


def check_starts(value):
    if isinstance(value, str):
        if value != "auto":
            raise ValueError(f'n_init = {shown(value)} must be "auto", or a number of starts')
        return value
    return check_count(value, "n_init", 1, MOST_STARTS)


def check_number(value, name):
    """A finite float >= 0."""
    number = _as_float(value) if isinstance(value, int | float | np.number) else np.nan
    if isinstance(value, bool) or not 0 <= number < np.inf:
        raise ValueError(f"{name} = {shown(value)} must be a finite number >= 0")
    return number


def check_counts(value, name):
    """A pseudocount: a number, or a read-only array of them."""
    refuse_row_names(value, name)
    if isinstance(value, str | bytes) or not as_array(value, name).ndim:
        return check_pseudocount(value, name)
    array = as_floats(value, name)
    bad = ~((array >= 0) & (array <= LARGEST_COUNT))
    if bad.any():
        at = np.argwhere(bad)[0].tolist()
        raise ValueError(f"{name}{at} = {array[tuple(at)]} must be a number from 0 to {LARGEST_COUNT:g}")
    return read_only(array)


def check_pseudocount(value, name="pseudocount"):
    if isinstance(value, str | bytes):
        raise TypeError(f"{name} must be a number, got the text {shown(value)}")
    try:
        number = _as_float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a number, got {shown(value)}") from error
    if not 0 <= number <= LARGEST_COUNT or isinstance(value, bool):
        raise ValueError(f"{name} = {shown(value)} must be a number from 0 to {LARGEST_COUNT:g}")
    return number


def _as_float(value):
    try:
        return float(value)
    except OverflowError:  # an int beyond all floats
        return np.inf


def generator(random_state):
    """A NumPy Generator from None, an int, a Generator or a RandomState; global state is never touched."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**32, 4, dtype=np.uint64))
    if isinstance(random_state, bool) or not (
        random_state is None or isinstance(random_state, int | np.integer | np.random.Generator)
    ):
        raise TypeError(f"random_state must be None, an integer or a numpy Generator, got {random_state!r}")
    if isinstance(random_state, int | np.integer) and random_state < 0:
        raise ValueError(f"random_state = {random_state} must not be negative")
    return np.random.default_rng(random_state)


def own_seed(random_state):
    """A random_state for one of several threads: they must not share a Generator, of which this draws one."""
    if random_state is None or isinstance(random_state, int | np.integer):
        return random_state
    return int(generator(random_state).integers(2**63))


def as_array(values, name):
    """An argument as an array; lists of lists must be of one length."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} = {shown(values)} must be an array: its rows differ in length") from error


def as_floats(values, name):
    """A parameter as a new float64 array; NaN where it is masked."""
    if isinstance(values, Mapping):
        by_name = {"startprob": "pd.Series(startprob)", "transmat": "pd.DataFrame(transmat).T"}.get(name)
        way_out = "in the order of the states" + (f"; or {by_name}, which goes by name" if by_name else "")
        raise TypeError(f"{name} = {shown(values)} is a dict, and must be an array of numbers, {way_out}")
    try:
        if isinstance(values, np.ma.MaskedArray):
            values = values.astype(np.float64).filled(np.nan)
        values = np.asarray(values)
        if values.dtype.kind == "c":
            raise TypeError("complex")  # NumPy would only warn
        return np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} must be an array of numbers, got {shown(values)}") from error


def check_probabilities(values, name, shape, advice=""):
    """A float64 array of probabilities, its last axis summing to 1 within 1e-6; `advice` ends the error if not."""
    array = as_floats(values, name)
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or not array.size:
        unknown = ("n_states", "n_states" if name == "transmat" else "any")  # what an axis of any length is called
        want = " x ".join(unknown[k] if n is None else str(n) for k, n in enumerate(shape))
        raise ValueError(f"{name} has shape {array.shape}; it must be {want}")
    if np.isnan(array).any():
        at = np.argwhere(np.isnan(array))[0].tolist()
        raise ValueError(f"{name}{at} is NaN; every probability must be given")
    # entries get the same tolerance as sums: other programs may write 0 as -1e-18
    array[(array < 0) & (array >= -SUM_TOLERANCE)] = 0.0
    if (array < 0).any() or np.isinf(array).any():
        at = np.argwhere((array < 0) | np.isinf(array))[0]
        way_out = "; for logarithms or other scores there is Scores" if array[tuple(at)] < 0 else ""
        raise ValueError(f"{name}{at.tolist()} = {array[tuple(at)]} is not a probability{way_out}")
    total = array.sum(axis=-1)
    off = np.abs(total - 1) > SUM_TOLERANCE
    if off.any():
        row = np.argwhere(off)[0].tolist()
        place = f"{name}{row}" if row else name
        raise ValueError(f"{place} sums to {total[tuple(row)]:.9g}; it must sum to 1 (within {SUM_TOLERANCE}){advice}")
    return array


def check_frozen(frozen, parameters, **given):
    """The constructor's `frozen`, checked: {name: True, or the bool mask of what stays}.

    frozen : a name, names, or a mapping of names to masks that broadcast to the parameter; `given` are the parameters.
    """
    if not isinstance(frozen, str | list | tuple | set | frozenset | dict):
        raise TypeError(f"frozen = {shown(frozen)} must be names of parameters, such as {parameters[:1]!r}")
    names = (frozen,) if isinstance(frozen, str) else tuple(frozen)
    for name in names:
        if not isinstance(name, str) or name not in parameters:
            own = "; an emission has its own, such as Gaussian(means, covariances, frozen='means')"
            told = own if "transmat" in parameters else ""
            raise ValueError(f"frozen holds {shown(name)}; it may hold {', '.join(parameters)}{told}")
    if not isinstance(frozen, dict):
        return dict.fromkeys(names, True)
    checked: dict = {}
    for name, value in frozen.items():
        refuse_row_names(value, f"frozen[{name!r}]")
        mask, parameter = as_array(value, f"frozen[{name!r}]"), given.get(name)
        if mask.dtype != bool:
            raise TypeError(f"frozen[{name!r}] = {shown(value)} must be a mask of bools, or True")
        if mask.all() or not mask.any():
            checked |= {name: True} if mask.all() else {}
            continue
        if parameter is None:
            raise ValueError(f"frozen[{name!r}] is a mask: {name} must be given, too")
        if mask.shape == parameter.shape[: mask.ndim]:  # one for each state
            mask = mask.reshape(mask.shape + (1,) * (parameter.ndim - mask.ndim))
        try:
            checked[name] = read_only(np.broadcast_to(mask, parameter.shape).copy())
        except ValueError:
            raise ValueError(
                f"frozen[{name!r}] has shape {np.shape(value)}, which does not match {name}, {parameter.shape}"
            ) from None
    return checked


def read_only(array):
    """The array, read-only."""
    array.flags.writeable = False
    return array
