"""How many instructions does a step take? Counted by valgrind, so that a slower kernel shows on a busy machine too.

    python .ci/instructions.py              report on the installed chmm; fail above 1.3 times a noted figure
    python .ci/instructions.py --update     note what was counted in instructions.json

A figure is the difference between two calls of unlike length, divided by the difference in steps: what Python and NumPy
do once a call cancels. valgrind knows no AVX-512: what is counted are the kernels for AVX2. Instructions say nothing of
caches: a kernel that reads its tables in a better order is faster, and shows the same figure here.
"""

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

LIMITS = Path(__file__).with_suffix(".json")
STEPS = {2: (1000, 16000), 4: (1000, 9000), 8: (1000, 5000), 16: (1000, 3000), 32: (1000, 2000), 100: (500, 1500)}
METHODS = {"log P": "score", "Viterbi": "decode", "gamma": "predict_proba", "EM": "fit"}
SCORE_AND_FIT = ["log P", "EM"]
LIMIT = 1.3  # times the noted figure; other compilers differ by less


def main():
    if sys.argv[1:] == ["--run"]:
        return run_everything()
    counted = count()
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    if sys.argv[1:] == ["--update"]:
        LIMITS.write_text(json.dumps({"compiler": compiler, "instructions a step": counted}, indent=2) + "\n")
    known = json.loads(LIMITS.read_text())
    if compiler != known["compiler"]:
        print(f"{compiler}; the figures were noted for {known['compiler']}")
    above = 0
    for name, noted in known["instructions a step"].items():
        ratio = counted[name] / noted
        above += ratio > LIMIT
        print(f"{name:24} {counted[name]:10.1f} instructions a step, noted {noted:10.1f}, ratio {ratio:5.2f}"
              + "   above the limit" * (ratio > LIMIT))
    if above:
        sys.exit(f"{above} above {LIMIT} times the noted figure; if that is meant: .ci/instructions.py --update")


def calls():
    """(name, a call with few steps, one with more, how many more) of everything that is counted."""
    import warnings

    import numpy as np

    from chmm import Categorical, Gaussian, Model

    def figures(what, names, data, startprob, transmat, emission):
        model = Model(startprob=startprob, transmat=transmat, emission=emission, max_iter=1)
        short, long = data
        for name in names:
            call = getattr(model, METHODS[name])
            yield f"{name}, {what}", partial(call, short), partial(call, long), len(long) - len(short)

    warnings.simplefilter("ignore")  # one EM iteration does not converge
    for n, sizes in STEPS.items():
        rng = np.random.default_rng(n)
        startprob, transmat = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n), n)
        probs = rng.dirichlet(np.ones(8), n)
        data = [rng.integers(0, 8, size=size) for size in sizes]
        yield from figures(f"N = {n}", METHODS, data, startprob, transmat, Categorical(probs))
        if n in (8, 32):
            probs[0, 0] = 1e-310  # becomes 0, and a certificate must say that nobody misses it
            probs[0] /= probs[0].sum()
            yield from figures(f"certified, N = {n}", SCORE_AND_FIT, data, startprob, transmat, Categorical(probs))
        if n == 8:  # the last symbol needs the states that 500 steps in state 0 have made underflow
            transmat[0] = np.eye(n)[0]
            probs[:] = [0.93] + 7 * [0.01]
            probs[0] = [1e-310] + 7 * [1 / 7]
            data = [np.append(rng.integers(1, 8, size=size - 1), 0) for size in (500, 1000)]
            yield from figures(f"log space, N = {n}", SCORE_AND_FIT, data, startprob, transmat, Categorical(probs))
        if n == 4:
            data = [rng.normal(size=size) for size in sizes]
            emission = Gaussian(rng.normal(size=n), np.ones((n, 1)))
            yield from figures(f"Gaussian, N = {n}", SCORE_AND_FIT, data, startprob, transmat, emission)


def run_everything():
    """Under valgrind, which starts a new count whenever getppid is called.

    valgrind keeps no record of underflow. The kernels notice, and would certify every sequence, which costs more than
    what is to be counted: CHMM_TRUST_FLAGS tells them not to. What must be certified here is known by a likelihood too
    small for a row, not by the flag.
    """
    for _, short, long, _ in calls():
        for call in [short, long] * 2:
            call()  # what happens only at first
        gc.collect()
        gc.disable()
        os.getppid()
        short()
        os.getppid()
        long()
        os.getppid()
        gc.enable()


def count():
    """{name: instructions a step}"""
    if not shutil.which("valgrind"):
        install_valgrind()
    with tempfile.TemporaryDirectory() as room:
        out = f"--callgrind-out-file={room}/count"
        valgrind = ["valgrind", "--tool=callgrind", "--dump-before=getppid", "--dump-line=no", out]
        environment = os.environ | {"CHMM_REGISTERS": "medium", "CHMM_TRUST_FLAGS": "1", "PYTHONHASHSEED": "0",
                                    "OPENBLAS_NUM_THREADS": "1",
                                    "MALLOC_MMAP_THRESHOLD_": "65536"}  # else malloc would learn from call to call
        done = subprocess.run([*valgrind, sys.executable, __file__, "--run"], env=environment, stderr=subprocess.PIPE)
        if done.returncode:
            sys.exit(done.stderr.decode(errors="replace")[-3000:])
        totals = [total(path) for path in sorted(Path(room).glob("count.*"), key=lambda path: int(path.suffix[1:]))]
    figures = [(name, steps) for name, _, _, steps in calls()]
    if len(totals) < 3 * len(figures):
        sys.exit(f"{len(totals)} counts for {len(figures)} figures: did valgrind not find getppid?")
    shorts, longs = totals[1::3], totals[2::3]  # the others are what happens in between
    return {name: round((b - a) / steps, 1) for (name, steps), a, b in zip(figures, shorts, longs)}


def total(path):
    return int(re.search(r"^(?:totals|summary): (\d+)", path.read_text(errors="replace"), re.MULTILINE)[1])


def install_valgrind():
    if os.environ.get("CI") != "true" or not shutil.which("apt-get"):
        sys.exit("valgrind is missing: install it, e.g. apt-get install valgrind")
    sudo = ["sudo"] if os.getuid() and shutil.which("sudo") else []
    for command in ["update"], ["install", "-y", "valgrind"]:
        subprocess.run([*sudo, "apt-get", "-qq", *command], check=True)


if __name__ == "__main__":
    main()
