#ifndef GATEWAY_ADMIN_H
#define GATEWAY_ADMIN_H

/*
 * The admin listener: metrics for machines, control for `weir ctl`.
 *
 *   GET  /metrics            Prometheus text
 *   GET  /healthz            {"status":"ok"}
 *   GET  /control/status     uptime, open requests, store, configuration
 *   GET  /control/keys       provider keys by name, and which of them rest
 *   GET  /control/requests   requests under way
 *   POST /control/reload     takes the configuration file over, or says why not
 *   POST /control/drain      graceful shutdown
 *
 * With admin_token set every path but /healthz wants it as Bearer. Control paths also want the
 * header x-weir-ctl, which no web page can send across origins without being asked first. Without a
 * token they are not served under a host name of others' making either: a page whose name has been
 * pointed at this machine (DNS rebinding) is of the same origin and could send the header.
 */
#include <stdint.h>

#include "core/attr.h"
#include "core/error.h"

struct admin;
struct gateway;
struct loop;

MUST_CHECK int admin_open(struct loop *loop, struct gateway *gateway, struct admin **ret_admin,
                          struct error *err);
void admin_close(struct admin *admin);
uint16_t admin_port(const struct admin *admin);

#endif
