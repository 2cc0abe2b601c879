"""perplexities.py ORIGINAL.json FOLDER TOKENS NAME...: perplexity of every model and the time it took to make it, as Markdown."""
import json
import pathlib
import sys

original, folder, tokens, *names = sys.argv[1:]


def perplexity(path):
    return f"{json.load(open(path))['perplexity']:.2f}"


print(f"| model | perplexity, {tokens} tokens | seconds | of them for statistics |\n|---|---|---|---|")
print(f"| original | {perplexity(original)} | | |")
for name in names:
    run = json.load(open(pathlib.Path(folder, name, "quantize_report.json")))
    statistics = run.get("fairness", {}).get("statistics_seconds")
    shared = "" if statistics is None else f"{statistics:.0f}" if statistics else "shared"
    print(f"| {name} | {perplexity(f'{folder}/{name}-{tokens}.json')} | {run['seconds']:.0f} | {shared} |")
