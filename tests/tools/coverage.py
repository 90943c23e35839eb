#!/usr/bin/env python3
"""coverage.py SUMMARY.json MIN: lines run, a layer a line, out of gcovr's summary. Fails when db, api,
handlers and live together stay below MIN percent, or none of their lines was seen; names the ten files
with most lines left."""

import json
import sys

COUNTED = ("db", "api", "handlers", "live")


def layer_of(path):
    folder = path.rpartition("/")[0]
    return folder if folder == "api/h1" or folder == "api/h2" else folder.split("/")[0]


def percent(run, all_lines):
    return 100.0 * run / all_lines if all_lines else 0.0


def main():
    with open(sys.argv[1]) as f:
        files = json.load(f)["files"]
    minimum = float(sys.argv[2])
    layers, left = {}, []
    for entry in files:
        path, run, lines = entry["filename"], entry["line_covered"], entry["line_total"]
        if path.startswith("tests/"):
            continue
        sums = layers.setdefault(layer_of(path), [0, 0])
        sums[0] += run
        sums[1] += lines
        left.append((lines - run, path, percent(run, lines)))
    for layer, (run, lines) in sorted(layers.items()):
        print(f"     lines {layer:10} {percent(run, lines):5.1f} %  ({run} of {lines})")
    run = sum(sums[0] for layer, sums in layers.items() if layer.split("/")[0] in COUNTED)
    lines = sum(sums[1] for layer, sums in layers.items() if layer.split("/")[0] in COUNTED)
    total = percent(run, lines)
    for missing, path, share in sorted(left, reverse=True)[:10]:
        print(f"     {path}: {missing} lines not run ({share:.0f} % run)")
    good = total >= minimum
    print(f"{'ok  ' if good else 'FAIL'} line coverage of {', '.join(COUNTED)}: {total:.1f} % (floor {minimum:g} %)")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
