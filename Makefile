# agentsh - `make help` lists what there is to say.
#
# PRESET=NAME   build/presets/NAME.config instead of the default; its results lie in build/out/NAME
# TARGET=aarch64  build for that architecture, by the distribution's cross compiler, into build/out/aarch64
# V=1           show the commands
# T=SECONDS     how long each fuzzer runs
# STRICT=1      a skipped test is a failure

MAKEFLAGS += --no-builtin-rules
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')
export LC_ALL := C

# ---- what is built ------------------------------------------------------------------------------
PRESETS := full sandbox-minimal shim-only
PRESET ?= $(if $(wildcard .config),.config,full)
# Empty: this machine's own architecture.
CROSS := $(filter-out $(shell uname -m),$(TARGET))
TOOL := $(CROSS:%=%-linux-gnu-)
O := build/out$(CROSS:%=/%)$(if $(filter-out full .config,$(PRESET)),/$(PRESET))
CONFIG := $(if $(filter .config,$(PRESET)),.config,build/presets/$(PRESET).config)
BIN := $(O)/agentsh
LIB_SRC := $(sort $(shell find lib -name '*.c'))
C_FILES = $(sort $(shell find applets lib test -name '*.[ch]'))

-include $(O)/config.mk

APPLETS := $(foreach a,$(filter-out main,$(basename $(notdir $(wildcard applets/*.c)))),\
	$(if $(CONFIG_APPLET_$(shell echo $(a) | tr a-z A-Z)),$(a)))
BIN_SRC := $(sort applets/main.c $(APPLETS:%=applets/%.c))
THIRD_PARTY := $(if $(CONFIG_LIB_YAML),libyaml) $(if $(CONFIG_LIB_TRE),tre) \
	$(if $(CONFIG_LIB_BEARSSL),bearssl) $(if $(CONFIG_LIB_FUSE3),libfuse)
# libseccomp is for tests alone: what they compare our own filter and names with.
ALL_THIRD_PARTY := libseccomp libyaml tre bearssl libfuse

# ---- flags --------------------------------------------------------------------------------------
DEPS := $(CURDIR)/build/out/deps
OPT := -Os
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wundef -Wstrict-prototypes -Wvla -Werror
COMMON := -std=gnu11 -D_GNU_SOURCE $(WARN) -I. -Ilib -I$(O) -include $(O)/config.h \
	-ffile-prefix-map=$(CURDIR)=. -MMD -MP
includes = -isystem $(DEPS)/$(1)/uapi/include $(ALL_THIRD_PARTY:%=-isystem $(DEPS)/$(1)/%/include)
archives = $(patsubst %,$(DEPS)/$(1)/%/lib.a,$(2))

FLAVOUR := musl$(CROSS:%=-%)$(if $(CONFIG_STATIC_PIE),-pie)
MUSL_CC := $(DEPS)/$(FLAVOUR)/musl/bin/musl-gcc
MUSL_FLAGS := $(COMMON) $(OPT) -g $(call includes,$(FLAVOUR)) \
	$(if $(CONFIG_STATIC_PIE),-fPIE,-fno-pie) -ffunction-sections -fdata-sections \
	-fno-unwind-tables -fno-asynchronous-unwind-tables \
	-fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
# No RELRO: nothing applies it in a static program of this C library, and it pads the file by up to a page. So
# does an ordinary common page size, which trades that for a page of memory less.
MUSL_LINK := $(if $(CONFIG_STATIC_PIE),-static-pie,-static -no-pie) \
	-Wl,--gc-sections,-z,noseparate-code,-z,noexecstack,-z,norelro,-z,common-page-size=64 \
	-Wl,--sort-section=alignment \
	-Wl,--build-id=none,--fatal-warnings
CHECKED := $(COMMON) -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
GCC_FLAGS := $(CHECKED) -fsanitize=address,undefined $(call includes,gcc)
CLANG_FLAGS := $(CHECKED) -fsanitize=fuzzer-no-link,address,undefined $(call includes,clang)
CLANG_TOOLS := clang:clang /usr/lib/llvm-14/lib/clang:libclang-rt-14-dev
CROSS_TOOLS := aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu
TOOLS := gcc:gcc ld:binutils patch:patch xz:xz-utils /usr/include/stdio.h:libc6-dev
LINT_TOOLS := clang-format:clang-format clang-tidy:clang-tidy cppcheck:cppcheck shellcheck:shellcheck
TEST_TOOLS := curl:curl jq:jq python3:python3 setpriv:util-linux pgrep:procps py=kconfiglib:python3-kconfiglib

all: $(BIN) ## build the binary: build/out/agentsh
.PHONY: all FORCE
FORCE:

# ---- configuration: stanzas -> Kconfig -> .config -> config.h, config.mk, tables.c --------------
build/out/applets.kconfig: FORCE
	@build/collect | build/replace $@
$(O)/chosen: FORCE
	@echo $(CONFIG) | build/replace $@
$(O)/.config: $(O)/chosen $(CONFIG) Kconfig build/out/applets.kconfig build/config.awk
	$(call say,CONFIG,$(CONFIG))
	@mkdir -p $(O)
	$(Q)awk -f build/config.awk Kconfig build/out/applets.kconfig $(CONFIG) >$@
$(O)/config.h: $(O)/.config VERSION Makefile
	@awk -v version="$$(cat VERSION)" 'BEGIN { print "#pragma once" } \
		/=/ { sub("=", " "); sub(" y$$", " 1"); print "#define " $$0 } \
		/ is not set$$/ { print "#define " $$2 " 0" } \
		END { print "#define AGENTSH_VERSION \"" version "\"" }' $(O)/.config | build/replace $@
$(O)/config.mk: $(O)/.config
	@sed -n 's/^\(CONFIG_[A-Z0-9_]*\)=/\1 := /p' $(O)/.config | build/replace $@
$(O)/tables.c: FORCE $(O)/.config
	@build/tables $(O)/.config | build/replace $@
$(O)/call_names.h: build/out/deps/$(FLAVOUR).ok
	@printf '#include <asm/unistd.h>\n#include <sys/syscall.h>\n' | \
		$(MUSL_CC) -w $(call includes,$(FLAVOUR)) -E -dM - | sort | awk ' \
		BEGIN { print "#pragma once"; print "#define CALL_NAMES \\" } \
		sub(/^#define __NR_/, "") && $$2 ~ /^[0-9]+$$/ { print "\t\"\\n" $$2 " " $$1 "\" \\" } \
		END { print "\t\"\\n\"" }' | build/replace $@
# For a test: the call numbers of every architecture that there is a filter for.
$(O)/call_numbers.h: build/out/deps/$(FLAVOUR).ok
	@{ echo '#pragma once'; for a in x86:x86_64 arm64:aarch64; do \
		sed -n "s/^#define __NR_\([a-z0-9_]* [0-9]*\)$$/#define NR_$${a#*:}_\1/p" \
			$(DEPS)/$(FLAVOUR)/uapi/arch/$${a%:*}/asm/unistd_64.h; done; } | build/replace $@
$(O)/sources: FORCE
	@echo '$(BIN_SRC) $(LIB_SRC) $(THIRD_PARTY)' | build/replace $@
$(O)/flags: FORCE
	@echo '$(MUSL_FLAGS) $(MUSL_LINK) $(GCC_FLAGS) $(CLANG_FLAGS)' | build/replace $@

# ---- third-party libraries ----------------------------------------------------------------------
build/out/deps/%.ok: $(wildcard build/deps/*)
	@build/need $(TOOLS) $(if $(filter clang,$*),$(CLANG_TOOLS)) \
		$(if $(filter musl-aarch64%,$*),$(CROSS_TOOLS))
	@mkdir -p build/out/deps
	$(Q)build/deps/build $* $(DEPS)/$*
	@touch $@
deps: $(addprefix build/out/deps/,musl.ok gcc.ok clang.ok) ## build the third-party libraries
.PHONY: deps

# ---- the binary ---------------------------------------------------------------------------------
BIN_OBJ := $(BIN_SRC:%.c=$(O)/obj/%.o) $(O)/obj/tables.o
LIB_OBJ := $(LIB_SRC:%.c=$(O)/obj/%.o)
READY := $(O)/flags | $(O)/config.h $(O)/call_names.h $(O)/call_numbers.h

$(O)/obj/tables.o: $(O)/tables.c build/out/deps/$(FLAVOUR).ok $(READY)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(MUSL_FLAGS) -c $< -o $@
$(O)/obj/%.o: %.c build/out/deps/$(FLAVOUR).ok build/fixdep $(READY)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(MUSL_FLAGS) -c $< -o $@ && build/fixdep $< $(@:.o=.d)
$(O)/lib.a: $(LIB_OBJ) $(O)/sources
	@rm -f $@
	$(Q)$(TOOL)ar rcsD $@ $(LIB_OBJ)
$(BIN).full: $(BIN_OBJ) $(O)/lib.a $(O)/sources
	$(call say,LD,$@)
	$(Q)$(MUSL_CC) $(MUSL_LINK) -o $@ $(BIN_OBJ) $(O)/lib.a $(call archives,$(FLAVOUR),$(THIRD_PARTY))
$(BIN): $(BIN).full build/trim
	$(Q)$(TOOL)strip -s -R .comment -o $@ $< && build/trim $@

# Taken in by the assembler, which tells no dependencies.
PLAIN := $(patsubst policies/%,build/out/plain/%,$(wildcard policies/*default.yaml policies/*/default.yaml))
EMBEDDED := $(if $(CONFIG_FACTS),policies,build/out/plain)/default.yaml
$(foreach k,obj host fuzz,$(O)/$(k)/lib/policy/embedded.o): $(EMBEDDED)
$(PLAIN): build/out/plain/%: policies/% policies/patterns.yaml build/plain
	@mkdir -p $(@D)
	$(Q)build/plain $< | build/replace $@ && touch $@
plain: $(PLAIN) ## the shipped policies for builds without FACTS: build/out/plain/
.PHONY: plain

# ---- the same code for the host, checked --------------------------------------------------------
HOST_LIB := $(LIB_SRC:%.c=$(O)/host/%.o)
FUZZ_LIB := $(LIB_SRC:%.c=$(O)/fuzz/%.o)
UNIT := $(patsubst %.c,$(O)/host/%,$(sort $(wildcard test/unit/*.c)))
FUZZERS := $(filter-out replay,$(basename $(notdir $(sort $(wildcard test/fuzz/*.c)))))
REPLAY := $(FUZZERS:%=$(O)/host/test/fuzz/%)

$(O)/host/%.o: %.c build/out/deps/gcc.ok build/fixdep $(READY)
	@mkdir -p $(@D)
	$(Q)gcc $(GCC_FLAGS) -c $< -o $@ && build/fixdep $< $(@:.o=.d)
$(O)/fuzz/%.o: %.c build/out/deps/clang.ok build/fixdep $(READY)
	@mkdir -p $(@D)
	$(Q)clang $(CLANG_FLAGS) -c $< -o $@ && build/fixdep $< $(@:.o=.d)
$(O)/host/lib.a: $(HOST_LIB) $(O)/sources
	@rm -f $@
	$(Q)ar rcsD $@ $(HOST_LIB)
$(O)/fuzz/lib.a: $(FUZZ_LIB) $(O)/sources
	@rm -f $@
	$(Q)ar rcsD $@ $(FUZZ_LIB)
comma := ,
WRAP := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup strndup)
$(UNIT): $(O)/host/test/unit/%: $(O)/host/test/unit/%.o $(O)/host/test/alloc.o $(O)/host/lib.a
	$(call say,TEST,test/unit/$*)
	$(Q)gcc -fsanitize=address,undefined $(WRAP) -o $@ $^ $(call archives,gcc,$(ALL_THIRD_PARTY))
# The same unit tests as the binary is built: unchecked, but for any architecture.
UNIT_STATIC := $(patsubst %.c,$(O)/unit/%,$(notdir $(sort $(wildcard test/unit/*.c))))
$(UNIT_STATIC): $(O)/unit/%: $(O)/obj/test/unit/%.o $(O)/obj/test/alloc.o $(O)/lib.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(MUSL_LINK) $(WRAP) -o $@ $^ $(call archives,$(FLAVOUR),$(ALL_THIRD_PARTY))
REPLAY_STATIC := $(FUZZERS:%=$(O)/replay/%)
$(REPLAY_STATIC): $(O)/replay/%: $(O)/obj/test/fuzz/%.o $(O)/obj/test/fuzz/replay.o $(O)/lib.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(MUSL_LINK) -o $@ $^ $(call archives,$(FLAVOUR),$(ALL_THIRD_PARTY))
unit-static: $(UNIT_STATIC) $(REPLAY_STATIC)
.PHONY: unit-static
$(REPLAY): $(O)/host/test/fuzz/%: $(O)/host/test/fuzz/%.o $(O)/host/test/fuzz/replay.o $(O)/host/lib.a
	$(call say,TEST,test/fuzz/$*)
	$(Q)gcc -fsanitize=address,undefined -o $@ $^ $(call archives,gcc,$(ALL_THIRD_PARTY))
$(FUZZERS:%=$(O)/fuzz/%): $(O)/fuzz/%: $(O)/fuzz/test/fuzz/%.o $(O)/fuzz/lib.a
	$(call say,FUZZ,$*)
	$(Q)clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(call archives,clang,$(ALL_THIRD_PARTY))
# What processes do with the memory they share, by threads of one program: under ThreadSanitizer.
THREADS := $(patsubst %.c,$(O)/host/%,$(sort $(wildcard test/threads/*.c)))
THREADS_LIB := lib/audit/ring.c $(wildcard lib/base/*.c)
$(THREADS): $(O)/host/test/threads/%: test/threads/%.c $(THREADS_LIB) build/out/deps/gcc.ok $(READY)
	$(call say,TEST,test/threads/$*)
	@mkdir -p $(@D)
	$(Q)gcc $(filter-out -MMD -MP,$(COMMON)) -O1 -g -fsanitize=thread -o $@ $< $(THREADS_LIB)

# ---- tests --------------------------------------------------------------------------------------
KERNEL_C := $(patsubst %.c,$(O)/kernel/%,$(notdir $(sort $(wildcard test/kernel/*.c))))
KERNEL := $(KERNEL_C) $(sort $(wildcard test/kernel/*.sh))
E2E_NO_FILES := env E2E_FILES=off test/e2e/run
E2E_PAIRS := own-e2b own-daytona real-e2b real-daytona
E2E := $(sort $(wildcard test/e2e/*.sh)) "test/e2e/run --ungoverned" \
	"test/e2e/run --pair default" \
	$(foreach p,$(E2E_PAIRS),"test/e2e/run --pair $(p) --as user" "test/e2e/run --pair $(p) --as root") \
	"$(E2E_NO_FILES) --pair own-e2b --as user shim commands files" \
	"$(E2E_NO_FILES) --pair real-daytona --as root shim commands benign" \
	"env E2E_VIEW=on E2E_FILES=off test/e2e/run --pair own-e2b --as user view softdelete" \
	$(foreach p,$(E2E_PAIRS),$(foreach u,user root,\
		"env E2E_VIEW=on test/e2e/run --pair $(p) --as $(u) view files softdelete")) \
	"env E2E_VIEW=on test/e2e/run --pair own-daytona --as root view_stuck undo" \
	"env E2E_VIEW=on E2E_UNDO_FILES=300 test/e2e/run --pair own-e2b --as user undo"
UNIT_RUNS := $(UNIT) $(foreach f,$(FUZZERS),"$(O)/host/test/fuzz/$(f) test/fuzz/corpus/$(f)") \
	$(THREADS) $(sort $(wildcard test/cases/*.sh))
BUILD_TESTS := $(sort $(wildcard test/build/*.sh))
RUN := AGENTSH=$(CURDIR)/$(BIN) OUT=$(CURDIR)/$(O) test/run

$(KERNEL_C): $(O)/kernel/%: $(O)/obj/test/kernel/%.o $(O)/lib.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(MUSL_LINK) -o $@ $^ $(call archives,$(FLAVOUR),$(ALL_THIRD_PARTY))

# The random file operations of test/kernel/fsops.sh.
FSOPS := $(O)/files/fsops
$(FSOPS): $(patsubst %.c,$(O)/obj/%.o,$(sort $(wildcard test/files/*.c)))
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(MUSL_LINK) -o $@ $^ $(call archives,$(FLAVOUR),)

test: $(UNIT) $(REPLAY) $(THREADS) $(BIN) ## unit tests, policy cases and fuzz corpora, under ASan and UBSan
	$(Q)$(RUN) $(UNIT_RUNS)
test-kernel: $(KERNEL_C) $(FSOPS) $(BIN) ## tests against the running kernel (Landlock, seccomp, namespaces)
	$(Q)$(RUN) $(KERNEL)
test-e2e: $(BIN) ## whole runs of the binary
	@build/need $(TEST_TOOLS)
	$(Q)$(RUN) $(E2E)
test-build: presets ## cross build and emulation, reproducibility, static PIE
	$(Q)LIMIT=1200 $(RUN) $(BUILD_TESTS)
test-aarch64 test-reproducible: test-%: presets ## one of them
	$(Q)LIMIT=1200 $(RUN) test/build/$*.sh
test-kill: $(BIN) ## kill each of our processes at 200 random moments under load (KILLS=, SEED=)
	$(Q)KILLS=$${KILLS:-200} LIMIT=1200 $(RUN) test/e2e/kill.sh test/e2e/kill_files.sh
test-work: $(BIN) ## developers' tools under file rules and in a view, all pairs and users (WORK=, FILES=)
	$(Q)WORK=$${WORK:-all} LIMIT=3600 $(RUN) test/e2e/work.sh
test-net: $(BIN) ## network rules of all pairs and users, every row, 1 GiB each way (E2E_NET_MIB=)
	$(Q)set -e; for p in $(E2E_PAIRS); do for u in user root; do \
		E2E_NET=on E2E_NET_ROWS=all E2E_NET_MIB=$${E2E_NET_MIB:-1024} LIMIT=1200 \
		$(RUN) "test/e2e/run --pair $$p --as $$u net"; done; done
test-load: $(BIN) ## the proxy under 200,000 requests (LOAD_REQUESTS=)
	$(Q)LOAD_REQUESTS=$${LOAD_REQUESTS:-200000} LIMIT=1200 $(RUN) test/e2e/load.sh
test-journal: $(O)/host/test/unit/journal_undo ## kill who keeps or undoes, 200 times (JOURNAL_KILLS=)
	$(Q)JOURNAL_KILLS=$${JOURNAL_KILLS:-200} $< kills
test-million: $(O)/kernel/journal_many $(BIN) ## a million kept versions are listed in time (JOURNAL_MANY=)
	$(Q)JOURNAL_MANY=$${JOURNAL_MANY:-1000000} $(RUN) $<
test-fsops: $(FSOPS) $(BIN) ## random file operations, natively, governed, in views (SEEDS=, OPS=)
	$(Q)for s in $${SEEDS:-3 4 5}; do FSOPS_ALL=1 FSOPS_SEED=$$s FSOPS_OPS=$${OPS:-100000} \
		FUSE_OPS=$${OPS:-100000} LIMIT=3600 \
		$(RUN) test/kernel/fsops.sh test/kernel/fuse.sh || exit 1; done
check: ## all that CI runs: every preset, lint, sizes, every test
	@build/need $(TOOLS) $(LINT_TOOLS) $(TEST_TOOLS)
	@test/e2e/stage need
	$(Q)$(MAKE) --no-print-directory presets
	$(Q)$(MAKE) --no-print-directory $(UNIT) $(REPLAY) $(THREADS) $(KERNEL_C) $(FSOPS)
	-$(Q)$(MAKE) --no-print-directory -k analyze-shipped
	-$(Q)$(MAKE) --no-print-directory TARGET=aarch64 presets unit-static
	$(Q)LIMIT=600 $(RUN) "build/lint/run $(O)" build/lint/analysis "build/size $(PRESETS)" \
		$(UNIT_RUNS) $(KERNEL) $(E2E) $(BUILD_TESTS)
T := 60
fuzz: $(FUZZERS:%=$(O)/fuzz/%) ## run every fuzzer for T seconds (make fuzz T=60)
	$(Q)for f in $(FUZZERS); do mkdir -p $(O)/fuzz/new/$$f test/fuzz/corpus/$$f; \
		$(O)/fuzz/$$f -max_total_time=$(T) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
			-artifact_prefix=$(O)/fuzz/$$f- $(O)/fuzz/new/$$f test/fuzz/corpus/$$f || exit 1; done
BENCH := $(patsubst %,$(O)/bench/%,audit bare bare_files decide)
$(BENCH): $(O)/bench/%: $(O)/obj/test/bench/%.o $(O)/lib.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(MUSL_LINK) -o $@ $^ $(call archives,$(FLAVOUR),$(ALL_THIRD_PARTY))
bench: $(BIN) $(BENCH) ## measure against the bare command; writes docs/bench.md (root)
	$(Q)AGENTSH=$(CURDIR)/$(BIN) OUT=$(CURDIR)/$(O) test/bench/run
bench-files: $(BIN) ## measure judged calls on files; writes docs/files-bench.md (root)
	$(Q)AGENTSH=$(CURDIR)/$(BIN) OUT=$(CURDIR)/$(O) test/bench/files.sh
bench-fuse: $(BIN) ## measure a view through FUSE against others; writes docs/fuse-bench.md (root)
	$(Q)AGENTSH=$(CURDIR)/$(BIN) OUT=$(CURDIR)/$(O) test/bench/fuse.sh
bench-proxy: $(BIN) ## measure connections by way of proxies; writes docs/proxy-bench.md (root)
	$(Q)AGENTSH=$(CURDIR)/$(BIN) OUT=$(CURDIR)/$(O) test/bench/proxy.sh
demo: $(BIN) ## show allowed and denied commands through the installed shim, in a throw-away root (root)
	$(Q)AGENTSH=$(CURDIR)/$(BIN) test/e2e/demo
.PHONY: test test-fsops test-kernel test-e2e test-kill test-journal test-million test-load test-net \
	test-work test-build test-aarch64 test-reproducible check fuzz bench bench-files bench-fuse \
	bench-proxy demo

# ---- the state of the code ----------------------------------------------------------------------
presets: $(BIN) ## build every preset
	$(Q)for p in $(PRESETS); do $(MAKE) --no-print-directory PRESET=$$p || exit 1; done
test-configs: $(O)/config.h ## build with nothing, with each option off, and random choices
	$(Q)LIMIT=3600 test/run "build/configs"
size: presets ## size of every preset against its budget, and what is largest
	$(Q)build/size $(PRESETS)
readme: presets ## bring the tables of README.md up to date
	$(Q)AGENTSH=$(BIN) build/readme write
format: ## put all C files into the project's form
	@build/need clang-format:clang-format
	$(Q)clang-format -i $(C_FILES)
lint: $(BIN) ## layers, shape, symbols, format, cppcheck, shellcheck
	@build/need $(LINT_TOOLS)
	$(Q)test/run "build/lint/run $(O)"
# What a file includes is in the first stamp's .d; both stamps are remade when it changes.
ANALYZED := $(filter %.c,$(C_FILES))
ANALYZED_BY_GCC := $(ANALYZED:%=$(O)/analyze/%.gcc)
ANALYZED_BY_CLANG := $(ANALYZED:%=$(O)/analyze/%.clang)
ANALYZE_FLAGS := $(filter-out -MMD -MP,$(COMMON)) $(call includes,gcc)
# Excused: what is appended to a list stays in it, what is given out is the caller's, and what an array that
# grew holds is freed.
EXCUSED_LEAKS := lib/session/command.c lib/session/env.c lib/session/gate.c lib/session/handover.c \
	lib/session/closed_apart.c lib/session/mounter.c lib/session/policies.c lib/session/showing.c \
	lib/session/views.c lib/session/views_over.c lib/session/proxied.c lib/journal/list.c \
	lib/enforce/files/spell.c lib/enforce/landlock/floor.c lib/journal/index.c applets/policy.c \
	test/fuzz/facts.c
$(EXCUSED_LEAKS:%=$(O)/analyze/%.gcc): EXCUSED := -Wno-analyzer-malloc-leak
$(O)/analyze/%.gcc: % build/out/deps/gcc.ok $(READY)
	$(call say,GCC,$<)
	@mkdir -p $(@D)
	$(Q)gcc $(ANALYZE_FLAGS) -O1 -fanalyzer $(EXCUSED) -MMD -MP -MF $@.d -MT $@ -c $< -o $@.o && touch $@
$(O)/analyze/%.clang: % $(O)/analyze/%.gcc .clang-tidy test/.clang-tidy
	$(call say,TIDY,$<)
	$(Q)clang-tidy --quiet $< -- $(filter-out -W%,$(ANALYZE_FLAGS)) 2>$@.err >$@.log || \
		{ cat $@.log; exit 1; }
	@touch $@
analyze-gcc: $(filter $(O)/analyze/lib/% $(O)/analyze/applets/%,$(ANALYZED_BY_GCC))
tidy: $(filter $(O)/analyze/lib/% $(O)/analyze/applets/%,$(ANALYZED_BY_CLANG))
analyze-shipped: analyze-gcc tidy ## the same over what is shipped, as `make check` does
analyze: ## gcc -fanalyzer and clang-tidy over all C (cppcheck is in lint)
	@build/need clang-tidy:clang-tidy
	$(Q)$(MAKE) --no-print-directory $(ANALYZED_BY_GCC) $(ANALYZED_BY_CLANG)
.PHONY: presets size readme lint format test-configs analyze analyze-gcc analyze-shipped tidy

# ---- choosing options ---------------------------------------------------------------------------
KCONFIG := KCONFIG_CONFIG=.config srctree=. /usr/bin/python3 -m
own_config = $(Q)[ -f .config ] || cp $(O)/.config .config
menuconfig olddefconfig: $(O)/.config
	@build/need py=kconfiglib:python3-kconfiglib
	$(own_config)
	$(Q)$(KCONFIG) $@
menuconfig: ## choose applets and layers by hand (writes .config)
savedefconfig: $(O)/.config ## write the shortest file that gives this .config: build/out/defconfig
	@build/need py=kconfiglib:python3-kconfiglib
	$(own_config)
	$(Q)$(KCONFIG) savedefconfig --out build/out/defconfig
%_defconfig: build/presets/%.config build/out/applets.kconfig ## start .config from a preset
	$(Q)awk -f build/config.awk Kconfig build/out/applets.kconfig $< >.config
.PHONY: menuconfig olddefconfig savedefconfig

# ---- the rest -----------------------------------------------------------------------------------
install: $(BIN) ## install below DESTDIR
	install -D -m 755 $(BIN) $(DESTDIR)/usr/bin/agentsh
	ln -sfn agentsh $(DESTDIR)/usr/bin/agentsh-shell-shim
	install -D -m 644 policies/bash_startup.sh $(DESTDIR)/usr/lib/agentsh/bash_startup.sh
clean: ## remove what was built (the cache of third-party libraries stays)
	rm -rf build/out
help: ## this list
	@sed -n 's/^\([a-z%_-]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 20
.PHONY: install clean help

-include $(shell find $(O)/obj $(O)/host $(O)/fuzz $(O)/analyze -name '*.d' 2>/dev/null)
