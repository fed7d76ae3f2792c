"""Writes emissions.md: a table to choose by, and the families' own docstrings."""

import inspect
import sys
from pathlib import Path

import chmm
from chmm.emissions import FAMILIES

HEAD = """# Emissions

What is observed in a state is an emission family. `Model(3)` guesses it from the data: text, words, bools and integers
with at most 64 different values are symbols (`Categorical`), floats are measurements (`Gaussian`). Everything else is
said, by name, `Model(3, "poisson")`, or as an object, `Model(3, Poisson())`.

## Which emission for my data?

| one observation is | example | family |
|---|---|---|
| a symbol: a character, word, category, code | bases, part of speech, weather | `Categorical()` |
| yes or no, or several marks at once | which sensors fired | `Bernoulli()` |
| a count | earthquakes a year, calls an hour | `Poisson()`, or `NegativeBinomial()` if the variance is far above the mean |
| counts of several kinds, out of a total | words of a page by topic | `Multinomial()` |
| a measurement, or several that go together | temperature, log returns, coordinates | `Gaussian()`; `covariance="full"` if they depend on each other |
| a measurement with wild values now and then | returns, GPS errors | `StudentT()` |
| an amount or duration, > 0 | step length, rainfall, response time | `Gamma()`; `LogNormal()` if it spans powers of ten; `Exponential()` for waiting times |
| a share, between 0 and 1 | humidity, percentage of cloud | `Beta()` |
| a direction | turning angle, wind | `VonMises()` |
| several of these in one step | step length and turning angle | `Product(step=Gamma(), angle=VonMises())` |
| of one kind, but with several peaks in a state | | `Mixture(Gaussian(), 3)` |
| of another family in each state | noise in one state, waiting times in the other | `PerState([Gaussian(), Exponential()])` |
| already a log likelihood of each state | output of a neural network | `Precomputed()` |
| something else | | four methods: `examples/zero_inflated.py` |

Symbols that are numbers by chance (codes, labels) are `Categorical`; numbers whose size means something are not. Counts
of 0 and 1 are marks. One column of whole floats may be either, so it must be said.

## What holds for all

- Parameters that are given are where a fit starts; those named in `frozen=` stay. Arrays are (n_states, n_features);
  (n_states,) will do for one feature. What was learnt is `model.emission_`.
- `NaN`, `None` and masked values are missing. A step without any value says nothing; where only some columns are
  missing the others count, and the rest is integrated out (in all families but `Multinomial`). Both are counted in `report_`.
- Each distinct value, or distinct row of whole numbers, is looked at once.
- No fit lowers the objective, the log likelihood plus the log prior. Priors are the pseudocount (probabilities) and the
  floor (variances); `floor=0` and `pseudocount=0` turn them off.
- Start values come from k-means++ clusters of the distinct values.
"""


def page():
    parts = [HEAD]
    for family in (*FAMILIES, chmm.Emission):
        text, _, example = inspect.getdoc(family).partition("\n>>> ")
        signature = str(inspect.signature(family)) if family is not chmm.Emission else ""
        parts.append(
            f"## {family.__name__}\n\n`{family.__name__}{signature}`\n" if signature else "## A family of your own\n"
        )
        parts.append(markdown(text))
        if example:
            parts.append(f"```python\n>>> {example.strip()}\n```\n")
    return "\n".join(parts)


def markdown(text):
    """NumPy's docstring sections as a list, formulas as they stand."""
    lines, out, in_parameters = text.strip().split("\n"), [], False
    for i, line in enumerate(lines):
        if line.startswith("---"):
            continue
        if i + 1 < len(lines) and lines[i + 1].startswith("---"):
            in_parameters = True
            out.append(f"{line}:\n")
        elif not line:
            in_parameters = False
            out.append("")
        elif in_parameters and not line.startswith(" "):
            out.append(f"- {line}")
        else:
            out.append(f"  {line.strip()}" if in_parameters else line)
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    target = Path(__file__).parent / "emissions.md"
    if "--check" in sys.argv:
        sys.exit(target.read_text(encoding="utf-8") != page() and f"{target} is not what {__file__} writes: run it")
    target.write_text(page(), encoding="utf-8")
