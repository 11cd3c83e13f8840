/* units.h - quantities with a unit, from text and back: "60s", "64KiB", "5/m".
 *
 * A quantity is a whole number and one unit, nothing between them. Threads: any.
 */
#ifndef DT_CONFIG_UNITS_H
#define DT_CONFIG_UNITS_H

#include <dtlsd/module.h>
#include <stddef.h>
#include <stdint.h>

#define DT_QUANTITY_TEXT 32u /* bytes, with NUL: the longest quantity fits */

struct dt_unit {
	const char *name;
	uint64_t factor;
	const char *alias; /* what people write instead begins like this */
};

struct dt_quantity {
	const struct dt_unit *units; /* the smallest first */
	size_t count;
	const char *names; /* of the units, for messages */
	const char *usual; /* the unit of a bare number */
};

extern const struct dt_quantity dt_durations; /* factor: ns                  */
extern const struct dt_quantity dt_sizes;     /* factor: bytes               */
extern const struct dt_quantity dt_rates;     /* factor: ns of "per"; "/s" … */

enum dt_quantity_verdict {
	DT_QUANTITY_OK,
	DT_QUANTITY_NONSENSE, /* does not begin with a digit              */
	DT_QUANTITY_BARE,     /* no unit                                  */
	DT_QUANTITY_UNIT,     /* not a unit of this quantity, or a blank before it */
	DT_QUANTITY_RANGE,    /* number too large                         */
};

/* `suggest` gets what was probably meant, or "". The number is not multiplied yet. */
enum dt_quantity_verdict dt_quantity_parse(const struct dt_quantity *q, const char *text,
    uint64_t *number, const struct dt_unit **unit, char suggest[DT_QUANTITY_TEXT]);

/* Number times unit: RANGE above INT64_MAX. */
enum dt_quantity_verdict dt_duration_parse(
    const char *text, int64_t *ns, char suggest[DT_QUANTITY_TEXT]);
enum dt_quantity_verdict dt_size_parse(
    const char *text, uint64_t *bytes, char suggest[DT_QUANTITY_TEXT]);
enum dt_quantity_verdict dt_rate_parse(
    const char *text, struct dtlsd_rate *rate, char suggest[DT_QUANTITY_TEXT]);

/* In the largest unit that gives a whole number; parsing it gives the value again. Return buf. */
char *dt_duration_format(int64_t ns, char buf[DT_QUANTITY_TEXT]);
char *dt_size_format(uint64_t bytes, char buf[DT_QUANTITY_TEXT]);
/* Requires: per_ns is that of a unit. */
char *dt_rate_format(const struct dtlsd_rate *rate, char buf[DT_QUANTITY_TEXT]);

#endif
