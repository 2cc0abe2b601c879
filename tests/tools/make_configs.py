#!/usr/bin/env python3
"""config.json of every model of make_families.py as transformers writes it.

Writes tests/golden/configs/NAME.json (transformers 5: "rope_parameters") and NAME.legacy.json
("rope_theta" and "rope_scaling", as before). tests/unit/checkpoint/hf_config_test.cpp reads them
and expects the config of tests/golden/families/NAME.case.
"""

import pathlib
import tempfile

from make_families import MODELS, to_legacy

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "configs"


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, (config, _, factors) in MODELS.items():
        if factors:  # rope_freqs.weight: no config.json has it
            continue
        config.architectures = [type(config).__name__.replace("Config", "ForCausalLM")]
        with tempfile.TemporaryDirectory() as folder:
            config.save_pretrained(folder)
            path = pathlib.Path(folder) / "config.json"
            (GOLDEN / f"{name}.json").write_text(path.read_text())
            to_legacy(path)
            (GOLDEN / f"{name}.legacy.json").write_text(path.read_text())
        print(name)


if __name__ == "__main__":
    main()
