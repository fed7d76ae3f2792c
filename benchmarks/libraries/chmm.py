"""chmm through its public classes."""

from functools import cached_property

import numpy as np
import problems
from problems import STATES

from chmm import Categorical, Gaussian, Model, Segmenter


def build(problem, n_jobs=1):
    if isinstance(problem, problems.Text):
        return TextLibrary(problem, n_jobs)
    library = CodesLibrary if len(problem.lengths) > 1 else OneSequence
    return library(problem, Categorical(problem.emission), n_jobs)


def build_gaussian(problem, n_jobs=1):
    return OneSequence(problem, Gaussian(problem.emission, problem.variances, prior=0), n_jobs)


class CodesLibrary:
    def __init__(self, problem, emission, n_jobs):
        self.codes, self.lengths = problem.codes, problem.lengths
        self.model = Model(startprob=problem.startprob, transmat=problem.transmat, emission=emission, n_jobs=n_jobs)

    def score(self):
        return self.model.score(self.codes, lengths=self.lengths)

    def decode(self):
        return self.model.predict(self.codes, lengths=self.lengths)

    def posteriors(self):
        return self.model.predict_proba(self.codes, lengths=self.lengths)

    def fit(self):
        statistics = self.started.e_step(self.codes, lengths=self.lengths)
        return learnt(self.started.m_step(statistics))

    @cached_property
    def started(self):
        """Model.fit would add a report, and a pass for log P at its end."""
        return self.model.start(self.codes, lengths=self.lengths)


class OneSequence(CodesLibrary):
    """One array needs no lengths, and decode returns one path."""

    def __init__(self, problem, emission, n_jobs):
        super().__init__(problem, emission, n_jobs)
        self.lengths = None

    def decode(self):
        return self.model.decode(self.codes).path

    def posteriors(self):
        return self.model.posteriors(self.codes).gamma


class TextLibrary:
    """Strings in, labels out."""

    def __init__(self, problem, n_jobs):
        self.texts, self.labels = problem.texts, problem.labels
        emission = Categorical(problem.emission, symbols=problem.symbols)
        self.model = Model(states=STATES, startprob=problem.startprob, transmat=problem.transmat, emission=emission,
                           n_jobs=n_jobs)
        self.learner = Model(states=STATES, emission=Categorical(symbols=problem.symbols))
        self.segmenter = Segmenter().fit((problem.training or problem).words)

    def score(self):
        return self.model.score(self.texts)

    def decode(self):
        if len(self.texts) == 1:
            return self.model.decode(self.texts[0]).path
        return self.model.predict(self.texts)

    def count(self):
        return learnt(self.learner.fit(self.texts, self.labels))

    def cut(self):
        return self.segmenter.cut(self.texts)


def learnt(model):
    emission = [getattr(model.emission_, name) for name in model.emission_.parameters]
    return [np.array(array) for array in (model.startprob_, model.transmat_, *emission)]
