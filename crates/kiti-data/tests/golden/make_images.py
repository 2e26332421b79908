"""Cuts samples of CIFAR-10 and CIFAR-100 down to a few images, as archives and as the Hub's Parquet files.

python make_images.py CIFAR-10-BINARY.TAR.GZ CIFAR-100-BINARY.TAR.GZ   (pyarrow, pillow)
"""

import io
import sys
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def cut(source, target, label_bytes, records):
    """The first records of every batch; returns them by file."""
    kept = {}
    with tarfile.open(source) as old, tarfile.open(target, "w:gz") as new:
        for member in old.getmembers():
            content = old.extractfile(member).read()
            if member.name.endswith(".bin"):
                content = content[: records * (label_bytes + 3072)]
                kept[member.name.split("/")[-1]] = content
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return kept


def png(pixels):
    image = np.frombuffer(pixels, np.uint8).reshape(3, 32, 32).transpose(1, 2, 0)
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def parquet(target, content, label_bytes, label_names, **options):
    width = label_bytes + 3072
    rows = [content[at : at + width] for at in range(0, len(content), width)]
    images = [{"bytes": png(row[label_bytes:]), "path": None} for row in rows]
    columns = {"img": images}
    for place, name in label_names.items():
        columns[name] = [row[place] for row in rows]
    pq.write_table(pa.table(columns), target, **options)


cifar10 = cut(sys.argv[1], "images/cifar-10-binary.tar.gz", 1, 2)
train = b"".join(cifar10[f"data_batch_{number}.bin"] for number in range(1, 6))
parquet("images/cifar10-train.parquet", train, 1, {0: "label"}, compression="gzip", row_group_size=4)
parquet("images/cifar10-test.parquet", cifar10["test_batch.bin"], 1, {0: "label"}, compression="snappy")
cifar100 = cut(sys.argv[2], "images/cifar-100-binary.tar.gz", 2, 2)
for split in ["train", "test"]:
    labels = {1: "fine_label", 0: "coarse_label"}
    parquet(f"images/cifar100-{split}.parquet", cifar100[f"{split}.bin"], 2, labels, compression="none")
smooth = Image.fromarray(np.add.outer(4 * np.arange(32), 3 * np.arange(32)).astype(np.uint8))
smooth.convert("RGB").save("images/smooth.jpg", quality=95)
