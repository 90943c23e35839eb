/* POST login, only with --dev: a token for whoever asks. It creates the user. */
#include "api/reply.h"
#include "base/clock.h"
#include "db/users.h"
#include "handlers/app.h"
#include "handlers/fields.h"
#include "handlers/resources.h"

enum { LOGIN_TTL_S_MAX = 86400 };

struct login {
    struct exchange *ex;
    struct user_ensure user;
    struct token_claims claims;
};

static void login_post_stored(struct db_op *op)
{
    struct login *login = container_of(op, struct login, user.op);
    struct exchange *ex = login->ex;
    if (app_op_failed(ex, op)) return;
    struct buf token;
    buf_init(&token, 4096);
    auth_mint(ex->api->auth, &login->claims, &token);
    users_known_add(ex->api->known, login->claims.user_id);
    struct json_out *out = reply_json_begin(ex);
    json_out_object(out, NULL);
    json_out_str(out, "token", buf_str(&token));
    json_out_str(out, "userId", login->claims.user_id);
    json_out_int(out, "expires_at", login->claims.expires_at_s);
    json_out_close_object(out);
    reply_json(ex, 200);
    buf_done(&token);
    exchange_release(ex);
}

/* `scope` is a list of send, read, admin, separated by spaces. */
static void login_check_scope(struct exchange *ex, struct str scope)
{
    for (struct str rest = scope; rest.ptr;) {
        struct str word = str_cut(&rest, ' ');
        if (str_is_empty(word) || str_equal(word, STR("send")) || str_equal(word, STR("read")) ||
            str_equal(word, STR("admin")))
            continue;
        reply_fault(ex, STR("/scope"), "must be a list of send, read, admin");
        return;
    }
}

void login_post(struct exchange *ex)
{
    int64_t ttl_s = LOGIN_TTL_S_MAX;
    struct json *root = fields_parse(ex);
    if (!root) return;
    struct login *login = ARENA_NEW(&ex->arena, struct login);
    login->ex = ex;
    struct token_claims *claims = &login->claims;
    (void)field_id(ex, root, "userId", FIELD_REQUIRED, &claims->user_id);
    (void)field_id(ex, root, "device_id", FIELD_OPTIONAL, &claims->device_id);
    (void)field_integer(ex, root, "ttl_s", FIELD_OPTIONAL, 1, LOGIN_TTL_S_MAX, &ttl_s);
    if (field_str(ex, root, "scope", FIELD_OPTIONAL, 0, 64, &claims->scope))
        login_check_scope(ex, claims->scope);
    if (!fields_are_good(ex, root)) return;
    claims->issued_at_s = clock_wall_ms() / 1000;
    claims->expires_at_s = claims->issued_at_s + ttl_s;

    app_op_init(ex, &login->user.op, &USER_ENSURE, login_post_stored);
    login->user.user_id = claims->user_id;
    app_submit(ex, claims->user_id, &login->user.op);
}
