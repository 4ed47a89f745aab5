#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

/*
 * What store.c and store_read.c share: which driver a URL means.
 */
#include "store/store_driver.h"

/* The driver and its part of the URL, a view. ERR_INVALID names what is supported. */
MUST_CHECK int store_find_driver(struct str url, const struct store_driver **ret_driver,
                                 struct str *ret_path, struct error *err);

#endif
