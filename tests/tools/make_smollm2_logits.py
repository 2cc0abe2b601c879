#!/usr/bin/env python3
"""Logits of the demonstration model (SmolLM2-135M-Instruct.Q4_1.gguf) by transformers in float32.

  make_smollm2_logits.py MODEL.gguf    writes tests/golden/smollm2.logits.txt: token ids of the
                                       beginning of examples/evaluation/held_out.txt, their mean
                                       negative log-likelihood in nats (first token unscored), and
                                       every STRIDE-th logit at a few positions
"""

import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOKENS, POSITIONS, STRIDE = 300, (0, 100, 299), 101


def main(path):
    torch.set_num_threads(2)
    text = (ROOT / "examples/evaluation/held_out.txt").read_text()[:20000]
    ids = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)(text)["input_ids"][:TOKENS]
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name,
                                                 dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():
        logits = model.eval()(torch.tensor([ids])).logits[0].double()
    loss = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:])).item()
    lines = [("ids", *ids), ("negative_log_likelihood", repr(loss)), ("stride", STRIDE),
             ("largest", repr(float(logits.abs().max())))]
    lines += [("position", p, *(f"{v:.6g}" for v in logits[p, ::STRIDE])) for p in POSITIONS]
    out = ROOT / "tests/golden/smollm2.logits.txt"
    out.write_text("".join(" ".join(map(str, line)) + "\n" for line in lines))
    print(f"{out}: {out.stat().st_size} bytes, negative log-likelihood {loss:.6f}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
