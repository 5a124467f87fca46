import itertools

import numpy as np
import pytest

from dncnn_keras.denoisers import ksvd
from dncnn_keras.denoisers.ksvd import (
    KSVD,
    batch_omp,
    learn_dictionary,
    overcomplete_dct,
    replace_atoms,
    update_atoms,
)


def _random_dictionary(rng, atoms, size):
    dictionary = rng.normal(size=(atoms, size))
    return (dictionary / np.linalg.norm(dictionary, axis=1, keepdims=True)).astype(np.float32)


def _dense(code, count, atoms):
    coefficients = np.zeros((count, atoms))
    coefficients[code.signals, code.atoms] = code.values
    return coefficients


def _omp(signal, dictionary, error_goal, max_atoms):
    """Orthogonal matching pursuit by the book: float64, a least-squares solution a step."""
    signal, dictionary = signal.astype(np.float64), dictionary.astype(np.float64)
    coefficients = np.zeros(len(dictionary))
    residual, chosen = signal, []
    while residual @ residual > error_goal and len(chosen) < max_atoms:
        chosen.append(np.abs(dictionary @ residual).argmax())
        values = np.linalg.lstsq(dictionary[chosen].T, signal, rcond=None)[0]
        residual = signal - values @ dictionary[chosen]
        coefficients[:] = 0
        coefficients[chosen] = values
    return coefficients, residual


@pytest.mark.parametrize("block", [7, 2048])
def test_batch_omp_equals_omp_by_the_book(monkeypatch, block):
    monkeypatch.setattr(ksvd, "BLOCK", block)
    monkeypatch.setattr(ksvd, "CACHED", 5)
    rng = np.random.default_rng(0)
    dictionary = _random_dictionary(rng, atoms=40, size=16)
    # From signals that need no atom to some that do not reach the goal.
    signals = (rng.normal(size=(60, 16)) * rng.uniform(0, 3, (60, 1))).astype(np.float32)
    residuals, code = batch_omp(signals, dictionary, error_goal=1.5)
    expected = [_omp(signal, dictionary, 1.5, max_atoms=8) for signal in signals]
    counts = [np.count_nonzero(coefficients) for coefficients, _ in expected]
    assert set(counts) >= {0, 1, 2, 5, 8}
    assert len(code.values) == sum(counts)
    np.testing.assert_allclose(
        _dense(code, 60, 40), [coefficients for coefficients, _ in expected], atol=2e-5
    )
    np.testing.assert_allclose(residuals, [residual for _, residual in expected], atol=2e-5)


def test_every_signal_meets_the_goal_or_has_all_its_atoms():
    rng = np.random.default_rng(1)
    dictionary = overcomplete_dct(8, 256)
    signals = rng.normal(size=(300, 64)).astype(np.float32)
    residuals, code = batch_omp(signals, dictionary, error_goal=20.0, max_atoms=9)
    counts = np.bincount(code.signals, minlength=300)
    energy = np.sum(residuals.astype(np.float64) ** 2, axis=1)
    assert 0 < np.count_nonzero(energy <= 20) < 300
    assert np.all((energy <= 20.001) | (counts == 9))
    np.testing.assert_allclose(residuals, signals - _dense(code, 300, 256) @ dictionary, atol=1e-4)


def test_signals_within_the_goal_get_no_atom():
    signals = np.full((5, 64), 0.1, np.float32)
    residuals, code = batch_omp(signals, overcomplete_dct(8, 256), error_goal=1.0)
    np.testing.assert_array_equal(residuals, signals)
    assert [len(part) for part in code] == [0, 0, 0]


def test_dct_atoms_have_norm_one_and_no_mean_but_the_first():
    dictionary = overcomplete_dct(8, 256)
    assert dictionary.shape == (256, 64)
    assert dictionary.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(dictionary, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(dictionary[0], 1 / 8, atol=1e-6)
    np.testing.assert_allclose(dictionary[1:].mean(axis=1), 0, atol=1e-7)
    assert np.linalg.matrix_rank(dictionary) == 64


def test_dct_needs_a_square_number_of_atoms():
    with pytest.raises(ValueError, match=r"^K-SVD: .* square number, got 200$"):
        overcomplete_dct(8, 200)


def test_an_updated_atom_is_the_first_singular_vector():
    rng = np.random.default_rng(2)
    truth = _random_dictionary(rng, atoms=1, size=16)
    signals = (rng.normal(size=(50, 1)) * truth + 0.05 * rng.normal(size=(50, 16))).astype("f4")
    start = _random_dictionary(rng, atoms=1, size=16)
    residuals, code = batch_omp(signals, start, error_goal=0.0, max_atoms=1)
    (atom,), residuals = update_atoms(start, residuals, code)
    _, singular_values, directions = np.linalg.svd(signals.astype(np.float64))
    assert abs(atom @ directions[0]) > 0.9999
    np.testing.assert_allclose(np.sum(residuals**2), np.sum(singular_values[1:] ** 2), rtol=1e-3)


def test_learning_lowers_the_error_and_the_number_of_atoms():
    rng = np.random.default_rng(3)
    truth = _random_dictionary(rng, atoms=20, size=16)
    weights = np.where(rng.random((600, 20)) < 0.1, rng.normal(size=(600, 20)), 0)
    signals = (weights @ truth + 0.05 * rng.normal(size=(600, 16))).astype(np.float32)
    start, goal = overcomplete_dct(4, 36), 16 * 0.075**2
    dictionary, errors, counts = start, [], []
    for _ in range(5):
        residuals, code = batch_omp(signals, dictionary, goal)
        errors.append(np.sum(residuals**2))
        counts.append(len(code.values))
        dictionary, residuals = update_atoms(dictionary, residuals, code)
        assert np.sum(residuals**2) < errors[-1]
        np.testing.assert_allclose(np.linalg.norm(dictionary, axis=1), 1, atol=1e-5)
    assert all(after < before for before, after in itertools.pairwise(errors))
    assert all(after < before for before, after in itertools.pairwise(counts))

    learned = learn_dictionary(signals, start, goal, iterations=5)
    assert len(batch_omp(signals, learned, goal)[1].values) < 0.9 * counts[0]


def test_idle_and_duplicate_atoms_give_way_to_the_worst_signals():
    rng = np.random.default_rng(4)
    dictionary = _random_dictionary(rng, atoms=4, size=16)
    dictionary[1] = -dictionary[0]
    signals = rng.normal(size=(20, 16)).astype(np.float32)
    residuals = 0.1 * signals
    residuals[[5, 11]] *= np.float32([[30], [20]])
    # Atom 3 has three users only, one too few.
    atoms = np.repeat([0, 1, 2, 3], [5, 5, 5, 3])
    code = ksvd.SparseCode(np.arange(18), atoms, np.ones(18, np.float32))
    replaced = replace_atoms(dictionary, signals, residuals, code)
    unit = signals / np.linalg.norm(signals, axis=1, keepdims=True)
    np.testing.assert_array_equal(replaced[[1, 2]], dictionary[[1, 2]])
    order = np.argsort(-np.sum(residuals**2, axis=1))
    np.testing.assert_allclose(replaced[[0, 3]], unit[order[:2]], rtol=1e-6)


@pytest.mark.parametrize(("sigma", "iterations"), [(5, 5), (25, 10)])
def test_denoised_image_is_the_paper_s_weighted_mean_of_patches(picture, sigma, iterations):
    noisy = picture[1][:, :36, :44]
    image = noisy[0, :, :, 0]
    places = list(np.ndindex(29, 37))
    patches = np.stack([image[i : i + 8, j : j + 8].ravel() for i, j in places])
    means = patches.mean(axis=1, keepdims=True)
    signals, goal = patches - means, 64 * (1.15 * sigma / 255) ** 2
    dictionary = learn_dictionary(signals, overcomplete_dct(8, 256), goal, iterations)
    _, code = batch_omp(signals, dictionary, goal)
    approximations = means + _dense(code, len(patches), 256) @ dictionary
    weight = 29.4 / sigma
    weighted, weights = weight * image.astype(np.float64), np.full(image.shape, weight)
    for (i, j), approximation in zip(places, approximations, strict=True):
        weighted[i : i + 8, j : j + 8] += approximation.reshape(8, 8)
        weights[i : i + 8, j : j + 8] += 1
    np.testing.assert_allclose(KSVD()(noisy, sigma)[0, :, :, 0], weighted / weights, atol=2e-4)


def test_raises_the_psnr(picture, gain):
    clean, noisy = picture
    assert gain(clean, noisy, KSVD()(noisy, 25)) > 7


def test_strips_leave_no_trace(monkeypatch, picture):
    noisy = picture[1][:, :24]
    whole = KSVD()(noisy, 25)
    monkeypatch.setattr(ksvd, "STRIP_PATCHES", 150)
    np.testing.assert_allclose(KSVD()(noisy, 25), whole, atol=1e-5)


def test_the_seed_chooses_the_training_patches(picture):
    noisy = picture[1][:, :32]
    first = KSVD(training_patches=300)(noisy, 25)
    np.testing.assert_allclose(KSVD(training_patches=300)(noisy, 25), first, atol=1e-6)
    assert np.abs(KSVD(training_patches=300, seed=1)(noisy, 25) - first).max() > 1e-3


def test_too_small_images_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^K-SVD: needs images of at least 8x8 pixels, got 7x30$"):
        KSVD()(np.zeros((1, 7, 30, 1), np.float32), 25)


def test_the_smallest_image_passes():
    noisy = np.random.default_rng(0).normal(0.5, 0.1, (1, 8, 8, 1))
    assert np.isfinite(KSVD()(noisy, 25)).all()
