/* Reading a body's fields: what is taken, and how each fault is named. */
#include "handlers/fields.h"
#include "tests/unit/handlers/lab.h"

/* The tree of this body, and the exchange whose arena takes the fields. */
static struct exchange *ex;

static struct json *parse(const char *body)
{
    ex = lab_call_new("POST /chat/app/send", body)->ex;
    struct json *root = fields_parse(ex);
    assert_non_null(root);
    return root;
}

static void assert_fault(const char *pointer, const char *reason)
{
    assert_non_null(ex->faults);
    assert_str(ex->faults->pointer, pointer);
    assert_str(ex->faults->reason, reason);
    ex->faults = NULL;
    ex->fault_count = 0;
}

static void test_body_that_is_no_object_is_answered_with_the_place(void **state UNUSED)
{
    static const char *const bodies[] = {"", "[]", "{\"a\":1,}", "{} {}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct call *call = lab_call_new("POST /chat/app/send", bodies[i]);
        assert_null(fields_parse(call->ex));
        assert_problem(call, ERR_BAD_JSON, NULL);
        assert_true(str_holds(call_body(call), ", at byte "));
    }
}

static void test_one_answer_names_every_fault(void **state UNUSED)
{
    struct call *call = lab_call_new("POST /chat/app/send", "{\"a\":1}");
    struct json *root = fields_parse(call->ex);
    struct str s;
    assert_false(field_str(call->ex, root, "a", FIELD_REQUIRED, 0, 9, &s));
    assert_false(field_str(call->ex, root, "b", FIELD_REQUIRED, 0, 9, &s));
    assert_false(fields_are_good(call->ex, root));
    assert_problem(call, ERR_FIELD, "/a");
    assert_problem(call, ERR_FIELD, "/b");
}

static void test_faultless_fields_are_good(void **state UNUSED)
{
    struct json *root = parse("{}");
    assert_true(fields_are_good(ex, root));
    assert_int_equal(ex->state, EX_HANDLING);
}

static void test_strings(void **state UNUSED)
{
    struct str s;
    struct json *root = parse("{\"a\":\"abc\",\"n\":\"a\\u0000\",\"i\":1,\"x\":null}");
    assert_true(field_str(ex, root, "a", FIELD_REQUIRED, 3, 3, &s));
    assert_str(s, "abc");
    assert_false(field_str(ex, root, "a", FIELD_REQUIRED, 4, 9, &s));
    assert_fault("/a", "is too short");
    assert_false(field_str(ex, root, "a", FIELD_REQUIRED, 0, 2, &s));
    assert_fault("/a", "is too long");
    assert_null(s.ptr);
    assert_false(field_str(ex, root, "n", FIELD_REQUIRED, 0, 9, &s));
    assert_fault("/n", "must not hold a NUL");
    assert_false(field_str(ex, root, "i", FIELD_OPTIONAL, 0, 9, &s));
    assert_fault("/i", "must be a string");
    assert_false(field_str(ex, root, "x", FIELD_REQUIRED, 0, 9, &s)); /* null means absent */
    assert_fault("/x", "is required");
    assert_true(field_str(ex, root, "x", FIELD_OPTIONAL, 1, 9, &s));
    assert_null(s.ptr);
    json_free(root);
}

static void test_what_is_read_outlives_the_tree(void **state UNUSED)
{
    struct str s;
    struct json *root = parse("{\"a\":\"abc\"}");
    assert_true(field_str(ex, root, "a", FIELD_REQUIRED, 0, 9, &s));
    json_free(root);
    assert_str(s, "abc");
}

static void test_ids(void **state UNUSED)
{
    struct str s;
    struct json *root = parse("{\"a\":\"A.z_0:@+-\",\"b\":\"a b\",\"c\":\"\"}");
    assert_true(field_id(ex, root, "a", FIELD_REQUIRED, &s));
    assert_str(s, "A.z_0:@+-");
    assert_false(field_id(ex, root, "b", FIELD_OPTIONAL, &s));
    assert_fault("/b", "must be 1 to 64 of A-Z a-z 0-9 . _ : @ + -");
    assert_false(field_id(ex, root, "c", FIELD_OPTIONAL, &s));
    assert_fault("/c", "is too short");
    assert_true(field_id(ex, root, "d", FIELD_OPTIONAL, &s));
    assert_null(s.ptr);
    json_free(root);
}

static void test_uuids_become_lower_case(void **state UNUSED)
{
    struct str s;
    struct json *root =
        parse("{\"a\":\"AAAAAAAA-89AB-7DEF-8123-456789ABCDEF\",\"b\":\"aaaa\",\"c\":1}");
    assert_true(field_uuid(ex, root, "a", FIELD_REQUIRED, &s));
    assert_str(s, LAB_GROUP);
    assert_false(field_uuid(ex, root, "b", FIELD_REQUIRED, &s));
    assert_fault("/b", "must be a UUID");
    assert_false(field_uuid(ex, root, "c", FIELD_REQUIRED, &s));
    assert_fault("/c", "must be a string");
    assert_true(field_uuid(ex, root, "d", FIELD_OPTIONAL, &s));
    assert_null(s.ptr);
    json_free(root);
}

static void test_integers(void **state UNUSED)
{
    int64_t value = 77;
    struct json *root = parse("{\"a\":5,\"b\":5.0,\"c\":\"5\",\"d\":10}");
    assert_true(field_integer(ex, root, "a", FIELD_REQUIRED, 5, 5, &value));
    assert_int_equal(value, 5);
    static const char *const wrong[] = {"/b", "/c", "/d"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_false(field_integer(ex, root, wrong[i] + 1, FIELD_REQUIRED, 0, 9, &value));
        assert_fault(wrong[i], "must be an integer from 0 to 9");
    }
    assert_true(field_integer(ex, root, "e", FIELD_OPTIONAL, 0, 9, &value));
    assert_int_equal(value, 5); /* what was there stays */
    assert_false(field_integer(ex, root, "e", FIELD_REQUIRED, 0, 9, &value));
    assert_fault("/e", "is required");
    json_free(root);
}

static void test_scalars_of_the_client_are_let_pass(void **state UNUSED)
{
    struct json *root = parse("{\"a\":1.5,\"b\":\"x\",\"c\":false,\"d\":[],\"e\":{}}");
    assert_true(field_ignored_scalar(ex, root, "a"));
    assert_true(field_ignored_scalar(ex, root, "b"));
    assert_true(field_ignored_scalar(ex, root, "c"));
    assert_true(field_ignored_scalar(ex, root, "absent"));
    assert_false(field_ignored_scalar(ex, root, "d"));
    assert_fault("/d", "must be a string, a number or a boolean");
    assert_false(field_ignored_scalar(ex, root, "e"));
    json_free(root);
}

static void test_constants(void **state UNUSED)
{
    struct json *root = parse("{\"a\":\"yes\",\"b\":\"no\",\"c\":1,\"d\":\"yes\\u0000\"}");
    assert_true(field_constant(ex, root, "a", STR("yes")));
    assert_true(field_constant(ex, root, "absent", STR("yes")));
    assert_false(field_constant(ex, root, "b", STR("yes")));
    assert_fault("/b", "must be \"yes\"");
    assert_false(field_constant(ex, root, "c", STR("yes")));
    assert_fault("/c", "must be \"yes\"");
    assert_false(field_constant(ex, root, "d", STR("yes")));
    json_free(root);
}

static void test_duplicates_in_a_list_count_once(void **state UNUSED)
{
    struct id_list list;
    struct json *root = parse("{\"a\":[\"bob\",\"eve\",\"bob\",\"max\",\"eve\"]}");
    assert_true(field_id_list(ex, root, "a", &list));
    json_free(root);
    assert_int_equal(list.count, 3);
    assert_str(list.ids[0], "bob");
    assert_str(list.ids[1], "eve");
    assert_str(list.ids[2], "max");
    assert_int_equal(list.at[1], 1);
    assert_int_equal(list.at[2], 3); /* where it stood first, for pointers */
}

static void test_wrong_lists_are_named(void **state UNUSED)
{
    static const struct {
        const char *body, *pointer, *reason;
    } cases[] = {
        {"{}", "/a", "is required"},
        {"{\"a\":\"bob\"}", "/a", "must be a list"},
        {"{\"a\":[]}", "/a", "must not be empty"},
        {"{\"a\":[\"bob\",1]}", "/a/1", "must be a string"},
        {"{\"a\":[null]}", "/a/0", "must be a string"},
        {"{\"a\":[\"bob\",\"eve\",\"\"]}", "/a/2", "must be 1 to 64 of A-Z a-z 0-9 . _ : @ + -"},
        {"{\"a\":[\"b\\u0000\"]}", "/a/0", "must be 1 to 64 of A-Z a-z 0-9 . _ : @ + -"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct id_list list;
        struct json *root = parse(cases[i].body);
        assert_false(field_id_list(ex, root, "a", &list));
        assert_fault(cases[i].pointer, cases[i].reason);
        json_free(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_CASE(test_body_that_is_no_object_is_answered_with_the_place),
        LAB_CASE(test_one_answer_names_every_fault),
        LAB_CASE(test_faultless_fields_are_good),
        LAB_CASE(test_strings),
        LAB_CASE(test_what_is_read_outlives_the_tree),
        LAB_CASE(test_ids),
        LAB_CASE(test_uuids_become_lower_case),
        LAB_CASE(test_integers),
        LAB_CASE(test_scalars_of_the_client_are_let_pass),
        LAB_CASE(test_constants),
        LAB_CASE(test_duplicates_in_a_list_count_once),
        LAB_CASE(test_wrong_lists_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
