"""Times single operations in PyTorch and prints JSON: milliseconds (minimum and median) of the forward pass and
of both passes, by name.

The names and shapes are those of `kiti bench ops`, which runs it with `--against`.

    python ops_torch.py [--threads 2] [--seconds 1] [--only conv]
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F


def normal(*shape):
    return torch.randn(shape, requires_grad=True)


def numbers(*shape, below):
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count) * 7919 % below).reshape(shape)


def convolution(batch, inputs, outputs, side, kernel, stride=1):
    xs, weight = normal(batch, inputs, side, side), normal(outputs, inputs, kernel, kernel)
    return lambda: F.conv2d(xs, weight, stride=stride, padding=kernel // 2)


def batch_norm():
    xs, layer = normal(32, 64, 32, 32), torch.nn.BatchNorm2d(64)
    return lambda: layer(xs)


def layer_norm():
    xs, weight, bias = normal(2048, 384), normal(384), normal(384)
    return lambda: F.layer_norm(xs, (384,), weight, bias)


def linear():
    xs, weight, bias = normal(2048, 384), normal(1536, 384), normal(1536)
    return lambda: F.linear(xs, weight, bias)


def softmax():
    xs = normal(16, 12, 128, 128)
    return lambda: F.softmax(xs, dim=-1)


def attention():
    parts = [normal(16, 128, 384) for _ in range(3)]

    def run():
        heads = [part.view(16, 128, 12, 32).transpose(1, 2) for part in parts]
        rows = F.scaled_dot_product_attention(*heads)
        return rows.transpose(1, 2).reshape(16, 128, 384)

    return run


def cross_entropy():
    logits, targets = normal(2048, 30522), numbers(2048, below=30522)
    return lambda: F.cross_entropy(logits, targets)


def embedding():
    table, ids = normal(30522, 384), numbers(16, 128, below=30522)
    return lambda: F.embedding(ids, table)


def activation(function, *shape):
    xs = normal(*shape)
    return lambda: function(xs)


def dropout():
    xs = normal(2048, 1536)
    return lambda: F.dropout(xs, 0.1)


def pool(function):
    xs = normal(32, 64, 32, 32)
    return lambda: function(xs, 3, stride=2, padding=1)


def spectral():
    xs, modes = normal(20, 20, 64, 64), 12
    weights = [torch.randn(20, 20, modes, modes, dtype=torch.cfloat, requires_grad=True) for _ in range(2)]

    def run():
        frequencies = torch.fft.rfft2(xs)
        out = torch.zeros(20, 20, 64, 33, dtype=torch.cfloat)
        for rows, weight in zip((slice(None, modes), slice(-modes, None)), weights):
            out[:, :, rows, :modes] = torch.einsum("bixy,ioxy->boxy", frequencies[:, :, rows, :modes], weight)
        return torch.fft.irfft2(out, s=(64, 64))

    return run


def optimizer(make):
    weight = normal(30522, 384)
    weight.grad = torch.randn(30522, 384)
    return make([weight]).step


CASES = {
    "conv 3x3 32x64x32x32": lambda: convolution(32, 64, 64, 32, 3),
    "conv 3x3 32x128x16x16": lambda: convolution(32, 128, 128, 16, 3),
    "conv 3x3 32x256x8x8": lambda: convolution(32, 256, 256, 8, 3),
    "conv 3x3 32x512x4x4": lambda: convolution(32, 512, 512, 4, 3),
    "conv 3x3/2 32x64x32x32": lambda: convolution(32, 64, 128, 32, 3, 2),
    "conv 1x1 32x64x32x32": lambda: convolution(32, 64, 128, 32, 1),
    "batch norm 32x64x32x32": batch_norm,
    "max pool 3x3/2 32x64x32x32": lambda: pool(F.max_pool2d),
    "average pool 3x3/2 32x64x32x32": lambda: pool(F.avg_pool2d),
    "layer norm 2048x384": layer_norm,
    "linear 2048x384-1536": linear,
    "softmax 16x12x128x128": softmax,
    "attention 16x128x384 12 heads": attention,
    "cross entropy 2048x30522": cross_entropy,
    "embedding 30522x384": embedding,
    "gelu 81920x128": lambda: activation(F.gelu, 81920, 128),
    "gelu tanh 81920x128": lambda: activation(lambda xs: F.gelu(xs, approximate="tanh"), 81920, 128),
    "relu 2.1M": lambda: activation(F.relu, 32, 64, 32, 32),
    "tanh 2.1M": lambda: activation(torch.tanh, 32, 64, 32, 32),
    "dropout 2048x1536": dropout,
    "spectral 20x20x64x64": spectral,
}

OPTIMIZERS = {
    "AdamW 11.7M": lambda: optimizer(lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)),
    "SGD 11.7M": lambda: optimizer(lambda parameters: torch.optim.SGD(parameters, lr=1e-3, momentum=0.9, weight_decay=5e-4)),
}


def milliseconds(run, seconds):
    """Smallest and median time of several runs after a warm-up."""
    run()
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return {"min_ms": min(times), "median_ms": statistics.median(times)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--only", default="", help="part of a name")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    results = {}
    for name, make in CASES.items():
        if options.only not in name:
            continue
        forward = make()
        upstream = torch.randn_like(forward())

        def both(forward=forward, upstream=upstream):
            # Gradients of earlier passes would be added to.
            ys = forward()
            inputs = [leaf for leaf in leaves(ys) if leaf.requires_grad]
            torch.autograd.grad((ys * upstream).sum(), inputs)

        results[f"{name}, forward"] = milliseconds(forward, options.seconds)
        results[f"{name}, both"] = milliseconds(both, options.seconds)
    for name, make in OPTIMIZERS.items():
        if options.only in name:
            results[name] = milliseconds(make(), options.seconds)
    print(json.dumps(results, indent=1))


def leaves(result):
    """The tensors that a result was computed from."""
    found, stack = [], [result.grad_fn]
    while stack:
        node = stack.pop()
        if hasattr(node, "variable"):
            found.append(node.variable)
        stack.extend(parent for parent, _ in node.next_functions if parent is not None)
    return found


if __name__ == "__main__":
    main()
