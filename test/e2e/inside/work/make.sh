# sixty files, their dependencies, a library of each kind; again, after a change, and cleaned
set -e
mkdir -p src include
for i in $(seq 60); do
	printf '#pragma once\nint f%d(int x);\n' "$i" >"include/f$i.h"
	printf '#include "f%d.h"\n#include <stdio.h>\n#include <string.h>\nint f%d(int x)\n{\n\tchar t[64];\n\n\tsnprintf(t, sizeof t, "%%d", x + %d);\n\treturn (int)strlen(t) + x + %d;\n}\n' \
		"$i" "$i" "$i" "$i" >"src/f$i.c"
done
{
	for i in $(seq 60); do echo "#include \"f$i.h\""; done
	printf '#include <stdio.h>\nint main(void)\n{\n\tint x = 0;\n'
	for i in $(seq 60); do echo "	x = f$i(x);"; done
	printf '\tprintf("%%d\\n", x);\n\treturn 0;\n}\n'
} >main.c
cat >Makefile <<'M'
OBJ := $(patsubst src/%.c,out/%.o,$(wildcard src/*.c))
CFLAGS := -O1 -fPIC -Iinclude -Wall -Werror
all: out/program out/shared
out/program: out/main.o out/libf.a
	gcc -o $@ out/main.o out/libf.a
out/shared: out/main.o out/libf.so
	gcc -o $@ out/main.o -Lout -l:libf.so -Wl,-rpath,'$$ORIGIN'
out/libf.a: $(OBJ)
	rm -f $@ && ar rcD $@ $^
out/libf.so: $(OBJ)
	gcc -shared -o $@ $^
out/main.o: main.c | out
	gcc $(CFLAGS) -MMD -c -o $@ $<
out/%.o: src/%.c | out
	gcc $(CFLAGS) -MMD -c -o $@ $<
out:
	mkdir -p $@
clean:
	rm -rf out
.PHONY: all clean
-include $(wildcard out/*.d)
M
make -s -j2 && out/program && out/shared && make -q && echo "nothing to do"
echo 'int unused_here(int x);' >>include/f7.h && make -n | grep -c 'gcc.*-c' && make -s -j2 && out/program
make -s clean && ls && make -s -j2 && out/shared && strip out/program && out/program && find out | wc -l
echo 'int f1(void) { return }' >src/f1.c
make -s -j2 2>/dev/null || echo "failed with $?"
[ ! -e out/f1.o ] || echo "old f1.o stays"
rm -f out/program out/shared
