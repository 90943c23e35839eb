"""GET and PUT settings."""

from parley import check, check_problem


def story_retention_is_the_users_own(server):
    ann, bob = server.user(), server.user()
    answer = ann.get("/settings")
    check(answer.status == 200 and answer.json == {"retention_days": 0}, answer)
    for days in (90, 1, 0, 30):
        answer = ann.call("PUT", "/settings", {"retention_days": days})
        check(answer.status == 200 and answer.json == {"retention_days": days}, answer)
        check(ann.get("/settings").json == {"retention_days": days})
    check(bob.get("/settings").json == {"retention_days": 0})


def story_what_is_no_retention(server):
    ann = server.user()
    ann.call("PUT", "/settings", {"retention_days": 7})
    for bad in (-1, 91, 1.5, "7", None, True, [], 2 ** 70):
        problem = check_problem(ann.call("PUT", "/settings", {"retention_days": bad}), 422,
                                "bad_field")
        check([e["pointer"] for e in problem["errors"]] == ["/retention_days"], problem)
    check_problem(ann.call("PUT", "/settings", {}), 422, "bad_field")
    check(ann.get("/settings").json == {"retention_days": 7})
