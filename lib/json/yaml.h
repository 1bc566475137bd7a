/* yaml - a JSON tree as YAML, in block style, strings quoted. For people who asked for it. */
#pragma once

#include "base/buf.h"
#include "json/read.h"

/* Append `v`, an object or array with plain words as keys, and a newline. */
void json_yaml(struct buf *out, const struct json_value *v);
