"""Measures chmm and one other library in this process, by turns. Started by run.py, one process for each other library.

Reads its orders as JSON from the command line and prints one JSON record a line.
"""

import gc
import json
import math
import sys
import time
import warnings

import agreement
import libraries
import problems

TASKS = {"long": ["score", "decode", "posteriors", "fit"], "text": ["count", "decode", "cut"]}
TASKS |= dict.fromkeys(["short", "left-right", "dense", "call"], TASKS["long"])
TASKS |= {"sentence": ["score", "decode", "cut"], "gaussian": ["score", "fit"], "gaussian-8": ["score", "fit"]}
SHORTEST = 0.002  # s: a quicker call is repeated within one measurement


def main(orders):
    sys.path.insert(0, orders["native"])
    warnings.simplefilter("ignore")  # one EM iteration does not converge
    peak = measure_peak()
    for name in orders["problems"]:
        for n_states in orders["sizes"] if name not in ("text", "sentence", "call") else [len(problems.STATES)]:
            problem = problems.make(name, n_states, quick=orders["quick"])
            built = {library: libraries.build(library, problem) for library in orders["libraries"]}
            for task in [task for task in TASKS[name] if task in orders["tasks"]]:
                calls = {library: getattr(built[library], task) for library in built if hasattr(built[library], task)}
                if "chmm" in calls:
                    compare(task, problem, calls, orders)
    print(json.dumps({"peak": {bits: max(peak[bits], again) for bits, again in measure_peak().items()}}))


def measure_peak():
    try:
        from fma_peak import peak
    except ImportError:
        return {}
    return peak()


def compare(task, problem, calls, orders):
    """Check that all agree, then print the times of each."""
    record = {"problem": problem.name, "task": task, "n_states": problem.n_states, "n_steps": problem.n_steps,
              "n_sequences": len(problem.lengths)}
    first, *others = calls
    ours = calls[first]()
    for other in others:
        try:
            gap = agreement.difference(task, problem, ours, calls[other]())
        except Exception as error:  # the other library's own failure is a result, not ours to hide
            print(json.dumps(record | {"library": other, "error": f"{type(error).__name__}: {error}"}))
            calls = {first: calls[first]}
            continue
        if gap is not None and not gap <= agreement.TOLERANCE:
            sys.exit(f"{first} and {other} differ by {gap:.2g} in {record}: nothing is timed")
    for library, (cpu, wall) in best_times(calls, orders["seconds"], orders["repeat"]).items():
        print(json.dumps(record | {"library": library, "cpu": cpu, "wall": wall}), flush=True)


def best_times(calls, seconds, repeat):
    """{library: (CPU seconds, wall seconds) of one call}, each the minimum of `repeat` turns, or of fewer, but at least
    three, when the time is up."""
    best = dict.fromkeys(calls, (math.inf, math.inf))
    inner = {library: max(1, math.ceil(SHORTEST / once(call, 1)[1])) for library, call in calls.items()}
    deadline = time.perf_counter() + seconds * len(calls)
    gc.disable()
    for turn in range(repeat):
        if turn >= 3 and time.perf_counter() > deadline:
            break
        for library, call in calls.items():
            times = once(call, inner[library])
            best[library] = tuple(map(min, best[library], times))
        gc.collect()
    gc.enable()
    return best


def once(call, number):
    wall, cpu = time.perf_counter(), time.process_time()  # of all threads, in case a library starts any
    for _ in range(number):
        call()
    return (time.process_time() - cpu) / number, (time.perf_counter() - wall) / number


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
