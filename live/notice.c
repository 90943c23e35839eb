/* The wire form:
 *   0 'N'   1 version   2 why   3 kind   4 from (8)   12 stamp (8)   20 the device id, to the end
 */
#include "live/notice.h"
#include "live/wire.h"

enum { NOTICE_HEAD_LEN = 20 };

enum err notice_to_wire(const struct notice *notice, struct buf *out)
{
    assert(notice->device_id.len <= NOTICE_DEVICE_LEN_MAX);
    char head[NOTICE_HEAD_LEN] = {WIRE_NOTICE, WIRE_VERSION, (char)notice->why, (char)notice->kind};
    wire_put(head + 4, notice->from, 8);
    wire_put(head + 12, notice->stamp, 8);
    enum err err = buf_reserve(out, NOTICE_HEAD_LEN + notice->device_id.len);
    if (err == OK) err = buf_add(out, str_of(head, NOTICE_HEAD_LEN));
    if (err == OK) err = buf_add(out, notice->device_id);
    return err;
}

enum err notice_from_wire(struct str wire, struct notice *notice_out)
{
    if (wire.len < NOTICE_HEAD_LEN) return ERR_FIELD;
    if (wire.len > NOTICE_HEAD_LEN + NOTICE_DEVICE_LEN_MAX) return ERR_FIELD;
    if (wire.ptr[0] != WIRE_NOTICE || wire.ptr[1] != WIRE_VERSION) return ERR_FIELD;
    unsigned char why = (unsigned char)wire.ptr[2], kind = (unsigned char)wire.ptr[3];
    if (why > DISMISSED_ERASED || kind > LISTENER_POLL) return ERR_FIELD;
    *notice_out = (struct notice){
        .why = why,
        .kind = kind,
        .from = wire_get(wire.ptr + 4, 8),
        .stamp = wire_get(wire.ptr + 12, 8),
        .device_id = str_from(wire, NOTICE_HEAD_LEN),
    };
    return OK;
}
