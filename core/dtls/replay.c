#include "dtls/replay.h"

#include "base/assert.h"
#include "dtls/record.h"

enum dt_replay_verdict
dt_replay_check(const struct dt_replay *w, uint64_t seq)
{
	DT_ASSERT(seq <= DT_SEQ_MAX);
	if (seq >= w->next)
		return DT_REPLAY_FRESH;

	uint64_t age = w->next - 1 - seq;
	if (age >= DT_REPLAY_BITS)
		return DT_REPLAY_TOO_OLD;
	return (w->seen >> age) & 1 ? DT_REPLAY_SEEN : DT_REPLAY_FRESH;
}

void
dt_replay_commit(struct dt_replay *w, uint64_t seq)
{
	DT_ASSERT(dt_replay_check(w, seq) == DT_REPLAY_FRESH);
	if (seq < w->next) {
		w->seen |= UINT64_C(1) << (w->next - 1 - seq);
		return;
	}
	uint64_t shift = seq + 1 - w->next;
	w->seen = (shift < DT_REPLAY_BITS ? w->seen << shift : 0) | 1;
	w->next = seq + 1;
}
