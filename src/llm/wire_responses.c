#include "llm/wire_responses.h"

const struct wire wire_responses = {
    .name = "responses",
    .dialect = DIALECT_OPENAI,
    .route = ROUTE_RESPONSES,
    .read_request = wire_responses_read_request,
    .write_answer = wire_responses_write_answer,
    .writer_new = wire_responses_writer_new,
    .writer_free = wire_responses_writer_free,
    .write_delta = wire_responses_write_delta,
};
