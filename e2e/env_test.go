package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/embedded"
	"github.com/hearthcache/hearth/internal/meter"
)

const (
	accessKey = "HEARTHE2EKEY"
	secretKey = "hearth-e2e-secret-key"
	region    = "us-east-1"
)

// What all tests share: one store (a process can run only one) and one binary.
var (
	store  *embedded.Store
	binary string
	here   string // this folder; the store changes the working directory
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	scratch, err := os.MkdirTemp("", "hearth-e2e-*")
	if err == nil {
		defer func() { _ = os.RemoveAll(scratch) }() // a leftover in the system's scratch folder
		if here, err = os.Getwd(); err == nil {
			binary = filepath.Join(scratch, "sidecar")
			var out []byte
			if out, err = exec.Command("go", "build", "-o", binary, "../cmd/sidecar").CombinedOutput(); err != nil {
				err = fmt.Errorf("%w\n%s", err, out)
			}
		}
	}
	if err == nil {
		store, err = embedded.Start(context.Background(), embedded.Options{
			Dir: filepath.Join(scratch, "store"), AccessKey: accessKey, SecretKey: secretKey, Region: region,
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code := m.Run()
	if err := store.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return code
}

// tool returns the program for a client, or skips the test; in CI it fails it. Without
// HEARTH_E2E only clients that a variable names are driven: what else lies on a machine may
// be of any version, and say things in other words.
func tool(t *testing.T, name, variable string) string {
	t.Helper()
	if path := os.Getenv(variable); path != "" {
		name = path
	} else if os.Getenv("HEARTH_E2E") == "" {
		missing(t, "%s is not driven (set %s, or HEARTH_E2E=1 to drive all)", name, variable)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "%s is not installed (set %s)", name, variable)
	}
	return path
}

// missing skips the test, aloud, or fails it where clients must be there.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("HEARTH_E2E") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf("SKIPPED: "+format, args...)
}

// A sidecar is a running Hearth in front of the store, with a meter between them.
type sidecar struct {
	S3, Admin, Ops string // URLs
	Token          string // of the admin API; empty if it asks for none
	Meter          *meter.Meter
	Log            *lockedBuffer
	command        *exec.Cmd
	killed         bool
}

// startSidecar runs the binary with further flags until the test ends. latency is added to
// every request at the origin.
func startSidecar(t *testing.T, latency time.Duration, flags ...string) *sidecar {
	t.Helper()
	between := startMeter(t, latency)
	s := startAt(t, between.URL(), flags...)
	s.Meter = between
	return s
}

// startAt runs the binary in front of an origin until the test ends.
func startAt(t *testing.T, origin string, flags ...string) *sidecar {
	t.Helper()
	s := &sidecar{Log: &lockedBuffer{}}
	arguments := append([]string{
		"serve", "--origin", origin, "--origin-region", region, "--memory", "512MiB",
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0",
		"--access-key", accessKey, "--secret-key", secretKey,
	}, flags...)
	s.command = exec.Command(binary, arguments...)
	s.command.Dir = t.TempDir()
	s.command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey)
	s.command.Stdout, s.command.Stderr = s.Log, s.Log
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.killed {
			return
		}
		_ = s.command.Process.Signal(syscall.SIGTERM)
		if err := s.command.Wait(); err != nil {
			t.Errorf("sidecar ended with %v\n%s", err, s.Log)
		}
		if t.Failed() {
			t.Logf("sidecar's log:\n%s", tail(s.Log.String(), 40))
		}
	})
	s.S3, s.Admin, s.Ops = s.awaitURL(t, "s3"), s.awaitURL(t, "admin"), s.awaitURL(t, "ops")
	return s
}

// kill ends the process as a node that fails does.
func (s *sidecar) kill(t *testing.T) {
	t.Helper()
	s.killed = true
	if err := s.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.command.Wait() // says that it was killed
}

var listening = regexp.MustCompile(`"listener":"(\w+)","url":"([^"]+)"`)

// awaitURL waits until the log names the listener.
func (s *sidecar) awaitURL(t *testing.T, listener string) string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		changed := s.Log.changed()
		for _, match := range listening.FindAllStringSubmatch(s.Log.String(), -1) {
			if match[1] == listener {
				return match[2]
			}
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("the sidecar does not listen:\n%s", s.Log)
		}
	}
}

// metric returns the sum of the samples of a metric whose line contains all of parts.
func (s *sidecar) metric(t *testing.T, name string, parts ...string) float64 {
	t.Helper()
	response, err := http.Get(s.Ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
lines:
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		var value float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(strings.TrimSpace(line), ' ')+1:], &value); err == nil {
			sum += value
		}
	}
	return sum
}

// A lockedBuffer is written by a process and read by a test.
type lockedBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	wake chan struct{}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wake != nil {
		close(b.wake)
		b.wake = nil
	}
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// changed returns a channel that closes at the next Write.
func (b *lockedBuffer) changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wake == nil {
		b.wake = make(chan struct{})
	}
	return b.wake
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// clientEnv is the environment of S3 clients.
func clientEnv(more ...string) []string {
	return append(append(os.Environ(),
		"AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PAGER=",
		"RUST_LOG=off", "HTTP_PROXY=", "http_proxy="), more...)
}

// command runs a client to its end and returns what it printed.
func command(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env, cmd.Dir = env, here
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, tail(stderr.String(), 20))
	}
	return stdout.String(), err
}

// must is command for a client that has to succeed.
func must(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	out, err := command(t, env, name, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(out, 20))
	}
	return out
}

// startMeter puts a meter in front of the store until the test ends.
func startMeter(t *testing.T, latency time.Duration) *meter.Meter {
	t.Helper()
	m, err := meter.Start(store.Endpoint, meter.Options{Latency: latency, Classify: meter.LanceClass})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}
