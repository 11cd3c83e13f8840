/* tables.h - the option tables of the core: every setting of the server, described once.
 *
 * Threads: any, they are constant.
 */
#ifndef DT_CONFIG_TABLES_H
#define DT_CONFIG_TABLES_H

#include <dtlsd/module.h>

extern const struct dtlsd_options dt_config_table;	 /* struct dt_config             */
extern const struct dtlsd_options dt_config_control_table; /* struct dt_config_control     */
extern const struct dtlsd_options dt_config_entry_table; /* struct dt_config_chain_entry */

#endif
