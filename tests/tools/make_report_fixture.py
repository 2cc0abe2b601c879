#!/usr/bin/env python3
"""Prints an audit report (JSON) of invented figures: a sweep over five widths with hostile texts, for layout and escaping.

The figures obey what real ones do (shares in 0..1, intervals around values) and mean nothing. No random numbers.
"""
import json
import math
import sys

HOSTILE = ["</script><script>document.title='owned'</script>", "<img src=x onerror=\"document.title='owned'\">",
           "<!--<script>", "\"'`&lt;&amp; \\u0041 {{data}} ${1+1}", "line\u2028separator\u2029 and \u202eright to left\u202c",
           "a" * 3000, "ordinary text with Umlauten: äöü, emoji 😀 and a NUL-like \u0001", "javascript:alert(1)"]
GROUPS = ["old", "young", "women", "men", "Muslim", "Jewish", "Christian", "Black", "Asian", "blind", "deaf", "fat", "short", "poor", "gay men",
          "transgender", "a group of people whose name is far too long for any picture", HOSTILE[0], HOSTILE[1]]
CATEGORIES = ["Age", "Gender", "Religion", "Ethnicity", "Nationality", "Disability", "Body", "Social class", "Sexual orientation and gender identity"]


def wave(i, scale=1.0):
    return scale * math.sin(12.9898 * (i + 1) + 78.233)


def estimate(value, width, n=200, low=None, high=None):
    return {"value": value, "low": max(value - width, low) if low is not None else value - width,
            "high": min(value + width, high) if high is not None else value + width, "n": n}


def share(value, width, n=200):
    return estimate(min(1, max(0, value)), width, n, 0, 1)


def slice_of(name, dose, seed, n):
    width = min(0.45, 0.9 / math.sqrt(n))
    excess = dose * 0.12 + wave(seed, 0.03 + 0.6 * width * (name != "all"))
    null = 0.06 + wave(seed + 7, 0.01)
    shares = [{"stereotype": share(0.38 + d, width, n), "anti": share(0.37, width, n), "unknown": share(0.25 - d, width, n)} for d in (0, 0.06 * dose)]
    return {
        "name": name, "items": n, "templates": max(1, n // 4), "too_small": n < 30, "judged": n, "base": shares[0], "quantized": shares[1],
        "emergence": share(null + excess, width, n), "emergence_null": share(null, 0.5 * width, n), "excess_emergence": estimate(excess, width, n),
        "coupled_emergence": share(abs(excess), width, n), "greedy_emergence": share(abs(excess), width, n), "recovered": share(0.04 + 0.1 * dose, width, n),
        "silence_loss": share(0.1 * dose, width, n), "flips": share(0.2 * dose, width, n), "all_flips": share(0.25 * dose, width, n),
        "kl_divergence": estimate(0.05 * dose, 0.02 * dose, n), "js_distance": estimate(0.1 * dose, 0.02, n),
        "stereotype_shift": estimate(0.2 * dose + wave(seed, 0.05), 2 * width, n), "unknown_shift": estimate(-0.3 * dose, 2 * width, n),
        "unknown_change": estimate(-0.06 * dose, width, n), "stereotype_change": estimate(0.06 * dose, width, n),
        "accuracy_change": estimate(-0.05 * dose, width, n), "entropy_change": estimate(0.04 * dose, 0.02, n),
        "log_likelihood_change": estimate(-0.2 * dose, 0.05, n), "base_entropy": estimate(1.4, 0.02, n), "quantized_entropy": estimate(1.44, 0.02, n),
        "base_confidence": estimate(0.45, 0.02, n), "quantized_confidence": estimate(0.43, 0.02, n), "base_accuracy": share(0.62, width, n),
        "quantized_accuracy": share(0.62 - 0.05 * dose, width, n), "accuracy_p": 0.03, "accuracy_p_holm": 0.2, "stereotype_p": 0.0004,
        "stereotype_p_holm": 0.004, "stereotype_effect": 0.1 * dose, "base_calibration_error": 0.1, "quantized_calibration_error": 0.15,
        "base_adaptive_calibration_error": 0.1, "quantized_adaptive_calibration_error": 0.15}


def item(i):
    text = HOSTILE[i % len(HOSTILE)]
    roles = ["stereotype", "anti", "unknown"]
    base, quantized = [0.3, 0.25, 0.45], [0.7, 0.2, 0.1]
    return {"id": f"fixture/{i}", "set": "fixture", "category": CATEGORIES[i % 9], "group": GROUPS[i % len(GROUPS)], "polarity": "neg",
            "condition": "ambiguous" if i % 2 == 0 else "disambiguated", "form": "sentences" if i == 5 else "choice", "context": text,
            "question": f"Who said {text[:60]}?", "correct": 2 if i % 2 == 0 else 1,
            "options": [{"text": f"{role}: {text[:200]}", "role": role, "base": b, "quantized": q} for role, b, q in zip(roles, base, quantized)],
            "base_choice": 2, "quantized_choice": 0, "kl_divergence": 0.9 - i / 50, "stereotype_shift": 1.2 - i / 10, "unknown_shift": -1.0,
            "base_generation": text, "quantized_generation": text * 2}


def model(bits, number):
    dose = (8 - bits) / 6
    verdict = ["pass", "pass", "inconclusive", "fail", "fail"][number]
    criteria = [{"name": name, "verdict": state, "decides": name != "perplexity_rise", "measured": estimate(0.04 * dose, 0.02), "limit": 0.02, "reason": HOSTILE[number]}
                for name, state in [("excess_emergence", verdict), ("unknown_rate_drop", "pass"), ("perplexity_rise", verdict), ("<b>unheard of</b>", "pass")]]
    points = []
    for i in range(300):
        margin = abs(wave(i, 0.9))
        shift = wave(3 * i, 1.4 * dose * (1.1 - margin)) + 0.25 * dose
        before, after = ("unknown", "stereotype") if shift > 0.8 else ("stereotype", "anti") if shift < -0.7 else ("anti", "anti")
        points.append({"id": HOSTILE[1] if i == 3 else f"fixture/{i}", "category": CATEGORIES[i % 9], "margin": margin, "stereotype_shift": shift,
                       "unknown_shift": -shift, "base_role": before, "quantized_role": after})
    whole = slice_of("all", dose, number, 288)
    return {"name": f"rtn-{bits}-bit" if number != 1 else HOSTILE[0], "method": "rtn", "bits": float(bits), "bytes": 40_000_000 + bits * 9_000_000,
            "weights": f"w{bits}g64 asymmetric bf16", "hash": "0" * 32, "path": f"/models/rtn{bits}", "perplexity": 24.4 * math.exp(0.15 * dose ** 3),
            "gate": {"verdict": verdict, "summary": HOSTILE[number], "base_competent": True, "criteria": criteria}, "findings": [f"Finding: {HOSTILE[number]}", "Second finding."],
            "all": whole, "categories": [slice_of(c, dose, 10 * number + k, 32) for k, c in enumerate(CATEGORIES)],
            "groups": [slice_of(g, dose, 31 * number + k, 8 + 4 * (k % 8)) for k, g in enumerate(GROUPS)],
            "polarities": [slice_of(p, dose, number + k, 144) for k, p in enumerate(("neg", "nonneg"))],
            "margin_deciles": [slice_of(str(d), dose * (1.2 - d / 10), number + d, 29) for d in range(1, 11)], "points": points, "points_of": 4000,
            "changed_items": [item(i) for i in range(12)], "pairs": {"format": "sentence_per_token", "all": whole, "categories": []},
            "formats": [{"format": f, "all": whole, "disambiguated": None} for f in ("letters", "answer_sum", "answer_per_token")],
            "scores": {"bbq": [{"category": HOSTILE[1], "base": {"ambiguous": 0.04}, "quantized": {"ambiguous": 0.1}}], "stereoset": None}}


def main():
    widths = (8, 6, 4, 3, 2)
    curve = [{"bits": b / 4, "value": 0.38 + 0.01 * (8 - b / 4), "low": 0.36 + 0.005 * (8 - b / 4), "high": 0.4 + 0.015 * (8 - b / 4)} for b in range(8, 33)]
    report = {
        "schema": "libquant-audit-1", "kind": "sweep", "title": None, "format": "answer_per_token", "competent": True, "format_reason": HOSTILE[6],
        "formats": [{"format": "letters", "accuracy": share(0.34, 0.05), "chance": 1 / 3, "beats_chance": False},
                    {"format": "answer_per_token", "accuracy": share(0.62, 0.05), "chance": 1 / 3, "beats_chance": True}],
        "base": {"name": "original.gguf", "weights": "Q4_1", "bits": 4.0, "bytes": 96576768, "hash": "1" * 32, "perplexity": 24.4, "accuracy": share(0.62, 0.05)},
        "items": {"total": 720, "ambiguous": 288, "disambiguated": 288, "pairs": 144, "templates": 72},
        "models": [model(bits, number) for number, bits in enumerate(widths)],
        "dose_response": {"coefficient": estimate(-0.12, 0.08), "p": 0.003, "odds_ratio_per_bit": 0.887, "clusters": 72, "records": 1440, "curve": curve},
        "provenance": {"library_version": "0.0.0", "seed": 1, "prompt_format": HOSTILE[3], "tokenizer": "49152 tokens", "options": {"level": 0.95},
                       "probe_sets": [{"name": HOSTILE[1], "path": "x.jsonl", "licence": "CC-BY-4.0", "content_hash": "2" * 32, "items": 720, "skipped": 0}],
                       "thresholds": {"excess_emergence": 0.01, "worst_group_excess_emergence": 0.05}},
        "unknown_key": HOSTILE}
    json.dump(report, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
