/* Fragments in any order, overlapping, lying: what comes out is whole, in order, and made of the
 * bytes that went in; memory stays under both caps and is all given back.
 *
 * An input is a list of fragments of 8 bytes: message_seq, type, claimed length, offset and length.
 * Byte i of message m is a function of both, so any mixture of wrong pieces shows.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "dtls/reassembly.h"

#include <stdbool.h>

#define OWN_CAP 3000u
#define SHARED_CAP 4000u
#define PIECE_MAX 512u

static uint8_t
byte_of(uint64_t message_seq, size_t i)
{
	return (uint8_t)(message_seq * 31 + i * 7 + i / 256);
}

static void
check_message(struct dt_span m, uint16_t expected_seq)
{
	struct dt_reader r = dt_reader(m.data, m.len);
	struct dt_fragment f;
	DT_ASSERT(dt_fragment_read(&r, &f) && r.left == 0);
	DT_ASSERT(f.message_seq == expected_seq && f.offset == 0 && f.bytes.len == f.length);
	for (size_t i = 0; i < f.bytes.len; i++)
		DT_ASSERT(f.bytes.data[i] == byte_of(expected_seq, i));
}

/* False: the input is at its end, or such a fragment cannot come out of dt_fragment_read(). */
static bool
read_fragment(struct dt_reader *in, uint8_t piece[PIECE_MAX], struct dt_fragment *f)
{
	f->message_seq = (uint16_t)(dt_read_uint(in, 1) & 15);
	f->type = (uint8_t)dt_read_uint(in, 1) & 1;
	f->length = (uint32_t)dt_read_uint(in, 2);
	f->offset = (uint32_t)dt_read_uint(in, 2);
	size_t len = dt_read_uint(in, 2) % (PIECE_MAX + 1);
	if (in->bad || f->offset + len > f->length)
		return false;
	for (size_t i = 0; i < len; i++)
		piece[i] = byte_of(f->message_seq, f->offset + i);
	f->bytes = (struct dt_span){piece, len};
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dt_budget budget = {.used = 100, .cap = SHARED_CAP};
	struct dt_reassembly r;
	struct dt_reader in = dt_reader(data, len);
	uint16_t expected = 0;
	dt_reassembly_init(&r, 0, OWN_CAP, &budget);
	while (!in.bad && in.left) {
		uint8_t piece[PIECE_MAX];
		struct dt_fragment f;
		struct dt_span whole;
		if (!read_fragment(&in, piece, &f))
			continue;
		dt_reassembly_add(&r, &f);
		while (dt_reassembly_next(&r, &whole))
			check_message(whole, expected++);
		DT_ASSERT(r.used <= OWN_CAP && budget.used <= SHARED_CAP);
	}
	dt_reassembly_fini(&r);
	DT_ASSERT(budget.used == 100);
	return 0;
}
