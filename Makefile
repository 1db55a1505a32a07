# The commands people type; the thinking is in tools/xtask and in the program.
.PHONY: demo test servers fmt help

help:
	@echo "make demo            build, then see the main job done next to a simulated Strava"
	@echo "make demo CHECK=1    the same without a person: verifies, exits 0 or not"
	@echo "make demo KAFKA=HOST:PORT   the same over that broker"
	@echo "make test            every check and every test, against real servers"
	@echo "make test DATABASE=mysql    the same against a real MySQL (needs root)"

demo:
	@cargo build --workspace --bin paceline --bin strava-sim
	@./target/debug/paceline demo $(if $(CHECK),--check) $(if $(KAFKA),--kafka $(KAFKA))

test:
	@cargo build --quiet --workspace --bin xtask
	@./target/debug/xtask test $(if $(DATABASE),--database $(DATABASE))

servers:
	@cargo build --quiet --workspace --bin xtask
	@./target/debug/xtask servers

fmt:
	@cargo fmt --all
