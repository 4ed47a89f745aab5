# Verbs only. What is built, and how, stands in CMakeLists.txt, CMakePresets.json and cmake/.
.DEFAULT_GOAL := all
.PHONY: all deps test-deps run test check asan tsan clang fuzz-smoke soak lint format model coverage bench clean distclean help

all: deps ## install what is missing, build the optimised program: build/weir
	@tools/build release
	@install -m 755 build/release/weir build/weir.new && mv -f build/weir.new build/weir
	@echo "built build/weir"

deps: ## install what the build needs (tools/deps build)
	@tools/deps build

test-deps:
	@tools/deps test

run: all ## build, start the gateway on 127.0.0.1:8080, send one request through it
	@tools/run_quickstart

test: ## install what is missing, build and run every test
	@tools/run_tests

check: test-deps ## the C tests only, in a debug build
	@tools/build dev && ctest --preset dev

asan: test-deps ## the C tests under the address and undefined behaviour sanitizers
	@tools/build asan && ctest --preset asan

tsan: test-deps ## the C tests under the thread sanitizer
	@tools/build tsan && ctest --preset tsan

clang: test-deps ## the C tests built with clang
	@tools/build clang && ctest --preset clang

fuzz-smoke: test-deps ## replay the crashes, then fuzz every parser for a fixed number of runs
	@tools/build fuzz && tools/fuzz_smoke

MINUTES ?= 5
soak: test-deps ## mixed load with faults for MINUTES=5 through the sanitized program
	@tools/build asan && python3 tests/soak/soak build/asan/weir build/asan/tests/libweir_fault.so $$(( $(MINUTES) * 60 ))

lint: test-deps ## clang-format, a clang build without warnings, clang-tidy
	@tools/build clang && tools/lint

format: test-deps ## rewrite the sources with clang-format
	@tools/check_format --fix

model: ## start a small real model on loopback
	@tools/local_model

coverage: test-deps ## run the C tests and print the covered lines per file
	@tools/build coverage && ctest --preset coverage && tools/coverage

bench: ## load weir, nginx and HAProxy in turn (some 40 minutes); see bench/README.md
	@tools/deps bench && tools/build bench && bench/load/run

clean: ## remove what was built, keep what was downloaded
	@rm -rf build/dev build/clang build/release build/asan build/tsan build/fuzz build/coverage build/bench build/weir

distclean: ## remove build/ altogether
	@rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
