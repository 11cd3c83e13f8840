# Writes HEADER, only when it changes. A source tree without git, or one that git refuses to
# read, gives the commit "unknown".
set(commit "")
if(EXISTS ${SOURCE}/.git) # else git would describe whatever repository the tree lies in
	execute_process(COMMAND git --no-optional-locks -C ${SOURCE} describe --always --dirty --abbrev=12
		OUTPUT_VARIABLE commit ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
if(NOT commit)
	set(commit unknown)
endif()
if(NOT SANITIZE)
	set(SANITIZE none)
endif()
file(CONFIGURE OUTPUT ${HEADER} @ONLY CONTENT [[
/* Written by the build. */
#ifndef DT_SERVER_BUILD_INFO_H
#define DT_SERVER_BUILD_INFO_H
#define DTLSD_VERSION "@VERSION@"
#define DTLSD_BUILD_COMMIT "@commit@"
#define DTLSD_BUILD_TYPE "@BUILD_TYPE@"
#define DTLSD_BUILD_COMPILER "@COMPILER@"
#define DTLSD_BUILD_SANITIZE "@SANITIZE@"
#endif
]])
