"""Class Model: parameters, learning, and the questions people ask. Thin: the rooms it calls do the work."""

import copy
import inspect

import numpy as np

from . import checks, inference, saving, sequences, storage, training
from .chain import generator, path_log_probability, sample_paths, state_path, stationary_distribution
from .emissions import Emission, choose
from .exceptions import NotFittedError, not_fitted
from .log_space import compensated_sum
from .parameters import Parameters, column_names, impossible_error
from .results import Backward, Decoding, Forward, Posteriors, Sample
from .symbols import shown


class Model:
    """A hidden Markov model lambda = (A, B, pi): learns from sequences with or without labels, and answers questions.

    Parameters
    ----------
    n_states : number of hidden states; None: as many as names, labels or given parameters say.
    emission : what is observed in a state: an `Emission` such as Gaussian() or Product(step=Gamma(), angle=VonMises()),
        the name of one, or "auto": symbols (str, bool, integers with at most 64 distinct values) are `Categorical`,
        floats `Gaussian`; other data must be named.
    states : names of the states (str, int or bool), in the order of every axis; None: the labels, sorted, or 0 ... N-1.
    startprob : (n_states,), transmat : (n_states, n_states), given parameters. Where EM starts; a 0 is structural and
        stays 0, without a pseudocount. With both and a complete emission the model needs no fit.
    final_states : the states in which a sequence must end; None: any.
    pseudocount : added to the counts of startprob, transmat and (if it has none of its own) emission, always.
        It is a prior: EM maximises log P + sum pseudocount * log(parameter).
    n_init : number of starts for EM; the better half of them is followed for longer, the best one to the end.
    max_iter : at most so many EM steps. tol : EM stops when a step gains at most tol per observed step.
    random_state : seed of the start values (int, Generator or None). n_jobs : threads, -1 for all cores; they
        share out the sequences, and fit the two ends of one long sequence if there are more than 16 states.

    After `fit`, or with complete parameters: startprob_, transmat_, emission_, states_, n_states_; after `fit` also
    statistics_ (counts of the last E-step, or of the labels), history_ (objective at the parameters each step started
    from), n_iter_, converged_, report_. Learnt arrays are read-only.

    Labelled sequences are counted:

    >>> from chmm import Categorical, Model
    >>> tagger = Model(pseudocount=0.1).fit(["今天天气真不错", "浦东新区在下雨"], ["BEBESBE", "BMMESBE"])
    >>> "".join(tagger.decode("今天在下雨").path)
    'BESBE'

    Sequences without labels go through Baum-Welch:

    >>> weather = Model(2, random_state=0).fit([["walk", "shop", "clean"], ["clean", "clean", "shop"]])
    >>> weather.converged_
    True

    A model with known parameters answers at once:

    >>> balls = Model(startprob=[0.2, 0.4, 0.4], transmat=[[0.5, 0.2, 0.3], [0.3, 0.5, 0.2], [0.2, 0.3, 0.5]],
    ...               emission=Categorical([[0.5, 0.5], [0.4, 0.6], [0.7, 0.3]], symbols=["red", "white"]))
    >>> round(balls.score([["red", "white", "red"]]), 6)
    -2.038545
    """

    def __init__(
        self,
        n_states=None,
        emission="auto",
        *,
        states=None,
        startprob=None,
        transmat=None,
        final_states=None,
        pseudocount=0.0,
        n_init="auto",
        max_iter=2000,
        tol=1e-3,
        accelerate=True,
        random_state=None,
        n_jobs=1,
    ):
        self.n_states = n_states
        self.emission = emission
        self.states = states
        self.startprob = startprob
        self.transmat = transmat
        self.final_states = final_states
        self.pseudocount = pseudocount
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.accelerate = accelerate
        self.random_state = random_state
        self.n_jobs = n_jobs

    # Learning --------------------------------------------------------------------------------------------------------

    def fit(self, X, y=None, *, lengths=None, sample_weight=None):
        """Learn the parameters: by counting if the states `y` are given, else by Baum-Welch. Starts afresh each time.

        X : list of sequences, or one sequence; with `lengths`, one array that holds them one after the other.
        y : labels in the same form, one for each step, all known. sample_weight : (n_sequences,), how often each
        sequence counts; a floor, which is a prior, takes the variance of X without weights.

        Counting: transmat_[i, j] = transitions from i to j / transitions from i, and so on; one pass.
        Baum-Welch: each step raises log P + log prior (never lowers it); cost of a step: 6 n_states^2 flops per
        observation. A state without evidence keeps its row. Where nothing was given, start values are random.
        Memory: two rows of n_states doubles for each distinct value (each step, where values are measurements), and for
        each thread one for each step of the longest sequence (two above 64 states), or about 2 sqrt(n_steps) where that
        would take more than 1 GiB (8 MiB with 17 to 64 states).

        ValueError if the data are impossible under the given start, or the arguments do not fit together; the model is
        then as it was. ConvergenceWarning if `max_iter` ends it. Returns the model.
        """
        options = checks.options(self)
        data = sequences.many(X, lengths)
        if not data.n_steps:
            raise ValueError("X holds no steps to learn from")
        checks.refuse_texts_as_words(X, data)
        emission = copy.deepcopy(choose(self.emission, data))
        checks.frozen_given(emission)
        labels = None if y is None else sequences.labels(y, data, lengths)
        states = checks.states(self, emission, labels)
        path = None if labels is None else state_path(labels, states, "y")
        startprob, transmat = checks.given_chain(self, len(states))
        allowed = checks.allowed_ends(self, states)
        emission.prepare(emission.survey(data), len(states), options.pseudocount)
        observed = emission.check(data)
        weight = checks.sequence_weights(sample_weight, data)
        task = training.Task(
            observed, data.bounds, weight, len(states), startprob, transmat, allowed, options.pseudocount, self.n_jobs
        )
        if path is not None:
            checks.agreeing_labels(path, data, states, startprob, transmat, allowed)
            learnt = training.count(task, emission, path, options.rng)
        else:
            try:
                learnt = training.baum_welch(task, emission, options)
            except training.Impossible as place:
                raise impossible_error(data, emission, int(data.bounds[place.sequence]) + place.step) from None
        self._keep(
            learnt, states, training.report(task, learnt, states), allowed, self.states is not None,
            column_names(data),
        )  # fmt: skip
        return self

    def _keep(self, learnt, states, report, allowed, named, columns=None):
        parameters = Parameters.make(
            learnt.startprob, learnt.transmat, learnt.emission, states, allowed, named, columns
        )
        learnt.history.flags.writeable = False
        self.__dict__.update(_parameters=parameters, _learnt=learnt, _report=report)

    # Questions about many sequences ----------------------------------------------------------------------------------

    def score(self, X, y=None, *, lengths=None):
        """log P(O), summed over the sequences; with labels, log P(O, Q). -inf if the data are impossible.

        Cost: n_states^2 multiply-adds per step. Memory: one row of alpha.

        >>> from chmm import Categorical, Model
        >>> coin = Model(startprob=[1.0], transmat=[[1.0]], emission=Categorical([[0.5, 0.5]]))
        >>> round(float(np.exp(coin.score([[0, 1], [1]]))), 12)
        0.125
        """
        parameters = self._ready()
        data = sequences.many(X, lengths)
        problem = parameters.problem(data)
        if y is None:
            return compensated_sum(inference.log_likelihood(problem, self.n_jobs).loglik)
        path = state_path(sequences.labels(y, data, lengths), parameters.states, "y")
        seen = problem.rows.logs[problem.index, path].sum()
        return float(seen + path_log_probability(parameters.startprob, parameters.transmat, path, data.bounds))

    def predict(self, X, *, lengths=None):
        """The most probable path of each sequence (Viterbi); `decode` tells its probability too.

        A list of sequences gives a list of paths, one sequence one path, `lengths` one path for all steps. Memory
        beside that, for each thread: 1 byte for each step of the longest sequence up to 4 states, 1 a state up to 16,
        8 a state above, or about 2 sqrt(n_steps) rows of n_states doubles where that would take more than 1 GiB.
        """
        parameters = self._ready()
        data = sequences.many(X, lengths)
        problem = parameters.problem(data)
        path, outcome = inference.viterbi(problem, self.n_jobs)
        parameters.require_possible(outcome, data)
        return data.split(parameters.named(path))

    def predict_proba(self, X, *, lengths=None):
        """gamma[t, i] = P(q_t = i | O) for each sequence; it looks at the whole sequence, later steps too.

        Cost: twice that of `score`. Memory: the tables that come back.
        """
        parameters = self._ready()
        data = sequences.many(X, lengths)
        problem = parameters.problem(data)
        gamma, outcome = inference.posteriors(problem, self.n_jobs)
        parameters.require_possible(outcome, data)
        return data.split(gamma)

    # Questions about one sequence ------------------------------------------------------------------------------------

    def decode(self, x):
        """The most probable path of one sequence (Viterbi), and its log P(O, path). Ties take the lowest state.

        ValueError if the sequence is impossible. Cost: n_states^2 additions and comparisons per step. Memory: see
        `predict`.

        >>> from chmm import Categorical, Model
        >>> fever = Model(states=["healthy", "fever"], startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]],
        ...               emission=Categorical([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]], symbols=["normal", "cold", "dizzy"]))
        >>> path, log_prob = fever.decode(["normal", "cold", "dizzy"])
        >>> path.tolist(), round(float(np.exp(log_prob)), 5)
        (['healthy', 'healthy', 'fever'], 0.01512)
        """
        parameters = self._ready()
        data = sequences.one(x)
        problem = parameters.problem(data)
        path, outcome = inference.viterbi(problem)
        parameters.require_possible(outcome, data)
        return Decoding(parameters.named(path), float(outcome.loglik[0]))

    def forward(self, x, *, scaled=True):
        """Forward variables of one sequence: `Forward(alpha, log_scale, loglik)`.

        alpha[1, i] = startprob[i] b_i(o_1);  alpha[t+1, j] = (sum_i alpha[t, i] transmat[i, j]) b_j(o_t+1)

        Scaled (Bishop, PRML 13.2.4), rows of alpha sum to 1: the filter P(q_t | o_1 ... o_t), which does not look into
        the future. `scaled=False` gives the textbook's alpha, or a ValueError where it would underflow.
        """
        parameters = self._ready()
        data = sequences.one(x)
        problem = parameters.problem(data)
        alpha, log_scale, outcome = inference.forward(problem)
        parameters.require_possible(outcome, data)
        if not scaled:
            alpha = _unscaled(alpha, np.cumsum(log_scale), "alpha")
        return Forward(alpha, log_scale, float(outcome.loglik[0]))

    def backward(self, x, *, scaled=True):
        """Backward variables of one sequence: `Backward(beta, log_scale, loglik)`.

        beta[T, i] = 1;  beta[t, i] = sum_j transmat[i, j] b_j(o_t+1) beta[t+1, j]

        Scaled so that alpha * beta = gamma. `scaled=False` gives the textbook's beta, or a ValueError where it would
        underflow. `final_states` act like part of the last observation: alpha[T] is 0 outside them, beta[T] is 1.
        """
        parameters = self._ready()
        data = sequences.one(x)
        problem = parameters.problem(data)
        beta, log_scale, outcome = inference.backward(problem)
        parameters.require_possible(outcome, data)
        if not scaled:
            following = np.append(np.cumsum(log_scale[:0:-1])[::-1], 0.0) if len(log_scale) else log_scale
            beta = _unscaled(beta, following, "beta")
        return Backward(beta, log_scale, float(outcome.loglik[0]))

    def posteriors(self, x, *, pairs=False):
        """Probability of each state, and of each pair, given the whole sequence: `Posteriors(gamma, xi, loglik)`.

        gamma[t, i] = alpha[t, i] beta[t, i] / P(O)
        xi[t, i, j] = alpha[t, i] transmat[i, j] b_j(o_t+1) beta[t+1, j] / P(O), with `pairs=True`

        ValueError if P(O) = 0. Memory: n_steps * n_states, with pairs n_steps * n_states^2.
        """
        parameters = self._ready()
        data = sequences.one(x)
        problem = parameters.problem(data)
        xi = None
        if pairs:
            gamma, xi, outcome = inference.pair_posteriors(problem)
        else:
            gamma, outcome = inference.posteriors(problem)
        parameters.require_possible(outcome, data)
        return Posteriors(gamma, xi, float(outcome.loglik[0]))

    # Questions about the model ---------------------------------------------------------------------------------------

    def sample(self, n_steps, n_sequences=None, *, random_state=None):
        """Draw observations and their states: `Sample(X, states)`; lists of them if `n_sequences` is given.

        A model of text gives str, else arrays. With `final_states`, paths are drawn given that they end there.
        """
        parameters = self._ready()
        rng = generator(random_state)
        paths = sample_paths(parameters.startprob, parameters.transmat, n_steps, n_sequences, parameters.allowed, rng)
        with np.errstate(all="ignore"):
            values = parameters.emission.sample(paths.reshape(-1), rng) if paths.size else np.empty(0)
        if getattr(values, "dtype", None) == np.float64 and not np.isfinite(values).all():
            t = int(np.argwhere(~np.isfinite(values))[0][0])
            raise ValueError(
                f"a value drawn in state {shown(parameters.states.names[paths.reshape(-1)[t]])} is beyond all numbers: "
                f"{values[t]}; look at the emission's parameters"
            )
        X = [values[i * paths.shape[1] : (i + 1) * paths.shape[1]] for i in range(len(paths))]
        if parameters.emission.kind == "text":
            X = ["".join(x) for x in X]
        states = [parameters.named(path.astype(np.intp)) for path in paths]
        return Sample(X[0], states[0]) if n_sequences is None else Sample(X, states)

    def stationary_distribution(self):
        """The distribution p of states that the chain keeps, p = p transmat_. ValueError if there are several."""
        return stationary_distribution(self._ready().transmat)

    def save(self, path):
        """Write the model to one file: its arguments and what was learnt, as an npz with JSON metadata, no pickle.

        The statistics of the fit are not kept, nor a random_state that is no int. `Model.load` reads the file.
        """
        parameters = self._ready()
        storage.write(path, *saving.pack(self, parameters, self.__dict__.get("_learnt"), self.__dict__.get("_report")))

    @classmethod
    def load(cls, path, *, emissions=()):
        """A model that `save` wrote, bit by bit. `emissions`: your own Emission classes, if it uses one.

        ValueError if the file is damaged, or holds no model; OSError if it cannot be read.
        """
        if not isinstance(emissions, list | tuple) or not all(isinstance(family, type) for family in emissions):
            raise TypeError(f"emissions = {emissions!r} must be a list of classes, such as [Rice]")
        metadata, arrays = storage.read(path)
        try:
            model, learnt = saving.unpack(cls, metadata, arrays, emissions)
            if learnt is not None:
                model._keep(*learnt)
            model._ready()
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise ValueError(f"{path} does not hold a whole model: {error}") from error
        return model

    # Parameters ------------------------------------------------------------------------------------------------------

    startprob_ = property(lambda self: self._ready().startprob, doc="(n_states,), P(q_1 = i).")
    transmat_ = property(lambda self: self._ready().transmat, doc="(n_states, n_states), P(q_t+1 = j | q_t = i).")
    emission_ = property(lambda self: self._ready().emission, doc="The emission with its parameters.")
    n_states_ = property(lambda self: len(self._ready().states), doc="Number of states.")
    history_ = property(lambda self: self._fitted().history, doc="(k,), the objective EM step k started from.")
    n_features_in_ = property(lambda self: self._ready().emission.n_features or 1, doc="Columns of a step.")
    n_iter_ = property(lambda self: self._fitted().n_iter, doc="Number of EM steps.")
    converged_ = property(lambda self: self._fitted().converged, doc="Whether the tolerance was met.")

    @property
    def states_(self):
        """Names of the states, in the order of every axis."""
        known = self._ready()
        return np.arange(len(known.states)) if known.labels is None else known.labels

    @property
    def statistics_(self):
        """`Statistics`: the counts of the labels, or the expected counts of the last E-step."""
        statistics = self._fitted().statistics
        if statistics is None:
            raise not_fitted("this model was loaded, and files do not keep statistics; fit it to have them")
        return statistics

    @property
    def feature_names_in_(self):
        """Names of the columns, where it was fitted to a frame with names that are texts."""
        columns = self._ready().columns
        if columns is None:
            raise AttributeError("Model has no feature_names_in_: it was not fitted to a frame with names for columns")
        return np.array(columns, dtype=object)

    @property
    def report_(self):
        """What the fit met: a dict with missing steps, unknown symbols, states without evidence, structural zeros."""
        self._fitted()
        return dict(self.__dict__.get("_report", {}))

    def __sklearn_tags__(self):
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            input_tags=InputTags(string=True, allow_nan=True),
        )

    def __sklearn_is_fitted__(self):
        try:
            return self._ready() is not None
        except NotFittedError:
            return False

    def get_params(self, deep=True):
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in _ARGUMENTS}

    def set_params(self, **params):
        """Change constructor arguments; what was learnt stays until the next fit."""
        for name in params:
            if name.startswith("emission__"):
                raise ValueError(
                    f"Model has no parameter {name!r}: give a whole emission, such as emission=Gaussian(floor=0)"
                )
            if name not in _ARGUMENTS:
                raise ValueError(f"Model has no parameter {name!r}; it has {', '.join(_ARGUMENTS)}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __setattr__(self, name, value):
        if name.endswith("_") and not name.startswith("_"):
            raise AttributeError(
                f"{name} is learnt and cannot be assigned; to change parameters make a model with them: "
                "Model(emission=m.emission_, startprob=m.startprob_, transmat=..., states=m.states_)"
            )
        if type(self) is Model and name not in _ARGUMENTS and not name.startswith("_"):
            raise AttributeError(f"Model has no argument {name!r} to set; it has {', '.join(_ARGUMENTS)}")
        object.__setattr__(self, name, value)
        if "_learnt" not in self.__dict__:
            self.__dict__.pop("_parameters", None)  # it came from the arguments

    def __getattr__(self, name):
        if isinstance(getattr(type(self), name, None), property):
            return getattr(type(self), name).fget(self)  # its NotFittedError is an AttributeError, which led here
        if name.endswith("_") and not name.startswith("_"):
            raise AttributeError(
                f"Model has no {name}; parameters of the observations are in emission_, for example emission_.probs"
            )
        raise AttributeError(f"Model has no attribute {name!r}")

    def _fitted(self):
        learnt = self.__dict__.get("_learnt")
        if learnt is None:
            raise not_fitted("this Model has not been fitted: call fit(X) or fit(X, y)")
        return learnt

    # `_parameters` is what every question reads. `fit` and `load` put it there, with `_learnt`. A model that is given
    # all parameters makes it when first asked, and forgets it when an argument changes (`__setattr__`).

    def _ready(self):
        """The parameters: learnt, or all given."""
        parameters = self.__dict__.get("_parameters")
        if parameters is not None:
            return parameters
        emission = self.emission
        complete = isinstance(emission, Emission) and emission.complete
        if self.startprob is None or self.transmat is None or not complete:
            raise not_fitted(
                "this Model has no parameters yet: call fit(X) or fit(X, y), or give startprob, transmat and an "
                "emission with its parameters, such as Categorical(probs)"
            )
        checks.options(self)
        states = checks.states(self, emission)
        startprob, transmat = checks.given_chain(self, len(states))
        allowed = checks.allowed_ends(self, states)
        parameters = Parameters.make(startprob, transmat, emission, states, allowed, self.states is not None)
        self.__dict__["_parameters"] = parameters
        return parameters

    def __repr__(self):
        parameters = self.__dict__.get("_parameters")
        if parameters is None:
            default = inspect.signature(type(self)).parameters
            arguments_ = [f"{k}={v!r}" for k, v in self.get_params().items() if v is not default[k].default]
            return f"Model({', '.join(arguments_)})"
        lines = [f"Model({len(parameters.states)} states: {parameters.states.preview()}; {parameters.emission!r})"]
        lines += parameters.rows_of_text()
        learnt = self.__dict__.get("_learnt")
        if learnt is None:
            lines.append("  with given parameters")
        elif not len(learnt.history):
            lines.append("  counted from labelled sequences")
        else:
            how = "converged" if learnt.converged else "NOT converged"
            lines.append(f"  {how} after {learnt.n_iter} EM steps, objective {learnt.history[-1]:.6g}")
        return "\n".join(lines)


_ARGUMENTS = tuple(inspect.signature(Model).parameters)


def _unscaled(table, log_factor, name):
    with np.errstate(under="ignore"):
        result = table * np.exp(log_factor)[:, None]
    small = (result < np.finfo(float).tiny) & (table > 0)
    if small.any():
        t, i = np.argwhere(small)[0].tolist()
        raise ValueError(f"{name}[{t}, {i}] is below 1e-308 without scaling; use scaled=True, which holds any length")
    return result
