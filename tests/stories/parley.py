"""What every story has at hand: a stack of real parts, servers with flags of their own, users."""

import base64
import hashlib
import hmac
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

from http1 import Connection, Stream

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASE = "/chat/app"
names = itertools.count(1)
ports = itertools.count(random.randrange(20000))


def free_port():
    """Below the ports that the kernel gives to clients, and none twice."""
    while True:
        port = 10000 + next(ports) % 20000
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue  # taken


def wait_until(question, timeout=10, what="it"):
    """Asks again and again until the answer is true; returns the answer."""
    deadline = time.monotonic() + timeout
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come true in {timeout} s")
        time.sleep(0.01)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def mint(key, claims, header=None):
    """A JWT, signed with HMAC-SHA256 whatever its header says."""
    parts = [{"alg": "HS256", "typ": "JWT"} if header is None else header, claims]
    signed = b".".join(base64url(json.dumps(part).encode()) for part in parts)
    return (signed + b"." + base64url(hmac.new(key, signed, hashlib.sha256).digest())).decode()


class Stack:
    """A private MariaDB and Redis in a folder of their own."""

    keeps_logs = False

    def __init__(self, parleyd):
        self.parleyd = parleyd
        self.var = tempfile.mkdtemp(prefix="parley-stories-")
        self.environment = dict(os.environ, VAR=self.var, PARLEYD=parleyd)
        try:
            self.run("up")
        except Exception:
            self.close()
            raise

    def run(self, *verb):
        script = os.path.join(ROOT, "deploy/dev/stack.sh")
        done = subprocess.run([script, *verb], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            logs = "".join(self.log_tail(part) for part in ("mariadbd", "redis"))
            raise RuntimeError(f"stack.sh {verb}: {done.stdout}{done.stderr}{logs}")

    def log_tail(self, part):
        try:
            with open(os.path.join(self.var, f"{part}.log"), errors="replace") as f:
                return f"--- {part}.log\n{f.read()[-2000:]}\n"
        except FileNotFoundError:
            return ""

    def pid(self, part):
        with open(os.path.join(self.var, f"{part}.pid")) as f:
            return int(f.read())

    def signal(self, part, number):
        os.kill(self.pid(part), number)

    def close(self):
        self.run("down")
        if self.keeps_logs:
            print(f"logs: {self.var}")
        else:
            shutil.rmtree(self.var, ignore_errors=True)


class Server:
    """One parleyd with flags of its own, on free ports."""

    of_this_thread = threading.local()  # .started: what the running story has started

    def __init__(self, stack, *flags, redis=True, key=None, environment=None):
        """With a key there is no --dev and no login: users bring tokens signed with it."""
        self.stack, self.flags, self.key = stack, flags, key
        self.environment = dict(os.environ, **(environment or {}))
        self.redis = redis
        self.port, self.admin_port = free_port(), free_port()
        self.log_path = os.path.join(stack.var, f"server-{self.port}.log")
        self.process = None
        if not hasattr(Server.of_this_thread, "started"):
            Server.of_this_thread.started = []
        Server.of_this_thread.started.append(self)
        self.start()

    def start(self):
        command = [
            self.stack.parleyd, "serve", self.key_flag(),
            f"--listen=127.0.0.1:{self.port}", f"--admin-listen=127.0.0.1:{self.admin_port}",
            f"--db-socket={self.stack.var}/mariadbd.sock", "--db-user=parley", "--db-name=parley",
        ]
        if self.redis:
            command.append(f"--redis=unix:{self.stack.var}/redis.sock")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command + list(self.flags), stdout=subprocess.PIPE,
                                            stderr=log, env=self.environment)
        line = self.process.stdout.readline()
        assert line.startswith(b"ready "), f"no ready line but {line!r}: {self.log()[-3000:]}"

    def key_flag(self):
        if self.key is None:
            return "--dev"
        path = os.path.join(self.stack.var, f"key-{self.port}")
        with open(path, "wb") as f:
            f.write(self.key)
        return f"--token-key-file={path}"

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def admin(self, path):
        with Connection(("127.0.0.1", self.admin_port)) as c:
            return c.request("GET", path)

    def metric(self, name):
        """The value of one metric line, e.g. 'parley_streams_open{kind="sse"}'."""
        for line in self.admin("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self, timeout=30):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout)
        self.process.stdout.close()
        return status

    def close(self):
        if self.process.poll() is None:
            status = self.stop()
            assert status == 0, f"parleyd ended with {status}: {self.log()[-3000:]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def user(self, name=None, device=None, **login):
        return User(self, name, device, **login)


def long(story):
    """Marks a story that --short leaves out."""
    story.is_long = True
    return story


class User:
    """A user on one device, logged in, with a connection that is kept alive."""

    def __init__(self, server, name=None, device=None, **login):
        self.server = server
        self.id = name or f"user-{os.getpid()}-{next(names)}"
        self.device = device
        self.connection = None
        claims = {"device_id": device} if device else {}
        if server.key is None:
            answer = self.call("POST", "/login", dict(claims, userId=self.id, **login), token=None)
            assert answer.status == 200, answer
            self.token = answer.json["token"]
        else:
            expires = int(time.time()) + login.pop("ttl_s", 3600)
            self.token = mint(server.key, dict(claims, sub=self.id, exp=expires, **login))

    def fields(self, fields=None, token=True):
        own = {"Authorization": f"Bearer {self.token}"} if token is True else {}
        own.update(fields or {})
        return own

    def call(self, method, path, body=None, fields=None, token=True, timeout=None, base=BASE):
        if self.connection is None:
            self.connection = Connection(self.server.address)
        fields = self.fields(fields, token)
        try:
            answer = self.connection.request(method, base + path, body, fields, timeout)
        except BaseException:
            self.hang_up()
            raise
        if (answer.field("Connection") or "").lower() == "close":
            self.hang_up()
        return answer

    def hang_up(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, body, **more):
        return self.call("POST", path, body, **more)

    def send(self, to, content="hello", **fields):
        """Sends and expects success; the 201's body."""
        body = dict(fields, content=content)
        body["receiver_id"] = to.id if isinstance(to, User) else to
        answer = self.post("/send", body)
        assert answer.status == 201, answer
        return answer.json

    def send_group(self, group_id, content="hello", **fields):
        answer = self.post("/send", dict(fields, content=content, groupId=group_id))
        assert answer.status == 201, answer
        return answer.json

    def sync(self, cursor=None, wait=None, limit=None, timeout=None, **more):
        query = {k: v for k, v in (("cursor", cursor), ("wait", wait), ("limit", limit))
                 if v is not None}
        path = "/sync" + ("?" + urllib.parse.urlencode(query) if query else "")
        answer = self.get(path, timeout=timeout or (wait or 0) + 10, **more)
        assert answer.status == 200, answer
        return answer.json

    def stream(self, cursor=None, fields=None, version="HTTP/1.1", **more):
        path = BASE + "/stream" + (f"?cursor={cursor}" if cursor else "")
        return Stream(self.server.address, path, self.fields(fields), version=version, **more)

    def ack(self, **body):
        answer = self.post("/ack", body)
        assert answer.status == 200, answer
        return answer.json["acknowledged"]

    def group(self, name, *members, **more):
        ids = [m.id if isinstance(m, User) else m for m in members]
        answer = self.post("/createGroup", {"groupname": name, "members": ids}, **more)
        assert answer.status == 201, answer
        return answer.json["groupId"]


def check(condition, *said):
    """An assertion that shows what was seen."""
    if not condition:
        raise AssertionError(" ".join(str(s) for s in said))


def check_problem(answer, status, code):
    """A problem document in full: RFC 9457's members, ours, and the right media type."""
    check(answer.status == status, "expected", status, code, "but got", answer)
    check(answer.field("Content-Type") in ("application/problem+json", "application/json"),
          answer.fields)
    body = answer.json
    check(body["status"] == status and body["code"] == code, body)
    for member in ("type", "title", "request_id"):
        check(isinstance(body.get(member), str), member, "is missing in", body)
    check(body["request_id"] == answer.field("X-Request-Id"), body, answer.fields)
    return body
