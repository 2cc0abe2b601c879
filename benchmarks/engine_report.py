"""Prints engine.sh's table of goals and figures; with --strict exits with 1 when a goal is missed."""

import json
import sys
from pathlib import Path

GOALS = {"gemm": 0.80, "attention": 0.50, "syrk": 0.50}
WORDS = {"gemm": "fp32 GEMM", "attention": "attention", "syrk": "Hessian (SYRK)"}
MOST_OVER_FLOOR, AIM_OVER_FLOOR = 2.0, 1.5


def title(name: str) -> str:
    operation, _, _, *keys = name.split("/")
    sizes = dict(key.split(":") for key in keys if ":" in key)
    shape = {"gemm": "{N} x {K} x {M}", "attention": "{queries} tokens", "syrk": "{N} x {K}"}[operation]
    return f"{WORDS[operation]}, {shape.format(**sizes)}"


def main(run: Path, strict: bool) -> int:
    line = "{:<34} {:>12} {:>10} {:>10}  {}"
    print("\n" + line.format("", "goal", "figure", "GFLOP/s", ""))
    missed = 0
    for case in json.loads((run / "kernels.json").read_text(encoding="utf-8"))["benchmarks"]:
        goal = GOALS[case["name"].split("/")[0]]
        # Of all vector widths: the widest one's probe is the highest, so its fraction is the least.
        fraction = min(value for key, value in case.items() if key.startswith("fma_f32") and key.endswith(":fraction"))
        missed += fraction < goal
        print(line.format(title(case["name"]), f">= {goal:.2f}", f"{fraction:.2f}", f"{case['GFLOPS_median']:.0f}",
                          "" if fraction >= goal else "missed"))

    report = json.loads((run / "quantize.json").read_text(encoding="utf-8"))
    ratio = report["seconds"] / report["floor_seconds"]
    missed += ratio > MOST_OVER_FLOOR
    print(line.format("whole GPTQ run over its floor", f"<= {MOST_OVER_FLOOR:.1f}", f"{ratio:.2f}",
                      f"{report['floor_flops'] / report['seconds'] * 1e-9:.0f}",
                      "missed" if ratio > MOST_OVER_FLOOR else "" if ratio > AIM_OVER_FLOOR else "also the aim of 1.5"))
    parts = ", ".join(f"{word} {report[key + '_seconds']:.1f} s"
                      for word, key in [("forward", "forward"), ("Hessians", "hessian"), ("solving", "solve"),
                                        ("writing", "write")])
    print(f"\n{report['seconds']:.1f} s ({parts}) over {report['floor_seconds']:.1f} s at 0.8 of "
          f"{report['probe_flops'] * 1e-9:.0f} GFLOP/s; {report['isa']}. Fractions are medians of paired samples.\n"
          f"full reports: {run}/*.json")
    return 1 if strict and missed else 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(main(Path(arguments[-1]), "--strict" in arguments[:-1]))
