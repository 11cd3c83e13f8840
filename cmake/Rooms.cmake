# The vocabulary of the build: a room of the core, and a unit test program of a room.

# dt_room(NAME SOURCES a.c ... DEPS dt_base ...)
# A room is a static library dt_NAME. Includes are written "room/file.h".
function(dt_room name)
	cmake_parse_arguments(R "" "" "SOURCES;DEPS" ${ARGN})
	add_library(dt_${name} STATIC ${R_SOURCES})
	target_include_directories(dt_${name} PUBLIC ${PROJECT_SOURCE_DIR}/core)
	target_link_libraries(dt_${name} PUBLIC dtlsd_api ${R_DEPS})
endfunction()

# dt_unit(ROOM SOURCES test_a.c ... DEPS dt_room ...)
# One Criterion program for a room: unit_ROOM, registered with ctest.
function(dt_unit room)
	cmake_parse_arguments(U "" "" "SOURCES;DEPS" ${ARGN})
	add_executable(unit_${room} ${U_SOURCES})
	target_include_directories(unit_${room} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support)
	target_link_libraries(unit_${room} PRIVATE ${U_DEPS} PkgConfig::CRITERION)
	target_compile_options(unit_${room} PRIVATE -Wno-pedantic) # Criterion's macros
	add_test(NAME unit_${room} COMMAND unit_${room} --jobs 2)
	set_tests_properties(unit_${room} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()
