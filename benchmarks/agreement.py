"""Do two libraries give the same answer? Asked before any time is taken."""

import numpy as np
from problems import STATES

TOLERANCE = 1e-6


def difference(task, problem, ours, theirs):
    """The largest difference between two results of one task (of log P relative), or None where there is no result."""
    if ours is None or theirs is None:
        return None
    if task == "score":
        return relative(ours, theirs)
    if task == "decode":
        return relative(problem.log_prob(path(ours)), problem.log_prob(path(theirs)))
    if task == "cut":
        return relative(problem.log_prob(tags(ours)), problem.log_prob(tags(theirs)))
    if task == "posteriors":
        return largest(flat(ours), flat(theirs))
    return max(largest(*pair) for pair in zip(ours, theirs, strict=True))


def relative(ours, theirs):
    return abs(ours - theirs) / max(1.0, abs(ours))


def largest(ours, theirs):
    return np.abs(np.asarray(ours) - np.asarray(theirs)).max()


def flat(result):
    """One array, from one array or one a sequence."""
    return np.concatenate(result) if isinstance(result, list) else np.asarray(result)


def path(result):
    """States as numbers, from numbers or labels."""
    states = flat(result)
    return states if states.dtype.kind in "iu" else np.array([STATES.index(label) for label in states])


def tags(result):
    """The path that the words stand for."""
    words = (word for sentence in result for word in sentence)
    return path([list("S" if len(word) == 1 else "B" + "M" * (len(word) - 2) + "E") for word in words])
