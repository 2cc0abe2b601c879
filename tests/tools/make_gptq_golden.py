#!/usr/bin/env python3
"""A small GPTQ folder that GPTQModel itself quantized in act-order (g_idx) and wrote.

Writes tests/golden/gptq/{config.json,quantize_config.json,model.safetensors} and
expected.safetensors with the weights that the library's own dequantize_weight() gives, in fp16, and
the tensors that it left dense. Needs the environment of tests/interop/run.sh.
"""

import os
import pathlib
import shutil
import tempfile

os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")

import torch
from gptqmodel import BACKEND, GPTQModel, QuantizeConfig
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "golden" / "gptq"
VOCABULARY = 64


def dense_model(folder):
    config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128,
                         num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
                         head_dim=32, max_position_embeddings=64, tie_word_embeddings=False,
                         dtype="float16")
    LlamaForCausalLM(config).half().save_pretrained(folder)
    # GPTQModel wants a tokenizer in the folder, though the calibration rows are ids.
    words = Tokenizer(models.WordLevel({f"w{i}": i for i in range(VOCABULARY)}, unk_token="w0"))
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="w0", eos_token="w1",
                            pad_token="w1").save_pretrained(folder)


def main():
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as work:
        dense, out = f"{work}/dense", f"{work}/out"
        dense_model(dense)
        rows = [{"input_ids": torch.randint(0, VOCABULARY, (48,)).tolist(),
                 "attention_mask": [1] * 48} for _ in range(8)]
        model = GPTQModel.load(dense, QuantizeConfig(bits=4, group_size=32, desc_act=True,
                                                     device="cpu"))
        model.quantize(rows, batch_size=1)
        model.save(out)
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", "quantize_config.json", "model.safetensors"):
            shutil.copy(f"{out}/{name}", FOLDER / name)

        loaded = GPTQModel.load(out, device="cpu", backend=BACKEND.TORCH, dtype=torch.float16)
        expected = {name: tensor for name, tensor in load_file(f"{out}/model.safetensors").items()
                    if name.endswith(".weight")}
        for name, module in loaded.model.named_modules():
            if hasattr(module, "dequantize_weight"):
                expected[name + ".weight"] = module.dequantize_weight().T.contiguous().half()
        save_file(expected, FOLDER / "expected.safetensors")
        print(f"{len(expected)} weights in {FOLDER}")


if __name__ == "__main__":
    main()
