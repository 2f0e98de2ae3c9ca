# Every target sets up what it needs; `make help` lists them.
PYTHON ?= python3
cloud := .venv/cloud/bin/python -B
tools := $(PYTHON) -B local/tools.py
tools_for = @command -v $(PYTHON) >/dev/null || { echo "error: Python is missing: \`apt-get install python3 python3-venv\`." >&2; exit 1; }; $(tools) $(1)

TO ?= ada
TYPE ?= battle_invitation
fuzz_targets := $(basename $(notdir $(wildcard tests/hostile/fuzz/fuzz_targets/*.rs)))
found := $(CURDIR)/target/fuzz/found
dry_run = $(if $(filter-out 0,$(DRY_RUN)),--dry-run)

.DEFAULT_GOAL := help
.PHONY: help run test check fmt deploy redrive ring doors crash storm fuzz send-test consent-proof bench bench-lanes schemas deny deny-advisories sbom clean

help: ## what there is to make
	@echo "make …"
	@sed -nE 's/^([a-z<>-]+):[^#]*## (.*)/  \1|\2/p; s/^# (invoke-<[a-z]+>) +(.*)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

run: ## all of it on this machine, until Ctrl-C (CONSOLE_PORT=4580 AWS_PORT=4566 SEED_PEOPLE=0 QUIET_HOURS=off)
	$(call tools_for,rust cloud sam)
	@$(cloud) local/stack.py up

test: ## format, lints, dependencies, template, unit and edge tests, journeys on the deployed local stack
	$(call tools_for,rust cloud sam deny openapi browser axe clock)
	@$(cloud) local/check.py

check: ## only the quick ones: format, lints, dependencies, template
	$(call tools_for,rust cloud sam deny)
	@$(cloud) local/check.py format lints dependencies template

fmt: ## lay out the Rust code
	cargo fmt --all

# invoke-<function>    call a function of the running stack with its sample event (EVENT=file for another)
invoke-%:
	$(call tools_for,cloud)
	@$(cloud) local/invoke.py $* $(EVENT)

send-test: ## publish a sample event and follow its text (TO=ada TYPE=battle_invitation DRY_RUN=1 STACK=… AWS_PROFILE=…)
	$(call tools_for,cloud)
	@$(cloud) local/send_test.py "$(TO)" "$(TYPE)" $(if $(PHONE),--phone "$(PHONE)") $(dry_run)

consent-proof: ## write what proves a person's consents, texts and replies on one page (PERSON=ada OUTPUT=… STACK=… AWS_PROFILE=…)
	$(call tools_for,cloud)
	@$(cloud) local/consent_proof.py $(if $(OUTPUT),--output "$(OUTPUT)") -- "$(PERSON)"

redrive: ## send dead letters back to where they came from (DRY_RUN=1 lists them, STACK=… AWS_PROFILE=…)
	$(call tools_for,cloud)
	@$(cloud) local/redrive.py $(dry_run)

ring: ## make what an alarm is about happen on the running local stack (ALARM=DeadLetters; without one, lists them)
	$(call tools_for,cloud)
	@$(cloud) local/ring.py $(ALARM)

doors: ## take every permission away from the running local stack's functions, one at a time, and say what no longer works (FUNCTION=sender)
	$(call tools_for,cloud)
	@$(cloud) local/doors.py $(FUNCTION)

crash: ## kill every function at every call it makes, and see what becomes of the texts (SCENARIO="plain stop" EVERY=1)
	$(call tools_for,rust cloud sam clock)
	@$(cloud) local/stack.py rig crash -- --every=$(or $(EVERY),1) $(if $(SCENARIO),"$(SCENARIO)")

storm: ## send 10,000 messages while everything that can break does (SEED=… MESSAGES=10000)
	$(call tools_for,rust cloud sam clock)
	@$(cloud) local/stack.py rig storm -- $(if $(SEED),--seed=$(SEED)) --messages=$(or $(MESSAGES),10000)

fuzz: ## look for bytes that break what reads the words of others, ten minutes a target (TARGET=event SECONDS=600; wants a nightly compiler)
	$(if $(filter-out $(fuzz_targets),$(TARGET)),$(error There is no fuzz target $(TARGET): choose from $(fuzz_targets)))
	$(call tools_for,nightly fuzz)
	@for target in $(or $(TARGET),$(fuzz_targets)); do \
		echo "fuzzing $$target for $(or $(SECONDS),600) s" && mkdir -p $(found)/$$target && \
		(cd tests/hostile && PATH="$(CURDIR)/.venv/cargo/bin:$$PATH" CARGO_TARGET_DIR=$(CURDIR)/target/fuzz \
			cargo +nightly fuzz run $$target $(found)/$$target fuzz/corpus/$$target -- -max_total_time=$(or $(SECONDS),600) -max_len=20000 -timeout=60) || exit 1; \
	done

deploy: ## build for AWS and deploy to the account of AWS_PROFILE=…
	$(call tools_for,rust cloud sam)
	@$(cloud) local/deploy.py

bench-lanes: ## how long codes take while 2,000 bulk texts wait at three parts a second (on a stack of its own)
	$(call tools_for,rust cloud sam)
	@SEED_PEOPLE=2000 PARTS_PER_SECOND=3 $(cloud) local/stack.py test -- $(cloud) bench/lanes.py

bench: ## measure the release binaries against the Python baseline, and the lanes of the local stack (QUICK=1; SENDER=another binary in the sender's place)
	$(call tools_for,rust cloud sam bench report)
	@$(cloud) bench/run.py $(if $(filter-out 0,$(QUICK)),--quick) $(if $(SENDER),--sender="$(SENDER)")

schemas: ## write events/schemas/ anew from the Rust types
	UPDATE_SCHEMAS=1 cargo test -p sms --test events schemas

deny: ## licences, bans and sources of the dependencies, and whether each Cargo.lock is true
	$(call tools_for,cloud deny)
	@$(cloud) local/check.py dependencies

deny-advisories: ## known vulnerabilities of the dependencies (fetches the advisory database)
	$(call tools_for,deny)
	@.venv/cargo/bin/cargo-deny --workspace check advisories

sbom: ## write target/sbom/<function>.cdx.json: what is in each function's binary (CycloneDX)
	$(call tools_for,cyclonedx)
	@$(PYTHON) -B local/sbom.py

clean: ## forget everything that was built or installed here
	rm -rf target .aws-sam .local .venv
