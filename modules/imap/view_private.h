/*
 * What view.c and catch_up.c do to a view's insides.
 */
#ifndef MANSIO_MODULES_IMAP_VIEW_PRIVATE_H
#define MANSIO_MODULES_IMAP_VIEW_PRIVATE_H

#include "ranges.h"
#include "view.h"

/* Let these be the UIDs of the view. @return 0; MANSIO_E_LIMIT: nothing has changed */
MANSIO_MUST_CHECK int imap_view_install(struct imap_view *view, const struct imap_set *uids);

/* Put UIDs behind those of the view. @return as imap_view_install() */
MANSIO_MUST_CHECK int imap_view_append(struct imap_view *view, const struct imap_set *uids);

/* Let these be the ones that are gone. @return as imap_view_install() */
MANSIO_MUST_CHECK int imap_view_set_gone(struct imap_view *view, const struct imap_set *gone);

/* These are gone too; what isn't in the view is passed over. @return as imap_view_install() */
MANSIO_MUST_CHECK int imap_view_add_gone(struct imap_view *view, const struct imap_set *uids);

/* As imap_view_told(), whether or not the view knows the message yet.
 * @return 0; MANSIO_E_LIMIT */
MANSIO_MUST_CHECK int imap_view_add_told(struct imap_view *view, uint32_t uid, uint64_t modseq,
                                         int is_whole);

#endif
