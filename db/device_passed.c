#include "db/device_passed.h"
#include "db/stmt.h"

/* What no other device waits for is deleted, what others wait for loses this device's bit. */
static enum err device_passed_clear(struct conn *conn, const struct device_passed *passed)
{
    struct value user = value_str(passed->user_id), bit = value_int(BIT(passed->slot));
    struct value from = value_int((int64_t)passed->known_seq), to = value_int((int64_t)passed->seq);
    struct value owned[] = {user, from, to, bit};
    struct value shared[] = {bit, user, from, to, bit};
    enum err err = stmt_run(conn, STMT_INBOX_PASSED_DELETE, owned, ARRAY_LEN(owned), NULL);
    if (err != OK) return err;
    return stmt_run(conn, STMT_INBOX_PASSED_CLEAR, shared, ARRAY_LEN(shared), NULL);
}

enum err device_passed_confirm(struct conn *conn, const struct device_passed *passed)
{
    if (passed->seq <= passed->known_seq) return OK;
    enum err err = device_passed_clear(conn, passed);
    if (err != OK || passed->seq - passed->known_seq < DEVICE_PASSED_STEP) return err;
    struct value seq = value_int((int64_t)passed->seq);
    struct value values[] = {seq, value_str(passed->user_id), value_str(passed->device_id), seq};
    return stmt_run(conn, STMT_DEVICE_PASSED, values, ARRAY_LEN(values), NULL);
}
