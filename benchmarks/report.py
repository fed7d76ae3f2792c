"""Tables and a picture of what run.py measured."""

import platform
import re
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import libraries

FLOPS = {"score": 2, "posteriors": 4, "fit": 6}  # per n_steps * n_states**2; the maxima of Viterbi are no FMAs
UNITS = {"text": ("ns per character", 1e9), "sentence": ("µs per call", 1e6), "call": ("µs per call", 1e6)}
UNITS |= dict.fromkeys(["gaussian", "gaussian-8"], ("ns per step and state", 1e9))
YARDSTICKS = ("chmm", "chmm-2", "textbook")  # not other libraries
NAMES = {"score": "log P", "decode": "Viterbi", "posteriors": "γ", "fit": "EM iteration"}
UNIT = ("ns per step and N²", 1e9)
CLOCKS = {"cpu": "CPU", "wall": "wall"}
CAPTIONS = {
    "long": "One long sequence",
    "short": "Many short sequences",
    "call": "One sequence of 20 steps, ready codes",
    "text": "Text in Python strings",
    "sentence": "One sentence of 20 characters",
    "left-right": "Left-right models, sequences of 4,000 steps",
    "dense": "Dense models of the left-right size",
    "gaussian": "Gaussian emissions of one column, one sequence",
    "gaussian-8": "Gaussian emissions of eight independent columns, one sequence",
}


def size(record):
    """What a time is divided by."""
    steps, states = record["n_steps"], record["n_states"]
    sizes = {"text": steps, "sentence": 1, "call": 1, "gaussian": steps * states, "gaussian-8": steps * states}
    return sizes.get(record["problem"], steps * states**2)


def rows(results, clock):
    """{(problem, task, n_states): {library: (time in the problem's unit, ratio to chmm beside it) or None}}"""
    table = defaultdict(dict)
    beside = {}
    for record in results["records"]:
        key = record["problem"], record["task"], record["n_states"]
        if "error" in record:
            table[key][record["library"]] = None
            continue
        time = record[clock] / size(record) * UNITS.get(record["problem"], UNIT)[1]
        if record["library"] == "chmm":
            beside[key, record["beside"]] = time
            time = min(time, table[key].get("chmm", (time,))[0])
        table[key][record["library"]] = (time, time / beside[key, record["beside"]])
    return table


def markdown(results, clock):
    table = rows(results, clock)
    peak = max(results["peak"].values(), default=None)
    lines = [results["machine"] + ". " + ", ".join(results["versions"]) + "."]
    if peak:
        figures = ", ".join(f"{gflops:.1f} GFLOP/s with {bits}-bit vectors" for bits, gflops in results["peak"].items())
        lines += ["", f"Peak of one core, multiply-adds in double precision, measured in the same run: {figures}."]
    for problem in dict.fromkeys(key[0] for key in table):
        chosen = {key: cells for key, cells in table.items() if key[0] == problem}
        unit = f"{UNITS.get(problem, UNIT)[0]} of {CLOCKS[clock]} time"
        lines += ["", f"**{CAPTIONS[problem]}**: {unit}, in brackets as a multiple of chmm's.", ""]
        lines += one_table(chosen, peak, shares=problem not in UNITS)
    return "\n".join(lines)


def one_table(table, peak, shares):
    others = [name for name in libraries.LIBRARIES if name != "chmm" and any(name in cells for cells in table.values())]
    head = ["task", "N", "chmm"] + (["GFLOP/s", "of peak"] if shares else []) + others
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    for (_, task, n_states), cells in table.items():
        time = cells["chmm"][0]
        row = [task, str(n_states), f"**{digits(time)}**"]
        if shares:
            gflops = FLOPS[task] / time if task in FLOPS else None
            row += [f"{gflops:.1f}" if gflops else "", f"{100 * gflops / peak:.2g} %" if gflops and peak else ""]
        row += [cell(cells[name]) if name in cells else "" for name in others]
        lines.append("| " + " | ".join(row) + " |")
    return lines


def cell(times):
    return f"{digits(times[0])} ({digits(times[1])})" if times else "fails"


def of_long(results, clock):
    """{(task, n_states): cells} of the problem `long`."""
    return {key[1:]: cells for key, cells in rows(results, clock).items() if key[0] == "long"}


def sentence(results, clock):
    """For the project's README: how many times as long the fastest of the other libraries takes, over all tasks."""
    table = of_long(results, clock)
    ratios = [ratio for cells in table.values() if (ratio := fastest_other(cells))]
    names = {libraries.LIBRARIES[name][0] for cells in table.values() for name in cells if name not in YARDSTICKS}
    parts = ["One long sequence, one core"]
    if ratios:
        others = ", ".join(name for name in results["versions"] if name.split()[0] in names)
        parts.append(f"the fastest of {others} takes {min(ratios):.2g} to {max(ratios):.2g} times as long as chmm")
    return f"{': '.join(parts)} ({results['machine']}, {results['date']})."


def table_of_long(results, clock):
    """The table of docs/benchmarks.md: one row for each N, of the problem `long`, and what it was measured with."""
    table = of_long(results, clock)
    tasks = [task for task in NAMES if any(key[0] == task for key in table)]
    lines = ["| N | " + " | ".join(NAMES[task] for task in tasks) + " |", "|--:" * (len(tasks) + 1) + "|"]
    for n_states in sorted({n_states for _, n_states in table}):
        cells = [short_cell(table.get((task, n_states), {})) for task in tasks]
        lines.append(f"| {n_states} | " + " | ".join(cells) + " |")
    about = [f"nanoseconds of {CLOCKS[clock]} time per step and N² on one core, one long sequence; "
             "×k: the fastest of the other libraries takes k times as long"]
    if results["peak"]:
        peak = max(results["peak"].values())
        shares = {task: [100 * FLOPS[task] / cells["chmm"][0] / peak for (t, _), cells in table.items() if t == task]
                  for task in tasks if task in FLOPS}
        spans = (f"{NAMES[task]} {min(found):.0f} to {max(found):.0f} %" for task, found in shares.items())
        about.append(f"of the core's peak, {peak:.1f} GFLOP/s of multiply-adds in the same run: " + ", ".join(spans))
    about.append(", ".join([results["machine"], *compiler(), *results["versions"], results["date"]]))
    return "\n".join([*lines, "", ". ".join(text[0].upper() + text[1:] for text in about) + "."])


def short_cell(cells):
    if "chmm" not in cells:
        return ""
    ratio = fastest_other(cells)
    return f"**{digits(cells['chmm'][0])}**" + (f" ×{ratio:.2g}" if ratio else "")


def fastest_other(cells):
    """The time of the fastest other library, as a multiple of chmm's; None if there is none."""
    return min((times[1] for name, times in cells.items() if times and name not in YARDSTICKS), default=None)


def compiler():
    """Of chmm's kernels, from the note that GCC and Clang leave in what they make: [its name], or []."""
    kernel = Path(find_spec("chmm.kernels.rows").origin).read_bytes()
    notes = re.findall(rb"(GCC|clang)(?:: \([^)]*\)| version) ([\d.]+)", kernel)
    return [b" ".join(notes[-1]).decode()] if notes else []


def digits(x):
    """Three significant digits, never an exponent."""
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}"


def machine():
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = found[0].split(":")[1].strip() if found else name
    return f"{name}, {platform.system()}, Python {platform.python_version()}"


def versions(names):
    packages = dict.fromkeys(libraries.LIBRARIES[name][0] for name in ["chmm", *names] if name != "textbook")
    found = []
    for package in ["numpy", *packages]:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


def plot(results, path, clock, problems=CAPTIONS):
    """One panel a task, log-log: time against the number of states, and the least that the core's peak allows.

    Greys and colours between light and dark on no background, so that it can be read on white and on black.
    """
    import matplotlib

    matplotlib.use("Agg")
    grey = "#808890"
    parts = ["text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"]
    matplotlib.rcParams.update(dict.fromkeys(parts, grey) | {"svg.fonttype": "none", "svg.hashsalt": "speed"})
    from matplotlib import pyplot as plt

    table = rows(results, clock)
    panels = list(dict.fromkeys(key[:2] for key in table if key[0] not in UNITS and key[0] in problems))
    if not panels:
        raise SystemExit("there is nothing to plot: only problems of many sizes are drawn")
    peak = max(results["peak"].values(), default=None)
    columns = min(len(panels), 4)
    height = -(-len(panels) // columns)
    shape = (3.3 * columns, 3.2 * height + 0.4)
    figure, axes = plt.subplots(height, columns, figsize=shape, sharex=True, sharey="row", squeeze=False)
    names = [name for name in libraries.LIBRARIES if any(name in cells for cells in table.values())]
    colours = dict(zip(libraries.LIBRARIES, ["#e5383b", "#b5656b", "C0", "C9", "C2", "C4", "C6", "C1", "C5", grey]))
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, (problem, task) in zip(axes.flat, panels):
        for name in names:
            points = sorted((key[2], cells[name][0]) for key, cells in table.items()
                            if key[:2] == (problem, task) and cells.get(name))
            if points:
                ours = name == "chmm"
                axis.loglog(*zip(*points), label=name, color=colours[name],
                            linewidth=2.4 if ours else 1.2, marker="o", markersize=4 if ours else 3,
                            zorder=3 if ours else 2)
        if peak and task in FLOPS:
            axis.axhline(FLOPS[task] / peak, color=grey, linewidth=1, linestyle=":", label="limit of the core")
        sizes = sorted({key[2] for key in table if key[0] == problem})
        axis.set_xscale("log", base=2)
        axis.set_xticks(sizes, [str(n) for n in sizes])
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("")
        title = NAMES.get(task, task)
        axis.set_title(title if {key[0] for key in panels} == {"long"} else f"{title}, {problem}", fontsize=10)
        axis.grid(True, which="major", color=grey, alpha=0.25, linewidth=0.8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("states N", fontsize=9)
    for axis in axes[:, 0]:
        axis.set_ylabel(UNIT[0], fontsize=9)
    handles = {}
    for axis in axes.flat:
        handles |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=len(handles), frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.05 if height > 1 else 0.09, 1, 1))
    figure.savefig(path, dpi=150, transparent=True, metadata={"Date": None} if Path(path).suffix == ".svg" else None)
