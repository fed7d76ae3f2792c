"""dynamax's recursions (JAX, double precision, compiled by the first call). One sequence: it has no ragged ones."""

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)  # before dynamax makes its first array
jax.config.update("jax_cpu_enable_async_dispatch", False)  # the process's clock may miss a thread that still runs

from dynamax.hidden_markov_model import hmm_filter, hmm_posterior_mode, hmm_smoother  # noqa: E402


def build(problem):
    return Library(problem) if len(problem.lengths) == 1 else None


class Library:
    def __init__(self, problem):
        model = jnp.array(problem.startprob), jnp.array(problem.transmat), jnp.log(problem.emission.T)
        codes = jnp.array(problem.codes)

        def task(recursion):  # the model as constants of what is compiled: that is twice as fast, and more above N = 64
            start, trans, log_rows = model
            return compiled(lambda codes: recursion(start, trans, log_rows[codes]), codes)

        self.score = task(lambda *data: hmm_filter(*data).marginal_loglik)
        self.decode = task(hmm_posterior_mode)
        self.posteriors = task(lambda *data: hmm_smoother(*data).smoothed_probs)
        self.fit = compiled(iteration, *model, codes)


def compiled(function, *data):
    call = jax.jit(function)
    return lambda: jax.tree.map(np.asarray, call(*data))


def iteration(start, trans, log_rows, codes):
    """Of its smoother's counts: CategoricalHMM takes several times as long, and its M-step must have a prior."""
    smoothed = hmm_smoother(start, trans, log_rows[codes])
    shown = jnp.zeros_like(log_rows).at[codes].add(smoothed.smoothed_probs).T
    return smoothed.initial_probs, *(n / n.sum(1, keepdims=True) for n in (smoothed.trans_probs, shown))
