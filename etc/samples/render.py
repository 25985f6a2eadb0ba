#!/usr/bin/env python3
"""Renders the sample pictures that etc/quickstart stores: about a hundred PNG files of a small shop.

usage: etc/samples/render.py [DIRECTORY]      default: etc/samples/pictures

Compiles render.cpp (which draws) and writes what it draws as PNG. The pictures in the tree were made
by this script; nothing needs it at build or run time. Standard library only.
"""

import concurrent.futures
import os
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
SHOT, REVIEW, BANNER = 0, 1, 2

KINDS = ["mug", "vase", "bottle", "lamp", "phone", "camera", "ring", "gift", "headphones", "fruit"]
COLORS = [("red", 0.0), ("amber", 0.1), ("green", 0.38), ("blue", 0.58), ("violet", 0.76)]

# Names as people give them: other scripts, spaces, signs.
NAMED = {
    ("vase", "green"): "青花瓷瓶.png",
    ("mug", "green"): "杯子 绿色.png",
    ("fruit", "amber"): "Obstschüssel (groß).png",
    ("ring", "amber"): "кольцо с янтарём.png",
    ("lamp", "violet"): "lampe été – n° 5.png",
}
REVIEWS = [
    ("mug", "2023/genau wie beschrieben.png"),
    ("mug", "2023/schöne Größe.png"),
    ("vase", "2023/很漂亮.png"),
    ("bottle", "2023/arrived-safely.png"),
    ("lamp", "2023/bedside.png"),
    ("phone", "2023/after one week.png"),
    ("camera", "2024/first-day.png"),
    ("camera", "2024/très bon objectif.png"),
    ("ring", "2024/она сказала да.png"),
    ("gift", "2024/birthday.png"),
    ("gift", "2024/생일 선물.png"),
    ("headphones", "2024/at-work.png"),
    ("fruit", "2025/キッチン.png"),
    ("lamp", "2025/eski lambam yanında.png"),
]
BANNERS = ["spring-sale.png", "夏日特卖.png", "herbst-aktion.png", "new-arrivals.png"]


def catalogue():
    """(path, arguments of render) of every picture."""
    for i, kind in enumerate(KINDS):
        for j, (color, hue) in enumerate(COLORS):
            if (i + j) % 5 == 4:
                continue  # not every product comes in every color
            seed = i * 10 + j
            full = NAMED.get((kind, color), f"{kind}-{color}.png")
            yield f"product/{kind}/{full}", (kind, 192, 192, hue, SHOT, seed)
            yield f"product/{kind}/thumb/{kind}-{color}.png", (kind, 64, 64, hue, SHOT, seed)
    for i, (kind, path) in enumerate(REVIEWS):
        yield f"review/{path}", (kind, 176, 132, (i * 0.17) % 1, REVIEW, 200 + i)
    for i, name in enumerate(BANNERS):
        yield f"banner/{name}", ("shelf", 640, 178, (0.08 + 0.27 * i) % 1, BANNER, 300 + i)
    yield "banner/large/window.png", ("shelf", 1120, 312, 0.62, BANNER, 311)


def filtered(rows):
    """Each row with the PNG filter (none, sub, up, average, Paeth) that leaves the least."""
    above = bytes(len(rows[0]))
    for row in rows:
        left = bytes(3) + row[:-3]
        corner = bytes(3) + above[:-3]
        choices = (
            row,
            bytes((x - a) & 255 for x, a in zip(row, left)),
            bytes((x - b) & 255 for x, b in zip(row, above)),
            bytes((x - (a + b) // 2) & 255 for x, a, b in zip(row, left, above)),
            bytes((x - paeth(*abc)) & 255 for x, abc in zip(row, zip(left, above, corner))),
        )
        best = min(range(5), key=lambda n: sum(min(v, 256 - v) for v in choices[n]))
        yield bytes([best]) + choices[best]
        above = row


def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def png(width, height, rgb):
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))

    rows = [rgb[y * width * 3:(y + 1) * width * 3] for y in range(height)]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(b"".join(filtered(rows)), 9)) + chunk(b"IEND", b""))


def render(program, path, arguments):
    rgb = subprocess.run([program, *map(str, arguments)], stdout=subprocess.PIPE, check=True).stdout
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = png(arguments[1], arguments[2], rgb)
    with open(path, "wb") as out:
        out.write(data)
    return len(data)


def main():
    target = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "pictures")
    with tempfile.TemporaryDirectory() as work:
        program = os.path.join(work, "render")
        subprocess.run(["g++", "-std=c++20", "-O2", "-o", program, os.path.join(HERE, "render.cpp")],
                       check=True)
        with concurrent.futures.ProcessPoolExecutor() as pool:
            sizes = [pool.submit(render, program, os.path.join(target, path), arguments)
                     for path, arguments in catalogue()]
            sizes = [size.result() for size in sizes]
    print(f"{len(sizes)} pictures, {sum(sizes)} bytes in {target}")


if __name__ == "__main__":
    main()
