"""Models and tables of other programs, as they are written here."""

import ast
import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from .emissions import Categorical, Emission, Gaussian, Mixture, Multinomial, Poisson
from .exceptions import not_fitted
from .scores import Scores
from .symbols import shown

# hmmlearn ------------------------------------------------------------------------------------------------------------


def from_hmmlearn(m: Any) -> dict[str, Any]:
    """The arguments of the Model with the parameters of one of hmmlearn's, which is only read."""
    name = next((c.__name__ for c in type(m).__mro__ if c.__module__.split(".")[0] == "hmmlearn"), None)
    if name is None:
        raise TypeError(f"m = {shown(m)} must be a model of hmmlearn, such as GaussianHMM")
    if name not in HMMLEARN:
        raise TypeError(f"hmmlearn's {name} has no counterpart; those of {', '.join(HMMLEARN)} have one")
    try:
        startprob, transmat, emission = m.startprob_, m.transmat_, HMMLEARN[name](m)
    except AttributeError as error:
        raise not_fitted(f"this {name} has no parameters yet: fit it, or set them ({error})") from error
    empty = np.flatnonzero(np.sum(transmat, axis=-1) == 0)
    if len(empty):
        i, n = empty[0], len(transmat)
        raise ValueError(
            f"transmat[{i}] sums to 0: where hmmlearn learnt, no step left state {i}, so say where it goes, such as "
            f"m.transmat_[{i}] = 1 / {n}"
        )
    return {"startprob": np.array(startprob), "transmat": np.array(transmat), "emission": emission}


def _gaussian(m):
    form, covariances = m.covariance_type, np.asarray(m._covars_)  # covars_ would make matrices of them
    if form == "spherical" and covariances.ndim == 2:  # a fit leaves the variance of a state once for each column
        covariances = covariances[:, 0]
    return Gaussian(m.means_, covariances, covariance=form)


def _mixture(m):
    """Components are rows of one family here, those of state 0 first. What is "tied" there is tied within a state."""
    n_states, n, d = np.shape(m.means_)
    form, covariances = m.covariance_type, np.asarray(m.covars_)  # (N, n, ...); tied (N, D, D)
    if form == "tied":
        form, covariances = "full", np.repeat(covariances, n, axis=0)
    else:
        covariances = covariances.reshape(n_states * n, *covariances.shape[2:])
    components = Gaussian(np.reshape(m.means_, (n_states * n, d)), covariances, covariance=form)
    return Mixture(components, n, m.weights_)


def _multinomial(m):
    n = m.n_trials
    return Multinomial(m.emissionprob_, n_draws=int(n) if np.ndim(n) == 0 and n is not None else 1)


def _categorical(m):
    return Categorical(m.emissionprob_)


HMMLEARN: dict[str, Callable[[Any], Emission]] = {
    "CategoricalHMM": _categorical,
    "GaussianHMM": _gaussian,
    "GMMHMM": _mixture,
    "MultinomialHMM": _multinomial,
    "PoissonHMM": lambda m: Poisson(m.lambdas_),
    "VariationalCategoricalHMM": _categorical,
    "VariationalGaussianHMM": _gaussian,
}

# jieba ---------------------------------------------------------------------------------------------------------------

Path = str | os.PathLike
TABLES = ("prob_start", "prob_trans", "prob_emit")  # Python files that hold P={...}, logarithms
NEVER = -3.14e100  # jieba's logarithm of 0


def from_jieba(folder: Path | None = None) -> Scores:
    """jieba's tables, those of the installed package or those in a folder; nothing is imported or executed."""
    if folder is None:
        found = find_spec("jieba")
        if found is None or found.origin is None:
            raise ModuleNotFoundError("jieba is not installed: pip install jieba, or name the folder of its tables")
        folder = os.path.join(os.path.dirname(found.origin), "finalseg")
    start, transitions, emission = (_table(os.path.join(folder, f"{name}.py")) for name in TABLES)
    return Scores(start, transitions, emission, states="BMES")


def to_jieba(scores: tuple[np.ndarray, np.ndarray, np.ndarray], symbols: Any, folder: Path) -> None:
    """Write (start, transitions, emission), logarithms in the order BMES, as the three files of jieba.finalseg."""

    def row(values, names):
        return {name: value for name, value in zip(names, values.tolist()) if value > -np.inf}

    start, transitions, emission = scores
    tables = (
        dict(zip("BMES", np.maximum(start, NEVER).tolist())),
        dict(zip("BMES", (row(values, "BMES") for values in transitions))),
        dict(zip("BMES", (row(values, symbols) for values in emission))),
    )
    os.makedirs(folder, exist_ok=True)
    for name, table in zip(TABLES, tables):
        with open(os.path.join(folder, f"{name}.py"), "w", encoding="utf-8") as file:
            file.write(f"P={table!r}\n")


def _table(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return _without_never(ast.literal_eval(text[text.index("{") :].strip()))
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"{path} is not a table of jieba, P={{...}}: {error}") from error


def _without_never(table):
    """-inf for jieba's logarithm of 0."""
    if isinstance(table, dict):
        return {key: _without_never(value) for key, value in table.items()}
    return -np.inf if isinstance(table, float) and table <= NEVER else table
