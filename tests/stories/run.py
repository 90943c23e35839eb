#!/usr/bin/env python3
"""Runs the stories: every function `story_*` of the modules beside this file, over real sockets
against a real parleyd, MariaDB and Redis. What a story wants is told by its parameters:

  server   the one server that stories share: each brings its own users
  stack    the MariaDB and Redis that they share: it starts a server with flags of its own
  trouble  a MariaDB and Redis to break: one story at a time has them

Stories run side by side. Usage: run.py [--parleyd PATH] [--only TEXT] [--short] [--list].
Closes with `N passed, N failed`; a report of a sanitizer, a failed assertion, or a route that no
story has called is a failure too."""

import argparse
import concurrent.futures
import glob
import importlib
import inspect
import os
import re
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import seen  # noqa: E402
from parley import ROOT, Server, Stack  # noqa: E402

REPORTS = re.compile(r"(Address|Leak|Thread)Sanitizer|runtime error:|Assertion .* failed")


class Story:
    def __init__(self, module, function):
        self.label = f"{module.__name__[6:]}: {function.__name__[6:].replace('_', ' ')}"
        self.function = function
        self.place = (module.__name__, inspect.getsourcelines(function)[1])
        self.wants = list(inspect.signature(function).parameters)
        self.is_long = getattr(function, "is_long", False)


def find_stories():
    stories = []
    folder = os.path.dirname(os.path.abspath(__file__))
    for path in sorted(glob.glob(os.path.join(folder, "story_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("story_") and function.__module__ == module.__name__:
                stories.append(Story(module, function))
    return sorted(stories, key=lambda story: story.place)


class Lazy:
    """Something that is made when the first story wants it."""

    def __init__(self, make):
        self.make, self.made, self.lock = make, None, threading.Lock()

    def get(self):
        with self.lock:
            if self.made is None:
                self.made = self.make()
            return self.made

    def close(self):
        if self.made is not None:
            self.made.close()


class House:
    """What the stories live in."""

    def __init__(self, parleyd):
        self.stack = Lazy(lambda: Stack(parleyd))
        self.server = Lazy(lambda: Server(self.stack.get()))
        self.trouble = Lazy(lambda: Stack(parleyd))
        self.one_at_a_time = threading.Lock()
        self.print_lock = threading.Lock()

    def say(self, text):
        with self.print_lock:
            print(text, flush=True)

    def run(self, story):
        started = time.monotonic()
        Server.of_this_thread.started = []
        try:
            story.function(**{name: getattr(self, name).get() for name in story.wants})
        except Exception as error:
            self.say(f"FAIL {story.label}\n{self.explain(error)}")
            return False
        self.say(f"ok   {story.label} ({time.monotonic() - started:.2f} s)")
        return True

    def explain(self, error):
        """The traceback without the runner's own frames, and the servers' last words."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__)
                  if os.path.basename(frame.filename) != "run.py"]
        text = traceback.format_list(frames)
        text += traceback.format_exception_only(type(error), error)
        for server in getattr(Server.of_this_thread, "started", []):
            tail = server.log().splitlines()[-25:]
            text += [f"server with {' '.join(server.flags)}\n"] + [f"  | {line}\n" for line in tail]
        return "".join("     " + line for line in "".join(text).splitlines(True)).rstrip()

    def run_all(self, stories, jobs):
        """How many passed and failed. Those that break things stand in a line of their own."""
        with concurrent.futures.ThreadPoolExecutor(jobs + 1) as pool:
            breaking = [story for story in stories if "trouble" in story.wants]
            others = [story for story in stories if "trouble" not in story.wants]
            line = pool.submit(lambda: [self.run(story) for story in breaking])
            results = list(pool.map(self.run, others)) + line.result()
        return results.count(True), results.count(False)

    def reports(self):
        """Lines of servers' logs that no server may ever write."""
        found = []
        for stack in (self.stack.made, self.trouble.made):
            for path in glob.glob(os.path.join(stack.var, "server-*.log")) if stack else []:
                with open(path, errors="replace") as f:
                    lines = f.read().splitlines()
                for at, line in enumerate(lines):
                    if REPORTS.search(line):
                        found.append("\n".join(lines[at:at + 40]))
                        break
        return found

    def close(self):
        for part in (self.server, self.stack, self.trouble):
            part.close()


def tell_what_was_not_seen():
    """False if a route was never called."""
    needed, lucky = seen.codes_not_seen()
    unseen = seen.routes_not_seen()
    if lucky:
        print("not seen, and not on demand: " + ", ".join(lucky))
    for what in needed:
        print(f"FAIL no story has provoked the error {what}")
    for what in unseen:
        print(f"FAIL no story has called {what}")
    return len(needed) + len(unseen)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--parleyd", default=os.path.join(ROOT, "build/gcc/parleyd"))
    parser.add_argument("--only", default="", help="stories whose label has this text")
    parser.add_argument("--short", action="store_true", help="without the stories marked long")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=6, help="stories at a time")
    parser.add_argument("--keep", action="store_true",
                        help="leave the servers' logs where they are")
    options = parser.parse_args()
    stories = [story for story in find_stories()
               if options.only in story.label and not (options.short and story.is_long)]
    if options.list:
        print("\n".join(story.label for story in stories))
        return 0
    house = House(os.path.abspath(options.parleyd))
    Stack.keeps_logs = options.keep
    passed, failed = 0, 0
    try:
        passed, failed = house.run_all(stories, options.jobs)
        house.server.close()
        for report in house.reports():
            print(f"FAIL a server wrote:\n{report}")
            failed += 1
    except Exception as error:
        print(f"FAIL the house: {house.explain(error)}")
        failed += 1
    finally:
        house.close()
    if not options.only and not options.short:
        failed += tell_what_was_not_seen()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
