"""Prints quickstart.sh's table from the program's JSON reports; exits with 1 unless original < GPTQ < rounding."""

import json
import sys
import textwrap
from pathlib import Path


def weight_bytes(path: Path) -> int:
    """Of a .gguf file or of the safetensors of a folder."""
    return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.glob("*.safetensors"))


def print_audit(run: Path, audited: list[str]) -> None:
    report = json.loads((run / "audit" / "report.json").read_text(encoding="utf-8"))
    print(f"\nThe original and each GPTQ model were asked {report['items']['total']} questions about people.")
    for name, model in zip(audited, report["models"]):
        print(f"{name}:")
        for text in model["findings"][:3] + [f"Gate ({model['gate']['verdict']}): {model['gate']['summary']}"]:
            print(textwrap.fill(text, 100, initial_indent="* ", subsequent_indent="  "))


def main(run: Path, model: Path, variants: list[str]) -> int:
    def report(method: str, step: str) -> dict:
        return json.loads((run / f"{method}.{step}.json").read_text(encoding="utf-8"))

    quantized = {method: report(method, "quantize") for method in variants}
    measured = {method: report(method, "eval") for method in variants}
    original = measured["gptq"]["reference_perplexity"]

    line = "{:<22} {:>10} {:>9} {:>9} {:>9} {:>8}"
    print("\n" + line.format("", "perplexity", "KL, nats", "same top", "size, MB", "seconds"))
    name = f"original ({quantized['gptq']['source_type']})"
    print(line.format(name, f"{original:.3f}", "0", "100.0 %", f"{weight_bytes(model) / 1e6:.1f}", "-"))
    for method in variants:
        result = measured[method]
        print(line.format(
            f"{method}, 4 bit, g64", f"{result['perplexity']:.3f}", f"{result['kl_divergence']:.4f}",
            f"{100 * result['top1_agreement']:.1f} %",
            f"{weight_bytes(run / method / 'compressed-tensors') / 1e6:.1f}",
            f"{quantized[method]['seconds']:.1f}"))

    print(f"\n{measured['gptq']['scored_tokens']} tokens of examples/evaluation/held_out.txt were scored in windows of "
          f"{measured['gptq']['window']}; seconds are those of quantizing.\n\n"
          f"audit            {run}/audit/report.html (opens in any browser; in words: {run}/audit.txt)\n"
          f"original         {model}\n"
          f"vLLM, SGLang     {run}/gptq/compressed-tensors (and rtn/...)\n"
          f"llama.cpp        {run}/gptq/gguf/model.gguf (and rtn/...)\n"
          f"full reports     {run}/*.json")
    print_audit(run, [name for name in variants if name != "rtn"])
    if not original < measured["gptq"]["perplexity"] < measured["rtn"]["perplexity"]:
        print("original < gptq < rtn does not hold", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
