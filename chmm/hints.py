"""Names that other libraries use, and what they are called here."""

import inspect
from collections.abc import Callable, Collection, Iterable
from functools import wraps
from typing import NoReturn, ParamSpec

P = ParamSpec("P")

COVARIATES = (
    "parameters do not depend on covariates; 'Can parameters depend on covariates?' in docs/faq.md says what to do"
)
ARGUMENTS = {
    "n_components": "the number of states is n_states, Model(n_states)",
    "n_iter": "the largest number of EM steps is max_iter",
    "covariance_type": "the form of covariances is an argument of the emission, Gaussian(covariance='full')",
    "algorithm": "predict and decode are Viterbi, predict(X, method='posterior') takes each step by itself; hard EM is "
    "training='viterbi'",
    "implementation": "there is no switch: sequences of any length are exact",
    "params": "what stays as given is frozen, such as Model(frozen='transmat') or Gaussian(means, frozen='means')",
    "init_params": "what is given, startprob, transmat or the parameters of an emission, is where EM starts",
    "startprob_prior": "pseudocount={'startprob': ...} is its prior, hmmlearn's less 1",
    "transmat_prior": "pseudocount={'transmat': ...} is its prior, hmmlearn's less 1",
    "emissionprob_prior": "pseudocount={'emission': ...} is its prior, hmmlearn's less 1",
    "weights_prior": "pseudocount={'emission': ...} is its prior, hmmlearn's less 1",
    "min_covar": "Gaussian(prior=...) keeps variances away from 0, in any unit",
    "covars_prior": "Gaussian(prior=...) adds so many steps' worth of the variance of all data to each state",
    "covars_weight": "Gaussian(prior=...) adds so many steps' worth of the variance of all data to each state",
    "means_prior": "means have no prior; Gaussian(means, frozen='means') holds them",
    "means_weight": "means have no prior; Gaussian(means, frozen='means') holds them",
    "lambdas_prior": "Poisson(prior=...) adds so many steps' worth of the mean of all data to each state",
    "lambdas_weight": "Poisson(prior=...) adds so many steps' worth of the mean of all data to each state",
    "n_features": "columns are counted in the data; symbols may be named, Categorical(symbols=range(6))",
    "n_trials": "totals are read off the data, row by row; only to sample, Multinomial(n_draws=...)",
    "n_mix": "mixtures are emissions: emission=Mixture(Gaussian(), 2)",
    "verbose": "history_, converged_ and report_ tell how a fit went, and fit(X, progress=True) how it goes",
    "distributions": "one family serves all states, Model(2, Gaussian()); PerState([...]) has one for each of them",
    "edges": "it is transmat, given that a sequence goes on: edges[i] / (1 - ends[i])",
    "starts": "it is startprob",
    "ends": "it is endprob",
    "inertia": "partial_fit(X, step=...) averages statistics with those before",
    "k_regimes": "the number of states is n_states, Model(n_states)",
    "nbStates": "the number of states is n_states, Model(n_states)",
    "nstates": "the number of states is n_states, Model(n_states)",
    "ntimes": "the length of each sequence goes to fit, fit(X, lengths=...)",
    "data": "the model comes first, then the data, Model(2, Gaussian()).fit(data)",
    "seed": "it is random_state",
    "family": "what is observed is emission=, such as Model(2, Gaussian())",
    "distribution": "what is observed is emission=, such as Model(2, Gaussian())",
    "dist": "what is observed is emission=, such as Product(step=Gamma(), angle=VonMises())",
    "stepDist": "what is observed is emission=, such as Product(step=Gamma(), angle=VonMises())",
    "angleDist": "what is observed is emission=, such as Product(step=Gamma(), angle=VonMises())",
    "stepPar0": "no start values are needed; those given to the emission, Gamma(shapes, rates), are where EM starts",
    "anglePar0": "no start values are needed; those given to the emission, VonMises(means, ...), are where EM starts",
    "formula": COVARIATES,
    "covariates": COVARIATES,
    "exog": COVARIATES,
    "switching_variance": "each state has a variance of its own; Gaussian(covariance='tied') has one for all",
}
ATTRIBUTES = {
    "means_": "they are emission_.means, given as Gaussian(means, covariances)",
    "covars_": "they are emission_.covariances, given as Gaussian(means, covariances)",
    "emissionprob_": "they are emission_.probs, given as Categorical(probs)",
    "lambdas_": "they are emission_.rates, given as Poisson(rates)",
    "weights_": "they are emission_.weights, given as Mixture(Gaussian(...), n, weights)",
    "probs_": "they are emission_.probs",
    "monitor_": "see history_, n_iter_, converged_ and report_",
    "n_components": "it is n_states_",
    "n_iter": "the largest number of EM steps is max_iter, and n_iter_ is how many a fit took",
    "n_features": "it is emission_.n_features",
    "fit_predict": "it is fit(X).predict(X)",
    "plot": "pictures are functions, from chmm import plot: plot.states(model, x)",
    "get_stationary_distribution": "it is stationary_distribution()",
    "A": "it is transmat_",
    "B": "the parameters of what is observed are those of emission_, such as emission_.probs of a Categorical",
    "pi": "it is startprob_",
    "baum_welch": "it is fit(X)",
    "train": "it is fit(X)",
    "simulate": "it is sample(n_steps)",
    "generate": "it is sample(n_steps)",
    "log_likelihood": "it is score(X)",
    "filter": "it is predict_proba(X, lag=0)",
    "smooth": "it is predict_proba(X)",
    "predict_log_proba": "it is np.log(model.predict_proba(X))",
    "posterior": "it is predict_proba(X)",
    "stateProbs": "it is predict_proba(X)",
    "pseudoRes": "it is pseudo_residuals(X)",
    "logLik": "it is loglik_; of any data, score(X)",
    "AIC": "it is aic(X)",
    "BIC": "it is bic(X)",
    "CI": "summary(X) has confidence intervals",
    "confint": "summary(X) has confidence intervals",
    "coef": "they are startprob_, transmat_ and the parameters of emission_",
    "log_probability": "it is score_samples(X)",
    "summarize": "it is e_step(X), which gives statistics for m_step",
    "from_summaries": "it is m_step(statistics)",
    "llf": "it is loglik_",
    "bse": "summary(X) has standard errors",
    "smoothed_marginal_probabilities": "they are predict_proba(X)",
    "filtered_marginal_probabilities": "they are predict_proba(X, lag=0)",
    "predicted_marginal_probabilities": "they are predict_proba(X, lag=-1)",
}
ELSEWHERE = ARGUMENTS | ATTRIBUTES
CLASSES = {
    "GaussianHMM": "Model(n_states, Gaussian())",
    "GMMHMM": "Model(n_states, Mixture(Gaussian(), n))",
    "CategoricalHMM": "Model(n_states), or Model(n_states, Categorical())",
    "MultinomialHMM": "Model(n_states, Multinomial()) for counts out of a total, Model(n_states) for symbols",
    "PoissonHMM": "Model(n_states, Poisson())",
    "VariationalGaussianHMM": "Model(n_states, Gaussian(prior=...))",
    "VariationalCategoricalHMM": "Model(n_states, pseudocount=...)",
    "DenseHMM": "Model(n_states, emission)",
    "SparseHMM": "Model(n_states, emission, transmat=...), whose zeros stay",
    "HiddenMarkovModel": "Model(n_states, emission)",
    "HMM": "Model(n_states, emission)",
    "MarkovRegression": "Model(n_states, Gaussian(), startprob='stationary'), without regressors",
    "MarkovAutoregression": "Model(n_states, Gaussian(), startprob='stationary'): values depend on their state alone",
    "Normal": "Gaussian()",
}


class Elsewhere:
    """A name used by other libraries; its AttributeError gives ours."""

    def __init__(self, name, hint):
        self.name, self.hint = name, hint

    def __get__(self, model, owner=None):
        raise AttributeError(f"{owner.__name__} has no {self.name}: {self.hint}")


def told_elsewhere(model_class):
    """The class, with hints for attributes of other libraries."""
    for name, hint in ELSEWHERE.items():
        setattr(model_class, name, Elsewhere(name, hint))
    return model_class


def hinted(constructor: Callable[P, None]) -> Callable[P, None]:
    """The constructor, with an error that helps for an argument that it does not have."""
    _, *parameters = inspect.signature(constructor).parameters.values()
    taken = None if any(p.kind is p.VAR_KEYWORD for p in parameters) else [p.name for p in parameters]

    @wraps(constructor)
    def entered(*args, **options):
        if taken is not None:
            refuse_arguments(type(args[0]), options, taken)
        constructor(*args, **options)

    return entered


def refuse_class(module: str, name: str) -> NoReturn:
    """The error of a module without this name. Of a class of another library it is an ImportError, because that of
    `from chmm import GaussianHMM` would not tell what an AttributeError says."""
    if name in CLASSES:
        raise ImportError(f"{module} has no {name}: here it is {CLASSES[name]}; see docs/moving.md", name=module)
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


def refuse_arguments(made: type, given: Iterable[str], taken: Collection[str]) -> None:
    """TypeError for an argument that is not among those taken."""
    for name in given:
        if name not in taken:
            hint = ARGUMENTS.get(name) or f"it has {', '.join(taken)}"
            raise TypeError(f"{made.__name__} has no argument {name!r}: {hint}")
