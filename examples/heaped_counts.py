"""A family of your own: counts that people report, of which some are rounded to tens, in four methods.

Asked how many cigarettes they smoked, some people say 17 and some say 20. In state i a count is drawn from
Poisson(rates[i]); with probability rounds[i] it is reported to the nearest ten. Whether a 20 was rounded is hidden, so
an update is a step of EM: the weight of each multiple of ten is shared among the counts that it may stand for.
"""

import numpy as np

from chmm import Emission, Model


class Heaped(Emission):
    """b_i(o) = (1 - rounds[i]) f_i(o) + rounds[i] [10 divides o] sum_{n = o-5 ... o+4} f_i(n), f_i Poisson's."""

    parameters = ("rates", "rounds")
    ranges = ((0, np.inf), (0, 1))  # of the parameters, for standard errors
    n_features = 1  # columns of a value: the parameters, of one axis, do not tell
    domain = "counts 0, 1, 2 ..."
    max_inner_iter = 200  # statistics depend on the parameters

    def __init__(self, rates=None, rounds=None):
        self.rates = None if rates is None else np.array(rates, dtype=float)
        self.rounds = None if rounds is None else np.array(rounds, dtype=float)

    def support(self, values):
        return (values >= 0) & (values % 1 == 0)

    def causes(self, values):
        """(counts (R, 11, 1), log densities (R, 11, n_states)): the count itself, and those that are rounded to it."""
        counts = np.hstack([values, values + np.arange(-5, 5)])[:, :, None]
        log_factorial = np.append(0.0, np.cumsum(np.log(np.arange(1, counts.max(initial=0) + 1))))
        logs = counts * np.log(self.rates) - self.rates - log_factorial[counts.astype(int).clip(0)]
        logs += np.where(np.arange(11)[:, None] == 0, np.log(1 - self.rounds), np.log(self.rounds))
        logs[:, 1:] += np.where((values % 10 == 0)[:, :, None] & (counts[:, 1:] >= 0), 0.0, -np.inf)
        return counts, logs

    def log_likelihood(self, values):
        return np.logaddexp.reduce(self.causes(values)[1], axis=1)

    def statistics(self, values, weights):
        if not self.complete:  # a first guess: nothing was rounded but half of the tens
            tens = (weights * (values % 10 == 0)).sum(axis=0)
            return {"weights": weights.sum(axis=0), "rounded": 0.5 * tens, "sums": weights.T @ values[:, 0]}
        counts, logs = self.causes(values)
        share = weights[:, None] * np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
        return {
            "weights": weights.sum(axis=0),
            "rounded": share[:, 1:].sum(axis=(0, 1)),
            "sums": (share * counts).sum(axis=(0, 1)),
        }

    def update(self, statistics):
        weights, rounded, sums = (statistics[key] for key in ("weights", "rounded", "sums"))
        alive = weights > 0
        rates = np.maximum(sums / np.where(alive, weights, 1), 1e-9)
        rounds = np.clip(rounded / np.where(alive, weights, 1), 1e-9, 1 - 1e-9)
        self.rates = np.where(alive, rates, 1.0 if self.rates is None else self.rates)
        self.rounds = np.where(alive, rounds, 0.5 if self.rounds is None else self.rounds)

    def sample(self, states, rng):
        drawn = rng.poisson(self.rates[states])
        return np.where(rng.random(len(states)) < self.rounds[states], (drawn + 5) // 10 * 10, drawn)


def main():
    truth = Model(
        states=["calm", "stressed"],
        startprob=[0.5, 0.5],
        transmat=[[0.9, 0.1], [0.2, 0.8]],
        emission=Heaped(rates=[6, 23], rounds=[0.1, 0.6]),
    )
    counts, states = truth.sample(5000, random_state=0)
    learnt = Model(2, Heaped(), n_init=4, random_state=0).fit(counts)
    order = np.argsort(learnt.emission_.rates)
    print("          calm   stressed")
    print("rates   {:6.2f} {:6.2f}".format(*learnt.emission_.rates[order]))
    print("rounds  {:6.2f} {:6.2f}".format(*learnt.emission_.rounds[order]))
    same = (order[learnt.predict(counts)] == (states == "stressed")).mean()
    print(f"states found: {max(same, 1 - same):.1%}")


if __name__ == "__main__":
    main()
