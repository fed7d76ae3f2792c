"""Hidden Markov models: learn from sequences with or without labels, evaluate, smooth, filter, decode.

>>> from chmm import Model
>>> Model(pseudocount=0.1).fit(["abab", "ba"], ["XYXY", "YX"]).decode("bab").path.tolist()
['Y', 'X', 'Y']
"""

from . import hints, plot, scoring
from .chain import MarkovChain
from .checking import Normality, normality
from .classifier import SequenceClassifier
from .emissions import (
    Bernoulli,
    Beta,
    Categorical,
    Emission,
    Exponential,
    Gamma,
    Gaussian,
    LogNormal,
    Mixture,
    Multinomial,
    NegativeBinomial,
    PerState,
    Poisson,
    Precomputed,
    Product,
    StudentT,
    Tied,
    VonMises,
    ZeroInflated,
)
from .evaluation import Assessment
from .exceptions import ConvergenceWarning, ImpossibleError, NotFittedError
from .forecasting import Forecast
from .model import Model
from .results import Backward, Decoding, Forward, Posteriors, Pushed, Rest, Sample, Viterbi
from .scores import Scores
from .segmentation import Evaluation, Segmenter
from .segments import Segment, Segments
from .selection import Selection, select
from .shards import Shards, shards
from .statistics import Statistics
from .stream import Stream
from .transformer import SequenceTransformer
from .uncertainty import Estimate, Summary

__version__ = "0.1.0"


def __getattr__(name: str):
    hints.refuse_class(__name__, name)


__all__ = [
    "Assessment",
    "Backward",
    "Bernoulli",
    "Beta",
    "Categorical",
    "ConvergenceWarning",
    "Decoding",
    "Emission",
    "Estimate",
    "Evaluation",
    "Exponential",
    "Forecast",
    "Forward",
    "Gamma",
    "Gaussian",
    "ImpossibleError",
    "LogNormal",
    "MarkovChain",
    "Mixture",
    "Model",
    "Multinomial",
    "NegativeBinomial",
    "Normality",
    "NotFittedError",
    "PerState",
    "Poisson",
    "Posteriors",
    "Precomputed",
    "Product",
    "Pushed",
    "Rest",
    "Sample",
    "Scores",
    "Segment",
    "Segmenter",
    "Segments",
    "Selection",
    "SequenceClassifier",
    "SequenceTransformer",
    "Shards",
    "Statistics",
    "Stream",
    "StudentT",
    "Summary",
    "Tied",
    "Viterbi",
    "VonMises",
    "ZeroInflated",
    "normality",
    "plot",
    "scoring",
    "select",
    "shards",
]
