#!/usr/bin/env python3
"""Prints the table of goals for a run of kernel_benchmark: goals.py RESULT.json [PEERS.json]

A line per goal: what was asked for, the figure (the worst of the benchmarks that the goal covers,
each the median of paired ratios within one process), and whether it was reached. Exits with 1 where
one was missed, 2 where a benchmark that a goal needs is not in the file or a file cannot be read.
"""
import json
import sys

INT8 = "/activations:int8"
RESIDUAL = "/activations:int8_residual"
EXACT = "/activations:exact"
SQUARE = "/M:4096/K:4096"
ENGINE_SHAPES = ((576, 576), (1536, 576), (576, 1536))  # M, K


def read_json(path, what):
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        print(f"goals.py: cannot read {what} from '{path}': {reason}", file=sys.stderr)
        sys.exit(2)


class Run:
    def __init__(self, path):
        content = read_json(path, "the results of kernel_benchmark")
        self.context = content["context"]
        self.rows = {}
        for row in content["benchmarks"]:
            if row.get("run_type", "iteration") == "iteration" and not row.get("error_occurred"):
                self.rows[row["name"].split("/iterations:")[0]] = row

    def value(self, name, counter):
        if name not in self.rows:
            raise KeyError(name)
        return self.rows[name][counter]


def gemm(weights, isa, tokens, threads, end="", shape=SQUARE):
    return f"gemm/{weights}/{isa}/N:{tokens}{shape}/T:{threads}{end}"


def goals(run):
    """Yields (what, bound, list of (name, counter))."""
    isas = run.context["usable_isas"].split()
    best, dense = isas[0], next((i for i in isas if i in ("avx512", "avx2", "neon")), "scalar")
    most = int(run.context["kernel_threads"])
    counts = sorted({1, most})
    family = "avx512" if best.startswith("avx512") else "avx2"
    # What the packed kernels of the best instruction set are bound by at many tokens.
    int8 = {"avx512": "maddubs_avx2", "avx2": "maddubs_avx2"}.get(best, "int8_" + best)
    fma = "fma_f32_neon" if best.startswith("neon") else "fma_f32_" + family

    for threads in counts:
        for weights, end in (("w4g128", RESIDUAL), ("w4g64", RESIDUAL), ("w4g32", INT8)):
            what = f"{weights} N=1, {threads} thread(s){', with residual' if end == RESIDUAL else ''}"
            yield what, 0.92, [(gemm(weights, best, 1, threads, end), "read")]
    for weights, bound in (("w8g128", 0.90), ("w3g128", 0.85), ("w2g128", 0.75)):
        yield f"{weights} N=1, 1 and {most} threads", bound, [
            (gemm(weights, best, 1, t, INT8), "read") for t in counts]
    for weights, bound in (("w4g128", 0.70), ("w4g32", 0.60)):
        yield f"{weights} N=32, 512", bound, [
            (gemm(weights, best, n, most), int8) for n in (32, 512)]
    yield "W8A8 (per channel, per token) N=32, 512", 0.80, [
        (gemm("w8", best, n, most, INT8 + "/scale:token"), int8) for n in (32, 512)]
    yield "w4g128 exact, N=32, 512", 0.80, [
        (gemm("w4g128", best, n, most, EXACT), fma) for n in (32, 512)]
    if "avx2" in isas:
        yield "w4g128 AVX2 forced, N=32, 512", 0.70, [
            (gemm("w4g128", "avx2", n, most, INT8), "maddubs_avx2") for n in (32, 512)]
        yield f"w4g128 AVX2 forced, N=1, 1 and {most} threads", 0.90, [
            (gemm("w4g128", "avx2", 1, t, INT8), "read") for t in counts]
    yield "dense fp32 at the engine's shapes", 0.85, [
        (gemm("f32", dense, 2048, most, shape=f"/M:{m}/K:{k}"), fma)
        for m, k in ENGINE_SHAPES]
    bf16 = "bf16_neon" if best.startswith("i8mm") else "bf16_avx512"
    if gemm("bf16", best, 2048, most, shape="/M:576/K:576") in run.rows:
        yield "dense bf16 at the engine's shapes", 0.80, [
            (gemm("bf16", best, 2048, most, shape=f"/M:{m}/K:{k}"), bf16) for m, k in ENGINE_SHAPES]


def no_dip(run):
    """w4g128 GFLOP/s at each N over the previous N, the smallest of them."""
    isa, most = run.context["usable_isas"].split()[0], run.context["kernel_threads"]
    tokens = (1, 2, 4, 8, 16, 32)
    rates = [run.value(gemm("w4g128", isa, n, most), "GFLOPS_median") for n in tokens]
    steps = [(after / before, n) for before, after, n in zip(rates, rates[1:], tokens[1:])]
    return min(steps), " ".join(f"{n}:{r:.0f}" for n, r in zip(tokens, rates))


def onnxruntime(run, peers):
    """w4g128 at 8 tokens against onnxruntime, each as a fraction of the int8 probe beside it."""
    isa, most = run.context["usable_isas"].split()[0], run.context["kernel_threads"]
    ours = gemm("w4g128", isa, 8, most)
    theirs = [row for row in peers["results"]
              if row["peer"] == "onnxruntime" and row["weights"] == "w4g128"
              and row["tokens"] == 8 and str(row["threads"]) == most]
    if not theirs:
        raise KeyError("onnxruntime w4g128, 8 tokens in the peers' file")
    return (run.value(ours, f"int8_{isa}:fraction") / theirs[-1]["int8_fraction"],
            f"{run.value(ours, 'GFLOPS_median'):.0f} against {theirs[-1]['gflops_median']:.0f} GFLOP/s")


def main(arguments):
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    run = Run(arguments[0])
    if len(arguments) == 2:
        peers = read_json(arguments[1], "the peers' results (LIBQUANT_PEERS names the file)")
    lines, missed, missing = [], 0, []

    def line(what, bound, figure, note):
        nonlocal missed
        reached = figure >= bound
        missed += not reached
        lines.append((what, f">= {bound:.2f}", f"{figure:.3f}", "reached" if reached else "MISSED", note))

    for what, bound, cases in goals(run):
        try:
            figure, name, counter = min(
                (run.value(name, counter + ":fraction"), name, counter) for name, counter in cases)
        except KeyError as error:
            missing.append(f"{what}: {error.args[0]}")
            continue
        rate = "GBps_median" if counter == "read" else "GFLOPS_median"
        unit = "GB/s" if counter == "read" else "GFLOP/s"
        line(what, bound, figure, f"of {counter}; {run.value(name, rate):.1f} {unit}")
    try:
        (step, tokens), rates = no_dip(run)
        line("w4g128: GFLOP/s at each N over the N before", 0.95, step, f"worst at N={tokens}; {rates}")
    except KeyError as error:
        missing.append(f"no dip: {error.args[0]}")
    if len(arguments) == 2:
        try:
            figure, note = onnxruntime(run, peers)
            line("w4g128 N=8 over onnxruntime, both per int8 probe", 1.2, figure, note)
        except KeyError as error:
            missing.append(f"onnxruntime: {error.args[0]}")
    else:
        lines.append(("w4g128 N=8 over onnxruntime", ">= 1.20", "-", "not run", "benchmarks/peers/run.sh"))

    widths = [max(len(row[i]) for row in lines) for i in range(4)]
    for row in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)) + "  " + row[4])
    for text in missing:
        print(f"not in the file: {text}", file=sys.stderr)
    return 2 if missing else 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
