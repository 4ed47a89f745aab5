#include "llm/wire_chat.h"

const struct wire wire_chat = {
    .name = "chat",
    .dialect = DIALECT_OPENAI,
    .route = ROUTE_CHAT,
    .read_request = wire_chat_read_request,
    .write_answer = wire_chat_write_answer,
    .writer_new = wire_chat_writer_new,
    .writer_free = wire_chat_writer_free,
    .write_delta = wire_chat_write_delta,
    .write_request = wire_chat_write_request,
    .read_answer = wire_chat_read_answer,
    .reader_new = wire_chat_reader_new,
    .reader_free = wire_chat_reader_free,
    .read_event = wire_chat_read_event,
    .read_end = wire_chat_read_end,
};
