/* Accept and Content-Type: qualities stay within their bounds, and a type that no range mentions
 * has none. */
#include "api/negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct str types[] = {STR("application/json"), STR("text/event-stream"),
                                       STR("application/problem+json"), STR("text/plain")};
    struct str field = str_of((const char *)data, len);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct accepted once = {0, 0};
        accept_read(field, types[i], &once);
        assert(once.quality >= 0 && once.quality <= 1000);
        assert(once.specificity >= 0 && once.specificity <= 3);
        assert(once.specificity > 0 || once.quality == 0);
        struct accepted twice = once;
        accept_read(field, types[i], &twice);
        assert(twice.quality == once.quality && twice.specificity == once.specificity);
    }
    (void)media_type_is_json(field);
    return 0;
}
