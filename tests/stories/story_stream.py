"""GET stream: Server-Sent Events, byte for byte and event for event."""

import json
import time

from http1 import Closed, Connection, Stream, render
from parley import BASE, Server, check, check_problem, wait_until


def story_the_head_is_fit_for_proxies(server):
    with server.user().stream() as stream:
        response = stream.response
        check(response.status == 200 and response.field("Content-Type") == "text/event-stream")
        check(response.field("Cache-Control") == "no-store, no-transform", response.fields)
        check(response.field("X-Accel-Buffering") == "no", response.fields)
        check(response.field("Transfer-Encoding") == "chunked", response.fields)
        check(response.field("Content-Encoding") is None, response.fields)
        check(response.field("Content-Length") is None, response.fields)
        check(response.field("X-Request-Id") and response.field("Date"), response.fields)


def story_the_first_flush_proves_the_stream(server):
    with server.user().stream() as stream:
        lines = []
        while not any(line.startswith("data:") for line in lines):
            lines += stream.block().block.split("\n")
        check(lines[0].startswith(":") and len(lines[0]) >= 2048, len(lines[0]))
        check(lines[1].startswith("retry: ") and 1000 <= int(lines[1][7:]) <= 15000, lines[1])
        check(lines[2] == "event: hello" and lines[3].startswith("data: ") and len(lines) == 4,
              lines[2:])
        hello = json.loads(lines[3][6:])
        check(set(hello) == {"type", "cursor", "heartbeat_s", "lifetime_s", "server_time"}, hello)
        check(hello["heartbeat_s"] == 15 and 400 <= hello["lifetime_s"] <= 600, hello)
        check(abs(hello["server_time"] - time.time()) < 30, hello)


def story_an_event_is_whole_and_has_its_cursor(server):
    ann, bob = server.user(), server.user()
    with bob.stream() as stream:
        stream.wait_for("hello")
        sent = ann.send(bob, "two\nlines")
        event = stream.wait_for("incoming_message")
        lines = event.block.split("\n")
        check([line.split(":")[0] for line in lines] == ["id", "event", "data"], event.block)
        check("\r" not in event.block and "\ufeff" not in event.block, event.block)
        check(event.id == event.json["cursor"] and event.type == event.json["type"], event.block)
        check(event.json == bob.sync()["events"][0], "the same frame by either way")
        check(event.json["message_id"] == sent["message_id"])


def story_a_stream_gives_what_waits_and_then_what_comes(server):
    ann, bob = server.user(), server.user()
    old = [ann.send(bob, f"old {i}")["message_id"] for i in range(3)]
    with bob.stream() as stream:
        got = [stream.wait_for("incoming_message").json["message_id"] for _ in range(3)]
        check(got == old, got)
        fresh = [ann.send(bob, f"new {i}")["message_id"] for i in range(3)]
        got = [stream.wait_for("incoming_message").json["message_id"] for _ in range(3)]
        check(got == fresh, got)


def story_many_pages_come_in_order(server):
    ann, bob = server.user(), server.user()
    for i in range(650):
        ann.send(bob, str(i))
    with bob.stream() as stream:
        got = [stream.wait_for("incoming_message").json["content"] for _ in range(650)]
        check(got == [str(i) for i in range(650)])


def story_resuming_from_hello_repeats_all(server):
    ann, bob = server.user(), server.user()
    ann.send(bob, "1")
    with bob.stream() as stream:
        hello = stream.wait_for("hello").json
        last = stream.wait_for("incoming_message")
    with bob.stream(hello["cursor"]) as stream:
        check(stream.wait_for("incoming_message").json["content"] == "1")
    with bob.stream(last.id) as stream:
        check(stream.wait_for("hello").json["cursor"] == last.id)
        ann.send(bob, "2")
        check(stream.wait_for("incoming_message").json["content"] == "2")


def story_the_header_wins_over_the_parameters(server):
    ann, bob = server.user(), server.user()
    for i in range(4):
        ann.send(bob, str(i))
    cursors = [e["cursor"] for e in bob.sync()["events"]]

    def first(query, header=None):
        fields = bob.fields({"Last-Event-ID": header} if header is not None else None)
        with Stream(server.address, BASE + "/stream" + query, fields) as stream:
            return stream.wait_for("incoming_message").json["content"]
    check(first("") == "0")
    check(first(f"?cursor={cursors[0]}") == "1")
    check(first(f"?last_event_id={cursors[1]}") == "2")
    check(first(f"?cursor={cursors[0]}&last_event_id={cursors[2]}") == "1")
    check(first(f"?cursor={cursors[0]}", cursors[2]) == "3")
    check(first(f"?cursor={cursors[0]}", "") == "1", "an empty one is none")
    check_problem(bob.get("/stream?cursor=a&cursor=b"), 422, "bad_field")
    check_problem(bob.get("/stream?last_event_id=a&last_event_id=b"), 422, "bad_field")


def story_a_bad_cursor_is_a_reset(server):
    ann, bob = server.user(), server.user()
    ann.send(bob, "all")
    epoch, seq = bob.sync()["cursor"].split(".")
    for bad, reason in (("nonsense", "unknown_cursor"),
                        (f"{epoch}.{int(seq) + 5}", "unknown_cursor"),
                        (f"{int(epoch) + 1}.{seq}", "epoch")):
        with bob.stream(bad) as stream:
            check(stream.event().type == "hello")
            reset = stream.event()
            check(reset.json == {"type": "reset", "reason": reason}, bad, reset)
            check(reset.id == "" and "\nid:" in "\n" + reset.block, "an empty id line", reset.block)
            check(stream.event().json["content"] == "all", "as one opened without cursor")
            ann.send(bob, "live")
            check(stream.wait_for("incoming_message").json["content"] == "live")
            bob.ack(message_ids=[stream.seen[-1].json["message_id"]])


def story_opening_with_a_cursor_confirms_receipts(server):
    ann, bob = server.user(), server.user()
    sent = ann.send(bob)["message_id"]
    bob.ack(message_ids=[sent])
    with ann.stream() as stream:
        receipt = stream.wait_for("message_delivered")
    check(len(ann.sync()["events"]) == 1, "seen, not confirmed")
    with ann.stream(receipt.id) as stream:
        stream.wait_for("hello")
    check(ann.sync()["events"] == [])


def story_a_new_stream_displaces_the_old(server):
    ann, bob = server.user(), server.user()
    with bob.stream() as old:
        old.wait_for("hello")
        with bob.stream() as new:
            new.wait_for("hello")
            bye = old.wait_for("bye")
            check(bye.json["reason"] == "displaced" and bye.json["retry_ms"] >= 60000, bye)
            check(bye.retry == bye.json["retry_ms"] and bye.id is None, bye.block)
            check(set(bye.json) == {"type", "reason", "retry_ms"}, bye)
            check(old.ends())
            ann.send(bob, "new")
            check(new.wait_for("incoming_message", "bye").json["content"] == "new")


def story_two_devices_have_two_streams(server):
    ann, bob = server.user(), server.user(device="a")
    other = server.user(bob.id, device="b")
    with bob.stream() as one, other.stream() as two:
        one.wait_for("hello")
        two.wait_for("hello")
        ann.send(bob, "both")
        for stream in (one, two):
            check(stream.wait_for("incoming_message", "bye").json["content"] == "both")


def story_ping_tells_that_the_stream_lives(stack):
    with Server(stack, "--heartbeat-ms=200") as server, server.user().stream() as stream:
        times = []
        for _ in range(3):
            ping = stream.wait_for("ping")
            check(set(ping.json) == {"type", "server_time"} and ping.id is None, ping.block)
            times.append(time.monotonic())
        check(0.1 < times[2] - times[1] < 2, times)


def story_a_life_ends_with_bye(stack):
    with Server(stack, "--lifetime-ms=600") as server, server.user().stream() as stream:
        bye = stream.wait_for("bye")
        check(bye.json["reason"] == "lifetime" and bye.json["retry_ms"] == bye.retry, bye.block)
        check(stream.ends())


def story_a_token_that_ends_ends_its_stream(server):
    with server.user(ttl_s=3).stream() as stream:
        reauth = stream.wait_for("reauth")
        check(set(reauth.json) == {"type", "expires_at"} and reauth.id is None, reauth.block)
        check(0 <= reauth.json["expires_at"] - time.time() <= 4, reauth)
        bye = stream.wait_for("bye")
        check(bye.json["reason"] == "expired", bye)
        check(time.time() >= reauth.json["expires_at"] - 0.1, "not before")
        check(stream.ends())


def story_http_1_0_gets_a_body_that_ends_with_the_connection(server):
    ann, bob = server.user(), server.user()
    for fields in (None, {"Connection": "keep-alive"}):
        with bob.stream(version="HTTP/1.0", fields=fields) as stream:
            check(stream.response.field("Transfer-Encoding") is None, stream.response.fields)
            check(stream.response.field("Connection") == "close", stream.response.fields)
            stream.wait_for("hello")
            ann.send(bob, "old")
            check(stream.wait_for("incoming_message").json["content"] == "old")
            bob.ack(message_ids=[stream.seen[-1].json["message_id"]])
    with server.user(bob.id, ttl_s=2).stream(version="HTTP/1.0") as stream:
        check(stream.wait_for("bye").json["reason"] == "expired")
        check(stream.ends())


def story_a_connection_serves_on_after_its_stream(server):
    ann = server.user(ttl_s=2)
    with ann.stream() as stream:
        stream.wait_for("bye")
        check(stream.ends())
        try:
            answer = stream.connection.request("GET", BASE + "/nowhere")
            check(answer.status == 404, answer)
        except Closed:
            pass  # or it is closed: a client opens another


def story_retry_differs_by_connection(server):
    ann = server.user()
    seen = set()
    for _ in range(6):
        with ann.stream() as stream:
            while True:
                block = stream.block()
                if block.retry:
                    seen.add(block.retry)
                    break
    check(len(seen) > 1, seen)


def number_of(stream):
    """What the next message's text begins with."""
    return int(stream.wait_for("incoming_message").json["content"].split()[0])


def story_a_reader_that_stops_reading_comes_back_to_all_of_it(server):
    ann, bob, carl = server.user(), server.user(), server.user()
    big = "\u20ac" * 1000
    count = 900
    stream = bob.stream()
    hello = stream.wait_for("hello")
    with carl.stream() as other:
        other.wait_for("hello")
        for i in range(count):
            ann.send(bob, f"{i} {big}"[:1000])
            if i % 100 == 0:
                started = time.monotonic()
                ann.send(carl, str(i))
                check(other.wait_for("incoming_message").json["content"] == str(i))
                check(time.monotonic() - started < 3, "the neighbour is well")
    got = [number_of(stream) for _ in range(count)]
    check(got == list(range(count)), "in order, without a gap", got[:10])
    stream.close()
    with bob.stream(hello.json["cursor"]) as again:
        got = [number_of(again) for _ in range(count)]
        check(got == list(range(count)))


def story_a_reader_that_takes_nothing_is_closed(stack):
    import socket
    with Server(stack, "--stream-write-ms=500") as server:
        ann, bob = server.user(), server.user()
        c = Connection(server.address)
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.send(render("GET", BASE + "/stream", fields=bob.fields()))
        wait_until(lambda: server.metric('parley_streams_open{kind="sse"}') == 1, 10, "the stream")
        big = "\u20ac" * 1000

        def more():
            for _ in range(100):
                ann.send(bob, big)
            return server.metric('parley_streams_open{kind="sse"}') == 0
        wait_until(more, 60, "the end of a stream that nobody reads")
        c.close()


def story_a_stream_that_its_client_left_is_noticed(stack):
    with Server(stack) as server:
        streams = [server.user().stream() for _ in range(10)]
        for stream in streams:
            stream.wait_for("hello")
        check(server.metric('parley_streams_open{kind="sse"}') == 10)
        for stream in streams:
            stream.close()
        wait_until(lambda: server.metric('parley_streams_open{kind="sse"}') == 0, 1.5,
                   "gone in a second")


def story_events_of_all_types_come_live(server):
    ann, bob = server.user(), server.user()
    with ann.stream() as stream:
        stream.wait_for("hello")
        group_id = ann.group("live", bob)
        check(stream.wait_for("group_changed").json["groupId"] == group_id)
        bob.send_group(group_id, "in the group")
        event = stream.wait_for("incoming_message").json
        check(event["groupId"] == group_id, event)
        bob.send(ann, "direct")
        check(stream.wait_for("incoming_message").json["content"] == "direct")
        sent = ann.send(bob)["message_id"]
        bob.ack(message_ids=[sent])
        check(stream.wait_for("message_delivered").json["message_id"] == sent)
        ann.post("/remove", {"groupId": group_id, "userId": [ann.id]})
        check(stream.wait_for("group_changed").json["change"] in ("removed", "role"))


def story_without_takeover_streams_and_polls_work_too(stack):
    with Server(stack, "--h1-takeover=false") as server:
        ann, bob = server.user(), server.user()
        with bob.stream() as stream:
            stream.wait_for("hello")
            for i in range(5):
                ann.send(bob, str(i))
                check(stream.wait_for("incoming_message").json["content"] == str(i))
        page = bob.sync()
        check(len(page["events"]) == 5)
        check(bob.sync(page["cursor"], wait=1)["events"] == [])
