"""Cuts IMDb and SNLI down to a few short examples, in the formats that users have.

python make_texts.py ACLIMDB.TAR.GZ SNLI_1.0_DEV.JSONL   (pyarrow)
"""

import csv
import io
import json
import sys
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq

reviews = {}
with tarfile.open(sys.argv[1]) as old:
    for member in old:
        if member.isfile() and member.size < 420:
            split, kind, name = member.name.split("/")[1:]
            kept = reviews.setdefault((split, kind), {})
            if len(kept) < 3:
                kept[name] = old.extractfile(member).read()
with tarfile.open("text/aclImdb.tar.gz", "w:gz") as new:
    # In no order, as in the original.
    for (split, kind), files in sorted(reviews.items(), reverse=True):
        for name, content in sorted(files.items(), reverse=True):
            member = tarfile.TarInfo(f"aclImdb/{split}/{kind}/{name}")
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
rows = [
    (content.decode(), label)
    for label, kind in enumerate(["neg", "pos"])
    for name, content in sorted(reviews["train", kind].items(), key=lambda item: int(item[0].split("_")[0]))
]
table = {"text": [text for text, _ in rows], "label": [label for _, label in rows]}
pq.write_table(pa.table(table), "text/imdb-train.parquet", compression="snappy")
with open("text/imdb-train.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["review", "sentiment"])
    writer.writerows([text, ["negative", "positive"][label]] for text, label in rows)

lines = [json.loads(line) for line in open(sys.argv[2])]
undecided = next(line for line in lines if line["gold_label"] == "-")
lines = lines[:6] + [undecided]
with open("text/snli/snli_1.0_dev.jsonl", "w") as file:
    file.writelines(json.dumps(line) + "\n" for line in lines)
classes = ["entailment", "neutral", "contradiction"]
table = {
    "premise": [line["sentence1"] for line in lines],
    "hypothesis": [line["sentence2"] for line in lines],
    "label": [classes.index(line["gold_label"]) if line["gold_label"] in classes else -1 for line in lines],
}
pq.write_table(pa.table(table), "text/snli-validation.parquet", compression="snappy")
with open("text/snli/snli_1.0_train.jsonl", "w") as file:
    file.writelines(json.dumps(line) + "\n" for line in lines[:5])
