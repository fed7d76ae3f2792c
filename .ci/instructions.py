"""How many instructions does a step take? Counted by valgrind, so that a slower kernel shows on a busy machine too.

    python .ci/instructions.py              compare the installed chmm with instructions.json
    python .ci/instructions.py --update     write what was counted into instructions.json

A figure is the difference of two calls of unlike length, divided by the difference in steps: what Python and NumPy do
once a call cancels. valgrind knows no AVX-512: what is counted are the kernels for AVX2.
"""

import ctypes
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
MORE, LESS = 1.05, 0.8  # of the limit; fewer instructions are good news, which the limit should know
OTHER_COMPILER = 1.5


def main():
    if sys.argv[1:] == ["--run"]:
        return run_everything()
    counted = count()
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    if sys.argv[1:] == ["--update"]:
        LIMITS.write_text(json.dumps({"compiler": compiler, "instructions a step": counted}, indent=2) + "\n")
    known = json.loads(LIMITS.read_text())
    more, less = MORE, LESS
    if compiler != known["compiler"]:
        more, less = OTHER_COMPILER, 1 / OTHER_COMPILER
        print(f"{compiler}, not {known['compiler']}: a factor of {OTHER_COMPILER} is allowed")
    wrong = 0
    for name, limit in known["instructions a step"].items():
        ratio = counted[name] / limit
        verdict = ""
        if not less <= ratio <= more:
            wrong += 1
            verdict = f"   {abs(ratio - 1):.1%} {'above' if ratio > 1 else 'below'} the limit"
        print(f"{name:24} {counted[name]:10.1f} instructions a step, limit {limit:10.1f}{verdict}")
    if wrong:
        sys.exit(f"{wrong} outside {less:.2f} to {more:.2f} times the limit; if so meant: .ci/instructions.py --update")


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
    """Under valgrind, which starts a new count whenever getppid is called."""
    believe_the_processor()
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


def believe_the_processor():
    """valgrind keeps no note of underflow. The kernels see that, and would prove for every sequence that nothing was
    lost, which costs more than what is to be counted. They are told otherwise: what must be proved here is known by a
    likelihood too small for a row, not by a note."""
    from chmm.kernels import forward_backward

    symbols = subprocess.run(["nm", forward_backward.__file__], capture_output=True, text=True, check=True).stdout
    address = {words[-1].split("_")[-1]: int(words[0], 16) for words in map(str.split, symbols.splitlines())
               if words[-1].endswith(("_NOTICED", "PyInit_forward_backward"))}
    init = ctypes.cast(ctypes.CDLL(forward_backward.__file__).PyInit_forward_backward, ctypes.c_void_p).value
    ctypes.c_int.from_address(init - address["backward"] + address["NOTICED"]).value = 1


def count():
    """{name: instructions a step}"""
    if not shutil.which("valgrind"):
        install_valgrind()
    with tempfile.TemporaryDirectory() as room:
        out = f"--callgrind-out-file={room}/count"
        valgrind = ["valgrind", "--tool=callgrind", "--dump-before=getppid", "--dump-line=no", out]
        environment = os.environ | {"CHMM_REGISTERS": "medium", "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1",
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
