#include "dtls/state.h"

#include "base/assert.h"
#include "dtls/alert.h"

#include <string.h>

/* Sooner than the 2^48 of the format: numbers that a process lost its count of may be skipped. */
#define LAST_NUMBER (DT_SEQ_MAX - (UINT64_C(1) << 32))
#define MTU_MIN 256u /* bytes */
/* Of a tag of eight bytes, RFC 9147 4.5.3: anybody can send as many, so they end nothing (suite.c). */
#define SHORT_TAG_FORGERIES 128u

static const struct dt_suite *
suite_of(const struct dt_record_state *s)
{
	DT_ASSERT(s->keyed);
	const struct dt_suite *suite = dt_suite_find(s->suite);
	DT_ASSERT(suite);
	return suite;
}

static uint64_t
lower(uint64_t wanted, uint64_t own)
{
	return wanted && (wanted < own || !own) ? wanted : own;
}

void
dt_state_set_limits(struct dt_record_state *s, const struct dt_suite *suite, uint64_t records, uint64_t forgeries)
{
	s->seal_limit = lower(records, suite && suite->seal_limit < LAST_NUMBER ? suite->seal_limit : LAST_NUMBER);
	s->forgery_limit = lower(forgeries, suite ? suite->forgery_limit : UINT64_MAX);
	s->forgery_warning = (s->forgery_limit ? s->forgery_limit : SHORT_TAG_FORGERIES) / 2;
}

/* Whether all numbers but the last `kept` are given out. */
static bool
numbers_end(const struct dt_record_state *s, uint64_t kept)
{
	return s->seal_limit <= kept || s->next_sealed >= s->seal_limit - kept;
}

enum dt_key_use
dt_state_key_use(const struct dt_record_state *s)
{
	if (numbers_end(s, 1) || (s->forgery_limit && s->forgeries >= s->forgery_limit))
		return DT_KEY_USED_UP;
	if (s->next_sealed >= s->seal_limit / 2 || s->forgeries > s->forgery_warning)
		return DT_KEY_HALF_USED;
	return DT_KEY_GOOD;
}

size_t
dt_state_overhead(const struct dt_record_state *s, uint16_t epoch)
{
	return epoch == 0 ? DT_RECORD_HEADER : dt_seal_overhead_cid(suite_of(s), s->cid_len);
}

static size_t
write_plain(struct dt_record_state *s, uint8_t type, const uint8_t *payload, size_t len, uint8_t *out)
{
	if (s->next_plain >= LAST_NUMBER)
		return 0;
	dt_record_write_header(out, type, DT_VERSION_12, 0, s->next_plain++, len);
	memcpy(out + DT_RECORD_HEADER, payload, len);
	return DT_RECORD_HEADER + len;
}

size_t
dt_state_write(struct dt_record_state *s, struct dt_aead_pool *pool, uint64_t owner, uint16_t epoch,
    uint8_t type, const uint8_t *payload, size_t len, uint8_t *out)
{
	DT_ASSERT(len <= DT_PLAIN_MAX && epoch <= 1);
	if (epoch == 0)
		return write_plain(s, type, payload, len, out);
	if (numbers_end(s, type == DT_ALERT ? 0 : 1))
		return 0;
	struct dt_key_ref ref = {owner, DT_WRITE, suite_of(s), &s->write, {s->cid, s->cid_len}};
	/* The number is spent even when sealing fails: a half-written record may have left traces. */
	uint64_t number = s->next_sealed++;
	return dt_seal(pool, &ref, type, 1, number, payload, len, out);
}

void
dt_state_send_alert(struct dt_record_state *s, struct dt_aead_pool *pool, uint64_t owner,
    uint16_t epoch, uint8_t level, uint8_t description, const struct dt_wire *wire)
{
	const uint8_t alert[DT_ALERT_LEN] = {level, description};
	uint8_t *out = wire->reserve(wire->arg, sizeof(alert) + dt_state_overhead(s, epoch));
	if (!out)
		return;
	size_t len = dt_state_write(s, pool, owner, epoch, DT_ALERT, alert, sizeof(alert), out);
	if (len)
		dt_wire_commit_alert(wire, len);
}

enum dt_drop
dt_state_drop(enum dt_state_verdict v)
{
	static const enum dt_drop why[] = {
	    [DT_STATE_SEEN] = DT_DROP_REPLAYED,
	    [DT_STATE_TOO_OLD] = DT_DROP_TOO_OLD,
	    [DT_STATE_FORGED] = DT_DROP_BAD_TAG,
	    [DT_STATE_MALFORMED] = DT_DROP_BAD_RECORD,
	};
	DT_ASSERT(v != DT_STATE_OPENED);
	return why[v];
}

enum dt_state_verdict
dt_state_open(struct dt_record_state *s, struct dt_aead_pool *pool, uint64_t owner,
    const struct dt_record *rec, uint8_t *type, uint8_t **plain, size_t *len)
{
	static const enum dt_state_verdict replayed[] = {[DT_REPLAY_SEEN] = DT_STATE_SEEN,
	    [DT_REPLAY_TOO_OLD] = DT_STATE_TOO_OLD};
	DT_ASSERT(rec->epoch == 1);

	enum dt_replay_verdict fresh = dt_replay_check(&s->replay, rec->seq);
	if (fresh != DT_REPLAY_FRESH)
		return replayed[fresh];

	if ((rec->cid != NULL) != (s->cid_ours != 0))
		return DT_STATE_MALFORMED;
	struct dt_key_ref ref = {owner, DT_READ, suite_of(s), &s->read, {NULL, 0}};
	enum dt_open_verdict opened = dt_open(pool, &ref, rec, plain, len);
	if (opened == DT_OPEN_FORGED)
		s->forgeries++;
	if (opened != DT_OPEN_OK)
		return opened == DT_OPEN_FORGED ? DT_STATE_FORGED : DT_STATE_MALFORMED;
	dt_replay_commit(&s->replay, rec->seq);
	*type = rec->type;
	if (s->read_max && *len > s->read_max) /* RFC 8449 4: discarded or record_overflow */
		return DT_STATE_MALFORMED;
	if (rec->cid && !dt_open_inner(*plain, len, type))
		return DT_STATE_MALFORMED;
	return DT_STATE_OPENED;
}

void
dt_state_halve_mtu(struct dt_record_state *s)
{
	s->mtu = s->mtu / 2 > MTU_MIN ? s->mtu / 2 : MTU_MIN;
}

uint16_t
dt_state_lower_mtu(struct dt_record_state *s, size_t len)
{
	static const uint16_t steps[] = {1400, 1280, 1024, 512, MTU_MIN};
	size_t i = 0;
	while (steps[i] > MTU_MIN && steps[i] >= len)
		i++;
	if (steps[i] < s->mtu)
		s->mtu = steps[i];
	return steps[i];
}

struct sender {
	struct dt_record_state *state;
	struct dt_aead_pool *pool;
	uint64_t owner;
	const struct dt_wire *wire;
};

static size_t
record_overhead(void *arg, uint16_t epoch)
{
	return dt_state_overhead(((struct sender *)arg)->state, epoch);
}

static size_t
write_record(void *arg, uint16_t epoch, uint8_t type, const uint8_t *payload, size_t len, uint8_t *out)
{
	struct sender *s = arg;
	return dt_state_write(s->state, s->pool, s->owner, epoch, type, payload, len, out);
}

static uint8_t *
reserve(void *arg, size_t cap)
{
	const struct dt_wire *wire = ((struct sender *)arg)->wire;
	return wire->reserve(wire->arg, cap);
}

static void
commit(void *arg, size_t len)
{
	const struct dt_wire *wire = ((struct sender *)arg)->wire;
	wire->commit(wire->arg, len);
}

enum dt_err
dt_state_send_flight(struct dt_record_state *s, struct dt_aead_pool *pool, uint64_t owner,
    const struct dt_flight *flight, size_t mtu, const struct dt_wire *wire)
{
	struct sender sender = {s, pool, owner, wire};
	struct dt_flight_out out = {&sender, record_overhead, write_record, reserve, commit};
	return dt_flight_send(flight, &out, mtu, s->fragment_max);
}
