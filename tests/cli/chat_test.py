#!/usr/bin/env python3
"""chat_test.py LIBQUANT MODEL: a conversation in a terminal, ended in every way it can be."""

import os
import pty
import sys


def talk(name, turns, expected, *arguments):
    """Types each of `turns` when the program asks for a message; checks how it ended."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.argv[1], [sys.argv[1], "generate", sys.argv[2], "--chat-format", "chatml", *arguments])
    seen, asked = b"", 0
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            part = b""
        if not part:
            break
        seen += part
        while asked < len(turns) and seen.count(b"\n> ") > asked:
            os.write(terminal, turns[asked])
            asked += 1
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != expected or asked != len(turns):
        print(f"FAILED: chat, {name}: exit code {code}, expected {expected}; asked {asked} times")
        print(seen.decode(errors="replace"))
        sys.exit(1)
    return seen.decode(errors="replace")


def expect(name, text, part):
    if part not in text:
        print(f"FAILED: chat, {name}: no {part!r} in\n{text}")
        sys.exit(1)


short = ("--max-tokens", "4")
text = talk("an empty line", [b"abc\n", b"\n"], 0, *short)
expect("an empty line", text, "cut at the limit")
talk("end of input", [b"abc\n", b"\x04"], 0, *short)
talk("Ctrl-C at the prompt", [b"abc\n", b"\x03"], 130, *short)
text = talk("a message that is too long", [b"abc" * 100 + b"\n", b"abc\n", b"\n"], 0, *short, "--context", "120")
expect("a message that is too long", text, "do not fit the context of 120")
expect("a message that is too long", text, "answer 4 tokens")
