"""hmmlearn's CategoricalHMM and GaussianHMM, in their scaled and their logarithmic form."""

import logging

from hmmlearn.hmm import CategoricalHMM, GaussianHMM

logging.getLogger("hmmlearn").setLevel(logging.ERROR)
# one pass of its loop is one E-step and one M-step, whatever tol says
ONCE = {"n_iter": 1, "tol": float("-inf"), "init_params": ""}


def build(problem, implementation):
    n_states, n_symbols = problem.emission.shape
    model = CategoricalHMM(n_states, n_features=n_symbols, params="ste", implementation=implementation, **ONCE)
    return Library(problem, model, problem.codes.astype(int)[:, None], emissionprob_=problem.emission)


def build_gaussian(problem, implementation):
    model = GaussianHMM(problem.n_states, covars_prior=0, covars_weight=0, implementation=implementation, **ONCE)
    return Library(problem, model, problem.codes, means_=problem.emission, _covars_=problem.variances)


class Library:
    def __init__(self, problem, model, codes, **emission):
        self.model, self.codes, self.lengths = model, codes, problem.lengths
        self.given = {"startprob_": problem.startprob, "transmat_": problem.transmat} | emission
        self.reset()

    def reset(self):
        for name, parameter in self.given.items():
            setattr(self.model, name, parameter)

    def score(self):
        return self.model.score(self.codes, self.lengths)

    def decode(self):
        return self.model.predict(self.codes, self.lengths)

    def posteriors(self):
        return self.model.predict_proba(self.codes, self.lengths)

    def fit(self):
        self.model.fit(self.codes, self.lengths)
        learnt = [getattr(self.model, name) for name in self.given]
        self.reset()  # a few assignments: the next iteration starts from the same parameters
        return learnt
