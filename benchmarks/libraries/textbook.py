"""The recursions as the textbooks print them, in Cython: what an able programmer writes in an afternoon."""

import numpy as np
import textbook_hmm  # native/textbook_hmm.pyx, compiled when the benchmark starts


def build(problem):
    return Library(problem)


class Library:
    def __init__(self, problem):
        self.model = problem.startprob, problem.transmat, problem.emission
        with np.errstate(divide="ignore"):
            self.logs = [np.log(parameter) for parameter in self.model]
        self.data = problem.codes, problem.bounds

    def score(self):
        return textbook_hmm.score(*self.model, *self.data)

    def decode(self):
        return textbook_hmm.decode(*self.logs, *self.data)

    def posteriors(self):
        return textbook_hmm.posteriors(*self.model, *self.data)

    def fit(self):
        counts = textbook_hmm.expected_counts(*self.model, *self.data)
        return [count / count.sum(-1, keepdims=True) for count in counts]
