/* json/yaml: nesting, empty containers, strings that would mean something else unquoted. */
#include "json/yaml.h"

#include "test/t.h"

T_CASE(block_style)
{
	static const char text[] =
	        "{\"a\":[{\"b\":1,\"c\":[]},{},[true,null],\"no: \\n# x\"],\"d\":{\"e\":\"\"}}";
	AUTO_ARENA a = { 0 };
	AUTO_BUF b = { 0 };
	struct err e;
	const struct json_value *v = json_read(&a, text, sizeof text - 1, &e);

	if (!ok(v != NULL, "%s", e.text))
		return;
	json_yaml(&b, v);
	is_str(buf_text(&b), "a:\n"
	                     "  - b: 1\n"
	                     "    c: []\n"
	                     "  - {}\n"
	                     "  -\n"
	                     "    - true\n"
	                     "    - null\n"
	                     "  - \"no: \\n# x\"\n"
	                     "d:\n"
	                     "  e: \"\"\n");
}
