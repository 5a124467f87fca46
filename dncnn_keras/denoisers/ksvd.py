"""K-SVD denoising: sparse coding over a dictionary learned from the noisy image itself."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from dncnn_keras.denoisers.denoiser import Denoiser
from dncnn_keras.progress import track

PATCH_SIZE = 8
# Signals that one worker codes together, and how many of them at a time where a step's own
# arrays (their correlations, their atoms) should stay in the processor's cache.
BLOCK = 2048
CACHED = 256
# Patches whose codes are held in memory at a time when the whole image is denoised.
STRIP_PATCHES = 65_536
POWER_STEPS = 3

# Signals are spread over the cores in blocks. A BLAS that does so too, within each of the many
# small products, slows them down, on a busy machine a hundredfold.
one_blas_thread = ThreadpoolController().wrap(limits=1, user_api="blas")


class SparseCode(NamedTuple):
    """Nonzero coefficients as three arrays of one length: signal, atom and value of each."""

    signals: np.ndarray
    atoms: np.ndarray
    values: np.ndarray


class KSVD(Denoiser):
    """K-SVD denoising (Elad and Aharon, 2006).

    A dictionary of 8x8 atoms is learned from overlapping patches of the noisy image, starting
    from an overcomplete DCT. Every patch, its mean removed, is then approximated by as few atoms
    as bring the error down to the noise, and the overlapping approximations `D a` are averaged
    with the noisy image `y`, whose weight falls with `sigma` (in grey levels):

        x = (y + 0.034 sigma S) / (1 + 0.034 sigma W)

    Here `S` is the sum of the approximations over a pixel and `W` their number. This is the
    closed form of the paper, where the image's weight is `lambda = 30 / sigma`, as rounded in
    the authors' own program. From there come the other settings too: error goal `1.15 sigma` a
    pixel, ten iterations (five where `sigma <= 5`).

    Args:
        atoms: Number of atoms, a square number.
        error_gain: Allowed root-mean-square error of a patch, in units of `sigma`.
        training_patches: Number of patches that the dictionary is learned from at most.
        seed: Seed of the choice of those patches.

    Reference:

    - M. Elad, M. Aharon, "Image denoising via sparse and redundant representations over learned
      dictionaries", IEEE Transactions on Image Processing 15(12), 2006.

    Example:

    >>> noisy = 0.5 + 0.1 * np.random.default_rng(0).normal(size=(1, 32, 32, 1))
    >>> KSVD()(noisy, sigma=25.5).shape
    (1, 32, 32, 1)
    """

    name = "K-SVD"
    needs_sigma = True

    def __init__(self, atoms=256, error_gain=1.15, training_patches=65_000, seed=0):
        self.atoms = atoms
        self.error_gain = error_gain
        self.training_patches = training_patches
        self.seed = seed

    def denoise_image(self, noisy, sigma):
        """Denoises one float32 image of shape `(height, width)`, at least 8x8 pixels."""
        if min(noisy.shape) < PATCH_SIZE:
            height, width = noisy.shape
            raise ValueError(
                f"{self.name}: needs images of at least {PATCH_SIZE}x{PATCH_SIZE} pixels, "
                f"got {height}x{width}"
            )
        if sigma == 0:
            return noisy
        error_goal = PATCH_SIZE**2 * (self.error_gain * sigma / 255) ** 2
        windows = np.lib.stride_tricks.sliding_window_view(noisy, (PATCH_SIZE, PATCH_SIZE))
        dictionary = learn_dictionary(
            self._training_set(windows),
            overcomplete_dct(PATCH_SIZE, self.atoms),
            error_goal,
            iterations=10 if sigma > 5 else 5,
        )

        rows, columns = windows.shape[:2]
        strip = max(1, STRIP_PATCHES // columns)
        residual = np.zeros_like(noisy)
        for top in track(range(0, rows, strip), "K-SVD, coding"):
            patches = _without_mean(windows[top : top + strip])
            errors, _ = batch_omp(patches, dictionary, error_goal)
            errors = errors.reshape(-1, columns, PATCH_SIZE, PATCH_SIZE)
            for i, j in np.ndindex(PATCH_SIZE, PATCH_SIZE):
                residual[top + i : top + i + len(errors), j : j + columns] += errors[:, :, i, j]

        # An approximation is the patch less its residual: S = W y - sum(residuals).
        coverage = np.outer(
            *(np.convolve(np.ones(n), np.ones(PATCH_SIZE)) for n in (rows, columns))
        )
        blend = 0.034 * sigma
        return noisy - blend * residual / (1 + blend * coverage)

    def _training_set(self, windows):
        count = windows.shape[0] * windows.shape[1]
        if count <= self.training_patches:
            return _without_mean(windows)
        chosen = np.random.default_rng(self.seed).choice(
            count, self.training_patches, replace=False
        )
        return _without_mean(windows[np.unravel_index(np.sort(chosen), windows.shape[:2])])


def _without_mean(windows):
    patches = windows.reshape(-1, PATCH_SIZE**2)
    return patches - patches.mean(axis=1, keepdims=True)


def overcomplete_dct(patch_size, atoms):
    """Separable overcomplete DCT dictionary, the starting point of the learning.

    Args:
        patch_size: Height and width of an atom.
        atoms: Number of atoms, a square number.

    Returns:
        float32 array of shape `(atoms, patch_size ** 2)`: one atom of norm 1 a row, all but the
        first (the constant one) of zero mean.

    Raises:
        ValueError: If `atoms` is not a square number.
    """
    frequencies = round(atoms**0.5)
    if frequencies**2 != atoms:
        raise ValueError(f"K-SVD: the number of atoms must be a square number, got {atoms}")
    waves = np.cos(np.pi / frequencies * np.outer(np.arange(frequencies), np.arange(patch_size)))
    waves[1:] -= waves[1:].mean(axis=1, keepdims=True)
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    return np.kron(waves, waves).astype(np.float32)


def learn_dictionary(signals, dictionary, error_goal, iterations):
    """K-SVD (Aharon, Elad, Bruckstein, 2006): sparse coding and atom updates in turn.

    Args:
        signals: float32 array of shape `(count, size)`.
        dictionary: float32 array of shape `(atoms, size)` to start from.
        error_goal: Allowed squared error of a signal.
        iterations: Number of iterations.

    Returns:
        The learned dictionary, float32 array of shape `(atoms, size)`.
    """
    # A signal within the goal needs no atom, hence teaches none.
    signals = signals[_energy(signals) > error_goal]
    for _ in track(range(iterations if len(signals) else 0), "K-SVD, dictionary"):
        residuals, code = batch_omp(signals, dictionary, error_goal)
        dictionary, residuals = update_atoms(dictionary, residuals, code)
        dictionary = replace_atoms(dictionary, signals, residuals, code)
    return dictionary


@one_blas_thread
def update_atoms(dictionary, residuals, code):
    """Fits the atoms, one after the other, to the signals that use them.

    An atom and its coefficients become the best rank-one approximation of what the other atoms
    leave of those signals. Three power steps from the present coefficients give the exact SVD's
    PSNR within 0.01 dB in a fraction of its time; the single step of Rubinstein et al. (2008)
    costs hardly less and loses up to 0.04 dB.

    Args:
        dictionary: float32 array of shape `(atoms, size)`.
        residuals: float32 array of shape `(count, size)`: signals minus their approximations.
        code: The approximations' `SparseCode`.

    Returns:
        The new dictionary and the residuals with the new atoms and coefficients.
    """
    dictionary, residuals = dictionary.copy(), residuals.copy()
    # 16-bit keys are sorted by radix, many times faster than 64-bit ones.
    by_atom = np.argsort(code.atoms.astype(np.uint16), kind="stable")
    signals, values = code.signals[by_atom], code.values[by_atom]
    ends = np.cumsum(np.bincount(code.atoms, minlength=len(dictionary)))
    for atom, users, weights in zip(
        dictionary, np.split(signals, ends[:-1]), np.split(values, ends[:-1]), strict=True
    ):
        if not len(users):
            continue
        errors = residuals[users] + np.outer(weights, atom)
        for _ in range(POWER_STEPS):
            direction = weights @ errors
            direction /= np.linalg.norm(direction)
            weights = errors @ direction
        atom[:] = direction
        residuals[users] = errors - np.outer(weights, direction)
    return dictionary, residuals


@one_blas_thread
def replace_atoms(dictionary, signals, residuals, code):
    """Replaces idle and duplicate atoms by the signals that are approximated worst.

    As in the authors' program, an atom goes if fewer than four signals use it or if its
    correlation with another one exceeds 0.99.

    Args:
        dictionary: float32 array of shape `(atoms, size)`.
        signals: float32 array of shape `(count, size)`, none of them zero.
        residuals: float32 array of shape `(count, size)`: signals minus their approximations.
        code: The approximations' `SparseCode`.

    Returns:
        The new dictionary.
    """
    dictionary = dictionary.copy()
    idle = np.bincount(code.atoms, minlength=len(dictionary)) < 4
    worst = iter(np.argsort(-_energy(residuals))[: len(dictionary)])
    for index, atom in enumerate(dictionary):
        correlations = np.abs(dictionary @ atom)
        correlations[index] = 0
        if idle[index] or correlations.max() > 0.99:
            signal = next(worst, None)
            if signal is None:
                break
            atom[:] = signals[signal] / np.linalg.norm(signals[signal])
    return dictionary


@one_blas_thread
def batch_omp(signals, dictionary, error_goal, max_atoms=None):
    """Orthogonal matching pursuit of many signals: few atoms that meet an error goal.

    Each step gives every signal the atom that correlates most with its residual and solves
    anew for all its coefficients, by progressive Cholesky factors of the atoms' Gram matrix as
    in Batch-OMP (Rubinstein, Zibulevsky, Elad, 2008). Where Batch-OMP, made for one signal at a
    time, also takes the correlations from rows of the Gram matrix, here one matrix product
    gives those of a whole block of residuals, which is faster and does not add up rounding
    errors.

    Args:
        signals: float32 array of shape `(count, size)`.
        dictionary: float32 array of shape `(atoms, size)`, atoms of norm 1.
        error_goal: Squared error at or below which a signal is done.
        max_atoms: Most atoms a signal may get, by default `size // 2`.

    Returns:
        residuals: float32 array of shape `(count, size)`: signals minus their approximations.
        code: The approximations' `SparseCode`.

    Example:

    >>> dictionary = overcomplete_dct(8, 256)
    >>> residuals, code = batch_omp(3 * dictionary[[7]], dictionary, error_goal=1e-6)
    >>> code.atoms.tolist(), code.values.tolist()
    ([7], [3.0])
    """
    max_atoms = max_atoms or signals.shape[1] // 2
    gram = dictionary @ dictionary.T
    energy = _energy(signals)
    # Signals of like energy need about as many atoms: so sorted, a block's signals get done
    # together, and the longest blocks start first.
    order = np.argsort(-energy)[: np.count_nonzero(energy > error_goal)]
    blocks = [order[start : start + BLOCK] for start in range(0, len(order), BLOCK)]

    residuals = signals.copy()
    codes = [SparseCode(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.float32))]
    with ThreadPoolExecutor(_cores()) as pool:
        coded = pool.map(
            lambda block: _code_block(signals[block], dictionary, gram, error_goal, max_atoms),
            blocks,
        )
        for block, (block_residuals, code) in zip(blocks, coded, strict=True):
            residuals[block] = block_residuals
            codes.append(code._replace(signals=block[code.signals]))
    return residuals, SparseCode(*map(np.concatenate, zip(*codes, strict=True)))


def _cores():
    """The processor's cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()  # macOS


def _code_block(signals, dictionary, gram, error_goal, max_atoms):
    """`batch_omp` of one block of signals, all of them above the error goal."""
    residuals = np.empty_like(signals)
    codes = []
    live = np.arange(len(signals))  # the signals still above the goal; all below belongs to them
    targets = errors = signals
    chosen = np.empty((len(live), 0), np.intp)
    values = np.empty((len(live), 0), np.float32)
    # Per signal the upper triangular U with U U^T = G^-1, G the Gram matrix of its atoms.
    factors = np.empty((len(live), 0, 0), np.float32)
    for count in range(1, max_atoms + 1):
        best, best_correlations = _best_atoms(errors, dictionary)
        # The new atom is `atoms^T projection` plus a part of squared norm `height` outside of
        # the chosen atoms' span. The bound keeps a repeated atom from dividing by zero.
        with_chosen = gram[chosen, best[:, None]][:, None, :] @ factors
        projection = (factors @ with_chosen.swapaxes(1, 2))[:, :, 0]
        height = np.maximum(1 - _energy(with_chosen[:, 0]), 1e-5)
        step = (best_correlations / height)[:, None]
        chosen = np.concatenate([chosen, best[:, None]], axis=1)
        values = np.concatenate([values - step * projection, step], axis=1)
        errors = targets - _combinations(values, chosen, dictionary)

        above = (_energy(errors) > error_goal) & (count < max_atoms)
        done, going = np.flatnonzero(~above), np.flatnonzero(above)
        residuals[live[done]] = errors[done]
        codes.append(
            SparseCode(np.repeat(live[done], count), chosen[done].ravel(), values[done].ravel())
        )
        if not len(going):
            break
        scale = 1 / np.sqrt(height[going])
        grown = np.zeros((len(going), count, count), np.float32)
        grown[:, :-1, :-1] = factors[going]
        grown[:, :-1, -1] = -projection[going] * scale[:, None]
        grown[:, -1, -1] = scale
        factors = grown
        live, targets, errors = live[going], targets[going], errors[going]
        chosen, values = chosen[going], values[going]
    return residuals, SparseCode(*map(np.concatenate, zip(*codes, strict=True)))


def _best_atoms(errors, dictionary):
    """Per signal the atom that correlates most with what is left of it, and the correlation."""
    best = np.empty(len(errors), np.intp)
    best_correlations = np.empty(len(errors), np.float32)
    for start in range(0, len(errors), CACHED):
        part = slice(start, start + CACHED)
        correlations = errors[part] @ dictionary.T
        best[part] = np.abs(correlations).argmax(axis=1)
        best_correlations[part] = correlations[np.arange(len(correlations)), best[part]]
    return best, best_correlations


def _combinations(values, chosen, dictionary):
    """Sums of the chosen atoms times their values, one sum a row."""
    sums = np.empty((len(values), 1, dictionary.shape[1]), np.float32)
    for start in range(0, len(values), CACHED):
        part = slice(start, start + CACHED)
        np.matmul(values[part, None, :], dictionary.take(chosen[part], axis=0), out=sums[part])
    return sums[:, 0]


def _energy(signals):
    return np.einsum("ij,ij->i", signals, signals)
