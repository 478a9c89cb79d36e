#!/usr/bin/env python3
"""coverage.py FILE...: line coverage of src/ by assembly, from Cobertura files; a line counts as reached when any of them reached it."""
import collections
import sys
import xml.etree.ElementTree as tree


def main(paths):
    lines = collections.defaultdict(dict)
    for path in paths:
        for package in tree.parse(path).getroot().iter("package"):
            for unit in package.iter("class"):
                for line in unit.iter("line"):
                    key = unit.get("filename").split("/src/")[-1], int(line.get("number"))
                    reached = lines[package.get("name")]
                    reached[key] = reached.get(key, False) or line.get("hits") != "0"
    if not lines:
        sys.exit("no coverage was collected")
    total = [sum(map(sum, ([*reached.values()] for reached in lines.values()))), sum(map(len, lines.values()))]
    for name, reached in sorted(lines.items()):
        print(f"{name:20} {100 * sum(reached.values()) / len(reached):5.1f} %  of {len(reached)} lines")
    print(f"{'src/':20} {100 * total[0] / total[1]:5.1f} %  of {total[1]} lines")


main(sys.argv[1:])
