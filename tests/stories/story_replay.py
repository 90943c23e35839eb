"""Idempotent sends: the same key again, in every spelling, from every side."""

import threading

from parley import check, check_problem


def send(user, body, key=None, fields=None):
    fields = dict(fields or {})
    if key is not None:
        fields["Idempotency-Key"] = key
    return user.post("/send", body, fields=fields)


def check_replay(first, again):
    check(again.status == 201 and again.json == first.json, first, again)
    check(again.field("Idempotency-Replayed") == "true", again.fields)
    check(first.field("Idempotency-Replayed") is None, first.fields)


def story_the_same_number_again_is_the_same_answer(server):
    ann, bob = server.user(), server.user()
    body = {"receiver_id": bob.id, "content": "once", "message_id_by_client": 0}
    first = send(ann, body)
    check_replay(first, send(ann, body))
    check_replay(first, send(ann, dict(body, timestamp=99, crratedat="later")))
    check(len(bob.sync()["events"]) == 1)


def story_the_same_key_with_other_content_is_a_conflict(server):
    ann, bob = server.user(), server.user()
    body = {"receiver_id": bob.id, "content": "once", "message_id_by_client": 5}
    first = send(ann, body)
    check_problem(send(ann, dict(body, content="twice")), 409, "key_reused")
    check_problem(send(ann, dict(body, attachments=[{"url": "http://a.b/c"}])), 409, "key_reused")
    check_replay(first, send(ann, body))
    check([e["content"] for e in bob.sync()["events"]] == ["once"])


def story_integer_and_string_keys_differ(server):
    ann, bob = server.user(), server.user()
    one = send(ann, {"receiver_id": bob.id, "content": "a", "message_id_by_client": 5})
    two = send(ann, {"receiver_id": bob.id, "content": "b", "message_id_by_client": "5"})
    check(one.json["message_id_by_client"] == 5 and two.json["message_id_by_client"] == "5", one,
          two)
    check(two.status == 201 and one.json["message_id"] != two.json["message_id"], one, two)


def story_the_largest_number_comes_back_as_it_came(server):
    ann, bob = server.user(), server.user()
    for key in (0, 2 ** 53 - 1, "x" * 64, "\u00e4" * 32, " "):
        answer = send(ann, {"receiver_id": bob.id, "content": "k", "message_id_by_client": key})
        check(answer.status == 201 and answer.json["message_id_by_client"] == key, answer)


def story_what_is_no_key_is_refused(server):
    ann, bob = server.user(), server.user()
    for text in ("-1", "1.0", "1e3", "9007199254740992", "1.5", '""', '"' + "x" * 65 + '"', "true",
                 "[1]", "{}", '"a\\u0000b"', "123456789012345678901234567890"):
        body = '{"receiver_id":"%s","content":"x","message_id_by_client":%s}' % (bob.id, text)
        problem = check_problem(ann.post("/send", body), 422, "bad_field")
        check([e["pointer"] for e in problem["errors"]] == ["/message_id_by_client"], text, problem)
    check(bob.sync()["events"] == [])


def story_the_header_is_a_string_key(server):
    ann, bob = server.user(), server.user()
    body = {"receiver_id": bob.id, "content": "h"}
    first = send(ann, body, key="abc")
    check("message_id_by_client" not in first.json, first)
    check_replay(first, send(ann, body, key="abc"))
    check_replay(first, send(ann, body, key='"abc"'))
    as_field = send(ann, dict(body, message_id_by_client="abc"))
    check(as_field.json["message_id"] == first.json["message_id"], "one kind of key", as_field)
    check_problem(send(ann, dict(body, content="i"), key="abc"), 409, "key_reused")
    check(len(bob.sync()["events"]) == 1)


def story_with_both_the_header_is_the_key_and_the_field_the_echo(server):
    ann, bob = server.user(), server.user()
    body = {"receiver_id": bob.id, "content": "h", "message_id_by_client": 1}
    first = send(ann, body, key="k")
    again = send(ann, dict(body, message_id_by_client=2), key="k")
    check(again.json["message_id"] == first.json["message_id"], again)
    check(again.field("Idempotency-Replayed") == "true" and again.json["message_id_by_client"] == 2,
          again)
    other = send(ann, body, key="l")
    check(other.json["message_id"] != first.json["message_id"], other)


def story_a_bad_header_key_is_refused(server):
    ann, bob = server.user(), server.user()
    body = {"receiver_id": bob.id, "content": "h"}
    for key in ('""', '"open', '"a"b', "x" * 256, "", "caf\u00e9"):
        answer = send(ann, body, key=key)
        check_problem(answer, 422, "bad_field")
    check(bob.sync()["events"] == [])


def story_keys_are_kept_apart_by_sender_device_and_conversation(server):
    bob, carl = server.user(), server.user()
    ann, other = server.user(), server.user()
    tablet = server.user(ann.id, device="tablet")
    group_id = ann.group("g", bob)
    ids = set()
    for user, target in ((ann, bob), (other, bob), (tablet, bob), (ann, carl)):
        ids.add(user.send(target, "same", message_id_by_client=1)["message_id"])
    ids.add(ann.send_group(group_id, "same", message_id_by_client=1)["message_id"])
    check(len(ids) == 5, ids)


def story_a_replay_is_known_after_delivery(server):
    ann, bob = server.user(), server.user()
    body = {"receiver_id": bob.id, "content": "gone", "message_id_by_client": 3}
    first = send(ann, body)
    bob.sync()
    check(bob.ack(message_ids=[first.json["message_id"]]) == 1)
    check_replay(first, send(ann, body))
    check_problem(send(ann, dict(body, content="other")), 409, "key_reused")
    check(bob.sync()["events"] == [], "shown nothing twice")


def story_a_replay_comes_before_any_check_of_rights(server):
    ann, bob, carl = server.user(), server.user(), server.user()
    group_id = ann.group("g", bob, carl)
    body = {"groupId": group_id, "content": "mine", "message_id_by_client": 1}
    first = send(bob, body)
    check(first.status == 201, first)
    check(ann.post("/remove", {"groupId": group_id, "userId": [bob.id]}).status == 200)
    check_replay(first, send(bob, body))
    check_problem(send(bob, dict(body, message_id_by_client=2)), 403, "not_member")


def story_a_retry_storm_makes_one_message(server):
    ann, bob = server.user(), server.user()
    body = {"receiver_id": bob.id, "content": "storm", "message_id_by_client": 77}
    answers = []

    def run():
        me = server.user(ann.id)
        for _ in range(5):
            answers.append(send(me, body))

    threads = [threading.Thread(daemon=True, target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(len(answers) == 40 and all(a.status == 201 for a in answers), answers)
    check(len({a.body for a in answers}) == 1, {a.body for a in answers})
    replayed = [a for a in answers if a.field("Idempotency-Replayed") == "true"]
    check(len(replayed) == 39, len(replayed))
    check(len(bob.sync()["events"]) == 1)


def story_a_storm_of_mixed_keys_answers_each_by_itself(server):
    ann, bob = server.user(), server.user()
    firsts = [ann.send(bob, f"m{i}", message_id_by_client=i) for i in range(20)]
    outcomes = []

    def run(turn):
        me = server.user(ann.id)
        for i in range(20):
            body = {"receiver_id": bob.id, "content": f"m{i}", "message_id_by_client": i}
            if (i + turn) % 3 == 1:
                body["content"] = "another"
            if (i + turn) % 3 == 2:
                body["message_id_by_client"] = 1000 + turn * 100 + i
            outcomes.append((turn, i, send(me, body)))

    threads = [threading.Thread(daemon=True, target=run, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for turn, i, answer in outcomes:
        kind = (i + turn) % 3
        check(answer.status == (201, 409, 201)[kind], turn, i, answer)
        if kind == 0:
            check(answer.json == firsts[i], answer, firsts[i])
    fresh = sum(1 for turn, i, _ in outcomes if (i + turn) % 3 == 2)
    events = bob.sync(limit=500)["events"]
    check(len(events) == 20 + fresh and len({e["message_id"] for e in events}) == len(events))


def story_a_group_send_is_replayed_too(server):
    ann, bob = server.user(), server.user()
    group_id = ann.group("g", bob)
    body = {"groupId": group_id, "content": "once", "message_id_by_client": 9}
    first = send(ann, body)
    check_replay(first, send(ann, body))
    check_problem(send(ann, dict(body, content="twice")), 409, "key_reused")
    with bob.stream() as stream:
        check(stream.wait_for("incoming_message").json["group_seq"] == 1)
    second = ann.send_group(group_id, "next")
    with bob.stream() as stream:
        check(stream.wait_for("incoming_message").json["message_id"] == first.json["message_id"])
        event = stream.wait_for("incoming_message").json
        check(event["message_id"] == second["message_id"] and event["group_seq"] == 2, event)
