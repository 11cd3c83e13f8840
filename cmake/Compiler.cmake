# One set of flags for everything that is built here: strict warnings always,
# hardening where the build is optimised, a sanitizer where one is asked for.

include(CheckCCompilerFlag)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # recvmmsg, epoll and friends need _GNU_SOURCE
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE Release)
endif()

set(DTLSD_SANITIZE "" CACHE STRING "sanitizers to build with, as -fsanitize= takes them")

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
	$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
	$<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
	$<$<C_COMPILER_ID:Clang>:-Wno-string-conversion> # DT_ASSERT(!"why") is meant so
	-fno-omit-frame-pointer)

if(DTLSD_SANITIZE)
	add_compile_options(-fsanitize=${DTLSD_SANITIZE} -fno-sanitize-recover=all -g -O1)
	add_link_options(-fsanitize=${DTLSD_SANITIZE})
else()
	check_c_compiler_flag(-fcf-protection DTLSD_HAS_CF_PROTECTION) # x86 only
	add_compile_options($<$<CONFIG:Release>:-O2> $<$<CONFIG:Release>:-g>
		$<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>
		$<$<CONFIG:Release>:-fstack-protector-strong>
		$<$<CONFIG:Release>:-fstack-clash-protection>
		$<$<AND:$<CONFIG:Release>,$<BOOL:${DTLSD_HAS_CF_PROTECTION}>>:-fcf-protection>)
	add_link_options($<$<CONFIG:Release>:LINKER:-z,relro,-z,now,-z,noexecstack>)
endif()
# -O2 is chosen above; DT_ASSERT stays on in release, NDEBUG is not used by the sources.
foreach(flags CMAKE_C_FLAGS_RELEASE CMAKE_CXX_FLAGS_RELEASE)
	string(REPLACE "-DNDEBUG" "" ${flags} "${${flags}}")
	string(REPLACE "-O3" "" ${flags} "${${flags}}")
endforeach()
