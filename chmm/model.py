"""Class Model: parameters, learning, and the questions people ask. Thin: the rooms it calls do the work."""

import copy
import inspect
from typing import NamedTuple

import numpy as np

from . import inference, sequences, storage, training
from .chain import (
    check_count,
    generator,
    path_log_probability,
    refuse_floats,
    sample_paths,
    state_path,
    stationary_distribution,
)
from .emissions import Categorical, Emission
from .exceptions import NotFittedError
from .statistics import check_probabilities, check_pseudocount
from .symbols import Symbols, shown

MAX_STATES = 2**20
MAX_SYMBOLS = 64  # integers with more distinct values are not guessed to be symbols


class Forward(NamedTuple):
    """Forward variables of one sequence.

    alpha : (n_steps, n_states). Scaled: alpha[t, i] = P(q_t = i | o_1 ... o_t), the filter; rows sum to 1.
        Unscaled: alpha[t, i] = P(o_1 ... o_t, q_t = i).
    log_scale : (n_steps,), log P(o_t | o_1 ... o_t-1); its sum is loglik.
    loglik : float, log P(O).
    """

    alpha: np.ndarray
    log_scale: np.ndarray
    loglik: float


class Backward(NamedTuple):
    """Backward variables of one sequence.

    beta : (n_steps, n_states). Scaled: beta[t, i] = P(o_t+1 ... o_T | q_t = i) / P(o_t+1 ... o_T | o_1 ... o_t), so that
        alpha * beta = gamma. Unscaled: beta[t, i] = P(o_t+1 ... o_T | q_t = i).
    log_scale : (n_steps,), log P(o_t | o_1 ... o_t-1).
    loglik : float, log P(O).
    """

    beta: np.ndarray
    log_scale: np.ndarray
    loglik: float


class Posteriors(NamedTuple):
    """Posterior probabilities of one sequence.

    gamma : (n_steps, n_states), gamma[t, i] = P(q_t = i | O). Rows sum to 1.
    xi : (n_steps - 1, n_states, n_states) or None, xi[t, i, j] = P(q_t = i, q_t+1 = j | O).
    loglik : float, log P(O).
    """

    gamma: np.ndarray
    xi: np.ndarray | None
    loglik: float


class Decoding(NamedTuple):
    """The most probable path of one sequence.

    path : (n_steps,), the states themselves: names, or 0 ... n_states - 1.
    log_prob : float, log P(O, path).
    """

    path: np.ndarray
    log_prob: float


class Sample(NamedTuple):
    """Observations drawn from the model, and the states they came from; one sequence, or lists of sequences."""

    X: object
    states: object


class _Known(NamedTuple):
    """Parameters ready for questions. Immutable: a fit swaps it whole, so threads that ask see one model."""

    startprob: np.ndarray
    transmat: np.ndarray
    emission: Emission
    states: Symbols
    labels: np.ndarray | None  # names of states; None where they are 0 ... N-1
    allowed: np.ndarray | None
    chain: inference.Chain
    rows: inference.Rows | None  # of all symbols, where the family has a finite alphabet


class Model:
    """A hidden Markov model lambda = (A, B, pi): learns from sequences with or without labels, and answers questions.

    Parameters
    ----------
    n_states : number of hidden states; None: as many as names, labels or given parameters say.
    emission : what is observed in a state: an `Emission`, or "auto", which takes symbols (str, bool, integers with at
        most 64 distinct values) as `Categorical`.
    states : names of the states (str, int or bool), in the order of every axis; None: the labels, sorted, or 0 ... N-1.
    startprob : (n_states,), transmat : (n_states, n_states), given parameters. Where EM starts; a 0 is structural and
        stays 0, without a pseudocount. With both and a complete emission the model needs no fit.
    final_states : the states in which a sequence must end; None: any.
    pseudocount : added to the counts of startprob, transmat and (unless it has its own) emission, in counting and in EM.
        It is a prior: EM maximises log P + sum pseudocount * log(parameter).
    n_init : number of starts for EM; the best one after a few steps is followed to the end.
    max_iter : at most so many EM steps. tol : EM stops when a step gains at most tol per observed step.
    random_state : seed of the start values (int, Generator or None). n_jobs : threads, -1 for all cores.

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
        n_init=1,
        max_iter=300,
        tol=1e-6,
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
        self.random_state = random_state
        self.n_jobs = n_jobs

    # Learning --------------------------------------------------------------------------------------------------------

    def fit(self, X, y=None, *, lengths=None, sample_weight=None):
        """Learn the parameters: by counting if the states `y` are given, else by Baum-Welch. Starts afresh each time.

        X : list of sequences, or one sequence; with `lengths`, one array that holds them one after the other.
        y : labels in the same form, one for each step. sample_weight : (n_sequences,), how often each sequence counts.

        Counting: transmat_[i, j] = transitions from i to j / transitions from i, and so on; one pass.
        Baum-Welch: each step raises log P + log prior (never lowers it); cost of a step: 6 n_states^2 flops per
        observation. A state without evidence keeps its row. Where nothing was given, start values are random.

        ValueError if the data are impossible under the given start, or the arguments do not fit together; the model is
        then as it was. ConvergenceWarning if `max_iter` ends it. Returns the model.
        """
        options = self._options()
        data = sequences.many(X, lengths)
        if not data.n_steps:
            raise ValueError("X holds no steps to learn from")
        _refuse_texts_as_words(X, data)
        emission = copy.deepcopy(_chosen(self.emission, data))
        labels = None if y is None else sequences.labels(y, data, lengths)
        states = self._states(emission, labels)
        n = len(states)
        path = None if labels is None else state_path(labels, states, "y")
        emission.prepare(data, n, options["pseudocount"])
        observed = emission.check(data)
        task = training.Task(
            observed,
            data.bounds,
            _check_weight(sample_weight, data),
            n,
            self._given("startprob", (n,)),
            self._given("transmat", (n, n)),
            self._allowed(states),
            options["pseudocount"],
            options["n_jobs"],
        )
        if path is not None:
            self._check_path(task, emission, path, data, states)
            learnt = training.count(task, emission, path)
        else:
            learnt = self._baum_welch(task, emission, data, options)
        self._publish(learnt, states, data, observed)
        return self

    def _baum_welch(self, task, emission, data, options):
        try:
            return training.baum_welch(
                task,
                emission,
                n_init=options["n_init"],
                max_iter=options["max_iter"],
                tol=options["tol"],
                rng=generator(self.random_state),
                random_start=emission.n_states is None,
            )
        except training.Impossible as place:
            raise self._impossible(data, task.observed, emission, place.sequence, place.step) from None

    def _check_path(self, task, emission, path, data, states):
        """Labels must not contradict structural zeros and final states."""
        last = task.bounds[1:][np.diff(task.bounds) > 0] - 1
        if task.allowed is not None and not task.allowed[path[last]].all():
            t = int(last[~task.allowed[path[last]]][0])
            raise ValueError(f"y, {data.where(t)}: the sequence ends in {states.names[path[t]]!r}, not in final_states")
        first = task.bounds[:-1][np.diff(task.bounds) > 0]
        inside = np.ones(len(path), dtype=bool)
        inside[first] = False
        inside = np.flatnonzero(inside)
        for name, given, where, at in (
            ("startprob", task.startprob, first, (path[first],)),
            ("transmat", task.transmat, inside, (path[inside - 1], path[inside])),
        ):
            if given is not None and not (given[at] > 0).all():
                k = int(np.flatnonzero(given[at] == 0)[0])
                names = " -> ".join(repr(states.names[i[k]]) for i in at)
                raise ValueError(f"y, {data.where(int(where[k]))}: {names} has a given probability of 0 in {name}")

    def _publish(self, learnt, states, data, observed):
        report = {
            "n_sequences": learnt.statistics.n_sequences,
            "n_steps": learnt.statistics.n_steps,
            "missing": int((observed.index == len(observed.distinct)).sum()),
            "states_without_evidence": [
                name for name, mass in zip(states.names, _visits(learnt.statistics), strict=True) if not mass > 0
            ],
            "structural_zeros": sum(int((a == 0).sum()) for a in (self._given_raw("startprob"), self._given_raw("transmat"))),
        }
        if isinstance(learnt.emission, Categorical) and learnt.emission.unknown == "missing":
            report["unknown"] = learnt.emission.unknown_counts(data)
        self._keep(learnt, states, report)

    def _keep(self, learnt, states, report):
        known = _make_known(learnt.startprob, learnt.transmat, learnt.emission, states, self.states, self._allowed(states))
        learnt.history.flags.writeable = False
        self.__dict__.update(_known=known, _learnt=learnt, _report=report)

    # Questions about many sequences ----------------------------------------------------------------------------------

    def score(self, X, y=None, *, lengths=None):
        """log P(O), summed over the sequences; with labels, log P(O, Q). -inf if the data are impossible.

        Cost: n_states^2 multiply-adds per step. Memory: one row of alpha.

        >>> from chmm import Categorical, Model
        >>> coin = Model(startprob=[1.0], transmat=[[1.0]], emission=Categorical([[0.5, 0.5]]))
        >>> round(float(np.exp(coin.score([[0, 1], [1]]))), 12)
        0.125
        """
        known = self._ready()
        data = sequences.many(X, lengths)
        problem = self._problem(known, data)
        if y is None:
            return inference.compensated_sum(inference.log_likelihood(problem, self.n_jobs).loglik)
        path = state_path(sequences.labels(y, data, lengths), known.states, "y")
        seen = problem.rows.log_rows[problem.index, path].sum()
        return float(seen + path_log_probability(known.startprob, known.transmat, path, data.bounds))

    def predict(self, X, *, lengths=None):
        """The most probable path of each sequence (Viterbi); `decode` tells its probability too.

        A list of sequences gives a list of paths, one sequence one path, `lengths` one path for all steps.
        """
        known = self._ready()
        data = sequences.many(X, lengths)
        problem = self._problem(known, data)
        path, outcome = inference.viterbi(problem, self.n_jobs)
        self._refuse_impossible(outcome, data, problem, known)
        return data.split(_named(path, known))

    def predict_proba(self, X, *, lengths=None):
        """gamma[t, i] = P(q_t = i | O) for each sequence; it looks at the whole sequence, later steps too."""
        known = self._ready()
        data = sequences.many(X, lengths)
        problem = self._problem(known, data)
        gamma, outcome = inference.posteriors(problem, self.n_jobs)
        self._refuse_impossible(outcome, data, problem, known)
        return data.split(gamma)

    # Questions about one sequence ------------------------------------------------------------------------------------

    def decode(self, x):
        """The most probable path of one sequence (Viterbi), and its log P(O, path). Ties take the lowest state.

        ValueError if the sequence is impossible. Cost: n_states^2 additions and comparisons per step.

        >>> from chmm import Categorical, Model
        >>> fever = Model(states=["healthy", "fever"], startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]],
        ...               emission=Categorical([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]], symbols=["normal", "cold", "dizzy"]))
        >>> path, log_prob = fever.decode(["normal", "cold", "dizzy"])
        >>> path.tolist(), round(float(np.exp(log_prob)), 5)
        (['healthy', 'healthy', 'fever'], 0.01512)
        """
        known = self._ready()
        data = sequences.one(x)
        problem = self._problem(known, data)
        path, outcome = inference.viterbi(problem)
        self._refuse_impossible(outcome, data, problem, known)
        return Decoding(_named(path, known), float(outcome.loglik[0]))

    def forward(self, x, *, scaled=True):
        """Forward variables of one sequence: `Forward(alpha, log_scale, loglik)`.

        alpha[1, i] = startprob[i] b_i(o_1);  alpha[t+1, j] = (sum_i alpha[t, i] transmat[i, j]) b_j(o_t+1)

        Scaled (Bishop, PRML 13.2.4), rows of alpha sum to 1: the filter P(q_t | o_1 ... o_t), which does not look into
        the future. `scaled=False` gives the textbook's alpha, or a ValueError where it would underflow.
        """
        data, problem, known = self._one(x)
        alpha, log_scale, outcome = inference.forward(problem)
        self._refuse_impossible(outcome, data, problem, known)
        if not scaled:
            alpha = _unscaled(alpha, np.cumsum(log_scale), "alpha")
        return Forward(alpha, log_scale, float(outcome.loglik[0]))

    def backward(self, x, *, scaled=True):
        """Backward variables of one sequence: `Backward(beta, log_scale, loglik)`.

        beta[T, i] = 1;  beta[t, i] = sum_j transmat[i, j] b_j(o_t+1) beta[t+1, j]

        Scaled so that alpha * beta = gamma. `scaled=False` gives the textbook's beta, or a ValueError where it would
        underflow. `final_states` act like part of the last observation: alpha[T] is 0 outside them, beta[T] is 1.
        """
        data, problem, known = self._one(x)
        beta, log_scale, outcome = inference.backward(problem)
        self._refuse_impossible(outcome, data, problem, known)
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
        data, problem, known = self._one(x)
        xi = None
        if pairs:
            gamma, xi, outcome = inference.pair_posteriors(problem)
        else:
            gamma, outcome = inference.posteriors(problem)
        self._refuse_impossible(outcome, data, problem, known)
        return Posteriors(gamma, xi, float(outcome.loglik[0]))

    # Questions about the model ---------------------------------------------------------------------------------------

    def sample(self, n_steps, n_sequences=None, *, random_state=None):
        """Draw observations and their states: `Sample(X, states)`; lists of them if `n_sequences` is given.

        A model of text gives str, else arrays. With `final_states`, paths are drawn given that they end there.
        """
        known = self._ready()
        rng = generator(random_state)
        paths = sample_paths(known.startprob, known.transmat, n_steps, n_sequences, known.allowed, rng)
        values = known.emission.sample(paths.reshape(-1), rng) if paths.size else np.empty(0)
        X = [values[i * paths.shape[1] : (i + 1) * paths.shape[1]] for i in range(len(paths))]
        if known.emission.kind == "text":
            X = ["".join(x) for x in X]
        states = [_named(path, known) for path in paths]
        return Sample(X[0], states[0]) if n_sequences is None else Sample(X, states)

    def stationary_distribution(self):
        """The distribution p of states that the chain keeps, p = p transmat_. ValueError if there are several."""
        return stationary_distribution(self._ready().transmat)

    def save(self, path):
        """Write the model to one file, arguments and what was learnt: an npz with JSON metadata, no pickle.

        A random_state that is not an int is not kept. `Model.load` reads the file.
        """
        known = self._ready()
        metadata = {name: _plain(getattr(self, name)) for name in _ARGUMENTS if name not in ("startprob", "transmat")}
        arrays = {name: np.asarray(value) for name in ("startprob", "transmat") if (value := getattr(self, name)) is not None}
        arrays = {name: array.astype(np.float64) for name, array in arrays.items()}
        metadata["emission"] = "auto" if self.emission == "auto" else self.emission.saved("emission", arrays)
        learnt = self.__dict__.get("_learnt")
        metadata["learnt"] = None
        if learnt is not None:
            metadata["learnt"] = {
                "states": list(known.states.names),
                "emission": learnt.emission.saved("emission_", arrays),
                "n_iter": learnt.n_iter,
                "converged": bool(learnt.converged),
                "report": {key: value for key, value in self.report_.items() if key != "unknown"},
                "unknown": list(map(list, self.report_.get("unknown", {}).items())),
            }
            arrays.update(startprob_=learnt.startprob, transmat_=learnt.transmat, history_=learnt.history)
        storage.write(path, {"model": metadata}, arrays)

    @classmethod
    def load(cls, path, *, emissions=()):
        """A model that `save` wrote, bit by bit. `emissions`: your own Emission classes, if it uses one.

        ValueError if the file is damaged, or holds no model.
        """
        metadata, arrays = storage.read(path)
        families = {family.__name__: family for family in (Categorical, *emissions)}
        try:
            return cls._restored(metadata["model"], arrays, families)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise ValueError(f"{path} does not hold a whole model: {error}") from error

    @classmethod
    def _restored(cls, metadata, arrays, families):
        options = {name: metadata[name] for name in _ARGUMENTS if name not in ("startprob", "transmat")}
        options.update({name: arrays[name] for name in ("startprob", "transmat") if name in arrays})
        if options["emission"] != "auto":
            options["emission"] = Emission.loaded(options["emission"], "emission", arrays, families)
        model = cls(**options)
        model._options()
        saved = metadata["learnt"]
        if saved is None:
            model._ready()
            return model
        states = Symbols(saved["states"], argument="states")
        n = len(states)
        history = arrays["history_"]
        if history.ndim != 1:
            raise ValueError(f"history_ has shape {history.shape}")
        learnt = training.Learnt(
            check_probabilities(arrays["startprob_"], "startprob_", (n,)),
            check_probabilities(arrays["transmat_"], "transmat_", (n, n)),
            Emission.loaded(saved["emission"], "emission_", arrays, families),
            None,
            history,
            int(saved["n_iter"]),
            bool(saved["converged"]),
        )
        if learnt.emission.n_states != n:
            raise ValueError(f"the emission has {learnt.emission.n_states} states, the model {n}")
        report = dict(saved["report"])
        if saved["unknown"]:
            report["unknown"] = dict(saved["unknown"])
        model._keep(learnt, states, report)
        return model

    # Parameters ------------------------------------------------------------------------------------------------------

    startprob_ = property(lambda self: self._ready().startprob, doc="(n_states,), P(q_1 = i).")
    transmat_ = property(lambda self: self._ready().transmat, doc="(n_states, n_states), P(q_t+1 = j | q_t = i).")
    emission_ = property(lambda self: self._ready().emission, doc="The emission with its parameters.")
    n_states_ = property(lambda self: len(self._ready().states), doc="Number of states.")
    history_ = property(lambda self: self._fitted().history, doc="(k,), the objective EM step k started from.")
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
            raise NotFittedError("this model was loaded, and files do not keep statistics; fit it to have them")
        return statistics

    @property
    def report_(self):
        """What the fit met: a dict with missing steps, unknown symbols, states without evidence, structural zeros."""
        self._fitted()
        return dict(self.__dict__.get("_report", {}))

    def __sklearn_tags__(self):
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False), input_tags=InputTags(string=True))

    def get_params(self, deep=True):
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in _ARGUMENTS}

    def set_params(self, **params):
        """Change constructor arguments; what was learnt stays until the next fit."""
        for name in params:
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
        object.__setattr__(self, name, value)
        if "_learnt" not in self.__dict__:
            self.__dict__.pop("_known", None)  # it came from the arguments

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
            raise NotFittedError("this Model has not been fitted: call fit(X) or fit(X, y)")
        return learnt

    def _ready(self):
        known = self.__dict__.get("_known")
        if known is not None:
            return known
        emission = self.emission
        if self.startprob is None or self.transmat is None or not isinstance(emission, Emission) or emission.n_states is None:
            raise NotFittedError(
                "this Model has no parameters yet: call fit(X) or fit(X, y), or give startprob, transmat and an emission "
                "with its parameters, such as Categorical(probs)"
            )
        self._options()
        states = self._states(emission, None)
        n = len(states)
        known = _make_known(
            self._given("startprob", (n,)), self._given("transmat", (n, n)), emission, states, self.states, self._allowed(states)
        )
        self.__dict__["_known"] = known
        return known

    def _options(self):
        """The plain options, checked."""
        tol = self.tol
        if isinstance(tol, bool) or not isinstance(tol, int | float | np.number) or not tol >= 0:
            raise ValueError(f"tol = {tol!r} must be a number >= 0")
        n_jobs = check_count(self.n_jobs, "n_jobs", -1)
        if n_jobs == 0:
            raise ValueError("n_jobs = 0 must be a number of threads, or -1 for all cores")
        if self.n_states is not None:
            check_count(self.n_states, "n_states", 1)
        generator(self.random_state)
        return {
            "pseudocount": check_pseudocount(self.pseudocount),
            "n_init": check_count(self.n_init, "n_init", 1),
            "max_iter": check_count(self.max_iter, "max_iter", 1),
            "tol": float(tol),
            "n_jobs": n_jobs,
        }

    def _states(self, emission, labels):
        """The states, from whatever says how many there are; all that say so must agree."""
        said = {}
        if self.n_states is not None:
            said["n_states"] = check_count(self.n_states, "n_states", 1)
            if self.n_states > MAX_STATES:
                gigabytes = self.n_states**2 // 2**27
                raise MemoryError(f"n_states = {self.n_states}: transmat alone would take {gigabytes} GiB")
        names = None
        if self.states is not None:
            names = Symbols(self.states, argument="states")
            said["states"] = len(names)
        for name in ("startprob", "transmat"):
            if getattr(self, name) is not None:
                said[name] = len(np.atleast_1d(np.asarray(getattr(self, name), dtype=object)))
        if emission.n_states is not None:
            said["emission"] = emission.n_states
        if names is None and labels is not None:
            refuse_floats(labels, "y")
            names = Symbols.learn(labels)
            n = next(iter(said.values()), len(names))
            if labels.kind == "integers" and len(names) <= n and set(names.names) <= set(range(n)):
                names = Symbols(range(n))  # labels that are the states' own numbers, though some may not occur
            said["the labels in y"] = len(names)
        if not said:
            raise ValueError("n_states is not known: give Model(n_states), names of states, or labels y")
        if len(set(said.values())) > 1:
            raise ValueError("the number of states is not clear: " + ", ".join(f"{k} says {v}" for k, v in said.items()))
        return names if names is not None else Symbols(range(next(iter(said.values()))))

    def _allowed(self, states):
        if self.final_states is None:
            return None
        allowed = np.zeros(len(states), dtype=bool)
        for name in Symbols(self.final_states, argument="final_states").names:
            if name not in states.codes:
                raise ValueError(f"final_states holds {shown(name)}, which is not among the states ({states.preview()})")
            allowed[states.codes[name]] = True
        return allowed

    def _given(self, name, shape):
        value = getattr(self, name)
        return None if value is None else check_probabilities(value, name, shape)

    def _given_raw(self, name):
        value = getattr(self, name)
        return np.ones(1) if value is None else np.asarray(value, dtype=np.float64)

    def _one(self, x):
        known = self._ready()
        data = sequences.one(x)
        return data, self._problem(known, data), known

    @staticmethod
    def _problem(known, data):
        observed = known.emission.check(data)
        ends, index = None, observed.index
        if known.allowed is not None:
            ends, index = inference.last_rows(observed, data.bounds)
        rows = known.rows
        if rows is None:
            likelihood = known.emission.log_likelihood(observed.distinct)
            rows = inference.make_rows(likelihood, known.chain, known.allowed, ends)
        return inference.Problem(known.chain, rows, index, data.bounds)

    def _refuse_impossible(self, outcome, data, problem, known):
        if (outcome.step >= 0).any():
            s = int(np.flatnonzero(outcome.step >= 0)[0])
            observed = known.emission.check(data)
            raise self._impossible(data, observed, known.emission, s, int(outcome.step[s]))

    @staticmethod
    def _impossible(data, observed, emission, s, step):
        t = int(data.bounds[s]) + step
        row = observed.index[t]
        what = emission.describe(observed.distinct[row]) if row < len(observed.distinct) else "a missing value"
        return ValueError(
            f"{data.where(t)}: {what} has probability 0 in every state that can be reached there (and, at a last step, "
            "is final), so the sequence is impossible; a pseudocount keeps probabilities away from 0"
        )

    def __repr__(self):
        known = self.__dict__.get("_known")
        if known is None:
            default = inspect.signature(type(self)).parameters
            shown = [f"{k}={v!r}" for k, v in self.get_params().items() if v is not default[k].default]
            return f"Model({', '.join(shown)})"
        lines = [f"Model({len(known.states)} states: {known.states.preview()}; {known.emission!r})"]
        for i, name in enumerate(known.states.names[:8]):
            lines.append(f"  {name!r}: start {known.startprob[i]:.3g}, to {_top(known.transmat[i], known.states.names)}; {known.emission.top(i)}")
        if len(known.states) > 8:
            lines.append(f"  ... and {len(known.states) - 8} more")
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


def _make_known(startprob, transmat, emission, states, given_states, allowed):
    for array in (startprob, transmat):
        array.flags.writeable = False
    chain = inference.Chain(startprob, transmat)
    labels = None
    if given_states is not None or states.names != tuple(range(len(states))):
        labels = states.array
        labels.flags.writeable = False
    rows = None
    if getattr(emission, "n_symbols", None) is not None:
        n = emission.n_symbols
        rows = inference.make_rows(emission.log_likelihood(np.arange(n)), chain, allowed, np.arange(n + 1))
    return _Known(startprob, transmat, emission, states, labels, allowed, chain, rows)


def _named(path, known):
    return path.astype(np.intp) if known.labels is None else known.labels[path]


def _unscaled(table, log_factor, name):
    with np.errstate(under="ignore"):
        result = table * np.exp(log_factor)[:, None]
    small = (result < np.finfo(float).tiny) & (table > 0)
    if small.any():
        t, i = np.argwhere(small)[0].tolist()
        raise ValueError(f"{name}[{t}, {i}] is below 1e-308 without scaling; use scaled=True, which holds any length")
    return result


def _visits(statistics):
    counts = statistics.emission.get("counts")
    return statistics.start + statistics.trans.sum(axis=0) if counts is None else counts.sum(axis=1)


def _plain(value):
    """An argument as JSON takes it; what JSON cannot hold becomes None."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, tuple):
        value = list(value)
    return value if value is None or isinstance(value, str | int | float | list) else None


def _top(row, names, k=3):
    best = np.argsort(-row, kind="stable")[:k]
    return ", ".join(f"{names[j]!r} {row[j]:.3g}" for j in best if row[j] > 0)


def _check_weight(weight, data):
    if weight is None:
        return None
    try:
        array = np.array(weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"sample_weight must be an array of numbers, got {shown(weight)}") from error
    if array.shape != (data.n_sequences,):
        raise ValueError(f"sample_weight has shape {array.shape}; X has {data.n_sequences} sequences, one weight for each")
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        s = int(np.flatnonzero(bad)[0])
        raise ValueError(f"sample_weight[{s}] = {array[s]} must be a finite number >= 0")
    if not (array[np.diff(data.bounds) > 0] > 0).any():
        raise ValueError("sample_weight is 0 for every sequence with steps")
    return array


def _refuse_texts_as_words(X, data):
    if data.form == "one" and data.kind == "words" and isinstance(getattr(X, "__array__", None), object) and not isinstance(X, list | tuple):
        words = [w for w in data.values if isinstance(w, str)]
        if len(words) > 1 and len(set(words)) == len(words):
            raise ValueError(
                f"X is an array of {len(words)} strings, none of which recurs: as one sequence of words there is nothing "
                "to learn. If they are texts, pass list(X); if it is one sequence of words, pass it as a list"
            )


def _chosen(emission, data):
    """The emission to learn; "auto" by the kind of the data."""
    if isinstance(emission, Emission):
        return emission
    if not (isinstance(emission, str) and emission == "auto"):
        raise TypeError(f"emission must be an Emission such as Categorical(), or 'auto'; got {shown(emission)}")
    if data.kind in ("text", "words", "bools"):
        return Categorical()
    if data.kind == "integers":
        if np.ndim(data.values) == 2:
            return Categorical()  # which tells what to pass
        values = data.values if data.missing is None else data.values[~data.missing]
        n = len(np.unique(values))
        if n <= MAX_SYMBOLS:
            return Categorical()
        raise ValueError(
            f"X holds {n} distinct integers, too many to be taken for symbols unasked; "
            "say what they are: emission=Categorical() for symbols"
        )
    raise TypeError(
        f"X holds {data.kind}; say what they are: emission=Categorical() with integers or strings for symbols. "
        "Families for numbers come by subclassing Emission"
    )
