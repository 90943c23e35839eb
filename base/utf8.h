/* UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing over U+10FFFF. */
#pragma once
#include "base/str.h"

/* The length (1..4) of the code point at the front; 0 if there is none, or it is not valid. */
size_t utf8_step(struct str s);
bool utf8_is_valid(struct str s);
size_t utf8_count(struct str s); /* code points of a valid string */
/* Writes the code point's 1..4 bytes, returns how many. Asserts that it is a scalar value. */
size_t utf8_encode(uint32_t code_point, char out[4]);
