"""A model as metadata and arrays, and back; storage.py writes them."""

import numpy as np

from . import checks
from .emissions import FAMILIES, Emission, choose
from .fit import Fit
from .symbols import Symbols, shown

ARRAYS = ("startprob", "transmat")  # arguments that are kept as arrays


def pack(model, fit):
    """(metadata, arrays): the arguments, and what was learnt."""
    checks.options(model)
    if fit.history is not None:
        _require_agreement(model, fit.states)
    given = {name: value for name, value in vars(model).items() if not name.startswith("_")}
    metadata = {name: _plain(value) for name, value in given.items() if name not in (*ARRAYS, "emission")}
    arrays = {name: np.array(given[name], dtype=np.float64) for name in ARRAYS if given[name] is not None}
    metadata["emission"] = model.emission
    if not isinstance(model.emission, str):
        metadata["emission"] = model.emission.saved("emission", arrays)
    metadata["learnt"] = None
    if fit.history is not None:
        metadata["learnt"] = {
            "states": list(fit.states.names),
            "columns": None if fit.columns is None else list(fit.columns),
            "final": None if fit.allowed is None else np.flatnonzero(fit.allowed).tolist(),
            "emission": fit.emission.saved("emission_", arrays),
            "n_iter": fit.n_iter,
            "converged": bool(fit.converged),
            "loglik": fit.loglik,
            "report": {key: _pairs(value) if key == "unknown" else value for key, value in fit.report.items()},
        }
        arrays.update(startprob_=fit.startprob, transmat_=fit.transmat, history_=fit.history)
    return {"model": metadata}, arrays


def unpack(model_class, metadata, arrays, emissions):
    """The model."""
    families = {family.__name__: family for family in (*FAMILIES, *emissions)}
    metadata = metadata["model"]
    saved = metadata["learnt"]
    options = {name: value for name, value in metadata.items() if name not in ("emission", "learnt")}
    options |= {name: arrays.get(name) for name in ARRAYS}
    emission = metadata["emission"]
    if not isinstance(emission, str):
        emission = Emission.loaded(emission, "emission", arrays, families)
    elif emission != "auto":
        choose(emission, None)  # a ValueError for a name that no family has
    model = model_class.__new__(model_class)
    for name, value in {**options, "emission": emission}.items():
        setattr(model, name, value)
    checks.options(model)
    if saved is None:
        return model
    states = Symbols(saved["states"], argument="states")
    n = len(states)
    _require_agreement(model, states)
    checks.check_count(saved["n_iter"], "n_iter", 0)
    for name, kind in (("converged", bool), ("report", dict)):
        if type(saved[name]) is not kind:
            raise ValueError(f"{name} is {shown(saved[name])}, not of type {kind.__name__}")
    if arrays["history_"].ndim != 1 or not np.isfinite(arrays["history_"]).all():
        raise ValueError("history_ is not a list of finite numbers")
    learnt = Emission.loaded(saved["emission"], "emission_", arrays, families)
    if not learnt.complete:
        raise ValueError(f"the emission, {learnt!r}, lacks parameters")
    if learnt.n_states not in (None, n):  # None: Precomputed, which takes any number
        raise ValueError(f"the emission has {learnt.n_states} states, the model {n}")
    report = {key: dict(value) if key == "unknown" else value for key, value in saved["report"].items()}
    allowed, final = None, saved["final"]
    if final is not None:
        if not isinstance(final, list) or not final or not all(type(i) is int and 0 <= i < n for i in final):
            raise ValueError(f"final is {shown(final)}; it must list some of the states 0 ... {n - 1}")
        allowed = np.isin(np.arange(n), final)
    columns = saved.get("columns")
    if columns is not None and not (isinstance(columns, list) and all(isinstance(name, str) for name in columns)):
        raise ValueError("columns is not a list of names")
    model._fit = Fit(
        checks.check_probabilities(arrays["startprob_"], "startprob_", (n,)),
        checks.check_probabilities(arrays["transmat_"], "transmat_", (n, n)),
        learnt.published(),
        states,
        allowed,
        None if columns is None else tuple(columns),
        arrays["history_"],
        saved["n_iter"],
        saved["converged"],
        saved["loglik"],
        report=report,
    )
    return model


def _require_agreement(model, states):
    """ValueError unless the arguments can be those of the fit that learnt these states: a file must hold one model."""
    n = len(states)
    of_emission = None if isinstance(model.emission, str) else model.emission.n_states
    for name, said in (("n_states", model.n_states), ("emission", of_emission)):
        if said is not None and checks.check_count(said, name, 1) != n:
            raise ValueError(f"{name} says {said} states, what was learnt has {n}: fit again, or set {name} back")
    if model.states is not None and Symbols(model.states, argument="states").names != states.names:
        raise ValueError(
            f"states = {shown(model.states)}, what was learnt has {states.preview()}: fit again, or set states back"
        )
    found = checks.structure(model, None if isinstance(model.emission, str) else model.emission, n=n)
    for name in found.states.names if model.final_states is not None else ():
        if name not in states.codes:
            raise ValueError(f"final_states holds {shown(name)}, which is not among the states ({states.preview()})")


def _pairs(counts):
    return [[symbol, n] for symbol, n in counts.items()]


def _plain(value):
    """An argument as JSON takes it; what JSON cannot hold, such as a random generator, becomes None."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, tuple | range):
        value = list(value)
    return value if isinstance(value, str | int | float | list) else None
