"""The command `dncnn-keras`: denoises image files."""

import argparse
import functools
import sys
import time
from pathlib import Path

from dncnn_keras.one_line import one_line
from dncnn_keras.quiet import stderr_silenced

EPILOG = """\
examples:
  dncnn-keras denoise noisy.png clean.png
  dncnn-keras denoise photos/ clean/
  dncnn-keras denoise photo.jpg clean.png --adapt
  dncnn-keras denoise noisy.png clean.png --model bm3d --sigma 25

exit code: 0 when all is done, 1 when files of a folder had to be skipped, 2 for a wrong call or an
error, 130 when stopped by Ctrl-C.
"""

# The default of --model without and with --adapt.
MODEL, ADAPTIVE = "dncnn-blind", "real-mtl"


def main(argv=None):
    """Runs the command line.

    Args:
        argv: List of arguments, by default those of the process.

    Returns:
        The exit code: 0, 1 where files of a folder had to be skipped, 2 for a user's error.
    """
    arguments = _parser().parse_args(argv)
    try:
        return _denoise(arguments)
    except (OSError, ValueError, ImportError, ArithmeticError, MemoryError) as error:
        message = str(error)
        if isinstance(error, OSError) and error.filename:
            message = f"{error.filename}: {error.strerror}"
        print(f"dncnn-keras: {one_line(message)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        again = "what is written is whole, and the same command does all of it again"
        print(f"\ndncnn-keras: stopped; {again}", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="dncnn-keras",
        description="Image denoising with DnCNN and other methods.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    denoise = commands.add_parser(
        "denoise",
        help="denoise an image or the images of a folder",
        description="Denoises an image, or every image of a folder (not of its subfolders, nor "
        "hidden ones): PNG,\nJPEG and TIFF, 8 and 16 bits, grey and colour. Alpha is kept as it "
        "is; colour profile and other\nmetadata are not.\n"
        "On a terminal a bar shows how far it is; elsewhere it is quiet.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    denoise.add_argument("source", metavar="IN", type=Path, help="image file or folder")
    denoise.add_argument(
        "target",
        metavar="OUT",
        type=Path,
        help="file to write, or folder, made if missing",
    )
    denoise.add_argument(
        "--model",
        metavar="NAME",
        help="dncnn-blind, dncnn-blind-meta, real-mtl for colour photographs, nlm, ksvd, bm3d, or "
        "the .weights.h5 file of a DnCNN or of a network that adapts "
        f"(default: {MODEL}, with --adapt {ADAPTIVE})",
    )
    denoise.add_argument(
        "--adapt",
        action="store_true",
        help="adapt the network to each colour photograph first, on pairs made of what it "
        "restored; takes a few times as long, and 0.25 GB of memory a megapixel",
    )
    denoise.add_argument(
        "--sigma",
        type=float,
        metavar="S",
        help="noise level in grey levels of 255; nlm, ksvd and bm3d need it, dncnn does not",
    )
    denoise.add_argument(
        "--verbose", action="store_true", help="tell the size and the seconds of each image"
    )
    return parser


def _denoise(arguments):
    # Heavy imports wait until they are needed: --help and mistakes are answered at once.
    from dncnn_keras.images import SUFFIXES, check_suffix, write_image

    source, target, sigma = arguments.source, arguments.target, arguments.sigma
    if sigma is not None and not 0 <= sigma <= 255:
        raise ValueError(f"--sigma must be in grey levels, 0 to 255, got {sigma:g}")
    if not source.exists():
        raise FileNotFoundError(f"{source}: there is no such file or folder")
    if source.is_dir():
        files = [path for path in source.iterdir() if path.suffix.lower() in SUFFIXES]
        files = sorted(path for path in files if path.name[0] != "." and not path.is_dir())
        if not files:
            raise ValueError(f"{source}: the folder holds no PNG, JPEG or TIFF image")
        if target.exists() and not target.is_dir():
            raise ValueError(f"{target}: is a file; give a folder for the images of {source}")
    else:
        check_suffix(source)
        if target.is_dir():
            target = target / source.name
        check_suffix(target)
    if target.exists() and target.samefile(source):
        raise ValueError(f"{target}: is the input itself, which would be lost; give another name")

    model = arguments.model or (ADAPTIVE if arguments.adapt else MODEL)
    denoiser = _load(model)
    if arguments.adapt:
        if not hasattr(denoiser, "adapted"):
            others = f"{ADAPTIVE} or a .weights.h5 file of train-real"
            raise ValueError(f"--adapt: {model} cannot adapt; leave out --model, or give {others}")
        denoiser = denoiser.adapted()
    if denoiser.needs_sigma and sigma is None:
        raise ValueError(f"--model {model} needs the noise level: add --sigma S")
    denoise = functools.partial(
        _denoise_file, denoiser=denoiser, sigma=sigma, verbose=arguments.verbose
    )
    if source.is_dir():
        return _denoise_folder(files, target, denoise)
    write_image(target, *denoise(source, target))
    return 0


def _load(model):
    from dncnn_keras.inference import find_denoiser

    try:
        return find_denoiser(model)
    except FileNotFoundError as error:
        others = f"{ADAPTIVE}, nlm, ksvd or bm3d"
        raise FileNotFoundError(f"--model {model}: {error}; or give {others}") from error


def _denoise_file(source, target, denoiser, sigma, verbose):
    """Returns the clean image and its pixel format, once sure that they can be written."""
    from tqdm import tqdm

    from dncnn_keras import progress
    from dncnn_keras.images import check_writable, read_image

    with stderr_silenced():
        pixels, pixel_format = read_image(source)
    check_writable(target, pixel_format)
    started = time.monotonic()
    try:
        with progress.shown():
            clean = denoiser.denoise_pixels(pixels[None], sigma)[0]
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"{source}: {error}") from error
    except MemoryError as error:
        raise MemoryError(f"{source}: {error}") from error
    if verbose:
        (height, width, channels), seconds = pixels.shape, time.monotonic() - started
        tqdm.write(one_line(f"{source}: {width} x {height} x {channels}, {seconds:.1f} s"))
    return clean, pixel_format


def _denoise_folder(files, folder, denoise):
    from tqdm import tqdm

    from dncnn_keras.images import EIGHT_BIT, check_writable, write_image

    folder.mkdir(parents=True, exist_ok=True)
    check_writable(folder / files[0].name, EIGHT_BIT)
    skipped = 0

    def skip(error):
        nonlocal skipped
        tqdm.write(f"dncnn-keras: skipped {one_line(error)}", file=sys.stderr)
        skipped += 1

    for source in tqdm(files, unit="image", disable=None):  # no bar in a log file
        target = folder / source.name
        try:
            result = denoise(source, target)
        except (OSError, ValueError, MemoryError) as error:
            skip(error)
            continue
        try:
            write_image(target, *result)  # a full disk ends the run: the rest would fail as well
        except (ValueError, MemoryError) as error:
            skip(error)
    return 1 if skipped else 0
