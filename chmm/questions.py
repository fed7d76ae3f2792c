"""The questions that can be asked about sequences. Answers have the form of the data: one, a list or a dict."""

from functools import partial, wraps
from itertools import repeat, starmap
from typing import NamedTuple

import numpy as np

from . import inference
from .checks import check_flag
from .fit import Fit
from .kernel_input import Problem, pose
from .known import Weights, resolve
from .log_space import compensated_sum
from .results import Backward, Decoding, Forward, Posteriors, naming
from .sequences import Sequences


class Question(NamedTuple):
    """The subject of a question: parameters, data, what is known of the states (as `known.read` returns it) and which
    sequences ended."""

    fit: Fit
    data: Sequences
    told: Sequences | Weights | None = None
    ended: np.ndarray | None = None
    name: str = "known"
    impossible: str = "raise"

    def problem(self, strict: bool = True, weight: np.ndarray | None = None, learning: bool = False) -> Problem:
        """The question for the kernels. A label that no state has is an error; with strict=False it makes the data
        impossible."""
        known = None
        if self.told is not None:
            known = resolve(self.told, self.data, self.fit.states, self.name, strict)
        return self.fit.problem(self.data, known, self.ended, weight, learning)

    def going_on(self) -> "Question":
        """The same of sequences that have not ended yet."""
        return self._replace(ended=np.zeros(self.data.n_sequences, dtype=bool) if self.fit.ends else None)

    def chosen(self, which: np.ndarray) -> "Question":
        """The same of some of the sequences."""
        data, told, _, ended = chosen(which, self.data, self.told, None, self.ended)
        return self._replace(data=data, told=told, ended=ended)


def chosen(which, data, told=None, weight=None, ended=None):
    """Some of the sequences, by a mask (S,), and what goes with them."""
    if isinstance(told, Weights):
        told = told._replace(table=told.table[np.repeat(which, np.diff(data.bounds))])
    elif told is not None:
        told = told.chosen(which)
    part = (None if array is None else array[which] for array in (weight, ended))
    return data.chosen(which), told, *part


def of_possible(ask, values_alone=False):
    """A question that is asked of possible sequences alone, where impossible="skip"; others are answered by None.

    values_alone : whether they must be possible without what is known of their states.
    """

    @wraps(ask)
    def answered(asked, *options):
        data = asked.data
        if asked.impossible == "raise":
            return ask(asked, *options)
        if data.form in ("lengths", "ids"):
            raise ValueError(
                "impossible='skip' answers an impossible sequence by None: X must be a list or dict of sequences, not "
                f"one array with {data.form}="
            )
        given = asked._replace(told=None) if values_alone else asked
        possible = inference.log_likelihood(given.problem()).loglik > -np.inf
        if possible.all():
            return ask(asked, *options)
        answers: dict | list = []
        if possible.any():
            answers = ask(asked.chosen(possible), *options)
        rest = iter(answers.values() if isinstance(answers, dict) else answers)
        return data.collect([next(rest) if there else None for there in possible])

    return answered


of_possible_values = partial(of_possible, values_alone=True)


def score(asked: Question, n_jobs=1) -> float:
    """log P(O), or log P(O, what is known), summed over the sequences; -inf if they are impossible."""
    problem = asked.problem(strict=False)
    return compensated_sum(inference.log_likelihood(problem, n_jobs).loglik)


def score_samples(asked: Question, n_jobs=1):
    """log P of each sequence."""
    outcome, data = inference.log_likelihood(asked.problem(strict=False), n_jobs), asked.data
    return data.collect(outcome.loglik.tolist()) if data.form in ("one", "dict") else outcome.loglik


def emission_log_likelihood(asked: Question):
    """log b_i(o_t), (T, N); 0 where the value is missing."""
    fit, data = asked.fit, asked.data
    problem = pose(data, fit.observed(data), fit.emission, fit.chain)
    return data.split(problem.rows.logs[problem.index, : problem.chain.n])


@of_possible
def decode(asked: Question, n_jobs=1):
    problem, fit, data = asked.problem(), asked.fit, asked.data
    path, outcome = inference.viterbi(problem, n_jobs)
    problem.require_possible(outcome.step)
    answers = map(Decoding, _parts(fit.named(path), data), outcome.loglik.tolist())
    return data.collect(naming(answers, fit.states.names))


@of_possible
def predict_proba(asked: Question, n_jobs=1):
    problem, data = asked.problem(), asked.data
    gamma, outcome = inference.posteriors(problem, n_jobs)
    problem.require_possible(outcome.step)
    return data.split(gamma)


@of_possible
def posteriors(asked: Question, pairs: bool, n_jobs=1):
    problem, data, names = asked.problem(), asked.data, asked.fit.states.names
    if check_flag(pairs, "pairs"):
        answers = starmap(Posteriors, one_by_one(problem, inference.pair_posteriors))
        return data.collect(naming(answers, names))
    gamma, outcome = inference.posteriors(problem, n_jobs)
    problem.require_possible(outcome.step)
    return data.collect(naming(map(Posteriors, _parts(gamma, data), repeat(None), outcome.loglik.tolist()), names))


@of_possible
def forward(asked: Question, scaled: bool):
    answers = one_by_one(asked.problem(), inference.forward, check_flag(scaled, "scaled"))
    return asked.data.collect(naming(starmap(Forward, answers), asked.fit.states.names))


@of_possible
def backward(asked: Question, scaled: bool):
    answers = one_by_one(asked.problem(), inference.backward, check_flag(scaled, "scaled"))
    return asked.data.collect(naming(starmap(Backward, answers), asked.fit.states.names))


def _parts(table, data):
    """The rows of each sequence."""
    return [table] if data.n_sequences == 1 else np.split(table, data.bounds[1:-1]) if data.n_sequences else []


def one_by_one(problem, infer, *options):
    """(*tables, loglik) of each sequence."""
    for s, alone in enumerate(problem.alone()):
        *tables, outcome = infer(alone, *options)
        problem.require_possible(outcome.step, s)
        yield *tables, float(outcome.loglik[0])
