#include "conn/close.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(close, each_reason_carries_the_status_that_its_kind_has)
{
	static const struct {
		enum dt_close why;
		int32_t status;
	} rows[] = {
	    {DT_CLOSE_NONE, 0},
	    {DT_CLOSE_PEER, 0},
	    {DT_CLOSE_LOCAL, 0},
	    {DT_CLOSE_MODULE, 0},
	    {DT_CLOSE_DRAIN, 0},
	    {DT_CLOSE_RELOADED, 0},
	    {DT_CLOSE_UNAUTHORIZED, EACCES},
	    {DT_CLOSE_IDLE, ETIMEDOUT},
	    {DT_CLOSE_DEAD, ETIMEDOUT},
	    {DT_CLOSE_NO_FLIGHT, ETIMEDOUT},
	    {DT_CLOSE_REPLACED, ECONNRESET},
	    {DT_CLOSE_REFUSED, ECONNREFUSED},
	    {DT_CLOSE_KEY_LIMIT, 401},
	    {DT_CLOSE_HANDSHAKE_TIMEOUT, 403},
	    {DT_CLOSE_HANDSHAKE, 403},
	    {DT_CLOSE_PSK, 403},
	    {DT_CLOSE_CERTIFICATE, 404},
	    {DT_CLOSE_NO_CERTIFICATE, 404},
	    {DT_CLOSE_ALERT, 405},
	    {DT_CLOSE_MEMORY, ENOMEM},
	};
	cr_assert(sizeof(rows) / sizeof(rows[0]) == DT_CLOSE_REASONS, "a reason is missing here");
	for (size_t i = 0; i < DT_CLOSE_REASONS; i++) {
		const struct dt_close_info *info = &dt_close_infos[rows[i].why];
		cr_assert(info->status == rows[i].status, "%s: %d", info->text, info->status);
		cr_assert(info->text[0]);
	}
}
