#include "dtls/alert.h"

#include <criterion/criterion.h>
#include <string.h>

Test(alert, a_number_of_an_rfc_has_its_name)
{
	cr_assert_str_eq(dt_alert_text(DT_ALERT_CLOSE_NOTIFY), "close_notify");
	cr_assert_str_eq(dt_alert_text(DT_ALERT_HANDSHAKE_FAILURE), "handshake_failure");
	cr_assert_str_eq(dt_alert_text(120), "no_application_protocol");
}

Test(alert, any_other_number_has_a_text_too)
{
	for (unsigned n = 0; n < 256; n++)
		cr_assert(strlen(dt_alert_text((uint8_t)n)) > 4);
	cr_assert_str_eq(dt_alert_text(255), "unknown alert");
}
