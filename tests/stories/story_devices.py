"""Devices: how they come into being, what they get, how they go."""

from parley import check, check_problem


def names(user):
    return sorted(d["device_id"] for d in user.get("/devices").json["devices"])


def texts(user):
    return [e["content"] for e in user.sync()["events"]]


def story_a_device_comes_with_its_first_stream_sync_or_ack(server):
    ann = server.user(device="a")
    check(names(ann) == [])
    ann.sync()
    check(names(ann) == ["a"])
    with server.user(ann.id, device="b").stream() as stream:
        stream.wait_for("hello")
    server.user(ann.id, device="c").ack(message_ids=["x"])
    answer = ann.get("/devices").json["devices"]
    check(all(set(d) == {"device_id", "last_seen", "current"} for d in answer), answer)
    check({d["device_id"]: d["current"] for d in answer} == {"a": True, "b": False, "c": False}
          or names(ann) == ["a", "b"], answer)


def story_the_first_device_takes_what_waited_and_a_later_one_what_is_pending(server):
    ann, bob = server.user(), server.user(device="first")
    sent = [ann.send(bob, str(i))["message_id"] for i in range(4)]
    check(texts(bob) == ["0", "1", "2", "3"])
    bob.ack(message_ids=sent[:2])
    later = server.user(bob.id, device="later")
    check(texts(later) == ["2", "3"], "all that is still pending")
    bob.ack(message_ids=sent[2:])
    check(texts(bob) == [] and texts(later) == ["2", "3"], "confirmed by one of two")
    check(later.ack(message_ids=sent[2:]) == 2 and texts(later) == [])


def story_sixteen_devices_and_not_one_more(server):
    ann = server.user(device="d0")
    ann.sync()
    for i in range(1, 16):
        server.user(ann.id, device=f"d{i}").sync()
    check(len(names(ann)) == 16)
    extra = server.user(ann.id, device="d16")
    check_problem(extra.get("/sync"), 409, "too_many_devices")
    check_problem(extra.get("/sync?wait=1"), 409, "too_many_devices")
    check_problem(extra.get("/stream"), 409, "too_many_devices")
    check_problem(extra.post("/ack", {"up_to": ann.sync()["cursor"]}), 409, "too_many_devices")
    check(ann.call("DELETE", "/devices/d3").status == 204)
    extra.sync()
    check("d16" in names(ann) and "d3" not in names(ann))
    ann.send(ann, "to sixteen")
    for i in list(range(3)) + list(range(4, 17)):
        device = server.user(ann.id, device=f"d{i}")
        check(texts(device) == ["to sixteen"], i)


def story_forgetting_a_device(server):
    ann = server.user()
    phone, tablet = server.user(device="phone"), None
    tablet = server.user(phone.id, device="tablet")
    phone.sync()
    with tablet.stream() as stream:
        stream.wait_for("hello")
        answer = phone.call("DELETE", "/devices/tablet")
        check(answer.status == 204 and answer.body == b"", answer)
        bye = stream.wait_for("bye").json
        check(bye["reason"] == "forgotten" and bye["retry_ms"] >= 60000, bye)
        check(stream.ends())
    check(names(phone) == ["phone"])
    check_problem(phone.call("DELETE", "/devices/tablet"), 404, "not_found")
    check_problem(phone.call("DELETE", "/devices/a%20b"), 404, "not_found")
    sent = ann.send(phone)["message_id"]
    check(phone.ack(message_ids=[sent]) == 1)
    check(texts(tablet) == [], "nothing waits for a device that was forgotten")


def story_a_message_leaves_when_the_forgotten_device_was_the_last_to_confirm(server):
    ann = server.user()
    phone = server.user(device="phone")
    tablet = server.user(phone.id, device="tablet")
    phone.sync()
    tablet.sync()
    sent = ann.send(phone)["message_id"]
    check(phone.ack(message_ids=[sent]) == 1)
    check(phone.call("DELETE", "/devices/tablet").status == 204)
    late = server.user(phone.id, device="late")
    check(texts(late) == [], "every device has confirmed it")


def story_forgetting_the_last_one_leaves_what_is_pending_for_the_next(server):
    ann, bob = server.user(), server.user(device="only")
    bob.sync()
    ann.send(bob, "before")
    check(bob.call("DELETE", "/devices/only").status == 204)
    check(names(bob) == [])
    ann.send(bob, "after")
    following = server.user(bob.id, device="next")
    check(texts(following) == ["before", "after"])
    check(following.ack(up_to=following.sync()["cursor"]) == 2)
    check(texts(following) == [])


def story_ids_in_paths_may_be_escaped(server):
    ann = server.user(device="a:b@c+d-e._")
    ann.sync()
    check(ann.call("DELETE", "/devices/a%3Ab%40c%2Bd-e._").status == 204)
    check(names(ann) == [])


def story_a_device_that_looks_again_is_seen(server):
    ann = server.user(device="a")
    ann.sync()
    device = ann.get("/devices").json["devices"][0]
    import time
    check(abs(device["last_seen"] - time.time()) < 60, device)
