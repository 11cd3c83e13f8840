/* The window around its edges, and against an array that remembers everything. */
#include "dtls/replay.h"
#include "dtls/record.h"

#include "seeded.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

struct play {
	uint64_t seq;
	enum dt_replay_verdict want;
};

static void
play_rows(const struct play *rows, size_t count)
{
	struct dt_replay w = {0};
	for (size_t i = 0; i < count; i++) {
		enum dt_replay_verdict got = dt_replay_check(&w, rows[i].seq);
		cr_assert_eq(got, rows[i].want, "row %zu: %d instead of %d", i, got, rows[i].want);
		if (got == DT_REPLAY_FRESH)
			dt_replay_commit(&w, rows[i].seq);
	}
}

/* Checks each row and commits the fresh ones. */
#define PLAY(...)                                                                                  \
	play_rows((const struct play[]){__VA_ARGS__},                                              \
	    sizeof((const struct play[]){__VA_ARGS__}) / sizeof(struct play))

Test(replay, the_first_number_may_be_any)
{
	PLAY({0, DT_REPLAY_FRESH}, {0, DT_REPLAY_SEEN});
	PLAY({77, DT_REPLAY_FRESH}, {77, DT_REPLAY_SEEN}, {76, DT_REPLAY_FRESH});
	PLAY({DT_SEQ_MAX, DT_REPLAY_FRESH}, {DT_SEQ_MAX, DT_REPLAY_SEEN});
}

Test(replay, a_duplicate_is_seen_wherever_it_stands_in_the_window)
{
	PLAY({0, DT_REPLAY_FRESH}, {1, DT_REPLAY_FRESH}, {0, DT_REPLAY_SEEN}, {1, DT_REPLAY_SEEN},
	    {63, DT_REPLAY_FRESH}, {0, DT_REPLAY_SEEN}, {1, DT_REPLAY_SEEN}, {63, DT_REPLAY_SEEN});
}

Test(replay, the_window_is_exactly_64_numbers)
{
	PLAY({64, DT_REPLAY_FRESH}, {1, DT_REPLAY_FRESH}, {0, DT_REPLAY_TOO_OLD},
	    {1, DT_REPLAY_SEEN}, {65, DT_REPLAY_FRESH}, {1, DT_REPLAY_TOO_OLD},
	    {2, DT_REPLAY_FRESH});
}

Test(replay, a_jump_of_the_whole_window_forgets_all_but_the_number_itself)
{
	PLAY({5, DT_REPLAY_FRESH}, {69, DT_REPLAY_FRESH}, {6, DT_REPLAY_FRESH},
	    {5, DT_REPLAY_TOO_OLD}, {68, DT_REPLAY_FRESH}, {69, DT_REPLAY_SEEN});
	PLAY({5, DT_REPLAY_FRESH}, {68, DT_REPLAY_FRESH}, {5, DT_REPLAY_SEEN});
	PLAY({5, DT_REPLAY_FRESH}, {70, DT_REPLAY_FRESH}, {6, DT_REPLAY_TOO_OLD},
	    {7, DT_REPLAY_FRESH});
}

Test(replay, a_jump_to_the_last_number_leaves_the_window_in_order)
{
	PLAY({3, DT_REPLAY_FRESH}, {DT_SEQ_MAX, DT_REPLAY_FRESH}, {3, DT_REPLAY_TOO_OLD},
	    {DT_SEQ_MAX - 63, DT_REPLAY_FRESH}, {DT_SEQ_MAX - 64, DT_REPLAY_TOO_OLD},
	    {DT_SEQ_MAX, DT_REPLAY_SEEN});
}

Test(replay, checking_alone_does_not_move_the_window)
{
	struct dt_replay w = {0};
	dt_replay_commit(&w, 10);
	const struct dt_replay before = w;
	cr_assert_eq(dt_replay_check(&w, DT_SEQ_MAX), DT_REPLAY_FRESH);
	cr_assert_eq(memcmp(&w, &before, sizeof(w)), 0);
}

Test(replay, committing_twice_is_a_programmer_error, .signal = SIGABRT)
{
	struct dt_replay w = {0};
	dt_replay_commit(&w, 4);
	dt_replay_commit(&w, 4);
}

Test(replay, committing_behind_the_window_is_a_programmer_error, .signal = SIGABRT)
{
	struct dt_replay w = {0};
	dt_replay_commit(&w, 64);
	dt_replay_commit(&w, 0);
}

Test(replay, a_number_of_49_bits_is_a_programmer_error, .signal = SIGABRT)
{
	struct dt_replay w = {0};
	dt_replay_check(&w, DT_SEQ_MAX + 1);
}

#define ORACLE 512 /* numbers */

static enum dt_replay_verdict
ask_oracle(const bool *accepted, uint64_t highest, bool any, uint64_t seq)
{
	if (accepted[seq])
		return highest - seq < 64 ? DT_REPLAY_SEEN : DT_REPLAY_TOO_OLD;
	if (any && seq < highest && highest - seq >= 64)
		return DT_REPLAY_TOO_OLD;
	return DT_REPLAY_FRESH;
}

Test(replay, it_agrees_with_an_array_in_20000_random_runs)
{
	struct seeded s = seeded_begin("replay");
	for (int run = 0; run < 20000; run++) {
		bool accepted[ORACLE] = {false}, any = false;
		uint64_t highest = 0, at = 0;
		struct dt_replay w = {0};
		for (int step = 0; step < 100; step++) {
			at += seeded_below(&s, 16) == 0 ? 70 : 2;
			uint64_t back = seeded_below(&s, 80);
			uint64_t seq = (at > back ? at - back : at) % ORACLE;
			enum dt_replay_verdict want = ask_oracle(accepted, highest, any, seq);
			cr_assert_eq(dt_replay_check(&w, seq), want, "run %d, number %d", run,
			    (int)seq);
			if (want != DT_REPLAY_FRESH || seeded_below(&s, 8) == 0)
				continue; /* one in eight was forged */
			dt_replay_commit(&w, seq);
			accepted[seq] = any = true;
			highest = seq > highest ? seq : highest;
		}
	}
}
