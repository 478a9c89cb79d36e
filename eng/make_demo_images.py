#!/usr/bin/env python3
"""Draws the demo images of models/fashion-vit/images from Debian's dataset-fashion-mnist.

unlabelled/: of each class of the 60,000 training images every 600th, ten in all (number 0, 600, ..., 5400 of the class).
test/: the first 100 of each class of the 10,000 test images, with their labels in labels.txt.

Files are named by the image's index in its part of the data set; the names of the unlabelled ones do not tell the class.
Needs python3-pil and python3-numpy. Run it from anywhere; it rewrites both folders, with the same bytes each time.
"""
import gzip
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path("/usr/share/datasets/fashion-mnist")
OUT = Path(__file__).resolve().parent.parent / "models/fashion-vit/images"
CLASSES = 10


def read(name, header):
    """The bytes of an IDX file after its header."""
    with gzip.open(DATA / f"{name}.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def part(prefix):
    """Images and labels of one part of the data set."""
    return read(f"{prefix}-images-idx3-ubyte", 16).reshape(-1, 28, 28), read(f"{prefix}-labels-idx1-ubyte", 8)


def write(folder, images, indices):
    """Writes the images as grey PNG files; gives their names."""
    shutil.rmtree(OUT / folder, ignore_errors=True)
    (OUT / folder).mkdir(parents=True)
    names = [f"{i:05d}.png" for i in indices]
    for name, i in zip(names, indices):
        Image.fromarray(images[i]).save(OUT / folder / name, optimize=True)
    return names


images, labels = part("train")
write("unlabelled", images, sorted(i for c in range(CLASSES) for i in np.flatnonzero(labels == c)[::600]))

images, labels = part("t10k")
indices = sorted(i for c in range(CLASSES) for i in np.flatnonzero(labels == c)[:100])
names = write("test", images, indices)
(OUT / "test/labels.txt").write_text("".join(f"{name} {labels[i]}\n" for name, i in zip(names, indices)))
