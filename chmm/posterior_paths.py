"""What can be asked about paths given the data: the best ones, how sure they are, draws of them."""

import numpy as np

from . import inference
from .checks import check_choice, check_count, check_flag, generator
from .exceptions import quiet
from .questions import Question, of_possible, of_possible_values, one_by_one
from .results import Decoding, Viterbi, naming
from .segments import Segment, Segments

METHODS = ("viterbi", "posterior")


@of_possible
def predict(asked: Question, method: str, n_jobs=1):
    check_choice(method, "method", METHODS)
    problem, fit, data = asked.problem(), asked.fit, asked.data
    if method == "viterbi":
        path, outcome = inference.viterbi(problem, n_jobs)
    else:
        gamma, outcome = inference.posteriors(problem, n_jobs)
        path = gamma.argmax(axis=1)
    problem.require_possible(outcome.step)
    return data.split(fit.named(path))


@of_possible
@quiet
def viterbi(asked: Question, scaled: bool):
    problem, answers = asked.problem(), []
    check_flag(scaled, "scaled")
    for s, alone in enumerate(problem.alone()):
        path, outcome = inference.viterbi(alone)
        problem.require_possible(outcome.step, s)
        logs, log_scale, psi = inference.viterbi_tables(alone)
        psi[np.arange(1, len(path)), path[1:]] = path[:-1]  # where states are equal but for rounding, that of the path
        if not scaled:
            logs += np.cumsum(log_scale)[:, None]
            too_small = (logs < np.log(np.finfo(float).tiny)) & (logs > -np.inf)
            if too_small.any():
                t, i = np.argwhere(too_small)[0].tolist()
                raise ValueError(
                    f"delta[{t}, {i}] is below 1e-308 without scaling; use scaled=True, which holds any length"
                )
        answers.append(Viterbi(asked.fit.named(path), float(outcome.loglik[0]), np.exp(logs), psi, log_scale))
    return asked.data.collect(naming(answers, asked.fit.states.names))


@of_possible
def best_paths(asked: Question, n_paths: int):
    n_paths = check_count(n_paths, "n_paths", 1)
    answers = []
    for paths, log_prob, _ in one_by_one(asked.problem(), inference.best_paths, n_paths):
        found = map(Decoding, asked.fit.named(paths), log_prob.tolist())
        answers.append(naming(found, asked.fit.states.names))
    return asked.data.collect(answers)


@of_possible_values
@quiet
def path_proba(asked: Question, n_jobs=1):
    if asked.told is None:
        raise ValueError("known is None: path_proba needs labels of some steps, a whole path, or a mask")
    alone = asked._replace(told=None).problem()
    outcome = inference.log_likelihood(alone, n_jobs)
    alone.require_possible(outcome.step)
    problem = asked.problem()
    log_proba = inference.log_likelihood(problem, n_jobs).loglik - outcome.loglik
    if problem.known is None or problem.known.masks.max() <= 0:  # no likelihoods above 1
        log_proba = np.minimum(log_proba, 0.0)
    return asked.data.collect(np.exp(log_proba).tolist())


@of_possible
def segments(asked: Question):
    problem = asked.problem()
    answers = []
    for s, alone in enumerate(problem.alone()):
        path, outcome = inference.viterbi(alone)
        problem.require_possible(outcome.step, s)
        answers.append(_runs(alone, path, asked.fit.states.names))
    return asked.data.collect(naming(answers, asked.fit.states.names))


@quiet
def _runs(problem, path, names):
    """P(a run | O) = P(its last state | O) times P(each state before | the next one, O)."""
    if not len(path):
        return Segments()
    changed = np.flatnonzero(path[1:] != path[:-1]) + 1
    starts, stops = np.append(0, changed), np.append(changed, len(path))
    last = inference.posteriors(problem)[0][stops - 1, path[stops - 1]]  # first: the table takes most of the memory
    back, _ = inference.along(problem, path)
    back[starts] = 0.0
    proba = np.minimum(last * np.exp(np.add.reduceat(back, starts)), 1.0)
    columns = starts.tolist(), stops.tolist(), [names[i] for i in path[starts]], proba.tolist()
    return Segments(map(Segment, *columns))


@of_possible
def sample_posterior(asked: Question, n_samples: int, random_state):
    n_samples, rng, data = check_count(n_samples, "n_samples", 1), generator(random_state), asked.data
    drawn = [
        asked.fit.named(path.T.astype(np.intp))
        for path, _ in one_by_one(asked.problem(), inference.sample_posterior, n_samples, rng)
    ]
    return np.concatenate(drawn, axis=1) if data.form in ("lengths", "ids") and drawn else data.collect(drawn)


@of_possible
def entropy(asked: Question):
    return asked.data.collect([float(h[0]) for h, _ in one_by_one(asked.problem(), inference.entropy)])
