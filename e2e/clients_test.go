package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sameSteps compares what a client printed at the two endpoints, line by line, the names of
// the buckets aside.
func sameSteps(t *testing.T, direct, hearth string) {
	t.Helper()
	want, got := strings.Split(strings.TrimSpace(direct), "\n"), strings.Split(strings.TrimSpace(hearth), "\n")
	if len(want) < 10 {
		t.Fatalf("the client printed only %d lines:\n%s", len(want), direct)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("straight at the origin (-) and through Hearth (+):\n%s", diff)
	}
}

func TestBoto3SeesTheSameThroughHearth(t *testing.T) {
	python := tool(t, "python3", "HEARTH_E2E_PYTHON")
	if _, err := command(t, clientEnv(), python, "-c", "import boto3"); err != nil {
		missing(t, "boto3 is not installed for %s: %v", python, err)
	}
	s := startSidecar(t, 0)
	direct := must(t, clientEnv(), python, "testdata/boto3_ops.py", store.Endpoint, "boto3")
	hearth := must(t, clientEnv(), python, "testdata/boto3_ops.py", s.S3, "boto3")
	sameSteps(t, direct, hearth)
	if n := s.metric(t, "hearth_object_outcomes_total", `outcome="hit"`); n == 0 {
		t.Error("nothing was served from the cache")
	}
}
