"""Media types asked for and sent, and methods."""

from http1 import Connection
from parley import BASE, check, check_problem


def story_json_calls_take_what_json_is(server):
    ann = server.user()
    for accept in (None, "*/*", "application/*", "application/json", "application/problem+json",
                   "text/html, */*;q=0.1", "application/json;q=0.5, text/plain", "APPLICATION/JSON",
                   "text/html;q=0.9,application/json;q=0.1"):
        answer = ann.get("/settings", fields={"Accept": accept})
        check(answer.status == 200, accept, answer)
        check(answer.field("Content-Type").startswith("application/json"), answer.fields)
    for accept in ("text/html", "text/event-stream", "application/xml", "application/json;q=0",
                   "image/*", "*/*;q=0"):
        check_problem(ann.get("/settings", fields={"Accept": accept}), 406, "not_acceptable")


def story_a_stream_is_an_event_stream(server):
    ann = server.user()
    for accept in (None, "*/*", "text/*", "text/event-stream", "text/event-stream, */*"):
        with ann.stream(fields={"Accept": accept}) as stream:
            check(stream.response.status == 200, accept, stream.response)
            check(stream.response.field("Content-Type") == "text/event-stream", accept)
    for accept in ("application/json", "text/html", "application/*"):
        check_problem(ann.get("/stream", fields={"Accept": accept}), 406, "not_acceptable")


def story_a_body_is_json_by_its_type_too(server):
    ann = server.user()
    body = {"receiver_id": ann.id, "content": "x"}
    for good in ("application/json", "application/json; charset=utf-8",
                 "application/json;charset=UTF-8",
                 'application/json; charset="utf-8"', "Application/JSON"):
        check(ann.post("/send", body, fields={"Content-Type": good}).status == 201, good)
    for bad in (None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx",
                "application/json; charset=latin1", "application/problem+json"):
        check_problem(ann.post("/send", body, fields={"Content-Type": bad}), 415,
                      "unsupported_media_type")


def story_problems_come_in_the_type_that_is_taken(server):
    ann = server.user()
    for accept, expected in ((None, "application/problem+json"),
                             ("*/*", "application/problem+json"),
                             ("application/json", "application/json"),
                             ("application/problem+json", "application/problem+json"),
                             ("application/json, application/problem+json",
                              "application/problem+json"),
                             ("text/event-stream", "application/problem+json")):
        answer = ann.get("/nowhere", fields={"Accept": accept})
        check_problem(answer, 404, "not_found")
        check(answer.field("Content-Type") == expected, accept, answer.fields)


def story_methods_that_a_resource_does_not_know_are_named(server):
    ann = server.user()
    for method, path, allowed in (("GET", "/send", {"POST", "OPTIONS"}),
                                  ("POST", "/sync", {"GET", "HEAD", "OPTIONS"}),
                                  ("DELETE", "/settings", {"GET", "HEAD", "PUT", "OPTIONS"}),
                                  ("GET", "/devices/x", {"DELETE", "OPTIONS"}),
                                  ("PATCH", "/send", {"POST", "OPTIONS"}),
                                  ("BREW", "/groups", {"GET", "HEAD", "OPTIONS"})):
        answer = ann.call(method, path)
        check_problem(answer, 405, "method_not_allowed")
        check(set(answer.field("Allow").split(", ")) == allowed, answer.fields)
    check_problem(ann.call("BREW", "/nowhere"), 404, "not_found")


def story_options_answers_with_what_is_allowed(server):
    with Connection(server.address) as c:
        answer = c.request("OPTIONS", BASE + "/send")
        check(answer.status == 204 and set(answer.field("Allow").split(", ")) == {"POST",
                                                                                  "OPTIONS"},
              answer.fields)
        check(answer.body == b"" and answer.field("X-Request-Id"), answer.fields)
        check_problem(c.request("OPTIONS", BASE + "/nowhere"), 404, "not_found")


def story_every_get_has_head(server):
    ann = server.user()
    group_id = ann.group("g", ann)
    for path in ("/settings", "/groups", f"/groups/{group_id}", "/devices", "/sync?wait=30",
                 "/stream"):
        answer = ann.call("HEAD", path)
        check(answer.status == 200 and answer.body == b"", path, answer.fields)
        check(answer.field("Cache-Control").startswith("no-store"), path, answer.fields)
    check(ann.get("/settings").status == 200, "the connection is in step")
    check(ann.call("HEAD", "/stream").field("Content-Type") == "text/event-stream")
    check(ann.call("HEAD", "/nowhere").status == 404)


def story_head_opens_nothing_and_displaces_nothing(server):
    ann = server.user()
    check(ann.call("HEAD", "/stream").status == 200 and ann.call("HEAD", "/sync").status == 200)
    check(ann.get("/devices").json["devices"] == [], "no device came into being")
    with ann.stream() as stream:
        stream.wait_for("hello")
        check(ann.call("HEAD", "/stream").status == 200)
        ann.send(ann, "still")
        check(stream.wait_for("incoming_message", "bye").type == "incoming_message")


def story_checks_come_in_their_order(server):
    ann, reader = server.user(), server.user(scope="read")
    html = {"Accept": "text/html"}
    plain = {"Content-Type": "text/plain"}
    check_problem(ann.call("GET", "/nowhere", token=None), 404, "not_found")
    check_problem(ann.call("GET", "/send", token=None), 405, "method_not_allowed")
    check_problem(ann.call("POST", "/send", b"{", fields=html, token=None), 401, "unauthenticated")
    check_problem(reader.post("/send", b"{", fields=html), 403, "insufficient_scope")
    check_problem(ann.post("/send", b"x" * 20000, fields=dict(html, **plain)), 406,
                  "not_acceptable")
    check_problem(ann.post("/send", b"x" * 20000, fields=plain), 413, "too_large")
    check_problem(ann.post("/send", b"{", fields=plain), 415, "unsupported_media_type")
    check_problem(ann.post("/send", b"{", fields={"X-Device-Id": "a b"}), 400, "bad_json")
    check_problem(ann.post("/send", {"receiver_id": "nobody"}), 422, "bad_field")
    check_problem(ann.post("/send", {"receiver_id": "nobody", "content": "x"}), 404, "unknown_user")
