"""Times the published kinetic step, composed of PyTorch operations, forward and backward.

The counterpart of `cargo bench -p kiti-kinetics`: the same shapes, all pairs colliding (or none),
directions drawn on the fly. Prints one line of JSON; never needed by the tests.

    python tests/reference/kinetic_step_torch.py --samples 20 --dims 160 --particles 128
"""

import argparse
import json
import resource
import time

import torch


def published_step(x, a, collision_coefficient=0.9):
    """x, a (B, D, n): memoryless, merged positions, dt = 1; every pair is materialised."""
    samples, dims, n = x.shape
    v = a
    g = torch.cdist(v.transpose(1, 2), v.transpose(1, 2), compute_mode="donot_use_mm_for_euclid_dist")
    with torch.no_grad():
        r = torch.cdist(x.transpose(1, 2), x.transpose(1, 2), compute_mode="donot_use_mm_for_euclid_dist")
        p = g / g.amax(dim=(1, 2), keepdim=True) * torch.exp(-r)
        m = (p > 1 - collision_coefficient).to(x.dtype)
        directions = torch.randn(samples, dims, n * (n - 1) // 2)
        directions = directions / directions.norm(dim=1, keepdim=True)
    i, j = torch.triu_indices(n, n, offset=1)
    one_way = g[:, i, j].unsqueeze(1) * directions
    scatter = torch.zeros(samples, dims, n, n)
    scatter[:, :, i, j] = one_way
    scatter[:, :, j, i] = -one_way
    half_relative = (v.unsqueeze(2) - v.unsqueeze(3)) / 2
    v_out = v + ((half_relative + scatter) * m.unsqueeze(1)).sum(dim=2)
    weights = m + torch.eye(n)
    midpoint = (x.unsqueeze(3) + x.unsqueeze(2)) / 2
    x_out = (midpoint * weights.unsqueeze(1)).sum(dim=2) / weights.sum(dim=2).unsqueeze(1)
    return x_out + v_out, m.mean().item() * n / (n - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--dims", type=int, default=160)
    parser.add_argument("--particles", type=int, default=128)
    parser.add_argument("--spread", type=float, default=0.01, help="typical distance of two particles")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as PyTorch likes")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    shape = (arguments.samples, arguments.dims, arguments.particles)
    x = torch.randn(shape) * arguments.spread / (2 * arguments.dims) ** 0.5
    x.requires_grad_()
    a = torch.randn(shape, requires_grad=True)
    upstream = torch.randn(shape)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    best, accepted = float("inf"), 0.0
    for _ in range(arguments.repeats):
        x.grad = a.grad = None
        start = time.perf_counter()
        x_out, accepted = published_step(x, a)
        x_out.backward(upstream)
        best = min(best, time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({
        "shape": shape,
        "accepted": round(accepted, 4),
        "forward_backward_ms": round(best * 1e3, 2),
        "peak_extra_mib": round(peak / 1024, 1),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
