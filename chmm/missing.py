"""Values that are missing, given all that is seen: their means, or draws of them."""

from itertools import pairwise

import numpy as np

from . import inference
from .checks import check_count, generator
from .emissions import Precomputed, Product
from .emissions.product import values_seen
from .exceptions import quiet
from .questions import of_possible
from .reading import columns_of


@of_possible
@quiet
def impute(asked, n_samples, random_state):
    """The columns of each sequence, a tuple of arrays (T,) without gaps; with n_samples a list of such tuples."""
    data, emission, problem = asked.data, asked.fit.emission, asked.problem()
    if isinstance(emission, Precomputed):
        raise TypeError("Precomputed holds log likelihoods: what values they are of is not known, so none is missing")
    n_samples = None if n_samples is None else check_count(n_samples, "n_samples", 1)
    rng, columns, where = generator(random_state), list(map(_column, columns_of(data))), places(data, emission)
    steps = np.flatnonzero(np.any([gone for _, gone in columns], axis=0))
    values = values_seen(problem.observed.distinct, problem.observed.index[steps])
    if n_samples is None:
        gamma, outcome = inference.posteriors(problem)
        problem.require_possible(outcome.step)
        table = np.einsum("tn,tnf->tf", gamma[steps], emission.expected(values))
        return _in_form(data, _filled(columns, steps, where, emission.averaged(table)))
    paths = np.empty((data.n_steps, n_samples), dtype=np.int32)
    for s, alone in enumerate(problem.alone()):
        part, outcome = inference.sample_posterior(alone, n_samples, rng)
        problem.require_possible(outcome.step, s)
        paths[slice(*data.bounds[s : s + 2])] = part
    drawn = [np.asarray(emission.sample_given(values, path.astype(np.intp), rng)) for path in paths[steps].T]
    answers = [_in_form(data, _filled(columns, steps, where, table.reshape(len(steps), len(where)))) for table in drawn]
    if data.form in ("list", "dict"):
        return data.collect([list(samples) for samples in zip(*map(_sequences, answers), strict=True)])
    return answers


def _column(steps):
    """(values (T,), (T,) whether each is missing)."""
    values = steps.values
    if steps.kind == "text":
        values = np.array(list(map(chr, values.tolist())), dtype=object)
    elif steps.kind == "words":
        values = np.array(list(values), dtype=object)
    gone = np.isnan(values) if steps.kind == "numbers" else steps.missing
    return values, np.zeros(len(values), dtype=bool) if gone is None else gone


def places(data, emission):
    """The column of the data that each column of the emission is."""
    while emission.members and not isinstance(emission, Product):
        emission = emission.members[0]
    names = getattr(emission, "names", (0,))
    if isinstance(names[0], str) and data.names is not None:
        return [data.names.index(name) for name in names]
    return range(data.n_columns)


def _filled(columns, steps, where, table):
    """The columns with their gaps filled from a table (gaps, columns of the emission)."""
    out = [values for values, _ in columns]
    for column, place in zip(table.T, where, strict=True):
        values, gone = columns[place]
        if gone.any():
            new = column[gone[steps]]
            if new.dtype == object and not isinstance(new[0], str):
                new = np.array(new.tolist())
            values = values.astype(np.result_type(values, new)) if new.dtype.kind in "iufb" else values.astype(object)
            values[gone] = new
            out[place] = values
    return tuple(np.array(values.tolist() if values.dtype == object else values) for values in out)


def _in_form(data, columns):
    """The columns of each sequence; of all together where they come as one array."""
    if data.form in ("lengths", "ids", "one"):
        return columns
    return data.collect([tuple(column[a:b] for column in columns) for a, b in pairwise(data.bounds.tolist())])


def _sequences(answer):
    return answer.values() if isinstance(answer, dict) else answer
