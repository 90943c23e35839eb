"""MySQL away, Redis away, servers killed: a clear answer, nothing acknowledged lost, and everything
comes back by itself."""

import signal
import threading
import time

from http1 import Closed
from parley import Server, check, check_problem, long, wait_until

KEY = b"a key that several servers share."


def texts(page):
    return [e["content"] for e in page["events"]]


def check_away(answer):
    """What a client is told while the store is away."""
    check(answer.status in (503, 504), answer)
    if answer.status == 503:
        check_problem(answer, 503, answer.json["code"])
        check(answer.json["code"] in ("unavailable", "busy"), answer)
        check(int(answer.field("Retry-After")) >= 1, answer.fields)
    else:
        check_problem(answer, 504, "uncertain")


def story_the_store_is_killed_and_comes_back(trouble):
    with Server(trouble, "--db-deadline-ms=1500", "--probe-ms=500") as server:
        ann, bob = server.user(), server.user()
        ann.send(bob, "before")
        with bob.stream() as stream:
            stream.wait_for("incoming_message")
            trouble.run("kill", "mariadbd")
            body = {"receiver_id": bob.id, "content": "while away", "message_id_by_client": 1}
            check_away(ann.post("/send", body))
            check_away(ann.get("/settings"))
            check_away(bob.get("/sync"))
            check_away(bob.post("/ack", {"message_ids": ["00000000-0000-4000-8000-000000000000"]}))
            trouble.run("start", "mariadbd")
            answer = wait_until(lambda: (lambda a: a if a.status == 201 else check_away(a))(
                ann.post("/send", body)), 30, "service resumes by itself")
            check(answer.json["message_id_by_client"] == 1)
            event = stream.wait_for("incoming_message", "bye", timeout=20)
            check(event.json.get("content") == "while away", event)
        check(texts(bob.sync()) == ["before", "while away"], "once")


def story_a_stream_opened_while_the_store_is_away_is_sent_away_politely(trouble):
    with Server(trouble, "--db-deadline-ms=500") as server:
        bob = server.user()
        trouble.run("kill", "mariadbd")
        try:
            with bob.stream() as stream:
                check(stream.response.status == 200, stream.response)
                bye = stream.wait_for("bye")
                check(bye.json["reason"] == "busy" and bye.retry == bye.json["retry_ms"] >= 1000,
                      bye.block)
                check(stream.ends())
        finally:
            trouble.run("start", "mariadbd")
        wait_until(lambda: bob.get("/settings").status == 200, 30, "service resumes")


def story_a_store_that_hangs_is_told_in_time(trouble):
    with Server(trouble, "--db-deadline-ms=1000") as server:
        ann, bob = server.user(), server.user()
        trouble.signal("mariadbd", signal.SIGSTOP)
        try:
            started = time.monotonic()
            check_away(ann.post("/send", {"receiver_id": bob.id, "content": "x",
                                          "message_id_by_client": 1}, timeout=20))
            check(time.monotonic() - started < 8, "the deadline", time.monotonic() - started)
        finally:
            trouble.signal("mariadbd", signal.SIGCONT)
        wait_until(lambda: ann.post("/send", {"receiver_id": bob.id, "content": "x",
                                              "message_id_by_client": 1}).status == 201, 30)
        check(texts(bob.sync()) == ["x"], "once, whatever became of the first")


def story_more_work_than_the_queue_takes_is_refused_at_once(trouble):
    flags = ("--db-queue-max=4", "--db-lanes=1", "--db-deadline-ms=8000")
    with Server(trouble, *flags) as server:
        users = [server.user() for _ in range(24)]
        for user in users:
            user.get("/settings")
        answers = []
        trouble.signal("mariadbd", signal.SIGSTOP)
        try:
            threads = [threading.Thread(daemon=True, target=lambda user=user: answers.append(
                user.post("/send", {"receiver_id": users[0].id, "content": user.id,
                                    "message_id_by_client": 1}, timeout=30))) for user in users]
            for thread in threads:
                thread.start()
            wait_until(lambda: answers, 5, "a refusal while the store hangs")
        finally:
            trouble.signal("mariadbd", signal.SIGCONT)
        for thread in threads:
            thread.join()
        busy = [a for a in answers if a.status == 503]
        check(busy and all(a.json["code"] == "busy" for a in busy), answers)
        check(all(int(a.field("Retry-After")) >= 1 for a in busy))
        sent = [a for a in answers if a.status == 201]
        check(len(sent) + len(busy) == 24, answers)
        check(len(users[0].sync()["events"]) == len(sent), "what was refused was not done")


def story_nothing_acknowledged_is_lost_when_the_store_is_killed(trouble):
    with Server(trouble, "--db-deadline-ms=3000") as server:
        bob = server.user()
        sent, stop = [], threading.Event()

        def run(me, number):
            while not stop.is_set():
                try:
                    answer = me.post("/send",
                                     {"receiver_id": bob.id, "content": f"{me.id}/{number}",
                                               "message_id_by_client": number}, timeout=20)
                except (Closed, OSError, TimeoutError):
                    continue
                if answer.status == 201:
                    sent.append(answer.json["message_id"])
                    number += 1
        senders = [threading.Thread(daemon=True, target=run, args=(server.user(), 0))
                   for _ in range(4)]
        for sender in senders:
            sender.start()
        for _ in range(2):
            count = len(sent)
            wait_until(lambda: len(sent) > count + 100, 30, "a flow of sends")
            trouble.run("restart", "mariadbd")
        count = len(sent)
        wait_until(lambda: len(sent) > count + 20, 30, "the flow goes on")
        stop.set()
        for sender in senders:
            sender.join()
        got, page = [], bob.sync(limit=500)
        got += page["events"]
        while page["more"]:
            page = bob.sync(page["cursor"], limit=500)
            got += page["events"]
        ids = [e["message_id"] for e in got]
        check(set(ids) >= set(sent), "lost", len(set(sent) - set(ids)), "of", len(sent))
        check(len(set(ids)) == len(ids) and len({e["content"] for e in got}) == len(got),
              "none twice")
        seqs = [int(e["cursor"].split(".")[1]) for e in got]
        check(seqs == list(range(seqs[0], seqs[0] + len(seqs))), "gap-free")


def story_without_redis_deliveries_go_on_and_with_it_they_are_at_once(trouble):
    flags = ("--probe-ms=60000", "--probe-down-ms=300")
    with Server(trouble, *flags, key=KEY) as one, Server(trouble, *flags, key=KEY) as two:
        ann, bob = one.user(), two.user()
        bob.get("/settings")
        with bob.stream() as stream:
            stream.wait_for("hello")
            ann.send(bob, "by redis")
            check(stream.wait_for("incoming_message").json["content"] == "by redis")
            trouble.run("kill", "redis")
            wait_until(lambda: two.metric("parley_relay_up") == 0, 10, "noticed")
            for i in range(3):
                ann.send(bob, f"by the probe {i}")
                check(stream.wait_for("incoming_message").json["content"] == f"by the probe {i}")
            trouble.run("start", "redis")
            for server in (one, two):
                wait_until(lambda: server.metric("parley_relay_up") == 2, 20,
                           "both reactors are back")
            ann.send(bob, "anything missed comes with the next")
            stream.wait_for("incoming_message", timeout=10)
            for i in range(3):
                ann.send(bob, f"at once {i}")
                check(stream.wait_for("incoming_message",
                                      timeout=5).json["content"] == f"at once {i}")


def story_redis_is_not_needed_by_one_server(stack):
    with Server(stack, "--probe-ms=60000", redis=False) as server:
        ann, bob = server.user(), server.user()
        with bob.stream() as stream:
            stream.wait_for("hello")
            for i in range(5):
                ann.send(bob, str(i))
                check(stream.wait_for("incoming_message").json["content"] == str(i))
            cursor = stream.seen[-1].id
        page = bob.sync(cursor, wait=1)
        check(page["events"] == [], page)


def story_two_servers_deliver_to_each_other(stack):
    flags = ("--probe-ms=60000",)
    with Server(stack, *flags, key=KEY) as one, Server(stack, *flags, key=KEY) as two:
        ann, bob = one.user(), two.user()
        bob.get("/settings")
        ann.get("/settings")
        with bob.stream() as stream, ann.stream() as senders:
            stream.wait_for("hello")
            senders.wait_for("hello")
            for i in range(5):
                ann.send(bob, str(i))
                event = stream.wait_for("incoming_message").json
                check(event["content"] == str(i), event)
                check(bob.ack(message_ids=[event["message_id"]]) == 1)
                receipt = senders.wait_for("message_delivered").json
                check(receipt["message_id"] == event["message_id"], receipt)
            group_id = ann.group("across", bob)
            check(stream.wait_for("group_changed").json["groupId"] == group_id)
            bob.send_group(group_id, "back")
            check(senders.wait_for("incoming_message").json["content"] == "back")


def story_without_redis_two_servers_deliver_by_the_probe(stack):
    flags = ("--probe-ms=300",)
    with Server(stack, *flags, key=KEY, redis=False) as one:
        with Server(stack, *flags, key=KEY, redis=False) as two:
            ann, bob = one.user(), two.user()
            bob.get("/settings")
            with bob.stream() as stream:
                stream.wait_for("hello")
                for i in range(3):
                    ann.send(bob, str(i))
                    check(stream.wait_for("incoming_message").json["content"] == str(i))
            check(two.metric("parley_probe_found_total") >= 3)


def story_a_stream_elsewhere_displaces_this_one(stack):
    with Server(stack, key=KEY) as one, Server(stack, key=KEY) as two:
        here = one.user()
        there = two.user(here.id)
        with here.stream() as old:
            old.wait_for("hello")
            with there.stream() as new:
                new.wait_for("hello")
                bye = old.wait_for("bye").json
                check(bye["reason"] == "displaced" and bye["retry_ms"] >= 60000, bye)
                check(there.call("DELETE", "/devices/default").status == 204)
                check(new.wait_for("bye").json["reason"] == "forgotten")


def story_a_poll_elsewhere_takes_the_place_of_this_one(stack):
    from story_sync import Poll, waiting
    with Server(stack, key=KEY) as one, Server(stack, key=KEY) as two:
        here = one.user()
        there = two.user(here.id)
        cursor = here.sync()["cursor"]
        there.get("/settings")
        old = Poll(here, f"wait=40&cursor={cursor}")
        waiting(one, 1)
        new = Poll(there, f"wait=40&cursor={cursor}")
        page = old.result()
        check(page == {"events": [], "cursor": cursor, "more": False, "superseded": True}, page)
        here.send(here, "for the new one")
        check(texts(new.result()) == ["for the new one"])


def story_a_redis_that_hangs_holds_nobody_up(trouble):
    flags = ("--probe-ms=400",)
    with Server(trouble, *flags, key=KEY) as one, Server(trouble, *flags, key=KEY) as two:
        ann, bob = one.user(), two.user()
        bob.get("/settings")
        with bob.stream() as stream:
            stream.wait_for("hello")
            trouble.signal("redis", signal.SIGSTOP)
            try:
                for i in range(3):
                    started = time.monotonic()
                    ann.send(bob, str(i))
                    check(time.monotonic() - started < 3, "a send waits for no Redis")
                    check(stream.wait_for("incoming_message").json["content"] == str(i))
                page = one.user(bob.id, device="other").sync(wait=1)
                check(texts(page) == ["0", "1", "2"], page)
            finally:
                trouble.signal("redis", signal.SIGCONT)


def memory_kb(server):
    with open(f"/proc/{server.process.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def is_sanitized(server):
    with open(f"/proc/{server.process.pid}/maps") as f:
        return "libasan" in (maps := f.read()) or "libtsan" in maps


def story_readers_that_stop_reading_cost_bounded_memory(stack):
    with Server(stack) as server:
        ann, bob, carl = server.user(), server.user(), server.user()
        streams = [server.user(bob.id, device=f"d{i}").stream() for i in range(10)]
        for stream in streams:
            stream.wait_for("hello")
        ann.send(bob, "warm")
        before = memory_kb(server)
        big = "\u20ac" * 1000
        with carl.stream() as other:
            for i in range(800):
                ann.send(bob, big)
                if i % 200 == 0:
                    ann.send(carl, str(i))
                    check(other.wait_for("incoming_message").json["content"] == str(i))
        grown = memory_kb(server) - before
        # Ten streams that keep all of it would hold 10 * 800 * 3 KB = 24 MB.
        check(grown < 12000 or is_sanitized(server), "grown by", grown, "KB")
        for stream in streams:
            got = [stream.wait_for("incoming_message").json["content"] for _ in range(801)]
            check(got == ["warm"] + [big] * 800)
            stream.close()


@long
def story_a_server_killed_again_and_again_loses_nothing(stack):
    server = Server(stack, key=KEY)
    bob = server.user()
    bob.get("/settings")
    sent, stop = {}, threading.Event()

    def run(me, number):
        while not stop.is_set():
            try:
                answer = me.post("/send", {"receiver_id": bob.id, "content": f"{me.id}/{number}",
                                           "message_id_by_client": number})
            except (Closed, OSError, TimeoutError):
                continue
            if answer.status == 201:
                sent[f"{me.id}/{number}"] = answer.json["message_id"]
                number += 1
    senders = [threading.Thread(daemon=True, target=run, args=(server.user(), 0)) for _ in range(6)]
    for sender in senders:
        sender.start()
    try:
        for turn in range(6):
            count = len(sent)
            wait_until(lambda: len(sent) > count + 60 + 37 * turn, 30, "a flow of sends")
            server.kill()
            server.start()
        count = len(sent)
        wait_until(lambda: len(sent) > count + 50, 30, "the flow goes on")
    finally:
        stop.set()
        for sender in senders:
            sender.join()
    bob.hang_up()
    page = bob.sync(limit=500)
    got = page["events"]
    while page["more"]:
        page = bob.sync(page["cursor"], limit=500)
        got += page["events"]
    ids = [e["message_id"] for e in got]
    check(set(ids) >= set(sent.values()), "lost", len(set(sent.values()) - set(ids)))
    check(len(set(ids)) == len(ids) and len({e["content"] for e in got}) == len(got), "none twice")
    seqs = [int(e["cursor"].split(".")[1]) for e in got]
    check(seqs == list(range(seqs[0], seqs[0] + len(seqs))), "gap-free")
    server.close()


def story_a_server_that_is_killed_finds_everything_again(stack):
    server = Server(stack, key=KEY)
    ann, bob = server.user(), server.user()
    bob.get("/settings")
    first = [ann.send(bob, str(i), message_id_by_client=i) for i in range(5)]
    cursor = bob.sync()["cursor"]
    server.kill()
    ann.hang_up()
    bob.hang_up()
    server.start()
    check([e["message_id"] for e in bob.sync()["events"]] == [f["message_id"] for f in first])
    check(bob.sync(cursor)["events"] == [], "cursors hold")
    again = ann.send(bob, "3", message_id_by_client=3)
    check(again == first[3], "and so do keys", again)
    check(bob.ack(up_to=cursor) == 5)
    check(len(ann.sync()["events"]) == 5)
    server.close()


def send_till_answered(servers, name, body):
    """Tries one server after the other, with the same key, until a 201."""
    deadline = time.monotonic() + 30
    while True:
        for server in servers:
            try:
                answer = server.user(name).post("/send", body)
                if answer.status == 201:
                    return answer.json
                check(answer.status in (503, 504), answer)
            except (OSError, Closed, TimeoutError):
                pass
        check(time.monotonic() < deadline, "never answered")


def dying(stack, fault, *flags):
    """A server that dies, or fails, at this point; None if it did so before it was ready."""
    try:
        return Server(stack, "--fanout-lease-ms=300", "--db-lanes=1", "--reactors=1", *flags,
                      key=KEY,
                      environment={"PARLEY_FAULT": fault})
    except AssertionError:
        return None


POINTS = ("lane_before_statement", "lane_after_statement", "lane_before_commit",
          "lane_after_commit")


def tell_faults(stack, action, counts, tell):
    """Runs tell(servers) for each point and count, with a sound server beside the one that fails.
    Returns how many of the others died."""
    deaths = 0
    with Server(stack, "--fanout-lease-ms=300", "--probe-ms=300", key=KEY) as sound:
        for point in POINTS:
            for count in counts:
                other = dying(stack, f"{point}:{action}:{count}")
                if other is None:
                    deaths += 1
                    continue
                try:
                    tell([other, sound], f"{point} {action} {count}")
                finally:
                    if other.process.poll() is not None:
                        deaths += 1
                    other.kill()
        tell.resumed = sound.metric("parley_fanout_resumed_total")
    return deaths


def tell_send(servers, what):
    bob = servers[1].user()
    bob.get("/settings")
    name = bob.id + "-ann"
    for number in range(3):
        body = {"receiver_id": bob.id, "content": str(number), "message_id_by_client": number}
        send_till_answered(servers, name, body)
    events = bob.sync()["events"]
    check([e["content"] for e in events] == ["0", "1", "2"], what, events)
    seqs = [int(e["cursor"].split(".")[1]) for e in events]
    check(seqs == list(range(seqs[0], seqs[0] + 3)), what, seqs)


def tell_group_send(servers, what):
    sound = servers[1]
    bob, carl = sound.user(), sound.user()
    for user in (bob, carl):
        user.get("/settings")
    name = bob.id + "-ann"
    ann = sound.user(name)
    group_id = ann.group(what, bob, carl)
    for number in range(3):
        body = {"groupId": group_id, "content": str(number), "message_id_by_client": number}
        send_till_answered(servers, name, body)
    for user in (bob, carl):
        got, deadline, cursor = [], time.monotonic() + 20, None
        while len(got) < 3:
            check(time.monotonic() < deadline, what, "only", got)
            page = user.sync(cursor, wait=2)
            cursor = page["cursor"]
            got += [e for e in page["events"] if e["type"] == "incoming_message"]
        check([e["content"] for e in got] == ["0", "1", "2"], what, got)
        check([e["group_seq"] for e in got] == [1, 2, 3], what, got)


def story_an_outcome_that_stays_unknown_is_said_to_be_so(stack):
    """From some commit on, every one loses its connection before the answer is there."""
    uncertain = 0
    with Server(stack, key=KEY) as sound:
        for count in range(1, 4):
            other = dying(stack, f"lane_after_commit:down:{count}", "--db-deadline-ms=700")
            if other is None:
                continue
            ann, bob = other.user(), sound.user()
            bob.get("/settings")
            sound.user(ann.id).get("/settings")
            body = {"receiver_id": bob.id, "content": "well?", "message_id_by_client": 1}
            answer = ann.post("/send", body, timeout=20)
            if answer.status == 504:
                check_problem(answer, 504, "uncertain")
                check(int(answer.field("Retry-After")) >= 1, answer.fields)
                uncertain += 1
            else:  # its user could not be looked up, or its commit came before the fault
                check(answer.status in (503, 201), answer)
            check(sound.user(ann.id).post("/send", body).status == 201, "the same key, elsewhere")
            check(texts(bob.sync()) == ["well?"], "once")
            other.kill()
    check(uncertain >= 1, "a send whose commit was not answered")


@long
def story_wherever_a_server_dies_a_send_is_one_message(stack):
    check(tell_faults(stack, "kill", range(1, 5), tell_send) >= 8, "servers have died")


@long
def story_wherever_a_connection_breaks_a_send_is_one_message(stack):
    tell_faults(stack, "fail", range(1, 5), tell_send)


@long
def story_wherever_a_server_dies_a_group_send_reaches_all_once(stack):
    check(tell_faults(stack, "kill", range(1, 9), tell_group_send) >= 12, "servers have died")
    check(tell_group_send.resumed >= 1, "another server has finished a fan-out")


@long
def story_wherever_a_connection_breaks_a_group_send_reaches_all_once(stack):
    tell_faults(stack, "fail", range(1, 9, 2), tell_group_send)
