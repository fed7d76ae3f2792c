"""Writes emissions.md: a table to choose by, and the families' own docstrings."""

import inspect
import sys
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from docstrings import parts

import chmm
from chmm.emissions import FAMILIES

HEAD = """# Emissions

An emission family says how observations are distributed in each state. `Model(3)` chooses it from the data: text,
words, bools and integers with at most 64 distinct values are symbols (`Categorical`), floats are measurements
(`Gaussian`). For any other family, pass its name, `Model(3, "poisson")`, or an object, `Model(3, Poisson())`.

## Which emission for my data?

| an observation is | example | family |
|---|---|---|
| a symbol: a character, word, category, code | bases, part of speech, weather | `Categorical()` |
| yes or no, or several binary features | which sensors fired | `Bernoulli()` |
| a count | earthquakes per year, calls per hour | `Poisson()`, or `NegativeBinomial()` if the variance is far above the mean |
| counts of several kinds, out of a total | words on a page, by topic | `Multinomial()` |
| a measurement, or a vector of them | temperature, log returns, coordinates | `Gaussian()`; `covariance="full"` if they are correlated |
| a measurement with outliers | returns, GPS errors | `StudentT()` |
| an amount or duration, > 0 | step length, rainfall, response time | `Gamma()`; `LogNormal()` if it spans powers of ten; `Exponential()` for waiting times |
| a proportion between 0 and 1 | humidity, cloud cover | `Beta()` |
| a direction | turning angle, wind | `VonMises()` |
| several of these at each step | step length and turning angle | `Product(step=Gamma(), angle=VonMises())` |
| of one type, with several peaks in a state | times of day at which people travel | `Mixture(Gaussian(), 3)` |
| of one type, from several sources of different shapes | amounts with a background | `Mixture([Gamma(), Exponential()])` |
| of a different family in each state | noise in one state, waiting times in the other | `PerState([Gaussian(), Exponential()])` |
| identically distributed in several states | a state in two stages, for durations that are not geometric | `Tied(Gaussian(), [0, 0, 1])` |
| already a log likelihood for each state | output of a neural network | `Precomputed()` |
| an amount or a count with far too many zeros | rainfall, insurance claims | `ZeroInflated(Gamma())`, `ZeroInflated(Poisson())` |
| a symbol with scores that are not probabilities | published tables of taggers, log odds | no family: use `Scores(start, transitions, emission)` |
| something else | | [your own family](#a-family-of-your-own), in four methods |

Use `Categorical` for symbols that merely look like numbers (codes, labels), but not for numbers whose size is
meaningful. Use `Bernoulli` for data that are only 0 or 1. A single column of whole floats could be either symbols or
numbers, so name the family.

## What holds for all

- A fit starts from the parameters that you give. Parameters named in `frozen=` do not change, nor does any entry that
  is True in a mask, `frozen={"means": [True, False, False]}`. Arrays have the shape (n_states, n_features), or
  (n_states,) for one feature. The learnt emission is `model.emission_`.
- `NaN`, `None` and masked values are missing. A step with no values carries no information; if only some columns are
  missing, they are integrated out and the others are used (in all families but `Multinomial`). `report_` counts both.
- Each distinct value, or distinct row of whole numbers, is evaluated once.
- No EM step lowers the objective, the log likelihood plus the log prior. The prior for probabilities (`Categorical`,
  `Multinomial`, weights of a `Mixture`) is the pseudocount, 0 by default; `report_["impossible_symbols"]` lists the
  symbols that are impossible in every state. Every other family has `prior=w`, which adds w pseudo-steps that resemble
  the data as a whole to each state and column. The default is 0.001, so that nothing becomes impossible or certain
  merely because it was not observed; `prior=0` is maximum likelihood. `report_["cells_without_evidence"]` lists the
  states and columns without data.
- Each family allows certain values (`domain`); any other value raises an error that names the step and the column. In
  `PerState` and in a `Mixture` of several families, a value outside the support of a member has density 0 there, and is
  an error only if no member allows it.
- The parameters of `model.emission_` are read-only; to change them, use a `copy.deepcopy` of it.
- Starting values come from k-means++ clusters of the distinct values.
"""


OWN = """## A family of your own

A family turns values into log likelihoods, and weighted values into parameters. It knows nothing of time, sequences or
the names of states: the model takes care of labels, missing steps, EM, starting points, Viterbi and saving. Four
methods are enough. Wind speeds, for example, are often modelled by the Rayleigh distribution, p(v) = v / s^2 exp(-v^2 /
2 s^2):

```python
import numpy as np

from chmm import Emission, Model
from chmm.testing import check_emission


class Rayleigh(Emission):
    parameters = ("scales",)  # each is an attribute and an argument of the constructor; None until it is known
    n_features = 1  # needed, since no parameter has an axis of columns
    domain = "numbers > 0"

    def __init__(self, scales=None):
        self.scales = None if scales is None else np.array(scales, dtype=float)

    def log_likelihood(self, values):  # (R, 1) -> (R, n_states)
        return np.log(values) - 2 * np.log(self.scales) - values**2 / (2 * self.scales**2)

    def statistics(self, values, weights):  # weights (R, n_states) -> sums, which are added up over the data
        return {"weights": weights.sum(axis=0), "squares": weights.T @ values[:, 0] ** 2}

    def update(self, statistics):  # the maximiser; a state without weight keeps its scale
        weights, squares = statistics["weights"], statistics["squares"]
        with np.errstate(invalid="ignore"):
            new = np.sqrt(squares / (2 * weights))
        self.scales = np.where(weights > 0, new, 1.0 if self.scales is None else self.scales)

    def sample(self, states, rng):
        return rng.rayleigh(self.scales[states])

    def support(self, values):  # not one of the four, but worth its one line: a 0 is now an error that names the step
        return values > 0


speeds, calm = Model(startprob=[0.5, 0.5], transmat=[[0.95, 0.05], [0.05, 0.95]], emission=Rayleigh([1, 6])).sample(
    2000, random_state=0
)
check_emission(Rayleigh(), speeds[:200])
model = Model(2, Rayleigh(), random_state=0).fit(speeds)
assert np.allclose(np.sort(model.emission_.scales), [1, 6], rtol=0.05)
```

`check_emission(family, values)` from `chmm.testing` checks the laws that every family must obey, on example data, and
says which of them fail: the statistics of parts add up, no nearby parameters explain the data better than the update,
samples lie in the support, and so on. Call it in your tests.

`statistics` may depend on the parameters, as it does when there is a hidden cause. An update is then a step of EM, and
with `max_inner_iter = 200` a fit to labelled data takes several of them. `examples/heaped_counts.py` is such a family.

In addition to these four methods there are optional hooks, each with a default. The next family uses most of them. By
Zipf's law, a word of rank n has the probability n^-a / (1^-a + ... + largest^-a), and the exponent a must be found by
Newton's method:

```python
from chmm.emissions import check_frozen, check_parameter, check_pseudo_observations


class Zipf(Emission):
    parameters = ("exponents",)
    n_features = 1

    def __init__(self, exponents=None, *, largest=1000, prior=None, frozen=()):
        self.exponents = check_parameter(exponents, "exponents", ndim=1)
        self.largest = largest
        self.domain = f"whole numbers from 1 to {largest}"
        self.prior = check_pseudo_observations(prior)  # (values, weights), added to what each state sees
        self.frozen = check_frozen(frozen, self.parameters, exponents=self.exponents)  # names, or masks

    def settings(self):  # what the constructor needs besides the parameters, for saving
        return {"largest": self.largest, **super().settings()}

    def support(self, values):
        return (values >= 1) & (values <= self.largest) & (values == np.round(values))

    def embed(self, values):  # start values come from clusters of these
        return np.log(values)

    def table(self, exponents):
        logs = -exponents[:, None] * np.log(np.arange(1, self.largest + 1))
        return logs - np.logaddexp.reduce(logs, axis=1)[:, None]

    def log_likelihood(self, values):
        return self.table(self.exponents).T[values[:, 0].astype(int) - 1]

    def statistics(self, values, weights):
        return {"weights": weights.sum(axis=0), "logs": weights.T @ np.log(values[:, 0])}

    def update(self, statistics):
        statistics = self.with_prior(statistics)  # adds those of the pseudo-observations
        alive = statistics["weights"] > 0
        wanted = statistics["logs"] / np.where(alive, statistics["weights"], 1.0)
        logs, a = np.log(np.arange(1, self.largest + 1)), np.ones(len(wanted))
        for _ in range(100):  # Newton: the expected log rank falls with a, and its slope is minus the variance
            p = np.exp(self.table(a))
            mean = p @ logs
            a = np.clip(a + np.clip((mean - wanted) / (p @ logs**2 - mean**2), -0.5, 0.5), -20, 20)
        self.assign({"exponents": a}, alive)  # except what is frozen

    def sample(self, states, rng):
        total = np.cumsum(np.exp(self.table(self.exponents)), axis=1)
        return 1 + (rng.random(len(states))[:, None] > total[states, :-1]).sum(axis=1)

    def mean(self):
        return np.exp(self.table(self.exponents)) @ np.arange(1, self.largest + 1)[:, None]


chain = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.1, 0.9]]}
ranks, _ = Model(**chain, emission=Zipf([0.2, 2.0], largest=50)).sample(3000, random_state=0)
check_emission(Zipf(largest=50, prior=([1, 50], 0.1)), ranks[:200])

held = Zipf([0.0, 1.0], largest=50, frozen={"exponents": [True, False]})  # one state without preferences
model = Model(emission=held, random_state=0, **chain).fit(ranks)
assert model.emission_.exponents[0] == 0 and model.emission_.exponents[1] > 1
```

To load a model that uses such a family, use `Model.load(path, emissions=[Zipf])`.

### The whole contract
"""


def page():
    written = [HEAD]
    for family in (*FAMILIES, chmm.Emission):
        if family is chmm.Emission:
            written.append(OWN)
        else:
            written.append(f"## {family.__name__}\n\n`{family.__name__}{signature(family)}`\n")
        written.append(markdown(inspect.getdoc(family)))
    return "\n".join(written)


def signature(family):
    """Without types: the text tells shapes and forms."""
    sig = inspect.signature(family)
    return sig.replace(parameters=[p.replace(annotation=p.empty) for p in sig.parameters.values()])


def markdown(docstring):
    out = []
    for kind, content in parts(docstring):
        if kind == "heading":
            out.append(f"{content}:")
        elif kind == "items":
            out.append("\n".join(wrapped(f"- `{names}`: {text}", "  ") for names, text in content))
        elif kind == "list":
            out.append("\n".join(wrapped(f"- {text}", "  ") for text in content))
        elif kind == "text":
            out.append(wrapped(content))
        else:
            out.append(f"```{'python' if kind == 'example' else 'none'}\n{content}\n```")
    return "\n\n".join(out) + "\n"


def wrapped(text, indent=""):
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    target = Path(__file__).parent / "emissions.md"
    if "--check" in sys.argv:
        sys.exit(target.read_text(encoding="utf-8") != page() and f"{target} is not what {__file__} writes: run it")
    target.write_text(page(), encoding="utf-8")
