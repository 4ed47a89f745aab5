#include "llm/wire.h"

const struct wire *const wire_table[] = {
    &wire_chat, &wire_responses, &wire_messages, &wire_gemini, NULL,
};

const struct wire *wire_of_route(enum route route)
{
    for (size_t i = 0; wire_table[i]; i++) {
        if (route != ROUTE_NONE && wire_table[i]->route == route) {
            return wire_table[i];
        }
    }
    return NULL;
}
