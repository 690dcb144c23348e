# `make` lists the targets. Everything else is in SwiftPM; no package is downloaded.
SWIFT ?= swift
# What is optional: with TRAITS=--disable-default-traits nothing but libpq is needed.
TRAITS ?=
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.DEFAULT_GOAL := help
.PHONY: help deps build demo test bench quality lint image-check deploy-check reader clients-check fuzz endpoint-check metrics-check page-check

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install the Debian packages that are missing (PostgreSQL 14 or newer, libpq-dev, pkg-config, libcurl, libmicrohttpd)
	@missing=; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	command -v pkg-config >/dev/null || missing="$$missing pkg-config"; \
	[ -e /usr/include/postgresql/libpq-fe.h ] || pkg-config --exists libpq 2>/dev/null || missing="$$missing libpq-dev"; \
	case "$(TRAITS)" in \
	*--disable-default-traits*) ;; \
	*) [ -n "$$(ls -d /usr/include/curl/curl.h /usr/include/*/curl/curl.h 2>/dev/null)" ] \
		|| missing="$$missing libcurl4-openssl-dev"; \
		[ -n "$$(ls -d /usr/include/microhttpd.h /usr/include/*/microhttpd.h 2>/dev/null)" ] \
		|| missing="$$missing libmicrohttpd-dev";; \
	esac; \
	found=; \
	for folder in /usr/lib/postgresql/*/bin $$(printf '%s' "$$PATH" | tr ':' ' '); do \
		[ -x "$$folder/initdb" ] && [ -x "$$folder/postgres" ] || continue; \
		major=$$("$$folder/postgres" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/'); \
		[ "$$major" -ge 14 ] && found=1; \
	done; \
	[ -n "$$found" ] || missing="$$missing postgresql"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	echo "missing Debian packages:$$missing"; \
	if ! command -v apt-get >/dev/null; then echo "hint: install them with this system's package manager"; exit 1; fi; \
	if [ "$$(id -u)" != 0 ] && [ -z "$(SUDO)" ]; then \
		echo "hint: run as root: apt-get install --no-install-recommends$$missing"; exit 1; \
	fi; \
	echo "installing them"; \
	$(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends$$missing

build: deps ## build the release binary, .build/release/afterthought
	$(SWIFT) build $(TRAITS) -c release --product afterthought

demo: build ## build, then run everything once on the sample in a private database
	.build/release/afterthought demo

# Fault tests wait for workers in the same process: apart from the others, which fill both cores, and one at a time.
test: deps ## run all tests; they bring their own PostgreSQL up and take it down
	$(SWIFT) build $(TRAITS) --build-tests
	$(SWIFT) test $(TRAITS) --skip-build --skip FaultTests
	$(SWIFT) test $(TRAITS) --skip-build --no-parallel --filter FaultTests

bench: deps ## run the benchmarks: name value unit goal PASS|FAIL, JSON in .build/bench (BENCH=--small)
	$(SWIFT) build $(TRAITS) -c release --product bench
	.build/release/bench $(BENCH)

quality: deps ## measure the engines on labelled data, into .build/quality and the README (QUALITY="--data FOLDER")
	$(SWIFT) build $(TRAITS) -c release --product bench
	.build/release/bench quality --readme README.md $(QUALITY)

endpoint-check: ## schemathesis and 10,000 hostile requests against a worker's HTTP endpoint
	Tests/endpoint/check

page-check: ## look at a worker's page with a real browser (installs what is missing); pictures in .build/page-check
	Tests/page/check

lint: ## check format and documentation comments
	$(SWIFT) format lint -r -p --strict Package.swift Sources Tests

image-check: deps ## build the container's image and live through a day of it (IMAGE_BUILDER, or docker or podman)
	docker/check-image

deploy-check: ## check the files for compose, systemd and Kubernetes
	docker/check-deployment

# With all of Swift in it: what it needs beside libc is libpq.
reader: deps ## build the reader for other languages, .build/reader/release/libafterthought_reader.so
	$(SWIFT) build -c release --scratch-path .build/reader --product afterthought_reader -Xswiftc -static-stdlib \
		-Xlinker --version-script=Sources/CReader/exports.map -Xlinker --gc-sections -Xlinker -s

clients-check: deps ## check the examples for Python, Node and SQL, and the shared library, on a private server
	Tests/clients/check

fuzz: deps ## search for inputs that break what reads them (FUZZ="json url", SECONDS_EACH=30, SEED=1)
	Tests/fuzz/run $(FUZZ)

metrics-check: build ## let a real Prometheus scrape a worker and raise its alerts (installs what is missing)
	Tests/metrics/check
