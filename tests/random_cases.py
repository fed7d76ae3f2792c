"""Small random models with sequences, and what is known of them: every way of knowing, with every way to end."""

from itertools import pairwise, product

import numpy as np
from oracle import enumerate_paths
from shared import random_params

from chmm import Categorical, Gaussian, Model

KNOWN = ("nothing", "labels", "some labels", "a mask", "likelihoods")
ENDS = ("none", "final_states", "endprob", "endprob and final_states")
FAMILIES = ("symbols", "numbers")


class Case:
    """A small random model with sequences, and what is known of them."""

    def __init__(self, seed, known, ends, family, cut, zeros=0.3):
        rng = self.rng = np.random.default_rng(seed)
        self.n = n = int(rng.integers(1, 5))
        self.lengths = rng.integers(1, 5, size=rng.integers(2, 4))
        self.lengths[0] += 1  # several sequences of one step each would be taken for a slip
        p = random_params(rng, n, 3, zeros=zeros)
        options = {"states": range(n), "startprob": p.startprob, "transmat": p.transmat}
        self.end = None
        if "final" in ends:
            final = rng.random(n) < 0.6
            final[rng.integers(n)] = True
            options["final_states"] = np.flatnonzero(final).tolist()
            self.end = final.astype(float)
        if "endprob" in ends:
            e = rng.random(n) * (1.0 if self.end is None else self.end)
            e[rng.integers(n)] *= 0.0 if e.astype(bool).sum() > 1 and rng.random() < 0.3 else 1.0
            options["endprob"] = self.end = e
        self.moves = p.transmat if "endprob" not in options else (1 - self.end)[:, None] * p.transmat
        steps = int(self.lengths.sum())
        if family == "symbols":
            x = rng.integers(0, 3, size=steps)
            gone = rng.random(steps) < 0.2
            self.values = [None if g else int(v) for v, g in zip(x, gone)]
            self.rows = np.where(gone[:, None], 1.0, p.probs.T[x])
            options["emission"] = Categorical(p.probs)
        else:
            means, x = rng.normal(size=n), rng.normal(size=steps)
            x[rng.random(steps) < 0.2] = np.nan
            self.values = x
            density = np.exp(-((x[:, None] - means) ** 2) / 2) / np.sqrt(2 * np.pi)
            self.rows = np.where(np.isnan(x)[:, None], 1.0, density)
            options["emission"] = Gaussian(means, np.ones(n), prior=0, frozen=("means", "covariances"))
        self.options, self.bounds = options, np.append(0, np.cumsum(self.lengths))
        self.model = Model(**options)
        path = rng.integers(0, n, size=steps)
        self.weights = np.ones((steps, n))
        self.known = None
        if "labels" in known:
            free = rng.random(steps) < (0.5 if known == "some labels" else 0.0)
            self.weights = np.where(free[:, None], 1.0, np.eye(n)[path])
            self.known = self.parts([None if f else int(q) for q, f in zip(path, free)])
            if known == "some labels" and free[: self.lengths[0]].all():
                self.known[0] = None
        elif known == "a mask":
            mask = rng.random((steps, n)) < 0.7
            mask[np.arange(steps), path] = True
            self.weights, self.known = mask.astype(float), self.parts(mask)
        elif known == "likelihoods":
            self.weights = rng.random((steps, n)) * 10.0 ** rng.integers(-3, 4, size=(steps, 1))
            told = self.weights.copy()
            free = rng.random(steps) < 0.2
            self.weights[free], told[free] = 1.0, np.nan
            self.known = self.parts(told)
        self.ended = rng.random(len(self.lengths)) < 0.5 if cut and self.end is not None else None
        self.X = self.parts(self.values)
        self.asked = {"known": self.known, "ended": self.ended}

    def parts(self, values):
        return [values[a:b] for a, b in pairwise(self.bounds)]

    def truth(self):
        """What enumeration says of each sequence."""
        found = []
        for s, rows in enumerate(self.parts(self.rows * self.weights)):
            ended = self.ended is None or self.ended[s]
            found.append(enumerate_paths(self.options["startprob"], self.moves, rows, self.end if ended else None))
        return found


def cases(start=0, n=4, **options):
    """All combinations of options, n times each."""
    kinds = product(KNOWN, ENDS, FAMILIES, (False, True))
    return [Case(start + 1000 * k + j, *kind, **options) for k, kind in enumerate(kinds) for j in range(n)]
