"""Class Model: parameters, learning, and the questions people ask. It is thin: other modules do the work."""

import copy
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import wraps
from operator import attrgetter, is_
from typing import Any, ParamSpec, Self, TypeVar

import numpy as np

from . import (
    checking,
    checks,
    choosing,
    durations,
    e_step,
    evaluation,
    files,
    forecasting,
    frames,
    gathering,
    hints,
    html,
    missing,
    ordering,
    passes,
    posterior_paths,
    questions,
    sampling,
    sequences,
    starts,
    stepwise,
    training,
    uncertainty,
)  # fmt: skip
from . import known as knowledge
from . import stream as streams
from .checkpoint import Checkpoint
from .display import Display
from .emissions import Emission, Survey
from .emissions.constructors import Frozen
from .evaluation import Assessment
from .exceptions import NotFittedError, not_fitted, quiet
from .fit import Fit
from .report import Progress, Report
from .results import Backward, Decoding, Forward, Posteriors, Sample, Viterbi
from .shards import Shards
from .stationary import stationary_distribution
from .statistics import Statistics
from .structure import check_topology, structure_of
from .symbols import shown

MADE_FROM = attrgetter(  # what given parameters are made from
    "startprob", "transmat", "emission", "states", "n_states", "topology", "final_states", "frozen", "pseudocount",
    "endprob",
)  # fmt: skip
P = ParamSpec("P")
R = TypeVar("R")


def named(method: Callable[P, R]) -> Callable[P, R]:
    """The method, with an error that helps if options are not given by name, or by a name from another library."""
    code = inspect.unwrap(method).__code__
    names, most = code.co_varnames[: code.co_argcount], code.co_argcount
    every = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @wraps(method)
    def entered(*args, **options):
        if len(args) > most:
            called = f"{method.__name__}({', '.join(names[1:])}, lengths=...)"
            raise TypeError(
                f"{method.__name__} takes {len(names) - 1} positional arguments, {len(args) - 1} were given: options "
                f"are given by name, as in {called}"
            )
        if options:
            for name in options:
                if name in every:
                    continue
                if name in hints.ARGUMENTS or method.__name__ == "__init__":
                    hints.refuse_arguments(type(args[0]), [name], every[1:])
                if name in OWN:
                    raise TypeError(f"{name} is an argument of Model, as in Model({name}=...).{method.__name__}(X)")
                public = ((k, f) for k, f in inspect.getmembers(Model, inspect.isfunction) if not k.startswith("_"))
                takers = [other for other, its in public if name in inspect.signature(its).parameters]
                if takers:
                    raise TypeError(f"{method.__name__} has no argument {name!r}, unlike {', '.join(takers)}")
        return method(*args, **options)

    return entered


@hints.told_elsewhere
class Model:
    """A hidden Markov model lambda = (A, B, pi), learnt from sequences with or without labels.

    Parameters
    ----------
    n_states : number of hidden states; None: inferred from the names, the labels or the given parameters.
    emission : the distribution of observations in each state: an `Emission` such as Gaussian() or Product(step=Gamma(),
        angle=VonMises()), the name of one, or "auto": `Categorical` for symbols (str, bool, integers with at most 64
        distinct values) and `Gaussian` for floats; for other data the emission must be given.
    states : names of the states (str, int or bool), in the order of every axis; None: the labels, sorted, or 0 ... N-1.
    startprob, transmat : given parameters, (n_states,) and (n_states, n_states). EM starts from them; a 0 is structural
        and stays 0, without a pseudocount. With both and a complete emission the model needs no fit.
        startprob="stationary": startprob_ is the stationary distribution, p = p transmat_, both in learning (also with
        labels) and in all methods. Every state must be reachable from every other.
    endprob : (n_states,), P(sequence ends | state), from which EM starts; True: learnt; None: ends are not modelled.
        transmat is conditional on the sequence continuing: P(from i to j) is (1 - endprob[i]) transmat[i, j].
    final_states : the states in which a sequence must end; None: any. If endprob is used, it is 0 in the others.
    topology : a named pattern of zeros, for any number of states: "left-right" (forward only), "linear" (stay, or move
        to the next), "bakis" (stay, next, or skip one), which start in the first state unless `startprob` is given;
        "cyclic" (stay or next, and the first follows the last), which starts anywhere. EM starts by cutting each
        sequence into equal stretches.
    frozen : parameters that are not learnt: names ("startprob", "transmat", "endprob"), or a mapping of names to masks
        of entries, {"transmat": mask}; a mask (n_states,) selects rows. The free entries of a row share the remaining
        probability in proportion to count + pseudocount. Frozen entries add nothing to the objective. Emissions have
        their own `frozen`.
    pseudocount : added to the counts of startprob, transmat and the probabilities of the emission (of Categorical and
        Multinomial, unless they have their own, and the weights of a Mixture), with and without labels: a number, or a
        mapping {"startprob": ..., "transmat": ..., "endprob": ..., "emission": ...} of numbers and arrays that
        broadcast; a missing key is 0. That of endprob is added to both ends and continuations. It is a prior: EM
        maximises the objective, log P + sum pseudocount * log(parameter), listed in history_; score, loglik_ and all
        criteria use the likelihood P alone.
    training : "baum-welch" (EM) maximises log P(O); "viterbi" (hard EM) maximises log P(O, path) for the most probable
        paths: fewer and cheaper steps, but the states overlap less than they should.
    n_init : number of starting points for EM; "auto" is 4 per state, 8 to 20 in all, or 24 if each state has its own
        role, as in PerState. They are of several kinds; all run for ten steps, the better half for twenty more, and so
        on, until one is left. With 5 or more states, several starts and nothing given that distinguishes the states,
        states are then moved to where one is missing, as long as this raises the objective. If everything is given,
        there is one start.
    max_iter : maximum number of E-steps from one start. tol : in nats; EM stops when the last ten E-steps together
        gained at most tol and extrapolation predicts no more; unaccelerated or hard EM stops when a step gains at most
        tol. With `sample_weight`, tol is multiplied by the largest weight.
    accelerate : extrapolate EM steps if that raises the objective; False: plain EM steps only.
    state_order : "auto": if nothing given distinguishes the states, they are sorted by their mean in the column that
        separates them most, or by how often they are visited if there are no means. None: in the order that EM finds.
    random_state : seed for the starting values (int, Generator or None).
    n_jobs : number of threads; -1 uses all cores. Sequences are divided among the threads; with more than 16 states,
        one long sequence is split between two.

    startprob, transmat, endprob, their masks and pseudocounts, and weights on states (in y or known) may be a Series or
    data frame labelled with the names of the states, in any order.

    After `fit`, or with complete parameters: startprob_, transmat_, emission_, states_, n_states_; after `fit` also
    statistics_ (counts of the last E-step, or of the labels), history_ (the objective at the parameters from which each
    step started), loglik_, n_iter_, converged_, report_. Learnt attributes cannot be assigned, and their arrays are
    read-only.

    **One or many.** Every method accepts one sequence (a text, an array, a flat list) and returns one answer; for a
    list of sequences it returns a list, for a dict a dict with the same keys. With `lengths=` or `ids=` (one id per
    step, or the name of a frame's column), one array holds all sequences end to end, and an answer with one value per
    step is one array, too.

    **What is known.** Nearly every method accepts `known=`, in the same forms as y in `fit`: labels, a mask or
    likelihoods (not posteriors, which already include the prior); and `ended=`, a bool per sequence, False if it was
    cut off. Answers are then conditional on these, and loglik is log P(O, what is known).

    **Data in pieces.** `fit`, `partial_fit`, `survey`, `start` and `e_step` accept `chmm.shards(...)` as X; so do
    `score` and `evaluate`, which return totals, and `score_samples`, `predict` and `predict_proba`, which return an
    iterator of (name, answer) pairs, one per shard. With to=folder, `predict` and `predict_proba` write the answers to
    files instead, with format= "npy", "npz", "txt" or "parquet" (None: that of the shard), and return the paths.

    **Impossible data** raise an ImpossibleError that names the first such sequence. With impossible="skip", the answer
    is None for the impossible sequences in a list or dict, and `fit` leaves them out.

    Labelled sequences are counted:

    >>> from chmm import Categorical, Model
    >>> tagger = Model(pseudocount=0.1).fit(["今天天气真不错", "浦东新区在下雨"], ["BEBESBE", "BMMESBE"])
    >>> "".join(tagger.decode("今天在下雨").path)
    'BESBE'

    For sequences without labels, the Baum-Welch algorithm is used:

    >>> weather = Model(2, random_state=0).fit([["walk", "shop", "clean"], ["clean", "clean", "shop"]])
    >>> weather.converged_
    True

    A "sticky" prior makes states last longer: three extra transitions from each state to itself.

    >>> sticky = Model(2, pseudocount={"transmat": 3 * np.eye(2)}, random_state=0).fit([[0, 0, 1, 0, 1, 1, 1, 0, 0]])
    >>> bool((sticky.transmat_.diagonal() > 0.5).all())
    True

    A model with known parameters needs no fit:

    >>> balls = Model(startprob=[0.2, 0.4, 0.4], transmat=[[0.5, 0.2, 0.3], [0.3, 0.5, 0.2], [0.2, 0.3, 0.5]],
    ...               emission=Categorical([[0.5, 0.5], [0.4, 0.6], [0.7, 0.3]], symbols=["red", "white"]))
    >>> round(balls.score([["red", "white", "red"]]), 6)
    -2.038545
    """

    @named
    def __init__(
        self,
        n_states: int | None = None,
        emission: Emission | str = "auto",
        *,
        states: Any = None,
        topology: str | None = None,
        startprob: Any = None,
        transmat: Any = None,
        endprob: Any = None,
        final_states: Any = None,
        frozen: Frozen = (),
        pseudocount: float | Mapping[str, Any] = 0.0,
        training: str = "baum-welch",
        n_init: int | str = "auto",
        max_iter: int = 2000,
        tol: float = 1e-3,
        accelerate: bool = True,
        state_order: str | None = "auto",
        random_state: Any = None,
        n_jobs: int = 1,
    ):
        self.n_states = n_states
        self.emission = emission
        self.states = states
        self.topology = topology
        self.startprob = startprob
        self.transmat = transmat
        self.endprob = endprob
        self.final_states = final_states
        self.frozen = frozen
        self.pseudocount = pseudocount
        self.training = training
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.accelerate = accelerate
        self.state_order = state_order
        self.random_state = random_state
        self.n_jobs = n_jobs

    # Learning --------------------------------------------------------------------------------------------------------

    @named
    @quiet
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        lengths: Any = None,
        ids: Any = None,
        sample_weight: Any = None,
        ended: Any = None,
        impossible: str = "raise",
        callback: Callable[[Progress], Any] | None = None,
        progress: bool = False,
        checkpoint: str | os.PathLike | None = None,
        resume: bool = False,
    ) -> "Model":
        """Learn the parameters: by counting if the states `y` are given, otherwise by Baum-Welch. Starts afresh each
        time.

        X : one or many sequences, or shards. y : labels in the same form, one per step; None (NaN, pd.NA) where
        unknown, or for a whole sequence. EM then starts from the smoothed counts of the labelled steps, which keep
        their states. Or weights on the states, (n_steps, n_states): a mask of possible states, or likelihoods, which
        are multiplied with those of the values.
        ended : a bool per sequence, False if it was cut off; see endprob and final_states.
        sample_weight : (n_sequences,), or a dict or Series by the keys of X: how often each sequence counts; 0 leaves
        it out. The reference of an emission's prior ignores these weights.
        impossible : "skip" leaves out sequences that the given zeros make impossible, whatever is learnt; report_
        counts them.
        callback : called with a `Progress` after every E-step; if it returns True, the fit stops and keeps the best
        parameters so far. Ctrl-C leaves the model as it was, and a checkpoint from which to continue.
        progress : show on stderr the current start and step, the objective, the gain of the step, the gain that more
        steps may bring, and the time. The logger "chmm" receives the same at level DEBUG, and each result at INFO.
        checkpoint : path of a file for the model so far and the state of its fit, written every 30 seconds, at the end
        and on Ctrl-C; `Model.load` reads it, too. resume : continue from that file if it exists; the result is the same
        to the last bit as without an interruption. The data and the arguments of the model must be the same, except for
        a larger max_iter or a different n_jobs. The race of the starts is not saved. Without resume, an existing file
        is a FileExistsError.

        Counting: transmat_[i, j] = transitions from i to j / transitions from i, and so on; one pass.
        Baum-Welch: each step raises log P + log prior (never lowers it); cost of a step: 6 n_states^2 flops per
        observation. A state without evidence keeps its row. Starting values that are not given are drawn.

        Memory, where n_values is the number of distinct values (for measurements, of steps), in doubles:

        rows of likelihoods and their weights   2 n_values n_states
        the row of each step                    n_steps / 2; from 2^24 steps on n_steps / 8, if there are fewer than 256
                                                rows, or nothing, if the data are their numbers already
        alpha, for each thread                  n_states for each step of its longest sequence, twice above 64 states;
                                                about 2 sqrt(n_steps) n_states where that would take more than 1 GiB
                                                (8 MiB with 17 to 64 states)

        ValueError if the data are impossible under the given starting values (`ImpossibleError`), or the arguments are
        inconsistent; the model is then unchanged. ConvergenceWarning if `max_iter` is reached. Returns the model.
        """
        keep = self._checkpoint(checkpoint, resume)
        if isinstance(X, Shards):
            told = None if isinstance(impossible, str) and impossible == "raise" else impossible
            X.refuse(y=y, lengths=lengths, ids=ids, sample_weight=sample_weight, ended=ended, impossible=told)
            engine = X.engine(checks.options(self).n_jobs)
            with Display(progress) as display, keep or nullcontext():
                self._fit = training.fit_pieces(self, engine, callback, display, keep)
            return self
        data, labels, weight, ended = self._lesson(X, y, lengths, ids, sample_weight, ended)
        n_skipped = 0
        if checks.check_choice(impossible, "impossible", ("raise", "skip")) == "skip":
            possible = training.possible(self, data, labels, ended)
            n_skipped = int((~possible).sum())
            data, labels, weight, ended = questions.chosen(possible, data, labels, weight, ended)
        with Display(progress) as display, keep or nullcontext():
            self._fit = training.fit(
                self, data, labels, weight, ended, callback, n_skipped=n_skipped, display=display, keep=keep
            )
        return self

    @named
    @quiet
    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        *,
        step: float | None = None,
        lengths: Any = None,
        ids: Any = None,
        sample_weight: Any = None,
        ended: Any = None,
    ) -> "Model":
        """Update the parameters with one more batch of sequences: a step of stepwise EM. Returns the model.

        statistics = (1 - step) * statistics + step * those of the batch, each per step of its data; then an M-step, in
        which the priors count once relative to all data so far. The first call draws starting values from its own
        batch, unless the model was fitted.

        step : share of this batch, 0 < step <= 1; None: (k + 2)^-0.6 for the batch k = 1, 2, ... after the first.
        y : what is known about the states of this batch, as in `fit`; if all labels are known, they are counted. Each
        shard is one batch.

        States keep their order. The objective of the batch is appended to history_. Source: Cappe & Moulines (2009).

        >>> import numpy as np
        >>> from chmm import Gaussian, Model
        >>> rng = np.random.default_rng(0)
        >>> model = Model(2, Gaussian(), random_state=0)
        >>> for _ in range(20):
        ...     model = model.partial_fit(rng.normal(np.repeat([1, 6, 1, 6], 25)))
        >>> np.sort(model.emission_.means.ravel()).round().tolist()
        [1.0, 6.0]
        """
        kind = None if self._fit is None else self._fit.emission.kind
        if isinstance(X, Shards):
            X.refuse(y=y, lengths=lengths, ids=ids, sample_weight=sample_weight, ended=ended)
            fit = self._fit
            for piece in X.pieces(kind):
                if piece.data.n_steps:
                    fit = stepwise.next_fit(self, fit, piece.data, piece.labels, None, None, step)
            self._fit = fit
            return self
        data, labels, weight, ended = self._lesson(X, y, lengths, ids, sample_weight, ended, kind)
        self._fit = stepwise.next_fit(self, self._fit, data, labels, weight, ended, step)
        return self

    # One step of EM at a time, over data in any number of pieces -----------------------------------------------------

    @named
    @quiet
    def survey(self, X: Any, *, lengths: Any = None, ids: Any = None) -> Survey:
        """What the model must know about all data before the first E-step, collected from one piece; surveys can be
        added.

        survey = sum(model.survey(shard) for shard in shards)
        """
        if isinstance(X, Shards):
            X.refuse(lengths=lengths, ids=ids)
            return gathering.survey_pieces(self, X.engine(checks.options(self).n_jobs))
        return passes.survey(self.emission, self._lesson(X, None, lengths, ids)[0])[1]

    @named
    @quiet
    def start(
        self,
        sample: Any,
        survey: Survey | None = None,
        *,
        y: Any = None,
        lengths: Any = None,
        ids: Any = None,
        ended: Any = None,
    ) -> "Model":
        """A model with starting values for EM: the given ones, and the others drawn from `sample`, as in `fit` with
        n_init = 1, or derived from what is known about its states, with `y` as in `fit`.

        survey : of all data; None: the sample is all data. `e_step` and `m_step` continue from here:

        >>> import numpy as np
        >>> from chmm import Gaussian, Model
        >>> shards = {"a": [0.1, 0.4, 3.9, 4.2, 0.3], "b": [4.1, 3.8, 0.2, 0.1, 0.5]}
        >>> model = Model(2, Gaussian(), random_state=0)
        >>> model = model.start(shards["a"], sum(model.survey(x) for x in shards.values()))
        >>> for _ in range(5):
        ...     model = model.m_step(sum(model.e_step(x, shard=name) for name, x in shards.items()))
        >>> bool(model.history_[-1] > model.history_[0])
        True
        """
        if isinstance(sample, Shards):
            sample.refuse(y=y, lengths=lengths, ids=ids, ended=ended)
            return self._with(training.start_pieces(self, sample.engine(checks.options(self).n_jobs), survey))
        data, labels, _, ended = self._lesson(sample, y, lengths, ids, ended=ended)
        structure, emission, problem = gathering.prepared(self, data, survey, labels, ended=ended)
        return self._with(starts.started(problem, structure, emission, checks.options(self).rng))

    @named
    @quiet
    def e_step(
        self,
        X: Any,
        shard: Any = None,
        *,
        known: Any = None,
        lengths: Any = None,
        ids: Any = None,
        sample_weight: Any = None,
        ended: Any = None,
    ) -> Statistics:
        """Expected counts for these sequences under the model's parameters; those of several pieces can be added. With
        training="viterbi", the counts of their most probable paths.

        shard : a name for these data; adding statistics that share a shard is an error.

        ImpossibleError if P(O) = 0.
        """
        fit, options = self._ready(), checks.options(self)
        if isinstance(X, Shards):
            X.refuse(shard=shard, known=known, lengths=lengths, ids=ids, sample_weight=sample_weight, ended=ended)
            return X.statistics(fit, options)
        data = fit.read(X, lengths, ids)
        weight = checks.sequence_weights(sample_weight, data)
        told = None if known is None else knowledge.read(known, data)
        data, told, weight, ended = _there(data, told, weight, checks.ended_sequences(ended, data, fit.ends))
        problem = questions.Question(fit, data, told, ended).problem(weight=weight, learning=True)
        shards = checks.shard_names(shard)
        return e_step.expectation(problem, options, shards=shards)

    @named
    @quiet
    def m_step(self, statistics: Statistics) -> "Model":
        """A model with the parameters that maximise log P + log prior, given the expected counts of all data.

        ValueError if the statistics were not taken with this model's parameters. The objective at these parameters is
        appended to history_, and n_iter_ grows by 1.
        """
        fit = self._ready()
        if self._fit is None:
            raise ValueError("call start first, model = model.start(X): it takes in what the emission must know of X")
        structure = structure_of(self, fit.emission, known=fit.states)
        return self._with(stepwise.stepped(structure, statistics, fit))

    # States by another name or in another order ----------------------------------------------------------------------

    def reorder(self, order: Sequence) -> "Model":
        """A model whose state i is the former state order[i]; order is a permutation of 0 ... n_states - 1. Names move
        with their states; states that are only numbered are renumbered."""
        return ordering.reorder(self, order)

    def relabel(self, names: Mapping) -> "Model":
        """A model with new names for its states, {old: new}; states that are not mentioned keep their names.

        >>> from chmm import Categorical, Model
        >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]],
        ...           emission=Categorical([[0.9, 0.1], [0.2, 0.8]]))
        >>> m.relabel({0: "fair", 1: "loaded"}).predict([0, 0, 0, 1, 1]).tolist()
        ['fair', 'fair', 'fair', 'loaded', 'loaded']
        """
        return ordering.relabel(self, names)

    @named
    def align(self, other: Any, y: Any = None, *, lengths: Any = None, ids: Any = None) -> "Model":
        """A model whose states have the order and names of the most similar states of another model, `align(other)`; or
        of the labels `y` with which they agree most often on the sequences X, `align(X, y)`; None where unknown.

        Two states are similar if the draws of each are likely under the other (200 draws each, always the same). With
        up to 8 states, the best of all assignments is found; with more, the most similar pairs are matched first.
        """
        if isinstance(other, Model):
            return ordering.align_with(self, other)
        return ordering.align_by_labels(self, other, y, lengths, ids)

    def _lesson(self, X, y, lengths, ids, sample_weight=None, ended=None, kind=None):
        """(data, labels, weight, ended) to learn from, without the sequences of weight 0."""
        data = sequences.read(X, lengths, ids, kind=kind)
        if not data.n_steps:
            raise ValueError("X holds no steps to learn from")
        weight = checks.sequence_weights(sample_weight, data)
        labels = None if y is None else knowledge.read(y, data, "y")
        return _there(data, labels, weight, checks.ended_sequences(ended, data, True))

    def _checkpoint(self, path, resume):
        if checks.check_flag(resume, "resume") and path is None:
            raise ValueError("resume=True continues from a file: give its path, checkpoint=")
        return None if path is None else Checkpoint(path, resume, self)

    def _with(self, fit):
        model = copy.copy(self)
        model._fit = fit
        return model

    # Questions: each takes one sequence or many ----------------------------------------------------------------------

    def _of_shards(self, X, told, impossible, to, format, ask, *options):
        """(name, answer) of each shard, or the files of them."""
        if to is None and format is not None:
            raise TypeError(f"format = {shown(format)} is a format for files: say where to write them, to=...")
        if not isinstance(X, Shards):
            raise TypeError(f"to = {shown(to)} is where the answers about shards go: X must be chmm.shards(...)")
        X.refuse(**told, impossible=None if impossible == "raise" else impossible)
        fit, n_jobs = self._ready(), checks.options(self).n_jobs
        if to is None:
            return X.answers(fit, ask, *options, n_jobs=n_jobs)
        return X.written(fit, ask, *options, to=to, format=format, n_jobs=n_jobs)

    def _asked(self, X, known, lengths, ids, ended, name="known", impossible="raise"):
        fit = self._ready()
        data = fit.read(X, lengths, ids)
        if not isinstance(impossible, str) or impossible != "raise":
            checks.check_choice(impossible, "impossible", ("raise", "skip"))
        told = None if known is None else knowledge.read(known, data, name)
        return questions.Question(fit, data, told, checks.ended_sequences(ended, data, fit.ends), name, impossible)

    @named
    def score(
        self, X: Any, y: Any = None, *, known: Any = None, lengths: Any = None, ids: Any = None, ended: Any = None
    ) -> float:
        """log P(O), summed over the sequences; with labels y, log P(O, Q). -inf if the data are impossible, for example
        if a label is not the name of any state. score(X, y) is the same as score(X, known=y).

        Cost: n_states^2 multiply-adds per step. Memory: one row of alpha.

        >>> from chmm import Categorical, Model
        >>> coin = Model(startprob=[1.0], transmat=[[1.0]], emission=Categorical([[0.5, 0.5]]))
        >>> round(float(np.exp(coin.score([[0, 1], [1]]))), 12)
        0.125
        """
        if y is not None and known is not None:
            raise ValueError("y and known mean the same; give only one of them")
        if isinstance(X, Shards):
            X.refuse(y=y, known=known, lengths=lengths, ids=ids, ended=ended)
            return float(sum(score for _, score in X.answers(self._ready(), questions.score, n_jobs=self.n_jobs)))
        name = "known" if y is None else "y"
        return questions.score(self._asked(X, known if y is None else y, lengths, ids, ended, name), self.n_jobs)

    @named
    def predict(
        self, X: Any, *, method: str = "viterbi", known: Any = None, lengths: Any = None, ids: Any = None,
        ended: Any = None, impossible: str = "raise", to: Any = None, format: str | None = None,
    ) -> Any:  # fmt: skip
        """The most probable path (Viterbi), an array of states; `decode` also returns its probability.

        method="posterior" : the most probable state at each step by itself, argmax_i gamma[t, i], which has the largest
        expected number of correct steps; transitions between these states may be impossible.

        ImpossibleError if P(O) = 0. Ties take the lowest state. Cost: n_states^2 additions and comparisons per step.
        Memory in addition to the path (8 bytes a step): none up to 16 states; with more, for each thread, n_states
        doubles for each step of the longest sequence, or for about 2 sqrt(n_steps) steps if that would take more than 1
        GiB.
        """
        told = {"known": known, "lengths": lengths, "ids": ids, "ended": ended}
        if isinstance(X, Shards) or to is not None or format is not None:
            return self._of_shards(X, told, impossible, to, format, posterior_paths.predict, method)
        asked = self._asked(X, **told, impossible=impossible)
        return frames.as_data(X, posterior_paths.predict(asked, method, self.n_jobs))

    @named
    def decode(
        self, X: Any, *, known: Any = None, lengths: Any = None, ids: Any = None, ended: Any = None,
        impossible: str = "raise",
    ) -> Decoding:  # fmt: skip
        """The most probable path (Viterbi), and its log P(O, path): `Decoding(path, log_prob)`. See `predict`.

        >>> from chmm import Categorical, Model
        >>> fever = Model(states=["healthy", "fever"], startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]],
        ...               emission=Categorical([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]], symbols=["normal", "cold", "dizzy"]))
        >>> path, log_prob = fever.decode(["normal", "cold", "dizzy"])
        >>> path.tolist(), round(float(np.exp(log_prob)), 5)
        (['healthy', 'healthy', 'fever'], 0.01512)
        """
        return questions.decode(self._asked(X, known, lengths, ids, ended, impossible=impossible), self.n_jobs)

    @named
    def predict_proba(
        self, X: Any, *, lag: int | None = None, known: Any = None, lengths: Any = None, ids: Any = None,
        ended: Any = None, impossible: str = "raise", to: Any = None, format: str | None = None,
    ) -> Any:  # fmt: skip
        """gamma[t, i] = P(q_t = i | O), (n_steps, n_states), given the whole sequence, including later steps.

        lag : P(q_t = i | o_1 ... o_t+lag), given `lag` more steps: 0 is filtering (the past and step t), -1 is
        prediction, before step t is seen. Near the end, the steps that exist are used, but not the fact that the
        sequence ends there.

        ImpossibleError if P(O) = 0. Cost: twice that of `score`; with a lag, (1 + lag) n_states^2 a step, in log space.
        Memory: the result; with a lag, 4 n_states doubles for each step of the lag.
        """
        told = {"known": known, "lengths": lengths, "ids": ids, "ended": ended}
        if isinstance(X, Shards) or to is not None or format is not None:
            ask, options = (questions.predict_proba, ()) if lag is None else (streams.predict_proba, (lag,))
            return self._of_shards(X, told, impossible, to, format, ask, *options)
        asked = self._asked(X, **told, impossible=impossible)
        if lag is None:
            answer = questions.predict_proba(asked, self.n_jobs)
        else:
            answer = streams.predict_proba(asked, lag, self.n_jobs)
        return frames.as_data(X, answer, asked.fit.states.names)

    @named
    def posteriors(
        self, X: Any, *, pairs: bool = False, known: Any = None, lengths: Any = None, ids: Any = None,
        ended: Any = None, impossible: str = "raise",
    ) -> Posteriors:  # fmt: skip
        """Probability of each state, and of each pair, given the whole sequence: `Posteriors(gamma, xi, loglik)`.

        gamma[t, i] = alpha[t, i] beta[t, i] / P(O)
        xi[t, i, j] = alpha[t, i] transmat[i, j] b_j(o_t+1) beta[t+1, j] / P(O), with `pairs=True`

        ImpossibleError if P(O) = 0. Memory: n_steps * n_states, with pairs n_steps * n_states^2.
        """
        asked = self._asked(X, known, lengths, ids, ended, impossible=impossible)
        return questions.posteriors(asked, pairs, self.n_jobs)

    @named
    def forward(
        self, X: Any, *, scaled: bool = True, known: Any = None, lengths: Any = None, ids: Any = None,
        ended: Any = None, impossible: str = "raise",
    ) -> Forward:  # fmt: skip
        """Forward variables: `Forward(alpha, log_scale, loglik)`.

        alpha[1, i] = startprob[i] b_i(o_1)
        alpha[t+1, j] = (sum_i alpha[t, i] transmat[i, j]) b_j(o_t+1)

        Scaled (Bishop, PRML 13.2.4), rows of alpha sum to 1: the filter P(q_t | o_1 ... o_t), which does not use the
        future. `scaled=False` gives the textbook's alpha, or a ValueError where it would underflow. ImpossibleError if
        P(O) = 0.
        """
        return questions.forward(self._asked(X, known, lengths, ids, ended, impossible=impossible), scaled)

    @named
    def backward(
        self, X: Any, *, scaled: bool = True, known: Any = None, lengths: Any = None, ids: Any = None,
        ended: Any = None, impossible: str = "raise",
    ) -> Backward:  # fmt: skip
        """Backward variables: `Backward(beta, log_scale, loglik)`.

        beta[T, i] = 1
        beta[t, i] = sum_j transmat[i, j] b_j(o_t+1) beta[t+1, j]

        Scaled so that alpha * beta = gamma, wherever alpha is not below 1e-308. `scaled=False` gives the textbook's
        beta. `final_states` act like part of the last observation: alpha[T] is 0 outside them, beta[T] is 1.
        ImpossibleError if P(O) = 0. ValueError where beta does not fit: without scaling, if it is below 1e-308; with
        it, above 1.8e308, in a state that fits the rest far better than those that can be reached.
        """
        return questions.backward(self._asked(X, known, lengths, ids, ended, impossible=impossible), scaled)

    # What comes next, what is missing, and does it fit

    @named
    @quiet
    def forecast(
        self, X: Any, n_steps: int = 1, *, known: Any = None, lengths=None, ids=None, impossible: str = "raise"
    ) -> Any:
        """The distribution of the next n_steps steps, a `Forecast`: the probabilities of their states, and the mean,
        variance, quantiles, distribution function, density and draws of their values (for symbols, `probs`).

        states[k, i] = P(q_T+1+k = i | o_1 ... o_T), k = 0 ... n_steps - 1, and a value has the density
        sum_i states[k, i] b_i(value): an exact mixture. For an empty sequence, the forecast begins with `startprob`.
        With `endprob`, it is conditional on the sequence lasting through step T + 1 + k; `final_states` has no
        influence.

        ImpossibleError if P(O) = 0; with impossible="skip" the answer for such a sequence is None. ValueError if a
        sequence cannot continue. Cost: that of `score` in log space, and n_states^2 per step ahead. Source: Zucchini &
        MacDonald (2009), 5.2.

        >>> import numpy as np
        >>> from chmm import Categorical, Model
        >>> weather = Model(startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]], states=["rain", "sun"],
        ...                 emission=Categorical([[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]], symbols=["walk", "shop", "clean"]))
        >>> tomorrow = weather.forecast(["walk", "shop", "clean"])
        >>> dict(zip(tomorrow.symbols, tomorrow.probs[0].round(3).tolist()))
        {'walk': 0.27, 'shop': 0.366, 'clean': 0.364}
        """
        return forecasting.forecast(self._asked(X, known, lengths, ids, None, impossible=impossible), n_steps)

    @named
    def impute(
        self, X: Any, n_samples: int | None = None, *, random_state=None, known: Any = None, lengths=None, ids=None,
        ended=None, impossible: str = "raise",
    ) -> Any:  # fmt: skip
        """X with its missing values filled in, in the form of X: each by its mean given everything observed, including
        the rest of its own step; symbols by the most probable one, angles by the mean direction.

        E(o_t | O) = sum_i P(q_t = i | O) E(o_t | q_t = i, what is seen of o_t)

        n_samples : draws instead of means, as a list of n_samples copies of X. Each is based on its own path of states,
        so that neighbouring gaps are consistent (multiple imputation).

        Series and frames are returned as such. ImpossibleError if P(O) = 0. Cost: that of `predict_proba`, and for each
        draw that of `sample_posterior`.

        >>> from chmm import Gaussian, Model
        >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gaussian([0, 5], [1, 1]))
        >>> m.impute([0.3, None, -0.2, 5.1, None, 4.4]).round(2).tolist()
        [0.3, 0.06, -0.2, 5.1, 4.94, 4.4]
        """
        asked = self._asked(X, known, lengths, ids, ended, impossible=impossible)
        return frames.filled(X, missing.impute(asked, n_samples, random_state), asked.data.form, ids)

    @named
    def pseudo_residuals(
        self, X: Any, kind: str = "ordinary", *, random_state=None, known: Any = None, lengths=None, ids=None,
        ended=None, impossible: str = "raise",
    ) -> Any:  # fmt: skip
        """Residuals (n_steps,) or (n_steps, n_features), standard normal if the model is right; see `chmm.normality`.

        z_t = Phi^-1(P(o <= o_t | all other steps)), kind="ordinary": those far from 0 are outliers.
        z_t = Phi^-1(P(o <= o_t | o_1 ... o_t-1)), kind="forecast": also independent of each other.

        For counts and marks, P is drawn between P(o < o_t) and P(o <= o_t), so that residuals are normal, too; give a
        random_state to have the same ones again. Columns are told apart. Angles are counted from the direction opposite
        to the mean of P, so that those near to it have residuals near 0. NaN where the value is missing. From -38 to
        8.2, where doubles end.

        TypeError for symbols without an order. ImpossibleError if P(O) = 0. Cost: that of `predict_proba` in log space,
        and n_states distribution functions a step. Source: Zucchini & MacDonald (2009), 6.2.

        >>> from chmm import Gaussian, Model
        >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gaussian([0, 5], [1, 1]))
        >>> m.pseudo_residuals([0.3, -0.4, 5.2, 9.9, 4.4]).round(1).tolist()
        [0.1, -0.9, 0.8, 4.9, -0.4]
        """
        asked = self._asked(X, known, lengths, ids, ended, impossible=impossible)
        names = asked.data.names and [asked.data.names[k] for k in missing.places(asked.data, asked.fit.emission)]
        return frames.as_data(X, checking.pseudo_residuals(asked, kind, random_state), names)

    @named
    @quiet
    def score_samples(self, X: Any, *, known: Any = None, lengths=None, ids=None, ended=None) -> Any:
        """log P(O) of each sequence, (n_sequences,); a number for one sequence, a dict for a dict. `score` is their
        sum.

        -inf if it is impossible. Cost: as `score`. The name and its meaning are scikit-learn's, where a sample is a
        sequence; hmmlearn's also gives the `posteriors`.

        >>> from chmm import Categorical, Model
        >>> coin = Model(startprob=[1.0], transmat=[[1.0]], emission=Categorical([[0.5, 0.5]]))
        >>> coin.score_samples([[0, 1], [1, 1, 0]]).round(3).tolist()
        [-1.386, -2.079]
        """
        if isinstance(X, Shards):
            X.refuse(known=known, lengths=lengths, ids=ids, ended=ended)
            return X.answers(self._ready(), questions.score_samples, n_jobs=self.n_jobs)
        return questions.score_samples(self._asked(X, known, lengths, ids, ended), self.n_jobs)

    @named
    @quiet
    def emission_log_likelihood(self, X: Any, *, lengths=None, ids=None) -> Any:
        """log b_i(o_t), (n_steps, n_states): the log likelihood of each value in each state, regardless of the chain. 0
        if the value is missing, -inf if it is impossible.

        >>> import numpy as np
        >>> from chmm import Categorical, Model
        >>> m = Model(startprob=[0.5, 0.5], transmat=np.eye(2), emission=Categorical([[0.5, 0.5], [0.1, 0.9]]))
        >>> np.exp(m.emission_log_likelihood([0, 1, None])).round(2).tolist()
        [[0.5, 0.1], [0.5, 0.9], [1.0, 1.0]]
        """
        asked = self._asked(X, None, lengths, ids, None)
        return frames.as_data(X, questions.emission_log_likelihood(asked), asked.fit.states.names)

    # Questions: paths, and what the past says ------------------------------------------------------------------------

    @named
    def surprise(
        self, X: Any, *, known: Any = None, lengths=None, ids=None, ended=None, impossible: str = "raise"
    ) -> Any:
        """-log P(o_t | o_1 ... o_t-1) in nats, (n_steps,), how unexpected each step was; 0 where it is missing.

        The end of the sequence is not included: if `final_states` or `endprob` models it, the sum is -log P of the
        observations without the end, and `ended` changes nothing. With `endprob`, a step, even a missing one, also
        shows that the sequence has not ended: -log P(it continues | o_1 ... o_t-1) is part of its surprise.

        ImpossibleError if P(O) = 0. Cost: that of `score`, in log space.

        >>> from chmm import Categorical, Model
        >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]],
        ...           emission=Categorical([[0.9, 0.1], [0.2, 0.8]]))
        >>> m.surprise([0, 0, 0, 1]).round(3).tolist()
        [0.598, 0.317, 0.233, 1.652]
        """
        asked = self._asked(X, known, lengths, ids, ended, impossible=impossible)
        return frames.as_data(X, streams.surprise(asked))

    @named
    def stream(self, lag: int = 0) -> streams.Stream:
        """A `Stream`, which takes one sequence step by step: `push(o)` -> `Pushed(filtered, state, proba, surprise,
        loglik)`.

        filtered : P(q_t = i | o_1 ... o_t). proba : P(q_t-lag = i | o_1 ... o_t), and its most probable state; None for
        the first `lag` steps. surprise : -log P(o_t | o_1 ... o_t-1). loglik : log P(o_1 ... o_t).

        `push(None)` is a missing step. `close()` returns the last `lag` steps.

        Equal to predict_proba(X, lag=lag), for any length: each state has its own exponent, so nothing underflows. Cost
        of a push: (1 + lag) n_states^2. The stream keeps the parameters with which it was made.

        >>> from chmm import Categorical, Model
        >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]],
        ...           emission=Categorical([[0.9, 0.1], [0.2, 0.8]]))
        >>> stream = m.stream(lag=1)
        >>> [stream.push(o).state for o in [0, 0, 1, 1]]
        [None, 0, 0, 1]
        >>> stream.close().states.tolist()
        [1]
        """
        return streams.Stream(self._ready(), lag)

    @named
    def viterbi(
        self, X: Any, *, scaled: bool = True, known: Any = None, lengths=None, ids=None, ended=None,
        impossible: str = "raise",
    ) -> Viterbi:  # fmt: skip
        """The tables of the Viterbi algorithm: `Viterbi(path, log_prob, delta, psi, log_scale)`.

        delta[1, i] = startprob[i] b_i(o_1)
        delta[t+1, j] = max_i (delta[t, i] transmat[i, j]) b_j(o_t+1)
        psi[t+1, j] = the i of that maximum, as a number; psi[1, j] = 0

        Scaled, the largest delta of each step is 1. `scaled=False` gives the textbook's delta, or a ValueError if it
        would underflow. The last delta includes `final_states` and `endprob`. ImpossibleError if P(O) = 0.

        >>> from chmm import Categorical, Model
        >>> weather = Model(states=["rainy", "sunny"], startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]],
        ...                 emission=Categorical([[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]], symbols=["walk", "shop", "clean"]))
        >>> weather.viterbi(["walk", "shop", "clean"], scaled=False).delta.round(6).tolist()
        [[0.06, 0.24], [0.0384, 0.0432], [0.01344, 0.002592]]
        """
        return posterior_paths.viterbi(self._asked(X, known, lengths, ids, ended, impossible=impossible), scaled)

    @named
    def best_paths(
        self, X: Any, n_paths: int = 5, *, known: Any = None, lengths=None, ids=None, ended=None,
        impossible: str = "raise",
    ) -> Any:  # fmt: skip
        """The most probable paths, best first: a list of `Decoding(path, log_prob)` for each sequence.

        All are distinct and possible; fewer than n_paths if there are no more. The first is that of `decode`; paths
        whose probabilities differ only by rounding come in any order. ImpossibleError if P(O) = 0.

        Each path is found from the step at which it leaves a better one, using the tables of one Viterbi run (cf. Soong
        and Huang, 1991). Cost: n_states^2 per step once, and 2 n_states per step for each path. Memory: n_states
        doubles per step, or those of about 2 sqrt(n_steps) steps if that would take more than 1 GiB, and the paths.

        >>> from chmm import Categorical, Model
        >>> fever = Model(states="HF", startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]],
        ...               emission=Categorical([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]], symbols=["normal", "cold", "dizzy"]))
        >>> for path, log_prob in fever.best_paths(["normal", "cold", "dizzy"], 3):
        ...     print("".join(path), round(float(np.exp(log_prob)), 6))
        HHF 0.01512
        HFF 0.00972
        HHH 0.00588
        """
        return posterior_paths.best_paths(self._asked(X, known, lengths, ids, ended, impossible=impossible), n_paths)

    @named
    def path_proba(
        self, X: Any, known: Any, *, lengths=None, ids=None, ended=None, impossible: str = "raise"
    ) -> Any:
        """P(known | O), a float per sequence: the probability of a whole path, of part of one, or of a single label.

        known : labels, with None for any state, or a mask (n_steps, n_states) of the allowed states. (Likelihoods give
        the mean of their product.)

        ImpossibleError if P(O) = 0. Cost: twice that of `score`.

        >>> from chmm import Categorical, Model
        >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]],
        ...           emission=Categorical([[0.9, 0.1], [0.2, 0.8]]))
        >>> round(m.path_proba([0, 0, 1], [0, None, 1]), 6)  # 0 first, 1 last, and between them either
        0.42834
        """
        asked = self._asked(X, known, lengths, ids, ended, impossible=impossible)
        return posterior_paths.path_proba(asked, self.n_jobs)

    @named
    def segments(
        self, X: Any, *, known: Any = None, lengths=None, ids=None, ended=None, impossible: str = "raise"
    ) -> Any:
        """The runs of the most probable path: `Segments` of rows (start, stop, state, proba) for each sequence.

        proba : P(q_start = ... = q_stop-1 = state | O), exact.

        A `Segments` is a tuple that prints as a table, and has `to_frame()` and `to_bed(file, chrom)`. ImpossibleError
        if P(O) = 0.

        >>> from chmm import Gaussian, Model
        >>> m = Model(states=["low", "high"], startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]],
        ...           emission=Gaussian([0, 4], [1, 1]))
        >>> m.segments([0.2, -1, 0.5, 3.8, 2.2, 4.4])
        start  stop  state  proba
            0     3  low    0.9974
            3     6  high   0.9934
        """
        return posterior_paths.segments(self._asked(X, known, lengths, ids, ended, impossible=impossible))

    @named
    def sample_posterior(
        self, X: Any, n_samples: int = 1, *, random_state=None, known: Any = None, lengths=None, ids=None, ended=None,
        impossible: str = "raise",
    ) -> Any:  # fmt: skip
        """Paths drawn from P(path | O), (n_samples, n_steps) states, by forward filtering and backward sampling.

        P(q_t-1 = i | q_t = j, O) = alpha[t-1, i] transmat[i, j] / sum_k alpha[t-1, k] transmat[k, j]

        With `lengths` or `ids`, one array for all steps. ImpossibleError if P(O) = 0. Cost: n_states^2 per step once,
        and up to n_states per step for each path. Source: Scott (2002).

        >>> from chmm import Categorical, Model
        >>> m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]],
        ...           emission=Categorical([[0.9, 0.1], [0.2, 0.8]]))
        >>> m.sample_posterior([0, 0, 1, 1], 1000, random_state=0).shape
        (1000, 4)
        """
        asked = self._asked(X, known, lengths, ids, ended, impossible=impossible)
        return posterior_paths.sample_posterior(asked, n_samples, random_state)

    @named
    def entropy(
        self, X: Any, *, known: Any = None, lengths=None, ids=None, ended=None, impossible: str = "raise"
    ) -> Any:
        """-sum P(path | O) log P(path | O) in nats, a float per sequence: how uncertain the path is, given the data.

        exp(entropy) is an effective number of paths: at most n_states^n_steps, and 1 if the path is certain.
        ImpossibleError if P(O) = 0. Cost: twice that of `score`, in log space, and n_states^2 logarithms a step.
        Source: Hernando, Crespi and Cybenko (2005).

        >>> from chmm import Categorical, Model
        >>> even = Model(startprob=[0.5, 0.5], transmat=[[0.5, 0.5], [0.5, 0.5]], emission=Categorical([[1.0], [1.0]]))
        >>> round(float(np.exp(even.entropy([0, 0, 0]))), 9)
        8.0
        """
        return posterior_paths.entropy(self._asked(X, known, lengths, ids, ended, impossible=impossible))

    # How good, how many, how sure (evaluation.py, choosing.py, uncertainty.py) ----------------------------------------

    @property
    def n_parameters_(self):
        """Number of free parameters: k probabilities that sum to 1 count as k - 1. Structural zeros, frozen entries and
        parameters determined by others (startprob="stationary", states of a `Tied` group) do not count."""
        return uncertainty.n_free(self._coordinates())

    @property
    def vector_names_(self):
        """The parameter to which each entry of `to_vector()` belongs, such as "transmat[0, 1]"."""
        return uncertainty.names(self._coordinates())

    @quiet
    def to_vector(self) -> np.ndarray:
        """(n_parameters_,), the free parameters in unconstrained coordinates: logarithms of positive parameters, log
        odds of probabilities (k that sum to 1 give k - 1, relative to the last), others unchanged; for optimisers and
        samplers.

        Covariance matrices are diag(s) M M' diag(s), with M unit lower triangular; the coordinates are log s and M.

        >>> from chmm import Categorical, Model
        >>> m = Model(startprob=[1, 0], transmat=[[0.5, 0.5], [0.2, 0.8]],
        ...           emission=Categorical([[0.9, 0.1], [0.5, 0.5]]))
        >>> m.to_vector().round(3).tolist()
        [0.0, -1.386, 2.197, 0.0]
        >>> m.vector_names_
        ['transmat[0, 0]', 'transmat[1, 0]', 'probs[0, 0]', 'probs[1, 0]']
        """
        return uncertainty.to_vector(self._coordinates())

    @named
    @quiet
    def with_vector(self, vector: Any) -> "Model":
        """A model with the parameters of a vector: the inverse of `to_vector`. Every vector of numbers gives a model.

        Parameters without a coordinate keep the values of this model.
        """
        parts, fit = self._coordinates(), self._ready()
        vector = uncertainty.check_vector(vector, uncertainty.n_free(parts))
        return self._with(uncertainty.with_vector(self._structure(), fit, parts, vector))

    @named
    @quiet
    def gradient(self, X: Any, *, known: Any = None, lengths=None, ids=None, ended=None) -> np.ndarray:
        """(n_parameters_,), the score vector: exact derivatives of score(X) with respect to the entries of
        `to_vector()`.

        By Fisher's identity it is the expected derivative of log P(O, Q), so it costs one E-step. (For a family of your
        own without a `gradient`, finite differences are used.) ImpossibleError if P(O) = 0.

        >>> from chmm import Model, Poisson
        >>> m = Model(startprob="stationary", transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Poisson([15, 26]))
        >>> m.gradient([13, 14, 8, 30, 27]).round(2).tolist()
        [-0.25, 0.35, -9.87, 4.91]
        """
        score = uncertainty.ScoreVector(self._structure(), self._asked(X, known, lengths, ids, ended), self.n_jobs)
        return score.vector(self._ready(), self._coordinates())

    @named
    @quiet
    def summary(
        self, X: Any, *, level: float = 0.95, known: Any = None, lengths=None, ids=None, ended=None,
        progress: bool = False,
    ) -> uncertainty.Summary:  # fmt: skip
        """Standard errors of the parameters learnt from X: a mapping of names, such as "transmat[0, 1]", to
        `Estimate(value, standard_error, low, high, note)`, which prints as a table.

        Standard errors are those of maximum likelihood (with a prior, of the posterior mode): the inverse of the
        observed information, computed by finite differences of the exact score vector in unconstrained coordinates, and
        converted by the delta method. Intervals lie inside the range of their parameter. A parameter at its limit, or
        with an expected count below one, is held fixed, and has a note instead of a standard error.

        known, ended : as in the fit. progress : show on stderr how many parameters are done.

        ValueError if the model is not at a maximum, or has more than 500 free parameters. Cost: two E-steps for each.
        Source: T. A. Louis (1982); Zucchini & MacDonald, Hidden Markov Models for Time Series, section 3.6.
        """
        asked = self._asked(X, known, lengths, ids, ended)
        with Display(progress) as display:
            return uncertainty.summary(asked, self._structure(), level, checks.options(self).n_jobs, display)

    @named
    @quiet
    def bootstrap(
        self, X: Any, n: int = 200, *, level: float = 0.95, random_state=None, lengths=None, ids=None, ended=None,
        progress: bool = False,
    ) -> uncertainty.Summary:  # fmt: skip
        """Parametric bootstrap: refit the model to `n` data sets simulated from it, with the lengths and the missing
        steps of X. Returns a table like that of `summary`; `draws` (n, n_names) has the parameters of each refit.

        Nothing is assumed about the shape of the likelihood, and parameters may be at their limits. Refits start from
        the parameters of the model, without labels. With endprob, sequences that ended are simulated until they end.
        The result is the same for any number of threads (n_jobs). progress : show on stderr how many refits are done.
        """
        asked = self._asked(X, None, lengths, ids, ended)
        options, rng = checks.options(self), checks.generator(random_state)
        with Display(progress) as display:
            return uncertainty.bootstrap(self, asked, self._structure(), n, level, rng, options.n_jobs, display)

    @named
    @quiet
    def evaluate(self, X: Any, y: Any = None, *, known: Any = None, lengths=None, ids=None, ended=None) -> Assessment:
        """Compare the most probable paths with the true states y: an `Assessment` with the accuracy, the precision,
        recall, F1 and support of each state, and the confusion matrix, which prints as a table.

        y : labels in the form of X; unknown ones (None, NaN) do not count, and a label that is not a state always
        counts as missed.

        `chmm.scoring.accuracy` is a scorer for scikit-learn. ImpossibleError if P(O) = 0.

        >>> from chmm import Categorical, Model
        >>> fever = Model(states=["healthy", "fever"], startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]],
        ...               emission=Categorical([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]], symbols=["normal", "cold", "dizzy"]))
        >>> fever.evaluate(["normal", "cold", "dizzy"], ["healthy", "fever", "fever"])
        accuracy 0.6667 of 3 steps
        <BLANKLINE>
                       precision  recall      f1  support
        'healthy'         0.5000  1.0000  0.6667        1
        'fever'           1.0000  0.5000  0.6667        2
        macro average     0.7500  0.7500  0.6667        3
        """
        if isinstance(X, Shards):
            X.refuse(y=y, known=known, lengths=lengths, ids=ids, ended=ended)
            return X.assessment(self._ready(), checks.options(self).n_jobs)
        if y is None:
            raise TypeError("y is missing: the labels of X")
        asked = self._asked(X, known, lengths, ids, ended)
        return evaluation.evaluate(asked, sequences.labels(y, asked.data), checks.options(self).n_jobs)

    @named
    @quiet
    def aic(self, X: Any, *, known: Any = None, lengths=None, ids=None, ended=None) -> float:
        """Akaike's information criterion, -2 log P(O) + 2 n_parameters_: the smaller, the better.

        ImpossibleError if P(O) = 0. `select` compares models by it.
        """
        return self._criteria(X, known, lengths, ids, ended).aic

    @named
    @quiet
    def bic(self, X: Any, *, known: Any = None, lengths=None, ids=None, ended=None) -> float:
        """The Bayesian information criterion, -2 log P(O) + n_parameters_ log(observed steps): the smaller, the better.

        >>> import numpy as np
        >>> from chmm import Model, Poisson
        >>> m = Model(startprob="stationary", transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Poisson([15, 26]))
        >>> x = [13, 14, 8, 30, 27]
        >>> bool(np.isclose(m.bic(x), -2 * m.score(x) + 4 * np.log(5)))
        True
        """
        return self._criteria(X, known, lengths, ids, ended).bic

    @named
    @quiet
    def icl(self, X: Any, *, known: Any = None, lengths=None, ids=None, ended=None) -> float:
        """The integrated completed likelihood: bic(X) + 2 H(Q | O), where H is the entropy of the paths given the data.

        It also favours states that can be told apart. Source: Biernacki, Celeux & Govaert (2000). Cost: that of
        `entropy`.
        """
        return self._criteria(X, known, lengths, ids, ended, True).icl

    def _criteria(self, X, known, lengths, ids, ended, with_icl=False):
        asked = self._asked(X, known, lengths, ids, ended)
        return choosing.criteria(asked, self.n_parameters_, with_icl, self.n_jobs)

    def _structure(self):
        fit = self._ready()
        return structure_of(self, fit.emission, known=fit.states)

    def _coordinates(self):
        return uncertainty.coordinates(self._structure(), self._ready())

    # Questions about the model ---------------------------------------------------------------------------------------

    @named
    @quiet
    def sample(self, n_steps: int | None = None, n_sequences: int | None = None, *, random_state: Any = None) -> Sample:
        """Draw observations and their states: `Sample(X, states)`; lists of them if `n_sequences` is given.

        A model of text draws str, other models arrays. n_steps=None, for a model with endprob : each sequence continues
        until it ends; ValueError if it may never end. With n_steps and `endprob` or `final_states`, paths are drawn
        given that they end after n_steps, in a state where they may end.
        """
        return sampling.sample(self._ready(), n_steps, n_sequences, checks.generator(random_state))

    @named
    @quiet
    def stationary_distribution(self) -> np.ndarray:
        """The distribution p of states that does not change from step to step, p = p transmat_. ValueError if there are
        several.

        A transition is ignored if its probability is below 2^-52, the rounding error of its row, or if its expected
        count in the training data is below 1e-6: EM leaves such traces of transitions for which there is no evidence.
        """
        fit = self._ready()
        return stationary_distribution(fit.transmat, fit.least_transition)

    @named
    @quiet
    def expected_durations(self) -> np.ndarray:
        """(n_states,), the mean number of steps of a visit: 1 / (1 - transmat[i, i]); inf for a state that is never
        left.

        With `endprob` a visit also ends when the sequence does: 1 / (1 - (1 - endprob[i]) transmat[i, i]).

        >>> from chmm import Categorical, Model
        >>> casino = Model(states=["fair", "loaded"], startprob=[0.5, 0.5], transmat=[[0.95, 0.05], [0.1, 0.9]],
        ...                emission=Categorical([[1 / 6] * 6, [0.1] * 5 + [0.5]]))
        >>> casino.expected_durations().round(9).tolist()
        [20.0, 10.0]
        """
        fit = self._ready()
        return durations.expected_durations(fit.transmat, fit.endprob)

    @named
    @quiet
    def passage_times(self) -> np.ndarray:
        """(n_states, n_states), the mean number of steps from i until j is first reached; for i = j, until it is
        visited again.

        m[i, j] = 1 + sum_k!=j transmat[i, k] m[k, j], for the chain alone, as if it continued for ever. inf if j may
        never be reached: out of an absorbing state, or back to a state that may be left for good. Transitions are
        ignored as in `stationary_distribution`; if that distribution p exists, m[i, i] = 1 / p[i]. Cost: n_states^4.
        Source: Kemeny and Snell (1960), III and IV.

        >>> from chmm import Categorical, Model
        >>> before = Model(startprob=[1, 0], transmat=[[0.96, 0.04], [0, 1]], emission=Categorical([[1.0], [1.0]]))
        >>> before.passage_times().round(9).tolist()
        [[inf, 25.0], [inf, 1.0]]
        """
        fit = self._ready()
        return durations.passage_times(fit.transmat, fit.least_transition)

    def save(self, path_or_file: files.PathOrFile, metadata: dict[str, str] | None = None) -> None:
        """Write the model, its arguments and what was learnt, to one file in the safetensors layout, without pickle.

        metadata : notes of your own, {str: str}, which `chmm.files.metadata(path)` and any reader of safetensors
        return.

        Not saved: the statistics of the fit, and a random_state other than an int. The file is written completely or
        not at all. `Model.load` reads it.
        """
        files.save(self, self._ready(), path_or_file, metadata)

    @classmethod
    def load(cls, path_or_file: files.PathOrFile, *, emissions: Sequence[type[Emission]] = ()) -> Self:
        """The model that `save` wrote, the same to the last bit. emissions : your own Emission classes, if it uses any.

        ValueError if the file is damaged or does not hold a model; OSError if it cannot be read.

        >>> import io
        >>> from chmm import Categorical, Model
        >>> coin = Model(startprob=[1.0], transmat=[[1.0]], emission=Categorical([[0.5, 0.5]]))
        >>> coin.save(file := io.BytesIO())
        >>> Model.load(io.BytesIO(file.getvalue())).emission_.probs
        array([[0.5, 0.5]])
        """
        if not isinstance(emissions, list | tuple) or not all(isinstance(family, type) for family in emissions):
            raise TypeError(f"emissions = {emissions!r} must be a list of classes, such as [Rice]")
        return files.load(cls, path_or_file, emissions, OWN)

    @classmethod
    def from_hmmlearn(cls, m: Any) -> Self:
        """Convert an hmmlearn model: a model with the same parameters, and the same score for the same data.

        m : a CategoricalHMM, GaussianHMM, GMMHMM, MultinomialHMM or PoissonHMM with parameters, or one of the
        variational classes, whose mean parameters are used.

        States keep their order. Priors and EM options are not converted, because they have different defaults here;
        docs/moving.md lists their names.

        TypeError for another object, NotFittedError if it has no parameters, ValueError if rows do not sum to 1.
        """
        from . import moving

        model = cls(**moving.from_hmmlearn(m))
        model._ready()
        return model

    # Parameters ------------------------------------------------------------------------------------------------------

    startprob_ = property(lambda self: self._ready().startprob, doc="(n_states,), P(q_1 = i).")
    transmat_ = property(lambda self: self._ready().transmat, doc="(n_states, n_states), P(q_t+1 = j | q_t = i).")
    emission_ = property(lambda self: self._ready().emission, doc="The emission with its parameters.")
    n_states_ = property(lambda self: len(self._ready().states), doc="Number of states.")
    n_features_in_ = property(lambda self: self._ready().emission.n_features or 1, doc="Number of columns of a step.")
    history_ = property(lambda self: self._learnt().history, doc="(k,), the objective that EM step k started from.")
    n_iter_ = property(lambda self: self._learnt().n_iter, doc="Number of EM steps.")
    converged_ = property(lambda self: self._learnt().converged, doc="Whether the tolerance was met.")
    loglik_ = property(
        lambda self: self._learnt().loglik,
        doc="log P(O) of the training data; with labels, log P(O, Q); None after `m_step`.",
    )
    report_ = property(
        lambda self: Report(self._learnt().report),
        doc="`Report`, what the fit met: a mapping of facts that prints as sentences; docs/learning.md explains each.",
    )

    @property
    def endprob_(self) -> np.ndarray:
        """(n_states,), P(the sequence ends | state), if the model has endprob."""
        endprob = self._ready().endprob
        if endprob is None:
            raise AttributeError("this model has no ends: Model(endprob=True) learns their probabilities")
        return endprob

    @property
    def states_(self) -> np.ndarray:
        """Names of the states, in the order of every axis."""
        fit = self._ready()
        return np.arange(len(fit.states)) if fit.names is None else fit.names

    @property
    def statistics_(self) -> Statistics:
        """`Statistics`: the counts of the labels, or the expected counts of the last E-step."""
        statistics = self._learnt().statistics
        if statistics is None:
            raise not_fitted("this model was loaded or reordered, and has no statistics; fit it to have them")
        return statistics

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns, if the model was fitted to a frame whose column names are str."""
        columns = self._ready().columns
        if columns is None:
            raise AttributeError("Model has no feature_names_in_: it was not fitted to a frame with names for columns")
        return np.array(columns, dtype=object)

    # scikit-learn's conventions --------------------------------------------------------------------------------------

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

    def get_params(self, deep: bool = True) -> dict:
        """The constructor's arguments, including those of a subclass; deep : also those of the emission, such as
        emission__prior."""
        own = {name: getattr(self, name) for name in _arguments(type(self))}
        if deep and isinstance(emission := own.get("emission"), Emission):
            own |= {f"emission__{name}": value for name, value in emission.nested_arguments().items()}
        return own

    def set_params(self, **params: Any) -> "Model":
        """Change constructor arguments; the learnt parameters stay until the next fit.

        emission__prior changes that argument of the emission, emission__step__prior that of the channel `step` of a
        Product. The model then has a new emission; the original one is not changed.

        >>> from chmm import Gaussian, Model
        >>> Model(2, Gaussian()).set_params(emission__covariance="full").emission
        Gaussian(covariance='full')
        """
        known = _arguments(type(self))
        inner = {name: value for name, value in params.items() if name.startswith("emission__")}
        if inner and "emission" in known:
            params = {name: value for name, value in params.items() if name not in inner}
            emission = params.get("emission", self.emission)
            if not isinstance(emission, Emission):
                raise ValueError(
                    f"emission = {shown(emission)} has no {next(iter(inner))!r}: give an Emission, such as Gaussian()"
                )
            changes = {name.removeprefix("emission__"): value for name, value in inner.items()}
            params["emission"] = emission.changed(**changes)
        for name in params:
            if name not in known:
                hint = hints.ARGUMENTS.get(name, f"it has {', '.join(known)}")
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}; {hint}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __dir__(self):
        """Without the names of other libraries, which are there for their errors only."""
        return sorted(set(super().__dir__()) - hints.ELSEWHERE.keys() | vars(self).keys())

    def __setattr__(self, name, value):
        if name not in OWN and not name.startswith("_"):
            if isinstance(getattr(Model, name, None), property):
                raise AttributeError(
                    f"{name} is learnt and cannot be assigned; to change parameters make a model with them: "
                    "Model(emission=m.emission_, startprob=m.startprob_, transmat=..., states=m.states_)"
                )
            if type(self) is Model:
                hint = hints.ELSEWHERE.get(name, f"it has {', '.join(OWN)}")
                raise AttributeError(f"Model has no argument {name!r} to set; {hint}")
        object.__setattr__(self, name, value)

    # `_fit` is what was learnt or loaded. A model whose parameters are all given instead keeps what it made of them in
    # `_given`, together with the very arguments that this was made from.

    _fit: Fit | None = None
    _given: tuple = ((), None)

    def _learnt(self) -> Fit:
        if self._fit is None:
            raise not_fitted("this Model has not been fitted: call fit(X) or fit(X, y)")
        return self._fit

    def _ready(self) -> Fit:
        """The parameters: learnt, or all given."""
        if self._fit is not None:
            return self._fit
        arguments = MADE_FROM(self)
        known, fit = self._given
        if fit is not None and all(map(is_, arguments, known)):
            return fit
        emission: Any = self.emission
        complete = isinstance(emission, Emission) and emission.complete
        example = emission.lacking if isinstance(emission, Emission) else "Categorical(probs)"
        prescribed = self.startprob is not None or check_topology(self) not in (None, "cyclic")
        lacking = {
            "startprob": not prescribed,
            "transmat": self.transmat is None,
            "endprob as numbers": self.endprob is True,
            f"an emission with its parameters, such as {example}": not complete,
        }
        if any(lacking.values()):
            *some, last = (name for name, missing in lacking.items() if missing)
            none = "no parameters yet" if len(some) > 1 else "not all parameters yet"
            what = f"{', '.join(some)} and {last}" if some else last
            raise not_fitted(f"this Model has {none}: call fit(X) or fit(X, y), or give {what}")
        checks.options(self)
        given = structure_of(self, emission)
        assert given.startprob is not None and given.transmat is not None
        fit = Fit(
            given.startprob, given.transmat, copy.deepcopy(emission).published(), given.states, given.allowed,
            endprob=given.endprob,
        )  # fmt: skip
        self._given = arguments, fit
        return fit

    def __repr__(self):
        try:
            fit = self._ready()
        except (NotFittedError, TypeError, ValueError):
            defaults = _arguments(type(self))
            given = [f"{name}={v!r}" for name, v in self.get_params(deep=False).items() if v is not defaults[name]]
            return f"{type(self).__name__}({', '.join(given)})"
        return "\n".join([f"{type(self).__name__}({fit.title()})", *fit.rows_of_text()])

    def _repr_html_(self):
        if not self.__sklearn_is_fitted__():
            return html.plain(repr(self))
        return html.model(self._ready(), type(self).__name__)


def _there(data, told, weight, ended):
    """The arguments, without the sequences of weight 0."""
    if weight is None or weight.all():
        return data, told, weight, ended
    return questions.chosen(weight > 0, data, told, weight, ended)


def _arguments(model_class: Any) -> dict:
    """Name and default of each argument of the constructor; if it takes **options, of the base class as well."""
    found: dict[str, Any] = {}
    for above in model_class.__mro__:
        if "__init__" not in vars(above):
            continue
        parameters = list(inspect.signature(above.__init__).parameters.values())[1:]
        named = {p.name: p.default for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        found = {**named, **found}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found


OWN = _arguments(Model)
