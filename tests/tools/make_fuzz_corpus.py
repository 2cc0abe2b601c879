#!/usr/bin/env python3
"""Writes the seeds of the fuzzers to tests/fuzz/corpus/{gguf,json,safetensors,tokenizer}/seed_*.

Usage: python tests/tools/make_fuzz_corpus.py    (standard library only)

Other files there were found by the fuzzers themselves: fuzz_NAME -merge=1 corpus/NAME NEW_INPUTS.
"""
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent.parent / "fuzz" / "corpus"
# Name: ggml type number, values and bytes of a block.
TYPES = {
    "f32": (0, 1, 4), "f16": (1, 1, 2), "q4_0": (2, 32, 18), "q4_1": (3, 32, 20), "q5_0": (6, 32, 22),
    "q5_1": (7, 32, 24), "q8_0": (8, 32, 34), "q4_k": (12, 256, 144), "q5_k": (13, 256, 176),
    "q6_k": (14, 256, 210), "i8": (24, 1, 1), "i16": (25, 1, 2), "i32": (26, 1, 4), "i64": (27, 1, 8),
    "f64": (28, 1, 8), "bf16": (30, 1, 2),
}
SCALARS = {0: b"\x01", 1: b"\xff", 2: b"\x01\x02", 3: b"\xff\xff", 4: b"\x20\0\0\0", 5: b"\xff" * 4,
           6: struct.pack("<f", 0.5), 7: b"\x01", 10: b"\x01" + b"\0" * 7, 11: b"\xff" * 8,
           12: struct.pack("<d", 0.5)}


def save(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed_{name}").write_bytes(content)


def string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf(entries, tensors, alignment=32, version=3):
    """tensors: (name, dims, type number, bytes)"""
    head = struct.pack("<4sIQQ", b"GGUF", version, len(tensors), len(entries)) + b"".join(entries)
    data = b""
    for name, dims, number, content in tensors:
        head += string(name) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims)
        head += struct.pack("<IQ", number, len(data))
        data += content + b"\0" * (-len(content) % alignment)
    return head + b"\0" * (-len(head) % alignment) + data


def scalar(key, wire, raw):
    return string(key) + struct.pack("<I", wire) + raw


def array(key, wire, items):
    return string(key) + struct.pack("<IIQ", 9, wire, len(items)) + b"".join(items)


def write_gguf():
    save("gguf", "empty", gguf([], []))
    save("gguf", "scalars", gguf([scalar(f"k{w}", w, raw) for w, raw in SCALARS.items()]
                                 + [scalar("s", 8, string("h\u00e9"))], []))
    save("gguf", "arrays", gguf([array(f"k{w}", w, [raw, raw]) for w, raw in SCALARS.items()]
                                + [array("s", 8, [string("a"), string("")])], []))
    for name, (number, values, size) in TYPES.items():
        content = bytes(range(1, 1 + size % 100)) + b"\x11" * (size - size % 100)
        save("gguf", name, gguf([], [("w", [values, 1], number, content)]))
    save("gguf", "aligned_v2", gguf([scalar("general.alignment", 4, b"\x08\0\0\0")],
                                    [("a", [3], 0, bytes(12)), ("b", [2, 2, 2, 1], 1, bytes(16))], 8, 2))
    save("gguf", "nested", gguf([array("k", 9, [])], []))
    save("gguf", "unknown_type", gguf([], [("w", [256], 10, bytes(84))]))


def safetensors(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write_safetensors():
    sizes = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
    header, at = {"__metadata__": {"format": "pt", "h\u00e9": ""}}, 0
    for name, size in sizes.items():
        header[name] = {"dtype": name, "shape": [2, 1], "data_offsets": [at, at + 2 * size]}
        at += 2 * size
    save("safetensors", "every_type", safetensors(header, bytes(range(at))))
    save("safetensors", "empty", safetensors({}))
    one = {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}
    save("safetensors", "scalar", safetensors({"w": one}, bytes(4)))
    save("safetensors", "zero_size", safetensors({"w": {"dtype": "F32", "shape": [0, 3], "data_offsets": [0, 0]}, "v": one}, bytes(4)))
    save("safetensors", "fp8", safetensors({"w": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}, bytes(1)))
    save("safetensors", "hole", safetensors({"w": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}, bytes(2)))


def write_json():
    save("json", "every_kind", b'{"a": [1, -2, 3.5, 1e-7, -0.0, 9223372036854775807, 1e22], "b": {"t": true, "f": false, '
                               b'"n": null}, "s": "\\u00e9\\ud83d\\ude00\\n\\"\\\\\\/\\b\\f\\r\\t\xc3\xa9"}')
    save("json", "empty_containers", b"[{}, [], \"\", 0]")
    save("json", "duplicate", b'{"a": 1, "a": 2}')
    save("json", "deep", b"[" * 129 + b"]" * 129)
    save("json", "bom", b"\xef\xbb\xbfnull")
    save("json", "nan", b"[NaN, Infinity, 1e999]")
    save("json", "bad_utf8", b'["\xff\xc0\x80\xed\xa0\x80"]')
    save("json", "tokenizer", json.dumps({"added_tokens": [{"id": 0, "content": "<s>", "special": True}],
                                          "model": {"type": "BPE", "vocab": {"a": 0, "\u0120b": 1},
                                                    "merges": [["a", "b"], "c d"]}}).encode())


def tokenizer(vocab, merges, pre_tokenizer, decoder, config=None, normalizer=None, added=(), post=None, **flags):
    ids = {piece: i for i, piece in enumerate(vocab)}
    return json.dumps({
        "version": "1.0", "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": post,
        "decoder": decoder, "config": config,
        "added_tokens": [{"id": ids[t], "content": t, "special": i == 0, "lstrip": i == 1, "rstrip": i == 2,
                          "single_word": i == 2, "normalized": i == 1} for i, t in enumerate(added)],
        "model": {"type": "BPE", **flags, "vocab": ids, "merges": merges}}, ensure_ascii=False).encode()


def write_tokenizer():
    letters = [chr(c) for c in range(33, 127)] + ["\u0120", "\u010a", "\u00c3", "\u00a9", "at", "\u0120c", "he", "<s>", "<a>", "</s>"]
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True}
    split = {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}|[^\\s\\p{L}]?\\w+|\\s+(?!\\S)"}, "behavior": "Isolated", "invert": False}
    parts = [{"type": "Digits", "individual_digits": True}, {"type": "Punctuation", "behavior": "MergedWithNext"}, split,
             {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": True},
             {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}]
    chat = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "add_bos_token": True,
            "chat_template": "{% for m in messages %}{{ '<|im_start|>system\\nHi.<|im_end|>' }}{% endfor %}"}
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
                "special_tokens": {"<s>": {"ids": [letters.index("<s>")]}}}
    merges = [["a", "t"], ["\u0120", "c"], ["h", "e"]]
    save("tokenizer", "byte_level", tokenizer(letters, merges, byte_level, {"type": "ByteLevel"}, chat, {"type": "NFC"},
                                              ["<s>", "<a>", "</s>"], template, ignore_merges=True))
    save("tokenizer", "steps", tokenizer(letters, ["a t", "h e"], {"type": "Sequence", "pretokenizers": parts},
                                         {"type": "ByteLevel"}, unk_token="!", fuse_unk=True))
    mark = "\u2581"
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + [mark, "a", "b", "aa", "aab", mark + "a"]
    undo = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": mark}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    llama = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": mark},
                                                 {"type": "Replace", "pattern": {"String": " "}, "content": mark}]}
    metaspace = {"type": "Metaspace", "replacement": mark, "prepend_scheme": "first", "split": True}
    joins = ["a a", "aa b", f"{mark} a"]
    save("tokenizer", "llama", tokenizer(pieces, joins, None, undo, {"chat_template": "{{ '[INST] ' }}{{ ' [/INST]' }}"},
                                         llama, ["<s>", "<unk>", "</s>"], unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    save("tokenizer", "metaspace", tokenizer(pieces[:3] + pieces[259:], joins, metaspace, metaspace, {"unk_token": "<unk>"}))


if __name__ == "__main__":
    write_gguf()
    write_safetensors()
    write_json()
    write_tokenizer()
