# The lab's everyday commands; `make` alone lists them.

CARGO ?= cargo
# Artifacts built at once in a study; each takes the machine's cores / JOBS threads.
JOBS ?= 1
DEMO := out/demo
BINARIES := --bin lang-gen --bin tok-train --bin model-train --bin transfer-eval --bin study

.DEFAULT_GOAL := help
.PHONY: help build demo results test doc bench bench-tok bench-eval bench-train torture samples check-deps fuzz clean-demo interop build-cuda gpu slurm

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

build: ## build the five binaries into target/release
	@$(CARGO) build --release --locked $(BINARIES)

demo: build ## build, then one small study through all stages, with its report (minutes on 2 cores)
	@target/release/study plan data/studies/demo.toml --out $(DEMO) --quiet
	@$(MAKE) --no-print-directory -C $(DEMO) -j$(JOBS)
	@target/release/study report $(DEMO) --out $(DEMO)/report --force --quiet

# Tables alone are enough; whatever was committed before is left as it is.
results: build ## draw the committed results again from their tables, into out/results
	@for report in data/results/*/; do \
		test -f "$$report/manifest.json" || { echo "data/results: no report with manifest.json found" >&2; exit 1; }; \
		target/release/study report "$$report" --out "out/results/$$(basename "$$report")" --force --quiet || exit 1; \
	done

test: ## check the format, lint (warnings denied), run all tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	$(CARGO) test --release --locked --workspace

doc: ## the documentation of all items, private ones too, warnings denied
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" $(CARGO) doc --release --locked --workspace --no-deps --document-private-items

bench: ## benchmarks of every crate that has some
	$(CARGO) bench --locked --workspace --benches

bench-train: ## training speed beside PyTorch, text preparation beside tokenizers (own Python environment, 1 GB)
	@scripts/bench-train.sh

bench-tok: ## tokenizer training on a million sentences, beside Python's tokenizers (own Python environment)
	@scripts/bench-tok.sh

bench-eval: ## scoring the demo's probes, beside minicons and transformers (after make demo and make interop)
	@scripts/bench-eval.sh

torture: ## try to break every stage: signals, full disks, damaged files, races (long; as root for the disks)
	@$(CARGO) build --release --locked $(BINARIES) --bin torture
	@target/release/torture

samples: build ## write tests/samples/format-1 anew (only while that format is unreleased)
	@tests/samples/regenerate.sh

check-deps: ## licences, sources and advisories of dependencies, and unused ones (cargo-deny, cargo-machete)
	$(CARGO) deny --locked check
	$(CARGO) machete

fuzz: ## every fuzz target for SECONDS_EACH=600 (cargo-fuzz and a nightly toolchain)
	@fuzz/run.sh

clean-demo: ## delete the demo's results
	rm -rf $(DEMO)

# What needs more than a Rust toolchain stands in scripts of its own.
interop: ## other people's tools on our files (makes its own Python environment, several GB)
	@tests/interop/run.sh

build-cuda: ## build with CUDA on a machine without a GPU
	@scripts/build-cuda.sh

gpu: ## checks that need a GPU
	@tests/gpu.sh

slurm: build ## a small study on a real Slurm (Debian's packages, as root), compared with make
	@tests/slurm.sh
