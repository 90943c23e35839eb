"""POST send: both documented forms, what comes back, what arrives, and the receipt."""

import time
import uuid

from parley import check, check_problem


def story_a_message_is_delivered_once_it_was_answered(server):
    ann, bob = server.user(), server.user(device="phone")
    before = time.time()
    sent = ann.send(bob, "hello bob", message_id_by_client=7)
    check(set(sent) == {"status", "action", "message_id", "message_id_by_client", "timestamp",
                        "timestamp_ms"}, sent)
    check(sent["status"] == "success" and sent["action"] == "message_received", sent)
    check(sent["message_id_by_client"] == 7, sent)
    check(sent["timestamp"] == sent["timestamp_ms"] // 1000, sent)
    check(before - 1 <= sent["timestamp_ms"] / 1000 <= time.time() + 1, sent)
    uuid.UUID(sent["message_id"])

    page = bob.sync()
    check(len(page["events"]) == 1 and page["more"] is False and page["superseded"] is False, page)
    event = page["events"][0]
    check(event == {"type": "incoming_message", "message_id": sent["message_id"],
                    "sender_id": ann.id, "content": "hello bob", "timestamp": sent["timestamp"],
                    "timestamp_ms": sent["timestamp_ms"], "device_id": "default",
                    "cursor": page["cursor"]}, event)


def story_the_receipt_tells_the_sender_when_and_whom(server):
    ann, bob = server.user(), server.user()
    sent = ann.send(bob)
    bob.sync()
    before = time.time()
    check(bob.ack(type="message_delivered", message_id=sent["message_id"], timestamp=1) == 1)
    page = ann.sync()
    check(len(page["events"]) == 1, page)
    event = page["events"][0]
    check(set(event) == {"type", "message_id", "receiver_id", "timestamp", "cursor"}, event)
    check(event["type"] == "message_delivered" and event["message_id"] == sent["message_id"], event)
    check(event["receiver_id"] == bob.id and event["cursor"] == page["cursor"], event)
    check(before - 2 <= event["timestamp"] <= time.time() + 1, event)
    check(bob.sync()["events"] == [], "acknowledged, so it does not come again")


def story_the_documented_frame_is_a_send(server):
    ann, bob = server.user(device="tablet"), server.user()
    answer = ann.post("/send", {"action": "send_message", "receiver_id": bob.id, "content": "frame",
                                "message_id_by_client": 12, "timestamp": 1700000000})
    check(answer.status == 201 and answer.json["message_id_by_client"] == 12, answer)
    event = bob.sync()["events"][0]
    check(event["content"] == "frame" and event["device_id"] == "tablet", event)
    check(event["timestamp"] == answer.json["timestamp"] != 1700000000, "the server's time counts")


def story_the_documented_rest_payload_is_a_send(server):
    ann, bob = server.user(), server.user()
    group_id = ann.group("pair", bob)
    for name in ("crratedat", "createdAt"):
        answer = ann.post("/send", {"userId": ann.id, "content": name, "groupId": group_id,
                                    name: "2024-01-01T00:00:00Z",
                                    "attachments": [{"url": "https://example.org/a.png"}]})
        check(answer.status == 201 and "message_id_by_client" not in answer.json, answer)


def story_the_two_forms_are_one_object(server):
    ann, bob = server.user(), server.user()
    answer = ann.post("/send", {
        "action": "send_message", "userId": ann.id, "receiver_id": bob.id, "content": "both",
        "crratedat": 1, "createdAt": True, "timestamp": "x", "unknown": {"a": [1]},
        "attachments": [{"url": "http://example.org/x", "name": "n", "type": "t", "size": 3,
                         "unknown": 1}]})
    check(answer.status == 201, answer)
    event = bob.sync()["events"][0]
    check(event["attachments"] == [{"url": "http://example.org/x", "name": "n", "type": "t",
                                    "size": 3}], event)


def story_null_means_absent(server):
    ann, bob = server.user(), server.user()
    body = {name: None for name in ("action", "userId", "groupId", "attachments", "timestamp",
                                    "message_id_by_client", "crratedat", "createdAt")}
    answer = ann.post("/send", dict(body, receiver_id=bob.id, content="x"))
    check(answer.status == 201 and "message_id_by_client" not in answer.json, answer)
    event = bob.sync()["events"][0]
    check("attachments" not in event and "groupId" not in event, event)
    check_problem(ann.post("/send", dict(body, receiver_id=bob.id, content=None)), 422, "bad_field")


def story_a_trailing_slash_is_taken_by_the_documented_calls(server):
    ann, bob = server.user(), server.user()
    created = ann.post("/createGroup/", {"groupname": "g", "members": [ann.id]})
    check(created.status == 201, created)
    group_id = created.json["groupId"]
    check(ann.post("/send/", {"receiver_id": bob.id, "content": "x"}).status == 201)
    check(ann.post("/add/", {"userId": [bob.id], "groupId": group_id}).status == 200)
    check(ann.post("/remove/", {"userId": [bob.id], "groupId": group_id}).status == 200)
    for path in ("/sync/", "/stream/", "/groups/", "/settings/", "/devices/"):
        check_problem(ann.get(path), 404, "not_found")


def story_text_of_any_script_comes_back_as_it_was(server):
    ann, bob = server.user(), server.user()
    texts = ["\u00e4\u20ac\U0001f600", "a\u0001b\u001f", "\"\\/\b\f\n\r\t", "\u2028\u2029\ufeff",
             "\ufffe\uffff",
             "</script>", "data: x\n\nevent: y\n", "\U0010ffff", " ", "\u0301"]
    for text in texts:
        ann.send(bob, text)
    with bob.stream() as stream:
        for text in texts:
            event = stream.wait_for("incoming_message")
            check(event.json["content"] == text, event.json, repr(text))
    check([e["content"] for e in bob.sync()["events"]] == texts)


def story_a_sender_gets_no_copy_of_its_own_message(server):
    ann, bob = server.user(), server.user()
    ann.send(bob)
    check(ann.sync()["events"] == [])


def story_a_send_to_oneself_is_a_normal_one(server):
    ann = server.user()
    sent = ann.send(ann, "note")
    page = ann.sync()
    check([e["message_id"] for e in page["events"]] == [sent["message_id"]], page)
    check(ann.ack(message_ids=[sent["message_id"]]) == 1)
    receipt = ann.sync()["events"]
    check([(e["type"], e["receiver_id"]) for e in receipt] == [("message_delivered", ann.id)],
          receipt)


def story_an_unknown_receiver_is_named(server):
    ann = server.user()
    body = check_problem(ann.post("/send", {"receiver_id": "nobody-at-all", "content": "x"}),
                         404, "unknown_user")
    check([e["pointer"] for e in body["errors"]] == ["/receiver_id"], body)


def story_only_the_caller_may_be_the_user(server):
    ann, bob = server.user(), server.user()
    answer = ann.post("/send", {"userId": bob.id, "receiver_id": bob.id, "content": "x"})
    check_problem(answer, 403, "forbidden")
    check(bob.sync()["events"] == [])


def story_exactly_one_of_receiver_and_group(server):
    ann, bob = server.user(), server.user()
    group_id = ann.group("pair", bob)
    check_problem(ann.post("/send", {"content": "x"}), 422, "bad_field")
    both = {"content": "x", "receiver_id": bob.id, "groupId": group_id}
    check_problem(ann.post("/send", both), 422, "bad_field")


def story_messages_come_in_the_order_in_which_they_were_accepted(server):
    ann, bob, carl = server.user(), server.user(), server.user()
    sent = [(ann, carl)[i % 2].send(bob, str(i))["message_id"] for i in range(30)]
    check([e["message_id"] for e in bob.sync()["events"]] == sent)
    check(bob.sync()["events"] == bob.sync()["events"], "each time the same")


def story_many_senders_at_once_lose_nothing(server):
    import threading
    bob = server.user()
    sent, lock = [], threading.Lock()

    def run():
        me = server.user()
        for i in range(25):
            message = me.send(bob, str(i), message_id_by_client=i)
            with lock:
                sent.append((me.id, i, message["message_id"]))

    threads = [threading.Thread(daemon=True, target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(len(sent) == 200, len(sent))
    events = bob.sync(limit=500)["events"]
    got = [(e["sender_id"], int(e["content"]), e["message_id"]) for e in events]
    check(sorted(got) == sorted(sent), len(got))
    seqs = [int(e["cursor"].split(".")[1]) for e in events]
    check(seqs == list(range(seqs[0], seqs[0] + 200)), "gap-free", seqs)
    for sender in {s for s, _, _ in got}:
        check([i for s, i, _ in got if s == sender] == list(range(25)))
