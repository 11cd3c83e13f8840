# The front door. CMake builds, tools/* do the rest; this file only gives their names.

PORT ?= 4433
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
FUZZ_TARGET ?=
CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)
export DESTDIR FUZZ_SECONDS FUZZ_TARGET CMAKE_BUILD_PARALLEL_LEVEL

.DEFAULT_GOAL := help
.PHONY: help deps deps-build build run check asan tsan fuzz bench format install clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' Makefile | awk -F'|' '{ printf "  make %-11s %s\n", $$1, $$2 }'

deps: ## install what building, testing, fuzzing and formatting need
	@tools/deps.sh build test fuzz format

deps-build: ## install what building needs, no more
	@tools/deps.sh build

build: deps-build ## build daemon and modules (Release) in build/release
	@cmake --preset release --log-level=WARNING
	@cmake --build --preset release --target product

run: build ## build, then start dtlsd with the echo module; PORT=4433
	@exec build/release/dtlsd --dev --port $(PORT)

check: ## build and run every test, then the same under sanitizers
	@tools/deps.sh build test
	@tools/check.sh release asan tsan

asan: ## unit, sim, module and plugin tests under ASan and UBSan
	@tools/deps.sh build test
	@tools/check.sh asan

tsan: ## the same under TSan
	@tools/deps.sh build test
	@tools/check.sh tsan

fuzz: ## run every fuzz target for FUZZ_SECONDS=60 each; FUZZ_TARGET=session: that one
	@tools/deps.sh build test fuzz
	@tools/fuzz.sh

bench: ## build Release and run the benchmarks
	@tools/deps.sh build test
	@cmake --preset release --log-level=WARNING
	@cmake --build --preset release --target bench

format: ## bring the sources into the shape of .clang-format
	@tools/deps.sh format
	@git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

install: deps-build ## install daemon, modules, header and examples; PREFIX=/usr/local DESTDIR=
	@cmake --preset release --log-level=WARNING -DCMAKE_INSTALL_PREFIX="$(PREFIX)"
	@cmake --build --preset release --target product
	@cmake --install build/release

clean: ## remove build/
	@cmake -E rm -rf build
