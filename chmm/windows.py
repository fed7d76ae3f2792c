"""One sequence whose rows of likelihoods would not fit into memory, window by window.

A window is a Problem of its own. What comes before it weighs the states of its first step, what follows those of its
last step, as labels and likelihoods do:

    before[j] = P(q_t = j | o_1 ... o_t-1)          t its first step
    after[i]  = P(o_t+1 ... o_T | q_t = i)          t its last step, up to a factor

For the most probable path, these are the same with maxima instead of sums. All are logarithms, and a window that scaled
arithmetic cannot hold is computed again in log space, like any Problem.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from .exceptions import quiet
from .kernel_input import Chain, Problem
from .log_space import compensated_sum, log_sum
from .parallel import go_on


class Windows:
    """The windows of sequence s of a Problem, of n_steps each, and what each of them hands on to the next.

    leave(window) -> (log alpha, or delta, of its last step (N,), Outcome). join(x, axis) : `log_sum`, or `highest`.
    loglik : log P(O), or log P(O, path). step : the step at which it became impossible, -1 if it did not.
    """

    @quiet
    def __init__(self, problem: Problem, s: int, n_steps: int, leave: Callable, join: Callable = log_sum) -> None:
        chain, self.n_steps = problem.chain, int(problem.bounds[s + 1] - problem.bounds[s])
        _, transmat, endprob = chain.given
        self.problem, self.s, self.join, self.step = problem, s, join, -1
        self.weight = 1.0 if problem.weight is None else problem.weight[s]
        self.chain = Chain(np.ones(chain.n), transmat, endprob, problem.final)  # `before` says how a window starts
        self.moves = chain.log_transmat[:, : chain.n]
        self.edges = list(pairwise([*range(0, self.n_steps, n_steps), self.n_steps]))
        self.before, self.lasts, logliks = [chain.log_startprob[: chain.n]], [], np.zeros(len(self.edges))
        for k, (first, _) in enumerate(self.edges):
            last, outcome = leave(self._window(k, np.zeros(chain.n)))
            logliks[k] = outcome.loglik[0]
            if outcome.step[0] >= 0:
                self.step, logliks[k] = first + int(outcome.step[0]), -np.inf
                break
            last = last - join(last, 0)
            self.lasts.append(last)
            self.before.append(join(last[:, None] + self.moves, 0))
        self.loglik = compensated_sum(logliks)

    def _window(self, k, after):
        go_on()
        first, last = self.edges[k]
        return self.problem.part(np.array([self.s]), first, np.array([last - first]), self.before[k], after, self.chain)

    def back(self) -> Iterator[tuple[int, Any]]:
        """(k, window) from the last to the first, each with what follows it. Before the next one is asked for, `ahead`
        must be what the first step of this one adds: log of b * beta (N,). None if the sequence is impossible."""
        after = np.zeros(self.chain.n)
        for k in reversed(range(len(self.edges) if self.step < 0 else 0)):
            yield k, self._window(k, after)
            with np.errstate(all="ignore"):
                after = self.join(self.moves + self.ahead, 1)

    @quiet
    def look_ahead(self, k, first):
        """Set `ahead` from the posterior of the first step of window k."""
        self.ahead = np.where(first > 0, np.log(first) - self.before[k], -np.inf)

    @quiet
    def between(self, k):
        """xi of the last step of the window before k and the first step of k, (N, N)."""
        logs = self.lasts[k - 1][:, None] + self.moves + self.ahead
        xi = np.exp(logs - logs.max())
        return xi / xi.sum()


def highest(x: np.ndarray, axis: int) -> np.ndarray:
    return x.max(axis=axis)
