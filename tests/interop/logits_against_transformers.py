#!/usr/bin/env python3
"""Compares libquant's logits with those of transformers in float32 and fails beyond a tolerance.

  logits_against_transformers.py MODEL [--tokens 512] [--part 0] [--tolerance 2e-4]

MODEL is a .gguf file (transformers dequantizes it itself) or a Hugging Face folder. The tokens are
those of a text (--text), or random where the model brings no tokenizer. --part feeds libquant's key-value
cache in parts of that many tokens. Needs torch, transformers, gguf and the program
libquant_dump_logits (--program, target of the same name).
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def location(model):
    return (model.parent, {"gguf_file": model.name}) if model.suffix == ".gguf" else (model, {})


def token_ids(model, text, count, vocabulary):
    folder, more = location(model)
    if not more and not (model / "tokenizer.json").exists():
        return np.random.default_rng(1).integers(0, vocabulary, count).tolist()
    ids = AutoTokenizer.from_pretrained(folder, **more)(text.read_text())["input_ids"][:count]
    if len(ids) < count:
        sys.exit(f"{text} has only {len(ids)} tokens")
    return ids


def libquant_logits(options, ids, vocabulary):
    with tempfile.TemporaryDirectory() as folder:
        ids_file, logits_file = pathlib.Path(folder, "ids"), pathlib.Path(folder, "logits")
        ids_file.write_text(" ".join(map(str, ids)))
        part = [str(options.part)] if options.part else []
        subprocess.run([options.program, options.model, ids_file, logits_file, *part], check=True)
        return np.fromfile(logits_file, dtype="<f4").reshape(len(ids), vocabulary)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--tolerance", type=float, default=2e-4)
    parser.add_argument("--text", type=pathlib.Path, default=ROOT / "examples/evaluation/held_out.txt")
    parser.add_argument("--program", type=pathlib.Path,
                        default=ROOT / "build/release/tests/interop/libquant_dump_logits")
    options = parser.parse_args()
    torch.set_num_threads(2)

    folder, more = location(options.model)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                 attn_implementation="eager", **more).eval()
    ids = token_ids(options.model, options.text, options.tokens, model.config.vocab_size)
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0].numpy()
    del model
    actual = libquant_logits(options, ids, expected.shape[1])
    largest = float(np.abs(expected).max())
    rows = np.abs(actual - expected).max(axis=1) / largest  # NaN stays NaN and fails below
    same = float((actual.argmax(axis=1) == expected.argmax(axis=1)).mean())
    print(f"{options.model}: {len(ids)} tokens, max|difference| / max|logit| = {rows.max():.2e} "
          f"(position {int(rows.argmax())}; mean over positions {rows.mean():.2e}), "
          f"max|logit| {largest:.2f}, same top token {same:.4f}")
    if not rows.max() <= options.tolerance:
        sys.exit(f"beyond the tolerance of {options.tolerance:g}")


if __name__ == "__main__":
    main()
