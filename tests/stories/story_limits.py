"""Too many requests, too many connections."""

import re

from http1 import Closed, Connection
from parley import BASE, Server, check, check_problem, wait_until

KEY = b"limits-limits-limits-limits-limits"


def story_every_authenticated_answer_tells_what_is_left(server):
    ann = server.user()
    first, second = ann.get("/settings"), ann.get("/settings")
    for answer in (first, second, ann.get("/groups/00000000-0000-0000-0000-000000000000")):
        policy, state = answer.field("RateLimit-Policy"), answer.field("RateLimit")
        check(re.fullmatch(r'"default";q=\d+;w=\d+', policy), policy)
        check(re.fullmatch(r'"default";r=\d+;t=\d+', state), state)
    with ann.stream() as stream:
        check(stream.response.field("RateLimit") is None, stream.response.fields)
    q, w = map(int, re.findall(r"=(\d+)", first.field("RateLimit-Policy")))
    check(q / w >= 1000, "with --dev at least 1,000 a second", q, w)


def story_a_user_who_asks_too_much_is_told_when_to_come_back(stack):
    with Server(stack, "--rate-user-per-s=1", "--rate-user-burst=3", key=KEY) as server:
        ann, bob = server.user(), server.user()
        answers = [ann.get("/settings") for _ in range(8)]
        refused = [a for a in answers if a.status == 429]
        check(len(refused) >= 4, answers)
        for answer in refused:
            check_problem(answer, 429, "rate_limited")
            check(1 <= int(answer.field("Retry-After")) <= 3, answer.fields)
            check('r=0' in answer.field("RateLimit"), answer.fields)
        check(bob.get("/settings").status == 200, "others are unharmed")
        wait_until(lambda: ann.get("/settings").status == 200, 10, "a token back")


def story_guessing_at_tokens_is_limited_by_address(stack):
    flags = ("--rate-address-per-s=1", "--rate-address-burst=5")
    with Server(stack, *flags, key=KEY) as server:
        ann = server.user()
        for _ in range(20):
            check(ann.get("/settings").status == 200, "a good token costs the address nothing")
        statuses = []
        with Connection(server.address) as c:
            for _ in range(10):
                answer = c.request("GET", BASE + "/settings", fields={"Authorization": "Bearer x"})
                statuses.append(answer.status)
        check(statuses[0] == 401 and 429 in statuses, statuses)
        check(answer.status == 429 and answer.field("Retry-After"), answer)


def is_served(connection):
    try:
        return connection.request("GET", "/nowhere").status == 404
    except (Closed, OSError):
        return False


def story_connections_of_one_address_are_limited(stack):
    with Server(stack, "--connections-address-max=5") as server:
        held = [Connection(server.address) for _ in range(5)]
        check(all(is_served(c) for c in held))
        with Connection(server.address) as sixth:
            check(not is_served(sixth), "the sixth is turned away")
        held.pop().close()

        def one_more():
            with Connection(server.address) as again:
                return is_served(again)
        wait_until(one_more, 5, "the place that is free again")
        for c in held:
            c.close()
        check(server.metric("parley_connections_refused_total") >= 1)


def story_connections_of_the_process_are_limited_and_streams_count(stack):
    with Server(stack, "--connections-max=16", "--linger-ms=0") as server:
        ann = server.user()
        streams = [server.user(ann.id, device=f"d{i}").stream() for i in range(8)]
        for stream in streams:
            stream.wait_for("hello")
        ann.hang_up()

        def fill():
            held, served = [], 0
            for _ in range(20):
                held.append(Connection(server.address))
                served += is_served(held[-1])
            for c in held:
                c.close()
            return served
        wait_until(lambda: fill() == 8, 10, "eight of sixteen places beside eight streams")
        wait_until(lambda: server.metric("parley_connections_open") <= 10, 10, "they are gone")
        ann.send(ann, "still here")
        check(streams[0].wait_for("incoming_message").json["content"] == "still here")
        for stream in streams:
            stream.close()
        wait_until(lambda: server.metric("parley_connections_open") <= 2, 10, "closed streams gone")
