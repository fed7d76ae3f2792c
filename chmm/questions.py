"""The questions that can be asked about sequences. Answers have the form of the data: one, a list or a dict."""

from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from . import inference
from .fit import Fit
from .kernel_input import Problem
from .known import Weights, resolve
from .log_space import compensated_sum
from .results import Backward, Decoding, Forward, Posteriors
from .sequences import Sequences


class Question(NamedTuple):
    """The subject of a question: parameters, data, what is known of the states (as `known.read` returns it) and which
    sequences ended."""

    fit: Fit
    data: Sequences
    told: Sequences | Weights | None = None
    ended: np.ndarray | None = None
    name: str = "known"

    def problem(self, strict: bool = True, **options: Any) -> Problem:
        """The question for the kernels. A label that no state has is an error; with strict=False it makes the data
        impossible."""
        known = None
        if self.told is not None:
            known = resolve(self.told, self.data, self.fit.states, self.name, strict)
        return self.fit.problem(self.data, known, self.ended, **options)


def score(asked: Question, n_jobs=1) -> float:
    """log P(O), or log P(O, what is known), summed over the sequences; -inf if they are impossible."""
    problem = asked.problem(strict=False)
    return compensated_sum(inference.log_likelihood(problem, n_jobs).loglik)


def predict(asked: Question, n_jobs=1):
    problem, fit, data = asked.problem(), asked.fit, asked.data
    path, outcome = inference.viterbi(problem, n_jobs)
    problem.require_possible(outcome.step)
    return data.split(fit.named(path))


def decode(asked: Question, n_jobs=1):
    problem, fit, data = asked.problem(), asked.fit, asked.data
    path, outcome = inference.viterbi(problem, n_jobs)
    problem.require_possible(outcome.step)
    return data.collect(list(map(Decoding, _parts(fit.named(path), data), outcome.loglik.tolist())))


def predict_proba(asked: Question, n_jobs=1):
    problem, data = asked.problem(), asked.data
    gamma, outcome = inference.posteriors(problem, n_jobs)
    problem.require_possible(outcome.step)
    return data.split(gamma)


def posteriors(asked: Question, pairs: bool, n_jobs=1):
    problem, data = asked.problem(), asked.data
    if pairs:
        return data.collect([Posteriors(*answer) for answer in _one_by_one(problem, inference.pair_posteriors)])
    gamma, outcome = inference.posteriors(problem, n_jobs)
    problem.require_possible(outcome.step)
    return data.collect(list(map(Posteriors, _parts(gamma, data), repeat(None), outcome.loglik.tolist())))


def forward(asked: Question, scaled: bool):
    answers = _one_by_one(asked.problem(), inference.forward, scaled)
    return asked.data.collect([Forward(*answer) for answer in answers])


def backward(asked: Question, scaled: bool):
    answers = _one_by_one(asked.problem(), inference.backward, scaled)
    return asked.data.collect([Backward(*answer) for answer in answers])


def _parts(table, data):
    """The rows of each sequence."""
    return [table] if data.n_sequences == 1 else np.split(table, data.bounds[1:-1]) if data.n_sequences else []


def _one_by_one(problem, infer, *options):
    """(*tables, loglik) of each sequence."""
    for s, alone in enumerate(problem.alone()):
        *tables, outcome = infer(alone, *options)
        problem.require_possible(outcome.step, s)
        yield *tables, float(outcome.loglik[0])
