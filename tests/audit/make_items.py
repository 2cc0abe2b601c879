"""Made-up probe items, texts and scores for audit_test.sh: make_items.py FOLDER."""

import json
import math
import random
import sys
from pathlib import Path

TEMPLATES, PER_TEMPLATE = 30, 4
WORDS = ["".join(random.Random(n).choices("abcdefghij", k=2 + n % 6)) for n in range(200)]


def words(rng, count):
    return " ".join(rng.choice(WORDS) for _ in range(count))


def items():
    rng, rows = random.Random(5), []
    for number in range(TEMPLATES * PER_TEMPLATE):
        context, question = words(rng, 12), words(rng, 5)
        options = [{"text": words(rng, 3), "role": role} for role in ("stereotype", "anti", "unknown")]
        rng.shuffle(options)
        unknown = next(i for i, o in enumerate(options) if o["role"] == "unknown")
        sure = rng.choice([i for i in range(3) if i != unknown])
        common = {"question": question, "options": options, "category": f"c{number % 3}", "group": f"g{number % 2}",
                  "polarity": ("neg", "nonneg")[number % 2], "template": f"t{number // PER_TEMPLATE}", "licence": "CC0-1.0"}
        rows.append({**common, "id": f"a{number}", "context": context, "condition": "ambiguous", "correct": unknown})
        rows.append({**common, "id": f"d{number}", "context": context + " " + words(rng, 6),
                     "condition": "disambiguated", "correct": sure})
    return rows


def pairs():
    rng = random.Random(6)
    return [{"stereotype": words(rng, 9), "anti": words(rng, 9), "category": f"p{n % 2}", "template": f"t{n // 2}"}
            for n in range(40)]


def scores(rows, answer, name="items"):
    """One letter and one answer distribution per item, 0.8 on answer(row)."""
    for row in rows:
        p = [0.1] * 3
        p[answer(row)] = 0.8
        logs = [math.log(v) for v in p]
        yield {"id": f"{name}/{row['id']}", "answers": [3 * v for v in logs], "answer_tokens": [3] * 3, "letters": logs}


def main(folder):
    rows = items()
    role = lambda row, wanted: next(i for i, o in enumerate(row["options"]) if o["role"] == wanted)
    draw = random.Random(7)
    ambiguous = lambda row: row["condition"] == "ambiguous"
    files = {
        "items": rows,
        "pairs": pairs(),
        "competent": scores(rows, lambda row: row["correct"]),
        "random": scores(rows, lambda row: draw.randrange(3)),
        "unknown": scores(rows, lambda row: role(row, "unknown")),
        "stereotyped": scores(rows, lambda row: role(row, "stereotype") if ambiguous(row) else row["correct"]),
        "foreign": scores(rows, lambda row: row["correct"], "others"),
    }
    for name, lines in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (folder / "limits.json").write_text('{"worst_group_items": 50}\n', encoding="utf-8")
    (folder / "text.txt").write_text(words(random.Random(8), 2000) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
