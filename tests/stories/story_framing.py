"""What is HTTP and what is not. Whatever leaves the framing in doubt closes the connection, and
nothing behind it is ever read as a request."""

import socket
import time

from http1 import Closed, Connection
from parley import BASE, Server, check, check_problem

MARK = b"GET /chat/app/smuggled HTTP/1.1\r\nHost: x\r\nX-Request-Id: smuggled\r\n\r\n"


def head(ann, *lines, request=b"POST /chat/app/send HTTP/1.1", host=b"Host: x"):
    fields = [request] + ([host] if host is not None else [])
    fields += [b"Authorization: Bearer " + ann.token.encode(), b"Content-Type: application/json"]
    return b"\r\n".join(fields + list(lines)) + b"\r\n\r\n"


def check_closed(server, data, statuses=(400,)):
    """One answer with one of these statuses, then the end; what stands behind is not served."""
    with Connection(server.address) as c:
        c.send(data)
        answer = c.read_response("POST")
        check(answer.status in statuses, data[:300], answer)
        check(answer.field("Connection") == "close", data[:300], answer.fields)
        rest = c.read_to_close()
        check(b"smuggled" not in answer.body + rest, data[:300], "was answered:", rest)
        # libmicrohttpd refuses a bad Content-Length by itself, and writes its head twice.
        is_ours = answer.field("X-Request-Id") is not None
        check(rest == b"" or not is_ours, data[:300], "more came:", rest)
    return answer


def story_requests_cannot_be_smuggled(server):
    ann = server.user()
    body = b'{"receiver_id":"%s","content":"x"}' % ann.id.encode()
    length = b"Content-Length: %d" % len(body)
    chunked = b"Transfer-Encoding: chunked"
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    cases = [
        (head(ann, length, chunked) + chunks, (400,)),
        (head(ann, chunked, length) + chunks, (400,)),
        (head(ann, length, length) + body, (400,)),
        (head(ann, length, b"Content-Length: 3") + body, (400,)),
        (head(ann, b"Content-Length: 3", length) + body, (400,)),
        (head(ann, b"Content-Length: 5, 5") + b"{    ", (400,)),
        (head(ann, chunked, chunked) + chunks, (400,)),
        (head(ann, chunked, b"Transfer-Encoding: gzip") + chunks, (400, 501)),
        (head(ann, b"Transfer-Encoding: xchunked") + chunks, (400, 501)),
        (head(ann, b"Transfer-Encoding: gzip, chunked") + chunks, (400, 501)),
        (head(ann, b"Transfer-Encoding: chunked, identity") + chunks, (400, 501)),
        (head(ann, b"Transfer-Encoding: identity") + chunks, (400, 501)),
        (head(ann, b"Transfer-Encoding : chunked") + chunks, (400,)),
        (head(ann, b"Transfer-Encoding\t: chunked") + chunks, (400,)),
        (head(ann, b"Content-Length : %d" % len(body)) + body, (400,)),
        (head(ann, b"X y: z", length) + body, (400,)),
        (head(ann, b": z", length) + body, (400,)),
        (head(ann, b"no colon", length) + body, (400,)),
        (head(ann, b"X\x00Y: z", length) + body, (400,)),
        (head(ann, b"X: a\x00b", length) + body, (400,)),
        (head(ann, b"X: a\rb", length) + body, (400,)),
        (head(ann, b"X: a\r\n folded", length) + body, (400,)),
        (head(ann, length, host=None) + body, (400,)),
        (head(ann, length, b"Host: y") + body, (400,)),
        (head(ann, length, request=b"POST /chat/app/send\x00x HTTP/1.1") + body, (400,)),
        (head(ann, length, request=b"POST /chat/app/send HTTP/1.1\rX: y") + body, (400,)),
        (head(ann, length, request=b"POST  /chat/app/send HTTP/1.1") + body, (400,)),
        (head(ann, length, request=b"POST /chat/app/send") + body, (400,)),
        (head(ann, length, request=b"POST /chat/app/send HTTP/9.9") + body, (400, 505)),
        (head(ann, b"Content-Length: -1") + body, (400,)),
        (head(ann, b"Content-Length: +5") + body, (400,)),
        (head(ann, b"Content-Length: 0x10") + body, (400,)),
        (head(ann, b"Content-Length: 99999999999999999999999") + body, (400, 413)),
        (head(ann, b"Content-Length:") + body, (400,)),
    ]
    for data, statuses in cases:
        check_closed(server, data + MARK, statuses)
    check(ann.sync()["events"] == [], "and nothing was sent")


def story_bad_chunks_close_the_connection(server):
    ann = server.user()
    for chunks in (b"zz\r\n", b"-1\r\nx\r\n", b"5\r\nabcdefgh\r\n", b"fffffffffffffffff\r\n"):
        with Connection(server.address) as c:
            c.send(head(ann, b"Transfer-Encoding: chunked") + chunks + MARK)
            try:
                check(c.read_response("POST").status in (400, 413), chunks)
            except Closed:
                continue
            check(c.read_to_close() == b"", chunks)


def story_the_problem_of_a_bad_head_is_told(server):
    ann = server.user()
    answer = check_closed(server, head(ann, b"Content-Length: 2", b"Content-Length: 3") + b"{} ")
    check(answer.json["code"] == "bad_request" and answer.json["status"] == 400, answer)
    answer = check_closed(server, head(ann, b"Transfer-Encoding: gzip"), (501,))
    check(answer.json["code"] == "unsupported_coding", answer)


def story_a_head_of_16_kib_is_the_limit(server):
    ann = server.user()
    check(ann.get("/settings", fields={"X-Pad": "x" * 12000}).status == 200)
    answer = check_closed(server,
                          head(ann, b"X: " + b"x" * 17000,
                               request=b"GET /chat/app/settings HTTP/1.1"),
                          (431,))
    check(answer.json["code"] == "head_too_large", answer)


def story_a_header_of_64_kib_is_refused(server):
    ann = server.user()
    with Connection(server.address) as c:
        c.send(head(ann, b"X: " + b"x" * 65536))
        try:
            check(c.read_response("POST").status == 431)
        except Closed:
            check(False, "closed without an answer")
        check(c.read_to_close() == b"")
    with Connection(server.address) as c:
        c.send(b"GET /" + b"y" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        check(c.read_response().status in (414, 431))


def drip(server, data, interval=0.1, timeout=10):
    """Sends byte by byte; what came back when the server was tired of it, and after how long."""
    with Connection(server.address) as c:
        started = time.monotonic()
        c.socket.setblocking(False)
        got = b""
        for at in range(len(data)):
            try:
                c.socket.send(data[at:at + 1])
            except BlockingIOError:
                pass
            except OSError:
                break
            end = time.monotonic() + interval
            while time.monotonic() < end:
                try:
                    more = c.socket.recv(4096)
                    if not more:
                        return got, time.monotonic() - started
                    got += more
                except BlockingIOError:
                    time.sleep(0.005)
                except OSError:
                    return got, time.monotonic() - started
            check(time.monotonic() - started < timeout, "still open")
        return got, time.monotonic() - started


def story_a_head_that_drips_is_cut_off(stack):
    with Server(stack, "--head-ms=600") as server:
        got, took = drip(server, b"GET /chat/app/settings HTTP/1.1\r\nHost: " + b"x" * 500)
        check(got.startswith(b"HTTP/1.1 408") and 0.4 < took < 5, got, took)
        with Connection(server.address) as c:
            check(c.request("GET", "/nowhere").status == 404)
            c.send(b"GET /no")
            answer = c.read_response(timeout=5)
            check(answer.status == 408, "also the second head of a connection", answer)


def story_a_body_that_drips_is_cut_off(stack):
    with Server(stack, "--body-ms=600") as server:
        ann = server.user()
        data = head(ann, b"Content-Length: 500") + b"{" + b" " * 499
        got, took = drip(server, data[:10000], interval=0.01)
        check(got.startswith(b"HTTP/1.1 408") and b"request_timeout" in got, got, took)
        with Connection(server.address) as c:
            c.send(head(ann, b"Content-Length: 500") + b"{")
            check_problem(c.read_response("POST"), 408, "request_timeout")
            check(c.is_closed())
        check(ann.get("/settings").status == 200, "the neighbour is well")


def story_idle_connections_are_closed(stack):
    with Server(stack, "--idle-ms=300") as server:
        with Connection(server.address) as c:
            check(c.request("GET", "/nowhere").status == 404)
            check(c.is_closed(5), "after an answer")
        ann = server.user()
        ann.sync()
        ann.send(ann)
        ann.sync(wait=1)
        check(ann.connection.is_closed(5), "after a poll")


def story_expect_is_understood_when_it_is_continue(server):
    ann = server.user()
    body = b'{"receiver_id":"%s","content":"x"}' % ann.id.encode()
    length = b"Content-Length: %d" % len(body)
    with Connection(server.address) as c:
        c.send(head(ann, length, b"Expect: 100-continue"))
        status, _ = c.read_head(time.monotonic() + 5)
        check(status == 100, status)
        c.send(body)
        check(c.read_response("POST").status == 201)
    with Connection(server.address) as c:
        c.send(head(ann, length, b"Expect: 200-ok"))
        check_problem(c.read_response("POST"), 417, "expectation_failed")
    with Connection(server.address) as c:
        c.send(head(ann, b"Content-Length: 999999", b"Expect: 100-continue"))
        check_problem(c.read_response("POST"), 413, "too_large")
        check(c.is_closed(), "the body is not asked for")


def story_the_absolute_form_is_taken(server):
    ann = server.user()
    fields = ann.fields()
    with Connection(server.address) as c:
        answer = c.request("GET", "http://parley.test/chat/app/settings", fields=fields)
        check(answer.status == 200, answer)
        check(c.request("GET", "HTTP://other:1/chat/app/sync?wait=0", fields=fields).status == 200)


def story_paths_are_taken_as_they_are(server):
    ann = server.user()
    for path in ("/chat/app/nowhere", "/chat/app", "/chat/app/", "/chat/app//send",
                 "/chat/app/Send",
                 "/chat/app/send/x", "/CHAT/app/send", "/chat/app/../app/send", "*", "/livez",
                 "/readyz", "/metrics", "/chat/app/settings/", "/chat/app/devices/%zz"):
        answer = ann.call("POST" if "evices" not in path else "DELETE", path, base="",
                          body=b"{}" if "evices" not in path else None)
        check(answer.status in (404, 400) if path == "*" else answer.status == 404, path, answer)


def story_upgrade_is_ignored(server):
    ann = server.user()
    fields = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c",
              "HTTP2-Settings": "AAMAAABk"}
    check(ann.get("/settings", fields=fields).status == 200)


def story_http_1_0_gets_an_answer_and_the_end(server):
    ann = server.user()
    with Connection(server.address) as c:
        answer = c.request("GET", BASE + "/settings", fields=ann.fields(), version="HTTP/1.0")
        check(answer.status == 200 and answer.json == {"retention_days": 0}, answer)
        check(c.is_closed())
    with Connection(server.address) as c:
        fields = ann.fields({"Host": None})
        answer = c.request("GET", BASE + "/settings", fields=fields, version="HTTP/1.0")
        check(answer.status == 200, "1.0 needs no Host", answer)
    with Connection(server.address) as c:
        fields = ann.fields({"Connection": "keep-alive"})
        check(c.request("GET", BASE + "/settings", fields=fields, version="HTTP/1.0").status == 200)
        check(c.request("GET", BASE + "/sync", fields=fields, version="HTTP/1.0").status == 200)
        check(c.request("GET", BASE + "/settings", fields=fields, version="HTTP/1.0").status == 200)


def story_connection_close_is_honoured(server):
    ann = server.user()
    for path in ("/settings", "/sync", "/sync?wait=1"):
        with Connection(server.address) as c:
            answer = c.request("GET", BASE + path, fields=ann.fields({"Connection": "close"}))
            check(answer.status == 200 and answer.field("Connection") == "close", path,
                  answer.fields)
            check(c.is_closed(), path)


def story_one_connection_serves_many_requests_of_all_kinds(server):
    ann, bob = server.user(), server.user()
    for turn in range(30):
        sent = ann.send(bob, str(turn))
        event = bob.sync(wait=5)["events"][0]
        check(event["message_id"] == sent["message_id"], event)
        check(bob.ack(message_ids=[event["message_id"]]) == 1)
        check(bob.get("/nowhere").status == 404)
    check(bob.connection is not None and ann.connection is not None, "never closed")


def requests_of(ann, *paths):
    from http1 import render
    return b"".join(render("GET", BASE + path, fields=ann.fields()) for path in paths)


def story_requests_pipelined_behind_a_post_are_answered_in_order(server):
    from http1 import render
    ann = server.user()
    with Connection(server.address) as c:
        posts = [render("POST", BASE + "/send", {"receiver_id": ann.id, "content": str(i),
                                                 "message_id_by_client": i}, ann.fields())
                 for i in range(10)]
        c.send(b"".join(posts) + requests_of(ann, "/settings", "/nowhere", "/settings"))
        for i in range(10):
            check(c.read_response("POST").json["message_id_by_client"] == i)
        check([c.read_response().status for _ in range(3)] == [200, 404, 200])


def story_a_request_behind_a_waiting_poll_is_answered_after_it_or_not_at_all(server):
    ann = server.user()
    ann.sync()
    with Connection(server.address) as c:
        c.send(requests_of(ann, "/sync?wait=20", "/settings"))
        ann.send(ann, "wake")
        poll = c.read_response()
        check([e["content"] for e in poll.json["events"]] == ["wake"], poll)
        if poll.field("Connection") == "close":
            check(c.is_closed(), "or not at all, and then it says so")
        else:
            check(c.read_response().json == {"retention_days": 0})
    with Connection(server.address) as c:
        c.send(requests_of(ann, "/sync?wait=20"))
        first = c.read_response().json
        check(len(first["events"]) == 1, first)
        c.send(requests_of(ann, f"/sync?wait=20&cursor={first['cursor']}"))
        c.send(requests_of(ann, "/settings"))
        ann.send(ann, "again")
        poll = c.read_response()
        check([e["content"] for e in poll.json["events"]] == ["again"], poll)
        if poll.field("Connection") == "close":
            check(c.is_closed())
        else:
            check(c.read_response().json == {"retention_days": 0})


def story_a_client_that_leaves_midway_harms_nobody(server):
    ann = server.user()
    pieces = [b"", b"G", b"GET /chat/app/settings HTTP/1.1\r\nHo",
              requests_of(ann, "/sync?wait=30"),
              requests_of(ann, "/stream"), requests_of(ann, "/settings"),
              head(ann, b"Content-Length: 100") + b"{", b"\x16\x03\x01\x02\x00\x01",
              b"\r\n\r\n\r\n",
              b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x00" * 5000]
    for how in ("close", "reset", "half"):
        for piece in pieces:
            c = Connection(server.address)
            c.send(piece)
            if how == "reset":
                c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    b"\x01\x00\x00\x00\x00\x00\x00\x00")
            if how == "half":
                c.socket.shutdown(socket.SHUT_WR)
                continue
            c.close()
    ann.send(ann, "fine")
    check(ann.sync()["events"][-1]["content"] == "fine")
