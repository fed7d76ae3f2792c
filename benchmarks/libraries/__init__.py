"""One adapter a library.

`build(problem, **options)`, and `build_gaussian` for Gaussian emissions, gives an object that holds the model and the
data in the form its library likes best (none of that is timed) and has one method for each task it can do, or None.
agreement.py compares what they return:

    score()       log P(O) over all sequences
    decode()      Viterbi paths: one array, or a list with one a sequence; states as numbers or as B, M, E, S
    posteriors()  gamma: one array, or a list with one a sequence
    fit()         startprob, transmat, emission after one EM iteration from the problem's own parameters; the emission
                  of Gaussians is means, variances
    count()       the same three, counted from labelled text (None: the library does not show them)
    cut()         the words of each text, by a segmenter trained beforehand
"""

from importlib import import_module
from importlib.util import find_spec

from problems import Gaussian

# name in the tables: (module here and package imported, options)
LIBRARIES = {
    "chmm": ("chmm", {}),
    "chmm-2": ("chmm", {"n_jobs": 2}),
    "hmmlearn": ("hmmlearn", {"implementation": "scaling"}),
    "hmmlearn-log": ("hmmlearn", {"implementation": "log"}),
    "deeptime": ("deeptime", {}),
    "dynamax": ("dynamax", {}),
    "pomegranate": ("pomegranate", {}),
    "rustling": ("rustling", {}),
    "jieba": ("jieba", {}),
    "textbook": ("textbook", {}),
}


def installed(name):
    package = LIBRARIES[name][0]
    return package == "textbook" or find_spec(package) is not None


def build(name, problem):
    module, options = LIBRARIES[name]
    adapter = import_module(f"{__name__}.{module}")
    function = getattr(adapter, "build_gaussian", None) if isinstance(problem, Gaussian) else adapter.build
    return function(problem, **options) if function else None
