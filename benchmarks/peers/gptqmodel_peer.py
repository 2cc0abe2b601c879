#!/usr/bin/env python3
"""Quantizes a model with GPTQModel on the CPU; called by gptqmodel.sh.

  gptqmodel_peer.py prepare MODEL.gguf TOKENIZER FOLDER   the dense model as a Hugging Face folder
  gptqmodel_peer.py quantize FOLDER IDS OUT WINDOWS WINDOW

IDS holds the token ids of the calibration text as a JSON array. The windows are those that
`libquant quantize` draws: evenly spread, the first at the text's start and the last at its end.
"""

import json
import os
import pathlib
import shutil
import sys
import time

os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")

import torch


def prepare(gguf, tokenizer, folder):
    from transformers import AutoModelForCausalLM, GgufConfig
    gguf, folder = pathlib.Path(gguf), pathlib.Path(folder)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float16,
                                                 quantization_config=GgufConfig(dequantize=True))
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(pathlib.Path(tokenizer) / name, folder / name)


def quantize(folder, ids, out, windows, window):
    from gptqmodel import GPTQModel, QuantizeConfig
    ids = json.loads(pathlib.Path(ids).read_text())
    windows, window = int(windows), int(window)
    span, steps = len(ids) - window, max(windows - 1, 1)
    offsets = [span // steps * i + span % steps * i // steps for i in range(windows)]
    rows = [{"input_ids": ids[at:at + window], "attention_mask": [1] * window} for at in offsets]
    model = GPTQModel.load(folder, QuantizeConfig(bits=4, group_size=64, device="cpu"))
    begin = time.perf_counter()
    model.quantize(rows, batch_size=1)
    print(f"GPTQModel: {time.perf_counter() - begin:.1f} s in quantize()", file=sys.stderr)
    model.save(out)


if __name__ == "__main__":
    {"prepare": prepare, "quantize": quantize}[sys.argv[1]](*sys.argv[2:])
