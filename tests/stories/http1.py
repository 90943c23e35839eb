"""A small HTTP/1.1 client on raw sockets: what a story sends is what the server gets."""

import json
import socket
import time

import seen


class Closed(Exception):
    """The server closed the connection."""


class Response:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def field(self, name):
        """The one value of a field, or None."""
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Connection:
    """One TCP connection; requests one after another, or bytes as they are."""

    def __init__(self, address, timeout=10):
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.read_ahead = b""

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("nothing came in time")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed
        self.read_ahead += data

    def read_until(self, end, deadline):
        while end not in self.read_ahead:
            self._more(deadline)
        head, self.read_ahead = self.read_ahead.split(end, 1)
        return head

    def read_exactly(self, count, deadline):
        while len(self.read_ahead) < count:
            self._more(deadline)
        data, self.read_ahead = self.read_ahead[:count], self.read_ahead[count:]
        return data

    def read_to_close(self, timeout=None):
        deadline = time.monotonic() + (timeout or self.timeout)
        try:
            while True:
                self._more(deadline)
        except Closed:
            data, self.read_ahead = self.read_ahead, b""
            return data

    def is_closed(self, timeout=5):
        """True once the server has closed, with nothing more to read."""
        return self.read_to_close(timeout) == b""

    def read_head(self, deadline):
        lines = self.read_until(b"\r\n\r\n", deadline).decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        fields = [tuple(p.strip() for p in line.split(":", 1)) for line in lines[1:]]
        return status, fields

    def read_chunk(self, deadline):
        """One chunk of a chunked body; b"" is the last one."""
        size = int(self.read_until(b"\r\n", deadline), 16)
        data = self.read_exactly(size + 2, deadline)
        assert data.endswith(b"\r\n")
        return data[:-2]

    def read_response(self, method="GET", timeout=None):
        deadline = time.monotonic() + (timeout or self.timeout)
        status, fields = self.read_head(deadline)
        while status == 100:
            status, fields = self.read_head(deadline)
        response = Response(status, fields, b"")
        length = response.field("Content-Length")
        if method == "HEAD" or status in (204, 304):
            return response
        if response.field("Transfer-Encoding") == "chunked":
            while True:
                chunk = self.read_chunk(deadline)
                if not chunk:
                    break
                response.body += chunk
        elif length is not None:
            response.body = self.read_exactly(int(length), deadline)
        else:
            response.body = self.read_to_close()
        seen.note_problem(response)
        return response

    def request(self, method, path, body=None, fields=None, timeout=None, version="HTTP/1.1"):
        self.send(render(method, path, body, fields, version))
        response = self.read_response(method, timeout)
        seen.note_call(method, path, response)
        return response


def render(method, path, body=None, fields=None, version="HTTP/1.1"):
    """The bytes of a request. A dict or list is sent as JSON; a field of None is left out."""
    fields = dict(fields or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    lines = [f"{method} {path} {version}"]
    standard = {"Host": "parley.test"}
    if body is not None:
        standard["Content-Type"] = "application/json"
        standard["Content-Length"] = str(len(body))
    standard.update(fields)
    lines += [f"{n}: {v}" for n, v in standard.items() if v is not None]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


class Event:
    def __init__(self, block):
        self.block, self.id, self.type, self.retry = block, None, None, None
        data = []
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if name == "data":
                data.append(value)
            elif name == "event":
                self.type = value
            elif name == "id":
                self.id = value
            elif name == "retry":
                self.retry = int(value)
        self.text = "\n".join(data) if data else None
        self.json = json.loads(self.text) if data else None

    def __repr__(self):
        return f"<{self.type} {self.text}>"


class Stream:
    """A Server-Sent Events stream on a connection of its own."""

    def __init__(self, address, path, fields=None, timeout=10, version="HTTP/1.1"):
        self.connection = Connection(address, timeout)
        self.connection.send(render("GET", path, None, fields, version))
        deadline = time.monotonic() + timeout
        status, head = self.connection.read_head(deadline)
        self.response = Response(status, head, b"")
        if status == 200:
            seen.note_call("GET", path, self.response)
        self.is_chunked = self.response.field("Transfer-Encoding") == "chunked"
        self.text = b""
        self.timeout = timeout
        self.seen = []

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _more(self, deadline):
        if self.is_chunked:
            chunk = self.connection.read_chunk(deadline)
            if not chunk:
                raise Closed
            self.text += chunk
        else:
            if not self.connection.read_ahead:
                self.connection._more(deadline)
            self.text += self.connection.read_ahead
            self.connection.read_ahead = b""

    def block(self, timeout=None):
        """The next block of lines, an event or a comment."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while b"\n\n" not in self.text:
            self._more(deadline)
        block, self.text = self.text.split(b"\n\n", 1)
        return Event(block.decode())

    def event(self, timeout=None):
        """The next event, whatever it is; comments and bare retry: are passed over."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            event = self.block(max(deadline - time.monotonic(), 0.001))
            if event.json is not None:
                self.seen.append(event)
                return event

    def wait_for(self, *types, timeout=None):
        """The next event of one of these types; others (pings, hello ...) are passed over."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            try:
                event = self.event(max(deadline - time.monotonic(), 0.001))
            except (Closed, TimeoutError) as error:
                raise type(error)(f"no {' or '.join(types)}, but {self.seen[-5:]}") from None
            if event.type in types:
                return event

    def ends(self, timeout=None):
        """True when the server ends the stream in order."""
        deadline = time.monotonic() + (timeout or self.timeout)
        try:
            while True:
                self._more(deadline)
        except Closed:
            return True
