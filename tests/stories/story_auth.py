"""Who is calling, from which device, and what the token lets it do."""

import time

from http1 import Connection
from parley import BASE, Server, base64url, check, check_problem, mint

KEY = b"0123456789abcdef0123456789abcdef"


def get(server, token, path="/settings", fields=None):
    with Connection(server.address) as c:
        own = {} if token is None else {"Authorization": f"Bearer {token}"}
        return c.request("GET", BASE + path, fields=dict(own, **(fields or {})))


def story_without_a_token_the_way_to_one_is_named(server):
    for fields in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}):
        answer = get(server, None, fields=fields)
        check_problem(answer, 401, answer.json["code"])
        check(answer.field("WWW-Authenticate").startswith('Bearer realm="parley"'), answer.fields)
    bare = get(server, None)
    check_problem(bare, 401, "unauthenticated")
    check(bare.field("WWW-Authenticate") == 'Bearer realm="parley"', bare.fields)


def check_refused(server, token):
    answer = get(server, token)
    check(answer.status == 401, token, answer)
    check_problem(answer, 401, "invalid_token")
    check('error="invalid_token"' in answer.field("WWW-Authenticate"), answer.fields)


def story_only_tokens_of_our_key_count(stack):
    now = int(time.time())
    good = {"sub": "tess", "exp": now + 60}
    with Server(stack, key=KEY) as server:
        check(get(server, mint(KEY, good)).status == 200, "a user exists from its first call")
        check(get(server,
                  mint(KEY, dict(good, nbf=now - 5, iat=now, extra={"a": 1}))).status == 200)
        check(get(server, None,
                  fields={"Authorization": f"bEARER  {mint(KEY, good)}"}).status == 200)
        for token in ("x", "a.b", "a.b.c", "....", "\u00e4", mint(b"f" * 32, good),
                      mint(KEY, good) + "x",
                      mint(KEY, good)[:-1], mint(KEY, dict(good, exp=now - 1)),
                      mint(KEY, dict(good, nbf=now + 600)), mint(KEY, dict(good, exp="soon")),
                      mint(KEY, {"sub": "tess"}), mint(KEY, {"exp": now + 60}),
                      mint(KEY, dict(good, sub="")), mint(KEY, dict(good, sub="a b")),
                      mint(KEY, dict(good, sub=5)), mint(KEY, dict(good, sub="x" * 65)),
                      mint(KEY, dict(good, device_id="a b")), mint(KEY, dict(good, scope=5)),
                      mint(KEY, good, {"alg": "none"}), mint(KEY, good, {"alg": "RS256"}),
                      mint(KEY, good, {"alg": "HS512"}), mint(KEY, good, {}), mint(KEY, [1])):
            check_refused(server, token)
        unsigned = ".".join(mint(KEY, good, {"alg": "none"}).split(".")[:2]) + "."
        check_refused(server, unsigned)
        head, _, signature = mint(KEY, good).split(".")
        other = base64url(b'{"sub":"root","exp":99999999999}').decode()
        check_refused(server, ".".join((head, other, signature)))


def story_issuer_and_audience_are_checked(stack):
    good = {"sub": "tess", "exp": int(time.time()) + 60, "iss": "us", "aud": ["them", "chat"]}
    with Server(stack, "--token-issuer=us", "--token-audience=chat", key=KEY) as server:
        check(get(server, mint(KEY, good)).status == 200)
        check(get(server, mint(KEY, dict(good, aud="chat"))).status == 200)
        for name, bad in (("iss", "others"), ("iss", None), ("aud", "others"), ("aud", ["x"]),
                          ("aud", None)):
            check_refused(server, mint(KEY, dict(good, **{name: bad})))


def story_scopes_divide_reading_and_sending(server):
    ann = server.user()
    reader, sender = server.user(ann.id, scope="read"), server.user(ann.id, scope="send")
    both = server.user(ann.id, scope="read send")
    send = {"receiver_id": ann.id, "content": "x"}
    check(reader.get("/settings").status == 200 and reader.get("/sync").status == 200)
    check(sender.post("/send", send).status == 201)
    check(both.post("/send", send).status == 201 and both.get("/groups").status == 200)
    check_problem(reader.post("/send", send), 403, "insufficient_scope")
    check_problem(reader.call("PUT", "/settings", {"retention_days": 0}), 403, "insufficient_scope")
    check_problem(reader.call("DELETE", "/devices/default"), 403, "insufficient_scope")
    for path in ("/sync", "/stream", "/groups", "/settings", "/devices"):
        check_problem(sender.get(path), 403, "insufficient_scope")
    check_problem(sender.post("/ack", {"message_ids": ["x"]}), 403, "insufficient_scope")


def story_the_tokens_device_wins_over_the_header(server):
    ann, bob = server.user(device="claimed"), server.user()
    check(ann.get("/sync", fields={"X-Device-Id": "other"}).status == 200)
    devices = ann.get("/devices").json["devices"]
    check([(d["device_id"], d["current"]) for d in devices] == [("claimed", True)], devices)
    check(bob.get("/sync", fields={"X-Device-Id": "tv"}).status == 200)
    check(bob.get("/sync").status == 200)
    names = {d["device_id"]: d["current"] for d in bob.get("/devices").json["devices"]}
    check(names == {"tv": False, "default": True}, names)
    for bad in ("", "a b", "x" * 65, "a/b", "\u00e4"):
        check_problem(bob.get("/sync", fields={"X-Device-Id": bad}), 422, "bad_field")


def story_login_makes_a_user_and_says_when_its_token_ends(server):
    ann = server.user()
    answer = ann.post("/login", {"userId": "new-" + ann.id, "ttl_s": 60}, token=False)
    check(answer.status == 200 and set(answer.json) == {"token", "userId", "expires_at"}, answer)
    check(abs(answer.json["expires_at"] - time.time() - 60) < 5, answer)
    ann.send("new-" + ann.id)
    for bad in ({}, {"userId": "a b"}, {"userId": "x", "ttl_s": 0}, {"userId": "x", "ttl_s": 86401},
                {"userId": "x", "ttl_s": "60"}, {"userId": "x", "device_id": "a b"},
                {"userId": "x", "scope": "root"}, {"userId": "x", "scope": 1}):
        check_problem(ann.post("/login", bad, token=False), 422, "bad_field")


def story_login_is_for_development_only(stack):
    with Server(stack, key=KEY) as server, Connection(server.address) as c:
        check_problem(c.request("POST", BASE + "/login", {"userId": "x"}), 404, "not_found")


def story_an_expired_token_is_refused_from_then_on(server):
    ann = server.user(ttl_s=1)
    check(ann.get("/settings").status == 200)
    from parley import wait_until
    refused = wait_until(lambda: (lambda a: a if a.status == 401 else None)(ann.get("/settings")),
                         5)
    check_problem(refused, 401, "invalid_token")
