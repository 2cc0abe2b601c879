"""Prints quickstart.sh's table from the program's JSON reports and exits with 1 unless original < GPTQ < rounding."""

import json
import sys
from pathlib import Path


def main(run: Path, model: str) -> int:
    def report(method: str, step: str) -> dict:
        return json.loads((run / f"{method}.{step}.json").read_text(encoding="utf-8"))

    quantize = {method: report(method, "quantize") for method in ("rtn", "gptq")}
    measured = {method: report(method, "eval") for method in ("rtn", "gptq")}
    perplexity = {"original": measured["gptq"]["reference_perplexity"]}
    perplexity |= {method: result["perplexity"] for method, result in measured.items()}

    def row(name: str, kl: str, agreement: str, size: float, seconds: str) -> str:
        return f"{name:<22} {perplexity[name.split()[0]]:>10.3f} {kl:>10} {agreement:>10} {size / 1e6:>9.1f} {seconds:>9}"

    source = f"original ({quantize['gptq']['source_type']})"
    print(f"\n{'':<22} {'perplexity':>10} {'KL, nats':>10} {'same top':>10} {'size, MB':>9} {'seconds':>9}")
    print(row(source, "0", "100 %", quantize["gptq"]["source_bytes"], "-"))
    for method in ("rtn", "gptq"):
        result = measured[method]
        print(row(f"{method} 4-bit g64", f"{result['kl_divergence']:.4f}", f"{100 * result['top1_agreement']:.1f} %",
                  quantize[method]["quantized_bytes"], f"{quantize[method]['seconds']:.1f}"))
    print(f"\n{measured['gptq']['scored_tokens']} tokens of examples/evaluation/held_out.txt were scored;"
          " seconds are those of quantizing.")
    print(f"original: {model}\nmodels:   {run}/rtn  {run}/gptq\nreports:  {run}/*.json")
    if not perplexity["original"] < perplexity["gptq"] < perplexity["rtn"]:
        print("unexpected order: original < GPTQ < RTN does not hold", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
