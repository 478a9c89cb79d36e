#!/usr/bin/env python3
"""undrawn.py RUN IMAGES OUT: a folder of links to the labelled images of IMAGES that a run did not draw, to see how far from the teacher it is on all of them:

    benchmarks/undrawn.py runs/small photos undrawn && ./espalier evaluate runs/small --data undrawn --against MODEL
"""
import os
import sys

run, images, out = sys.argv[1:]
with open(os.path.join(run, "samples.txt")) as file:
    drawn = {line.strip() for line in file}
with open(os.path.join(images, "labels.txt")) as file:
    labelled = [line.strip().rsplit(" ", 1) for line in file if line.strip()]
os.makedirs(out, exist_ok=True)
with open(os.path.join(out, "labels.txt"), "w") as file:
    for name, label in labelled:
        if name in drawn:
            continue
        link = os.path.join(out, name)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if not os.path.lexists(link):
            os.symlink(os.path.abspath(os.path.join(images, name)), link)
        file.write(f"{name} {label}\n")
