"""Stepwise EM: learning from one batch of data after the other (Cappe & Moulines 2009; Liang & Klein 2009)."""

from .emissions import Emission
from .statistics import Statistics

POWER = 0.6  # of the step size: above 1/2, so that noise dies out, and below 1, so that early batches are forgotten


def step_size(k: int) -> float:
    """gamma_k = (k + 2)^-0.6, the share of batch k = 0, 1, 2, ... in the running statistics; all of the first."""
    return 1.0 if k == 0 else (k + 2) ** -POWER


def blended(old: Statistics, before: Emission, new: Statistics, after: Emission, share: float) -> Statistics:
    """(1 - share) of the old statistics and `share` of the new ones, each per step of its data; in the size of all data
    seen so far, which is what a prior is weighed against.

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
