"""dynamax's recursions (JAX, double precision, compiled by the first call). One sequence: it has no ragged ones."""

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)  # before dynamax makes its first array

from dynamax.hidden_markov_model import hmm_filter, hmm_posterior_mode, hmm_smoother  # noqa: E402


def build(problem):
    return Library(problem) if len(problem.lengths) == 1 else None


class Library:
    def __init__(self, problem):
        log_rows, codes = jnp.log(problem.emission.T), jnp.array(problem.codes)
        start, trans = jnp.array(problem.startprob), jnp.array(problem.transmat)

        def task(recursion):
            call = jax.jit(lambda codes: recursion(start, trans, log_rows[codes]))
            return lambda: np.asarray(call(codes))

        self.score = task(lambda *model: hmm_filter(*model).marginal_loglik)
        self.decode = task(hmm_posterior_mode)
        self.posteriors = task(lambda *model: hmm_smoother(*model).smoothed_probs)
