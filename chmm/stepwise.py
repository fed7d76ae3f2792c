"""Stepwise EM: learning from one batch of data after the other (Cappe & Moulines 2009; Liang & Klein 2009)."""

from dataclasses import replace

import numpy as np

from . import checks, e_step, gathering, m_step
from .emissions import Emission
from .exceptions import not_fitted
from .fit import Fit
from .known import resolve
from .starts import started
from .statistics import Digest, Statistics
from .structure import structure_of
from .symbols import shown

POWER = 0.6  # of the step size: above 1/2, so that noise averages out, and below 1, so that early batches are forgotten


def step_size(k: int) -> float:
    """gamma_k = (k + 2)^-0.6, the share of batch k = 0, 1, 2, ... in the running statistics; all of the first."""
    return 1.0 if k == 0 else (k + 2) ** -POWER


def blended(old: Statistics, before: Emission, new: Statistics, after: Emission, share: float) -> Statistics:
    """(1 - share) of the old statistics and `share` of the new ones, each per step of its data, scaled to all data seen
    so far, which a prior is weighed against.

    old, new : taken by `before` and by `after`, emissions of the same family.
    """
    n_steps = old.n_steps + new.n_steps
    a, b = (1 - share) * n_steps / max(old.n_steps, 1), share * n_steps / max(new.n_steps, 1)
    moved = after.recentre(old.emission, before)
    return Statistics(
        a * old.start + b * new.start,
        a * old.trans + b * new.trans,
        {key: a * moved[key] + b * value for key, value in new.emission.items()},
        a * old.loglik + b * new.loglik,
        old.n_sequences + new.n_sequences,
        n_steps,
        end=None if new.end is None or old.end is None else a * old.end + b * new.end,
    )


def next_fit(model, fit: Fit | None, data, told, weight, ended, share=None) -> Fit:
    """All of Model.partial_fit once its data are read. fit : what was learnt before; None: nothing."""
    if share is not None and not 0 < checks.check_number(share, "step") <= 1:
        raise ValueError(f"step = {shown(share)} must be a share, 0 < step <= 1")
    options = checks.options(model)
    if fit is None:
        structure, emission, problem = gathering.prepared(model, data, None, told, weight, ended)
        fit = started(problem, structure, emission, options.rng)
        problem = problem.under(*fit.parameters)
    else:
        if fit.statistics is None and fit.n_iter:
            raise not_fitted("this model was loaded or reordered, and has no statistics to continue from; fit it first")
        structure = structure_of(model, fit.emission, known=fit.states)
        known = resolve(told, data, fit.states, "y")
        ended = checks.ended_sequences(ended, data, fit.ends)
        problem = fit.problem(data, known, ended, weight=weight, learning=True)
    if problem.known is not None and problem.known.complete:
        checks.agreeing_labels(problem.known.path, data, structure, "y", ended)
        new = e_step.of_path(problem, problem.known.path)
    else:
        new = e_step.expectation(problem, options)
    old, anchor, n_batches = fit.statistics, fit.anchor or fit.emission, 0
    together = replace(new, digest=None)
    if old is not None:
        n_batches = fit.report.get("n_batches", 1)
        together = blended(old, anchor, new, fit.emission, step_size(n_batches) if share is None else share)
    parameters = fit.parameters
    objective = new.loglik + m_step.prior(structure, *parameters)
    startprob, transmat, emission, endprob = m_step.step(structure, together, *parameters)
    if new.loglik == -np.inf:  # labels that were impossible until now, or are for good
        checks.possible_labels(problem.known.path, problem, structure, emission)
    facts = {"n_sequences": together.n_sequences, "n_steps": together.n_steps, "kind": data.kind}
    return replace(
        fit, startprob=startprob, transmat=transmat, emission=emission.published(), n_iter=fit.n_iter + 1,
        history=np.append(() if fit.history is None else fit.history, objective), converged=False, loglik=new.loglik,
        endprob=endprob, statistics=together, anchor=fit.emission, report={**facts, "n_batches": n_batches + 1},
    )  # fmt: skip


def stepped(structure, statistics, fit) -> Fit:
    """An EM step by hand, from statistics that were taken with the parameters of `fit`."""
    if not isinstance(statistics, Statistics):
        raise TypeError(f"statistics = {shown(statistics)} must be Statistics, such as model.e_step(X)")
    parameters = fit.parameters
    if statistics.digest is not None and statistics.digest != Digest(*parameters):
        raise ValueError(
            "these statistics were made with other parameters: call m_step of the model whose e_step took them"
        )
    history = np.append(fit.history, statistics.loglik + m_step.prior(structure, *parameters))
    startprob, transmat, emission, endprob = m_step.step(structure, statistics, *parameters)
    return replace(
        fit, endprob=endprob, startprob=startprob, transmat=transmat, emission=emission.published(), history=history,
        n_iter=fit.n_iter + 1, converged=False, statistics=statistics, loglik=None, anchor=fit.emission,
    )  # fmt: skip
