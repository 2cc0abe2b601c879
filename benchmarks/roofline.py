#!/usr/bin/env python3
"""Draws roofline plots: roofline.py RESULT.json [OUTPUT.png]

One panel for each number of threads in the file. Lines are the medians of the probes that ran beside
the kernels: the slope is what memory can be read at, the levels what the instructions do at most.
Points are kernels: operations per byte of weights against the median rate.
"""
import json
import re
import statistics
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

LEVELS = re.compile(r"^((?:int8|maddubs|fma_f32|bf16)\w*):median$")


def rows_of(path):
    with open(path) as file:
        rows = json.load(file)["benchmarks"]
    usable = []
    for row in rows:
        name = row["name"].split("/iterations:")[0]
        threads = re.search(r"/T:(\d+)", name)
        if threads and row.get("GBps_median") and not row.get("error_occurred"):
            usable.append((name, int(threads.group(1)), row))
    return usable


def draw(axes, threads, rows):
    read = statistics.median(row["read:median"] for _, row in rows)
    levels = {}
    for _, row in rows:
        for key, value in row.items():
            found = LEVELS.match(key)
            if found:
                levels.setdefault(found.group(1), []).append(value)
    points = [(row["GFLOPS_median"] / row["GBps_median"], row["GFLOPS_median"], name) for name, row in rows]
    left, right = min(p[0] for p in points) / 2, max(p[0] for p in points) * 2
    for label, values in sorted(levels.items()):
        level = statistics.median(values)
        knee = level / read
        axes.plot([left, knee, right], [left * read, level, level], linewidth=0.8, label=f"{label} {level:.0f}")
    kinds = {}
    for x, y, name in points:
        _, weights, isa = name.split("/")[:3]
        mode = re.search(r"/activations:(\w+)", name)
        kinds.setdefault(f"{weights} {isa} {mode.group(1) if mode else ''}".strip(), []).append((x, y))
    for i, (kind, values) in enumerate(sorted(kinds.items())):
        axes.plot(*zip(*values), linestyle="", marker="osD^v<>PX*"[i % 10], markersize=4, label=kind)
    axes.set(xscale="log", yscale="log", xlabel="operations per byte of weights", ylabel="G operations/s",
             title=f"{threads} thread(s), read probe {read:.1f} GB/s")
    axes.grid(True, which="both", linewidth=0.2)
    axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))


def main(arguments):
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    rows = rows_of(arguments[0])
    if not rows:
        print(f"{arguments[0]}: no benchmark that reads weights", file=sys.stderr)
        return 2
    counts = sorted({threads for _, threads, _ in rows})
    figure, panels = plt.subplots(len(counts), 1, figsize=(10, 6 * len(counts)), squeeze=False)
    for panel, threads in zip(panels[:, 0], counts):
        draw(panel, threads, [(name, row) for name, t, row in rows if t == threads])
    output = arguments[1] if len(arguments) == 2 else arguments[0].removesuffix(".json") + ".png"
    figure.savefig(output, dpi=120, bbox_inches="tight")
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
