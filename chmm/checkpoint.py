"""Fits that go on after a break: a saved model with, under "fit", the state of the fit that is learning it.

What is kept is the run of EM that leads: its points, the vectors that its jumps are made from, and what the search for
its start came to. A fit that goes on from there ends with the bits of one that was never interrupted. The race of the
starts is not kept, for it has many runs, and sees a sample of large data; a fit that is interrupted in it starts anew.
"""

import hashlib
import os
import time
from collections import deque
from typing import Any

import numpy as np

from . import checks, files
from .acceleration import SECANTS, Jump, Run, Vectors
from .baum_welch import Fate, Point, Search
from .emissions import FAMILIES, Emission
from .fit import Fit
from .passes import Whole
from .starts import MISSES, free, started
from .statistics import Digest, Statistics
from .symbols import shown

EVERY = 30.0  # seconds between two saves
BLOCK = 2**20  # values that are hashed at a time
FREE = ("max_iter", "n_jobs")  # arguments that may be others when a fit goes on


class Checkpoint:
    """The file that keeps a fit, and what it held if the fit goes on.

    resumed : (the search for a start, the state of the run that leads); None if the fit starts.
    """

    def __init__(self, path: Any, resume: bool, model: Any):
        if not isinstance(path, str | bytes | os.PathLike):
            raise TypeError(f"checkpoint = {shown(path)} must be the path of a file")
        self.path = os.path.realpath(os.fsdecode(path))
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"checkpoint = {shown(path)}: there is no folder {folder}; create it first")
        if os.path.isdir(self.path):
            raise ValueError(f"checkpoint = {shown(path)} is a folder: give the name of a file in it")
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"checkpoint = {shown(path)}: nothing can be written to the folder {folder}")
        try:
            os.lstat(files.temporary_name(self.path))
        except FileNotFoundError:
            pass
        except OSError as error:  # above all a name that is too long, if only with what a save adds to it
            raise ValueError(f"checkpoint = {shown(path)} is no name for a file here: {error.strerror}") from error
        self.resumed: tuple[Search, dict] | None = None
        self._model = model
        self._saved: dict | None = None  # what the file held
        self._told: dict = {}  # of the data
        self._rng: Any = None
        self._latest: tuple = None, None, None, None  # of a run: the search, its state, the Fit, the state of rng
        self._unsaved, self._last = False, -np.inf
        if os.path.exists(self.path):
            if not resume:
                raise FileExistsError(
                    f"checkpoint = {shown(path)} exists: pass resume=True to continue it, or delete it to start again"
                )
            self._saved = self._read()

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if self._unsaved:  # Ctrl-C, or an error
            self._save()

    # What learning tells --------------------------------------------------------------------------------------------

    def begin(self, material, rng) -> None:
        """The data are read. ValueError if the fit in the file had others; TypeError if no file can hold the model."""
        states = material.structure.states
        files.require_storable(arguments=files.arguments_of(self._model, states), emission=material.emission.saved())
        self._told, self._rng = told_of(material), rng
        if self._saved is None:
            return
        for what, now in self._told.items():
            before = self._saved["data"].get(what)
            if not files.same(before, now):
                told = "" if isinstance(now, str) else f": {shown(before)} then, {shown(now)} now"  # a digest is mute
                raise ValueError(
                    f"{self.path} is from a fit to other data, of which {what} differ{told}; pass the same data, or "
                    "another checkpoint"
                )
        run = self._saved["run"]
        reader = None if run is None else Reader(material)
        try:
            rng.bit_generator.state = self._saved["rng"]
            if reader is not None:
                self.resumed = reader.search(self._saved["search"]), reader.run(run)
        except files.FORGED as error:
            raise ValueError(f"{self.path} does not hold the state of a fit: {error}") from error

    def step(self, search: Search, state: dict, learnt: Fit) -> None:
        """The run that leads is in this state."""
        self._latest, self._unsaved = (search, state, learnt, self._rng.bit_generator.state), True
        if time.monotonic() - self._last >= EVERY:
            self._save()

    def finish(self, learnt: Fit) -> None:
        """The fit is over."""
        self._latest = *self._latest[:2], learnt, self._rng.bit_generator.state
        self._save()

    # The file --------------------------------------------------------------------------------------------------------

    def _save(self):
        search, state, learnt, rng = self._latest
        document = files.document_of(self._model, learnt)
        if state is not None and state["climb"]["point"] is state["point"]:  # as it nearly always is
            state = state | {"climb": state["climb"] | {"point": None}}
        document["fit"] = {"data": self._told, "rng": rng, "search": _plain(search), "run": _plain(state)}
        files.write(self.path, document)
        self._last, self._unsaved = time.monotonic(), False

    def _read(self):
        """What the file tells of the fit. ValueError if it is not one of this model."""
        document, _ = files.read(self.path)
        try:
            if "fit" not in document or "learnt" not in document:
                raise ValueError("it is a saved model, not the checkpoint of a fit: pass another path")
            saved, fit = dict(document["arguments"]), document["fit"]
            model = files.rebuilt(type(self._model), document, _families(self._model.emission))
            for name, kind in (("data", dict), ("rng", dict), ("search", dict | None), ("run", dict | None)):
                if not isinstance(fit[name], kind):
                    raise ValueError(f"{name} of its fit is {shown(fit[name])}")
        except files.FORGED as error:
            raise ValueError(f"{self.path} holds no fit that can be continued: {error}") from error
        now = files.arguments_of(self._model, model._fit.states)
        for name in now | saved:
            if name not in FREE and not files.same(now.get(name), saved.get(name)):
                then, this = (shown(getattr(one, name, None)) for one in (model, self._model))
                told = f" = {then}, this model has {name} = {this}" if then != this else " of other settings"
                raise ValueError(
                    f"{self.path} is from a fit with {name}{told}; give the model the same, or pass another checkpoint"
                )
        if checks.check_count(self._model.max_iter, "max_iter", 1) < model.max_iter:
            raise ValueError(
                f"max_iter = {self._model.max_iter} is less than the {model.max_iter} of the fit in {self.path}; a "
                "larger one goes on"
            )
        return fit


# What the data were --------------------------------------------------------------------------------------------------


def told_of(material) -> dict:
    """What is compared of the data when a fit goes on: numbers, and digests of all values in memory, or the names and
    sizes of shards and what their survey told."""
    passes, emission = material.passes, material.emission
    told = {"the numbers of sequences": material.n_sequences, "the numbers of steps": material.n_steps}
    if not isinstance(passes, Whole):
        told["the names of shards"] = list(map(str, passes.names))
        told["the sizes of shards"] = [list(map(int, size)) for size in passes.sizes]
        told["the values"] = digest(emission.saved())
        return told
    problem = passes.problem
    observed, known = problem.observed, problem.known
    return told | {
        "the lengths of sequences": digest(problem.bounds),
        "the values": digest([emission.saved(), observed.index, observed.distinct]),
        "what is known of the states (y)": digest(None if known is None else [known.masks, known.index]),
        "the weights of sequences (sample_weight)": digest(problem.weight),
        "the sequences that were cut off (ended)": digest(problem.ended),
    }


def digest(value) -> str:
    """Of arrays, however they lie in memory, and of what holds them, in 32 hex digits."""
    found = hashlib.blake2b(digest_size=16)
    _feed(found, value)
    return found.hexdigest()


def _feed(found, value):
    if isinstance(value, dict | list | tuple):
        found.update(f"{type(value).__name__} {len(value)}".encode())
        for item in value.items() if isinstance(value, dict) else value:
            _feed(found, item)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        kind = "<f8" if value.dtype.kind == "f" else "<i8"  # whatever width they are kept in
        found.update(f"{kind} {value.shape}".encode())
        value = value.reshape(1) if not value.ndim else value
        rows = max(1, BLOCK // max(1, value[:1].size))
        for first in range(0, len(value), rows):
            found.update(np.ascontiguousarray(value[first : first + rows], dtype=kind).data)
    elif isinstance(value, np.ndarray):
        _feed(found, value.tolist())
    elif hasattr(value, "__dict__"):  # such as the cells of a Product
        _feed(found, vars(value))
    else:
        found.update(repr(value).encode())


# The state of a run as a document, and back --------------------------------------------------------------------------


def _plain(value):
    """A state in types that a file can hold; floats become arrays, which may hold inf."""
    if isinstance(value, Emission):
        return parameters_of(value)
    if isinstance(value, Statistics):
        names = ("start", "trans", "end", "emission", "loglik", "n_sequences", "n_steps")
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Point | Jump | Search | Fate):
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | deque):
        if len(value) and all(isinstance(item, float) for item in value):
            return np.array(value)
        return list(map(_plain, value))
    return np.array(value, dtype=np.float64) if isinstance(value, float) else value


def parameters_of(emission: Emission) -> dict:
    """{name: array}, as `Emission.replaced` takes them."""
    own = {name: np.asarray(value) for name in emission.parameters if (value := getattr(emission, name)) is not None}
    members = zip(getattr(emission, "keys", ()), emission.members, strict=True)
    return own | {f"{key}.{name}": value for key, one in members for name, value in parameters_of(one).items()}


class Reader:
    """Makes a search and the state of a run of their documents; one of files.FORGED if these are none."""

    def __init__(self, material):
        emission = material.emission
        self._emission, self._shards, self._n = emission, material.passes.shards, material.structure.n
        self._ends = material.structure.endprob is not None
        like = started(material.seen, material.structure, emission, np.random.default_rng(0)).emission
        self._movable = free(material.seen, material.structure, emission)
        self._shapes = {name: value.shape for name, value in parameters_of(like).items()}
        values = material.seen.observed.distinct[:1]
        self._tallies = like.statistics(values, np.zeros((len(values), self._n)))

    def search(self, saved) -> Search:
        fates = [Fate(_number(x, "objective"), _flag(x, "failed"), _count(x, "n_dropped")) for x in saved["fates"]]
        alike = [[_name(name) for name in pair] for pair in saved["alike"]]
        k, n_moved, misses = (_count(saved, name) for name in ("k", "n_moved", "misses"))
        search = Search(alike, fates, k, _flag(saved, "own"), n_moved, misses, _flag(saved, "over"))
        if k >= len(fates) or any(len(pair) != 2 for pair in alike):
            raise ValueError(f"the search for a start followed {k} of {len(fates)} starts; alike: {shown(alike)}")
        if misses < MISSES and (search.over or not self._movable):
            raise ValueError("the search for a start moved states where none are moved")
        return search

    def run(self, saved) -> dict:
        climb, expected = dict(saved["climb"]), Run(None, None, 0.0).state()
        _require_keys(saved, expected, "the run")
        _require_keys(climb, expected["climb"], "its climb")
        state = {name: _flag(saved, name) for name in ("converged", "fell", "failed")}
        state |= {name: _count(saved, name) for name in ("n_steps", "n_dropped", "calm")}
        state |= {name: _number(saved, name) for name in ("left", "gain")}
        state["fallen"] = None if saved["fallen"] is None else _number(saved, "fallen")
        state |= {name: _array(saved[name], name, (len(saved[name]),)).tolist() for name in ("history", "reached")}
        if not state["history"] or not state["reached"] or state["failed"]:
            raise ValueError("the run has taken no step")
        if state["fell"] != (state["fallen"] is not None):
            raise ValueError("the run fell to nowhere, or did not fall")
        state["reached"] = deque(state["reached"], expected["reached"].maxlen)
        state["point"] = self.point(saved["point"])
        state["climb"] = self.climb(climb, state["point"])
        return state

    def climb(self, saved, point) -> dict:
        state = {name: _count(saved, name) for name in ("memory", "wait")}
        state["point"] = point if saved["point"] is None else self.point(saved["point"])
        state["warm"] = None if saved["warm"] is None else _count(saved, "warm")
        state["anchor"] = None if saved["anchor"] is None else self.emission(saved["anchor"])
        state["longest"] = _number(saved, "longest", finite=True)
        state["rest"] = _integer(saved, "rest")
        size = 0 if state["anchor"] is None else Vectors(state["point"]).n_bytes // 8

        def vector(x):
            return _array(x, "a vector of the climb", (size,))

        state |= {name: list(map(vector, saved[name])) for name in ("trail", "firsts", "seconds")}
        state |= {name: deque(state[name], SECANTS) for name in ("firsts", "seconds")}
        if len(state["trail"]) > 2 or len(state["firsts"]) != len(state["seconds"]):
            raise ValueError("the climb has other pairs of steps than any")
        jump = saved["jump"]
        if jump is not None:
            jump = Jump(vector(jump["x"]), _number(jump, "reach"), _flag(jump, "newton"))
        state["jump"] = jump
        if (jump is not None or state["trail"]) and not size:
            raise ValueError("the climb has vectors of nothing")
        return state

    def point(self, saved) -> Point:
        n, tallies = self._n, saved["statistics"]
        startprob = checks.check_probabilities(saved["startprob"], "startprob", (n,))
        transmat = checks.check_probabilities(saved["transmat"], "transmat", (n, n))
        endprob = checks.check_shares(saved["endprob"], "endprob", (n,)) if self._ends else None
        emission = self.emission(saved["emission"])
        _require_keys(tallies["emission"], self._tallies, "the statistics")
        statistics = Statistics(
            _array(tallies["start"], "start", (n,)),
            _array(tallies["trans"], "trans", (n, n)),
            {name: _array(tallies["emission"][name], name, value.shape) for name, value in self._tallies.items()},
            _number(tallies, "loglik", finite=True),
            _count(tallies, "n_sequences"),
            _count(tallies, "n_steps"),
            Digest(startprob, transmat, emission, endprob),
            self._shards,
            _array(tallies["end"], "end", (n,)) if self._ends else None,
        )
        return Point(startprob, transmat, emission, endprob, statistics, _number(saved, "objective", finite=True))

    def emission(self, saved) -> Emission:
        """The emission of the fit with these parameters, which are checked like a user's own."""
        _require_keys(saved, self._shapes, "the emission")
        for name, shape in self._shapes.items():
            if saved[name].shape != shape:
                raise ValueError(f"{name} has shape {saved[name].shape}, and the data have {shape}")
        emission = self._emission.replaced(saved)
        Emission.loaded(emission.saved(), _families(emission))
        return emission


def _families(emission) -> dict:
    """Classes by name: chmm's own, and those that an emission is made of."""
    families: dict[str, type[Emission]] = {family.__name__: family for family in FAMILIES}
    parts = [emission]
    for part in parts:  # it grows by the members
        if isinstance(part, Emission):
            families[type(part).__name__] = type(part)
            parts += part.members
    return families


def _require_keys(saved, expected, what):
    if saved.keys() != expected.keys():
        raise ValueError(f"{what} holds {shown(sorted(saved))}, not {shown(sorted(expected))}")


def _array(value, name, shape):
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != shape:
        raise ValueError(f"{name} is {shown(value)}, and no array of shape {shape}")
    if not np.isfinite(value).all():
        raise ValueError(f"{name} holds a number that is not finite")
    return value


def _number(saved, name, finite=False):
    value = saved[name]
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape or np.isnan(value):
        raise ValueError(f"{name} is {shown(value)}, and no number")
    if finite and not np.isfinite(value):
        raise ValueError(f"{name} is {value}")
    return float(value)


def _name(value):
    if not isinstance(value, str | int):
        raise ValueError(f"{shown(value)} names no state")
    return value


def _flag(saved, name):
    if type(saved[name]) is not bool:
        raise ValueError(f"{name} is {shown(saved[name])}, neither true nor false")
    return saved[name]


def _integer(saved, name):
    if type(saved[name]) is not int:
        raise ValueError(f"{name} is {shown(saved[name])}, and no integer")
    return saved[name]


def _count(saved, name):
    if _integer(saved, name) < 0:
        raise ValueError(f"{name} is {saved[name]}, and no count")
    return saved[name]
