/* POST createGroup: its members are looked up, then it is one op. */
#include "db/groups.h"
#include "db/users.h"
#include "handlers/app.h"
#include "tests/unit/handlers/lab.h"

static const char *const head = "POST /chat/app/createGroup";
static const char *const body = "{\"groupname\":\"boats\",\"userId\":\"ann\","
                                "\"members\":[\"bob\",\"ann\",\"eve\",\"bob\"]}";

static void know(struct str user_id)
{
    users_known_add(lab.app.api.known, user_id);
}

/* A call whose members are all known: the create itself is at the store. */
static struct call *create_asked(const char *call_head, const char *call_body_text)
{
    know(STR("ann"));
    know(STR("bob"));
    know(STR("eve"));
    return lab_call(call_head, call_body_text);
}

static void test_members_are_looked_up_then_the_group_is_made(void **state UNUSED)
{
    char want[128];
    struct call *call = lab_call(head, body);
    assert_int_equal(LAB_OP(users_missing, USERS_MISSING)->user_count, 3);
    lab_answer(OK);
    struct group_create *create = LAB_OP(group_create, GROUP_CREATE);
    assert_true(str_equal(create->group_id, str_from_c(lab.key)));
    assert_str(create->groupname, "boats");
    assert_str(create->creator_id, "ann");
    assert_int_equal(create->member_count, 3);
    assert_str(create->member_ids[0], "ann"); /* the creator first, each once */
    assert_str(create->member_ids[1], "bob");
    assert_str(create->member_ids[2], "eve");
    assert_int_equal(create->now_ms, LAB_NOW_MS);
    assert_false(create->is_numbered);
    assert_str(create->outbox.lease_owner, "this-process");
    create->outbox.is_job_out = true;
    lab_answer(OK);
    snprintf(want, sizeof(want), "{\"groupId\":\"%s\"}", lab.key);
    assert_reply(call, 201, want);
    assert_string_equal(lab.kicked, lab.key);
}

static void test_group_of_known_users_is_one_op(void **state UNUSED)
{
    create_asked(head, "{\"groupname\":\"boats\",\"members\":[\"bob\"]}");
    assert_int_equal(lab.submits, 1);
    assert_int_equal(LAB_OP(group_create, GROUP_CREATE)->member_count, 2);
}

static void test_unknown_members_are_named_and_nothing_is_done(void **state UNUSED)
{
    struct call *call = lab_call(head, body);
    LAB_OP(users_missing, USERS_MISSING)->is_missing_out[2] = true; /* eve */
    lab_answer(OK);
    assert_problem(call, ERR_UNKNOWN_USER, "/members/2");
    assert_int_equal(lab.op_count, 0);
}

static void test_idempotency_key_makes_the_same_group(void **state UNUSED)
{
    static const char *const key_head = "POST /chat/app/createGroup\nIdempotency-Key: \"k\"";
    create_asked(key_head, body);
    struct group_create *first = LAB_OP(group_create, GROUP_CREATE);
    assert_true(first->is_numbered);
    create_asked(key_head, "{\"groupname\":\"cars\",\"members\":[\"bob\"]}");
    struct group_create *second = container_of(lab.ops[1], struct group_create, op);
    assert_true(str_equal(first->group_id, second->group_id));
    assert_memory_not_equal(first->fingerprint, second->fingerprint, FINGERPRINT_LEN);
    struct call *call = create_asked(key_head, body);
    struct group_create *again = container_of(lab.ops[2], struct group_create, op);
    assert_memory_equal(first->fingerprint, again->fingerprint, FINGERPRINT_LEN);
    lab_answer(OK);
    lab_answer(ERR_KEY_REUSED);
    again->is_replay_out = true;
    lab_answer(OK);
    assert_field(call, "Idempotency-Replayed: true\r\n");
    assert_string_equal(lab.kicked, "");
}

static void test_outcomes_of_the_store_are_passed_on(void **state UNUSED)
{
    static const enum err errs[] = {ERR_KEY_REUSED};
    assert_awaits_well(head, body); /* the look-up */
    know(STR("ann"));
    know(STR("bob"));
    know(STR("eve"));
    assert_awaits_well(head, body); /* the create */
    assert_outcomes_pass(head, body, errs, ARRAY_LEN(errs));
}

static void test_create_behind_a_look_up_may_meet_a_full_queue(void **state UNUSED)
{
    struct call *call = lab_call(head, body);
    lab.submit_err = ERR_BUSY;
    lab_answer(OK);
    assert_problem(call, ERR_BUSY, NULL);
}

static void test_wrong_fields_are_named(void **state UNUSED)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"{\"members\":[\"bob\"]}", "/groupname"},
        {"{\"groupname\":\"\",\"members\":[\"bob\"]}", "/groupname"},
        {"{\"groupname\":1,\"members\":[\"bob\"]}", "/groupname"},
        {"{\"groupname\":\"boats\"}", "/members"},
        {"{\"groupname\":\"boats\",\"members\":[]}", "/members"},
        {"{\"groupname\":\"boats\",\"members\":[\"b b\"]}", "/members/0"},
        {"{\"groupname\":\"boats\",\"members\":[\"bob\"],\"userId\":1}", "/userId"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_problem(lab_call(head, cases[i].body), ERR_FIELD, cases[i].pointer);
    assert_problem(lab_call(head, "{\"groupname\":\"b\",\"members\":[\"bob\"],\"userId\":\"bob\"}"),
                   ERR_FORBIDDEN, "/userId");
    assert_problem(lab_call(head, "{"), ERR_BAD_JSON, NULL);
    assert_int_equal(lab.submits, 0);
}

static void test_name_is_measured_in_characters(void **state UNUSED)
{
    struct buf text;
    buf_init(&text, 1024);
    assert_int_equal(buf_add(&text, STR("{\"members\":[\"bob\"],\"groupname\":\"")), OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(buf_add(&text, STR("\xe2\x82\xac")), OK);
    assert_int_equal(buf_add(&text, STR("\"}")), OK);
    create_asked(head, buf_c(&text));
    assert_int_equal(LAB_OP(group_create, GROUP_CREATE)->groupname.len, 300);
    text.len -= 2;
    assert_int_equal(buf_add(&text, STR("x\"}")), OK);
    assert_problem(lab_call(head, buf_c(&text)), ERR_FIELD, "/groupname");
    buf_done(&text);
}

static void test_group_has_1024_members_with_its_creator(void **state UNUSED)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    assert_int_equal(buf_add(&text, STR("{\"groupname\":\"crowd\",\"members\":[\"ann\"")), OK);
    for (int i = 1; i < GROUP_MEMBERS_MAX; i++)
        assert_int_equal(buf_printf(&text, ",\"user-%d\"", i), OK);
    assert_int_equal(buf_add(&text, STR("]}")), OK);
    lab_call(head, buf_c(&text));
    assert_int_equal(LAB_OP(users_missing, USERS_MISSING)->user_count, GROUP_MEMBERS_MAX);
    lab_answer(OK);
    assert_int_equal(LAB_OP(group_create, GROUP_CREATE)->member_count, GROUP_MEMBERS_MAX);
    text.len -= 2;
    assert_int_equal(buf_add(&text, STR(",\"one-more\"]}")), OK);
    assert_problem(lab_call(head, buf_c(&text)), ERR_GROUP_FULL, NULL);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_members_are_looked_up_then_the_group_is_made),
        LAB_CASE(test_group_of_known_users_is_one_op),
        LAB_CASE(test_unknown_members_are_named_and_nothing_is_done),
        LAB_CASE(test_idempotency_key_makes_the_same_group),
        LAB_CASE(test_outcomes_of_the_store_are_passed_on),
        LAB_CASE(test_create_behind_a_look_up_may_meet_a_full_queue),
        LAB_CASE(test_wrong_fields_are_named),
        LAB_CASE(test_name_is_measured_in_characters),
        LAB_CASE(test_group_has_1024_members_with_its_creator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
