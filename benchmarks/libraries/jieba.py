"""jieba's Viterbi, in plain Python, under the problem's own model."""

import numpy as np
from jieba.finalseg import viterbi
from problems import STATES, Text


def build(problem):
    return Library(problem) if isinstance(problem, Text) else None


class Library:
    def __init__(self, problem):
        self.texts = problem.texts
        self.start = dict(zip(STATES, logs(problem.startprob)))
        self.trans = {i: dict(zip(STATES, logs(row))) for i, row in zip(STATES, problem.transmat)}
        self.emission = {i: dict(zip(problem.symbols, logs(row))) for i, row in zip(STATES, problem.emission)}

    def decode(self):
        return [viterbi(text, STATES, self.start, self.trans, self.emission)[1] for text in self.texts]


def logs(probabilities):
    return np.log(np.maximum(probabilities, 1e-300)).tolist()
