"""The admin listener: /livez, /readyz, /metrics, and nowhere else."""

import re
import signal

from http1 import Connection
from parley import Server, check, check_problem, wait_until

SAMPLE = re.compile(r'([a-z_][a-z0-9_]*)(\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})? (\S+)')


def story_the_pages_are_on_the_admin_listener_only(server):
    for path in ("/livez", "/readyz", "/metrics"):
        answer = server.admin(path)
        check(answer.status == 200, path, answer)
        with Connection(server.address) as c:
            check_problem(c.request("GET", path), 404, "not_found")
    check(server.admin("/livez").body == b"ok\n" and server.admin("/readyz").body == b"ok\n")
    check(server.admin("/chat/app/settings").status == 404)
    with Connection(("127.0.0.1", server.admin_port)) as c:
        check(c.request("HEAD", "/livez").status == 200)
        check(c.request("POST", "/livez", {}).status == 405)


def story_metrics_are_prometheus_text(server):
    ann = server.user()
    before = server.metric('parley_messages_accepted_total{kind="direct"}')
    ann.send(ann)
    answer = server.admin("/metrics")
    check(answer.field("Content-Type").startswith("text/plain; version=0.0.4"), answer.fields)
    text = answer.body.decode()
    check(text.endswith("\n"))
    types, samples = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            check(name not in types, "told once", line)
            types[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            check(match, line)
            name = re.sub(r"_(bucket|sum|count)$", "", match[1])
            check(match[1] in types or types.get(name) == "histogram", "no TYPE before", line)
            check(match[1] + (match[2] or "") not in samples, "a sample twice", line)
            samples[match[1] + (match[2] or "")] = float(match[3])
    check(set(types.values()) <= {"counter", "gauge", "histogram"}, types)
    check(all(name.startswith("parley_") for name in types), types)
    for name, kind in types.items():
        if kind != "histogram":
            continue
        buckets = [v for n, v in samples.items() if n.startswith(name + "_bucket{")]
        check(buckets == sorted(buckets), "cumulative", name, buckets)
        check(buckets[-1] == samples[name + "_count"], "+Inf is all", name)
    check(samples['parley_messages_accepted_total{kind="direct"}'] >= before + 1)


def story_readyz_tells_when_the_store_is_away(trouble):
    with Server(trouble) as server:
        check(server.admin("/readyz").status == 200)
        trouble.run("kill", "mariadbd")
        wait_until(lambda: server.admin("/readyz").status == 503, 20, "not ready")
        answer = server.admin("/readyz")
        check(answer.body and answer.body != b"ok\n", answer)
        check(server.admin("/livez").status == 200, "alive all the same")
        trouble.run("start", "mariadbd")
        wait_until(lambda: server.admin("/readyz").status == 200, 20, "ready again")


def story_readyz_tells_when_the_store_hangs(trouble):
    with Server(trouble, "--db-deadline-ms=1000") as server:
        ann = server.user()
        trouble.signal("mariadbd", signal.SIGSTOP)
        try:
            ann.hang_up()
            ann.call("GET", "/settings", timeout=30)
            wait_until(lambda: server.admin("/readyz").status == 503, 20, "not ready")
        finally:
            trouble.signal("mariadbd", signal.SIGCONT)
        wait_until(lambda: server.admin("/readyz").status == 200, 30, "ready again")
        check(ann.get("/settings").status == 200)
