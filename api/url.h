/* Percent-escapes of RFC 3986. A plus is a plus: no parameter of ours can hold a space, while user
 * ids may hold a plus, which few who write a URL by hand escape. */
#pragma once
#include "base/arena.h"

bool url_is_escaped(struct str s);
/* Into the arena; s itself where nothing is escaped. False: a broken escape. */
bool url_unescape(struct str s, struct arena *arena, struct str *text_out);
