/* room - a large local array that is written before it is read. All other locals are cleared first
 * (-ftrivial-auto-var-init), which for some kilobytes takes longer than most of what is done in them. */
#pragma once

#define ROOM __attribute__((uninitialized))
