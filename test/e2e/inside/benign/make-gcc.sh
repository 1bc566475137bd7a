# make -j2 with sub-makes, jobserver, static and shared libraries, failures
set -e
cd /tmp/w
mkdir -p lib
printf 'int twice(int x) { return 2 * x; }\n' >lib/twice.c
printf 'all: libtwice.a libtwice.so\n%%.o: %%.c\n\tgcc -fPIC -c -o $@ $<\nlibtwice.a: twice.o\n\tar rcs $@ $<\nlibtwice.so: twice.o\n\tgcc -shared -o $@ $<\n' >lib/Makefile
printf '#include <stdio.h>\nint twice(int);\nint main(void) { printf("%%d\\n", twice(21)); return 0; }\n' >main.c
cat >Makefile <<'M'
all: static dynamic $(foreach n,1 2 3 4 5 6 7 8,o$(n).o)
lib:
	$(MAKE) -C lib
static: main.c lib
	gcc -o $@ main.c lib/libtwice.a
dynamic: main.c lib
	gcc -o $@ main.c -Llib -ltwice -Wl,-rpath,$(CURDIR)/lib
o%.o:
	echo 'int f$*(void) { return $*; }' | gcc -x c -c -o $@ -
bad:
	false
.PHONY: lib all bad
M
make -s -j2 >/dev/null
./static && ./dynamic
ls o*.o | wc -l
make -s -j2 bad 2>/dev/null || echo "make failed with $?"
make -s -k bad nonexistent 2>/dev/null || echo "and with $?"
printf 'int main(void) { return 1 }' | gcc -x c - -o /dev/null 2>/dev/null || echo "gcc failed with $?"
gcc -static -o st main.c lib/libtwice.a && ./st
