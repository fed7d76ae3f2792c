"""What a fit learns from: data in memory, or in pieces, of which two passes find what there is and what starts see."""

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from . import subset
from .emissions import Emission, Survey
from .exceptions import entitle
from .fit import column_names
from .kernel_input import Problem
from .known import Weights, with_gaps
from .memory import n_equal
from .passes import Cut, Engine, Found, Pieces, Told, Whole, cut, look, posed, survey
from .paths import require_names
from .sequences import Sequences, joined, unknown
from .structure import structure_of
from .subset import Chosen
from .symbols import shown

PROBED = 1000  # values at which states are compared


class Material(NamedTuple):
    """What a fit learns from: all data by passes over them, and what starts see of them."""

    passes: Whole | Pieces
    told: Told
    emission: Emission  # ready to learn
    seen: Problem
    probed: Any  # values at which states are compared
    n_missing: int
    n_known: int | None  # steps of which something is known; None: nothing is
    notes: Mapping  # as of `Observed`
    top: float = 1.0  # the largest weight of a sequence

    @property
    def structure(self):
        return self.told.structure

    @property
    def n_sequences(self):
        return sum(n for n, _ in self.passes.sizes)

    @property
    def n_steps(self):
        return sum(n for _, n in self.passes.sizes)

    @property
    def partial(self):
        """Whether starts see less than all data."""
        return len(self.seen.index) < self.n_steps

    @property
    def columns(self):
        return column_names(self.seen.data)


def in_memory(model, data, labels=None, weight=None, ended=None, seen=None, shards=frozenset()) -> Material:
    """labels : Sequences of names, or weights of the states. seen : the survey of more data than these. shards : names
    of those that the data are from."""
    structure, emission, problem = prepared(model, data, seen, labels, weight, ended, counting=True)
    known, observed = problem.known, problem.observed
    n_missing = n_equal(observed.index, len(observed.distinct))
    n_known, counting = (None, False) if known is None else (known.n_known, known.complete)
    top = 1.0 if weight is None else float(weight.max())
    return _material(
        Whole(problem, shards), structure, emission, problem, counting, n_missing, n_known, observed.notes, top
    )  # fmt: skip


def in_pieces(model, passes: Pieces) -> Material:
    """What starts see of the pieces is held in memory; if that is everything, so are all data."""
    structure, emission, data, labels, everything, cuts = gather(model, passes)
    if everything:
        return in_memory(model, data, labels, shards=passes.shards)
    n_known, n_steps = sum(one.n_known for one in cuts), sum(n for _, n in passes.sizes)
    counting = n_known == n_steps and all(one.labelled for one in cuts)
    problem = posed(structure, emission, data, labels, counting=counting)
    n_missing, notes = sum(one.n_missing for one in cuts), notes_of(one.notes for one in cuts)
    return _material(passes, structure, emission, problem, counting, n_missing, n_known or None, notes)


def _material(passes, structure, emission, problem, counting, *facts):
    """problem : what starts see if the states are counted, else what they see a part of."""
    seen = problem if counting else subset.of(problem, structure, emission)
    return Material(passes, Told.of(structure, counting), emission, seen, problem.observed.distinct[:PROBED], *facts)


def prepared(model, data, seen=None, labels=None, weight=None, ended=None, counting=False):
    """(structure, emission, problem): what a model is told, its emission ready to learn, and the data as a Problem that
    waits for parameters.

    counting : if the state of every step is known, the problem is only counted and needs no rows."""
    if isinstance(labels, Sequences):
        labels = with_gaps(labels)
        if labels is not None:
            require_names(labels, "y")
    emission, own = survey(model.emission, data)
    structure, emission = told_of(model, emission, own if seen is None else seen, own["n_columns"], labels)
    return structure, emission, posed(structure, emission, data, labels, weight, ended, counting)


def told_of(model, emission, seen, n_columns, labels):
    """(structure, emission): what a model is told, and its emission ready to learn.

    seen : the survey of all data. n_columns : the numbers of columns in the data at hand."""
    name, emission = type(emission).__name__, copy.deepcopy(emission)
    if not isinstance(seen, Survey):
        raise TypeError(f"survey = {shown(seen)} must be a Survey, such as sum(model.survey(X) for X in shards)")
    if name not in seen:
        raise ValueError(f"survey is of {next(iter(seen))}, the model learns {name}")
    if seen["n_columns"] != n_columns:
        raise ValueError(f"survey is of data with {min(seen['n_columns'])} columns, sample has {min(n_columns)}")
    structure = structure_of(model, emission, labels)
    emission.prepare(seen[name], structure.n, structure.pseudocount.emission)
    return structure, emission


# Of pieces -----------------------------------------------------------------------------------------------------------


def gather(model, passes: Pieces, seen: Survey | None = None) -> tuple:
    """(structure, emission, data, labels, everything, cuts): what a model is told, its emission ready to learn, and
    what starts see, which may be everything."""
    found, own = first_pass(model, passes)
    refuse_cut_sequences(passes.names, found)
    first = next(one for one in found if one.emission is not None)
    labels = distinct_labels(passes.names, [one.labels for one in found])
    structure, emission = told_of(model, first.emission, own if seen is None else seen, own["n_columns"], labels)
    whole = labels is not None or bool(structure.free) or structure.stationary or structure.ends
    chosen = Chosen(passes.names, passes.sizes, [one.labelled for one in found], whole)
    cuts: list[Cut] = list(passes.map(cut, Told.of(structure), emission, chosen))
    return structure, emission, *sample_of(passes.names, cuts), chosen.everything, cuts


def survey_pieces(model, engine: Engine) -> Survey:
    """The survey of all pieces."""
    return first_pass(model, Pieces(engine))[1]


def first_pass(model, passes: Pieces) -> tuple[list[Found], Survey]:
    """(what is found in each piece, the survey of all)."""
    found = list(passes.map(look, model.emission))
    refuse_other_columns(passes.names, found)
    return found, survey_of(passes.names, found)


def survey_of(names, found) -> Survey:
    """The survey of all pieces; an error names the piece that does not agree with those before it."""
    total: Any = 0
    for name, one in zip(names, found, strict=True):
        if one.survey is not None:
            try:
                total = total + one.survey
            except (TypeError, ValueError) as error:
                entitle(error, f"shard {shown(name)}, beside those before it")
                raise
    if total == 0:
        raise ValueError("the shards hold no steps to learn from")
    return total


def refuse_cut_sequences(names, found):
    """ValueError if a piece begins with the id with which the one before it ends."""
    last = None
    for name, one in zip(names, found, strict=True):
        if one.ids is None:
            continue
        if last is not None and last[1] == one.ids[0]:
            raise ValueError(
                f"shard {shown(name)} begins with the id {shown(last[1])}, with which shard {shown(last[0])} ends, and "
                "a sequence cannot go on in the next shard: cut the data between ids, or give ids that differ"
            )
        last = name, one.ids[1]


def refuse_other_columns(names, found):
    """ValueError if pieces have columns of other names, or in another order."""
    first = None
    for name, one in zip(names, found, strict=True):
        if one.columns is None:
            continue
        if first is None:
            first = name, one.columns
        elif one.columns != first[1]:
            raise ValueError(
                f"shard {shown(name)} has the columns {shown(list(one.columns))}, shard {shown(first[0])} "
                f"{shown(list(first[1]))}; chmm.shards(..., columns=[...]) says which, in one order"
            )


def distinct_labels(names, labels):
    """The labels of all pieces as those of one; None if there are none."""
    some = [(name, part) for name, part in zip(names, labels, strict=True) if part is not None]
    if not some:
        return None
    weights = [part for _, part in some if isinstance(part, Weights)]
    if weights:
        if len(weights) < len(some) or len({part.table.shape[1] for part in weights}) > 1:
            raise ValueError("y holds labels in some shards and weights of states in others; all must be alike")
        return weights[0]
    all_labels = joined([part for _, part in some], [name for name, _ in some], ("all",), "y")
    return replace(all_labels, bounds=all_labels.bounds[[0, -1]], form="one", keys=None)


def sample_of(names, cuts):
    """(Sequences, labels or None) of what was cut from the pieces."""
    some = [(name, one) for name, one in zip(names, cuts, strict=True) if one.data.n_steps]
    places = tuple(place for _, one in some for place in one.places)
    data = joined([one.data for _, one in some], [name for name, _ in some], places)
    like = next((one.labels for _, one in some if one.labels is not None), None)
    if isinstance(like, Weights):
        n = like.table.shape[1]
        tables = [np.ones((one.data.n_steps, n)) if one.labels is None else one.labels.table for _, one in some]
        return data, like._replace(table=np.concatenate(tables))
    if like is None:
        return data, None
    labels = [unknown(one.data) if one.labels is None else one.labels for _, one in some]
    return data, joined(labels, [name for name, _ in some], places, "y")


def notes_of(parts) -> dict:
    """The notes of several `Observed`, as of one."""
    found: dict = {}
    for notes in parts:
        for name, value in notes.items():
            if isinstance(value, int):
                found[name] = found.get(name, 0) + value
            else:
                found[name] = dict(Counter(found.get(name, {})) + Counter(value))
    return found
