"""Writes layers.safetensors: what PyTorch computes for the layers of transformers and convolutional networks.

    python make_layers.py        needs torch and safetensors

Double precision. A case has its inputs by name, the result `y`, a gradient `g` of it, and the gradient `d.NAME` of each input.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(2)
torch.set_default_dtype(torch.float64)
tensors = {}


def put(case, f, **shapes):
    leaves = {name: torch.randn(shape, requires_grad=True) for name, shape in shapes.items()}
    y = f(**leaves)
    g = torch.randn_like(y)
    (y * g).sum().backward()
    values = {**leaves, "y": y, "g": g, **{f"d.{name}": leaf.grad for name, leaf in leaves.items()}}
    for name, value in values.items():
        tensors[f"{case}.{name}"] = value.detach().clone().contiguous()


put("linear", lambda x, w, b: F.linear(x, w, b), x=(2, 5, 7), w=(11, 7), b=(11,))
put("layer_norm", lambda x, w, b: F.layer_norm(x, (13,), w, b, 1e-12), x=(2, 5, 13), w=(13,), b=(13,))
put("softmax", lambda x: F.softmax(3 * x, -1), x=(4, 19))
put("gelu_tanh", lambda x: F.gelu(2 * x, approximate="tanh"), x=(5, 17))
put("conv1d", lambda x, w, b: F.conv1d(x, w, b, 2, 1), x=(2, 3, 12), w=(5, 3, 4), b=(5,))
put("conv2d", lambda x, w, b: F.conv2d(x, w, b, 2, 1), x=(2, 3, 9, 6), w=(5, 3, 3, 2), b=(5,))
put("conv2d_wide", lambda x, w, b: F.conv2d(x, w, b, 1, 1), x=(2, 17, 8, 8), w=(14, 17, 3, 3), b=(14,))
put("max_pool", lambda x: F.max_pool2d(x, 3, 2, 1), x=(2, 3, 8, 7))
put("avg_pool", lambda x: F.avg_pool2d(x, (3, 2), 2, 1), x=(2, 3, 8, 7))

ids = torch.tensor([[1, 4, 1], [0, 1, 6]])
tensors["embedding.ids"] = ids
put("embedding", lambda w: F.embedding(ids, w), w=(7, 5))

targets = torch.tensor([3, -100, 0, 8, -100, 8])
tensors["cross_entropy.targets"] = targets
put("cross_entropy", lambda x: F.cross_entropy(3 * x, targets), x=(6, 9))

running = [torch.linspace(-1, 1, 4), torch.linspace(0.5, 2, 4)]
for index, name in enumerate(["mean", "var"]):
    tensors[f"batch_norm.running_{name}"] = running[index].clone()
put("batch_norm", lambda x, w, b: F.batch_norm(x, *running, w, b, True, 0.1, 1e-5), x=(3, 4, 5, 2), w=(4,), b=(4,))
for index, name in enumerate(["mean", "var"]):
    tensors[f"batch_norm.moved_{name}"] = running[index].clone()
put("batch_norm_evaluated", lambda x, w, b: F.batch_norm(x, *running, w, b, False, 0.1, 1e-5), x=(3, 4, 5, 2), w=(4,), b=(4,))


def attention(q, k, v, **options):
    heads = [t.view(*t.shape[:2], 3, 4).transpose(1, 2) for t in (q, k, v)]
    rows = F.scaled_dot_product_attention(*heads, **options)
    return rows.transpose(1, 2).reshape(q.shape)


mask = torch.randn(2, 1, 5, 9)
mask[:, :, :, 7] = -torch.inf
tensors["attention.mask"] = mask
put("attention", lambda q, k, v: attention(q, k, v, attn_mask=mask), q=(2, 5, 12), k=(2, 9, 12), v=(2, 9, 12))
put("attention_causal", lambda q, k, v: attention(q, k, v, is_causal=True), q=(2, 7, 12), k=(2, 7, 12), v=(2, 7, 12))

save_file(tensors, Path(__file__).with_name("layers.safetensors"))
