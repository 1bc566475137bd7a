/* trim - give back the memory that only starting needed. */
#pragma once

/* Drop the pages of the program's own text from this process; what is still used comes back from the page
 * cache by itself, the parsers and compilers of policies do not. Harmless at any time. */
void trim_text(void);
