"""How much memory one enormous sequence takes, and how long a step of it: a memory map, each task in a process of its
own.

    python benchmarks/enormous.py                       # 10^8 steps; log P of 10^9. About 20 minutes, 1 GB on disk
    python benchmarks/enormous.py --dtype float64       # of measurements, whose rows of likelihoods do not fit
    python benchmarks/enormous.py --edge 2,4,8,16,32    # instead: time per step on both sides of 1 GiB of alpha

Memory is anonymous memory (RssAnon), sampled every 5 ms: what the process has for itself, without the file's pages,
which the system may drop. A process that asks for more than --limit GiB of it (RLIMIT_DATA) fails. The E-step is timed
alone, by CPU time; everything else with what is around it.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

N_SYMBOLS = 20
TASKS = ("score", "predict", "fit", "fit hard")


def model(n, dtype="int8", **options):
    from chmm import Categorical, Gaussian, Model

    rng = np.random.default_rng(n)
    transmat, probs = rng.dirichlet(np.full(n, 0.5), n), rng.dirichlet(np.full(N_SYMBOLS, 0.5), n)
    emission = Categorical(probs) if dtype == "int8" else Gaussian(3.0 * np.arange(n), rng.uniform(0.5, 2, n))
    return Model(startprob=np.full(n, 1 / n), transmat=transmat, emission=emission, **options)


def write(path, n_steps, dtype):
    """What a model shows, drawn once and repeated."""
    x = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(n_steps,))
    drawn = model(8, dtype).sample(min(n_steps, 1_000_003), random_state=0).X.astype(dtype)
    for start in range(0, n_steps, len(drawn)):
        x[start : start + len(drawn)] = drawn[: n_steps - start]


class Watch:
    """The peak of anonymous memory while something runs, in MB."""

    def __enter__(self):
        self.peak, self.over = 0, threading.Event()
        self.thread = threading.Thread(target=self._look)
        self.thread.start()
        return self

    def _look(self):
        with open("/proc/self/status", "rb", buffering=0) as status:
            while not self.over.wait(0.005):
                status.seek(0)
                line = next(line for line in status.read().splitlines() if line.startswith(b"RssAnon"))
                self.peak = max(self.peak, int(line.split()[1]) * 1024 / 1e6)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def measured(task, path, n):
    """What one process does: {peak, seconds, answer}."""
    from chmm import Gaussian, Model

    x = np.load(path, mmap_mode="r")
    known = model(n, x.dtype)
    known.score(x[:1000])
    started = time.process_time()
    with Watch() as watch:
        if task == "score":
            answer = known.score(x)
        elif task == "predict":
            answer = int(np.count_nonzero(known.predict(x) == 0))
        else:
            training = "viterbi" if task == "fit hard" else "baum-welch"
            emission = "auto" if x.dtype == np.int8 else Gaussian()
            fitted = Model(n, emission, random_state=0, n_init=2, tol=1e9, training=training).fit(x)
            answer = fitted.loglik_
    return {"peak": watch.peak, "seconds": time.process_time() - started, "answer": answer}


def edge(n, budget):
    """Nanoseconds a step of an E-step with 0.5 to 1.5 times the alpha that is kept."""
    from chmm.kernels.forward_backward import row_width

    from chmm import inference
    from chmm.questions import Question

    fit, times = model(n)._ready(), {}
    rng = np.random.default_rng(0)
    for _ in range(4):
        for share in (0.5, 0.97, 1.03, 1.5):
            x = rng.integers(0, N_SYMBOLS, int(share * budget / 8 / row_width(n)), dtype=np.int8)
            problem, scratch = Question(fit, fit.read(x)).problem(), inference.Scratch()
            inference.expected_counts(problem, scratch=scratch)
            started = time.process_time()
            inference.expected_counts(problem, scratch=scratch)
            times[share] = min(times.get(share, np.inf), (time.process_time() - started) / len(x) * 1e9)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=float, default=1e8)
    parser.add_argument("--score-steps", type=float, default=1e9, help="steps whose log P is asked for, too; 0: none")
    parser.add_argument("--states", type=int, default=8)
    parser.add_argument("--dtype", choices=("int8", "float32", "float64"), default="int8")
    parser.add_argument("--tasks", type=lambda text: text.split(","), default=TASKS, help=", ".join(TASKS))
    parser.add_argument("--edge", type=lambda text: [int(n) for n in text.split(",")], help="numbers of states")
    parser.add_argument("--folder", type=Path, help="for the data; a temporary one unless told")
    parser.add_argument("--limit", type=float, default=2.0, help="GiB of private memory for each process")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        task, path = json.loads(args.worker)
        resource.setrlimit(resource.RLIMIT_DATA, (int(args.limit * 2**30),) * 2)
        print(json.dumps(measured(task, path, args.states)))
        return
    if args.edge:
        print("| N | " + " | ".join(f"{share:g} GiB" for share in (0.5, 0.97, 1.03, 1.5)) + " |\n|--:|--:|--:|--:|--:|")
        for n in args.edge:
            print(f"| {n} | " + " | ".join(f"{ns:.2f}" for ns in edge(n, 2**30).values()) + " |", flush=True)
        return
    print("| task | steps | MB at the peak | s | answer |\n|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for steps, tasks in ((int(args.steps), args.tasks), (int(args.score_steps), ["score"])):
            path = Path(folder, f"{steps}.npy")
            if steps:
                write(path, steps, args.dtype)
            for task in tasks if steps else ():
                job = json.dumps([task, str(path)])
                options = ["--states", str(args.states), "--limit", str(args.limit)]
                command = [sys.executable, __file__, *options, "--worker", job]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                found = json.loads(done.stdout)
                print(f"| {task} | {steps:.0e} | {found['peak']:.0f} | {found['seconds']:.1f} | {found['answer']} |",
                      flush=True)  # fmt: skip
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
