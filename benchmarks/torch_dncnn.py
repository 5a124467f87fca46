"""A straightforward DnCNN in PyTorch, to measure beside ours; `None` where there is no PyTorch."""

import sys

# PyTorch's compiler, which nothing here uses, has an LLVM that ends a process with TensorFlow's.
sys.modules.setdefault("triton", None)

try:
    import torch
except ImportError:
    torch = None


def make(depth=17, filters=64, batch_norm=True):
    """Makes the network in channels-last memory format."""
    nn = torch.nn
    layers = [nn.Conv2d(1, filters, 3, padding=1), nn.ReLU(inplace=True)]
    for _ in range(depth - 2):
        layers.append(nn.Conv2d(filters, filters, 3, padding=1, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm2d(filters))
        layers.append(nn.ReLU(inplace=True))
    layers.append(nn.Conv2d(filters, 1, 3, padding=1))
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def training_step(batch, bfloat16):
    """Returns a function that makes one Adam step on a fixed batch."""
    model = make().train()
    optimizer = torch.optim.Adam(model.parameters())
    noisy = torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous(
        memory_format=torch.channels_last
    )  # fmt: skip

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            residual = model(noisy)
        loss = (residual.float() ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def inference(image, bfloat16):
    """Returns a function that denoises one image with folded batch norm."""
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    model = make(batch_norm=False).eval().to(dtype)
    noisy = torch.from_numpy(image).permute(0, 3, 1, 2).to(dtype)
    noisy = noisy.contiguous(memory_format=torch.channels_last)

    def denoise():
        with torch.inference_mode():
            return noisy - model(noisy)

    return denoise
