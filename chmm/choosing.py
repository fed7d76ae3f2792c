"""How good a model is for its size: the information criteria."""

from typing import NamedTuple

import numpy as np

from . import inference
from .emissions import Observed
from .questions import Question


class Criteria(NamedTuple):
    """log P(O), the number of free parameters, and the criteria that are made of them: the smaller, the better."""

    loglik: float
    n_parameters: int
    aic: float
    bic: float
    icl: float


def criteria(asked: Question, n_parameters: int, with_icl=True, n_jobs=1) -> Criteria:
    """aic = -2 loglik + 2 p, bic = -2 loglik + p log T with T observed steps, icl = bic + 2 H(Q | O)."""
    problem = asked.problem()
    outcome = inference.log_likelihood(problem, n_jobs)
    problem.require_possible(outcome.step)
    loglik, n_steps = float(outcome.loglik.sum()), n_observed(problem.observed)
    bic = -2 * loglik + n_parameters * np.log(max(n_steps, 1))
    open_paths = sum(float(inference.entropy(alone)[0][0]) for alone in problem.alone()) if with_icl else 0.0
    icl = bic + 2 * open_paths
    return Criteria(loglik, n_parameters, -2 * loglik + 2 * n_parameters, float(bic), float(icl))


def n_observed(observed: Observed) -> int:
    """Steps that are not missing."""
    return int(np.count_nonzero(observed.index < len(observed.distinct)))
