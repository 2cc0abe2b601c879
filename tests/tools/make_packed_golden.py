#!/usr/bin/env python3
"""A small compressed-tensors folder packed by the compressed-tensors library itself.

Writes tests/golden/compressed_tensors/{config.json,model.safetensors} and expected.safetensors with
the values that the library's own dequantize() gives, in fp32. Three config groups: 3 bits
asymmetric in groups of 32 for all Linear layers, 4 bits symmetric per channel for down_proj by
pattern, 8 bits asymmetric in groups of 32 for v_proj by name; o_proj and lm_head are ignored.
"""

import json
import pathlib

import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig, QuantizationScheme
from compressed_tensors.quantization.lifecycle.forward import dequantize
from safetensors.torch import save_file
from transformers import LlamaConfig

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "golden" / "compressed_tensors"
PREFIX = "model.layers.0."
SHAPES = {"self_attn.q_proj": (32, 64), "self_attn.k_proj": (32, 64), "self_attn.v_proj": (32, 64),
          "self_attn.o_proj": (64, 32), "mlp.gate_proj": (32, 64), "mlp.up_proj": (32, 64),
          "mlp.down_proj": (64, 32)}

three = QuantizationArgs(num_bits=3, symmetric=False, strategy="group", group_size=32)
four = QuantizationArgs(num_bits=4, symmetric=True, strategy="channel")
eight = QuantizationArgs(num_bits=8, symmetric=False, strategy="group", group_size=32)


def args_of(module):
    if module.endswith("down_proj"):
        return four
    return eight if module.endswith("v_proj") else three


def packed(rows, cols, args, generator):
    low, high = -(2 ** (args.num_bits - 1)), 2 ** (args.num_bits - 1)
    codes = torch.randint(low, high, (rows, cols), generator=generator, dtype=torch.int8)
    groups = cols // args.group_size if args.strategy == "group" else 1
    scale = (torch.rand(rows, groups, generator=generator) * 0.1 + 1e-3).to(torch.bfloat16)
    tensors = {"weight_packed": pack_to_int32(codes, args.num_bits), "weight_scale": scale,
               "weight_shape": torch.tensor([rows, cols])}
    zero = None
    if not args.symmetric:
        zero = torch.randint(low, high, (rows, groups), generator=generator, dtype=torch.int8)
        tensors["weight_zero_point"] = pack_to_int32(zero, args.num_bits, packed_dim=0)
    return tensors, dequantize(codes, scale.float(), zero, args)


def main():
    generator = torch.Generator().manual_seed(1)
    tensors, expected = {}, {}

    def dense(name, *shape):
        tensors[name] = torch.randn(shape, generator=generator).to(torch.bfloat16)
        expected[name] = tensors[name].float()

    dense("model.embed_tokens.weight", 16, 64)
    dense("lm_head.weight", 16, 64)
    for name in ("model.norm", PREFIX + "input_layernorm", PREFIX + "post_attention_layernorm"):
        dense(name + ".weight", 64)
    for module, (rows, cols) in SHAPES.items():
        if module.endswith("o_proj"):
            dense(f"{PREFIX}{module}.weight", rows, cols)
            continue
        parts, values = packed(rows, cols, args_of(module), generator)
        expected[f"{PREFIX}{module}.weight"] = values
        tensors.update({f"{PREFIX}{module}.{suffix}": part for suffix, part in parts.items()})

    schemes = {"group_0": ("Linear", three), "group_1": ("re:.*down_proj$", four),
               "group_2": (PREFIX + "self_attn.v_proj", eight)}
    quantization = QuantizationConfig(
        config_groups={name: QuantizationScheme(targets=[target], weights=args)
                       for name, (target, args) in schemes.items()},
        format="pack-quantized", quantization_status="compressed",
        ignore=["lm_head", "re:.*o_proj"])
    config = LlamaConfig(vocab_size=16, hidden_size=64, intermediate_size=32, num_hidden_layers=1,
                         head_dim=32, num_attention_heads=1, num_key_value_heads=1, max_position_embeddings=64,
                         architectures=["LlamaForCausalLM"], dtype="bfloat16")
    FOLDER.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(FOLDER)
    written = json.loads((FOLDER / "config.json").read_text())
    written["quantization_config"] = quantization.model_dump(mode="json")
    (FOLDER / "config.json").write_text(json.dumps(written, indent=2) + "\n")
    save_file(tensors, FOLDER / "model.safetensors", metadata={"format": "pt"})
    save_file(expected, FOLDER / "expected.safetensors")
    print(f"{len(tensors)} tensors in {FOLDER}")


if __name__ == "__main__":
    main()
