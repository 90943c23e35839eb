"""SIGTERM: byes at a pace, what runs is finished, nobody new comes in, exit 0 in time."""

import signal
import threading
import time

from http1 import Closed, Connection, render
from parley import Server, check, long, wait_until
from story_sync import Poll


def refuses(server):
    try:
        with Connection(server.address, timeout=2) as c:
            c.request("GET", "/nowhere", timeout=2)
        return False
    except (OSError, Closed, TimeoutError):
        return True


def story_streams_get_paced_byes_and_polls_their_answer(stack):
    server = Server(stack, "--drain-ms=3000")
    streams = [server.user().stream() for _ in range(24)]
    for stream in streams:
        stream.wait_for("hello")
    bob = server.user()
    cursor = bob.sync()["cursor"]
    poll = Poll(bob, f"wait=50&cursor={cursor}")
    wait_until(lambda: server.metric('parley_streams_open{kind="poll"}') == 1, 10, "a parked poll")
    byes = []

    def listen(stream):
        bye = stream.wait_for("bye", timeout=20)
        byes.append((time.monotonic(), bye.json))
        check(stream.ends(), "the stream ends after its bye")
    listeners = [threading.Thread(daemon=True, target=listen, args=(stream,)) for stream in streams]
    for listener in listeners:
        listener.start()
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: refuses(server), 10, "new connections are refused")
    check(server.process.wait(20) == 0, server.log()[-2000:])
    check(time.monotonic() - started < 10, "in time", time.monotonic() - started)
    for listener in listeners:
        listener.join()
    server.process.stdout.close()
    check(len(byes) == 24 and all(bye["reason"] == "drain" for _, bye in byes), byes)
    times = [at for at, _ in byes]
    check(max(times) - min(times) > 0.5, "not all at once", max(times) - min(times))
    page = poll.result()
    check(page == {"events": [], "cursor": cursor, "more": False, "superseded": False}, page)
    check(poll.answer.field("Connection") == "close", poll.answer.fields)
    for stream in streams:
        stream.close()


def story_an_idle_server_ends_at_once(stack):
    server = Server(stack, "--drain-ms=8000")
    with Connection(server.address) as c:
        check(c.request("GET", "/nowhere").status == 404)
        started = time.monotonic()
        check(server.stop() == 0)
        check(time.monotonic() - started < 4, "idle connections hold nothing up",
              time.monotonic() - started)


def story_a_send_in_flight_is_finished(trouble):
    server = Server(trouble, "--drain-ms=8000", "--db-deadline-ms=7000")
    ann, bob = server.user(), server.user()
    ann.send(bob, "first")
    begun = server.metric("parley_lane_wait_seconds_count")
    trouble.signal("mariadbd", signal.SIGSTOP)
    answers = []
    sender = threading.Thread(daemon=True, target=lambda: answers.append(
        ann.post("/send", {"receiver_id": bob.id, "content": "in flight"}, timeout=20)))
    try:
        sender.start()
        wait_until(lambda: server.metric("parley_lane_wait_seconds_count") > begun, 5,
                   "its transaction has begun")
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(server), 10, "it drains")
    finally:
        trouble.signal("mariadbd", signal.SIGCONT)
    sender.join()
    check(server.process.wait(20) == 0, server.log()[-2000:])
    server.process.stdout.close()
    check(answers and answers[0].status == 201, answers)
    check(answers[0].field("Connection") == "close", answers[0].fields)
    with Server(trouble) as again:
        late = again.user(bob.id)
        check([e["content"] for e in late.sync()["events"]] == ["first", "in flight"])


def texts(user):
    return [e["content"] for e in user.sync()["events"] if e["type"] == "incoming_message"]


def story_a_group_send_that_outlasts_the_drain_leaves_its_job_behind(trouble):
    server = Server(trouble, "--reactors=1", "--drain-ms=300", "--db-deadline-ms=7000",
                    "--fanout-lease-ms=4000")  # so long that no search for jobs comes between
    ann, bob = server.user(), server.user()
    group = ann.group("g", bob)
    ann.send_group(group, "first")
    wait_until(lambda: "first" in texts(bob), 10, "the first one's job is done")
    begun = server.metric("parley_lane_wait_seconds_count")
    trouble.signal("mariadbd", signal.SIGSTOP)
    try:
        ann.connection.send(render("POST", "/chat/app/send", {"groupId": group, "content": "late"},
                                   ann.fields()))
        wait_until(lambda: server.metric("parley_lane_wait_seconds_count") > begun, 5,
                   "its transaction has begun")
        server.process.send_signal(signal.SIGTERM)
        check(ann.connection.is_closed(10), "the clients are cut off")
    finally:
        trouble.signal("mariadbd", signal.SIGCONT)
    check(server.process.wait(20) == 0, server.log()[-2000:])
    server.process.stdout.close()
    with Server(trouble, "--fanout-lease-ms=4000") as again:
        late = again.user(bob.id)
        wait_until(lambda: texts(late) == ["first", "late"], 20, "another server does the job")


@long
def story_a_rolling_restart_under_load_loses_nothing(stack):
    """Closed-loop senders with their own numbers, who go to whichever server answers."""
    servers = [Server(stack, "--drain-ms=1500"), Server(stack, "--drain-ms=1500")]
    bob = servers[0].user()
    sent, stop = [], threading.Event()

    def run(name):
        number = 0
        while not stop.is_set():
            for server in list(servers):
                try:
                    me = server.user(name)
                    while not stop.is_set():
                        body = {"receiver_id": bob.id, "content": f"{name}/{number}",
                                "message_id_by_client": number}
                        answer = me.post("/send", body)
                        check(answer.status in (201, 503, 504), answer)
                        if answer.status != 201:
                            continue
                        sent.append((f"{name}/{number}", answer.json["message_id"]))
                        number += 1
                except (OSError, Closed, TimeoutError, AssertionError):
                    continue
    senders = [threading.Thread(daemon=True, target=run, args=(f"{bob.id}-s{i}",))
               for i in range(4)]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(sent) > 50, 20, "a flow of sends")
    for at in (0, 1):
        check(servers[at].stop() == 0)
        servers[at] = Server(stack, "--drain-ms=1500")
        count = len(sent)
        wait_until(lambda: len(sent) > count + 50, 20, "the flow goes on")
    stop.set()
    for sender in senders:
        sender.join()
    reader, got = servers[0].user(bob.id), []
    page = reader.sync(limit=500)
    got += page["events"]
    while page["more"]:
        page = reader.sync(page["cursor"], limit=500)
        got += page["events"]
    ids = [e["message_id"] for e in got]
    check(len(set(ids)) == len(ids) and set(ids) >= {i for _, i in sent}, len(ids), len(sent))
    check(len({e["content"] for e in got}) == len(got), "none twice")
    seqs = [int(e["cursor"].split(".")[1]) for e in got]
    check(seqs == list(range(seqs[0], seqs[0] + len(seqs))), "gap-free")
    for server in servers:
        server.close()
