"""perplexities.py REPORT.json FOLDER: perplexity of every audited model and the time it took to make it, as Markdown."""
import json
import pathlib
import sys

report = json.load(open(sys.argv[1]))
folder = pathlib.Path(sys.argv[2])


def row(name, perplexity, made):
    number = "-" if perplexity is None else f"{perplexity:.2f}"
    seconds = statistics = "-"
    if made.exists():
        run = json.load(open(made))
        seconds = f"{run['seconds']:.0f}"
        if "fairness" in run:
            statistics = f"{run['fairness']['statistics_seconds']:.0f}"
    print(f"| {name} | {number} | {seconds} | {statistics} |")


print("| model | perplexity | seconds | of them for statistics |\n|---|---|---|---|")
row("original", report["base"].get("perplexity"), folder / "none")
for model in report["models"]:
    row(model["name"], model.get("perplexity"), folder / model["name"] / "quantize_report.json")
