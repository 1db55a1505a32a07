# The commands people type; the work is done in tools/xtask and in the program.
.PHONY: check demo fmt help servers test

XTASK = cargo build --quiet --workspace --bin xtask && ./target/debug/xtask

help:
	@echo "make demo                   build, then show the main job next to a simulated Strava"
	@echo "make demo CHECK=1           the same without a person: verifies, exits 0 or not"
	@echo "make demo KAFKA=HOST:PORT   the same over that broker"
	@echo "make check                  every check, and the tests that need no server"
	@echo "make test                   what CI runs: every check, and every test against real servers"
	@echo "make test DATABASE=mysql    the same against a real MySQL (needs root)"
	@echo "make servers                start Kafka and MariaDB for tests, print what to export, keep them until ctrl-c"
	@echo "                            (in the background: cargo xtask servers --help)"
	@echo "make fmt                    format the code"
	@echo "make help                   this list"

check:
	@$(XTASK) check

demo:
	@cargo build --workspace --bin paceline --bin strava-sim
	@./target/debug/paceline demo $(if $(CHECK),--check) $(if $(KAFKA),--kafka $(KAFKA))

fmt:
	@cargo fmt --all

servers:
	@$(XTASK) servers $(if $(DATABASE),--database $(DATABASE))

test:
	@$(XTASK) test $(if $(DATABASE),--database $(DATABASE))
