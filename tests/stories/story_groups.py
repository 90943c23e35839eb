"""Groups: who is in, what they may, what they are told, in which order."""

import time
import uuid

from parley import check, check_problem, wait_until


def change(user, call, group_id, *members):
    return user.post(f"/{call}",
                     {"userId": [getattr(m, "id", m) for m in members], "groupId": group_id})


def roles(user, group_id, role, *members):
    return user.post(f"/groups/{group_id}/roles", {"userId": [m.id for m in members], "role": role})


def members_of(user, group_id):
    answer = user.get(f"/groups/{group_id}")
    check(answer.status == 200, answer)
    return {m["userId"]: m["role"] for m in answer.json["members"]}


def events(user, count, *types):
    """The next `count` events of these types, each once, by polling; all are acknowledged."""
    got, deadline = [], time.monotonic() + 10
    while len([e for e in got if e["type"] in types]) < count:
        check(time.monotonic() < deadline, "only", got, "of", count, types)
        page = user.sync(wait=2)
        got += page["events"]
        if page["events"]:
            user.ack(up_to=page["cursor"])
    return [e for e in got if e["type"] in types]


def story_the_creator_is_member_and_admin(server):
    ann, bob, carl = server.user(), server.user(), server.user()
    answer = ann.post("/createGroup", {"groupname": "trip", "userId": ann.id,
                                       "members": [bob.id, carl.id, bob.id, ann.id]})
    check(answer.status == 201 and set(answer.json) == {"groupId"}, answer)
    group_id = answer.json["groupId"]
    uuid.UUID(group_id)
    group = bob.get(f"/groups/{group_id}").json
    check(set(group) == {"groupId", "groupname", "version", "created_by", "members"}, group)
    check(group["groupname"] == "trip" and group["created_by"] == ann.id, group)
    check(members_of(ann, group_id) == {ann.id: "admin", bob.id: "member", carl.id: "member"})
    listed = wait_until(lambda: carl.get("/groups").json["groups"], 5, "the list")
    check(listed == [{"groupId": group_id, "groupname": "trip", "role": "member",
                      "version": group["version"], "members": 3}], listed)
    own = wait_until(lambda: ann.get("/groups").json["groups"], 5, "the list")
    check(own[0]["role"] == "admin", own)


def story_all_members_are_told_of_the_group(server):
    ann, bob = server.user(), server.user()
    group_id = ann.group("news", bob)
    for user in (ann, bob):
        event = events(user, 1, "group_changed")[0]
        check(set(event) == {"type", "groupId", "groupname", "change", "userId", "by", "version",
                             "timestamp", "cursor"}, event)
        check(event["groupId"] == group_id and event["groupname"] == "news", event)
        check(event["change"] == "created" and event["by"] == ann.id, event)
        check(sorted(event["userId"]) == sorted([ann.id, bob.id]), "`created` names all", event)


def story_create_is_idempotent_by_its_key(server):
    ann, bob = server.user(), server.user()
    body = {"groupname": "once", "members": [bob.id]}
    first = ann.post("/createGroup", body, fields={"Idempotency-Key": "g1"})
    again = ann.post("/createGroup", body, fields={"Idempotency-Key": '"g1"'})
    check(again.status == 201 and again.json == first.json, first, again)
    check(again.field("Idempotency-Replayed") == "true", again.fields)
    check(first.field("Idempotency-Replayed") is None, first.fields)
    other = ann.post("/createGroup", dict(body, groupname="twice"),
                     fields={"Idempotency-Key": "g1"})
    check_problem(other, 409, "key_reused")
    check(ann.post("/createGroup", body).json != first.json, "no key, no replay")
    events(bob, 2, "group_changed")
    check(bob.sync()["events"] == [])


def story_only_its_creator_may_create(server):
    ann, bob = server.user(), server.user()
    answer = ann.post("/createGroup", {"groupname": "g", "userId": bob.id, "members": [bob.id]})
    check_problem(answer, 403, "forbidden")


def story_unknown_users_are_named_and_nothing_is_done(server):
    ann, bob = server.user(), server.user()
    answer = ann.post("/createGroup", {"groupname": "g", "members": ["no-1", bob.id, "no-2"]})
    body = check_problem(answer, 404, "unknown_user")
    check([e["pointer"] for e in body["errors"]] == ["/members/0", "/members/2"], body)
    check(ann.get("/groups").json == {"groups": []})
    group_id = ann.group("g", ann)
    body = check_problem(change(ann, "add", group_id, bob, "no-3"), 404, "unknown_user")
    check([e["pointer"] for e in body["errors"]] == ["/userId/1"], body)
    check(members_of(ann, group_id) == {ann.id: "admin"})


def story_lists_are_checked(server):
    ann = server.user()
    group_id = ann.group("g", ann)
    for bad in ([], None, "x", {}, [1], ["a b"], [None]):
        for answer in (ann.post("/createGroup", {"groupname": "g", "members": bad}),
                       ann.post("/add", {"userId": bad, "groupId": group_id}),
                       ann.post("/remove", {"userId": bad, "groupId": group_id}),
                       ann.post(f"/groups/{group_id}/roles", {"userId": bad, "role": "admin"})):
            check_problem(answer, 422, "bad_field")
    for bad in (None, "boss", 1, ""):
        answer = ann.post(f"/groups/{group_id}/roles", {"userId": [ann.id], "role": bad})
        check_problem(answer, 422, "bad_field")
    for bad in (None, "x", 5, group_id[:-1]):
        check_problem(ann.post("/add", {"userId": [ann.id], "groupId": bad}), 422, "bad_field")


def story_what_is_no_group(server):
    ann = server.user()
    unknown = str(uuid.uuid4())
    for name in (unknown, "x", "%00", unknown[:-1]):
        check_problem(ann.get(f"/groups/{name}"), 404, "unknown_group")
        answer = ann.post(f"/groups/{name}/roles", {"userId": [ann.id], "role": "admin"})
        check_problem(answer, 404, "unknown_group")
    for call in ("add", "remove"):
        check_problem(change(ann, call, unknown, ann), 404, "unknown_group")
    check_problem(ann.post("/send", {"groupId": unknown, "content": "x"}), 404, "unknown_group")


def story_only_members_see_and_send(server):
    ann, bob, eve = server.user(), server.user(), server.user()
    group_id = ann.group("ours", bob)
    check_problem(eve.get(f"/groups/{group_id}"), 403, "not_member")
    check_problem(eve.post("/send", {"groupId": group_id, "content": "x"}), 403, "not_member")
    check_problem(change(eve, "add", group_id, eve), 403, "not_member")
    check_problem(change(eve, "remove", group_id, bob), 403, "not_member")
    check_problem(roles(eve, group_id, "admin", eve), 403, "not_member")
    check(eve.get("/groups").json == {"groups": []})


def story_only_admins_change_the_group(server):
    ann, bob, carl, dora = (server.user() for _ in range(4))
    group_id = ann.group("ours", bob, carl)
    check_problem(change(bob, "add", group_id, dora), 403, "not_admin")
    check_problem(change(bob, "remove", group_id, carl), 403, "not_admin")
    check_problem(change(bob, "remove", group_id, bob, carl), 403, "not_admin")
    check_problem(roles(bob, group_id, "admin", bob), 403, "not_admin")
    check(set(members_of(ann, group_id)) == {ann.id, bob.id, carl.id})
    gone = change(bob, "remove", group_id, bob)
    check(gone.status == 200 and gone.json["userId"] == [bob.id], "anyone may remove itself", gone)


def story_add_lists_those_who_came(server):
    ann, bob, carl = server.user(), server.user(), server.user()
    group_id = ann.group("g", bob)
    before = ann.get(f"/groups/{group_id}").json["version"]
    answer = change(ann, "add", group_id, bob, carl, carl)
    check(answer.json == {"status": "success", "groupId": group_id, "userId": [carl.id]}, answer)
    check(ann.get(f"/groups/{group_id}").json["version"] == before + 1)
    again = change(ann, "add", group_id, bob, carl)
    check(again.status == 200 and again.json["userId"] == [], again)
    check(ann.get(f"/groups/{group_id}").json["version"] == before + 1, "nothing changed")
    told = events(carl, 1, "group_changed")[0]
    check(told["change"] == "added" and told["userId"] == [carl.id] and told["by"] == ann.id, told)
    check([e["change"] for e in events(bob, 2, "group_changed")] == ["created", "added"])
    check([e["change"] for e in events(ann, 2, "group_changed")] == ["created", "added"],
          "the actor")
    for user in (ann, bob, carl):
        check(user.sync()["events"] == [], "one for each call that changed something")


def story_a_removed_member_is_told_and_gets_nothing_more(server):
    ann, bob, carl = server.user(), server.user(), server.user()
    group_id = ann.group("g", bob, carl)
    ann.send_group(group_id, "before")
    events(bob, 1, "incoming_message")
    answer = change(ann, "remove", group_id, bob)
    check(answer.json == {"status": "success", "groupId": group_id, "userId": [bob.id]}, answer)
    check(change(ann, "remove", group_id, bob).json["userId"] == [], "those already out")
    check_problem(bob.get(f"/groups/{group_id}"), 403, "not_member")
    ann.send_group(group_id, "after")
    check([e["content"] for e in events(carl, 2, "incoming_message")] == ["before", "after"])
    told = events(bob, 1, "group_changed")[-1]
    check(told["change"] == "removed" and told["userId"] == [bob.id], told)
    check(bob.sync()["events"] == [])
    wait_until(lambda: bob.get("/groups").json == {"groups": []}, 5, "the own list")


def story_roles_change_and_are_told(server):
    ann, bob, carl = server.user(), server.user(), server.user()
    group_id = ann.group("g", bob, carl)
    answer = roles(ann, group_id, "admin", bob, ann)
    check(answer.json == {"status": "success", "groupId": group_id, "userId": [bob.id]}, answer)
    check(members_of(carl, group_id)[bob.id] == "admin")
    check(change(bob, "remove", group_id, carl).status == 200, "rights hold at once")
    told = events(bob, 3, "group_changed")
    check([e["change"] for e in told] == ["created", "role", "removed"], told)
    check(told[1]["userId"] == [bob.id] and told[1]["by"] == ann.id, told)
    demoted = roles(bob, group_id, "member", ann)
    check(demoted.json["userId"] == [ann.id], demoted)
    check_problem(change(ann, "add", group_id, carl), 403, "not_admin")


def story_the_last_admin(server):
    ann, bob, carl = server.user(), server.user(), server.user()
    group_id = ann.group("g", ann)
    change(ann, "add", group_id, bob)
    change(ann, "add", group_id, carl)
    check_problem(roles(ann, group_id, "member", ann), 409, "last_admin")
    check(members_of(ann, group_id)[ann.id] == "admin")
    check(change(ann, "remove", group_id, ann).status == 200)
    check(members_of(bob, group_id) == {bob.id: "admin", carl.id: "member"}, "the oldest member")
    check(change(bob, "remove", group_id, carl, bob).status == 200)
    check_problem(bob.get(f"/groups/{group_id}"), 404, "unknown_group")
    check_problem(ann.post("/send", {"groupId": group_id, "content": "x"}), 404, "unknown_group")


def story_a_group_has_1024_members(server):
    ann = server.user()
    ids = [f"{ann.id}-m{i}" for i in range(1100)]
    for name in ids[:1024]:
        check(ann.post("/login", {"userId": name}, token=False).status == 200)
    check_problem(ann.post("/createGroup", {"groupname": "big", "members": ids[:1024]}), 409,
                  "group_full")
    group_id = ann.group("big", *ids[:1023])
    check_problem(change(ann, "add", group_id, ids[1023]), 409, "group_full")
    check(change(ann, "add", group_id, ids[5]).json["userId"] == [], "already in")
    check(change(ann, "remove", group_id, ids[0]).status == 200)
    check(change(ann, "add", group_id, ids[1023]).json["userId"] == [ids[1023]])
    sent = ann.send_group(group_id, "to all")
    last = server.user(ids[1023])
    check(events(last, 1, "incoming_message")[0]["message_id"] == sent["message_id"])


def story_group_messages_count_for_the_group(server):
    ann, bob, carl = server.user(), server.user(), server.user()
    group_id = ann.group("g", bob, carl)
    sent = [(ann, bob)[i % 2].send_group(group_id, str(i)) for i in range(6)]
    got = events(carl, 6, "incoming_message")
    check([e["message_id"] for e in got] == [s["message_id"] for s in sent], got)
    check([e["group_seq"] for e in got] == [1, 2, 3, 4, 5, 6], got)
    event = got[0]
    check(set(event) == {"type", "message_id", "sender_id", "content", "timestamp", "timestamp_ms",
                         "device_id", "cursor", "groupId", "group_seq"}, event)
    check(event["groupId"] == group_id and event["sender_id"] == ann.id, event)
    check(event["timestamp_ms"] == sent[0]["timestamp_ms"], "when it was accepted")
    own = [e["content"] for e in events(ann, 3, "incoming_message")]
    check(own == ["1", "3", "5"], "no copy of its own", own)


def story_all_members_share_one_order(server):
    import threading
    users = [server.user() for _ in range(4)]
    group_id = users[0].group("g", *users[1:])

    def run(user):
        for i in range(15):
            user.send_group(group_id, f"{user.id}/{i}")
    threads = [threading.Thread(daemon=True, target=run, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    order = {}
    for user in users:
        got = events(user, 45, "incoming_message")
        check([e["group_seq"] for e in got] == sorted(e["group_seq"] for e in got), got)
        for e in got:
            check(order.setdefault(e["group_seq"], e["content"]) == e["content"], e)
    check(sorted(order) == list(range(1, 61)), "1, 2, 3 ... without a gap", sorted(order))


def story_each_member_is_a_receipt(server):
    ann, bob, carl = server.user(), server.user(), server.user()
    group_id = ann.group("g", bob, carl)
    sent = ann.send_group(group_id, "seen?")
    for user in (bob, carl):
        event = events(user, 1, "incoming_message")[0]
        check(event["message_id"] == sent["message_id"])
    receipts = events(ann, 2, "message_delivered")
    check(sorted(r["receiver_id"] for r in receipts) == sorted([bob.id, carl.id]), receipts)
    for r in receipts:
        check(set(r) == {"type", "message_id", "receiver_id", "timestamp", "cursor", "groupId"}, r)
        check(r["groupId"] == group_id and r["message_id"] == sent["message_id"], r)
    check(ann.sync()["events"] == [], "once for each recipient")


def story_a_group_of_one_may_talk_to_itself(server):
    ann = server.user()
    group_id = ann.group("alone", ann)
    check(ann.send_group(group_id, "echo?")["status"] == "success")
    events(ann, 1, "group_changed")
    check(ann.sync()["events"] == [])


def story_group_attachments_arrive(server):
    ann, bob = server.user(), server.user()
    group_id = ann.group("g", bob)
    files = [{"url": "https://example.org/1", "size": 0}, {"url": "http://x/2", "name": "\u00e4"}]
    ann.send_group(group_id, "files", attachments=files)
    check(events(bob, 1, "incoming_message")[0]["attachments"] == files)
