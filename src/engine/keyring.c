#include "engine/keyring.h"

#include <pthread.h>

#include "core/map.h"
#include "core/mem.h"

struct seat {
    struct hash_sha256 digest;
    int64_t until_ms; /* rests until then; 0 = free */
    int status;
};

struct keyring {
    pthread_mutex_t lock;
    struct map seats; /* by digest */
    uint64_t turn;    /* counts picks: spreads them over keys */
};

struct keyring *keyring_new(void)
{
    struct keyring *ring = x_calloc(1, sizeof(*ring));
    pthread_mutex_init(&ring->lock, NULL);
    map_init(&ring->seats);
    return ring;
}

void keyring_free(struct keyring *ring)
{
    if (!ring) {
        return;
    }
    for (size_t i = 0; i < ring->seats.n; i++) {
        x_free(ring->seats.entries[i].value);
    }
    map_release(&ring->seats);
    pthread_mutex_destroy(&ring->lock);
    x_free(ring);
}

static struct seat *seat_of(struct keyring *ring, const struct settings_api_key *key)
{
    return map_get(&ring->seats, str_make(key->digest.bytes, sizeof(key->digest.bytes)));
}

int keyring_pick(struct keyring *ring, const struct settings_provider *provider, uint32_t tried,
                 int64_t now_ms)
{
    size_t n = provider->api_key_count;
    int first_off = -1;
    int64_t first_off_ms = INT64_MAX;

    if (n == 0) {
        return -1;
    }
    pthread_mutex_lock(&ring->lock);
    size_t start = (size_t)(ring->turn++ % n);
    int picked = -1;
    for (size_t i = 0; i < n && picked < 0; i++) {
        size_t index = (start + i) % n;
        if (tried >> index & 1) {
            continue;
        }
        const struct seat *seat = seat_of(ring, &provider->api_keys[index]);
        if (!seat || seat->until_ms <= now_ms) {
            picked = (int)index;
        } else if (seat->until_ms < first_off_ms) {
            first_off = (int)index;
            first_off_ms = seat->until_ms;
        }
    }
    pthread_mutex_unlock(&ring->lock);
    return picked >= 0 ? picked : first_off;
}

void keyring_bench(struct keyring *ring, const struct settings_api_key *key, int status,
                   int64_t until_ms)
{
    pthread_mutex_lock(&ring->lock);
    struct seat *seat = seat_of(ring, key);
    if (!seat && ring->seats.n < KEYRING_KEYS_MAX) {
        seat = x_calloc(1, sizeof(*seat));
        seat->digest = key->digest;
        map_put(&ring->seats, str_make(seat->digest.bytes, sizeof(seat->digest.bytes)), seat);
    }
    if (seat) {
        seat->until_ms = until_ms;
        seat->status = status;
    }
    pthread_mutex_unlock(&ring->lock);
}

void keyring_clear(struct keyring *ring, const struct settings_api_key *key)
{
    pthread_mutex_lock(&ring->lock);
    struct seat *seat = ring->seats.n > 0 ? seat_of(ring, key) : NULL;
    if (seat) {
        seat->until_ms = 0;
    }
    pthread_mutex_unlock(&ring->lock);
}

int64_t keyring_benched_until(struct keyring *ring, const struct settings_api_key *key,
                              int *ret_status)
{
    pthread_mutex_lock(&ring->lock);
    const struct seat *seat = seat_of(ring, key);
    int64_t until = seat ? seat->until_ms : 0;
    if (seat) {
        *ret_status = seat->status;
    }
    pthread_mutex_unlock(&ring->lock);
    return until;
}
