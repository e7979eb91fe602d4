# Each target runs the script of the same name in .ci, which is what CI runs.
.PHONY: ci check race fuzz bench demo e2e image charts release soak vuln

ci:
	.ci/run

check race fuzz bench demo e2e image charts release soak vuln:
	.ci/$@
