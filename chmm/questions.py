"""What can be asked of sequences, one or many: functions of a Fit and data. Answers have the form of the data."""

import numpy as np

from . import inference
from .fit import Fit
from .log_space import compensated_sum
from .paths import encoded, path_log_probability
from .results import Backward, Decoding, Forward, Posteriors
from .sequences import Sequences


def score(fit: Fit, data: Sequences, labels: Sequences | None = None, n_jobs=1) -> float:
    """log P(O), or log P(O, Q), summed over the sequences; -inf if they are impossible."""
    problem = fit.problem(data)
    if labels is None:
        return compensated_sum(inference.log_likelihood(problem, n_jobs).loglik)
    path, unknown = encoded(labels, fit.states, "y")
    if unknown is not None:
        return -np.inf  # no state has this label
    seen = problem.rows.logs[problem.index, path].sum()
    return float(seen + path_log_probability(fit.startprob, fit.transmat, path, data.bounds))


def predict(fit: Fit, data: Sequences, n_jobs=1):
    problem = fit.problem(data)
    path, outcome = inference.viterbi(problem, n_jobs)
    problem.require_possible(outcome.step)
    return data.split(fit.named(path))


def decode(fit: Fit, data: Sequences, n_jobs=1):
    problem = fit.problem(data)
    path, outcome = inference.viterbi(problem, n_jobs)
    problem.require_possible(outcome.step)
    parts = zip(_parts(fit.named(path), data), outcome.loglik.tolist(), strict=True)
    return data.collect([Decoding(*part) for part in parts])


def predict_proba(fit: Fit, data: Sequences, n_jobs=1):
    problem = fit.problem(data)
    gamma, outcome = inference.posteriors(problem, n_jobs)
    problem.require_possible(outcome.step)
    return data.split(gamma)


def posteriors(fit: Fit, data: Sequences, pairs: bool, n_jobs=1):
    problem = fit.problem(data)
    if pairs:
        return data.collect([Posteriors(*answer) for answer in _one_by_one(problem, inference.pair_posteriors)])
    gamma, outcome = inference.posteriors(problem, n_jobs)
    problem.require_possible(outcome.step)
    parts = zip(_parts(gamma, data), outcome.loglik.tolist(), strict=True)
    return data.collect([Posteriors(part, None, loglik) for part, loglik in parts])


def forward(fit: Fit, data: Sequences, scaled: bool):
    answers = []
    for alpha, log_scale, loglik in _one_by_one(fit.problem(data), inference.forward, scaled):
        answers.append(Forward(alpha, log_scale, loglik))
    return data.collect(answers)


def backward(fit: Fit, data: Sequences, scaled: bool):
    answers = []
    for beta, log_scale, loglik in _one_by_one(fit.problem(data), inference.backward, scaled):
        answers.append(Backward(beta, log_scale, loglik))
    return data.collect(answers)


def _parts(table, data):
    """The rows of each sequence."""
    return [table] if data.n_sequences == 1 else np.split(table, data.bounds[1:-1]) if data.n_sequences else []


def _one_by_one(problem, infer, *options):
    """(*tables, loglik) of each sequence."""
    for s, alone in enumerate(problem.alone()):
        *tables, outcome = infer(alone, *options)
        problem.require_possible(outcome.step, s)
        yield *tables, float(outcome.loglik[0])
