"""Bodies that are wrong, each in one way, and the limits from both sides."""

import json

from parley import check, check_problem


def pointers(problem):
    return [e["pointer"] for e in problem["errors"]]


def story_a_body_has_to_be_one_json_object(server):
    ann = server.user()
    for body in (b"", b" ", b"{", b"nope", b"[]", b"1", b"null", b'"x"', b"{} {}", b"{}x",
                 b"\xef\xbb\xbf{}", b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":1.}',
                 b'{"a":NaN}',
                 b'{"a":Infinity}', b'{"a":"\t"}', b'{"a":"\n"}', b'{"a":"\x00"}', b"{}\x00",
                 b'{"a":1,}', b'{"a" 1}', b"{'a':1}", b"{a:1}", b'{"a":"\\x41"}', b'{"a":"\\u12"}',
                 b'{"a":"\\ud800"}', b'{"a":"\\udc00x"}', b'{"a":"\xff"}', b'{"a":"\xc0\xaf"}',
                 b'{"a":"\xed\xa0\x80"}', b'{"a":"\xf4\x90\x80\x80"}', b'{"a":1,"a":1}',
                 b'{"a":1,"\\u0061":2}', b'{"a":{"b":1,"b":2}}',
                 b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
                 b"//x\n{}", b"{/**/}"):
        answer = ann.post("/send", body)
        check(answer.status == 400, body, answer)
        check_problem(answer, 400, "bad_json")


def story_every_call_with_a_body_wants_json(server):
    ann = server.user()
    group_id = ann.group("g", ann)
    for method, path in (("POST", "/createGroup"), ("POST", "/add"), ("POST", "/remove"),
                         ("POST", "/ack"), ("POST", f"/groups/{group_id}/roles"),
                         ("PUT", "/settings"), ("POST", "/login")):
        check_problem(ann.call(method, path, b"{"), 400, "bad_json")
        check_problem(ann.call(method, path, b"[]"), 400, "bad_json")
        check_problem(ann.call(method, path, b"{}"), 422, "bad_field")


def story_nesting_is_taken_to_a_depth_of_32(server):
    ann, bob = server.user(), server.user()
    def nested(depth):
        return ('{"receiver_id":"%s","content":"x","z":%s%s}'
                % (bob.id, "[" * (depth - 1), "]" * (depth - 1)))
    check(ann.post("/send", nested(32)).status == 201)
    check_problem(ann.post("/send", nested(33)), 400, "bad_json")


def story_wrong_types_are_all_named_at_once(server):
    ann = server.user()
    problem = check_problem(ann.post("/send", {
        "action": "x", "userId": 1, "receiver_id": [], "content": 5, "attachments": {},
        "message_id_by_client": 1.5, "timestamp": [], "crratedat": {}, "createdAt": [1]}),
        422, "bad_field")
    check(set(pointers(problem)) >= {"/action", "/userId", "/receiver_id", "/content",
                                     "/attachments",
                                     "/message_id_by_client", "/timestamp", "/crratedat",
                                     "/createdAt"}, problem)
    for error in problem["errors"]:
        check(isinstance(error["reason"], str) and error["reason"], problem)


def story_ids_have_an_alphabet_and_a_length(server):
    ann = server.user()
    for bad in ("", "a b", "x" * 65, "a/b", "\u00e4", "a\u0000", "a\n"):
        check_problem(ann.post("/send", {"receiver_id": bad, "content": "x"}), 422, "bad_field")
        check_problem(ann.post("/login", {"userId": bad}), 422, "bad_field")
    odd = server.user("A.z_0:@+-" + "x" * 55)
    check(ann.send(odd)["status"] == "success")
    for bad in ("x", "00000000-0000-0000-0000-00000000000", 7):
        check_problem(ann.post("/send", {"groupId": bad, "content": "x"}), 422, "bad_field")


def story_content_is_counted_in_code_points(server):
    ann, bob = server.user(), server.user()
    for one in ("x", "\u20ac", "\U0001f600"):
        ann.send(bob, one * 1000)
        problem = check_problem(ann.post("/send", {"receiver_id": bob.id, "content": one * 1001}),
                                413, "too_large")
        check("1000" in problem["detail"].replace(",", ""), problem)
    check([len(e["content"]) for e in bob.sync()["events"]] == [1000] * 3)


def story_content_is_required_not_empty_and_without_nul(server):
    ann, bob = server.user(), server.user()
    for body in ({}, {"content": ""}, {"content": None}, {"content": "a\u0000b"},
                 {"content": "\u0000"}):
        problem = check_problem(ann.post("/send", dict(body, receiver_id=bob.id)), 422, "bad_field")
        check(pointers(problem) == ["/content"], problem)


def padded(body, size):
    """The body with spaces behind it: exactly size bytes."""
    text = json.dumps(body).encode()
    return text + b" " * (size - len(text))


def story_a_body_of_16_kib_is_taken_and_one_byte_more_is_not(server):
    ann, bob = server.user(), server.user()
    body = {"receiver_id": bob.id, "content": "big"}
    check(ann.post("/send", padded(body, 16384)).status == 201)
    check_problem(ann.post("/send", padded(body, 16385)), 413, "too_large")
    check_problem(ann.post("/send", padded(body, 1000000)), 413, "too_large")
    check_problem(ann.call("PUT", "/settings", padded({"retention_days": 1}, 16385)), 413,
                  "too_large")
    check(ann.post("/send", body).status == 201, "the neighbour is well")


def story_lists_may_be_longer(server):
    ann = server.user()
    body = {"groupname": "g", "members": [ann.id]}
    check(ann.post("/createGroup", padded(body, 98304)).status == 201)
    check_problem(ann.post("/createGroup", padded(body, 98305)), 413, "too_large")
    check(ann.post("/ack", padded({"message_ids": ["x"]}, 98304)).status == 200)
    check_problem(ann.post("/ack", padded({"message_ids": ["x"]}, 98305)), 413, "too_large")


def story_the_limit_holds_for_chunked_bodies(server):
    ann, bob = server.user(), server.user()
    for size, status in ((16384, 201), (16385, 413)):
        body = padded({"receiver_id": bob.id, "content": "chunks"}, size)
        head = (f"POST /chat/app/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ann.token}\r\n"
                "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
        ann.hang_up()
        ann.get("/settings")
        chunks = [body[at:at + 1000] for at in range(0, size, 1000)]
        ann.connection.send(head + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks))
        ann.connection.send(b"0\r\n\r\n")
        answer = ann.connection.read_response("POST")
        check(answer.status == status, size, answer)
        ann.hang_up()


def story_attachments_have_limits(server):
    ann, bob = server.user(), server.user()
    url = {"url": "https://example.org/"}

    def post(attachments):
        return ann.post("/send",
                        {"receiver_id": bob.id, "content": "a", "attachments": attachments})

    check(post([]).status == 201)
    check(post([url] * 10).status == 201)
    check_problem(post([url] * 11), 422, "bad_field")
    for bad in ({}, {"name": "x"}, {"url": None}, {"url": 1}, {"url": ""}, {"url": "ftp://x/"},
                {"url": "javascript:alert(1)"}, {"url": "//x/y"}, {"url": "https://"},
                {"url": "https://a b/"}, 5, "x", None, [], dict(url, name=1), dict(url, type=[]),
                dict(url, size=-1), dict(url, size=1.5), dict(url, size="1"),
                dict(url, name="a\u0000")):
        problem = check_problem(post([url, bad]), 422, "bad_field")
        check(all(p.startswith("/attachments/1") for p in pointers(problem)), bad, problem)
    long = {"url": "https://example.org/" + "x" * 2000}
    check(post([long]).status == 201)
    check_problem(post([long, long, long]), 413, "too_large")


def story_unknown_query_parameters_are_ignored_and_doubled_ones_are_not(server):
    ann = server.user()
    check(ann.get("/sync?nonsense=1&other").status == 200)
    check_problem(ann.get("/sync?limit=1&limit=2"), 422, "bad_field")
    check_problem(ann.get("/sync?cursor=a&cursor=b"), 422, "bad_field")
    check_problem(ann.get("/sync?wait=1&wait=1"), 422, "bad_field")


def story_a_groupname_has_1_to_100_code_points(server):
    ann = server.user()
    for name in ("x", "\U0001f600" * 100):
        check(ann.post("/createGroup", {"groupname": name, "members": [ann.id]}).status == 201)
    for name in ("", "x" * 101, None, 5, "a\u0000b"):
        problem = check_problem(ann.post("/createGroup", {"groupname": name, "members": [ann.id]}),
                                422, "bad_field")
        check(pointers(problem) == ["/groupname"], problem)


def story_every_answer_says_which_request_it_is(server):
    ann = server.user()
    own = ann.get("/settings", fields={"X-Request-Id": "my.id-1_"})
    check(own.field("X-Request-Id") == "my.id-1_", own.fields)
    for bad in ("a b", "x" * 129, "\u00e4", "a/b"):
        other = ann.get("/settings", fields={"X-Request-Id": bad})
        check(other.field("X-Request-Id") and other.field("X-Request-Id") != bad, other.fields)
    problem = ann.get("/nowhere", fields={"X-Request-Id": "p"})
    check(check_problem(problem, 404, "not_found")["request_id"] == "p", problem)
    check(own.field("Cache-Control") == "no-store", own.fields)
