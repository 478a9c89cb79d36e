#!/usr/bin/env python3
"""Draws eng/icon.png, the packages' icon: a tree trained flat against a trellis. Nothing but the standard library; same bytes every time."""
import math
import os
import struct
import zlib

SIDE, SCALE = 128, 4
PAPER, WIRE, WOOD, LEAF = (250, 247, 240), (214, 206, 190), (110, 78, 52), (86, 134, 73)


def segments():
    """(colour, half width, x0, y0, x1, y1) in units of the side, drawn in this order."""
    for y in (0.28, 0.5, 0.72):
        yield WIRE, 0.008, 0.06, y, 0.94, y
    yield WOOD, 0.035, 0.5, 0.94, 0.5, 0.2
    for y, reach in ((0.72, 0.36), (0.5, 0.3), (0.28, 0.22)):
        for side in (-1, 1):
            yield WOOD, 0.022, 0.5, y + 0.06, 0.5 + side * 0.1, y
            yield WOOD, 0.022, 0.5 + side * 0.1, y, 0.5 + side * reach, y
            for k in range(4):
                x = 0.5 + side * (0.14 + (reach - 0.14) * k / 3)
                yield LEAF, 0.03, x, y - 0.035, x, y - 0.055


def distance(px, py, x0, y0, x1, y1):
    dx, dy = x1 - x0, y1 - y0
    length = dx * dx + dy * dy
    t = max(0.0, min(1.0, ((px - x0) * dx + (py - y0) * dy) / length))
    return math.hypot(px - x0 - t * dx, py - y0 - t * dy)


def pixel(x, y, drawn):
    total = [0, 0, 0]
    for sy in range(SCALE):
        for sx in range(SCALE):
            px, py = (x + (sx + 0.5) / SCALE) / SIDE, (y + (sy + 0.5) / SCALE) / SIDE
            colour = PAPER
            for shade, half, *line in drawn:
                if distance(px, py, *line) <= half:
                    colour = shade
            total = [a + b for a, b in zip(total, colour)]
    return bytes(round(c / SCALE**2) for c in total)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main():
    drawn = list(segments())
    rows = b"".join(b"\0" + b"".join(pixel(x, y, drawn) for x in range(SIDE)) for y in range(SIDE))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0))
    png += chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "icon.png"), "wb") as file:
        file.write(png)


main()
