"""The program's other faces: its commands, its configuration, its log."""

import json
import os
import socket
import subprocess

from http1 import Connection
from parley import BASE, Server, check


def run(stack, *arguments, environment=None):
    done = subprocess.run([stack.parleyd, *arguments], capture_output=True, text=True, timeout=30,
                          env=dict(os.environ, **(environment or {})))
    return done.returncode, done.stdout, done.stderr


def store(stack):
    return (f"--db-socket={stack.var}/mariadbd.sock", "--db-user=parley", "--db-name=parley")


def story_help_and_version(stack):
    status, out, _ = run(stack, "--help")
    check(status == 0 and "serve" in out and "--listen" in out, out)
    status, out, _ = run(stack, "--version")
    check(status == 0 and out.startswith("parleyd "), out)
    for wrong in ((), ("dance",)):
        status, out, err = run(stack, *wrong)
        check(status == 2 and out == "" and "usage:" in err, err)


def story_a_configuration_is_checked(stack):
    status, out, _ = run(stack, "check-config", "--dev", "--retry-max=5")
    check(status == 2, "unknown options are refused", out)
    status, out, _ = run(stack, "check-config", "--dev", "--drain-ms", "1234")
    check(status == 0 and "drain_ms = 1234" in out, out)
    for wrong in ("--dance=1", "--reactors=x", "--reactors=9999", "--listen=nowhere", "--redis=x",
                  "--log-level=loud", "--listen=0.0.0.0:8080", "--admin-listen=0.0.0.0:1",
                  "--token-key-file=/nowhere"):
        status, _, err = run(stack, "check-config", "--dev", wrong)
        check(status == 2 and err, wrong, err)
    status, _, err = run(stack, "check-config")
    check(status == 2 and "token_key_file" in err, err)


def story_flags_win_over_the_environment_and_that_over_the_file(stack):
    path = os.path.join(stack.var, "parley.conf")
    with open(path, "w") as f:
        f.write("# comment\ndev = true\ndrain_ms = 1\nidle_ms = 101\nhead_ms=102\n"
                "db_password = hush\n")
    environment = {"PARLEY_DRAIN_MS": "2", "PARLEY_IDLE_MS": "201"}
    status, out, err = run(stack, "check-config", f"--config={path}", "--drain-ms=3",
                           environment=environment)
    check(status == 0, err)
    for line in ("drain_ms = 3", "idle_ms = 201", "head_ms = 102", "dev = true"):
        check(line in out.splitlines(), line, out)
    check("hush" not in out, "secrets stay secret")
    with open(path, "a") as f:
        f.write("dance = 1\n")
    status, _, err = run(stack, "check-config", f"--config={path}")
    check(status == 2 and "dance" in err and "7" in err, "unknown keys are refused, with the line",
          err)


def story_serve_refuses_what_cannot_be_served(stack):
    for wrong in (("--listen=0.0.0.0:0", "--dev"), (), ("--dev", "--db-lanes=0")):
        status, out, err = run(stack, "serve", *store(stack), *wrong)
        check(status == 2 and out == "" and err, wrong, err)


def story_a_port_that_is_taken_ends_serve(stack):
    """Whichever listener it is, and whatever was open already by then."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for listen, admin in ((address, "127.0.0.1:0"), ("127.0.0.1:0", address)):
            status, out, err = run(stack, "serve", "--dev", f"--listen={listen}",
                                   f"--admin-listen={admin}", *store(stack))
            check(status == 1 and "ready" not in out, status, out)
            check(f"cannot_listen address={address}" in err, err)


def story_migrate_may_run_again(stack):
    status, out, err = run(stack, "migrate", *store(stack))
    check(status == 0 and "applied" not in out, out, err)
    status, _, err = run(stack, "migrate", "--db-socket=/nowhere/at/all.sock")
    check(status == 1 and err, err)


def story_token_mints_what_serve_takes(stack):
    with Server(stack, key=b"k" * 40) as server:
        key = server.key_flag()
        status, out, err = run(stack, "token", "--dev", key, "tess", "phone")
        check(status == 0, err)
        with Connection(server.address) as c:
            fields = {"Authorization": "Bearer " + out.strip()}
            check(c.request("GET", BASE + "/sync", fields=fields).status == 200)
            devices = c.request("GET", BASE + "/devices", fields=fields).json["devices"]
            check([d["device_id"] for d in devices] == ["phone"], devices)
    for wrong in (("token",), ("token", "--dev"), ("token", "--dev", "tess"),
                  ("token", "--dev", "a b")):
        status, out, err = run(stack, *wrong)
        check(status == 2 and out == "" and err, wrong, err)


def story_a_store_of_another_schema_is_refused(stack):
    status, out, err = run(stack, "serve", "--dev", "--listen=127.0.0.1:0", "--admin-listen=",
                           f"--db-socket={stack.var}/mariadbd.sock", "--db-user=parley",
                           "--db-name=mysql")
    check(status == 1 and "schema" in err, out, err)


def story_no_message_body_is_logged_at_any_level(stack):
    with Server(stack, "--log-level=debug", "--log-format=json", "--lifetime-ms=300") as server:
        ann, bob = server.user(), server.user()
        ann.send(bob, "whispered-secret", attachments=[{"url": "https://secret.example/"}])
        with bob.stream(fields={"X-Request-Id": "the-stream"}) as stream:
            stream.wait_for("bye")
        ann.post("/send", '{"content":"broken-secret')
        ann.get("/nowhere", fields={"X-Request-Id": "lost-1"})
        server.stop()
        lines = server.log().splitlines()
        events = [json.loads(line) for line in lines]
        check(len(events) > 5 and all({"event", "time", "level"} <= set(e) for e in events))
        check(any(e.get("request_id") == "lost-1" for e in events), "requests are told by their id")
        check("secret" not in "".join(lines).lower(), "bodies and tokens stay out of the log")
        check(ann.token not in "".join(lines))
        server.start()


def story_several_listeners_share_the_service(stack):
    from parley import free_port
    extra = free_port()
    with Server(stack, f"--listen=127.0.0.1:{extra},[::1]:{extra}") as server:
        for address in (("127.0.0.1", extra), ("::1", extra)):
            with Connection(address) as c:
                check(c.request("GET", BASE + "/nowhere").status == 404, address)
        server.port = extra
        ann = server.user()
        ann.send(ann)
