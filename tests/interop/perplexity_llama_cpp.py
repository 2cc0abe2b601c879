#!/usr/bin/env python3
"""Perplexity of a GGUF file by llama-cpp-python, on standard output.

  perplexity_llama_cpp.py MODEL.gguf TEXT MAX_TOKENS [IDS]

The protocol is that of `libquant eval`: windows of 2,048 tokens without overlap, no BOS, the first
token of a window unscored. The tokens are llama.cpp's own; with IDS, a file with the JSON array that
`tokenizer_ids ids` prints for TEXT, they must be the same.
"""

import json
import sys

import llama_cpp
import llama_cpp.llama_cpp as low_level
import numpy as np

WINDOW = 2048


def plain_parameters(defaults=low_level.llama_model_default_params):
    """Weights stay as the file has them: the AMX copies of version 0.3.36 crash, whatever the model."""
    parameters = defaults()
    parameters.use_extra_bufts = False
    return parameters


low_level.llama_model_default_params = plain_parameters


def window_loss(model, ids):
    """Sum of negative log-likelihoods in nats."""
    model.reset()
    model.eval(ids)
    logits = np.asarray(model.scores[:len(ids) - 1], dtype=np.float64)
    peak = logits.max(axis=1)
    total = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1))
    return float((total - logits[np.arange(len(ids) - 1), ids[1:]]).sum())


def main():
    path, text, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    model = llama_cpp.Llama(path, n_ctx=WINDOW, n_batch=512, n_threads=2, n_threads_batch=2,
                            logits_all=True, verbose=False)
    with open(text, "rb") as file:
        ids = model.tokenize(file.read(), add_bos=False, special=False)
    if len(sys.argv) > 4:
        with open(sys.argv[4], encoding="utf-8") as file:
            ours = json.load(file)
        if ids != ours:
            sys.exit(f"{text}: {len(ids)} tokens of llama.cpp differ from {len(ours)} of libquant")
    ids = ids[:count]
    windows = [ids[begin:begin + WINDOW] for begin in range(0, len(ids), WINDOW)]
    scored = sum(len(window) - 1 for window in windows)
    print(repr(float(np.exp(sum(window_loss(model, window) for window in windows) / scored))))


if __name__ == "__main__":
    main()
