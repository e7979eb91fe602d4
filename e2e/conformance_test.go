package e2e

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/compat"
)

// TestWhatTheSuiteFindsRightAtTheOriginIsRightThroughHearth runs versitygw's public S3 tests
// against two fresh versitygw stores, one of them behind Hearth. What fails at the store (the
// suite's account administration, for one) says nothing about Hearth and is not compared.
func TestWhatTheSuiteFindsRightAtTheOriginIsRightThroughHearth(t *testing.T) {
	program := tool(t, "versitygw", "HEARTH_E2E_VERSITYGW")
	direct := startVersitygw(t, program)
	behind := startVersitygw(t, program)
	hearth := startSidecar(t, 0, "--origin", behind, "--region", region).S3

	var atOrigin, throughHearth verdicts
	var running sync.WaitGroup
	running.Go(func() { atOrigin = conformance(t, program, direct, "full-flow", "--versioning-enabled", "--parallel") })
	running.Go(func() {
		throughHearth = conformance(t, program, hearth, "full-flow", "--versioning-enabled", "--parallel")
	})
	running.Wait()
	passed := atOrigin.passed()
	t.Logf("%d tests passed at the origin, %d through Hearth", len(passed), len(throughHearth.passed()))
	if len(passed) < 600 {
		t.Fatalf("only %d tests passed at the origin", len(passed))
	}

	used := map[string]bool{}
	results := map[string]compat.Verdict{}
	for name := range atOrigin {
		results[name] = compat.Fails
	}
	for _, name := range passed {
		results[name] = compat.Passes
		if throughHearth[name] == "" {
			continue
		}
		if d, allowed := compat.Allows(name); allowed {
			results[name] = compat.Differs
			used[d.Pattern] = true
			continue
		}
		// Side by side some tests get into each other's way: alone they have the last word.
		alone := conformance(t, program, hearth, name)
		if message, ran := alone[name]; ran && message == "" {
			t.Logf("%s fails through Hearth beside others only: %s", name, throughHearth[name])
			continue
		}
		if message := conformance(t, program, direct, name)[name]; message != "" {
			t.Logf("%s fails alone at the origin, too: %s", name, message)
			continue
		}
		t.Errorf("%s fails through Hearth: %s", name, throughHearth[name])
	}
	for _, d := range compat.Differences() {
		if !used[d.Pattern] {
			t.Errorf("%s fails no longer: take it off the list", d.Pattern)
		}
	}
	record(t, results)
}

// record writes the verdicts down where HEARTH_E2E_RECORD is set. Elsewhere the tests that ran have to be those of the
// record, from which docs/s3-compatibility.md is made; how each ended is judged above.
func record(t *testing.T, results map[string]compat.Verdict) {
	t.Helper()
	if os.Getenv("HEARTH_E2E_RECORD") == "" {
		want, got := slices.Sorted(maps.Keys(compat.Recorded())), slices.Sorted(maps.Keys(results))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the suite is not the recorded one (-), run this test with HEARTH_E2E_RECORD=1 and go generate ./internal/compat:\n%s", diff)
		}
		return
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(results)) {
		fmt.Fprintf(&b, "%s %s\n", name, results[name])
	}
	if err := os.WriteFile(filepath.Join(here, "..", "internal", "compat", "results.txt"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// verdicts are what a run of the suite found, by the name of the test: why it failed, or
// nothing.
type verdicts map[string]string

func (v verdicts) passed() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if v[name] == "" {
			names = append(names, name)
		}
	}
	return names
}

var (
	escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")
	verdict = regexp.MustCompile(`(?m)^(RUN|PASS|FAIL) +([A-Za-z0-9_]+)(?:: *(.*))?$`)
)

// conformance runs the suite, or one test of it, against an endpoint. A test that ran under
// its name more than once has to pass every time; one that printed nothing more failed.
func conformance(t *testing.T, program, endpoint string, args ...string) verdicts {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append([]string{
		"test", "--access", accessKey, "--secret", secretKey, "--endpoint", endpoint,
	}, args...)...)
	cmd.Dir, cmd.Env = t.TempDir(), versitygwEnv()
	out, err := cmd.CombinedOutput() // its exit status says only that some test failed
	found := verdicts{}
	text := escapes.ReplaceAllString(string(out), "")
	for _, match := range verdict.FindAllStringSubmatch(text, -1) {
		state, name, message := match[1], match[2], match[3]
		old, seen := found[name]
		switch {
		case state == "RUN" && !seen:
			found[name] = unfinished
		case state == "PASS" && old == unfinished:
			found[name] = ""
		case state == "FAIL":
			found[name] = message + " (failed)"
		}
	}
	if len(found) == 0 {
		t.Errorf("%s test %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, tail(text, 20))
	}
	return found
}

const unfinished = "did not come to an end"

// startVersitygw runs a fresh store until the test ends and returns its URL.
func startVersitygw(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	objects, versions := filepath.Join(dir, "objects"), filepath.Join(dir, "versions")
	for _, folder := range []string{objects, versions} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	address := freeAddress(t)
	log := &lockedBuffer{}
	cmd := exec.Command(program, "--access", accessKey, "--secret", secretKey, "--region", region, "--port", address, "--quiet", "--health", "/healthy",
		"posix", "--versioning-dir", versions, objects)
	cmd.Dir, cmd.Env = dir, versitygwEnv()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Logf("versitygw ended with %v\n%s", err, tail(log.String(), 20))
		}
	})
	url := "http://" + address
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		response, err := http.Get(url + "/healthy")
		if err == nil {
			_ = response.Body.Close()
			return url
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("versitygw does not listen: %v\n%s", err, tail(log.String(), 20))
		}
	}
}

// freeAddress finds a port of the loopback interface that nobody listens on. The store
// cannot choose one by itself and say which.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// versitygwEnv is the environment of the suite and its store: without the settings of AWS
// clients and of versitygw itself that a developer may have.
func versitygwEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "VGW_") || strings.HasSuffix(strings.ToLower(name), "_proxy")
	})
}
