//go:build !noembedded

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/origin"
)

// put and read move an object through the S3 listener.
func put(t *testing.T, c *origin.Client, bucket, key, text string) error {
	t.Helper()
	_, err := c.Put(t.Context(), bucket, key, strings.NewReader(text), int64(len(text)), nil)
	return err
}

func read(t *testing.T, c *origin.Client, bucket, key string) (string, error) {
	t.Helper()
	o, err := c.Get(t.Context(), origin.GetRequest{Bucket: bucket, Key: key, Range: origin.All(), WantSize: -1})
	if err != nil {
		return "", err
	}
	defer func() { _ = o.Body.Close() }()
	text, err := io.ReadAll(o.Body)
	return string(text), err
}

func TestBareServeServesADirectoryAndKeepsItsKeyOverARestart(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir, nil)
	c := s.client()
	if err := c.CreateBucket(t.Context(), "lake"); err != nil {
		t.Fatal(err)
	}
	if err := put(t, c, "lake", "a/b", "bytes"); err != nil {
		t.Fatal(err)
	}
	accessKey := s.printed("AWS_ACCESS_KEY_ID=")
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		for _, listener := range []string{listenerOps, listenerAdmin} {
			if status, body := s.get(listener, path); status != http.StatusOK || body != want {
				t.Errorf("%s %s: got %d %q", listener, path, status, body)
			}
		}
	}
	if _, metrics := s.get(listenerOps, "/metrics"); !strings.Contains(metrics, `hearth_sidecar_connections{listener="s3"} 1`) {
		t.Error("/metrics does not count the client's connection")
	}
	for _, printed := range []string{filepath.Join(dir, "hearth-data"), s.urls[listenerS3], "boto3", "lancedb.connect"} {
		if !strings.Contains(s.stdout.String(), printed) {
			t.Errorf("the banner lacks %s:\n%s", printed, s.stdout)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "hearth-data", keysName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("keys file: %v, %v", info, err)
	}
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}

	again := serve(t, dir, nil)
	if got := again.printed("AWS_ACCESS_KEY_ID="); got != accessKey {
		t.Errorf("after a restart the key is %s, was %s", got, accessKey)
	}
	if text, err := read(t, again.client(), "lake", "a/b"); err != nil || text != "bytes" {
		t.Errorf("after a restart: got %q, %v", text, err)
	}
	if _, err := read(t, again.clientWith(accessKey, "not-the-secret"), "lake", "a/b"); !errors.Is(err, origin.ErrDenied) {
		t.Errorf("with a wrong secret: got %v", err)
	}
}

// uploadBytes is more than the socket buffers between client, sidecar and store
// can hold together: when half of it is written, the sidecar is at work on it.
const uploadBytes = 64 << 20

// upload begins a PUT whose second half follows when finish is called, and returns
// when the request is in flight.
func upload(t *testing.T, c *origin.Client, bucket, key string) (finish func(), done <-chan error) {
	t.Helper()
	r, w := io.Pipe()
	t.Cleanup(func() { _ = r.Close() })
	errs := make(chan error, 1)
	go func() {
		_, err := c.Put(context.WithoutCancel(t.Context()), bucket, key, r, uploadBytes, nil)
		_ = r.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		errs <- err
	}()
	half := bytes.Repeat([]byte{'x'}, uploadBytes/2)
	if _, err := w.Write(half); err != nil {
		t.Fatal(err)
	}
	return func() {
		_, err := w.Write(half)
		_ = w.CloseWithError(err)
	}, errs
}

func TestDrainLetsRequestsInFlightFinish(t *testing.T) {
	s := serve(t, t.TempDir(), nil)
	c := s.client()
	if err := c.CreateBucket(t.Context(), "lake"); err != nil {
		t.Fatal(err)
	}
	finish, done := upload(t, c, "lake", "slow")
	s.signals <- syscall.SIGTERM
	s.await("draining")
	s.await("not accepting any more")
	if status, body := s.get(listenerOps, "/readyz"); status != http.StatusServiceUnavailable || body != "draining\n" {
		t.Errorf("/readyz while draining: got %d %q", status, body)
	}
	if status, _ := s.get(listenerOps, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz while draining: got %d", status)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(s.urls[listenerS3], "http://")); err == nil {
		_ = conn.Close()
		t.Error("the S3 listener still accepts")
	}
	finish()
	if err := <-done; err != nil {
		t.Errorf("the upload in flight: %v", err)
	}
	if code := s.wait(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestSecondSignalCutsRequestsInFlight(t *testing.T) {
	s := serve(t, t.TempDir(), nil)
	c := s.client()
	if err := c.CreateBucket(t.Context(), "lake"); err != nil {
		t.Fatal(err)
	}
	finish, done := upload(t, c, "lake", "slow")
	s.signals <- syscall.SIGTERM
	s.await("draining")
	s.signals <- syscall.SIGTERM
	if code := s.wait(); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	finish()
	if err := <-done; err == nil {
		t.Error("the upload succeeded")
	}
}

func TestDrainTimeoutCutsRequestsInFlight(t *testing.T) {
	s := serve(t, t.TempDir(), nil, "--drain-timeout=10ms")
	c := s.client()
	if err := c.CreateBucket(t.Context(), "lake"); err != nil {
		t.Fatal(err)
	}
	finish, done := upload(t, c, "lake", "slow")
	s.signals <- syscall.SIGTERM
	if code := s.wait(); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	finish()
	if err := <-done; err == nil {
		t.Error("the upload succeeded")
	}
}

const (
	keysOne = "keys:\n  - {access_key: ONE, secret_key: secret-of-one}\n"
	keysTwo = "keys:\n  - {access_key: TWO, secret_key: secret-of-two}\n"
)

func TestReloadAppliesKeysRulesAndCertificatesOrNothing(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, in(dir, "keys.yaml"), keysOne)
	writeFile(t, in(dir, "hearth.yaml"), "keys-file: keys.yaml\nops-tls-cert: ops.pem\nops-tls-key: ops.key\n")
	pool := writeCertificate(t, in(dir, "ops.pem"), in(dir, "ops.key"), 1)
	s := serve(t, dir, nil, "--config=hearth.yaml")
	if !strings.Contains(s.stdout.String(), "(one of your keys)") {
		t.Errorf("the banner does not say whose keys to use:\n%s", s.stdout)
	}
	one, two := s.clientWith("ONE", "secret-of-one"), s.clientWith("TWO", "secret-of-two")
	allowed := func() []bool {
		_, oneErr := one.ListPage(t.Context(), origin.ListRequest{Bucket: "lake"})
		_, twoErr := two.ListPage(t.Context(), origin.ListRequest{Bucket: "lake"})
		return []bool{!errors.Is(oneErr, origin.ErrDenied), !errors.Is(twoErr, origin.ErrDenied)}
	}
	if diff := cmp.Diff(allowed(), []bool{true, false}); diff != "" {
		t.Errorf("at first (-got +want):\n%s", diff)
	}

	writeFile(t, in(dir, "keys.yaml"), keysTwo)
	writeFile(t, in(dir, "hearth.yaml"), "keys-file: keys.yaml\nrules: [{match: 'x/**', class: sometimes}]\n")
	s.signals <- syscall.SIGHUP
	refused := s.await("reload refused, the old settings stay")
	if text := refused["err"].(string); !strings.Contains(text, "hearth.yaml:2") || !strings.Contains(text, "sometimes") {
		t.Errorf("the log does not say what is wrong: %s", text)
	}
	if diff := cmp.Diff(allowed(), []bool{true, false}); diff != "" {
		t.Errorf("after a bad reload (-got +want):\n%s", diff)
	}

	writeFile(t, in(dir, "hearth.yaml"),
		"keys-file: keys.yaml\nops-tls-cert: ops.pem\nops-tls-key: ops.key\nmemory: 64MiB\npage-size: 32KiB\n"+
			"rules: [{match: 'x/**', class: never}]\ntables: [{match: 's3://lake/x.lance', mutable_max_age: 1s}]\n")
	newPool := writeCertificate(t, in(dir, "ops.pem"), in(dir, "ops.key"), 2)
	if got := serial(t, s.urls[listenerOps], pool); got != 1 {
		t.Errorf("before the reload: serial number %d", got)
	}
	s.signals <- syscall.SIGHUP
	reloaded := s.await("reloaded")
	if diff := cmp.Diff(reloaded["needs_restart"], []any{"page-size"}); diff != "" {
		t.Errorf("needs_restart (-got +want), memory being a flag:\n%s", diff)
	}
	if diff := cmp.Diff(allowed(), []bool{false, true}); diff != "" {
		t.Errorf("after the reload (-got +want):\n%s", diff)
	}
	_, text, _ := run(t, nil, "explain", "--admin", s.urls[listenerAdmin], "s3://lake/x.lance/_versions/1.manifest")
	if !strings.Contains(text, "of x.lance, at most 1s old: nobody has asked") {
		t.Errorf("after the reload the table is current:\n%s", text)
	}
	if got := serial(t, s.urls[listenerOps], newPool); got != 2 {
		t.Errorf("after the reload: serial number %d", got)
	}
}

func TestAdminCommandsAgainstARunningSidecar(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, in(dir, "token"), "t0ken\n")
	s := serve(t, dir, nil, "--admin-token-file=token")
	c := s.client()
	if err := c.CreateBucket(t.Context(), "lake"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"t/a", "t/b"} {
		if err := put(t, c, "lake", key, strings.Repeat(key, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	environ := []string{"HEARTH_ADMIN=" + s.urls[listenerAdmin], "HEARTH_ADMIN_TOKEN=t0ken"}
	expect := func(code int, want string, args ...string) {
		t.Helper()
		got, stdout, stderr := run(t, environ, args...)
		if got != code || !strings.Contains(stdout+stderr, want) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%s%s", args, got, code, want, stdout, stderr)
		}
	}
	expect(exitOK, "warm, was cold", "warm", "s3://lake/t")
	expect(exitOK, "warm", "warm", "s3://lake/t")
	expect(exitOK, "resident  1 of 1 pages", "explain", "s3://lake/t/a")
	expect(exitOK, "dropped 1 pages", "evict", "s3://lake/t/a")
	expect(exitOK, "end the path with a slash", "evict", "s3://lake/t")
	expect(exitOK, "dropped 1 pages", "evict", "s3://lake/t/")
	expect(exitFailure, "404 Not Found", "warm", "s3://lake/none")
	expect(exitFailure, "401 Unauthorized", "explain", "--token=wrong", "s3://lake/t/a")
}

func TestAuthNoneLetsEverybodyIn(t *testing.T) {
	s := serve(t, t.TempDir(), nil, "--auth=none")
	c := s.clientWith("whoever", "whatever")
	if err := c.CreateBucket(t.Context(), "lake"); err != nil {
		t.Fatal(err)
	}
	if err := put(t, c, "lake", "k", "bytes"); err != nil {
		t.Fatal(err)
	}
	if text, err := read(t, c, "lake", "k"); err != nil || text != "bytes" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestPortThatIsTakenIsOneLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	dir := t.TempDir()
	var out, errs bytes.Buffer
	p := process{
		args: []string{
			"serve", "--listen=127.0.0.1:0", "--admin-listen=", "--ops-listen=" + taken.Addr().String(), "--log-level=error",
		},
		environ: []string{"GOMEMLIMIT=off"}, dir: dir, stdout: &out, stderr: &errs, signals: make(chan os.Signal),
	}
	if code := p.run(t.Context()); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	if got := errs.String(); !strings.HasPrefix(got, "sidecar: ops listener: listen tcp "+taken.Addr().String()) || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
	if _, err := os.Stat(in(dir, "hearth-data")); err == nil {
		t.Error("a directory was made although nothing could be served")
	}
}

func TestReadinessWaitsForWatchedTablesAndLatches(t *testing.T) {
	dir := t.TempDir()
	config := func(table, deadline string) {
		writeFile(t, in(dir, "h.yaml"), "watch: [{table: \""+table+"\", interval: 100ms}]\nready-deadline: "+deadline+"\n")
	}
	config("s3://missing/items.lance", "2s")
	s := serve(t, dir, nil, "--config=h.yaml")
	if status, text := s.get(listenerOps, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "watched tables") {
		t.Errorf("before: %d %s", status, text)
	}
	s.awaitEver("watched tables are not warm in time")
	s.becomesReady(t)
	c := s.client()
	if err := c.CreateBucket(t.Context(), "lake"); err != nil {
		t.Fatal(err)
	}
	s.stop()

	config("s3://lake/items.lance", "10m")
	s = serve(t, dir, nil, "--config=h.yaml")
	s.awaitEver("watched tables are warm")
	s.becomesReady(t)
}

// becomesReady asks until /readyz is 200, which comes right after the log says why.
func (s *running) becomesReady(t *testing.T) {
	t.Helper()
	for range 1000 {
		if status, _ := s.get(listenerOps, "/readyz"); status == http.StatusOK {
			return
		}
	}
	t.Error("not ready")
}

func TestReadinessDoesNotComeBackWhileDraining(t *testing.T) {
	r := newReadiness()
	r.not(warming)
	r.not(draining)
	if r.readyAfter(warming) {
		t.Error("it is ready while it drains")
	}
	if ready, why := r.state(); ready || why != draining {
		t.Errorf("got %t, %s", ready, why)
	}
}
