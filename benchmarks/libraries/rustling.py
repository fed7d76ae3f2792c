"""rustling's HMM and its plain BMES segmenter (Rust). It must smooth, so it smooths by next to nothing."""

import numpy as np
from problems import STATES, Text
from rustling.hmm import HiddenMarkovModel
from rustling.seq_feature import seq_obs
from rustling.wordseg import HiddenMarkovModelSegmenter

GAMMA = 1e-9


def build(problem):
    return Library(problem) if isinstance(problem, Text) else None


class Library:
    def __init__(self, problem):
        training = problem.training or problem
        self.training = list(map(list, training.texts)), list(map(list, training.labels))
        self.texts, self.characters = problem.texts, list(map(list, problem.texts))
        self.model = HiddenMarkovModel(n_states=len(STATES), gamma=GAMMA)
        self.model.fit(*self.training)
        self.segmenter = HiddenMarkovModelSegmenter(gamma=GAMMA, features=[seq_obs(0)])
        self.segmenter.fit_segmented(training.words)

    def decode(self):
        return [np.array(sorted(STATES))[path] for path in self.model.predict(self.characters)]

    def count(self):
        HiddenMarkovModel(n_states=len(STATES), gamma=GAMMA).fit(*self.training)

    def cut(self):
        return self.segmenter.predict(self.texts)
