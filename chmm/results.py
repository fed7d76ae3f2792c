"""The answers to questions about one sequence; each field is defined by its probability."""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from . import html

T = TypeVar("T")


def aware(kind: type[T]) -> type[T]:
    """A NamedTuple that has, besides its fields, the attribute `names`: of the states, if they are known."""
    told = {"__doc__": kind.__doc__, "__module__": kind.__module__, "__qualname__": kind.__qualname__, "names": ()}
    return type(kind.__name__, (kind,), told)


def naming(answers: Iterable[T], names: tuple) -> list[T]:
    """The same answers, which know the names of the states: their tables show them."""
    answers = list(answers)
    for answer in answers:
        answer.names = names  # type: ignore[attr-defined]
    return answers


@aware
class Forward(NamedTuple):
    """Forward variables of one sequence.

    alpha : (n_steps, n_states). Scaled: alpha[t, i] = P(q_t = i | o_1 ... o_t), the filter; rows sum to 1.
        Unscaled: alpha[t, i] = P(o_1 ... o_t, q_t = i).
    log_scale : (n_steps,), log P(o_t | o_1 ... o_t-1); its sum is loglik.
    loglik : float, log P(O).
    """

    alpha: np.ndarray
    log_scale: np.ndarray
    loglik: float

    def _repr_html_(self):
        return html.variables("forward variables α", *self, self.names)


@aware
class Backward(NamedTuple):
    """Backward variables of one sequence.

    beta : (n_steps, n_states). Scaled: beta[t, i] = P(o_t+1 ... o_T | q_t = i) / P(o_t+1 ... o_T | o_1 ... o_t),
        so that alpha * beta = gamma. Unscaled: beta[t, i] = P(o_t+1 ... o_T | q_t = i).
    log_scale : (n_steps,), log P(o_t | o_1 ... o_t-1).
    loglik : float, log P(O).
    """

    beta: np.ndarray
    log_scale: np.ndarray
    loglik: float

    def _repr_html_(self):
        return html.variables("backward variables β", *self, self.names)


@aware
class Posteriors(NamedTuple):
    """Posterior probabilities of one sequence.

    gamma : (n_steps, n_states), gamma[t, i] = P(q_t = i | O). Rows sum to 1.
    xi : (n_steps - 1, n_states, n_states) or None, xi[t, i, j] = P(q_t = i, q_t+1 = j | O).
    loglik : float, log P(O).
    """

    gamma: np.ndarray
    xi: np.ndarray | None
    loglik: float

    def _repr_html_(self):
        return html.posteriors(self.gamma, self.loglik, self.names)


@aware
class Decoding(NamedTuple):
    """The most probable path of one sequence.

    path : (n_steps,), the states themselves: names, or 0 ... n_states - 1.
    log_prob : float, log P(O, path).
    """

    path: np.ndarray
    log_prob: float

    def _repr_html_(self):
        return html.decoding(*self, self.names)


@aware
class Viterbi(NamedTuple):
    """The tables of the Viterbi algorithm for one sequence.

    path : (n_steps,), the most probable path, the states themselves. log_prob : float, log P(O, path).
    delta : (n_steps, n_states). Unscaled: delta[t, i] = max P(o_1 ... o_t, q_1 ... q_t-1, q_t = i) over q_1 ... q_t-1.
        Scaled: divided by the largest of its step.
    psi : (n_steps, n_states), the number of the state at t-1 through which the best path comes to i at t; 0 at t = 1.
    log_scale : (n_steps,), the logarithm of the largest delta of a step over that of the step before; sums to log_prob.
    """

    path: np.ndarray
    log_prob: float
    delta: np.ndarray
    psi: np.ndarray
    log_scale: np.ndarray

    def _repr_html_(self):
        return html.viterbi(self, self.names)


class Pushed(NamedTuple):
    """The result of pushing one more step, t, to a stream.

    filtered : (n_states,), P(q_t = i | o_1 ... o_t).
    state : the most probable state of step t - lag, given the steps up to t; None if t - lag is before the first step.
    proba : (n_states,), P(q_t-lag = i | o_1 ... o_t); None as above. With lag=0 it is `filtered`.
    surprise : float, -log P(o_t | o_1 ... o_t-1).
    loglik : float, log P(o_1 ... o_t).
    """

    filtered: np.ndarray
    state: Any
    proba: np.ndarray | None
    surprise: float
    loglik: float


class Rest(NamedTuple):
    """The steps still outstanding when a stream was closed: the last `lag`, or all if there are fewer.

    states : (k,), the most probable states. proba : (k, n_states), P(q_t = i | all steps).
    """

    states: np.ndarray
    proba: np.ndarray


class Sample(NamedTuple):
    """Observations drawn from the model, and the states that emitted them; one sequence, or lists of sequences."""

    X: object
    states: object
