# Parley. `make help` lists the targets; everything is built under $(BUILD).
#   make SAN=address,undefined   or   SAN=thread     builds with sanitizers, in a folder of its own
#   make CC=clang                                    likewise with clang
#   make COV=1                                       likewise for line coverage

CC     := $(if $(filter default,$(origin CC)),gcc,$(CC))
SAN    ?=
COV    ?=
comma  := ,
BUILD  ?= build/$(CC)$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(COV),-cov)
PORT   ?= 8080
ADMIN_PORT ?= 8081
VAR    ?= var

PKGS     := libmicrohttpd libnghttp2 libmariadb hiredis libcjson gnutls libxxhash
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
            -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wcast-qual -Wimplicit-fallthrough
CFLAGS   := -std=c17 -O2 -g -fno-omit-frame-pointer -fstack-protector-strong -D_GNU_SOURCE -I. $(WARNINGS) \
            -pthread $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all) $(if $(COV),--coverage -O0)
CFLAGS   += $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm
LDFLAGS  := -pthread $(if $(SAN),-fsanitize=$(SAN)) $(if $(COV),--coverage)

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
$(BUILD)/libbench.a: $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/load.c,$(wildcard tests/bench/*.c)))
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/bench-load: $(BUILD)/tests/bench/load.o $(call archives,bench)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

UNITS   := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*/*_test.c tests/unit/*/*/*_test.c))
PROGRAM := $(BUILD)/parleyd

.PHONY: all help
all: $(PROGRAM) ## build the server (the default)

help: ## this list
	@grep -hE '^[a-z/-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

$(PROGRAM): $(BUILD)/server/main.o $(call archives,server)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

define layer_rule
$(call archive,$(1)): $(call objects,$(1))
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach layer,$(LAYERS),$(eval $(call layer_rule,$(layer))))

# tests/unit/LAYER/FILE_test.c -> $(BUILD)/unit/LAYER/FILE_test
define unit_rule
$(BUILD)/unit/$(1): $(BUILD)/tests/unit/$(1).o $(call archives,$(patsubst %/,%,$(dir $(1))))
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS) -o $$@ $$^ $(LDLIBS) -lcmocka
endef
$(foreach unit,$(UNITS),$(eval $(call unit_rule,$(unit))))

.PHONY: bench
bench: $(PROGRAM) $(BUILD)/bench-load ## load a stack of its own (or BASE_URL=), a JSON line a run, SVGs
	BUILD=$(BUILD) tests/bench/bench.sh

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
