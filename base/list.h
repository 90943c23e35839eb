/* A doubly linked ring through the members themselves: no memory of its own, O(1) in and out.
 * An unlinked link points at itself, so list_remove may be called twice. */
#pragma once
#include "base/compiler.h"

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *list)
{
    list->prev = list->next = list;
}
static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}
static inline bool list_is_linked(const struct list *link)
{
    return link->next != link;
}
static inline void list_insert_before(struct list *at, struct list *link)
{
    link->prev = at->prev;
    link->next = at;
    at->prev->next = link;
    at->prev = link;
}
static inline void list_push(struct list *list, struct list *link) /* at the end */
{
    list_insert_before(list, link);
}
static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}
/* The first link, unlinked; NULL if there is none. */
static inline struct list *list_pop(struct list *list)
{
    struct list *first = list->next;
    if (first == list) return NULL;
    list_remove(first);
    return first;
}

#define LIST_EACH(ring, link) \
    for (struct list *link = (ring)->next; link != (ring); link = link->next)
/* The body may remove the link it stands on (and no other). */
#define LIST_EACH_SAFE(ring, link)                                                    \
    for (struct list *link = (ring)->next, *link##_next = link->next; link != (ring); \
         link = link##_next, link##_next = link->next)
