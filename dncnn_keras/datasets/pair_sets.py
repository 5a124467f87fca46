"""The sets of real noisy and clean pictures: where they come from and how their files lie.

None of them is downloaded, for their licences and their size.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dncnn_keras import paths
from dncnn_keras.datasets.named_pair import NamedPair, UnreadableFileError, read_rgb
from dncnn_keras.datasets.source_files import DataUnavailableError


class PairFiles(NamedTuple):
    """The name and the scene of a pair, and the paths of its two pictures."""

    name: str
    scene: str
    noisy: Path
    clean: Path


class PairSet:
    """Base class: a set whose pictures lie in a folder of the set's name, with `_` for `-`.

    A subclass names its `URL`, its `LAYOUT` in words, the patterns of its `NOISY` and `CLEAN`
    files, the regular expression that finds the `SCENE` in a pair's name, and the scenes that
    are kept for validation. A set without such scenes has the split `test` only, and its
    pictures are cut to the centre of `CROP` pixels a side where that is given.
    """

    name: str
    URL: str
    LAYOUT: str
    NOISY: str
    CLEAN: str
    SCENE = "(.+)"
    VALIDATION_SCENES: frozenset[str] = frozenset()
    CROP: int | None = None

    @property
    def splits(self):
        """The names of the set's splits."""
        return ("train", "validation") if self.VALIDATION_SCENES else ("test",)

    def find(self, split, data_dir=None):
        """Finds the files of a split, and checks that none lacks its partner.

        Args:
            split: One of `splits`.
            data_dir: Folder that holds the set's folder, by default the one that `DENOISE_DATA`
                names.

        Returns:
            List of `PairFiles`, sorted by name.

        Raises:
            DataUnavailableError: If there is no folder of the set.
            FileNotFoundError: If `data_dir` does not exist, or the set's folder has another
                layout, lacks a picture or has none of this split.
            ValueError: If a file's name does not tell its scene.
        """
        folder = self._folder(data_dir)
        noisy, clean = (
            {self.name_of(path): path for path in folder.glob(pattern)}
            for pattern in (self.NOISY, self.CLEAN)
        )
        if not noisy and not clean:
            raise FileNotFoundError(
                f"{folder}: not the layout of {self.name} ({self.LAYOUT}); get it from {self.URL}"
            )
        for kind, found, others in (("clean", noisy, clean), ("noisy", clean, noisy)):
            for name in sorted(found.keys() - others.keys()):
                raise FileNotFoundError(
                    f"{found[name]}: has no {kind} partner; get the set again from {self.URL}, "
                    "or remove the file"
                )
        pairs = [
            PairFiles(name, self._scene_of(noisy[name], name), noisy[name], clean[name])
            for name in sorted(noisy)
        ]
        chosen = [
            files
            for files in pairs
            if (files.scene in self.VALIDATION_SCENES) == (split == "validation")
        ]
        if not chosen:
            raise FileNotFoundError(
                f"{folder}: none of its {len(pairs)} pairs is of the split {split!r}; "
                f"get the whole set from {self.URL}"
            )
        return chosen

    def read(self, files):
        """Reads a pair.

        Args:
            files: A `PairFiles`.

        Returns:
            A `NamedPair`.

        Raises:
            UnreadableFileError: If a file cannot be read or is damaged.
            ValueError: If a picture is grey or the two differ in size.
        """
        noisy, clean = self.read_pictures(files)
        if noisy.shape != clean.shape:
            sizes = " but ".join(f"{image.shape[1]}x{image.shape[0]}" for image in (noisy, clean))
            raise ValueError(
                f"{files.noisy}: noisy and clean picture differ in size, {sizes} pixels; "
                "replace or remove both"
            )
        pair = NamedPair(files.name, files.scene, noisy, clean)
        return pair.centre(self.CROP) if self.CROP else pair

    def name_of(self, path):
        """The name of the pair to which a file belongs."""
        return path.stem.rpartition("_")[0]

    def read_pictures(self, files):
        """The noisy and the clean picture as the files hold them."""
        return read_rgb(files.noisy), read_rgb(files.clean)

    def _folder(self, data_dir):
        data_dir = Path(data_dir) if data_dir else paths.data_dir()
        if data_dir and not data_dir.is_dir():
            raise FileNotFoundError(f"{data_dir}: there is no such folder")
        folder = self.name.replace("-", "_")
        if data_dir is None or not (data_dir / folder).is_dir():
            raise DataUnavailableError(
                f"{self.name}: there is no folder with its files, and it is not downloaded.\n"
                f"  Get it from {self.URL}\n"
                f"  as FOLDER/{folder}/ with {self.LAYOUT}\n"
                f"  (a folder of another name: ln -s THAT_FOLDER FOLDER/{folder})\n"
                f"  set the environment variable {paths.DATA_VARIABLE}=FOLDER, and try again\n"
                "  The pairs of 'sample' need no files."
            )
        return data_dir / folder

    def _scene_of(self, path, name):
        match = re.fullmatch(self.SCENE, name)
        if not match:
            raise ValueError(
                f"{path}: the name does not tell the scene as those of {self.name} do "
                f"({self.LAYOUT}); rename or remove the file"
            )
        return match[1]


class PolyU(PairSet):
    """100 pairs of 512x512 pixels from five cameras; the clean ones are means of many shots.

    A name is camera, aperture, shutter, ISO, scene and the number of the crop. What is called
    alike (`toy`, `plant`) counts as one scene, whichever the camera and its settings, because
    some scenes were taken with several. Validation is 18 pairs of six scenes, in which there is
    every camera: bicycle, book, comproom, door, plug and wall.

    Reference:
        J. Xu et al.: Real-world noisy image denoising: a new benchmark, arXiv 1804.02603.
    """

    name = "polyu"
    URL = (
        "https://github.com/csjunxu/PolyU-Real-World-Noisy-Images-Dataset (folder CroppedImages; "
        "non-commercial use)"
    )
    LAYOUT = "CAMERA_APERTURE_SHUTTER_ISO_SCENE_NUMBER_real.JPG, noisy, and ..._mean.JPG, clean"
    NOISY = "*_real.JPG"
    CLEAN = "*_mean.JPG"
    SCENE = r"(?:[^_]+_){4}([^_]+)_+\d+"
    VALIDATION_SCENES = frozenset({"bicycle", "book", "comproom", "door", "plug", "wall"})


class SIDDSmall(PairSet):
    """160 pairs from five smartphones, ten scenes: the sRGB part of SIDD-Small.

    Validation is scenes 003 and 004: 30 pairs, in which there is every phone. The pictures have
    9 to 16 megapixels: the whole set takes about 13 GB of memory.

    Reference:
        A. Abdelhamed et al.: A high-quality denoising dataset for smartphone cameras, CVPR 2018.
    """

    name = "sidd-small"
    URL = "https://www.eecs.yorku.ca/~kamel/sidd/dataset.php (SIDD-Small, sRGB images only)"
    LAYOUT = (
        "Data/INSTANCE_SCENE_PHONE_ISO_.../NOISY_SRGB_010.PNG, noisy, and GT_SRGB_010.PNG, clean"
    )
    NOISY = "Data/*/NOISY_SRGB_010.PNG"
    CLEAN = "Data/*/GT_SRGB_010.PNG"
    SCENE = r"\d+_(\d+)_.+"
    VALIDATION_SCENES = frozenset({"003", "004"})

    def name_of(self, path):
        """The name of a pair is that of its folder."""
        return path.parent.name


class NamCC15(PairSet):
    """15 pairs of 512x512 pixels, cut from the scenes of Nam et al. ("CC15"), split `test`.

    Never train or tune on them. The noisy pictures have 33.41 dB.

    Reference:
        S. Nam et al.: A holistic approach to cross-channel image noise modeling and its
        application to image denoising, CVPR 2016; J. Xu et al.: Multi-channel weighted nuclear
        norm minimization for real color image denoising, ICCV 2017.
    """

    name = "nam-cc15"
    URL = "https://github.com/csjunxu/MCWNNM-ICCV2017 (folder Real_ccnoise_denoised_part)"
    LAYOUT = "CAMERA_ISO_NUMBER_real.png, noisy, and ..._mean.png, clean"
    NOISY = "*_real.png"
    CLEAN = "*_mean.png"


class Nam(PairSet):
    """The whole scenes of Nam et al., the centre of 1024x1024 pixels of each, split `test`.

    Each scene is a MATLAB file that holds `img_noisy` and `img_mean`. Never train or tune on
    them. The 15 crops of `NamCC15` are other parts of the same scenes, so figures measured on
    the one set cannot be compared with those on the other.

    Reference:
        S. Nam et al.: A holistic approach to cross-channel image noise modeling and its
        application to image denoising, CVPR 2016. The crop: arXiv 2207.02066, section 4.3.
    """

    name = "nam"
    URL = "http://snam.ml/research/ccnoise"
    LAYOUT = "CAMERA/ISO_VALUE/SCENE.mat, e.g. Nikon_D600/ISO_3200/C_1.mat"
    NOISY = "*/*/*.mat"
    CLEAN = "*/*/*.mat"
    CROP = 1024

    def name_of(self, path):
        """The name of a pair is the path of its file: camera, ISO and scene."""
        return "/".join(path.with_suffix("").parts[-3:])

    def read_pictures(self, files):
        """Both pictures are in the same file."""
        from scipy.io import loadmat

        names = ("img_noisy", "img_mean")
        try:
            content = loadmat(files.noisy, variable_names=names)
            pictures = [content[name] for name in names]
        except Exception as error:  # SciPy lets every kind of decoding error through
            raise UnreadableFileError(
                f"{files.noisy}: damaged, or not a MATLAB file with {' and '.join(names)} "
                f"({type(error).__name__})"
            ) from error
        for name, image in zip(names, pictures, strict=True):
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ValueError(
                    f"{files.noisy}: {name} is {image.dtype} of shape {image.shape}, not 8 bits "
                    "a channel in colour"
                )
        return pictures


PAIR_SETS = {pair_set.name: pair_set for pair_set in (PolyU(), SIDDSmall(), NamCC15(), Nam())}
