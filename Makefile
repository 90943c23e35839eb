# Parley. `make help` lists the targets; everything is built under $(BUILD).
#   make SAN=address,undefined   or   SAN=thread     builds with sanitizers, in a folder of its own
#   make CC=clang                                    likewise with clang
#   make COV=1                                       likewise for line coverage
#   make V=1                                         shows the commands

CC     := $(if $(filter default,$(origin CC)),gcc,$(CC))
SAN    ?=
COV    ?=
V      ?=
comma  := ,
BUILD  ?= build/$(CC)$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(COV),-cov)
JOBS   ?= $(shell nproc)
PORT   ?= 8080
ADMIN_PORT ?= 8081
VAR    ?= var
SECONDS ?= 10

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c

PKGS     := libmicrohttpd libnghttp2 libmariadb hiredis libcjson gnutls libxxhash
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
            -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wcast-qual -Wimplicit-fallthrough
# Tables of long strings: clang takes their second line for a forgotten comma.
CLANG_WARNINGS := -Wno-string-concatenation
WARNINGS += $(if $(findstring clang,$(CC)),$(CLANG_WARNINGS))
CFLAGS   := -std=c17 -O2 -g -fno-omit-frame-pointer -fstack-protector-strong -D_GNU_SOURCE -I. $(WARNINGS) \
            -pthread $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all) \
            $(if $(COV),--coverage -fprofile-update=atomic -O0)
CFLAGS   += $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm
LDFLAGS  := -pthread $(if $(SAN),-fsanitize=$(SAN)) $(if $(COV),--coverage)

# What a rule prints: one short line, with V=1 the command itself, with -s nothing.
silent  := $(findstring s,$(firstword -$(MAKEFLAGS)))
say      = @$(if $(V)$(silent),,echo '  $(1) $(@:$(BUILD)/%=%)';)
run      = $(if $(V),,@)

# Each layer is one archive; a layer's tests link it and what lies below it.
LAYERS := base net db live api api/h1 handlers jobs server
below_base     := base
below_net      := net base
below_db       := db base
below_live     := live base
below_api      := api net db live base
below_api/h1   := api/h1 api net db live base
below_handlers := handlers api net db live base
below_jobs     := jobs api net db live base
below_server   := server handlers jobs api/h1 api net db live base

sources  = $(filter-out server/main.c,$(wildcard $(1)/*.c))
objects  = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
archive  = $(BUILD)/lib$(subst /,_,$(1)).a
archives = $(foreach layer,$(below_$(1)),$(call archive,$(layer)))

# The load tool shares the floor with the server and nothing else, so no common bug can hide a loss.
below_bench := bench base

UNITS   := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*/*_test.c tests/unit/*/*/*_test.c))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
PROGRAM := $(BUILD)/parleyd

.PHONY: all help install units run down test check format docs fuzz bench clean
all: $(PROGRAM) ## build the server (the default)

help: ## this list
	@grep -hE '^[a-z/-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

install: ## install the Debian packages that all targets need
	@deploy/dev/install.sh run test check fuzz

# One script does it all, the build too, so that it can end it all whenever a signal comes.
run: ## from nothing to a server on PORT (8080), ADMIN_PORT (8081), with its data in VAR (var)
	+@VAR='$(VAR)' PORT='$(PORT)' ADMIN_PORT='$(ADMIN_PORT)' PARLEYD='$(abspath $(PROGRAM))' \
	    MAKE='$(MAKE)' exec deploy/dev/stack.sh run

down: ## end the stack that runs in VAR
	@VAR='$(VAR)' deploy/dev/stack.sh down

units: $(UNITS:%=$(BUILD)/unit/%) ## build the unit tests

test: ## unit tests and stories: plain, under sanitizers, with coverage
	+@tests/run.sh

bench: $(PROGRAM) $(BUILD)/bench-load ## load a stack of its own (or BASE_URL=), a JSON line a run, SVGs
	+@BUILD=$(BUILD) tests/bench/bench.sh

format: ## lay out every C file as .clang-format says
	clang-format -i $(C_FILES)

docs: ## write the tables of docs/OPERATING.md anew
	@tests/tools/operating-tables >docs/.OPERATING.md && mv docs/.OPERATING.md docs/OPERATING.md

fuzz: ## each fuzzer for SECONDS (10)
	@deploy/dev/install.sh run fuzz
	+@$(MAKE) --no-print-directory CC=clang SAN=address,undefined,fuzzer-no-link BUILD=build/fuzz \
	    SECONDS=$(SECONDS) $(FUZZERS:%=fuzz/%)

clean: ## remove what was built
	rm -rf build

# --- building -------------------------------------------------------------------------------------

$(PROGRAM): $(BUILD)/server/main.o $(call archives,server)
	$(call say,link )
	$(run)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,$(CC))
	$(run)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

define layer_rule
$(call archive,$(1)): $(call objects,$(1))
	@rm -f $$@
	$(run)ar rcs $$@ $$^
endef
$(foreach layer,$(LAYERS),$(eval $(call layer_rule,$(layer))))

$(BUILD)/libbench.a: $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/load.c,$(wildcard tests/bench/*.c)))
	@rm -f $@
	$(run)ar rcs $@ $^

$(BUILD)/bench-load: $(BUILD)/tests/bench/load.o $(call archives,bench)
	$(call say,link )
	$(run)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# What several unit tests share.
SUPPORT := $(BUILD)/libtests_support.a
$(SUPPORT): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))
	@mkdir -p $(@D) && rm -f $@
	$(run)ar rcs $@ $^

# tests/unit/LAYER/FILE_test.c -> $(BUILD)/unit/LAYER/FILE_test
define unit_rule
$(BUILD)/unit/$(1): $(BUILD)/tests/unit/$(1).o $(SUPPORT) $(call archives,$(patsubst %/,%,$(dir $(1))))
	@mkdir -p $$(@D)
	$$(call say,link )
	$(run)$(CC) $(LDFLAGS) -o $$@ $$^ $(LDLIBS) -lcmocka
endef
$(foreach unit,$(UNITS),$(eval $(call unit_rule,$(unit))))

# tests/fuzz/NAME.c: a libFuzzer entry point; `make fuzz/NAME` comes here by way of `make fuzz`.
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(call archives,server)
	@mkdir -p $(@D)
	$(call say,link )
	$(run)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

.PHONY: $(FUZZERS:%=fuzz/%)
$(FUZZERS:%=fuzz/%): fuzz/%: $(BUILD)/fuzz/%
	@mkdir -p $(BUILD)/corpus/$* tests/fuzz/corpus/$*
	@echo '  fuzz  $*'
	@$< -max_total_time=$(SECONDS) -timeout=5 -rss_limit_mb=2048 -artifact_prefix=$(BUILD)/$*- \
	    $(BUILD)/corpus/$* tests/fuzz/corpus/$* >$(BUILD)/$*.log 2>&1 || { cat $(BUILD)/$*.log; false; }

# --- checking: every complaint says FILE:LINE: why ------------------------------------------------

C_FILES  := $(wildcard $(shell git ls-files '*.c' '*.h' 2>/dev/null || find $(LAYERS) tests -name '*.[ch]'))
C_BODIES := $(filter %.c,$(C_FILES))
CHECKED  := $(BUILD)/checked
# Stamps: a file is looked at again when it, a header of it, or the rules changed.
STAMPS   := $(C_FILES:%=$(CHECKED)/%.alone) $(C_BODIES:%=$(CHECKED)/%.clang) \
            $(C_BODIES:%=$(CHECKED)/%.cppcheck) $(C_BODIES:%=$(CHECKED)/%.tidy)
CHECKS   := check-layers check-format check-banned check-text check-tables check-tests check-scripts

check: ## layers, layout, banned calls, headers, tables, gcc, clang, cppcheck, clang-tidy
	@deploy/dev/install.sh run check
	+@$(MAKE) --no-print-directory -s -k -j$(JOBS) $(CHECKS) check-compiled 2>&1 | sed '/^make/d'

.PHONY: $(CHECKS) check-compiled
check-layers check-banned check-text check-tables check-tests:
	@tests/tools/$@
check-format:
	@clang-format --dry-run -Werror $(C_FILES)
check-scripts:
	@shellcheck $(shell git ls-files '*.sh' 2>/dev/null) tests/tools/check-*
check-compiled: $(STAMPS) $(C_BODIES:%.c=$(BUILD)/%.o)

# A header (and a file) must compile alone, by what it includes itself.
$(CHECKED)/%.h.alone: %.h
	@mkdir -p $(@D)
	$(run)$(CC) $(CFLAGS) -fsyntax-only -MMD -MP -MF $@.d -MT $@ -include $< -x c /dev/null && touch $@
$(CHECKED)/%.c.alone: $(BUILD)/%.o
	@mkdir -p $(@D) && touch $@
$(CHECKED)/%.c.clang: %.c
	@mkdir -p $(@D)
	$(run)clang $(CFLAGS) $(CLANG_WARNINGS) -fsyntax-only -MMD -MP -MF $@.d -MT $@ $< && touch $@
$(CHECKED)/%.c.cppcheck: $(CHECKED)/%.c.clang tests/tools/cppcheck.txt
	$(run)cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr -I. \
	    --suppressions-list=tests/tools/cppcheck.txt --error-exitcode=1 \
	    --template='{file}:{line}: {message} [{id}]' $*.c && touch $@
$(CHECKED)/%.c.tidy: $(CHECKED)/%.c.clang .clang-tidy
	$(run)clang-tidy --quiet $*.c -- $(filter-out -Werror,$(CFLAGS)) $(CLANG_WARNINGS) 2>/dev/null | \
	    sed -n 's|^$(CURDIR)/||; /: error: /p; /: warning: /p' && touch $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
