#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

/*
 * What store.c and store_read.c share: which driver a URL means.
 */
#include "store/store_driver.h"

/* The driver and its part of the URL, a view. NULL, and err is ERR_INVALID and names what is
 * supported. */
const struct store_driver *store_find_driver(struct str url, struct str *ret_path,
                                             struct error *err);

#endif
