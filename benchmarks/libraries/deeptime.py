"""deeptime's HMM. Where its public call does more than the task, the functions that the call is made of."""

import numpy as np
from deeptime.markov.hmm import DiscreteOutputModel, HiddenMarkovModel, MaximumLikelihoodHMM
from deeptime.markov.hmm._hmm_bindings import util


def build(problem):
    return Library(problem)


class Library:
    def __init__(self, problem):
        self.sequences = [np.ascontiguousarray(codes, np.int32) for codes in problem.sequences]
        self.output = DiscreteOutputModel(problem.emission)
        self.startprob, self.transmat = problem.startprob, problem.transmat
        self.model = HiddenMarkovModel(problem.transmat, self.output, problem.startprob)
        self.learner = MaximumLikelihoodHMM(self.model, lagtime=1, reversible=False)
        shape = int(problem.lengths.max()), problem.n_states
        self.alpha, self.beta = np.zeros(shape), np.zeros(shape)

    def score(self):
        return self.model.compute_observation_likelihood(self.sequences)

    def decode(self):
        return self.model.compute_viterbi_paths(self.sequences)

    def posteriors(self):
        gammas = []
        for codes in self.sequences:
            rows = self.output.to_state_probability_trajectory(codes)
            gamma = np.empty_like(rows)
            util.forward(self.transmat, rows, self.startprob, self.alpha, T=len(codes))
            util.backward(self.transmat, rows, self.beta, T=len(codes))
            util.state_probabilities(self.alpha, self.beta, gamma, T=len(codes))
            gammas.append(gamma)
        return gammas

    def fit(self):
        """The body of its EM loop, once; fit() itself would add a Viterbi pass over all data."""
        new = self.learner._HMMModelStorage(self.transmat.copy(), self.output.copy(), self.startprob.copy())
        gammas = [np.zeros((len(codes), len(self.startprob))) for codes in self.sequences]
        counts = [np.zeros_like(self.transmat) for _ in self.sequences]
        for codes, gamma, count in zip(self.sequences, gammas, counts):
            self.learner._forward_backward(new, codes, self.alpha, self.beta, gamma, count)
        self.learner._update_model(new, self.sequences, gammas, counts)
        return new.initial_distribution, new.transition_matrix, new.output_model.output_probabilities
