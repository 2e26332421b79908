"""What kiti trained, opened by transformers: the same classes, the same text.

python transformers_roundtrip.py KITI [--classifier RUN] [--language RUN]   (torch, transformers)

Exports each run with `kiti export`, opens the folder with transformers alone, and compares: the probabilities of a few texts
with `kiti predict`, the most likely continuation of a prompt with `kiti generate --temperature 0`.
Runs of the smoke profiles do: weights are compared, not their quality.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedTokenizerFast

TEXTS = ["A film that I would see again.", "Dreadful.", "naïve café, 日本語, 😀", "word " * 400]
# Sums in single precision, in another order.
TOLERANCE = 1e-5

parser = argparse.ArgumentParser()
parser.add_argument("kiti")
parser.add_argument("--classifier", type=Path)
parser.add_argument("--language", type=Path)
arguments = parser.parse_args()


def kiti(*words):
    return subprocess.run([arguments.kiti, *map(str, words)], check=True, capture_output=True, text=True).stdout


def check_classifier(run, folder):
    kiti("export", run, folder)
    model, report = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"], report
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    companions = json.loads((run / "texts.json").read_text())
    options = [option for text in TEXTS for option in ("--text", text)]
    largest = 0.0
    for found in json.loads(kiti("predict", run, "--json", *options)):
        tokens = tokenizer(found["text"], truncation=True, max_length=companions["max_tokens"], return_tensors="pt")
        with torch.no_grad():
            logits = model.eval()(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).logits
        expected = torch.softmax(logits, -1)[0].tolist()
        for entry in found["classes"]:
            difference = abs(entry["probability"] - expected[companions["classes"].index(entry["class"])])
            largest = max(largest, difference)
    assert largest < TOLERANCE, largest
    print(f"{run}: {len(TEXTS)} texts, largest difference of a probability {largest:.1e}")


def check_language(run, folder):
    kiti("export", run, folder)
    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not report["unexpected_keys"] and not report["mismatched_keys"], report
    characters = json.loads((run / "texts.json").read_text())["characters"]
    prompt, count = "First", 20
    found = json.loads(kiti("generate", run, "--prompt", prompt, "--max-tokens", count, "--temperature", 0, "--json"))
    ids = [characters.index(character) for character in prompt]
    for _ in range(count):
        with torch.no_grad():
            ids.append(int(model.eval()(torch.tensor([ids])).logits[0, -1].argmax()))
    expected = "".join(characters[number] for number in ids[len(prompt) :])
    assert found["continuation"] == expected, (found["continuation"], expected)
    print(f"{run}: {count} characters alike: {expected!r}")


with tempfile.TemporaryDirectory() as scratch:
    if arguments.classifier:
        check_classifier(arguments.classifier, Path(scratch) / "classifier")
    if arguments.language:
        check_language(arguments.language, Path(scratch) / "language")
