"""What all stories together have seen of the server: so that no route and no error goes untold."""

import os
import re
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
lock = threading.Lock()
calls = set()  # (method, path without query) that were answered with 2xx
codes = {}  # code of a problem -> its statuses

# Rows of error.def that no client is ever told.
INTERNAL = {"config", "system", "lost", "retry", "duplicate", "closed"}
# Told only when the server itself is at fault: no story can ask for it.
NOT_ON_DEMAND = {"internal", "draining"}


def note_call(method, path, response):
    if 200 <= response.status < 300:
        with lock:
            calls.add((method, path.split("?")[0]))


def note_problem(response):
    media_type = response.field("Content-Type") or ""
    if response.body and media_type.startswith("application/problem+json"):
        with lock:
            codes.setdefault(response.json["code"], set()).add(response.status)


def rows(path, pattern):
    with open(os.path.join(ROOT, path)) as f:
        return re.findall(pattern, f.read(), re.MULTILINE)


def routes():
    """(method, pattern of the path) of every route; the documented ones with and without slash."""
    found = []
    for methods, path, flags in rows(
            "api/routes.def", r'^ROUTE\(ROUTE_\w+, ([\w| ]+), "([^"]+)", [^,]+, \d+, ([^)]+)\)'):
        pattern = re.sub(r"\{\w+\}", "[^/]+", path)
        for method in re.findall(r"METHOD_(\w+)", methods):
            found.append((method, pattern))
            if "ROUTE_SLASH" in flags:
                found.append((method, pattern + "/"))
    return found


def routes_not_seen():
    return [f"{method} {pattern}" for method, pattern in routes()
            if not any(m == method and re.fullmatch(pattern, p) for m, p in calls)]


def codes_not_seen():
    """(those that some story has to provoke, those that need luck)"""
    known = {code: int(status) for status, code in
             rows("base/error.def", r'^ROW\(\w+, (\d+), "(\w+)"') if code != "ok"}
    for code, statuses in codes.items():
        assert statuses == {known[code]}, f"{code} came with {statuses}, not {known[code]}"
    missing = set(known) - set(codes) - INTERNAL
    return sorted(missing - NOT_ON_DEMAND), sorted(missing & NOT_ON_DEMAND)
