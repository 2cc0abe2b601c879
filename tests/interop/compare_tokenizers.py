#!/usr/bin/env python3
"""Compares libquant's tokenizer with `tokenizers` and `transformers`.

  compare_tokenizers.py --program build/release/tests/unit/tokenizer/tokenizer_ids [--model SmolLM2.gguf]
                        [--data ../shared/data] FOLDER...

Every FOLDER holds tokenizer.json and tokenizer_config.json (tests/tools/make_tokenizers.py makes
such folders of real vocabularies). For each:
  texts     ids of whole texts and of every line of the edge cases, invalid UTF-8 included
  decode    the texts of these ids, and of random ids
  export    the files that libquant writes give the same ids in `tokenizers`
  chat      AutoTokenizer loads them and renders conversations as libquant does
A folder named smollm2 is compared with what libquant reads from the GGUF file as well. Exits with 1
when anything differs.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from tokenizers import Tokenizer
from transformers import AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "golden" / "tokenizer"
TEXTS = ["calibration/c4.txt", "calibration/wiki.txt", "wikitext2/valid.txt"]
CONVERSATIONS = [
    [{"role": "user", "content": "Hi"}],
    [{"role": "user", "content": " What is 2+2? \n"},
     {"role": "assistant", "content": "4"},
     {"role": "user", "content": "Why?\n\nExplain 'well'."}],
    [{"role": "system", "content": "Be brief."},
     {"role": "user", "content": "Hi"}],
    [{"role": "system", "content": "Be brief."},
     {"role": "user", "content": "Hi"},
     {"role": "assistant", "content": " Hello. "},
     {"role": "user", "content": "Bye"}],
]

failures = []


def check(what, ours, theirs):
    """Reports the first difference of two sequences."""
    if ours == theirs:
        return True
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b),
              min(len(ours), len(theirs)))
    failures.append(what)
    print(f"  DIFFERS {what} at {at}: ours {ours[max(0, at - 3):at + 5]!r}, "
          f"theirs {theirs[max(0, at - 3):at + 5]!r}")
    return False


class Program:
    def __init__(self, path, source):
        self.path, self.source = path, source

    def __call__(self, mode, *arguments):
        command = [str(self.path), mode, str(self.source), *map(str, arguments)]
        done = subprocess.run(command, check=True, capture_output=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


def lines_of(path):
    return [line.decode(errors="replace") for line in path.read_bytes().split(b"\n")]


def compare_texts(program, reference, texts):
    total = 0
    for path in texts:
        begin = time.perf_counter()
        ours = program("ids", path)[0]
        between = time.perf_counter()
        theirs = reference.encode(path.read_bytes().decode(errors="replace")).ids
        end = time.perf_counter()
        check(f"ids of {path.name}", ours, theirs)
        total += len(ours)
        print(f"  {path.name}: {len(ours)} tokens, {between - begin:.2f} s with start and loading, "
              f"tokenizers {end - between:.2f} s")
    for name in ("unicode.txt", "invalid_utf8.txt"):
        for index, (ours, line) in enumerate(zip(program("lines", GOLDEN / name),
                                                 lines_of(GOLDEN / name), strict=True)):
            check(f"ids of {name} line {index + 1} {line!r}", ours, reference.encode(line).ids)
    return total


def compare_decode(program, reference, scratch):
    draw = random.Random(7)
    size = reference.get_vocab_size()
    rows = [reference.encode(line).ids for line in lines_of(GOLDEN / "unicode.txt")]
    rows += [[draw.randrange(size) for _ in range(12)] for _ in range(400)]
    rows += [[draw.randrange(min(size, 700)) for _ in range(12)] for _ in range(400)]
    path = scratch / "ids"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    # `tokenizers` takes added tokens for byte letters in decode and garbles those beyond ASCII.
    garbled = {index for index, token in reference.get_added_tokens_decoder().items()
               if not token.content.isascii()}
    for ids, ours in zip(rows, program("decode", path), strict=True):
        if garbled & set(ids):
            continue
        theirs = [reference.decode(ids), reference.decode(ids, skip_special_tokens=False)]
        if ours != theirs:
            check(f"text of {ids}", ours, theirs)


def compare_export(program, reference, texts, scratch):
    program("json", scratch / "export")
    exported = Tokenizer.from_file(str(scratch / "export" / "tokenizer.json"))
    for path in [*texts[:1], GOLDEN / "unicode.txt"]:
        text = path.read_bytes().decode()[:400000]
        check(f"ids of {path.name} through the written tokenizer.json", exported.encode(text).ids,
              reference.encode(text).ids)
    for line in lines_of(GOLDEN / "unicode.txt"):
        ids = reference.encode(line).ids
        check(f"ids of {line!r} through the written tokenizer.json", exported.encode(line).ids, ids)
        check(f"text of {line!r} through the written tokenizer.json", exported.decode(ids),
              reference.decode(ids))


def compare_chat(program, scratch):
    loaded = AutoTokenizer.from_pretrained(scratch / "export")
    path = scratch / "chats"
    path.write_text("".join(json.dumps(chat) + "\n" for chat in CONVERSATIONS))
    for chat, ours in zip(CONVERSATIONS, program("chat", path), strict=True):
        theirs = loaded.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        if loaded.bos_token:
            theirs = theirs.removeprefix(loaded.bos_token) if theirs.startswith(
                loaded.bos_token) and not ours.startswith(loaded.bos_token) else theirs
        check(f"conversation {chat}", ours, theirs)
        check("ids of AutoTokenizer", loaded(ours)["input_ids"],
              Tokenizer.from_file(str(scratch / "export" / "tokenizer.json")).encode(ours).ids)


def compare(program, folder, texts):
    reference = Tokenizer.from_file(str(folder / "tokenizer.json"))
    print(f"{folder.name} ({program.source.name})")
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        compare_texts(program, reference, texts)
        compare_decode(program, reference, scratch)
        compare_export(program, reference, texts, scratch)
        config = json.loads((folder / "tokenizer_config.json").read_text())
        if "chat_template" in config:
            compare_chat(program, scratch)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=pathlib.Path, nargs="+")
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent.parent / "shared" / "data")
    arguments = parser.parse_args()
    texts = [arguments.data / name for name in TEXTS] + [GOLDEN / "unicode.txt"]
    for folder in arguments.folders:
        compare(Program(arguments.program, folder / "tokenizer.json"), folder, texts)
        if folder.name == "smollm2" and arguments.model:
            compare(Program(arguments.program, arguments.model), folder, texts)
    print(f"{len(failures)} differences")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
