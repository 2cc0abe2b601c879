#!/usr/bin/env python3
"""What the `tokenizers` package makes of the edge cases and texts: tests/golden/tokenizer.

  make_tokenizer_goldens.py tiny             trains the two small vocabularies anew (on docs/)
  make_tokenizer_goldens.py goldens [--tokenizers FOLDER] [--data ../shared/data]
                                             records ids, texts and hashes. FOLDER is what
                                             make_tokenizers.py wrote, smollm2 included; without it
                                             only what the small vocabularies give is renewed

A hash is 64-bit FNV-1a over the ids as 32-bit little-endian numbers.
"""

import argparse
import json
import pathlib
import struct

from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers,
                        processors, trainers)
from tokenizers.models import BPE

import make_tokenizers

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "golden" / "tokenizer"
TEXTS = ["calibration/c4.txt", "calibration/wiki.txt", "wikitext2/valid.txt"]


def fnv(ids):
    value = 0xCBF29CE484222325
    for byte in b"".join(struct.pack("<I", i) for i in ids):
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def lines_of(name):
    return [line.decode(errors="replace") for line in (GOLDEN / name).read_bytes().split(b"\n")]


def write(name, value):
    path = GOLDEN / name
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")
    print(f"{path}: {path.stat().st_size} bytes")


# ---- vocabularies small enough to be committed, with every feature in use

def training_text():
    files = sorted((ROOT.parent / "docs").glob("**/*.md")) + [ROOT.parent / "LICENSE"]
    text = "".join(path.read_text() for path in files)
    return text.splitlines(keepends=True) + lines_of("unicode.txt")[:30]


def tiny_byte_level():
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                                   r"|\s*[\r\n]+|\s+(?!\S)|\s+"), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(training_text(), trainers.BpeTrainer(
        vocab_size=900, show_progress=False, special_tokens=["<|begin|>", "<|end|>"],
        initial_alphabet=sorted(set(pre_tokenizers.ByteLevel.alphabet()) - set("\u0120\u0143"))))
    tokenizer.add_special_tokens([AddedToken("<|turn|>", special=True, rstrip=True,
                                             normalized=False)])
    tokenizer.add_tokens([AddedToken("<mask>", lstrip=True, normalized=False),
                          AddedToken("caf\u00e9", single_word=True, normalized=True),
                          AddedToken("<tool>", normalized=False),
                          AddedToken("<tool>s", normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A <|end|>", pair="<|begin|> $A <|end|> <|begin|> $B <|end|>",
        special_tokens=[("<|begin|>", 0), ("<|end|>", 1)])
    out = json.loads(tokenizer.to_str())
    out["model"]["ignore_merges"] = True
    return out, {"bos_token": "<|begin|>", "eos_token": {"content": "<|end|>"},
                 "pad_token": "<|end|>", "chat_template": [
                     {"name": "tool_use", "template": "no"},
                     {"name": "default", "template": make_tokenizers.CHATML}]}


def tiny_sentencepiece():
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = Tokenizer(BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("\u2581", prepend_scheme="first", split=True)
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
        decoders.Strip(" ", 1, 0)])
    tokenizer.train_from_iterator(training_text(), trainers.BpeTrainer(
        vocab_size=1000, show_progress=False, limit_alphabet=90,
        special_tokens=["<unk>", "<s>", "</s>", *bytes_]))
    out = json.loads(tokenizer.to_str())
    # As in Llama 2: byte tokens are no added tokens.
    out["added_tokens"] = [t for t in out["added_tokens"] if t["id"] < 3]
    out = json.loads(with_bos(out))
    return out, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                 "add_bos_token": True, "chat_template": make_tokenizers.MISTRAL_V1}


def with_bos(value):
    tokenizer = Tokenizer.from_str(json.dumps(value))
    make_tokenizers.add_bos(tokenizer, "<s>")
    return tokenizer.to_str()


def train():
    for name, (tokenizer, config) in {"tiny_byte_level": tiny_byte_level(),
                                      "tiny_sentencepiece": tiny_sentencepiece()}.items():
        (GOLDEN / name).mkdir(exist_ok=True)
        write(f"{name}/tokenizer.json", tokenizer)
        write(f"{name}/tokenizer_config.json", config)


# ---- components that no shipped tokenizer here has, put into the small vocabularies

def split(pattern, behavior, invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def byte_level(add_prefix_space=False, use_regex=True):
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True,
            "use_regex": use_regex}


def sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def metaspace(scheme, cut):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": cut}


BYTE_LEVEL_VARIANTS = {
    "GPT-2 with a space in front": {"pre_tokenizer": byte_level(True)},
    "individual digits": {"pre_tokenizer": sequence(
        {"type": "Digits", "individual_digits": True}, byte_level())},
    "runs of digits": {"pre_tokenizer": sequence(
        {"type": "Digits", "individual_digits": False}, byte_level(True, False))},
    "punctuation": {"pre_tokenizer": sequence(
        {"type": "Punctuation", "behavior": "MergedWithPrevious"}, byte_level(False, False))},
    "punctuation in runs": {"pre_tokenizer": sequence(
        {"type": "Punctuation", "behavior": "Contiguous"}, byte_level(True, True),
        {"type": "Digits", "individual_digits": False},
        split({"Regex": "[0-9][0-9][0-9]"}, "Isolated"))},
    "a literal, merged with the next": {"pre_tokenizer": sequence(
        split({"String": " "}, "MergedWithNext"), byte_level(False, False))},
    "a literal with signs, removed": {"pre_tokenizer": sequence(
        split({"String": "."}, "Removed"), split({"String": "\u00e9"}, "MergedWithPrevious"),
        byte_level(False, False))},
    "words kept, the rest removed": {"pre_tokenizer": sequence(
        split({"Regex": r"\w+|[^\w\s]+"}, "Removed", True), byte_level(False, False))},
    "inverted, contiguous": {"pre_tokenizer": sequence(
        split({"Regex": r"\S"}, "Contiguous", True), byte_level(False, False))},
    "inverted, merged with the next": {"pre_tokenizer": sequence(
        split({"Regex": r"[^\S\r\n]+|\d+"}, "MergedWithNext", True), byte_level(False, False))},
    "empty matches": {"pre_tokenizer": sequence(
        split({"Regex": r"(?=[A-Z])|x*"}, "Isolated"), byte_level(False, False))},
    "line anchors": {"pre_tokenizer": sequence(
        split({"Regex": r"^.|.$"}, "Isolated"), byte_level(False, False))},
    "white space removed": {"pre_tokenizer": sequence(
        {"type": "WhitespaceSplit"}, byte_level(True, False))},
    "no merges ignored, no normalizer": {"normalizer": None, "ignore_merges": False},
    "unknown characters": {"unk_token": "<|end|>", "fuse_unk": False},
    "unknown characters, fused": {"unk_token": "<|end|>", "fuse_unk": True},
    "replaced text": {"normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Replace", "pattern": {"String": "aa"}, "content": "b"}, {"type": "NFC"},
        {"type": "Prepend", "prepend": "__"}]}},
}
SENTENCEPIECE_VARIANTS = {
    "Llama 2": {"pre_tokenizer": None, "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}},
    "Metaspace always": {"pre_tokenizer": metaspace("always", False)},
    "Metaspace never": {"pre_tokenizer": metaspace("never", True),
                        "decoder": {"type": "Sequence", "decoders": [
                            {"type": "ByteFallback"}, metaspace("never", True)]}},
    "Metaspace first, unsplit": {"pre_tokenizer": metaspace("first", False)},
    "Metaspace after a split": {"pre_tokenizer": sequence(
        split({"Regex": r"\s"}, "Removed"), metaspace("first", True))},
    "no byte fallback, unknown fused": {"byte_fallback": False},
    "no byte fallback, unknown one by one": {"byte_fallback": False, "fuse_unk": False},
    "no unknown token": {"byte_fallback": False, "unk_token": None},
    "whole pieces": {"ignore_merges": True},
}


def record(value, lines):
    """Texts are null where an added token is not ASCII: `tokenizers` garbles those in decode."""
    tokenizer = Tokenizer.from_str(json.dumps(value))
    garbled = {token["id"] for token in value["added_tokens"] if not token["content"].isascii()}
    rows = [tokenizer.encode(line).ids for line in lines]
    texts, special_texts = (
        [None if garbled & set(row) else tokenizer.decode(row, skip_special_tokens=skip)
         for row in rows] for skip in (True, False))
    return {"ids": rows, "texts": texts, "special_texts": special_texts}


def changed(value, patch):
    value = json.loads(json.dumps(value))
    for key, part in patch.items():
        (value if key in value else value["model"])[key] = part
    return value


VARIANT_LINES = [
    "The caf\u00e9's 1,234 (x2) files; don't  split...  HTTPServer 'x' \u00bd\u00b2 a\u0301aaab ",
    " aaa  \u00e9\u00e9 <tool>s<tool> <mask>  <|turn|>  x\t\tcaf\u00e9s cafe\u0301 ",
    "line one\nline 22\r\n\n  x!?  \u4f60\u597d \U0001f600\U0001f600 \u20ac5.00 \u2581m",
    "<s> Hello</s>world <unk>\u0142\u0142 \u4f60\u597d<0x41>"]


def goldens(tokenizers, data):
    unicode = lines_of("unicode.txt") + ["\n".join(lines_of("unicode.txt"))]
    invalid = lines_of("invalid_utf8.txt")
    tiny = {}
    for name, variants in (("tiny_byte_level", BYTE_LEVEL_VARIANTS),
                           ("tiny_sentencepiece", SENTENCEPIECE_VARIANTS)):
        value = json.loads((GOLDEN / name / "tokenizer.json").read_text())
        full = record(value, unicode)
        tiny[name] = {
            "unicode": [fnv(row) for row in full["ids"]],
            "invalid": record(value, invalid)["ids"],
            "lines": VARIANT_LINES,
            "variants": [{"name": "as it is", "patch": {}} | record(value, VARIANT_LINES)] +
                        [{"name": title, "patch": patch} |
                         record(changed(value, patch), VARIANT_LINES)
                         for title, patch in variants.items()]}
    write("tiny.json", tiny)
    chats()
    if tokenizers:
        real(tokenizers, data, unicode, invalid)


def real(folder, data, unicode, invalid):
    out = {}
    for path in sorted(folder.glob("*/tokenizer.json")):
        tokenizer = Tokenizer.from_file(str(path))
        entry = {"texts": {}}
        for name in TEXTS:
            ids = tokenizer.encode((data / name).read_bytes().decode(errors="replace")).ids
            entry["texts"][name] = {"count": len(ids), "hash": fnv(ids)}
        rows = [tokenizer.encode(line).ids for line in unicode]
        # The demonstration model is there wherever tests run: a failure shall show the ids.
        entry["unicode"] = rows if path.parent.name == "smollm2" else [fnv(row) for row in rows]
        entry["invalid"] = [fnv(tokenizer.encode(line).ids) for line in invalid]
        out[path.parent.name] = entry
    write("real.json", out)


# ---- conversations, rendered by Jinja as transformers does

CONVERSATIONS = [
    [["user", "Hi"]],
    [["user", " What? \n"], ["assistant", " 4 "], ["user", "Why?\n\nExplain 'well'."]],
    [["system", "Be brief."], ["user", "Hi"]],
    [["system", "Be brief."], ["user", "Hi"], ["assistant", "Hello."], ["user", "Bye"]],
]
SMOLLM2 = make_tokenizers.CHATML.replace(
    "You are a helpful assistant.",
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face")
CHATML_PLAIN = ("{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + "
                "message.content + '<|im_end|>' + '\\n' }}{%- endfor %}"
                "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}")
CHATML_QUOTED = ("{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + "
                 "messages[0]['content'] + '<|im_end|>\\n' }}{%- else %}"
                 "{{- \"<|im_start|>system\\nYou're \\\"it\\\".<|im_end|>\\n\" }}{%- endif %}"
                 "{%- for message in messages %}{%- if message.role != 'system' %}"
                 "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + "
                 "'\\n' }}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}"
                 "{{- '<|im_start|>assistant\\n' }}{%- endif %}")
LLAMA31 = ("{{- bos_token }}{%- if not date_string is defined %}"
           "{%- set date_string = \"26 Jul 2024\" %}{%- endif %}"
           "{%- if messages[0]['role'] == 'system' %}"
           "{%- set system_message = messages[0]['content']|trim %}"
           "{%- set messages = messages[1:] %}{%- else %}{%- set system_message = \"\" %}"
           "{%- endif %}{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}"
           "{{- \"Cutting Knowledge Date: December 2023\\n\" }}"
           "{{- \"Today Date: \" + date_string + \"\\n\\n\" }}{{- system_message }}"
           "{{- \"<|eot_id|>\" }}{%- for message in messages %}"
           "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ "
           "message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
           "{%- if add_generation_prompt %}"
           "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}")
ZEPHYR = ("{% for message in messages %}\n{% if message['role'] == 'user' %}\n"
          "{{ '<|user|>\\n' + message['content'] + eos_token }}\n"
          "{% elif message['role'] == 'system' %}\n"
          "{{ '<|system|>\\n' + message['content'] + eos_token }}\n"
          "{% elif message['role'] == 'assistant' %}\n"
          "{{ '<|assistant|>\\n'  + message['content'] + eos_token }}\n{% endif %}\n"
          "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n"
          "{% endfor %}")
MISTRAL_V3 = make_tokenizers.MISTRAL_V3.replace("SPACE", " ").replace(
    "ANSWER", "{{- ' ' + message['content']|trim + eos_token}}")
TEKKEN = make_tokenizers.MISTRAL_V3.replace("SPACE", "").replace(
    "ANSWER", "{{- message['content'] + eos_token}}")
TEMPLATES = {
    "smollm2": ("chatml", SMOLLM2), "smollm2 with real line breaks":
    ("chatml", SMOLLM2.replace("\\n", "\n")), "chatml without default": ("chatml", CHATML_PLAIN),
    "chatml with a quoted default": ("chatml", CHATML_QUOTED),
    "llama 3": ("llama3", make_tokenizers.LLAMA3), "llama 3.1": ("llama3", LLAMA31),
    "mistral v1": ("mistral", make_tokenizers.MISTRAL_V1), "mistral v3": ("mistral", MISTRAL_V3),
    "tekken": ("mistral", TEKKEN), "zephyr": ("zephyr", ZEPHYR),
}


def chats():
    jinja = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    out = {"conversations": CONVERSATIONS, "templates": []}
    for name, (form, source) in TEMPLATES.items():
        texts = []
        for open_assistant in (True, False):
            for chat in CONVERSATIONS:
                text = jinja.from_string(source).render(
                    messages=[{"role": role, "content": content} for role, content in chat],
                    add_generation_prompt=open_assistant, bos_token="<s>", eos_token="</s>")
                texts.append(text.removeprefix("<s>"))
        out["templates"].append({"name": name, "format": form, "template": source, "texts": texts})
    write("chats.json", out)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["tiny", "goldens"])
    parser.add_argument("--tokenizers", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent.parent / "shared" / "data")
    arguments = parser.parse_args()
    if arguments.what == "tiny":
        train()
    else:
        goldens(arguments.tokenizers, arguments.data)


if __name__ == "__main__":
    main()
