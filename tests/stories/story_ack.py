"""POST ack in its three forms: what is confirmed stays away, and its sender is told once."""

import uuid

from parley import check, check_problem


def ids(page):
    return [e["message_id"] for e in page["events"]]


def story_the_three_forms(server):
    ann, bob = server.user(), server.user()
    sent = [ann.send(bob, str(i))["message_id"] for i in range(6)]
    page = bob.sync()
    check(ids(page) == sent, page)
    answer = bob.post("/ack", {"type": "message_delivered", "message_id": sent[0], "timestamp": 1})
    check(answer.status == 200 and answer.json == {"status": "success", "acknowledged": 1}, answer)
    check(bob.ack(message_ids=[sent[3], sent[1]]) == 2)
    check(ids(bob.sync()) == [sent[2], sent[4], sent[5]])
    check(bob.ack(up_to=page["events"][4]["cursor"]) == 2, "those of them that were left")
    check(ids(bob.sync()) == [sent[5]])
    receipts = ann.sync()["events"]
    check(sorted(r["message_id"] for r in receipts) == sorted(sent[:5]), receipts)


def story_an_ack_again_confirms_nothing_new(server):
    ann, bob = server.user(), server.user()
    sent = ann.send(bob)
    page = bob.sync()
    check(bob.ack(message_ids=[sent["message_id"], sent["message_id"]]) == 1,
          "named twice, one message")
    check(bob.ack(message_ids=[sent["message_id"]]) == 0)
    check(bob.ack(up_to=page["cursor"]) == 0)
    check(bob.ack(up_to=page["cursor"]) == 0)
    check(len(ann.sync()["events"]) == 1, "one receipt")


def story_unknown_ids_are_no_error(server):
    ann, bob, eve = server.user(), server.user(), server.user()
    sent = ann.send(bob)["message_id"]
    check(eve.ack(message_ids=[sent]) == 0, "not hers")
    check(ann.ack(message_ids=[sent]) == 0, "the sender's copy does not exist")
    check(bob.ack(message_ids=[str(uuid.uuid4()), "x", "", sent.upper()]) == 1)
    check(bob.ack(message_id="no uuid") == 0)
    check(bob.sync()["events"] == [])


def story_wrong_forms_are_refused(server):
    ann, bob = server.user(), server.user()
    sent = ann.send(bob)["message_id"]
    cursor = bob.sync()["cursor"]
    for body in ({}, {"message_id": sent, "message_ids": [sent]},
                 {"message_id": sent, "up_to": cursor},
                 {"message_ids": []}, {"message_ids": sent}, {"message_ids": [1]},
                 {"message_ids": [None]}, {"message_id": 5}, {"message_id": [sent]}, {"up_to": 5},
                 {"up_to": [cursor]}, {"type": "read", "message_id": sent},
                 {"message_id": sent, "timestamp": {}}):
        check_problem(bob.post("/ack", body), 422, "bad_field")
    check(ids(bob.sync()) == [sent], "nothing was confirmed")
    check(bob.post("/ack",
                   {"message_id": sent, "message_ids": None,
                    "up_to": None}).json["acknowledged"] == 1)


def story_a_thousand_ids_and_not_one_more(server):
    ann, bob = server.user(), server.user()
    sent = [ann.send(bob, str(i))["message_id"] for i in range(20)]
    bob.sync()
    filler = [str(uuid.uuid4()) for _ in range(981)]
    check_problem(bob.post("/ack", {"message_ids": filler + sent}), 413, "too_large")
    check(bob.ack(message_ids=filler[:980] + sent) == 20)
    check(bob.sync()["events"] == [])


def story_a_bad_cursor_confirms_nothing(server):
    ann, bob = server.user(), server.user()
    sent = ann.send(bob)["message_id"]
    cursor = bob.sync()["cursor"]
    epoch, seq = cursor.split(".")
    for bad in ("", "x", "1", ".", f"{epoch}.", f".{seq}", f"{epoch}.x", f"{epoch}.-1",
                cursor + " ",
                f"{int(epoch) + 1}.{seq}", f"{epoch}.{int(seq) + 1}",
                f"{epoch}.99999999999999999999999",
                f"{epoch}.{seq}.1", "\u0000"):
        check_problem(bob.post("/ack", {"up_to": bad}), 422, "bad_cursor")
    check(ids(bob.sync()) == [sent])


def story_up_to_confirms_receipts_too(server):
    ann, bob = server.user(), server.user()
    first = ann.send(bob)["message_id"]
    bob.ack(message_ids=[first])
    page = ann.sync()
    check([e["type"] for e in page["events"]] == ["message_delivered"], page)
    check(ann.ack(up_to=page["cursor"]) == 0, "acknowledged counts messages")
    check(ann.sync()["events"] == [])


def story_message_ids_confirm_incoming_messages_only(server):
    ann, bob = server.user(), server.user()
    first = ann.send(bob)["message_id"]
    bob.sync()
    bob.ack(message_ids=[first])
    check(ann.ack(message_ids=[first]) == 0)
    check([e["type"] for e in ann.sync()["events"]] == ["message_delivered"],
          "the receipt is there")


def story_each_device_confirms_for_itself_and_the_sender_is_told_once(server):
    ann = server.user()
    phone = server.user(device="phone")
    tablet = server.user(phone.id, device="tablet")
    phone.sync()
    tablet.sync()
    sent = ann.send(phone)["message_id"]
    check(ids(phone.sync()) == [sent] and ids(tablet.sync()) == [sent])
    check(phone.ack(message_ids=[sent]) == 1)
    check(phone.sync()["events"] == [] and ids(tablet.sync()) == [sent])
    check(ids(ann.sync()) == [sent], "told at the first")
    check(tablet.ack(message_ids=[sent]) == 1)
    check(tablet.sync()["events"] == [])
    check(len(ann.sync()["events"]) == 1, "and not again")


def story_an_ack_makes_a_device(server):
    ann, bob = server.user(), server.user(device="watch")
    sent = ann.send(bob)["message_id"]
    check(bob.ack(message_ids=[sent]) == 1, "the first device takes what waited")
    devices = bob.get("/devices").json["devices"]
    check([d["device_id"] for d in devices] == ["watch"], devices)
    check(bob.sync()["events"] == [])


def story_up_to_of_another_device_is_fine(server):
    ann = server.user()
    phone = server.user(device="phone")
    tablet = server.user(phone.id, device="tablet")
    phone.sync()
    tablet.sync()
    ann.send(phone)
    cursor = phone.sync()["cursor"]
    check(tablet.sync()["cursor"] == cursor, "one order for all devices")
    check(tablet.ack(up_to=cursor) == 1)
    check(len(phone.sync()["events"]) == 1 and tablet.sync()["events"] == [])


def story_an_ack_is_durable_before_it_is_answered(server):
    ann, bob = server.user(), server.user()
    with bob.stream() as stream:
        for i in range(3):
            ann.send(bob, str(i))
            event = stream.wait_for("incoming_message").json
            check(bob.ack(message_ids=[event["message_id"]]) == 1)
            check(bob.get("/sync").json["events"] == [], i)


def story_receipts_arrive_live(server):
    ann, bob = server.user(), server.user()
    with ann.stream() as stream:
        stream.wait_for("hello")
        sent = [ann.send(bob, str(i))["message_id"] for i in range(3)]
        page = bob.sync()
        check(bob.ack(up_to=page["cursor"]) == 3)
        got = [stream.wait_for("message_delivered").json["message_id"] for _ in range(3)]
        check(sorted(got) == sorted(sent), got)
