"""The checks of all arguments except the data; each error names the argument, the position and the value."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .exceptions import ImpossibleError
from .stationary import reachable, settled
from .symbols import Symbols, plain, shown

MAX_STATES = 2**20
MOST_STARTS = 10**6
SUM_TOLERANCE = 1e-6  # how far below 0 or above 1 a probability may be, and how far a sum of them from 1
TRAININGS = ("baum-welch", "viterbi")
LARGEST_COUNT = 1e100  # of a pseudocount or weight: so that no sum overflows
CHAIN = ("startprob", "transmat", "endprob")  # parameters that a chain may have
TOPOLOGIES = {  # how far a step may lead, by name
    "left-right": lambda ahead, n: ahead >= 0,
    "linear": lambda ahead, n: (ahead == 0) | (ahead == 1),
    "bakis": lambda ahead, n: (ahead >= 0) & (ahead <= 2),
    "cyclic": lambda ahead, n: ahead % n <= 1,
}


class Pseudocounts(NamedTuple):
    """What is added to counts: for each kind of probability, a number or an array that broadcasts."""

    startprob: float | np.ndarray
    transmat: float | np.ndarray
    endprob: float | np.ndarray
    emission: float | np.ndarray


class Structure(NamedTuple):
    """What is known about a chain before it sees data."""

    states: Symbols
    startprob: np.ndarray | None  # (N,) as given
    transmat: np.ndarray | None  # (N, N) as given
    allowed: np.ndarray | None  # (N,) bool: the final states; None: any
    pseudocount: Pseudocounts
    free: dict  # by parameter: the mask of entries that are not structural zeros; None: all
    frozen: dict  # by parameter: True (all of it), or the mask of entries that stay as given
    topology: str | None
    stationary: bool  # whether startprob is the stationary distribution of transmat
    endprob: np.ndarray | None = None  # (N,), where EM starts: as given, or 1/2 in states where a sequence may end

    @property
    def n(self) -> int:
        return len(self.states)

    @property
    def ends(self) -> bool:
        """Whether the last step of a sequence is weighted."""
        return self.allowed is not None or self.endprob is not None

    def held(self, name: str) -> bool | np.ndarray:
        """The entries of a parameter that stay as given: True (all of them), a mask, or False."""
        return self.frozen.get(name, False)


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


def knows_ends(model) -> bool:
    """Whether its arguments say how sequences end, so that `ended` is for it."""
    return model.final_states is not None or (model.endprob is not None and model.endprob is not False)


def structure(model, emission=None, labels=None, argument="y", known: Symbols | None = None) -> Structure:
    """The number and names of the states, from every argument that implies them, and the chain's given parameters.

    known : the states, if a fit has settled them; the arguments must agree with it.
    """
    given = {name: getattr(model, name) for name in ("startprob", "transmat") if getattr(model, name) is not None}
    stationary, topology = _says_stationary(model), check_topology(model)
    if stationary:
        del given["startprob"]
    said = {}
    n_states = getattr(model, "n_states", None)
    if n_states is not None:
        said["n_states"] = check_count(n_states, "n_states", 1)
        if n_states > MAX_STATES:
            gigabytes = shown(int(n_states) ** 2 // 2**27)
            raise MemoryError(f"n_states = {shown(n_states)}: transmat alone would take {gigabytes} GiB")
    names, frame = known, _names_in_frames(given)
    if model.states is not None:
        names = Symbols(model.states, argument="states")
        said["states"] = len(names)
        if known is not None and names.names != known.names:
            raise ValueError(
                f"states = {shown(model.states)}, what was learnt has {known.preview()}: fit again, or set states back"
            )
    elif known is not None:
        said["what was learnt"] = len(known)
    elif frame is not None:
        names = Symbols(frame, argument="the index of startprob or transmat")
    arrays = {}
    for name, value in given.items():
        shape = (None,) if name == "startprob" else (None, None)
        arrays[name] = array = check_probabilities(_by_name(value, name, names, len(shape)), name, shape)
        if name == "transmat" and array.shape[0] != array.shape[1]:
            raise ValueError(f"transmat has shape {array.shape}; it must be square, (n_states, n_states)")
        said[name] = len(array)
    if emission is not None and emission.n_states is not None:
        said["emission"] = emission.n_states
    if hasattr(labels, "table"):
        said[f"the width of {argument}"] = labels.table.shape[1]
        if names is None and labels.names is not None:
            names = Symbols(labels.names, argument=f"the columns of {argument}")
    elif names is None and labels is not None:
        names = _names_of_labels(labels, argument, said)
        said[f"the labels in {argument}"] = len(names)
    if not said:
        raise ValueError("n_states is not known: give Model(n_states), names of states, or labels y")
    if len(set(said.values())) > 1:
        raise ValueError("the number of states is not clear: " + ", ".join(f"{k} says {v}" for k, v in said.items()))
    states = names if names is not None else Symbols(range(next(iter(said.values()))))
    allowed = _allowed_ends(getattr(model, "final_states", None), states)
    free = {name: array > 0 for name, array in arrays.items()}
    if topology is not None:
        _take_topology(topology, arrays, free, len(states), stationary)
    ends = _ends(getattr(model, "endprob", None), states, allowed)
    if ends is not None:
        free["endprob"] = ends > 0
    frozen = _frozen(model, arrays, states, stationary)
    if stationary:
        _require_one_class(free.get("transmat"), states, topology)
        if "transmat" in arrays:
            arrays["startprob"] = settled(arrays["transmat"])
    return Structure(
        states,
        arrays.get("startprob"),
        arrays.get("transmat"),
        allowed,
        check_pseudocounts(model, states),
        free,
        frozen,
        topology,
        stationary,
        ends,
    )


def _says_stationary(model):
    """Whether startprob is "stationary", and nothing contradicts it."""
    if not isinstance(model.startprob, str):
        return False
    if model.startprob != "stationary":
        raise ValueError(f"startprob = {shown(model.startprob)} must be an array of probabilities, or 'stationary'")
    endprob = getattr(model, "endprob", None)
    if endprob is not None and endprob is not False:
        raise ValueError(
            "startprob='stationary' is for a chain that has run for long, endprob for one that ends: give one of them"
        )
    return True


def check_topology(model):
    topology = getattr(model, "topology", None)
    if topology is not None and not (isinstance(topology, str) and topology in TOPOLOGIES):
        raise ValueError(f"topology = {shown(topology)} must be None or one of {', '.join(map(repr, TOPOLOGIES))}")
    return topology


def _take_topology(topology, arrays, free, n, stationary):
    """Set the zeros of a topology, which a given transmat must have, and the first state as the start if none is
    given."""
    ahead = np.arange(n) - np.arange(n)[:, None]
    possible = TOPOLOGIES[topology](ahead, n)
    if "transmat" in arrays and (arrays["transmat"][~possible] > 0).any():
        at = np.argwhere((arrays["transmat"] > 0) & ~possible)[0]
        raise ValueError(
            f"transmat{at.tolist()} = {arrays['transmat'][tuple(at)]:.9g}, where topology={topology!r} has a 0: leave "
            "out one of the two"
        )
    free.setdefault("transmat", possible)
    if topology != "cyclic" and not stationary and "startprob" not in arrays:
        arrays["startprob"] = np.eye(n)[0]
        free["startprob"] = arrays["startprob"] > 0


def _frozen(model, arrays, states, stationary):
    """The argument `frozen`, checked: {name: True, or the mask of what stays}."""
    given = getattr(model, "frozen", ())
    own = tuple(name for name in CHAIN if hasattr(model, name))
    if isinstance(given, Mapping):
        given = {k: _by_name(v, f"frozen[{k!r}]", states, 2) if k in own else v for k, v in given.items()}
    endprob = getattr(model, "endprob", None)
    if endprob is not None and not isinstance(endprob, bool):
        arrays = {**arrays, "endprob": as_floats(endprob, "endprob")}
    frozen = check_frozen(given, own, **arrays)
    for name in frozen:
        if name == "startprob" and stationary:
            raise ValueError("startprob='stationary' follows transmat and cannot be frozen: freeze transmat")
        if getattr(model, name) is None or name not in arrays:
            raise ValueError(f"frozen: {name} must be given to be kept, such as Model({name}=..., frozen={name!r})")
    return frozen


def _require_one_class(free, states, topology):
    """A stationary chain is never in a state that it will leave for good."""
    if free is None:
        return
    reach = reachable(free)
    if not reach.all():
        i, j = np.argwhere(~reach)[0]
        why = "transmat" if topology is None else f"topology={topology!r}"
        raise ValueError(
            f"startprob='stationary' needs a chain in which every state can be reached from every other; under {why} "
            f"{shown(states.names[j])} cannot be reached from {shown(states.names[i])}. Give startprob as numbers, or "
            "let it be learnt (None)"
        )


def _ends(endprob, states, allowed):
    """(N,), the probabilities of an end from which EM starts; None: the model has no ends."""
    if endprob is None or endprob is False:
        return None
    n = len(states)
    if endprob is True:
        return np.full(n, 0.5) if allowed is None else np.where(allowed, 0.5, 0.0)
    array = check_shares(_by_name(endprob, "endprob", states, 1), "endprob", (n,))
    if not array.any():
        raise ValueError("endprob is 0 in every state: no sequence would ever end")
    if allowed is not None and array[~allowed].any():
        i = int(np.flatnonzero((array > 0) & ~allowed)[0])
        raise ValueError(
            f"endprob[{i}] = {array[i]:g} in state {shown(states.names[i])}, which is not in final_states; it must be 0"
        )
    return array


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
        raise ValueError("ended= says which sequences were cut off, and this model knows no ends: give it endprob=True")
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


def _names_of_labels(labels, argument, said):
    """The labels, sorted; or 0 ... N-1, if the labels are among these and include 0."""
    names = Symbols.learn(labels, argument)
    if labels.kind != "integers":
        return names
    if -1 in names.names:
        raise ValueError(
            f"{argument} holds the label -1, which elsewhere stands for an unknown label; here that is None. If -1 is "
            f"the name of a state, say so: states={shown(list(names.names))}"
        )
    n = next(iter(said.values()), len(names))
    if len(names) < n and set(names.names) <= set(range(n + 1)):
        if 0 in names.names and n not in names.names:
            return Symbols(range(n))
        who = next(iter(said))
        raise ValueError(
            f"{argument} holds the labels {names.preview()}, and {who} says {n} states: the labels do not tell which "
            f"names the states have; give them, such as states=range({n}) or states=range(1, {n + 1})"
        )
    return names


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


def without_frames(model, states) -> dict:
    """The model's arguments and other attributes, with frames as arrays in the order of the states. If these had their
    names from a frame, `states` says them."""
    plain = {name: value for name, value in vars(model).items() if not name.startswith("_")}
    for name in ("startprob", "transmat", "endprob"):
        plain[name] = _by_name(plain[name], name, states, 2)
    for name in ("frozen", "pseudocount"):
        if isinstance(plain[name], Mapping):
            plain[name] = {key: _by_name(value, f"{name}[{key!r}]", states, 2) for key, value in plain[name].items()}
    if model.states is None and _names_in_frames({"startprob": model.startprob, "transmat": model.transmat}):
        plain["states"] = list(states.names)
    return plain


def _names_in_frames(given):
    """The names of the states, from the first index or columns with names."""
    for value in given.values():
        for axis in range(np.ndim(value) if hasattr(value, "iloc") else 0):
            names = axis_names(value, axis)
            if names is not None:
                return names
    return None


def _by_name(values, name, states, n_axes):
    """A given Series or frame in the order of the states; anything else as it is."""
    for axis in range(min(np.ndim(values), n_axes) if hasattr(values, "iloc") else 0):
        found = axis_names(values, axis)
        if found is None:
            continue
        order = order_by_name(found, name, states, "columns" if axis else "index")
        values = values.iloc[:, order] if axis else values.iloc[order]
    return np.asarray(values) if hasattr(values, "iloc") else values


def order_by_name(found, name, states, where):
    """Where each state is among the names of an axis of a frame, which must be those of the states."""
    if sorted(map(str, found)) != sorted(map(str, states.names)) or not all(k in states.codes for k in found):
        raise ValueError(
            f"{name} has the {where} {shown(found)}, the states are {states.preview()}; the names must agree, or "
            f"pass {name}.to_numpy() to go by position"
        )
    return [found.index(state) for state in states.names]


def _allowed_ends(final_states, states):
    """(N,) bool: the final states; None if there is no restriction."""
    if final_states is None:
        return None
    if isinstance(final_states, set | frozenset):
        final_states = list(final_states)
    allowed = np.zeros(len(states), dtype=bool)
    for name in Symbols(final_states, argument="final_states").names:
        if name not in states.codes:
            raise ValueError(f"final_states holds {shown(name)}, which is not among the states ({states.preview()})")
        allowed[states.codes[name]] = True
    return allowed


def frozen_given(emission):
    """Frozen parameters must be given, also in the members of an emission."""
    for part in emission.members:
        frozen_given(part)
    for name in emission.frozen:
        if getattr(emission, name, None) is None:
            raise ValueError(f"{type(emission).__name__}(frozen={name!r}): {name} must be given to be kept")


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


def check_pseudocounts(model, states) -> Pseudocounts:
    """The pseudocounts of each kind of probability, from one number or a mapping."""
    given = model.pseudocount
    if not isinstance(given, Mapping):
        return Pseudocounts(*[check_pseudocount(given)] * 4)
    own = [name for name in Pseudocounts._fields if hasattr(model, name)]
    n, found = len(states), dict.fromkeys(Pseudocounts._fields, 0.0)
    for name, value in given.items():
        if name not in own:
            raise ValueError(f"pseudocount has the key {shown(name)}; it may have {', '.join(own)}")
        label = f"pseudocount[{name!r}]"
        if name == "emission":
            found[name] = check_counts(value, label)
            continue
        shape = (n, n) if name == "transmat" else (n,)
        found[name] = check_counts(_by_name(value, label, states, len(shape)), label)
        try:
            np.broadcast_to(found[name], shape)
        except ValueError:
            raise ValueError(f"{label} has shape {np.shape(value)}, which does not go with {name}, {shape}") from None
    return Pseudocounts(**found)


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
                f"frozen[{name!r}] has shape {np.shape(value)}, which does not go with {name}, {parameter.shape}"
            ) from None
    return checked


def read_only(array):
    """The array, read-only."""
    array.flags.writeable = False
    return array
