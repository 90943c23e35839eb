#include "base/wheel.h"

#define WHEEL_TICK_MAX ((INT64_C(1) << (WHEEL_BITS * WHEEL_LEVELS)) - 1)

struct wheel_place {
    int level, slot;
};

/* Also finds the place of a timer that was added long ago: now cannot have passed a digit above
 * its level without passing the timer's slot, which would have moved it down. */
static struct wheel_place wheel_place(const struct wheel *wheel, int64_t at)
{
    int top_bit = 63 - __builtin_clzll((unsigned long long)(at ^ wheel->now));
    int level = top_bit / WHEEL_BITS;
    int slot = (int)(at >> (level * WHEEL_BITS)) & (WHEEL_SLOTS - 1);
    return (struct wheel_place){level, slot};
}

void wheel_init(struct wheel *wheel, int64_t now)
{
    assert(now >= 0 && now < WHEEL_TICK_MAX);
    *wheel = (struct wheel){.now = now};
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        for (int slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

void wheel_add(struct wheel *wheel, struct timer *timer, int64_t at)
{
    timer->at_ms = MIN(MAX(at, wheel->now + 1), WHEEL_TICK_MAX);
    struct wheel_place place = wheel_place(wheel, timer->at_ms);
    list_push(&wheel->slots[place.level][place.slot], &timer->link);
    wheel->used[place.level] |= UINT64_C(1) << place.slot;
}

void wheel_remove(struct wheel *wheel, struct timer *timer)
{
    list_remove(&timer->link);
    if (timer->at_ms <= wheel->now) return; /* it was about to run, out of its slot already */
    struct wheel_place place = wheel_place(wheel, timer->at_ms);
    if (list_is_empty(&wheel->slots[place.level][place.slot]))
        wheel->used[place.level] &= ~(UINT64_C(1) << place.slot);
}

/* The first slot in use: any slot of a lower level comes before every slot of a higher one. */
static bool wheel_first(const struct wheel *wheel, struct wheel_place *place_out, int64_t *at_out)
{
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        if (!wheel->used[level]) continue;
        int slot = __builtin_ctzll(wheel->used[level]);
        int shift = level * WHEEL_BITS;
        int64_t above = wheel->now >> (shift + WHEEL_BITS) << (shift + WHEEL_BITS);
        *place_out = (struct wheel_place){level, slot};
        *at_out = above | (int64_t)slot << shift;
        return true;
    }
    return false;
}

int64_t wheel_next(const struct wheel *wheel)
{
    struct wheel_place place;
    int64_t at;
    return wheel_first(wheel, &place, &at) ? at : INT64_MAX;
}

/* Empties a slot that now has just reached: what is due goes to `due`, the rest a level down. */
static void wheel_open(struct wheel *wheel, struct wheel_place place, struct list *due)
{
    struct list *slot = &wheel->slots[place.level][place.slot];
    wheel->used[place.level] &= ~(UINT64_C(1) << place.slot);
    for (struct list *link = list_pop(slot); link; link = list_pop(slot)) {
        struct timer *timer = container_of(link, struct timer, link);
        if (timer->at_ms == wheel->now)
            list_push(due, link);
        else
            wheel_add(wheel, timer, timer->at_ms);
    }
}

void wheel_advance(struct wheel *wheel, int64_t to)
{
    struct wheel_place place;
    int64_t at;
    struct list due;
    list_init(&due);
    while (wheel_first(wheel, &place, &at) && at <= to) {
        wheel->now = at;
        wheel_open(wheel, place, &due);
        for (struct list *link = list_pop(&due); link; link = list_pop(&due)) {
            struct timer *timer = container_of(link, struct timer, link);
            timer->due(timer); /* may free itself, or cancel any other of `due` */
        }
    }
    if (to > wheel->now) wheel->now = to;
}
