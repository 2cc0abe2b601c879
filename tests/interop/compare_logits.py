#!/usr/bin/env python3
"""Compares libquant's logits with those of another library in float32 and fails beyond a tolerance.

  compare_logits.py MODEL [--library transformers] [--tokens 256] [--part 0] [--tolerance 2e-4]

Standard output is the figure, max|difference| / max|logit|; what was compared goes to standard
error. MODEL is a .gguf file (transformers dequantizes it itself) or a Hugging Face folder. --library
gptqmodel loads a GPTQ folder with GPTQModel instead. The tokens are those of a text (--text), or
random where the model brings no tokenizer. --part feeds libquant's key-value cache in parts of that
many tokens. Needs torch, the library, gguf for .gguf files, and the program libquant_dump_logits
(--program, target of the same name).
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def location(model):
    return (model.parent, {"gguf_file": model.name}) if model.suffix == ".gguf" else (model, {})


def quantization(model):
    config = model / "config.json"
    return json.loads(config.read_text()).get("quantization_config", {}) if config.exists() else {}


def load_with_transformers(path):
    folder, more = location(path)
    settings = quantization(path)
    groups = settings.get("config_groups", {}).values()
    if any(not group["weights"]["symmetric"] for group in groups):
        # Without this the library expects zeros that are not packed.
        from transformers import CompressedTensorsConfig
        more["quantization_config"] = CompressedTensorsConfig(dequantize=True)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                attn_implementation="eager", **more)


def load_with_gptqmodel(path):
    from gptqmodel import BACKEND, GPTQModel
    # Its CPU kernel insists on a half type for loading (exact for the scales, which are stored in it)
    # and computes in whatever the model has become since.
    loaded = GPTQModel.load(str(path), device="cpu", backend=BACKEND.TORCH, dtype=torch.float16)
    return loaded.model.float()


LOADERS = {"transformers": load_with_transformers, "gptqmodel": load_with_gptqmodel}


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
    parser.add_argument("--library", choices=LOADERS, default="transformers")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--tolerance", type=float, default=2e-4)
    parser.add_argument("--text", type=pathlib.Path, default=ROOT / "examples/evaluation/held_out.txt")
    parser.add_argument("--program", type=pathlib.Path,
                        default=ROOT / "build/release/tests/interop/libquant_dump_logits")
    options = parser.parse_args()

    model = LOADERS[options.library](options.model).eval()
    ids = token_ids(options.model, options.text, options.tokens, model.config.vocab_size)
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0].float().numpy()
    del model
    actual = libquant_logits(options, ids, expected.shape[1])
    largest = float(np.abs(expected).max())
    rows = np.abs(actual - expected).max(axis=1) / largest  # NaN stays NaN and fails below
    same = float((actual.argmax(axis=1) == expected.argmax(axis=1)).mean())
    print(f"{options.model} with {options.library}: {len(ids)} tokens, worst position "
          f"{int(rows.argmax())}, mean over positions {rows.mean():.2e}, max|logit| {largest:.2f}, "
          f"same top token {same:.4f}", file=sys.stderr)
    print(f"{rows.max():.2e}")
    if not rows.max() <= options.tolerance:
        sys.exit(f"beyond the tolerance of {options.tolerance:g}")


if __name__ == "__main__":
    main()
