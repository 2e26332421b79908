"""Writes torch.safetensors: what PyTorch computes for spectral convolutions, optimisers and schedules, in double precision.

    python make_torch.py        needs torch and safetensors
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
tensors = {}


def put(case, **values):
    for name, value in values.items():
        value = torch.view_as_real(value) if value.is_complex() else value
        tensors[f"{case}.{name}"] = value.detach().clone().contiguous()


def spectral_1d(case, points, modes):
    x = torch.randn(2, 3, points, requires_grad=True)
    w = torch.randn(3, 4, modes, dtype=torch.complex128, requires_grad=True)
    out = torch.zeros(2, 4, points // 2 + 1, dtype=torch.complex128)
    out[:, :, :modes] = torch.einsum("bik,iok->bok", torch.fft.rfft(x)[:, :, :modes], w)
    y = torch.fft.irfft(out, n=points)
    g = torch.randn_like(y)
    (y * g).sum().backward()
    put(case, x=x, w0=w, y=y, g=g, gx=x.grad, gw0=w.grad)


def spectral_2d(case, n1, n2, m1, m2):
    x = torch.randn(2, 3, n1, n2, requires_grad=True)
    w0 = torch.randn(3, 4, m1, m2, dtype=torch.complex128, requires_grad=True)
    w1 = torch.randn(3, 4, m1, m2, dtype=torch.complex128, requires_grad=True)
    spectrum = torch.fft.rfft2(x)
    out = torch.zeros(2, 4, n1, n2 // 2 + 1, dtype=torch.complex128)
    out[:, :, :m1, :m2] = torch.einsum("bikl,iokl->bokl", spectrum[:, :, :m1, :m2], w0)
    out[:, :, -m1:, :m2] = torch.einsum("bikl,iokl->bokl", spectrum[:, :, -m1:, :m2], w1)
    y = torch.fft.irfft2(out, s=(n1, n2))
    g = torch.randn_like(y)
    (y * g).sum().backward()
    put(case, x=x, w0=w0, w1=w1, y=y, g=g, gx=x.grad, gw0=w0.grad, gw1=w1.grad)


spectral_1d("conv1d_odd", 13, 4)
spectral_1d("conv1d_all_odd", 7, 4)
spectral_1d("conv1d_all_even", 8, 5)
spectral_2d("conv2d_odd", 9, 11, 3, 4)
spectral_2d("conv2d_all_even", 8, 6, 4, 4)
spectral_2d("conv2d_overlap", 6, 10, 4, 3)


def optimizer(case, make):
    p = torch.nn.Parameter(torch.randn(3, 4))
    start, optimizer, gradients, path = p.detach().clone(), make([p]), torch.randn(6, 3, 4), []
    for step, gradient in enumerate(gradients):
        optimizer.param_groups[0]["lr"] = 0.1 / (1 + step)
        p.grad = gradient.clone()
        optimizer.step()
        path.append(p.detach().clone())
    put(case, start=start, gradients=gradients, path=torch.stack(path))


optimizer("adam", lambda p: torch.optim.Adam(p))
optimizer("adam_decay", lambda p: torch.optim.Adam(p, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1))
optimizer("adamw", lambda p: torch.optim.AdamW(p, weight_decay=0.1))
optimizer("sgd", lambda p: torch.optim.SGD(p, lr=0.1))
optimizer("sgd_momentum", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.05))
optimizer("sgd_nesterov", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.05, nesterov=True))

p = [torch.nn.Parameter(torch.zeros(5)), torch.nn.Parameter(torch.zeros(2, 3))]
for parameter in p:
    parameter.grad = torch.randn_like(parameter)
put("clip", g0=p[0].grad, g1=p[1].grad)
norm = torch.nn.utils.clip_grad_norm_(p, 0.7)
put("clip", norm=norm, clipped0=p[0].grad, clipped1=p[1].grad)


def schedule(case, make, total=37):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler, rates = make(optimizer), []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step() if len(rates) < total else None
    put(case, rates=torch.tensor(rates))


S = torch.optim.lr_scheduler
schedule("step", lambda o: S.StepLR(o, step_size=10, gamma=0.5))
schedule("cosine", lambda o: S.CosineAnnealingLR(o, T_max=37, eta_min=0.01))
schedule("one_cycle", lambda o: S.OneCycleLR(o, max_lr=0.3, total_steps=37))
schedule("one_cycle_set", lambda o: S.OneCycleLR(o, max_lr=0.3, total_steps=37, pct_start=0.2, div_factor=10, final_div_factor=50))


def warmup(step, warm=4, total=37):
    """The lambda of transformers.get_linear_schedule_with_warmup."""
    return step / max(1, warm) if step < warm else max(0.0, (total - step) / max(1, total - warm))


schedule("linear_warmup", lambda o: S.LambdaLR(o, warmup))

x = torch.linspace(-10, 10, 401)
x.requires_grad_()
for name, f in {"gelu": torch.nn.functional.gelu, "tanh": torch.tanh, "relu": torch.relu}.items():
    y = f(x)
    put(name, x=x, y=y, d=torch.autograd.grad(y.sum(), x)[0])

prediction, target = torch.randn(3, 5, 2, requires_grad=True), torch.randn(3, 5, 2)
error = (prediction - target).reshape(3, -1).norm(dim=1) / target.reshape(3, -1).norm(dim=1)
put("relative_l2", prediction=prediction, target=target, mean=error.mean(), sum=error.sum())
put("relative_l2", gradient=torch.autograd.grad(error.sum(), prediction)[0])

save_file(tensors, Path(__file__).with_name("torch.safetensors"))
