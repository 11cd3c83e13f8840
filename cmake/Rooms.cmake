# The vocabulary of the build: a room of the core, a test program, a fuzz target.

# dt_room(NAME SOURCES a.c ... DEPS dt_base ...)
# A room is a static library dt_NAME. Includes are written "room/file.h".
function(dt_room name)
	cmake_parse_arguments(R "" "" "SOURCES;DEPS" ${ARGN})
	add_library(dt_${name} STATIC ${R_SOURCES})
	target_include_directories(dt_${name} PUBLIC ${PROJECT_SOURCE_DIR}/core)
	target_link_libraries(dt_${name} PUBLIC dtlsd_api ${R_DEPS})
endfunction()

# dt_test(NAME LABEL COMMAND...)
# Registers a test. What a sanitizer reports fails it, also where the program goes on to exit 0:
# a leak is found after Criterion has already noted that the test passed.
function(dt_test name label)
	add_test(NAME ${name} COMMAND ${ARGN})
	set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 300)
	if(DTLSD_SANITIZE)
		set_tests_properties(${name} PROPERTIES
			FAIL_REGULAR_EXPRESSION "(Address|Leak|Thread)Sanitizer: |: runtime error: "
			ENVIRONMENT "ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1;UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=allocator_may_return_null=1:second_deadlock_stack=1")
	endif()
endfunction()

# dt_criterion(TARGET LABEL): makes an executable a Criterion program and registers it.
function(dt_criterion target label)
	target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support)
	target_link_libraries(${target} PRIVATE PkgConfig::CRITERION)
	target_compile_options(${target} PRIVATE -Wno-pedantic) # Criterion's macros
	if(DTLSD_SANITIZE MATCHES thread)
		target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/tsan_arena.c)
	endif()
	dt_test(${target} ${label} ${target} --jobs 2)
endfunction()

# dt_unit(ROOM SOURCES test_a.c ... DEPS dt_room ...)
# The unit tests of a room: unit_ROOM.
function(dt_unit room)
	cmake_parse_arguments(U "" "" "SOURCES;DEPS" ${ARGN})
	add_executable(unit_${room} ${U_SOURCES})
	target_link_libraries(unit_${room} PRIVATE ${U_DEPS})
	dt_criterion(unit_${room} unit)
endfunction()

# dt_fuzz(NAME DEPS dt_room ...)
# The target in fuzz_NAME.c with first inputs in corpus/NAME: a libFuzzer program in the fuzz
# preset, a test that goes through these inputs in all others.
add_custom_target(fuzzers)
function(dt_fuzz name)
	cmake_parse_arguments(F "" "" "DEPS" ${ARGN})
	add_executable(fuzz_${name} fuzz_${name}.c)
	target_link_libraries(fuzz_${name} PRIVATE ${F_DEPS})
	if(DTLSD_SANITIZE MATCHES fuzzer)
		set_target_properties(fuzz_${name} PROPERTIES OUTPUT_NAME ${name}
			RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzzers)
		target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
		add_dependencies(fuzzers fuzz_${name})
	else()
		target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
		dt_test(fuzz_${name} unit fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
	endif()
endfunction()
