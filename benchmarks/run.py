"""chmm beside other libraries: python benchmarks/run.py --help

Every other library is measured in a process of its own, by turns with chmm. See README.md here.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import libraries
import native
import report

HERE = Path(__file__).resolve().parent
README, PAGE = HERE.parent / "README.md", HERE.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"
PROBLEMS = ["long", "short", "call", "text", "sentence", "left-right", "dense", "gaussian", "gaussian-8"]
ROUNDS = 7  # of --against
TASKS = ["score", "decode", "posteriors", "fit", "count", "cut"]
THREADS = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS",
           "NPROC"]  # the last is JAX's


def main():
    args = arguments()
    results = {"records": [], "peak": {}}
    with tempfile.TemporaryDirectory() as directory:
        if args.against:
            print(compare_trees(args, directory))
            return
        built = native.compile_all(directory)
        rivals = [name for name in args.libraries if name != "chmm" and (name != "textbook" or "textbook_hmm" in built)]
        for rival in rivals or [None]:
            for record in measure(orders_for(args, ["chmm", rival] if rival else ["chmm"], directory)):
                keep(record, rival, results)
    results |= {"machine": report.machine(), "versions": report.versions(rivals), "date": date.today().isoformat()}
    text = report.markdown(results, args.clock)
    print(text)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))
    if args.write:
        command = "python benchmarks/run.py " + " ".join(sys.argv[1:])
        args.write.write_text(f"# Results\n\nWritten by `{command}`; do not edit.\n\n{text}\n")
    if args.plot:
        report.plot(results, args.plot, args.clock)
    if args.readme:
        report.plot(results, HERE / "speed.svg", args.clock, ["long"])
        picture = "![time per step and N² against N, one line a library]"
        put_into(README, f"{picture}(benchmarks/speed.svg)\n\n{report.sentence(results, args.clock)}")
        put_into(PAGE, f"{report.table_of_long(results, args.clock)}\n\n{picture}(../benchmarks/speed.svg)")


def orders_for(args, names, directory):
    return {"libraries": names, "tasks": args.tasks, "problems": args.problem, "sizes": args.sizes, "quick": args.quick,
            "native": directory, "seconds": args.seconds or (0.3 if args.quick else 3), "repeat": 40}


def compare_trees(args, directory):
    """A table of the times of this checkout, divided by those of another: minima over rounds in which the two take
    turns, each in a process of its own, with its own adapter."""
    here, there, best, orders = HERE.parent, args.against.resolve(), {}, orders_for(args, ["chmm"], directory)
    for _ in range(ROUNDS):
        for tree in (here, there):
            for record in measure(orders, tree):
                if "peak" not in record:
                    cell = best.setdefault((record["problem"], record["task"]), {}).setdefault(record["n_states"], {})
                    cell[tree] = min(record[args.clock], cell.get(tree, math.inf))
    sizes = sorted({n for cells in best.values() for n in cells})
    heads = " | ".join(f"N = {n}" for n in sizes)
    lines = [f"| problem | task | {heads} |", "|---|---" + "|---:" * len(sizes) + "|"]
    for (problem, task), cells in best.items():
        ratios = [f"{cells[n][here] / cells[n][there]:.2f}" if n in cells else "" for n in sizes]
        lines.append(f"| {problem} | {task} | " + " | ".join(ratios) + " |")
    return "\n".join(lines)


def put_into(page, body):
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    command = "python benchmarks/run.py " + " ".join(sys.argv[1:])
    page.write_text(
        f"{before}{BEGIN}\n<!-- Written by `{command}`; do not edit. -->\n\n{body}\n\n{END}{after}", encoding="utf-8"
    )


def measure(orders, tree=None):
    """The records that one process of measure.py prints, as they come; with a tree, its own and its chmm."""
    environment = os.environ | dict.fromkeys(THREADS, "1") | {"JAX_PLATFORMS": "cpu"}
    if tree:
        environment["PYTHONPATH"] = str(tree)
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # let a rival's BLAS choose its best kernels
        environment.pop(name, None)
    command = [sys.executable, str((tree / "benchmarks" if tree else HERE) / "measure.py"), json.dumps(orders)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        sys.exit(f"measuring {' and '.join(orders['libraries'])} failed")


def keep(record, rival, results):
    if "peak" in record:
        for bits, gflops in record["peak"].items():
            results["peak"][bits] = max(gflops, results["peak"].get(bits, 0))
    else:
        results["records"].append(record | {"beside": rival})
        if sys.stderr.isatty():
            print(*(record[key] for key in ("problem", "task", "n_states", "library")), file=sys.stderr)


def arguments():
    parser = argparse.ArgumentParser(description="Measure chmm beside other libraries and print a Markdown table.")

    def names(allowed):
        def parse(text):
            unknown = [name for name in text.split(",") if name not in allowed]
            if unknown:
                raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; choose from {', '.join(allowed)}")
            return text.split(",")

        return parse

    usual = [name for name in libraries.LIBRARIES if name != "chmm-2" and libraries.installed(name)]
    parser.add_argument("--problem", type=names(PROBLEMS), default=["long"], help=", ".join(PROBLEMS))
    parser.add_argument("--tasks", type=names(TASKS), default=TASKS, help=", ".join(TASKS))
    parser.add_argument("--sizes", type=lambda text: [int(n) for n in text.split(",")], help="numbers of states",
                        default=[2, 4, 8, 16, 32, 64, 128, 256])
    parser.add_argument("--libraries", type=names(libraries.LIBRARIES), default=usual,
                        help=f"{', '.join(libraries.LIBRARIES)}; all that are installed, unless told")
    parser.add_argument("--quick", action="store_true", help="less data, fewer repetitions: to try, not to quote")
    parser.add_argument("--seconds", type=float, help="time for each figure")
    parser.add_argument("--clock", choices=["cpu", "wall"], default="cpu", help="wall is for chmm-2, its two threads")
    parser.add_argument("--against", type=Path, metavar="TREE",
                        help=f"compare with chmm of another checkout, built in place, by turns in {ROUNDS} rounds")
    parser.add_argument("--plot", type=Path, help="draw a picture (needs matplotlib)")
    parser.add_argument("--json", type=Path, help="write every figure")
    parser.add_argument("--write", type=Path, help="write the tables to this file")
    parser.add_argument("--readme", action="store_true",
                        help="write the problem `long` into docs/benchmarks.md, its picture speed.svg, and one line of "
                             "it into the project's README.md (needs matplotlib)")
    args = parser.parse_args()
    if args.readme and "long" not in args.problem:
        parser.error("--readme shows the problem `long`, which --problem leaves out")
    for page in (README, PAGE) if args.readme else ():
        if not all(mark in page.read_text(encoding="utf-8") for mark in (BEGIN, END)):
            parser.error(f"{page} has no {BEGIN} ... {END} to write between")
    return args


if __name__ == "__main__":
    main()
