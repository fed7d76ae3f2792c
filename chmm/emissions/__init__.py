"""One family of observations per file. A family turns distinct values into rows and weighted values into parameters."""

import numpy as np

from ..checks import check_frozen
from ..symbols import distinct, shown
from .base import Emission
from .bernoulli import Bernoulli
from .beta import Beta
from .categorical import Categorical
from .composite import Composite
from .constructors import check_parameter, check_prior, check_pseudo_observations
from .exponential import Exponential
from .gamma import Gamma
from .gaussian import Gaussian
from .log_normal import LogNormal
from .mixture import Mixture
from .multinomial import Multinomial
from .negative_binomial import NegativeBinomial
from .observing import Observed, all_whole
from .per_state import PerState
from .poisson import Poisson
from .precomputed import Precomputed
from .product import Product
from .student_t import StudentT
from .survey import Survey
from .tied import Tied
from .von_mises import VonMises
from .zero_inflated import ZeroInflated

FAMILIES = (
    Categorical,
    Multinomial,
    Bernoulli,
    Poisson,
    NegativeBinomial,
    Gaussian,
    StudentT,
    Exponential,
    Gamma,
    LogNormal,
    Beta,
    VonMises,
    ZeroInflated,
    Mixture,
    Product,
    PerState,
    Tied,
    Precomputed,
)
__all__ = ["FAMILIES", "Emission", "Observed", "Survey", "choose"]
__all__ += ["check_frozen", "check_parameter", "check_prior", "check_pseudo_observations"]  # for families of one's own
__all__ += [family.__name__ for family in FAMILIES]

MAX_SYMBOLS = 64  # integers with more distinct values are not guessed to be symbols
BY_NAME = {family.__name__.lower(): family for family in FAMILIES if not issubclass(family, Composite)}


def choose(emission, data):
    """The emission to learn: as given, by its name, or for "auto" by the kind of the data."""
    if isinstance(emission, Emission):
        return emission
    if not isinstance(emission, str):
        example = (
            f"{emission.__name__}()"
            if isinstance(emission, type) and issubclass(emission, Emission)
            else "Categorical()"
        )
        raise TypeError(f"emission must be an Emission such as {example}, its name, or 'auto'; got {shown(emission)}")
    if emission != "auto":
        name = emission.lower().replace("_", "").replace("-", "").replace(" ", "")
        if name not in BY_NAME:
            raise ValueError(
                f"emission = {shown(emission)} is not the name of a family; there are {', '.join(BY_NAME)}, "
                "and ZeroInflated, Mixture, Product, PerState and Tied of them"
            )
        return BY_NAME[name]()
    if data.kind in ("text", "words") or (data.kind == "bools" and np.ndim(data.values) == 1):
        return Categorical()
    if data.kind == "columns":
        kinds = [part.kind for part in data.values.parts]
        names = range(len(kinds)) if data.names is None else data.names
        held = ", ".join(f"{name!r} {kind}" for name, kind in zip(names, kinds, strict=True))
        likely = ["Gaussian()" if kind == "numbers" else "Categorical()" for kind in kinds]
        if all(isinstance(name, str) and name.isidentifier() for name in names):
            likely = [f"{name}={family}" for name, family in zip(names, likely, strict=True)]
        raise TypeError(
            f"X has columns of several kinds ({held}); say what each is, by a family such as Categorical, Gaussian, "
            f"Gamma, Poisson or VonMises: emission=Product({', '.join(likely)})"
        )
    if data.kind in ("integers", "bools"):
        if np.ndim(data.values) == 2:
            raise ValueError(
                f"X holds {data.kind} in an array of {data.values.shape}; say what a row is: emission=Bernoulli() "
                "for columns of 0 and 1, Multinomial() for counts out of a total, Poisson() for other counts, "
                "Gaussian() for measurements. If its rows are sequences, pass list(X); if its columns are, list(X.T)"
            )
        values = data.values if data.missing is None else data.values[~data.missing]
        n = len(distinct(values))
        if n <= MAX_SYMBOLS:
            return Categorical()
        raise ValueError(
            f"X holds {n} distinct integers, too many to be taken as symbols automatically; say what they are: "
            "emission=Categorical() for symbols, Poisson() for counts, Gaussian() for measurements"
        )
    if data.kind == "numbers":
        if not all_whole(data.numbers):
            return Gaussian()
        held = "whole numbers and missing values" if data.gaps else "floats that are all whole"
        raise TypeError(
            f"X holds {held}; say what they are: emission=Gaussian() for measurements, Poisson() for counts, "
            "Categorical() for symbols"
        )
    raise ValueError("X holds nothing but missing values; say what they are: emission=Gaussian(), Categorical(...)")
