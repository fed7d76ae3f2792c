"""A family of your own: counts with more zeros than Poisson's, in four methods.

In state i a count is 0 with probability zeros[i], else it is drawn from Poisson(rates[i]). Whether a 0 is one of the
extra zeros is hidden, so an update is a step of EM: the weight of the zeros is shared between the two causes.
"""

import numpy as np

from chmm import Emission, Model


class ZeroInflated(Emission):
    """b_i(o) = zeros[i] [o = 0] + (1 - zeros[i]) Poisson(o; rates[i])."""

    parameters = ("rates", "zeros")
    n_features = 1  # columns of a value: the parameters, of one axis, do not tell
    domain = "counts 0, 1, 2 ..."
    max_inner_iter = 200  # statistics depend on the parameters

    def __init__(self, rates=None, zeros=None):
        self.rates = None if rates is None else np.array(rates, dtype=float)
        self.zeros = None if zeros is None else np.array(zeros, dtype=float)

    def support(self, values):
        return (values >= 0) & (values % 1 == 0)

    def log_likelihood(self, values):
        # log n! as a sum of logarithms
        n = int(values.max(initial=0))
        log_factorial = np.cumsum(np.log(np.arange(n + 1).clip(1)))[values.astype(int)]
        counts = np.log(1 - self.zeros) + values * np.log(self.rates) - self.rates - log_factorial
        return np.where(values == 0, np.logaddexp(np.log(self.zeros), counts), counts)

    def statistics(self, values, weights):
        extra = np.full(weights.shape[1], 0.5)
        if self.complete:
            extra = self.zeros / (self.zeros + (1 - self.zeros) * np.exp(-self.rates))
        return {
            "weights": weights.sum(axis=0),
            "extra": extra * (weights * (values == 0)).sum(axis=0),
            "sums": (weights * values).sum(axis=0),
        }

    def update(self, statistics):
        weights, extra, sums = (statistics[key] for key in ("weights", "extra", "sums"))
        alive = weights > 0
        rates = np.maximum(sums / np.maximum(weights - extra, 1e-9), 1e-9)
        zeros = np.clip(extra / np.where(alive, weights, 1), 1e-9, 1 - 1e-9)
        self.rates = np.where(alive, rates, 1.0 if self.rates is None else self.rates)
        self.zeros = np.where(alive, zeros, 0.5 if self.zeros is None else self.zeros)

    def sample(self, states, rng):
        return np.where(rng.random(len(states)) < self.zeros[states], 0, rng.poisson(self.rates[states]))


def main():
    truth = Model(
        states=["calm", "busy"],
        startprob=[0.5, 0.5],
        transmat=[[0.9, 0.1], [0.2, 0.8]],
        emission=ZeroInflated(rates=[3, 20], zeros=[0.6, 0.1]),
    )
    counts, states = truth.sample(5000, random_state=0)
    learnt = Model(2, ZeroInflated(), n_init=4, random_state=0).fit(counts)
    order = np.argsort(learnt.emission_.rates)
    print("          calm   busy")
    print("rates   {:6.2f} {:6.2f}".format(*learnt.emission_.rates[order]))
    print("zeros   {:6.2f} {:6.2f}".format(*learnt.emission_.zeros[order]))
    same = (order[learnt.predict(counts)] == (states == "busy")).mean()
    print(f"states found: {max(same, 1 - same):.1%}")


if __name__ == "__main__":
    main()
