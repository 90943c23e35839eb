/* A parameter that is read is UTF-8; one that is refused has left a fault behind. */
#include "api/api.h"
#include "api/url.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct transport_ops ops;
    static const struct str names[] = {STR("cursor"), STR("limit"), STR("wait"), STR("a")};
    struct api api = {0};
    struct transport transport = {&ops};
    struct exchange *ex = exchange_new(&api, &transport);
    ex->request.query = str_of((const char *)data, len);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str value = STR_NONE;
        size_t faults = ex->fault_count;
        enum err err = exchange_query(ex, names[i], &value);
        assert(err == OK || err == ERR_NOT_FOUND || err == ERR_FIELD);
        assert((err == ERR_FIELD) == (ex->fault_count == faults + 1));
        if (err == OK) assert(utf8_is_valid(value) && value.len <= len);
    }
    exchange_release(ex);
    return 0;
}
