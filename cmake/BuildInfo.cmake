# What the program knows about its own build.
#
# dtlsd_paths       where modules lie. A program that runs out of the build tree, and only that
#                   one, takes DTLSD_MODULE_DIR_BUILD: an installed daemon must not look for code
#                   in a directory that was somebody's checkout.
# dtlsd_build_info  "server/build_info.h", written at every build: version, commit, compiler, flags.

add_library(dtlsd_paths INTERFACE)
target_compile_definitions(dtlsd_paths INTERFACE
	DTLSD_MODULE_DIR_INSTALL="${CMAKE_INSTALL_FULL_LIBDIR}/dtlsd/modules"
	DTLSD_PROGRAM_DIR_BUILD="${PROJECT_BINARY_DIR}"
	DTLSD_MODULE_DIR_BUILD="${PROJECT_BINARY_DIR}/modules")

set(info ${PROJECT_BINARY_DIR}/generated/server/build_info.h)
add_custom_target(write_build_info
	COMMAND ${CMAKE_COMMAND} -D SOURCE=${PROJECT_SOURCE_DIR} -D VERSION=${PROJECT_VERSION}
		-D "COMPILER=${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}"
		-D BUILD_TYPE=${CMAKE_BUILD_TYPE} -D SANITIZE=${DTLSD_SANITIZE} -D HEADER=${info}
		-P ${CMAKE_CURRENT_LIST_DIR}/write_build_info.cmake
	BYPRODUCTS ${info} VERBATIM COMMENT "Build information")

add_library(dtlsd_build_info INTERFACE)
target_include_directories(dtlsd_build_info INTERFACE ${PROJECT_BINARY_DIR}/generated)
add_dependencies(dtlsd_build_info write_build_info)
