#include "base/fault.h"
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum fault_action { FAULT_NONE, FAULT_KILL, FAULT_FAIL, FAULT_DOWN };

static const struct str fault_names[] = {
#define POINT(constant, name) [constant] = STR(name),
#include "base/fault.def"
#undef POINT
};

static const struct str fault_actions[] = {
    [FAULT_KILL] = STR("kill"), [FAULT_FAIL] = STR("fail"), [FAULT_DOWN] = STR("down")};

struct fault_setting {
    enum fault_action action;
    uint64_t at; /* the passage that it happens at, from 1 */
};

static _Atomic bool fault_is_armed; /* any point: all that a passage looks at otherwise */
static struct {
    _Atomic int action;
    _Atomic uint64_t at, passed;
} fault_points[FAULT_COUNT];

static bool fault_parse(struct str spec, enum fault *fault_out, struct fault_setting *setting_out)
{
    struct str name = str_cut(&spec, ':');
    struct str action = str_cut(&spec, ':');
    uint64_t at;
    if (!str_to_u64(spec, UINT32_MAX, &at) || at == 0) return false;
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        if (!str_equal(name, fault_names[i])) continue;
        for (size_t j = FAULT_KILL; j < ARRAY_LEN(fault_actions); j++) {
            if (!str_equal(action, fault_actions[j])) continue;
            *fault_out = (enum fault)i;
            *setting_out = (struct fault_setting){(enum fault_action)j, at};
            return true;
        }
    }
    return false;
}

enum err fault_arm(struct str spec)
{
    struct fault_setting settings[FAULT_COUNT] = {{FAULT_NONE, 0}};
    while (spec.ptr) {
        enum fault fault;
        struct fault_setting setting;
        if (!fault_parse(str_trim(str_cut(&spec, ',')), &fault, &setting)) return ERR_CONFIG;
        settings[fault] = setting;
    }
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        if (settings[i].action == FAULT_NONE) continue;
        atomic_store(&fault_points[i].passed, 0);
        atomic_store(&fault_points[i].at, settings[i].at);
        atomic_store(&fault_points[i].action, (int)settings[i].action);
        atomic_store(&fault_is_armed, true);
    }
    return OK;
}

void fault_disarm(void)
{
    atomic_store(&fault_is_armed, false);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        atomic_store(&fault_points[i].action, FAULT_NONE);
}

static bool fault_happens(enum fault fault)
{
    int action = atomic_load(&fault_points[fault].action);
    if (action == FAULT_NONE) return false;
    uint64_t passage = atomic_fetch_add(&fault_points[fault].passed, 1) + 1;
    uint64_t at = atomic_load(&fault_points[fault].at);
    if (action == FAULT_DOWN) return passage >= at;
    if (passage != at) return false;
    if (action == FAULT_KILL) kill(getpid(), SIGKILL);
    return true;
}

bool fault_hits(enum fault fault)
{
    assert(fault < FAULT_COUNT);
    if (__builtin_expect(!atomic_load_explicit(&fault_is_armed, memory_order_relaxed), 1))
        return false;
    return fault_happens(fault);
}
