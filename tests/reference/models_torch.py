"""Times whole training steps of ResNet-18, BERT and GPT-2 in PyTorch, to compare kiti with.

The shapes are those of `kiti bench models`, which runs this script with `--against`. Prints one JSON object with the
milliseconds of a step (median and minimum) and the peak memory beyond what was held before, for each case. Needs only torch.

    python models_torch.py [--threads 2] [--seconds 10] [--case resnet18-32 --case bert]
"""

import argparse
import json
import math
import pathlib
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x), inplace=True)


class ResNet18(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True))
        blocks, inputs = [], 64
        for stage in range(4):
            for index in range(2):
                outputs = 64 << stage
                blocks.append(Block(inputs, outputs, 2 if stage > 0 and index == 0 else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, hidden, heads, dropout, causal):
        super().__init__()
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.heads, self.dropout, self.causal = heads, dropout, causal

    def forward(self, x):
        batch, sequence, hidden = x.shape
        parts = self.qkv(x).view(batch, sequence, 3, self.heads, hidden // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(*parts, dropout_p=self.dropout, is_causal=self.causal)
        return self.out(y.transpose(1, 2).reshape(batch, sequence, hidden))


class Layer(nn.Module):
    """A layer of BERT (norms behind the residuals) or of GPT-2 (norms at the start of the branches)."""

    def __init__(self, hidden, heads, dropout, causal):
        super().__init__()
        self.attention = Attention(hidden, heads, dropout, causal)
        self.norm1, self.norm2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.wide, self.narrow = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)
        self.dropout, self.causal = nn.Dropout(dropout), causal

    def forward(self, x):
        if self.causal:
            x = x + self.dropout(self.attention(self.norm1(x)))
            return x + self.dropout(self.narrow(F.gelu(self.wide(self.norm2(x)), approximate="tanh")))
        x = self.norm1(x + self.dropout(self.attention(x)))
        return self.norm2(x + self.dropout(self.narrow(F.gelu(self.wide(x)))))


class Transformer(nn.Module):
    def __init__(self, vocabulary, positions, hidden, heads, layers, dropout, causal):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, hidden), nn.Embedding(positions, hidden)
        self.segments = None if causal else nn.Embedding(2, hidden)
        self.norm, self.dropout = nn.LayerNorm(hidden), nn.Dropout(dropout)
        self.layers = nn.Sequential(*(Layer(hidden, heads, dropout, causal) for _ in range(layers)))
        self.causal = causal
        if not causal:
            self.pooler, self.classifier = nn.Linear(hidden, hidden), nn.Linear(hidden, 2)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        if self.causal:
            x = self.norm(self.layers(self.dropout(x)))
            return F.linear(x, self.tokens.weight).flatten(0, 1)
        x = x + self.segments(torch.zeros_like(ids))
        x = self.layers(self.dropout(self.norm(x)))
        return self.classifier(self.dropout(torch.tanh(self.pooler(x[:, 0]))))


def numbers(count, below):
    return torch.arange(count) * 7919 % below


def resnet(batch):
    images, targets = torch.randn(batch, 3, 32, 32), numbers(batch, 10)
    sgd = lambda parameters: torch.optim.SGD(parameters, lr=1e-3, momentum=0.9, weight_decay=5e-4)
    return ResNet18(), images, targets, sgd


def adam_w(parameters):
    return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)


def bert(dropout):
    ids = numbers(16 * 128, 30522).view(16, 128)
    return Transformer(30522, 512, 384, 12, 6, dropout, causal=False), ids, numbers(16, 2), adam_w


def bert_inference():
    return Transformer(30522, 512, 384, 12, 6, 0.0, causal=False).eval(), numbers(32 * 128, 30522).view(32, 128)


def gpt2():
    ids = numbers(8 * 128, 50257)
    return Transformer(50257, 128, 384, 6, 6, 0.0, causal=True), ids.view(8, 128), ids, adam_w


CASES = {
    "resnet18-32": lambda: resnet(32),
    "resnet18-128": lambda: resnet(128),
    "bert": lambda: bert(0.0),
    "bert-dropout": lambda: bert(0.1),
    "bert-inference": bert_inference,
    "gpt2": gpt2,
}


def memory(key):
    """A value of /proc/self/status in MiB, or none where there is no such thing."""
    try:
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))
    except OSError:
        return None


def time_case(name, seconds):
    torch.manual_seed(0)
    if name.endswith("-inference"):
        return time_inference(*CASES[name](), seconds)
    model, xs, targets, optimizer = CASES[name]()
    optimizer = optimizer(model.parameters())
    before = memory("VmRSS:")
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xs), targets)
        loss.backward()
        optimizer.step()
        times.append(1000 * (time.perf_counter() - start))
    assert math.isfinite(loss.item())
    result = {"median_ms": round(statistics.median(times[2:]), 2), "min_ms": round(min(times[2:]), 2), "steps": len(times) - 2}
    if before is not None:
        result["peak_extra_mib"] = round(memory("VmHWM:") - before, 1)
    return result


def time_inference(model, xs, seconds):
    before = memory("VmRSS:")
    times = []
    end = time.perf_counter() + seconds
    with torch.inference_mode():
        while len(times) < 5 or time.perf_counter() < end:
            start = time.perf_counter()
            model(xs)
            times.append(1000 * (time.perf_counter() - start))
    result = {"median_ms": round(statistics.median(times[2:]), 2), "min_ms": round(min(times[2:]), 2), "steps": len(times) - 2}
    if before is not None:
        result["peak_extra_mib"] = round(memory("VmHWM:") - before, 1)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--case", action="append", choices=sorted(CASES))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(json.dumps({name: time_case(name, arguments.seconds) for name in arguments.case or CASES}))


if __name__ == "__main__":
    main()
