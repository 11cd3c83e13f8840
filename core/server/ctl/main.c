#include "server/ctl/ctl.h"

#include "server/build_info.h"

#include <stdio.h>
#include <string.h>

static enum dt_ctl_exit
help(const struct dt_ctl_words *w)
{
	int used;
	if (!w->about[0]) {
		dt_ctl_help(stdout);
		return DT_CTL_OK;
	}
	const struct dt_control_command *c = dt_ctl_words_command(w->about, &used);
	if (!c) {
		dt_ctl_complain("there is no command \"%s\"", w->about[0]);
		return DT_CTL_USAGE;
	}
	dt_ctl_help_command(c);
	return DT_CTL_OK;
}

static enum dt_ctl_exit
completion(const struct dt_ctl_words *w)
{
	if (w->about[0] && dt_ctl_completion(w->about[0]))
		return DT_CTL_OK;
	dt_ctl_complain("completion is there for bash, zsh and fish");
	return DT_CTL_USAGE;
}

static enum dt_ctl_exit
run(const struct dt_ctl_words *w)
{
	if (w->version) {
		printf("dtlsctl %s (%s)\n", DTLSD_VERSION, DTLSD_BUILD_COMMIT);
		return DT_CTL_OK;
	}
	if (w->help || (w->own && strcmp(w->own, "help") == 0))
		return help(w);
	return w->own ? completion(w) : dt_ctl_talk(w);
}

int
main(int argc, char **argv)
{
	struct dt_ctl_words words;
	(void)argc;
	enum dt_ctl_exit code = DT_CTL_USAGE;
	if (dt_ctl_words_read(&words, argv + 1))
		code = run(&words);
	json_decref(words.arguments);
	return (int)code;
}
