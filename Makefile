# Copyright The Switchyard Authors.
# SPDX-License-Identifier: Apache-2.0

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A name for this source: the tag, or the commit, and whether it was changed.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
STATICCHECK := go tool -modfile=tools/go.mod staticcheck
# The client is for users' machines; the daemon runs on Linux.
CLIENT_PLATFORMS := $(foreach os,linux darwin windows,$(foreach arch,amd64 arm64,$(os)/$(arch)))
FUZZTIME ?= 10s
PKG ?= ./...
export FUZZTIME

.PHONY: help
help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/switchyard and bin/switchyardd
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/switchyard ./cmd/switchyardd

.PHONY: dist
dist: ## build the client for every platform, into dist/
	@$(foreach platform,$(CLIENT_PLATFORMS),GOOS=$(firstword $(subst /, ,$(platform))) GOARCH=$(lastword $(subst /, ,$(platform))) CGO_ENABLED=0 \
		go build -trimpath -ldflags '$(LDFLAGS)' -o dist/$(subst /,-,$(platform))/ ./cmd/switchyard && echo dist/$(subst /,-,$(platform)) && ) true

.PHONY: check
check: ## gofmt, vet, staticcheck, who imports whom, and the client for every platform
	@scripts/gofmt
	go vet ./...
	$(STATICCHECK) ./...
	go test ./test/house
	@$(foreach platform,$(CLIENT_PLATFORMS),scripts/vet-platform $(platform) ./cmd/switchyard && ) true

.PHONY: test
test: ## everything: check, then all tests with -race on a real Docker Engine and OpenSSH
	@scripts/prereqs test
	@$(MAKE) --no-print-directory check
	@scripts/with-engine scripts/go-test -race -vet=off $(PKG) # check has vetted

.PHONY: unit
unit: ## the tests that need no Docker, with -race
	@SWITCHYARD_TEST_ENGINE=none scripts/go-test -race $(PKG)

.PHONY: demo
demo: ## a controller, a container and a real ssh into it
	@scripts/prereqs demo || true # the demo says what it cannot do without
	@$(MAKE) --no-print-directory build
	@scripts/with-engine -try scripts/demo

.PHONY: bench
bench: ## the path through Switchyard beside docker exec and a plain sshd
	@scripts/prereqs test
	@$(MAKE) --no-print-directory build
	@scripts/with-engine go test -run '^$$' -bench . -benchtime 1x -timeout 20m ./test/bench

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (10s) each
	@scripts/fuzz $(PKG)

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
