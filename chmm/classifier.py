"""Which class is a sequence of: a model for each class, and Bayes' rule."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import checks, inference, passes, sequences, training
from .display import Display, followed
from .exceptions import ImpossibleError, not_fitted, quiet
from .model import Model
from .parallel import titled, until
from .questions import Question
from .structure import knows_ends
from .symbols import plain, shown


class SequenceClassifier:
    """Classifies sequences by Bayes' rule: P(class | O) is proportional to priors[class] P(O | the model of the class).

    Parameters
    ----------
    model : a `Model`, of which each class fits a copy; or {class: Model}, with different options for each class.
    priors : probabilities of the classes, {class: probability}; "uniform"; None: the shares in the training data.
    n_jobs : number of threads, each of which fits one class; -1 uses all cores.

    Names of classes are str, int or bool. The alphabet and the scale of priors are taken from all classes together, so
    a symbol that never occurs in a class has probability 0 there and is not an error; a `pseudocount` is advisable.
    After `fit`: classes_ (n_classes,), sorted; models_, a dict of them; priors_ (n_classes,). It is a scikit-learn
    classifier for lists of sequences, and works with `GridSearchCV` (parameters such as model__n_states) and
    `cross_val_score`.

    >>> from chmm import Model, SequenceClassifier
    >>> names = ["anna", "hannah", "otto", "bob", "lana", "ada", "tom", "rolf", "jon"]
    >>> endings = ["f", "f", "m", "m", "f", "f", "m", "m", "m"]
    >>> clf = SequenceClassifier(Model(2, pseudocount=0.1, n_init=2, random_state=0)).fit(names, endings)
    >>> clf.predict(["hanna", "bolt"]).tolist()
    ['f', 'm']
    """

    def __init__(self, model: Model | Mapping[Any, Model], *, priors: Any = None, n_jobs: int = 1):
        self.model = model
        self.priors = priors
        self.n_jobs = n_jobs

    # Learning ---------------------------------------------------------------------------------------------------------

    @quiet
    def fit(
        self, X: Any, y: Any, *, lengths=None, ids=None, sample_weight=None, ended=None, progress: bool = False
    ) -> "SequenceClassifier":
        """Learn a model for each class. Returns the classifier.

        X : sequences. y : the class of each, as a list, or a dict with the keys of X. ended : as in `Model.fit`, for
        models with ends. sample_weight : (n_sequences,), also used for the priors. progress : show on stderr how many
        classes are learnt, and the result of the last fit.
        """
        data = sequences.read(X, lengths, ids)
        weight = checks.sequence_weights(sample_weight, data)
        labels = _classes(y, data)
        classes = sorted(set(labels))
        models = self._models(classes)
        flags = None if ended is None else checks.ended_sequences(ended, data, True)
        place = {name: k for k, name in enumerate(classes)}
        codes = np.array([place[name] for name in labels], dtype=np.intp)
        mass = np.bincount(codes, weight, len(classes))
        priors = self._priors(classes, mass)
        jobs, seeds = checks.check_jobs(self.n_jobs), {n: checks.own_seed(m.random_state) for n, m in models.items()}

        def learn(name, stop):
            mine = (codes == place[name]) & (True if weight is None else weight > 0)
            if not (np.diff(data.bounds)[mine] > 0).any():
                raise ValueError(f"class {shown(name)} has no sequence with steps to learn from")
            model, own = models[name], None if weight is None else weight[mine]
            emission, seen = passes.survey(model.emission, data)  # of all classes
            told = copy.copy(model).set_params(emission=emission, random_state=seeds[name])
            last = flags[mine] if flags is not None and knows_ends(model) else None
            return model._with(training.fit(told, data.chosen(mine), None, own, last, until(stop), seen))

        def found(k, model):
            return f"; {shown(classes[k])}: {model._ready().outcome()}"

        tasks = [titled(f"class {shown(name)}", learn, name) for name in classes]
        with Display(progress) as display:
            learnt = followed(display, tasks, jobs, "classes", found)
        self.classes_ = np.array(classes)
        self.models_ = dict(zip(classes, learnt, strict=True))
        self.priors_ = priors
        return self

    @classmethod
    def from_models(cls, models: Mapping[Any, Model], *, priors: Any = "uniform") -> "SequenceClassifier":
        """A classifier made from existing models, {class: Model}, with given parameters, fitted elsewhere, or loaded.

        >>> from chmm import Categorical, Model, SequenceClassifier
        >>> def coin(heads):
        ...     return Model(startprob=[1], transmat=[[1]], emission=Categorical([[heads, 1 - heads]], symbols="ht"))
        >>> clf = SequenceClassifier.from_models({"fair": coin(0.5), "loaded": coin(0.8)})
        >>> clf.predict_proba("hhhh").round(2).tolist()
        [0.13, 0.87]
        """
        if not isinstance(models, Mapping) or not models:
            raise TypeError(f"models = {shown(models)} must be {{class: Model}}")
        made = cls(models, priors=priors)
        classes = sorted(_names(models, "models"))
        made.models_ = {name: made._models(classes)[name] for name in classes}
        for model in made.models_.values():
            model._ready()
        if priors is None:
            raise ValueError("priors = None are the shares in training data, and there are none: give them")
        made.classes_, made.priors_ = np.array(classes), made._priors(classes, np.ones(len(classes)))
        return made

    def _models(self, classes):
        """{class: Model}"""
        if isinstance(self.model, Mapping):
            models = dict(self.model)
            if set(models) != set(classes):
                raise ValueError(f"model has the classes {shown(list(models))}, y has {shown(classes)}")
        else:
            models = dict.fromkeys(classes, self.model)
        for name, model in models.items():
            if not isinstance(model, Model):
                where = f"model[{name!r}]" if isinstance(self.model, Mapping) else "model"
                raise TypeError(f"{where} = {shown(model)} must be a Model, such as Model(5), or {{class: Model}}")
        return models

    def _priors(self, classes, mass):
        if self.priors is None:
            return mass / mass.sum()
        if isinstance(self.priors, str):
            if self.priors != "uniform":
                raise ValueError(f"priors = {self.priors!r} must be {{class: probability}}, 'uniform' or None")
            return np.full(len(classes), 1 / len(classes))
        if isinstance(self.priors, Mapping):
            if set(self.priors) != set(classes):
                raise ValueError(f"priors has the classes {shown(list(self.priors))}, y has {shown(classes)}")
            return checks.check_probabilities([self.priors[name] for name in classes], "priors", (len(classes),))
        raise TypeError(f"priors = {shown(self.priors)} must be {{class: probability}}, 'uniform' or None")

    # Questions: each takes one or many --------------------------------------------------------------------------------

    def predict(self, X: Any, *, lengths=None, ids=None, ended=None) -> Any:
        """The most probable class of each sequence: an array of names; for a single sequence a name, for a dict a dict.

        ImpossibleError if a sequence is impossible in every class. Ties take the first class.
        """
        data, proba = self._posterior(X, lengths, ids, ended)
        best = proba.argmax(axis=1)
        return data.collect(self.classes_[best].tolist()) if data.form in ("one", "dict") else self.classes_[best]

    def predict_proba(self, X: Any, *, lengths=None, ids=None, ended=None) -> Any:
        """(n_sequences, n_classes), P(class | O), in the order of classes_; for one sequence (n_classes,), for a dict a
        dict. ImpossibleError if a sequence is impossible in every class."""
        data, proba = self._posterior(X, lengths, ids, ended)
        return data.collect(list(proba)) if data.form in ("one", "dict") else proba

    def score(self, X: Any, y: Any, *, lengths=None, ids=None, sample_weight=None, ended=None) -> float:
        """The accuracy: the share of sequences whose class is predicted."""
        data, proba = self._posterior(X, lengths, ids, ended)
        weight = checks.sequence_weights(sample_weight, data)
        names = self.classes_[proba.argmax(axis=1)].tolist()
        right = [name == label for name, label in zip(names, _classes(y, data), strict=True)]
        if not right:
            raise ValueError("X holds no sequences, so there is no accuracy")
        return float(np.average(right, weights=weight))

    @quiet
    def _posterior(self, X, lengths, ids, ended):
        """(Sequences, P(class | O) (S, n_classes))"""
        if not hasattr(self, "models_"):
            raise not_fitted("this SequenceClassifier has not been fitted: call fit(X, classes)")
        columns = []
        for model in self.models_.values():
            fit = model._ready()
            data = fit.read(X, lengths, ids)
            flags = checks.ended_sequences(ended, data, True) if fit.ends else None
            problem = Question(fit, data, None, flags).problem()
            columns.append(inference.log_likelihood(problem, model.n_jobs).loglik)
        logs = np.log(self.priors_) + np.stack(columns, axis=1)
        top = logs.max(axis=1)
        impossible = np.flatnonzero(top == -np.inf)
        if len(impossible):
            s = int(impossible[0]) if data.keys is None else shown(data.keys[impossible[0]])
            which = "the sequence" if data.form == "one" else f"sequence {s}"
            raise ImpossibleError(
                f"{which} has probability 0 in every class; a pseudocount keeps probabilities away from 0",
                impossible.tolist(),
            )
        share = np.exp(logs - top[:, None])
        return data, share / share.sum(axis=1, keepdims=True)

    # scikit-learn's conventions ---------------------------------------------------------------------------------------

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(string=True, allow_nan=True),
        )

    def __sklearn_is_fitted__(self):
        return hasattr(self, "models_")

    def get_params(self, deep: bool = True) -> dict:
        """The constructor's arguments; deep : those of the model, too, as model__n_states and so on."""
        own = {"model": self.model, "priors": self.priors, "n_jobs": self.n_jobs}
        if deep and isinstance(self.model, Model):
            own |= {f"model__{name}": value for name, value in self.model.get_params().items()}
        return own

    def set_params(self, **params: Any) -> "SequenceClassifier":
        """Change arguments, such as model__n_states of the model; what was learnt stays until the next fit."""
        own = {name: value for name, value in params.items() if not name.startswith("model__")}
        inner = {name.removeprefix("model__"): params[name] for name in params.keys() - own.keys()}
        for name in own:
            if name not in ("model", "priors", "n_jobs"):
                raise ValueError(f"SequenceClassifier has no parameter {name!r}: model, priors, n_jobs, model__...")
        model = own.get("model", self.model)
        if inner:
            if not isinstance(model, Model):
                raise ValueError("model is a dict: change the models in it")
            model.set_params(**inner)
        for name, value in own.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        if not hasattr(self, "models_"):
            return f"SequenceClassifier({self.model!r})"
        lines = [f"SequenceClassifier of {len(self.classes_)} classes"]
        for (name, model), prior in zip(self.models_.items(), self.priors_, strict=True):
            fit = model._ready()
            lines.append(f"  {shown(name)}: prior {prior:.3g}, {fit.title()}")
        return "\n".join(lines)


def _classes(y, data):
    """The name of the class of each sequence."""
    if isinstance(y, str | bytes) and data.form == "one":
        y = [y]
    if isinstance(y, Mapping) or (data.form == "dict" and hasattr(y, "keys")):
        if data.form != "dict" or set(y.keys()) != set(data.keys):
            raise ValueError(f"y must have the keys of X, {shown(data.keys)}, got {shown(list(y.keys()))}")
        y = [y[key] for key in data.keys]
    array = list(y) if hasattr(y, "__iter__") and getattr(y, "ndim", 1) else [y]
    if len(array) != data.n_sequences:
        raise ValueError(f"y has {len(array)} classes for {data.n_sequences} sequences; there must be one for each")
    return _names(array, "y")


def _names(values, argument):
    """Plain names of classes, of one kind."""
    names = [plain(name) for name in values]
    for k, name in enumerate(names):
        if not isinstance(name, str | int):
            raise TypeError(f"{argument}[{k}] = {shown(name)} must be the name of a class: a str, an int or a bool")
    kinds = sorted({type(name).__name__ for name in names})
    if len(kinds) > 1:
        raise TypeError(f"{argument} holds {' and '.join(kinds)}; all classes must have the same type")
    return names
