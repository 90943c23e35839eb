/* The floor's parsers of single texts: whatever they take, they write back as the same thing. */
#include "base/address.h"
#include "base/digest.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void fuzz_base64url(struct str input)
{
    char decoded[1024], encoded[1024];
    size_t len;
    if (input.len > sizeof(encoded) || base64url_decode(input, decoded, &len) != OK) return;
    assert(len <= input.len * 3 / 4);
    assert(str_equal(str_of(encoded, base64url_encode(str_of(decoded, len), encoded)), input));
}

static void fuzz_address(struct str input)
{
    struct address address, again, list[4];
    char text[ADDRESS_TEXT_LEN_MAX];
    size_t count;
    if (address_parse(input, &address) == OK) {
        enum err err = address_parse(str_from_c(address_format(&address, text)), &again);
        assert(err == OK && address.len == again.len);
        assert(memcmp(&address.storage, &again.storage, address.len) == 0);
    }
    if (address_parse_list(input, list, ARRAY_LEN(list), &count) == OK)
        assert(count <= ARRAY_LEN(list));
}

static void fuzz_utf8(struct str input)
{
    size_t at = 0, count = 0, step;
    while ((step = utf8_step(str_from(input, at))) > 0) {
        at += step;
        count++;
    }
    assert((at == input.len) == utf8_is_valid(input));
    if (at == input.len) assert(count == utf8_count(input));
}

static void fuzz_uuid_and_number(struct str input)
{
    struct uuid uuid, again;
    if (uuid_parse(input, &uuid))
        assert(uuid_parse(uuid_str(&uuid), &again) && str_equal_nocase(uuid_str(&again), input));
    uint64_t number, same;
    char digits[24];
    if (!str_to_u64(input, UINT64_MAX, &number)) return;
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    assert(str_to_u64(str_of(digits, (size_t)len), number, &same) && same == number);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct str input = str_of((const char *)bytes, len);
    fuzz_base64url(input);
    fuzz_address(input);
    fuzz_utf8(input);
    fuzz_uuid_and_number(input);
    return 0;
}
