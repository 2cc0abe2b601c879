#!/usr/bin/env python3
"""Writes tests/golden/io from the `gguf` package, ggml's own Python implementation.

Usage: python tests/tools/make_io_golden.py [MODEL.gguf]    (needs: pip install gguf numpy xxhash)

TYPE.blocks, TYPE.values   random blocks and what gguf.quants.dequantize makes of them (fp32)
q8_0_source.values, q8_0_source.blocks   fp32 values and gguf.quants.quantize's Q8_0 blocks
smollm2.json   with MODEL (SmolLM2-135M-Instruct.Q4_1.gguf): name, type, shape and XXH3-128 of the
               decoded fp32 values of every tensor, and XXH3-128 of some metadata
"""
import json
import pathlib
import sys

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, quants
from gguf.constants import GGML_QUANT_SIZES

OUT = pathlib.Path(__file__).resolve().parent.parent / "golden" / "io"
# Byte offsets of the binary16 numbers in a block: they are made finite, all other bytes are random.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
EDGE_HALVES = [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00]


def random_blocks(rng, name):
    values, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    count = 48 if values == 32 else 10
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for number, at in enumerate(HALVES[name]):
        half = rng.integers(0, 0x7C00, count) | rng.integers(0, 2, count) << 15
        half[: len(EDGE_HALVES)] = np.roll(EDGE_HALVES, number)
        blocks[:, at : at + 2] = half.astype("<u2").view(np.uint8).reshape(count, 2)
    return blocks


def write_blocks(rng):
    for name in HALVES:
        blocks = random_blocks(rng, name)
        values = quants.dequantize(blocks, GGMLQuantizationType[name])
        assert np.isfinite(values).all()
        (OUT / f"{name}.blocks").write_bytes(blocks.tobytes())
        (OUT / f"{name}.values").write_bytes(values.astype("<f4").tobytes())


def write_q8_0_source(rng):
    rows = [rng.standard_normal(32) * 10.0**exponent for exponent in range(-9, 6)]
    rows += [np.zeros(32), np.full(32, -3.5), np.arange(32) - 15.5, np.where(np.arange(32) == 7, -1, 0)]
    # Quotients on and next to a rounding boundary: roundf goes away from zero.
    rows.append(np.r_[127.0, np.arange(31) - 15.5])
    rows.append(np.r_[-127.0, np.nextafter(np.arange(31, dtype=np.float32) - 15.5, np.float32(0))])
    values = np.array(rows, dtype=np.float32)
    blocks = quants.quantize(values, GGMLQuantizationType.Q8_0)
    (OUT / "q8_0_source.values").write_bytes(values.astype("<f4").tobytes())
    (OUT / "q8_0_source.blocks").write_bytes(blocks.tobytes())


def write_model(path):
    import xxhash

    reader = GGUFReader(path)
    tensors = []
    for tensor in reader.tensors:
        values = np.ascontiguousarray(quants.dequantize(tensor.data, tensor.tensor_type), dtype="<f4")
        tensors.append([tensor.name, tensor.tensor_type.name, [int(n) for n in tensor.shape[::-1]],
                        xxhash.xxh3_128_hexdigest(values.tobytes())])
    fields = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    scalars = {key: value for key, value in fields.items() if not isinstance(value, list)}
    arrays = {key: [len(value), xxhash.xxh3_128_hexdigest("\n".join(map(str, value)).encode())]
              for key, value in fields.items() if isinstance(value, list)}
    rows = ",\n  ".join(json.dumps(row) for row in tensors)
    text = (f'{{\n "keys": {json.dumps(list(fields))},\n "scalars": {json.dumps(scalars)},\n'
            f' "arrays": {json.dumps(arrays)},\n "tensors": [\n  {rows}\n ]\n}}\n')
    (OUT / "smollm2.json").write_text(text)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20240917)
    write_blocks(rng)
    write_q8_0_source(rng)
    if len(sys.argv) > 1:
        write_model(sys.argv[1])


if __name__ == "__main__":
    main()
