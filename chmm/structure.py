"""What a model is told about its chain before it sees data: states, given parameters, zeros, what is frozen, ends."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .checks import (
    as_floats,
    axis_names,
    check_count,
    check_counts,
    check_frozen,
    check_probabilities,
    check_pseudocount,
    check_shares,
)
from .stationary import reachable, settled
from .symbols import Symbols, shown

MAX_STATES = 2**20
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

    @property
    def forward(self) -> bool:
        """Whether transitions only lead forward, as in a left-right model."""
        free = self.free.get("transmat")
        return free is not None and self.n > 1 and not np.tril(free, -1).any()

    def held(self, name: str) -> bool | np.ndarray:
        """The entries of a parameter that stay as given: True (all of them), a mask, or False."""
        return self.frozen.get(name, False)


def structure_of(model, emission=None, labels=None, argument="y", known: Symbols | None = None) -> Structure:
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


def knows_ends(model) -> bool:
    """Whether its arguments say how sequences end, so that `ended` is for it."""
    return model.final_states is not None or (model.endprob is not None and model.endprob is not False)


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
            raise ValueError(f"frozen: {name} must be given to be frozen, such as Model({name}=..., frozen={name!r})")
    return frozen


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
            raise ValueError(f"{label} has shape {np.shape(value)}, which does not match {name}, {shape}") from None
    return Pseudocounts(**found)


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
