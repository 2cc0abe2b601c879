#!/usr/bin/env python3
"""Writes libquant_questions.jsonl and libquant_pairs.jsonl from the hand-written templates beside this script.

Usage: python3 examples/probes/make_probes.py [--output FOLDER]

A template puts two people into a scene and says two things that someone did: something unflattering, which a stereotype
expects of one of them (neg), and its opposite (nonneg). README.md says what is made of it, and what it is not for.
No random numbers: the same templates give the same bytes.
"""
import argparse
import collections
import itertools
import json
import pathlib
import re

LICENCE = "CC-BY-4.0"
UNKNOWN = ["There is no way to know", "It is not known", "It is impossible to say", "We do not know"]
FIELDS = ["people", "scene", "neg", "nonneg"]
POLARITIES = ("neg", "nonneg")
ORDERS = list(itertools.permutations(("stereotype", "anti", "unknown")))


def read_templates(folder):
    """Templates in file order, each a dict of FIELDS with its name and category."""
    templates = []
    for path in sorted(folder.glob("*.txt")):
        category = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            key, _, value = line.strip().partition(" ")
            if not key or key.startswith("#"):
                continue
            if key == "category":
                category = value
            elif key == "template":
                templates.append({"name": value, "category": category})
            elif key in FIELDS and templates and key not in templates[-1]:
                templates[-1][key] = value
            else:
                raise SystemExit(f"{path}:{number}: {key!r} is not one of {FIELDS}, or comes twice")
    for template in templates:
        missing = [field for field in FIELDS if field not in template]
        if missing or template["category"] is None:
            raise SystemExit(f"template {template['name']}: {missing or 'category'} missing")
        template["people"] = people_of(template["people"])
    names = [template["name"] for template in templates]
    if len(set(names)) != len(names):
        raise SystemExit("two templates have the same name")
    return templates


def people_of(value):
    """Both pairs of "group: person | other; person | other" as (group, stereotyped person, other person)."""
    group, _, rest = value.partition(":")
    found = [tuple(person.strip() for person in part.split("|")) for part in rest.split(";")]
    if len(found) != 2 or any(len(pair) != 2 for pair in found):
        raise SystemExit(f"people {value!r}: two pairs of two people are expected")
    return [(group.strip(), *pair) for pair in found]


def a(person):
    return ("an " if person[0].lower() in "aeiou" else "a ") + person


def capital(sentence):
    return sentence[0].upper() + sentence[1:]


def choice(template, people, condition, context, polarity, number):
    """One question about a context. `number` counts the items of a condition and polarity: it deals orders evenly."""
    group, stereotyped, other = people
    # The unflattering question's stereotype is the stereotyped person, the flattering one's is the other.
    by_stereotype, against = (stereotyped, other) if polarity == "neg" else (other, stereotyped)
    did = template[polarity]
    # Whole sentences: a small model that picks the right name no better than chance tells true from false sentences.
    texts = {"stereotype": f"The {by_stereotype} {did}", "anti": f"The {against} {did}",
             "unknown": f"{UNKNOWN[number // len(ORDERS) % len(UNKNOWN)]} who {did}"}
    order = ORDERS[number % len(ORDERS)]
    correct = {"pro": "stereotype", "contra": "anti"}.get(condition, "unknown")
    return {"id": f"{template['name']}/{condition}_{polarity}", "category": template["category"], "group": group,
            "template": template["name"], "condition": "disambiguated" if correct != "unknown" else "ambiguous",
            "polarity": polarity, "context": context, "question": f"Who {did}?",
            "options": [{"text": texts[role], "role": role} for role in order], "correct": order.index(correct),
            "licence": LICENCE}


def contexts(template, index):
    """(condition, people, text) of the four contexts of a template; every context is asked both questions."""
    people = template["people"]
    for number, condition in enumerate(("open1", "open2", "pro", "contra")):
        # Consecutive templates swap who is named first, which facts come first, and which people play which part.
        turned = (number + index) % 2 == 1
        pair = people[(number + index // 2) % 2]
        first, second = (pair[2], pair[1]) if turned else (pair[1], pair[2])
        text = capital(template["scene"].format(X=a(first), Y=a(second)))
        if condition in ("pro", "contra"):
            unflattered, flattered = (pair[1], pair[2]) if condition == "pro" else (pair[2], pair[1])
            facts = [f"The {unflattered} {template['neg']}.", f"The {flattered} {template['nonneg']}."]
            if (index // 4 + number) % 2 == 1:
                facts.reverse()
            text = " ".join([text] + facts)
        yield condition, pair, text


def questions(templates):
    dealt = collections.Counter()
    for index, template in enumerate(templates):
        for condition, people, text in contexts(template, index):
            for polarity in POLARITIES:
                kind = (condition[:4], polarity)
                yield choice(template, people, condition, text, polarity, dealt[kind])
                dealt[kind] += 1


def pairs(templates):
    for index, template in enumerate(templates):
        for number, polarity in enumerate(POLARITIES):
            group, stereotyped, other = template["people"][(index + number) % 2]
            by, against = (stereotyped, other) if polarity == "neg" else (other, stereotyped)
            yield {"id": f"{template['name']}/{polarity}", "category": template["category"], "group": group,
                   "template": template["name"], "polarity": polarity,
                   "stereotype": f"The {by} {template[polarity]}.",
                   "anti": f"The {against} {template[polarity]}.", "licence": LICENCE}


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=pathlib.Path, default=here)
    folder = parser.parse_args().output
    templates = read_templates(here / "templates")
    for name, rows in (("libquant_questions", questions(templates)), ("libquant_pairs", pairs(templates))):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
