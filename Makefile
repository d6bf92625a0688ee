# Gibbon's build. `make` lists the targets; each works on a fresh Debian 12 with Go, gcc, make and apt.
#
#   LUAJIT_DIR=PATH   a LuaJIT tree of your own ({include,lib}) instead of the one built from Debian's source
#   ARGS=…            more words for run, test, bench (make bench ARGS="-case keepalive")

GO ?= go

# Pinned tools, run through the Go module proxy; they are not dependencies of the module.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

export CGO_ENABLED = 1
export LUAJIT_DIR

.DEFAULT_GOAL := help
.PHONY: help deps luajit build run test race lint fuzz bench golden docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

deps: ## install the Debian packages that are missing (headers, Lua modules)
	@scripts/deps.sh build lua

luajit: deps ## compile libluajit.a from Debian's source package into build/luajit
	@scripts/luajit.sh

build: luajit ## build the binary build/gibbon
	$(GO) build -o build/gibbon ./cmd/gibbon

run: build ## start the demo: a kong.yml, an upstream and a Lua plugin
	@$(GO) run ./demo $(ARGS)

test: build ## all tests: unit, end to end and golden cases
	@scripts/deps.sh test
	@rm -f build/golden.txt
	GOLDEN_SUMMARY=$(CURDIR)/build/golden.txt $(GO) test -timeout 20m $(ARGS) ./...
	@cat build/golden.txt

race: luajit ## the same under the race detector; RACE="./wire/..." for a part
	$(GO) test -race -timeout 40m $(ARGS) $(or $(RACE),./...)

lint: luajit ## gofmt, go vet, staticcheck, Lua syntax, house rules
	@GO='$(GO)' STATICCHECK='$(STATICCHECK)' scripts/lint.sh

fuzz: luajit ## run every fuzz target for FUZZTIME (default 30s each)
	@GO='$(GO)' scripts/fuzz.sh

bench: build ## CPU per request against Debian's nginx and HAProxy, in one run
	@scripts/deps.sh bench
	$(GO) run ./test/bench $(ARGS)

golden: build ## the recorded cases alone; ARGS="-run Golden/routing -v"
	$(GO) test -count=1 ./test/golden $(ARGS)

docs: ## check the documents: links, code blocks, tables made from the code
	$(GO) test -count=1 ./docs/...

clean: ## remove what was built, LuaJIT included
	rm -rf build
