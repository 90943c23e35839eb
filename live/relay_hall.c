#include "live/relay_hall.h"
#include "base/memory.h"
#include <pthread.h>
#include <stdlib.h>

/* Posting reads the list of ports, entering and leaving change it: so a letter never meets a port
 * that is gone, and reactors that post at the same time do not wait for each other. */
struct relay_hall {
    pthread_rwlock_t lock;
    struct list ports;
    struct list bells; /* of relays past and present: see bell.h */
};

struct relay_hall *relay_hall_new(void)
{
    struct relay_hall *hall = MEMORY_NEW(struct relay_hall);
    if (pthread_rwlock_init(&hall->lock, NULL) != 0) abort(); /* it fails for want of memory only */
    list_init(&hall->ports);
    list_init(&hall->bells);
    return hall;
}

void relay_hall_free(struct relay_hall *hall)
{
    if (!hall) return;
    assert(list_is_empty(&hall->ports));
    for (struct list *link; (link = list_pop(&hall->bells));)
        bell_free(container_of(link, struct bell, link));
    pthread_rwlock_destroy(&hall->lock);
    free(hall);
}

struct bell *relay_hall_bell(struct relay_hall *hall, struct loop *loop, struct bell_ear *ear)
{
    struct bell *bell = bell_new(loop, ear);
    pthread_rwlock_wrlock(&hall->lock);
    list_push(&hall->bells, &bell->link);
    pthread_rwlock_unlock(&hall->lock);
    return bell;
}

void relay_hall_enter(struct relay_hall *hall, struct relay_port *port, struct bell *bell)
{
    port->bell = bell;
    atomic_init(&port->letters, NULL);
    atomic_init(&port->letters_len, 0);
    pthread_rwlock_wrlock(&hall->lock);
    list_push(&hall->ports, &port->link);
    pthread_rwlock_unlock(&hall->lock);
}

void relay_hall_leave(struct relay_hall *hall, struct relay_port *port)
{
    pthread_rwlock_wrlock(&hall->lock);
    list_remove(&port->link);
    pthread_rwlock_unlock(&hall->lock);
    for (struct relay_letter *letter = relay_port_take(port), *next; letter; letter = next) {
        next = letter->next;
        free(letter);
    }
}

static void relay_port_add(struct relay_port *port, struct str user_id, struct str payload)
{
    size_t len = user_id.len + payload.len;
    size_t queued_len = atomic_fetch_add_explicit(&port->letters_len, len, memory_order_relaxed);
    if (queued_len + len > RELAY_UNSENT_MAX) {
        atomic_fetch_sub_explicit(&port->letters_len, len, memory_order_relaxed);
        return;
    }
    struct relay_letter *letter = memory_resize(NULL, sizeof(*letter) + len);
    letter->user_id_len = (uint32_t)user_id.len;
    letter->payload_len = (uint32_t)payload.len;
    memcpy(letter->bytes, user_id.ptr, user_id.len);
    if (payload.len > 0) memcpy(letter->bytes + user_id.len, payload.ptr, payload.len);
    letter->next = atomic_load_explicit(&port->letters, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&port->letters, &letter->next, letter,
                                                  memory_order_release, memory_order_relaxed))
        ; /* another thread was faster: letter->next is now its letter */
    bell_ring(port->bell);
}

void relay_hall_post(struct relay_hall *hall, const struct relay_port *from, struct str user_id,
                     struct str payload)
{
    pthread_rwlock_rdlock(&hall->lock);
    LIST_EACH (&hall->ports, link) {
        struct relay_port *port = container_of(link, struct relay_port, link);
        if (port != from) relay_port_add(port, user_id, payload);
    }
    pthread_rwlock_unlock(&hall->lock);
}

struct relay_letter *relay_port_take(struct relay_port *port)
{
    struct relay_letter *newest =
        atomic_exchange_explicit(&port->letters, NULL, memory_order_acquire);
    struct relay_letter *oldest = NULL;
    size_t len = 0;
    while (newest) {
        struct relay_letter *letter = newest;
        newest = letter->next;
        letter->next = oldest;
        oldest = letter;
        len += letter->user_id_len + letter->payload_len;
    }
    atomic_fetch_sub_explicit(&port->letters_len, len, memory_order_relaxed);
    return oldest;
}
