/*
 * An intrusive doubly linked list: the link lives in the member, so that joining and leaving need
 * no memory and cannot fail. A list head is a link of its own; a link outside every list points
 * to itself, so that leaving twice is harmless.
 */
#ifndef MANSIO_CORE_BASE_LIST_H
#define MANSIO_CORE_BASE_LIST_H

#include <stddef.h>

struct core_list {
    struct core_list *prev;
    struct core_list *next;
};

/* The struct that holds @p link as its member @p member. */
#define CORE_CONTAINER(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Visit each link; the one visited may leave the list meanwhile, its follower may not. */
#define CORE_LIST_EACH(link, follower, list)                                                       \
    for (struct core_list *link = (list)->next, *follower = link->next; link != (list);            \
         link = follower, follower = link->next)

/* Make an empty list, or a link that is in none. */
static inline void core_list_init(struct core_list *link)
{
    link->prev = link;
    link->next = link;
}

/* 1 if the list has no members; for a link: 1 if it is in no list. */
static inline int core_list_is_empty(const struct core_list *list)
{
    return list->next == list;
}

/* Put @p link, which is in no list, right behind @p place. */
static inline void core_list_insert_after(struct core_list *place, struct core_list *link)
{
    link->prev = place;
    link->next = place->next;
    place->next->prev = link;
    place->next = link;
}

static inline void core_list_push_front(struct core_list *list, struct core_list *link)
{
    core_list_insert_after(list, link);
}

static inline void core_list_push_back(struct core_list *list, struct core_list *link)
{
    core_list_insert_after(list->prev, link);
}

/* Take @p link out of its list; it may be put into another afterwards. */
static inline void core_list_remove(struct core_list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    core_list_init(link);
}

/* The first link, taken out of the list; NULL if there is none. */
static inline struct core_list *core_list_pop_front(struct core_list *list)
{
    struct core_list *link = list->next;

    if (link == list) {
        return NULL;
    }
    core_list_remove(link);
    return link;
}

/* Move all members of @p from behind those of @p to; @p from is empty afterwards. */
static inline void core_list_splice_back(struct core_list *to, struct core_list *from)
{
    if (core_list_is_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    core_list_init(from);
}

/* Number of members, counted. */
static inline size_t core_list_count(const struct core_list *list)
{
    size_t count = 0;

    for (const struct core_list *link = list->next; link != list; link = link->next) {
        count++;
    }
    return count;
}

#endif
