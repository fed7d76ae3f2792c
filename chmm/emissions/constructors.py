"""Checks of what the constructor of a family is given."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import SUM_TOLERANCE, as_floats, check_pseudocount, read_only, refuse_row_names
from ..symbols import shown

Given = ArrayLike | None  # a parameter as the constructor takes it; None: learnt
Frozen = str | Iterable[str] | Mapping[str, Any]  # names of parameters, or masks by name


def check_parameter(
    values: Any, name: str, *, above=None, least=None, most=None, below=None, ndim: int = 2
) -> np.ndarray | None:
    """A parameter given by the user as a read-only float64 array (N, D), each number in its range; None stays None.

    An array (N,), one number for each state, becomes one column.
    """
    if values is None:
        return None
    refuse_row_names(values, name)
    array = as_floats(values, name)
    if ndim == 2 and array.ndim == 1:
        array = array[:, None]
    if array.ndim != ndim or not array.size:
        want = "(n_states, n_features), or (n_states,) for one feature" if ndim == 2 else f"{ndim} axes"
        raise ValueError(f"{name} has shape {np.shape(values)}; it must have {want}")
    if least == 0:  # the grace that entries of other probabilities have
        array[(array < 0) & (array >= -SUM_TOLERANCE)] = 0.0
    if most == 1:
        array[(array > 1) & (array <= 1 + SUM_TOLERANCE)] = 1.0
    rules = [
        (~np.isfinite(array), "finite"),
        (array <= above if above is not None else None, f"> {above}"),
        (array < least if least is not None else None, f">= {least}"),
        (array >= below if below is not None else None, f"< {below}"),
        (array > most if most is not None else None, f"<= {most}"),
    ]
    for wrong, text in rules:
        if wrong is not None and wrong.any():
            at = np.argwhere(wrong)[0].tolist()
            raise ValueError(f"{name}{at} = {array[tuple(at)]} must be {text}")
    return read_only(array)


def check_prior(prior: Any, name: str = "prior") -> float:
    """The strength of a prior in steps, a number >= 0."""
    return check_pseudocount(prior, name)


def check_pseudo_observations(prior: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Check `prior=(values, weights)` of a user's family: values (R,) or (R, D), and the weight of each in every state,
    (R,) or one number for all. None: no prior."""
    if prior is None:
        return None
    if not isinstance(prior, list | tuple) or len(prior) != 2:
        raise TypeError(f"prior = {shown(prior)} must be (values, weights), such as ([0.5, 2.0], 0.1)")
    values, weights = as_floats(prior[0], "values of the prior"), as_floats(prior[1], "weights of the prior")
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or weights.shape not in ((), (len(values),)):
        raise ValueError(
            f"prior has values of shape {np.shape(prior[0])} and weights of shape {weights.shape}; it must be values "
            "(R,) or (R, n_features), and a weight for each"
        )
    weights = np.broadcast_to(weights, len(values)).copy()
    if not np.isfinite(values).all() or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError("values of the prior must be finite, and its weights finite and >= 0")
    return read_only(values), read_only(weights)


def same_shape(**arrays):
    """ValueError unless all given arrays have the same shape."""
    known = {name: a.shape for name, a in arrays.items() if a is not None}
    if len(set(known.values())) > 1:
        raise ValueError(
            " and ".join(f"{name} has shape {shape}" for name, shape in known.items()) + "; they must agree"
        )
