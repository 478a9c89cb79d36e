#!/usr/bin/env python3
"""Makes the image fixtures of tests/Espalier.Models.Tests/Data: small synthetic files, and what Pillow makes of them.

Pillow (Debian's python3-pil) with numpy is the reference that the readers, the resampler and the augmentations are held against.
Run it from anywhere; it rewrites the Fixtures folder. `golden.txt` lists the results as "name width height channels offset", their pixels
(height x width x channels bytes) lie in `golden.bin` at that offset.
"""
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

warnings.simplefilter("ignore")
OUT = Path(__file__).resolve().parent.parent / "tests/Espalier.Models.Tests/Data/Fixtures"
FILL = (124, 116, 104)
manifest, blob = [], bytearray()


def keep(name, image):
    """Stores a Pillow image (L or RGB) or an array as the expected result called `name`."""
    array = np.asarray(image)
    height, width = array.shape[:2]
    channels = 1 if array.ndim == 2 else array.shape[2]
    manifest.append(f"{name} {width} {height} {channels} {len(blob)}")
    blob.extend(np.ascontiguousarray(array, dtype=np.uint8).tobytes())


def scene(width, height, seed=1):
    """A picture with smooth parts, hard edges and noise, so that every rounding matters."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x / width
    green = 127 + 120 * np.sin(x / 5) * np.cos(y / 7)
    blue = np.where((x // 6 + y // 5) % 2, 240, 15)
    image = np.stack([red, green, blue], -1) + rng.normal(0, 12, (height, width, 3))
    image[height // 3 : height // 2, width // 4 : width // 2] = (250, 20, 60)
    return np.clip(image, 0, 255).astype(np.uint8)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_png(name, array, depth, color, extra=b"", interlace=False):
    """A PNG writer for the layouts Pillow cannot write: any sample array (height, width, samples), any depth, Adam7."""
    height, width, samples = array.shape

    def rows(part):
        out = b""
        for row in part:
            flat = row.reshape(-1)
            if depth == 16:
                packed = flat.astype(">u2").tobytes()
            elif depth == 8:
                packed = flat.astype(np.uint8).tobytes()
            else:
                bits = "".join(format(int(v), f"0{depth}b") for v in flat)
                bits += "0" * (-len(bits) % 8)
                packed = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
            out += b"\0" + packed
        return out

    if interlace:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        data = b"".join(rows(array[y::sy, x::sx]) for x, y, sx, sy in passes if array[y::sy, x::sx].size)
    else:
        data = rows(array)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlace))
    (OUT / name).write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )


def write_bmp(name, width, height, bits, pixels, palette=b"", masks=b"", header=40, top_down=False):
    """A BMP writer for the layouts Pillow cannot write; `pixels` are the padded rows as they lie in the file."""
    compression = 3 if masks else 0
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        colors = len(palette) // 4
        info = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, compression, len(pixels), 0, 0, colors, 0)
        info += masks.ljust(header - 40, b"\0") if header > 40 else masks
    offset = 14 + len(info) + len(palette)
    (OUT / name).write_bytes(struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset) + info + palette + pixels)


def make_files():
    rgb = scene(37, 29)
    image = Image.fromarray(rgb)
    grey = image.convert("L")
    alpha = Image.fromarray((np.add.outer(np.arange(29) * 8, np.arange(37) * 6) % 256).astype(np.uint8))
    rgba = image.copy()
    rgba.putalpha(alpha)
    la = Image.merge("LA", (grey, alpha))

    image.save(OUT / "rgb.jpg", quality=85)
    image.save(OUT / "rgb-444.jpg", quality=95, subsampling=0)
    image.save(OUT / "rgb-422.jpg", quality=80, subsampling=1)
    image.save(OUT / "progressive.jpg", quality=80, progressive=True)
    grey.save(OUT / "grey.jpg", quality=85)
    image.convert("CMYK").save(OUT / "cmyk.jpg", quality=90)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(OUT / "exif-rotated.jpg", quality=85, exif=exif)

    image.save(OUT / "rgb.png")
    grey.save(OUT / "grey.png")
    la.save(OUT / "grey-alpha.png")
    rgba.save(OUT / "rgba.png")
    palette = image.quantize(64)
    palette.save(OUT / "palette.png")
    palette.save(OUT / "palette-transparent.png", transparency=3)
    image.quantize(12).save(OUT / "palette-4bit.png", bits=4)
    image.convert("1").save(OUT / "bilevel.png")
    rng = np.random.default_rng(2)
    wide = (rgb.astype(np.uint16) << 8) + rng.integers(0, 256, rgb.shape, dtype=np.uint16)
    write_png("rgb-16bit.png", wide, 16, 2)
    write_png("rgba-16bit.png", np.concatenate([wide, wide[:, :, :1]], -1), 16, 6)
    write_png("grey-16bit.png", wide[:, :, :1], 16, 0)
    write_png("grey-2bit.png", rgb[:, :, :1] >> 6, 2, 0)
    write_png("grey-4bit.png", rgb[:, :, :1] >> 4, 4, 0)
    write_png("interlaced.png", rgb, 8, 2, interlace=True)
    write_png("interlaced-1bit.png", rgb[:, :, :1] >> 7, 1, 0, interlace=True)
    write_png("gamma.png", rgb, 8, 2, extra=chunk(b"gAMA", struct.pack(">I", 100000)))

    image.save(OUT / "lossy.webp", quality=70)
    image.save(OUT / "lossless.webp", lossless=True)
    rgba.save(OUT / "alpha-lossy.webp", quality=70)
    rgba.save(OUT / "alpha-lossless.webp", lossless=True, exact=True)

    image.save(OUT / "24bit.bmp")
    grey.save(OUT / "8bit-grey.bmp")
    palette.save(OUT / "8bit-palette.bmp")
    image.convert("1").save(OUT / "1bit.bmp")
    nibbles = (rgb[::-1, :, 0] >> 4).astype(np.uint8)
    rows = b"".join((bytes((row[i] << 4) | (row[i + 1] if i + 1 < 37 else 0) for i in range(0, 37, 2))).ljust(20, b"\0") for row in nibbles)
    colors = b"".join(bytes((i * 3, 255 - i * 7, i * 16, 0)) for i in range(16))
    write_bmp("4bit-palette.bmp", 37, 29, 4, rows, colors)
    quad = np.concatenate([rgb[::-1, :, ::-1], np.full((29, 37, 1), 77, np.uint8)], -1).tobytes()
    write_bmp("32bit.bmp", 37, 29, 32, quad)
    write_bmp("32bit-masks-v4.bmp", 37, 29, 32, quad, masks=struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000), header=108)
    pad = lambda a: b"".join(row.astype("<u2").tobytes().ljust(76, b"\0") for row in a)
    r, g, b = (rgb[:, :, c].astype(np.uint16) for c in range(3))
    write_bmp("16bit-555-top-down.bmp", 37, 29, 16, pad(r >> 3 << 10 | g >> 3 << 5 | b >> 3), top_down=True)
    write_bmp("16bit-565.bmp", 37, 29, 16, pad(r >> 3 << 11 | g >> 2 << 5 | b >> 3), masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    line = b"".join(row.tobytes().ljust(112, b"\0") for row in rgb[::-1, :, ::-1])
    write_bmp("os2-24bit.bmp", 37, 29, 24, line, header=12)

    for file in sorted(OUT.glob("*.*")):
        if file.suffix in (".jpg", ".png", ".webp", ".bmp"):
            with Image.open(file) as opened:
                keep(file.name + "/RGB", opened.convert("RGB"))
                keep(file.name + "/L", opened.convert("L"))
    # Pillow clips 16-bit greys at 255, which turns them white; the expected result is the high byte, as for 16-bit colours.
    high = (wide[:, :, 0] >> 8).astype(np.uint8)
    for name, value in (("RGB", np.stack([high] * 3, -1)), ("L", high)):
        manifest[:] = [line for line in manifest if not line.startswith(f"grey-16bit.png/{name} ")]
        keep(f"grey-16bit.png/{name}", value)


def make_resized():
    image = Image.open(OUT / "rgb.png").convert("RGB")
    grey = image.convert("L")
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    for name, filter in filters.items():
        for width, height in ((16, 13), (51, 40), (37, 11), (20, 29), (3, 50), (1, 1)):
            keep(f"resize/{name}/{width}x{height}", image.resize((width, height), filter))
            keep(f"resize-grey/{name}/{width}x{height}", grey.resize((width, height), filter))
        keep(f"crop-resize/{name}", image.crop((5, 3, 5 + 21, 3 + 17)).resize((24, 24), filter))


def make_augmented():
    colour = Image.fromarray(scene(40, 32, seed=3))
    colour.save(OUT / "augment.png")
    for mode, image in (("RGB", colour), ("L", colour.convert("L"))):
        fill = FILL if mode == "RGB" else 116
        bicubic = dict(resample=Image.Resampling.BICUBIC, fillcolor=fill)

        def op(name, result):
            keep(f"{mode}/{name}", result)

        def affine(matrix, **kwargs):
            return image.transform(image.size, Image.Transform.AFFINE, matrix, **(kwargs or bicubic))

        op("AutoContrast", ImageOps.autocontrast(ImageEnhance.Contrast(image).enhance(0.6)))
        op("AutoContrast/input", ImageEnhance.Contrast(image).enhance(0.6))
        op("Equalize", ImageOps.equalize(image))
        op("Invert", ImageOps.invert(image))
        for degrees in (27, -13.5):
            op(f"Rotate/{degrees}", image.rotate(degrees, **bicubic))
        op("RotateBilinear/27", image.rotate(27, resample=Image.Resampling.BILINEAR, fillcolor=fill))
        for bits in (1, 4, 0):
            op(f"Posterize/{bits}", ImageOps.posterize(image, bits))
        op("Solarize/26", ImageOps.solarize(image, 26))
        op("SolarizeAdd/99", image.point([min(255, i + 99) if i < 128 else i for i in range(256)] * len(mode)))
        for factor in (1.81, 0.19):
            op(f"Color/{factor}", ImageEnhance.Color(image).enhance(factor))
            op(f"Contrast/{factor}", ImageEnhance.Contrast(image).enhance(factor))
            op(f"Brightness/{factor}", ImageEnhance.Brightness(image).enhance(factor))
            op(f"Sharpness/{factor}", ImageEnhance.Sharpness(image).enhance(factor))
        op("ShearX/0.27", affine((1, 0.27, 0, 0, 1, 0)))
        op("ShearY/-0.27", affine((1, 0, 0, -0.27, 1, 0)))
        op("TranslateX/0.405", affine((1, 0, 0.405 * image.size[0], 0, 1, 0)))
        op("TranslateY/-0.405", affine((1, 0, 0, 0, 1, -0.405 * image.size[1])))


OUT.mkdir(parents=True, exist_ok=True)
for old in OUT.glob("*"):
    old.unlink()
make_files()
make_resized()
make_augmented()
(OUT / "golden.txt").write_text("\n".join(manifest) + "\n")
(OUT / "golden.bin").write_bytes(bytes(blob))
print(f"{len(manifest)} results, {sum(f.stat().st_size for f in OUT.glob('*')) // 1024} KB")
