/*
 * The catalogue's CSV: whatever is accepted is found again under its own name and date, and its
 * prices survive being written out and read in.
 */
#include <stdio.h>

#include "core/buf.h"
#include "llm/catalogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD                                                                                       \
    "vendor,model,effective_from,context_window,max_output,input,cached,cache_write,cache_write_"  \
    "1h,output,batch_input,batch_cached,batch_output,long_threshold,long_input,long_cached,long_"  \
    "output,source\n"

static void check_price(int64_t pico)
{
    char text[64];
    int64_t again = -1;
    BUG_ON(pico < -1 || pico > CATALOGUE_PRICE_MAX);
    if (pico >= 0) {
        snprintf(text, sizeof(text), "%lld.%06lld", (long long)(pico / 1000000),
                 (long long)(pico % 1000000));
        BUG_ON(catalogue_price_parse(str_of(text), &again) < 0 || again != pico);
    }
}

static void check(struct str csv)
{
    struct catalogue *catalogue = NULL;
    struct error err = {0};
    int status = catalogue_parse(csv, "fuzz.csv", &catalogue, &err);
    if (status < 0) {
        BUG_ON(err.text[0] == '\0' || catalogue);
        return;
    }
    for (size_t i = 0; i < catalogue->n; i++) {
        const struct catalogue_row *row = &catalogue->rows[i];
        BUG_ON(catalogue_find(catalogue, row->vendor, row->model, row->effective_ms) != row);
        check_price(row->price.input);
        check_price(row->price.output);
        check_price(row->price.long_cached);
        BUG_ON(row->context_window < 0 || row->max_output < 0 || row->effective_ms < 0);
    }
    catalogue_free(catalogue);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf csv;
    int64_t pico = -1;
    buf_init(&csv, size + sizeof(HEAD));
    buf_puts(&csv, HEAD);
    buf_put(&csv, data, size);
    check(buf_str(&csv));
    check(str_make(data, size));
    buf_release(&csv);
    if (catalogue_price_parse(str_make(data, size), &pico) == 0) {
        check_price(pico);
    }
    return 0;
}
