"""Meta-training in PyTorch as one would write it, to measure beside ours.

The rule is RNNprop; the task's gradients are taken as constants (first order), and the meta-loss
goes back through the unrolled window by `backward`. `torch` is `None` where there is no PyTorch.
"""

import math

from benchmarks.torch_dncnn import torch


class RNNprop:
    """The rule `learned_optim.rules.rnnprop`, with the same weights.

    Args:
        rule: Ours, a built `RNNpropRule`.
    """

    def __init__(self, rule):
        linear, lstm = torch.nn.Linear, torch.nn.LSTMCell
        self.beta_1, self.beta_2 = rule.beta_1, rule.beta_2
        self.learning_rate = rule.learning_rate
        self.embedding = linear(2, rule.inputs)
        widths = [rule.inputs] + [rule.units] * rule.layers
        self.cells = [lstm(width, rule.units) for width in widths[:-1]]
        self.head = linear(rule.units, 1)
        self.weights = []
        for theirs, ours in ((self.embedding, rule.embedding), (self.head, rule.head)):
            self._take([theirs.weight, theirs.bias], ours)
        for theirs, ours in zip(self.cells, rule.cells, strict=True):
            # The gates have the same order; ours have one bias.
            torch.nn.init.zeros_(theirs.bias_hh)
            self._take([theirs.weight_ih, theirs.weight_hh, theirs.bias_ih], ours)

    def _take(self, weights, layer):
        for weight, values in zip(weights, layer.get_weights(), strict=True):
            weight.data = torch.from_numpy(values.T.copy())
        self.weights += weights

    def __call__(self, gradient, moments, state, step):
        """Makes the update of a vector of coordinates, new moments and new recurrent state."""
        momentum = self.beta_1 * moments[0] + (1 - self.beta_1) * gradient
        velocity = self.beta_2 * moments[1] + (1 - self.beta_2) * gradient**2
        correction = math.sqrt(1 - self.beta_2**step)
        scale = correction / (velocity.sqrt() + 1e-7)
        seen = [momentum * scale / (1 - self.beta_1**step), gradient * scale]
        x = torch.nn.functional.elu(self.embedding(torch.stack(seen, dim=-1)))
        new_state = []
        for cell, states in zip(self.cells, state, strict=True):
            new_state.append(cell(x, states))
            x = new_state[-1][0]
        return torch.tanh(self.head(x)[:, 0]), [momentum, velocity], new_state


def window(rule, loss, batch, parameters, length):
    """Runs the first window of a task and computes the meta-gradient, into `grad` of the weights.

    Args:
        rule: An `RNNprop`.
        loss: Function from parameters and a batch to the loss.
        batch: Function from a step, 0 at the first, to a batch.
        parameters: List of the initial parameters, tensors.
        length: Number of steps.

    Returns:
        Array of the loss before each step and at the end.
    """
    sizes = [tensor.numel() for tensor in parameters]
    moments = [torch.zeros(sum(sizes)) for _ in range(2)]
    state = [(torch.zeros(sum(sizes), cell.hidden_size),) * 2 for cell in rule.cells]
    parameters = [tensor.detach().requires_grad_() for tensor in parameters]
    losses = [loss(parameters, batch(0))]
    for step in range(1, length + 1):
        gradients = torch.autograd.grad(losses[-1], parameters, retain_graph=True)
        gradient = torch.cat([each.reshape(-1) for each in gradients])
        update, moments, state = rule(gradient, moments, state, step)
        parameters = [
            tensor - rule.learning_rate * change.view(tensor.shape)
            for tensor, change in zip(parameters, update.split(sizes), strict=True)
        ]
        losses.append(loss(parameters, batch(step)))
    losses = torch.stack(losses)
    for weight in rule.weights:
        weight.grad = None
    losses[1:].log().mean().backward()
    return losses.detach().numpy()


def quadratic_loss(parameters, batch):
    """Loss of `learned_optim.tasks.quadratic`."""
    (theta,), (matrices, y) = parameters, batch
    return (((matrices @ theta[..., None])[..., 0] - y) ** 2).sum()


def mnist_loss(parameters, batch):
    """Loss of `learned_optim.tasks.mnist`."""
    x, labels = batch
    for kernel, bias in zip(parameters[::2], parameters[1::2], strict=True):
        x = torch.sigmoid(torch.addmm(bias, x, kernel))
    return torch.nn.functional.cross_entropy(x.clamp(1e-7, 1 - 1e-7).log(), labels)


def denoising_loss(parameters, batch):
    """Loss of `learned_optim.tasks.denoising`."""
    functional = torch.nn.functional
    noisy, clean = batch
    kernel, bias, *hidden, last_kernel, last_bias = parameters
    x = functional.conv2d(noisy, kernel, bias, padding=1).relu()
    for kernel, gamma, beta in zip(hidden[::3], hidden[1::3], hidden[2::3], strict=True):
        x = functional.conv2d(x, kernel, padding=1)
        x = functional.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-3).relu()
    residual = functional.conv2d(x, last_kernel, last_bias, padding=1)
    return (noisy - residual - clean).abs().mean()


def mnist_batches(images, labels, batch_size):
    """Returns a function that draws a batch of digits."""
    images, labels = torch.from_numpy(images), torch.from_numpy(labels)

    def draw(step):
        rows = torch.randint(len(images), (batch_size,))
        return images[rows], labels[rows]

    return draw


def noisy_patches(images, side, sigma, batch_size):
    """Returns a function that draws a batch of noisy and clean patches, turned and flipped."""
    images = [torch.from_numpy(image)[..., 0] for image in images]

    def patch():
        image = images[torch.randint(len(images), ())]
        row, column = (int(torch.randint(length - side + 1, ())) for length in image.shape)
        turned = torch.rot90(
            image[row : row + side, column : column + side], int(torch.randint(4, ()))
        )
        return turned.flip(0) if torch.randint(2, ()) else turned

    def draw(step):
        clean = torch.stack([patch() for _ in range(batch_size)])[:, None] / 255
        level = torch.empty(batch_size, 1, 1, 1).uniform_(*sigma) / 255
        return clean + level * torch.randn_like(clean), clean

    return draw


def images_first(arrays):
    """Turns a batch into tensors, images as PyTorch has them."""
    return [_permuted(array, (0, 3, 1, 2)) for array in arrays]


def kernels_first(arrays):
    """Turns parameters into tensors, convolution kernels as PyTorch has them."""
    return [_permuted(array, (3, 2, 0, 1)) for array in arrays]


def _permuted(array, order):
    tensor = torch.from_numpy(array)
    return tensor.permute(order).contiguous() if tensor.ndim == 4 else tensor
