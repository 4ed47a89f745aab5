#ifndef SIM_SIM_RECORD_H
#define SIM_SIM_RECORD_H

/*
 * The last requests as the simulated provider received them: what a gateway sent, for tests to look
 * at (GET /sim/last, GET /sim/stats).
 *
 * Credentials are never told: of an authorization or x-api-key header only a hash's start and the
 * last characters are. Bodies are kept up to SIM_RECORD_BODY_MAX bytes.
 *
 * A record is named by its number, which grows by one per request; records older than
 * SIM_RECORDS_MAX requests are gone.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "net/server.h"

#define SIM_RECORDS_MAX     32
#define SIM_RECORD_HEAD_MAX (128u << 10) /* above HTTP1_HEAD_BYTES_MAX */
#define SIM_RECORD_BODY_MAX (1u << 20)

struct sim_record {
    uint64_t number; /* 1 is the first request */
    const char *route;
    int status; /* 0: not answered (yet) */
    bool stream;
    bool cancelled;
    bool done;
    int64_t input_tokens;
    int64_t output_tokens; /* generated so far */
    int64_t events;
    /* private */
    struct buf head; /* "METHOD target" and headers, NUL between the parts */
    struct buf body;
    uint64_t body_bytes;
};

struct sim_records {
    /* private */
    struct sim_record ring[SIM_RECORDS_MAX];
    uint64_t last; /* number of the newest, 0 = none */
};

void sim_records_init(struct sim_records *records);
void sim_records_release(struct sim_records *records);
/* Forgets all; numbers go on. */
void sim_records_reset(struct sim_records *records);

/* Copies a request; returns the record's number. */
uint64_t sim_records_add(struct sim_records *records, const struct server_request *request,
                         const char *route);
/* NULL when it is gone. */
struct sim_record *sim_records_get(struct sim_records *records, uint64_t number);

/* Appends the record as a JSON object with headers and body; `back` 0 is the newest. False when
 * there is none. */
bool sim_records_write(struct sim_records *records, uint64_t back, struct buf *out);
/* Appends a JSON array of all records without headers and bodies, newest first. */
void sim_records_list(struct sim_records *records, struct buf *out);

#endif
