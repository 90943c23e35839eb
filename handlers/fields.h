/* Reading the fields of a request's body. Each reader copies what it takes into the exchange's
 * arena, so the tree can go at once; what is wrong is noted as a fault (reply_fault) and the reader
 * says false. A handler reads all its fields and then asks fields_are_good once, so that one answer
 * names every fault. */
#pragma once
#include "api/exchange.h"
#include "api/json_in.h"
#include "base/uuid.h"

/* The body as one JSON object; else 400 bad_json has been replied and NULL is returned. */
struct json *fields_parse(struct exchange *ex);
/* Frees the tree. False: faults were noted, 422 has been replied. */
bool fields_are_good(struct exchange *ex, struct json *root);

enum field_need { FIELD_OPTIONAL, FIELD_REQUIRED };

/* A string of min..max bytes without NUL. Absent and optional: true, out is empty. */
bool field_str(struct exchange *ex, const struct json *root, const char *name, enum field_need need,
               size_t len_min, size_t len_max, struct str *out);
/* A user or device id: 1..64 bytes of [A-Za-z0-9._:@+-]. */
bool field_id(struct exchange *ex, const struct json *root, const char *name, enum field_need need,
              struct str *out);
bool field_uuid(struct exchange *ex, const struct json *root, const char *name,
                enum field_need need, struct str *out);
bool field_integer(struct exchange *ex, const struct json *root, const char *name,
                   enum field_need need, int64_t min, int64_t max, int64_t *out);
/* Any scalar, not kept (timestamps of the client). */
bool field_ignored_scalar(struct exchange *ex, const struct json *root, const char *name);
/* `name`, if there, has to be exactly `expected`. */
bool field_constant(struct exchange *ex, const struct json *root, const char *name,
                    struct str expected);

/* A list of ids: not empty, duplicates counted once. `at_out` keeps each id's first place in the
 * list, for pointers. More than count_max distinct ones: true, with count_out over count_max. */
struct id_list {
    struct str *ids;
    size_t *at;
    size_t count;
};
bool field_id_list(struct exchange *ex, const struct json *root, const char *name,
                   struct id_list *out);
