"""GET sync: pages, waiting, cursors that are good and bad."""

import threading
import time

from http1 import Connection
from parley import BASE, Server, check, check_problem, wait_until


def texts(page):
    return [e["content"] for e in page["events"]]


class Poll(threading.Thread):
    """A poll that waits, in a connection of its own."""

    def __init__(self, user, query, fields=None):
        super().__init__()
        self.user, self.query, self.extra = user, query, fields
        self.answer, self.took = None, None
        self.connection = Connection(user.server.address, timeout=60)
        self.start()

    def run(self):
        started = time.monotonic()
        self.answer = self.connection.request("GET", BASE + "/sync?" + self.query,
                                              fields=self.user.fields(self.extra), timeout=60)
        self.took = time.monotonic() - started

    def result(self, timeout=15):
        self.join(timeout)
        check(self.answer is not None, "the poll was not answered in", timeout)
        self.connection.close()
        check(self.answer.status == 200, self.answer)
        return self.answer.json


def waiting(server, count):
    wait_until(lambda: server.metric('parley_streams_open{kind="poll"}') >= count, 10,
               "a parked poll")


def story_pages_follow_each_other_by_cursor(server):
    ann, bob = server.user(), server.user()
    for i in range(7):
        ann.send(bob, str(i))
    first = bob.sync(limit=3)
    check(texts(first) == ["0", "1", "2"] and first["more"] is True, first)
    check(first["cursor"] == first["events"][-1]["cursor"], first)
    second = bob.sync(first["cursor"], limit=3)
    check(texts(second) == ["3", "4", "5"] and second["more"] is True, second)
    third = bob.sync(second["cursor"], limit=3)
    check(texts(third) == ["6"] and third["more"] is False, third)
    fourth = bob.sync(third["cursor"])
    check(fourth == {"events": [], "cursor": third["cursor"], "more": False, "superseded": False},
          fourth)
    check(texts(bob.sync()) == list("0123456"), "unconfirmed: again without a cursor")


def story_a_page_that_is_just_full_has_no_more(server):
    ann, bob = server.user(), server.user()
    for i in range(3):
        ann.send(bob, str(i))
    check(bob.sync(limit=3)["more"] is False)


def story_limit_and_wait_are_clamped(server):
    ann, bob = server.user(), server.user()
    for i in range(3):
        ann.send(bob, str(i))
    for limit in ("0", "-5", "-99999999999999999999"):
        check(len(bob.sync(limit=limit)["events"]) == 1, limit)
    for limit in ("501", "99999999999999999999999"):
        check(len(bob.sync(limit=limit)["events"]) == 3, limit)
    for wait in ("-1", "99999", "0"):
        check(len(bob.sync(wait=None, cursor=None, limit=None)["events"]) == 3)
        check(bob.get(f"/sync?wait={wait}").status == 200, wait)
    for bad in ("", "x", "1.5", "1e3", "+1", "0x10", "%20", "-"):
        for name in ("limit", "wait"):
            problem = check_problem(bob.get(f"/sync?{name}={bad}"), 422, "bad_field")
            check(problem["errors"], problem)


def story_a_page_holds_100_unless_told(server):
    ann, bob = server.user(), server.user()
    for i in range(130):
        ann.send(bob, str(i))
    page = bob.sync()
    check(len(page["events"]) == 100 and page["more"] is True, len(page["events"]))
    check(len(bob.sync(limit=500)["events"]) == 130)


def story_a_waiting_poll_wakes_with_the_message(server):
    ann, bob = server.user(), server.user()
    cursor = bob.sync()["cursor"]
    for turn in range(5):
        poll = Poll(bob, f"wait=30&cursor={cursor}")
        waiting(server, 1)
        ann.send(bob, str(turn))
        page = poll.result()
        check(texts(page) == [str(turn)] and page["superseded"] is False, page)
        check(page["cursor"] == page["events"][-1]["cursor"], page)
        cursor = page["cursor"]


def story_a_waiting_poll_without_cursor_wakes_too(server):
    ann, bob = server.user(), server.user()
    poll = Poll(bob, "wait=30")
    wait_until(lambda: bob.get("/devices").json["devices"], 10, "the poll's device")
    ann.send(bob, "first")
    check(texts(poll.result()) == ["first"])


def story_a_poll_that_has_something_answers_at_once(server):
    ann, bob = server.user(), server.user()
    ann.send(bob, "there")
    started = time.monotonic()
    check(texts(bob.sync(wait=30)) == ["there"])
    check(time.monotonic() - started < 5)


def story_a_poll_ends_at_its_deadline(server):
    bob = server.user()
    started = time.monotonic()
    page = bob.sync(wait=1)
    check(page["events"] == [] and page["more"] is False and page["superseded"] is False, page)
    check(0.9 <= time.monotonic() - started < 5, time.monotonic() - started)
    check(bob.sync(page["cursor"], wait=1)["cursor"] == page["cursor"])


def story_prefer_says_how_long_too(server):
    bob = server.user()
    for prefer, applied in (("wait=1", "wait=1"), ("respond-async, wait=1", "wait=1"),
                            ("WAIT=1; x=y", "wait=1")):
        started = time.monotonic()
        answer = bob.get("/sync", fields={"Prefer": prefer})
        check(answer.field("Preference-Applied") == applied, prefer, answer.fields)
        check(0.9 <= time.monotonic() - started < 5, prefer)
    for prefer in ("wait=x", "respond-async", ""):
        answer = bob.get("/sync", fields={"Prefer": prefer})
        check(answer.status == 200 and answer.field("Preference-Applied") is None, prefer)
    answer = bob.get("/sync?wait=0", fields={"Prefer": "wait=20"})
    check(answer.status == 200 and answer.field("Preference-Applied") is None, "wait= wins")


def story_asking_again_at_once_is_slowed_down(server):
    bob = server.user()
    page = bob.sync()
    started = time.monotonic()
    again = bob.sync(page["cursor"])
    took = time.monotonic() - started
    check(again == page, page, again)
    check(0.5 <= took < 5, "held for the rest of the second", took)


def story_a_message_is_in_the_next_sync(server):
    ann, bob = server.user(), server.user()
    cursor = bob.sync()["cursor"]
    for turn in range(3):
        ann.send(bob, str(turn))
        page = bob.sync(cursor)
        check(texts(page) == [str(turn)], page)
        cursor = page["cursor"]


def story_a_new_waiting_poll_takes_the_place_of_the_old(stack):
    with Server(stack) as server:
        ann, bob = server.user(), server.user()
        cursor = bob.sync()["cursor"]
        old = Poll(bob, f"wait=40&cursor={cursor}")
        waiting(server, 1)
        new = Poll(bob, f"wait=40&cursor={cursor}")
        page = old.result()
        check(page == {"events": [], "cursor": cursor, "more": False, "superseded": True}, page)
        bob.get("/sync?wait=0")
        ann.send(bob, "for the new one")
        check(texts(new.result()) == ["for the new one"], "a poll with wait=0 displaces nothing")


def story_another_devices_poll_is_left_alone(server):
    ann, bob = server.user(), server.user(device="a")
    other = server.user(bob.id, device="b")
    first, second = Poll(bob, "wait=30"), Poll(other, "wait=30")
    wait_until(lambda: len(bob.get("/devices").json["devices"]) == 2, 10, "two devices")
    ann.send(bob, "both")
    check(texts(first.result()) == ["both"] and texts(second.result()) == ["both"])


def story_a_stream_and_a_poll_do_not_displace_each_other(server):
    ann, bob = server.user(), server.user()
    with bob.stream() as stream:
        stream.wait_for("hello")
        poll = Poll(bob, "wait=30")
        waiting(server, 1)
        ann.send(bob, "both")
        check(stream.wait_for("incoming_message", "bye").json["content"] == "both")
        check(texts(poll.result()) == ["both"])


def check_reset(page, *contents):
    check(page["events"][0]["type"] == "reset", page)
    check(set(page["events"][0]) == {"type", "reason"}, page)
    check([e["content"] for e in page["events"][1:]] == list(contents), page)


def story_bad_cursors_begin_anew_and_get_a_good_one(server):
    ann, bob = server.user(), server.user()
    ann.send(bob, "a")
    good = bob.sync()["cursor"]
    epoch, seq = good.split(".")
    for bad in ("x", "1.2.3", ".", epoch, epoch + ".", "." + seq, f"{epoch}.{int(seq) + 1}",
                f"{epoch}.99999999999999999999999", f"{epoch}.-1", "%00", "a" * 500):
        for more in ("", "&wait=20"):
            answer = bob.get(f"/sync?cursor={bad}{more}")
            check(answer.status == 200, bad, answer)
            check_reset(answer.json, "a")
            check(answer.json["events"][0]["reason"] == "unknown_cursor", bad, answer)
            check(answer.json["cursor"] == good, bad, answer)
    page = bob.sync(f"{int(epoch) + 1}.{seq}")
    check_reset(page, "a")
    check(page["events"][0]["reason"] == "epoch", page)
    check(bob.sync(page["cursor"])["events"] == [], "usable")


def story_a_reset_of_an_empty_inbox_answers_at_once(server):
    bob = server.user()
    started = time.monotonic()
    check_reset(bob.sync("nonsense", wait=20))
    check(time.monotonic() - started < 5)


def story_passing_a_cursor_confirms_receipts_and_never_messages(server):
    ann, bob = server.user(), server.user()
    sent = ann.send(bob, "to bob")["message_id"]
    bob.send(ann, "to ann")
    bob.sync()
    bob.ack(message_ids=[sent])
    page = ann.sync()
    check([e["type"] for e in page["events"]] == ["incoming_message", "message_delivered"], page)
    check([e["type"] for e in ann.sync()["events"]] == ["incoming_message", "message_delivered"])
    check(ann.sync(page["cursor"])["events"] == [])
    check([e["type"] for e in ann.sync()["events"]] == ["incoming_message"],
          "only the receipt is gone")


def story_a_waiting_poll_confirms_what_it_passes(server):
    ann, bob = server.user(), server.user()
    cursor = ann.sync()["cursor"]
    sent = ann.send(bob)["message_id"]
    poll = Poll(ann, f"wait=30&cursor={cursor}")
    waiting(server, 1)
    bob.ack(message_ids=[sent])
    page = poll.result()
    check([e["type"] for e in page["events"]] == ["message_delivered"], page)
    following = Poll(ann, f"wait=1&cursor={page['cursor']}")
    check(following.result()["events"] == [])
    wait_until(lambda: ann.sync()["events"] == [], 5, "confirmed by the poll that passed it")


def story_a_client_may_change_between_stream_and_poll_at_any_event(server):
    ann, bob = server.user(), server.user()
    sent = [ann.send(bob, str(i))["message_id"] for i in range(12)]
    for at in range(12):
        with bob.stream() as stream:
            for _ in range(at + 1):
                event = stream.wait_for("incoming_message")
        check(event.json["message_id"] == sent[at] and event.id == event.json["cursor"], event)
        check([e["message_id"] for e in bob.sync(event.id)["events"]] == sent[at + 1:], at)
        page = bob.sync(limit=at + 1)
        if at < 11:
            with bob.stream(page["cursor"]) as stream:
                check(stream.wait_for("incoming_message").json["message_id"] == sent[at + 1], at)


def story_polls_in_a_chain_miss_nothing(server):
    ann, bob = server.user(), server.user()
    got, cursor = [], bob.sync()["cursor"]

    def run():
        for i in range(100):
            ann.send(bob, str(i))
    sender = threading.Thread(daemon=True, target=run)
    sender.start()
    deadline = time.monotonic() + 20
    while len(got) < 100:
        check(time.monotonic() < deadline, got)
        page = bob.sync(cursor, wait=5, limit=7)
        got += texts(page)
        cursor = page["cursor"]
    sender.join()
    check(got == [str(i) for i in range(100)], got)


def story_a_poll_whose_client_is_gone_leaves_no_trace(stack):
    with Server(stack) as server:
        bob = server.user()
        bob.sync()
        polls = [Connection(server.address) for _ in range(5)]
        from http1 import render
        for i, c in enumerate(polls):
            c.send(render("GET", BASE + "/sync?wait=50",
                          fields=dict(bob.fields(), **{"X-Device-Id": f"d{i}"})))
        wait_until(lambda: server.metric('parley_streams_open{kind="poll"}') == 5, 10, "five polls")
        for c in polls:
            c.close()
        wait_until(lambda: server.metric('parley_streams_open{kind="poll"}') == 0, 10, "none left")
