"""hmmlearn's CategoricalHMM, in its scaled and its logarithmic form."""

import logging

from hmmlearn.hmm import CategoricalHMM

logging.getLogger("hmmlearn").setLevel(logging.ERROR)


def build(problem, implementation):
    return Library(problem, implementation)


class Library:
    def __init__(self, problem, implementation):
        self.problem = problem
        self.codes, self.lengths = problem.codes.astype(int)[:, None], problem.lengths
        n_states, n_symbols = problem.emission.shape
        # one pass of its loop is one E-step and one M-step, whatever tol says
        self.model = CategoricalHMM(n_states, n_features=n_symbols, n_iter=1, tol=float("-inf"), params="ste",
                                    init_params="", implementation=implementation)
        self.reset()

    def reset(self):
        self.model.startprob_ = self.problem.startprob
        self.model.transmat_ = self.problem.transmat
        self.model.emissionprob_ = self.problem.emission

    def score(self):
        return self.model.score(self.codes, self.lengths)

    def decode(self):
        return self.model.predict(self.codes, self.lengths)

    def posteriors(self):
        return self.model.predict_proba(self.codes, self.lengths)

    def fit(self):
        self.model.fit(self.codes, self.lengths)
        learnt = self.model.startprob_, self.model.transmat_, self.model.emissionprob_
        self.reset()  # three assignments: the next iteration starts from the same parameters
        return learnt
