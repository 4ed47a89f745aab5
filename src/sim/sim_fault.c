#include "sim/sim_fault.h"

#include "core/rand.h"

/* Keeps the draws of endings apart from those of errors. */
#define STOPPING_SALT 0x73746f70

int sim_fault_draw(const struct dials *dials, uint64_t seed, uint64_t number)
{
    const struct {
        double rate;
        int fault;
    } mix[] = {
        {dials->error_429,      429                },
        {dials->error_429_bare, DIAL_FAULT_BARE_429},
        {dials->error_500,      500                },
        {dials->error_503,      503                },
        {dials->error_529,      529                },
        {dials->error_timeout,  DIAL_FAULT_TIMEOUT },
        {dials->error_reset,    DIAL_FAULT_RESET   },
    };
    struct rand_state rand;

    if (dials->error != DIAL_FAULT_NONE) {
        return dials->error;
    }
    rand_seed(&rand, rand_mix(seed, number));
    double left = rand_unit(&rand);
    for (size_t i = 0; i < ARRAY_LEN(mix); i++) {
        if (left < mix[i].rate) {
            return mix[i].fault;
        }
        left -= mix[i].rate;
    }
    return DIAL_FAULT_NONE;
}

static void consider(struct sim_stopping *best, enum sim_stop stop, int64_t after)
{
    if (best->stop == SIM_STOP_NONE || after < best->after) {
        *best = (struct sim_stopping){stop, after};
    }
}

struct sim_stopping sim_fault_stopping(const struct dials *dials, uint64_t seed, uint64_t number,
                                       int64_t events)
{
    struct sim_stopping best = {SIM_STOP_NONE, 0};
    struct rand_state rand;

    const struct {
        enum sim_stop stop;
        double rate;
        int64_t after;
    } kinds[] = {
        {SIM_STOP_STALL, dials->stall_rate, dials->stall_after},
        {SIM_STOP_CUT,   dials->cut_rate,   dials->cut_after  },
    };

    rand_seed(&rand, rand_mix(rand_mix(seed, number), STOPPING_SALT));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        double unit = rand_unit(&rand);
        uint64_t place = rand_u64(&rand);
        bool wanted = kinds[i].rate > 0 ? unit < kinds[i].rate : kinds[i].after > 0;
        if (wanted) {
            int64_t somewhere = 1 + (int64_t)(place % (uint64_t)(events > 0 ? events : 1));
            consider(&best, kinds[i].stop, kinds[i].after > 0 ? kinds[i].after : somewhere);
        }
    }
    if (dials->error_mid_stream > 0) {
        consider(&best, SIM_STOP_ERROR, dials->error_mid_stream);
    }
    return best;
}

struct sim_wording sim_fault_wording(int status)
{
    static const struct {
        int status;
        struct sim_wording wording;
    } rows[] = {
        {400, {"The request is not valid.", NULL, "The request is not valid."}                 },
        {401,
         {"Incorrect API key provided. You can find your API key at your provider's console.",
          "invalid_api_key", "invalid x-api-key"}                                              },
        {402,
         {"You exceeded your current quota, please check your plan and billing details.",
          "insufficient_quota", "Your credit balance is too low to access the API."}           },
        {403,
         {"You are not allowed to use this model.", "model_not_allowed",
          "Your API key does not have permission to use the specified resource."}              },
        {404, {"The resource does not exist.", "not_found", "Not found"}                       },
        {408, {"The request took too long to arrive.", NULL, "Request timeout"}                },
        {409, {"The request conflicts with another one.", "conflict", "Conflict"}              },
        {413,
         {"The request is too large.", "request_too_large", "Request exceeds the maximum size"}},
        {429,
         {"Rate limit reached for requests. Please try again later.", "rate_limit_exceeded",
          "This request would exceed your account's rate limit. Please try again later."}      },
        {500,
         {"The server had an error while processing your request. Sorry about that!", NULL,
          "Internal server error"}                                                             },
        {503,
         {"The engine is currently overloaded, please try again later.", "slow_down",
          "Service unavailable"}                                                               },
        {504, {"The request took too long to process.", NULL, "Request timed out"}             },
        {529, {"Overloaded. Please try again later.", "overloaded", "Overloaded"}              },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].status == status) {
            return rows[i].wording;
        }
    }
    return (struct sim_wording){"The simulated provider refused this request, as its dials say.",
                                NULL,
                                "The simulated provider refused this request, as its dials say."};
}
