"""The answers to questions about one sequence; each field is defined by its probability."""

from typing import NamedTuple

import numpy as np


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


class Posteriors(NamedTuple):
    """Posterior probabilities of one sequence.

    gamma : (n_steps, n_states), gamma[t, i] = P(q_t = i | O). Rows sum to 1.
    xi : (n_steps - 1, n_states, n_states) or None, xi[t, i, j] = P(q_t = i, q_t+1 = j | O).
    loglik : float, log P(O).
    """

    gamma: np.ndarray
    xi: np.ndarray | None
    loglik: float


class Decoding(NamedTuple):
    """The most probable path of one sequence.

    path : (n_steps,), the states themselves: names, or 0 ... n_states - 1.
    log_prob : float, log P(O, path).
    """

    path: np.ndarray
    log_prob: float


class Sample(NamedTuple):
    """Observations drawn from the model, and the states they came from; one sequence, or lists of sequences."""

    X: object
    states: object
