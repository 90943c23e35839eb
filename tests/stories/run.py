#!/usr/bin/env python3
"""Runs the stories: every function `story_*` of the modules beside this file, over real sockets against
a real parleyd, MariaDB and Redis. A story gets the shared server; one that takes `stack` starts its
own. Usage: run.py [--parleyd PATH] [--only TEXT] [--short] [--list]. Closes with `N passed, N failed`."""

import argparse
import glob
import importlib
import inspect
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from parley import ROOT, Server, Stack  # noqa: E402


def find_stories(only, short):
    stories = []
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "story_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if not name.startswith("story_") or function.__module__ != module.__name__:
                continue
            if short and getattr(function, "is_long", False):
                continue
            label = f"{module.__name__[6:]}: {name[6:].replace('_', ' ')}"
            if not only or only in label:
                line = inspect.getsourcelines(function)[1]
                stories.append((module.__name__, line, label, function))
    return [(label, function) for _, _, label, function in sorted(stories, key=lambda s: s[:2])]


def run_story(label, function, stack, server):
    wanted = inspect.signature(function).parameters
    arguments = {"stack": stack, "server": server}
    started = time.monotonic()
    try:
        function(**{name: arguments[name] for name in wanted})
    except Exception:
        print(f"FAIL {label}")
        traceback.print_exc(file=sys.stdout)
        return False
    print(f"ok   {label} ({time.monotonic() - started:.2f} s)", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--parleyd", default=os.path.join(ROOT, "build/gcc/parleyd"))
    parser.add_argument("--only", default="")
    parser.add_argument("--short", action="store_true", help="without the stories marked long")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    stories = find_stories(options.only, options.short)
    if options.list:
        print("\n".join(label for label, _ in stories))
        return 0
    passed, failed = 0, 0
    stack = Stack(os.path.abspath(options.parleyd))
    try:
        with Server(stack) as server:
            for label, function in stories:
                if run_story(label, function, stack, server):
                    passed += 1
                else:
                    failed += 1
    finally:
        stack.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
