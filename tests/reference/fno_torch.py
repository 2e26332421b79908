"""Times whole training steps of Fourier neural operators in PyTorch, and an inference, to compare kiti-nn with.

Standard FNO code: torch.fft, einsum over complex weights, 1x1 convolutions, Adam. Prints one JSON object with
the milliseconds of a step (median and minimum) for each case. Needs only torch; no test runs it.

    python fno_torch.py [--threads 2] [--seconds 10] [--case fno2d --case heat --case fno1d]

"""

import argparse
import json
import math
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class SpectralConv1d(nn.Module):
    def __init__(self, channels, modes):
        super().__init__()
        self.modes = modes
        scale = 1 / channels**2
        self.weight = nn.Parameter(scale * torch.rand(channels, channels, modes, dtype=torch.cfloat))

    def forward(self, x):
        x_ft = torch.fft.rfft(x)
        out = torch.zeros(x.shape[0], self.weight.shape[1], x.size(-1) // 2 + 1, dtype=torch.cfloat)
        out[:, :, : self.modes] = torch.einsum("bix,iox->box", x_ft[:, :, : self.modes], self.weight)
        return torch.fft.irfft(out, n=x.size(-1))


class SpectralConv2d(nn.Module):
    def __init__(self, channels, m1, m2):
        super().__init__()
        self.m1, self.m2 = m1, m2
        scale = 1 / channels**2
        self.w0 = nn.Parameter(scale * torch.rand(channels, channels, m1, m2, dtype=torch.cfloat))
        self.w1 = nn.Parameter(scale * torch.rand(channels, channels, m1, m2, dtype=torch.cfloat))

    def forward(self, x):
        m1, m2 = self.m1, self.m2
        x_ft = torch.fft.rfft2(x)
        out = torch.zeros(x.shape[0], self.w0.shape[1], x.size(-2), x.size(-1) // 2 + 1, dtype=torch.cfloat)
        out[:, :, :m1, :m2] = torch.einsum("bixy,ioxy->boxy", x_ft[:, :, :m1, :m2], self.w0)
        out[:, :, -m1:, :m2] = torch.einsum("bixy,ioxy->boxy", x_ft[:, :, -m1:, :m2], self.w1)
        return torch.fft.irfft2(out, s=(x.size(-2), x.size(-1)))


class Fno(nn.Module):
    def __init__(self, dims, in_channels, width, modes, layers, projection, activation):
        super().__init__()
        self.dims = dims
        self.activation = activation
        self.lift = nn.Linear(in_channels + dims, width)
        spectral = (lambda: SpectralConv1d(width, modes)) if dims == 1 else (lambda: SpectralConv2d(width, modes, modes))
        conv = nn.Conv1d if dims == 1 else nn.Conv2d
        self.spectral = nn.ModuleList(spectral() for _ in range(layers))
        self.skip = nn.ModuleList(conv(width, width, 1) for _ in range(layers))
        self.project1 = nn.Linear(width, projection)
        self.project2 = nn.Linear(projection, 1)

    def forward(self, x):
        axes = [torch.linspace(0, 1, n) for n in x.shape[1:-1]]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
        x = torch.cat([x, grid.expand(x.shape[0], *grid.shape)], -1)
        x = self.lift(x).movedim(-1, 1)
        for layer, (spectral, skip) in enumerate(zip(self.spectral, self.skip)):
            x = spectral(x) + skip(x)
            if layer + 1 < len(self.spectral):
                x = self.activation(x)
        x = x.movedim(1, -1)
        return self.project2(self.activation(self.project1(x)))


FNO_2D = dict(grid=(64, 64), in_channels=10, width=20, modes=12, activation=F.gelu)
CASES = {
    "fno2d": FNO_2D,
    "fno2d-inference": FNO_2D,
    "heat": dict(grid=(32, 32), in_channels=10, width=20, modes=12, activation=F.gelu),
    "fno1d": dict(grid=(1024,), in_channels=1, width=64, modes=16, activation=F.relu),
}


def time_case(name, seconds):
    case = CASES[name]
    torch.manual_seed(0)
    model = Fno(len(case["grid"]), case["in_channels"], case["width"], case["modes"], 4, 128, case["activation"])
    if name.endswith("-inference"):
        x = torch.randn(1, *case["grid"], case["in_channels"])
        return timed(lambda: model(x), seconds, torch.inference_mode())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    x = torch.randn(20, *case["grid"], case["in_channels"])
    y = torch.randn(20, *case["grid"], 1)

    def step():
        optimizer.zero_grad()
        difference = (model(x) - y).reshape(20, -1).norm(dim=1)
        loss = (difference / y.reshape(20, -1).norm(dim=1)).mean()
        loss.backward()
        optimizer.step()
        assert math.isfinite(loss.item())

    return timed(step, seconds, torch.enable_grad())


def timed(work, seconds, mode):
    times = []
    end = time.perf_counter() + seconds
    with mode:
        while len(times) < 5 or time.perf_counter() < end:
            start = time.perf_counter()
            work()
            times.append(1000 * (time.perf_counter() - start))
    times = times[2:]
    return {"median_ms": round(statistics.median(times), 2), "min_ms": round(min(times), 2), "steps": len(times)}


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
