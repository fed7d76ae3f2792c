"""Which model: fits several to the same data, and compares them by a criterion or by data that they have not seen."""

import copy
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from typing import Any, NamedTuple

import numpy as np

from . import checks, frames, html, passes, sequences, training
from . import known as knowledge
from .choosing import criteria, n_observed
from .display import Display, followed
from .emissions import Emission
from .exceptions import ConvergenceWarning, quiet
from .fit import Fit
from .model import Model
from .parallel import titled, until
from .questions import Question, chosen
from .questions import score as log_likelihood
from .structure import knows_ends
from .symbols import shown
from .uncertainty import n_free

CRITERIA = ("aic", "bic", "icl", "cv")


class Candidate(NamedTuple):
    """A row of the table of `select`.

    name : what the model is. model : fitted to all data. loglik, n_parameters, aic, bic, icl : of all data. held_out :
    log likelihood per step of data that it was not fitted to; None unless criterion="cv". n_agreed, n_starts : how many
    starts led to this optimum, and of how many; None where there was one. seconds : of all its fits.
    """

    name: str
    model: Model
    loglik: float
    n_parameters: int
    aic: float
    bic: float
    icl: float
    held_out: float | None
    n_agreed: int | None
    n_starts: int | None
    seconds: float


class Selection(Sequence):
    """The candidates in the given order; prints as a table, with a star at the best.

    best : the best model, fitted. criterion : the criterion by which it is best.
    """

    def __init__(self, rows: Iterable[Candidate], criterion: str):
        self._rows, self.criterion = tuple(rows), criterion

    def __getitem__(self, k):
        return self._rows[k]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._rows)

    @property
    def best_row(self) -> Candidate:
        """The first of the best."""
        return max(self._rows, key=self._merit)

    def _merit(self, row):
        return row.held_out if self.criterion == "cv" else -getattr(row, self.criterion)

    @property
    def best(self) -> Model:
        return self.best_row.model

    def to_frame(self):
        """A pandas DataFrame with one row per candidate, by name, and the fields of `Candidate` as columns."""
        return frames.table(self._rows).set_index("name").drop(columns="model")

    def _repr_html_(self) -> str:
        return html.selection(self, self.best_row, self.criterion)

    def __repr__(self) -> str:
        cv = self.criterion == "cv"
        heads = ["", "log L", "parameters", "AIC", "BIC", "ICL", *["held out"] * cv, "starts"]
        table = [heads]
        for row in self._rows:
            told = [f"{x:.2f}" for x in (row.aic, row.bic, row.icl)] + ([f"{row.held_out:.5f}"] if cv else [])
            starts = "" if row.n_starts is None else f"{row.n_agreed} of {row.n_starts}"
            mark = "* " if row is self.best_row else "  "
            late = "" if row.model.converged_ else ", not converged"
            table.append([mark + row.name + late, f"{row.loglik:.3f}", str(row.n_parameters), *told, starts])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
            for row in table
        ]
        by = "log likelihood per held-out step" if cv else self.criterion.upper()
        return "\n".join([*(line.rstrip() for line in lines), f"* the best by {by}"])


@quiet
def select(
    model: Model | Sequence[Model] | Mapping[str, Model],
    X: Any,
    y: Any = None,
    *,
    n_states: Iterable[int] | None = None,
    emission: Iterable | None = None,
    criterion: str = "bic",
    folds: int = 5,
    lengths=None,
    ids=None,
    ended=None,
    n_jobs: int = -1,
    progress: bool = False,
) -> Selection:
    """Fit several models to the same data, and choose the best.

    model : a `Model`, whose n_states and emission are varied in all combinations; or a list of models, or a dict of
    models by name. n_states, emission : the values to try, such as range(1, 6) and [Poisson(), NegativeBinomial()].
    criterion : "aic", "bic" or "icl" (the smaller, the better), from the likelihood of all data; or "cv": the log
    likelihood per step of held-out data, with `folds` folds. Several sequences are assigned to the folds in turn. A
    single sequence is cut into blocks of time, each scored given everything before it, by a model fitted to the other
    blocks. Only the alphabet and the scale of priors are taken from all data.
    X, y, lengths, ids, ended : as in `Model.fit`. n_jobs : number of threads, each of which runs one fit; the result is
    the same for any number, if the models have a random_state. progress : show on stderr how many fits are done, and
    the result of the last one.

    bic = -2 log P + n_parameters log(observed steps); icl = bic + 2 H, with H the entropy of the paths given the data,
    which favours states that can be told apart (Biernacki, Celeux & Govaert 2000). Criteria are comparable only for the
    same values: not, for example, between a family for counts and one for measurements.

    >>> import numpy as np
    >>> from chmm import Model, Poisson, select
    >>> counts = np.random.default_rng(0).poisson(np.repeat([3, 9, 3, 9], 40))
    >>> found = select(Model(emission=Poisson(), n_init=2, random_state=0), counts, n_states=[1, 2, 3])
    >>> found.best.n_states_, [row.n_parameters for row in found]
    (2, [1, 5, 11])
    """
    if isinstance(folds, bool) or not isinstance(folds, int | np.integer) or folds < 2:
        raise ValueError(f"folds = {shown(folds)} must be an integer >= 2")
    checks.check_choice(criterion, "criterion", CRITERIA)
    jobs = checks.check_jobs(n_jobs)
    models = _models(model, n_states, emission)
    data = sequences.read(X, lengths, ids)
    if not data.n_steps:
        raise ValueError("X holds no steps to learn from")
    told = None if y is None else knowledge.read(y, data, "y")
    if ended is not None:
        ended = _flags(ended, data, models)
    parts = list(_folds(data, ended, folds)) if criterion == "cv" else []
    tasks = []
    for name, candidate in models.items():
        tasks.append(titled(name, _timed, candidate, data, told, ended))
        tasks += [titled(name, _held_out, candidate, fold, told) for fold in parts]
    names, each = list(models), 1 + len(parts)  # tasks of a model

    def found(k, answer):
        return f"; {names[k // each]}: {answer[0].outcome()}" if isinstance(answer[0], Fit) else ""

    with warnings.catch_warnings(), Display(progress) as display:
        warnings.simplefilter("ignore", ConvergenceWarning)  # the table tells
        answers = followed(display, tasks, jobs, "fits", found)
    rows = []
    for k, (name, candidate) in enumerate(models.items()):
        (fit, seconds), *parts = answers[k * each : (k + 1) * each]
        rows.append(_row(name, candidate, fit, data, told, ended, seconds, parts))
    return Selection(rows, criterion)


def _models(model, n_states, emission):
    """{name: Model}, each with arguments and seeds of its own."""
    listed = isinstance(model, Mapping | list | tuple)
    if listed and (n_states is not None or emission is not None):
        raise TypeError("n_states and emission vary one model; a list of models is tried as it is")
    if isinstance(model, Mapping):
        models = {str(name): m for name, m in model.items()}
    elif listed:
        models = {}
        for m in model:
            models[_unused(_title(m), models)] = m
    elif not isinstance(model, Model):
        raise TypeError(
            f"model = {shown(model)} must be a Model, as in select(Model(emission=Poisson()), X, n_states=range(1, 5))"
        )
    else:
        sizes = [model.n_states] if n_states is None else _several(n_states, "n_states")
        sizes = [n if n is None else checks.check_count(n, "n_states", 1) for n in sizes]
        families = [model.emission] if emission is None else _several(emission, "emission")
        models = {}
        for family in families:
            for n in sizes:
                one = copy.copy(model).set_params(n_states=n, emission=family)
                one._fit = None
                models[_unused(_title(one), models)] = one
    if not models:
        raise ValueError("there is no model to fit: n_states, emission and a list of models must not be empty")
    for name, m in models.items():
        if not isinstance(m, Model):
            raise TypeError(f"model holds {shown(m)}; it must be a Model")
        models[name] = copy.copy(m).set_params(random_state=checks.own_seed(m.random_state))
    return models


def _several(values, name):
    if isinstance(values, str | Emission) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        example = "[1, 2, 3] or range(1, 7)" if name == "n_states" else f"[{shown(values)}]"
        raise TypeError(f"{name} = {shown(values)} must be a list of what to try, such as {example}")
    return list(values)


def _title(model):
    if not isinstance(model, Model):
        return shown(model)
    n = model.n_states if model.n_states is not None else getattr(model.emission, "n_states", None)
    family = model.emission if isinstance(model.emission, str) else repr(model.emission).removesuffix("()")
    size = "" if n is None else f"{n} state{'s' * (n != 1)}"
    return ", ".join(filter(None, [size, "" if family == "auto" else family])) or "model"


def _unused(name, taken):
    again = (f"{name} ({k})" for k in count(2))
    return next(other for other in chain([name], again) if other not in taken)


def _flags(ended, data, models):
    """(S,) bool; some model must know ends."""
    if not any(map(knows_ends, models.values())):
        raise ValueError("ended= says which sequences were cut off, but no model has ends: give it endprob=True")
    return checks.ended_sequences(ended, data, True)


def _timed(model, data, told, ended, stop):
    began = time.monotonic()
    fit = training.fit(model, data, told, None, ended if knows_ends(model) else None, until(stop))
    return fit, time.monotonic() - began


class Fold(NamedTuple):
    """What a model learns from and what it is asked about: sequences by a mask (S,), or a stretch of one sequence."""

    data: sequences.Sequences  # cut at the stretch, if it is one
    ended: np.ndarray | None
    out: np.ndarray  # (S,) bool: which of them are held out
    in_time: bool


def _folds(data, ended, n):
    some = np.flatnonzero(np.diff(data.bounds) > 0)
    if len(some) > 1:
        n = min(n, len(some))
        for k in range(n):
            out = np.zeros(data.n_sequences, dtype=bool)
            out[some[k::n]] = True
            yield Fold(data, ended, out, False)
        return
    if data.n_steps < 2 * n:
        raise ValueError(f"one sequence of {data.n_steps} steps is too short for {n} blocks; lower folds=")
    cuts = np.linspace(0, data.n_steps, n + 1).astype(np.int64)
    for first, last in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        bounds = np.unique([0, first, last, data.n_steps]).astype(np.int64)
        flags = bounds[1:] == data.n_steps
        if ended is not None:
            flags &= ended[some[0]]
        yield Fold(replace(data, bounds=bounds, form="list", keys=None), flags, bounds[:-1] == first, True)


def _held_out(model, fold, told, stop):
    """(log likelihood of what is held out, its observed steps, seconds)."""
    began, data, out = time.monotonic(), fold.data, fold.out
    ended = fold.ended if knows_ends(model) else None
    flags = None if ended is None else ended[~out]
    emission, seen = passes.survey(model.emission, data)  # which symbols there are is no secret
    learner = copy.copy(model).set_params(emission=emission)
    fit = training.fit(learner, data.chosen(~out), _part(told, data, ~out), None, flags, until(stop), seen)
    if not fold.in_time:
        asked = Question(fit, data.chosen(out), _part(told, data, out), None if ended is None else ended[out])
        gain = log_likelihood(asked)
    else:  # given all that came before
        first, last = data.bounds[:-1][out].item(), data.bounds[1:][out].item()
        gain = 0.0
        for stretch, sign in ((last, 1), (first, -1)):
            if not stretch or gain == -np.inf:
                continue
            pieces = replace(data, bounds=np.unique([0, stretch, data.n_steps]).astype(np.int64))
            front = np.arange(pieces.n_sequences) == 0
            flags = None if ended is None else np.array([stretch == data.n_steps and bool(ended[-1])])
            gain += sign * log_likelihood(Question(fit, pieces.chosen(front), _part(told, pieces, front), flags))
    return gain, n_observed(fit.emission.check(data.chosen(out))), time.monotonic() - began


def _part(told, data, which):
    """What is known of some of the sequences."""
    if isinstance(told, sequences.Sequences):
        told = replace(told, bounds=data.bounds)
    return chosen(which, data, told)[1]


def _row(name, model, fit, data, told, ended, seconds, parts):
    fitted = model._with(fit)
    asked = Question(fit, data, told, ended if knows_ends(model) else None)
    found = criteria(asked, n_free(fitted._coordinates()))
    held_out = None
    if parts:
        total, n_steps, times = map(sum, zip(*parts, strict=True))
        held_out, seconds = float(total / max(n_steps, 1)), seconds + times
    facts = fit.report
    return Candidate(name, fitted, *found, held_out, facts.get("n_agreed"), facts.get("n_starts"), seconds)
