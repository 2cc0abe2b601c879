#!/usr/bin/env python3
"""Tiny random checkpoints of every family and kind of rotary scaling, and their logits.

Weights are not stored: element k of a tensor is drawn from SplitMix64 seeded with the FNV-1a hash of
the tensor's name, the same in numpy here and in tests/support/memory_source.h.

  make_families.py                     writes tests/golden/families/NAME.case (config, token ids and
                                       positions as text) and NAME.logits (fp32, positions x
                                       vocabulary), computed by transformers in float32
  make_families.py --folders DIR       writes DIR/NAME/{config.json,model.safetensors} instead: full
                                       Hugging Face folders of the same models. Nothing else is
                                       written there; ids and logits are those of the golden files.
      --dtype float32|float16|bfloat16 stored type (default float32; the golden logits belong to it)
      --shard-size BYTES               splits the weights over several files with an index
      --legacy-config                  "rope_theta" and "rope_scaling" as before transformers 5,
                                       instead of "rope_parameters"
      --only NAME ...                  these models only
The model "llama_frequency_factors" has GGUF's rope_freqs.weight, which Hugging Face folders cannot
hold: no folder is written for it.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "families"
VOCABULARY, LENGTH, SHORT = 97, 150, 60
POSITIONS = (0, 1, 17, 63, 64, 149)

SHAPE = dict(vocab_size=VOCABULARY, hidden_size=64, intermediate_size=112, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
             rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2)
LONG = [1.0, 1.1, 1.3, 1.7, 2.5, 4.0, 6.0, 9.0]
NEAR = [1.0, 1.0, 1.05, 1.1, 1.2, 1.25, 1.3, 1.5]


def llama(rope=None, theta=10000.0, **more):
    return LlamaConfig(**{**SHAPE, "rope_parameters": {"rope_type": "default", "rope_theta": theta,
                                                       **(rope or {})}, **more})


def other(kind, rope=None, theta=1e6, **more):
    return kind(**{**SHAPE, "rope_parameters": {"rope_type": "default", "rope_theta": theta,
                                                **(rope or {})}, **more})


YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64)
# name: (config, tokens, GGUF frequency factors)
MODELS = {
    "llama": (llama(), LENGTH, None),
    "llama_bias_tied": (llama(attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
                        LENGTH, None),
    "llama_multi_query": (llama(num_key_value_heads=1, rms_norm_eps=1e-6), LENGTH, None),
    "llama_linear": (llama(dict(rope_type="linear", factor=4.0)), LENGTH, None),
    "llama_dynamic": (llama(dict(rope_type="dynamic", factor=4.0), max_position_embeddings=64),
                      LENGTH, None),
    "llama_dynamic_short": (llama(dict(rope_type="dynamic", factor=4.0),
                                  max_position_embeddings=64), SHORT, None),
    "llama_llama3": (llama(dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0,
                                high_freq_factor=4.0, original_max_position_embeddings=64)),
                     LENGTH, None),
    "llama_yarn": (llama(YARN), LENGTH, None),
    "llama_yarn_options": (llama(dict(YARN, mscale=1.2, mscale_all_dim=0.7, truncate=False,
                                      beta_fast=16, beta_slow=2)), LENGTH, None),
    "llama_yarn_attention": (llama(dict(YARN, attention_factor=0.8)), LENGTH, None),
    "llama_longrope": (llama(dict(rope_type="longrope", short_factor=NEAR, long_factor=LONG,
                                  factor=4.0, original_max_position_embeddings=64)), LENGTH, None),
    "llama_longrope_short": (llama(dict(rope_type="longrope", short_factor=NEAR, long_factor=LONG,
                                        original_max_position_embeddings=64)), SHORT, None),
    "llama_frequency_factors": (llama(), LENGTH, LONG),
    "mistral": (other(MistralConfig, sliding_window=None), LENGTH, None),
    "mistral_window": (other(MistralConfig, sliding_window=20, head_dim=24, theta=10000.0), LENGTH,
                       None),
    "qwen2": (other(Qwen2Config, tie_word_embeddings=True), LENGTH, None),
    "qwen2_window": (other(Qwen2Config, use_sliding_window=True, sliding_window=20,
                           max_window_layers=1), LENGTH, None),
    "qwen2_yarn": (other(Qwen2Config, YARN, max_position_embeddings=64), LENGTH, None),
    "qwen3": (other(Qwen3Config, head_dim=32, tie_word_embeddings=True), LENGTH, None),
    "qwen3_bias": (other(Qwen3Config, head_dim=16, attention_bias=True), LENGTH, None),
}


def uniform(seed, count):
    """The first `count` numbers of libquant::Rng(seed).uniform()."""
    with np.errstate(over="ignore"):
        state = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
            0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def weight(name, shape):
    """Norms around 1, biases around 0, matrices with rows of norm about 1 (2 for q and k, so that
    attention is far from uniform); embeddings have elements of about 1."""
    count = int(np.prod(shape))
    centred = 2 * uniform(fnv1a(name), count) - 1
    if name.endswith("norm.weight"):
        values = 1 + 0.3 * centred
    elif name.endswith(".bias"):
        values = 0.4 * centred
    elif "embed_tokens" in name:
        values = 1.5 * centred
    else:
        gain = 2.0 if ".q_proj." in name or ".k_proj." in name else 1.0
        values = gain * np.sqrt(3.0 / shape[-1]) * centred
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def build(config, factors):
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weight(name, tuple(parameter.shape)))
        if factors:
            model.model.rotary_emb.inv_freq /= torch.tensor(factors)
    return model


def case_lines(config, family, factors, ids, positions):
    rope = config.rope_parameters
    names = {"default": "none"}
    window = getattr(config, "sliding_window", None) or 0
    llama_bias = getattr(config, "attention_bias", family == "qwen2")
    yield "family", family
    yield "vocabulary_size", config.vocab_size
    yield "hidden_size", config.hidden_size
    yield "intermediate_size", config.intermediate_size
    yield "layers", config.num_hidden_layers
    yield "heads", config.num_attention_heads
    yield "kv_heads", config.num_key_value_heads
    yield "head_dim", getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    yield "max_positions", config.max_position_embeddings
    yield "sliding_window", window
    yield "first_sliding_layer", getattr(config, "max_window_layers", 0) if window else 0
    yield "rms_epsilon", repr(config.rms_norm_eps)
    yield "tied_embeddings", int(config.tie_word_embeddings)
    yield "attention_bias", int(llama_bias)
    yield "output_bias", int(llama_bias and family != "qwen2")
    yield "mlp_bias", int(getattr(config, "mlp_bias", False))
    yield "qk_norm", int(family == "qwen3")
    yield "rope_scaling", names.get(rope["rope_type"], rope["rope_type"])
    yield "rope_theta", repr(float(rope["rope_theta"]))
    derived = 0 if rope["rope_type"] == "longrope" else 1
    yield "rope_factor", rope.get("factor", derived)
    yield "rope_original_max_positions", rope.get("original_max_position_embeddings", 0)
    yield "rope_low_frequency_factor", rope.get("low_freq_factor", 1)
    yield "rope_high_frequency_factor", rope.get("high_freq_factor", 4)
    yield "rope_beta_fast", rope.get("beta_fast", 32)
    yield "rope_beta_slow", rope.get("beta_slow", 1)
    yield "rope_mscale", rope.get("mscale", 0)
    yield "rope_mscale_all_dim", rope.get("mscale_all_dim", 0)
    yield "rope_truncate", int(rope.get("truncate", True))
    yield "rope_attention_factor", rope.get("attention_factor", 0) or 0
    for key, values in (("rope_short_factors", rope.get("short_factor")),
                        ("rope_long_factors", rope.get("long_factor")),
                        ("rope_frequency_factors", factors), ("ids", ids),
                        ("positions", positions)):
        if values:
            yield key, " ".join(map(str, values))


def write_golden(name, config, tokens, factors):
    ids = [int(i) for i in uniform(fnv1a(name + " ids"), tokens) * VOCABULARY]
    positions = [p for p in POSITIONS if p < tokens]
    lines = list(case_lines(config, config.model_type, factors, ids, positions))
    with torch.no_grad():
        logits = build(config, factors)(torch.tensor([ids])).logits[0, positions]
    (GOLDEN / f"{name}.case").write_text("".join(f"{key} {value}\n" for key, value in lines))
    (GOLDEN / f"{name}.logits").write_bytes(logits.numpy().astype("<f4").tobytes())
    print(f"{name}: {tokens} tokens, max |logit| {logits.abs().max():.3f}")


def to_legacy(path):
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    scaled = rope["rope_type"] != "default"
    config["rope_scaling"] = {**rope, "type": rope["rope_type"]} if scaled else None
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_folder(folder, config, options):
    model = build(config, None).to(getattr(torch, options.dtype))
    model.generation_config = None
    model.save_pretrained(folder, max_shard_size=options.shard_size)
    if options.legacy_config:
        to_legacy(folder / "config.json")
    print(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folders", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--dtype", default="float32", choices=["float32", "float16", "bfloat16"])
    parser.add_argument("--shard-size", type=int, default=10**9, metavar="BYTES")
    parser.add_argument("--legacy-config", action="store_true")
    parser.add_argument("--only", nargs="+", choices=sorted(MODELS), metavar="NAME")
    options = parser.parse_args()
    torch.set_num_threads(2)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name in options.only or MODELS:
        config, tokens, factors = MODELS[name]
        if not options.folders:
            write_golden(name, config, tokens, factors)
        elif not factors:
            write_folder(options.folders / name, config, options)


if __name__ == "__main__":
    main()
