package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/origin"
	lancememwal "github.com/hearthcache/hearth/testdata/lance-memwal"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The embedded store's libraries keep the date, and look for idle connections,
		// in goroutines that cannot be stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/gofiber/utils/v2.StartTimeStampUpdater.func1.1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// run executes a command line in an empty environment and returns its exit code
// and what it printed.
func run(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := process{args: args, environ: environ, dir: t.TempDir(), stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	code = p.run(t.Context())
	return code, out.String(), errs.String()
}

// running is a serve command under test.
type running struct {
	t       *testing.T
	signals chan os.Signal
	records chan map[string]any // log
	stdout  *bytes.Buffer       // complete once a log record "ready" was seen
	exited  chan int
	urls    map[string]string
	code    int
	last    []string // raw log
}

// serve starts a serve command on free ports over a directory and waits until it
// is ready.
func serve(t *testing.T, dir string, environ []string, args ...string) *running {
	t.Helper()
	s := &running{
		t: t, signals: make(chan os.Signal, 4), records: make(chan map[string]any, 1000),
		stdout: &bytes.Buffer{}, exited: make(chan int, 1), urls: map[string]string{},
	}
	p := process{
		args: append([]string{
			"serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0", "--memory=32MiB",
		}, args...),
		environ: append([]string{"GOMEMLIMIT=off"}, environ...), dir: dir,
		stdout: s.stdout, stderr: &logWriter{records: s.records}, signals: s.signals,
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		s.exited <- p.run(t.Context())
		close(s.records)
	})
	t.Cleanup(func() {
		s.stop()
		wg.Wait()
	})
	s.await("ready")
	return s
}

// await reads the log up to a message and returns that record.
func (s *running) await(message string) map[string]any {
	s.t.Helper()
	for record := range s.records {
		text, _ := json.Marshal(record)
		s.last = append(s.last, string(text))
		if record["msg"] == "listening" {
			s.urls[record["listener"].(string)] = record["url"].(string)
		}
		if record["msg"] == message {
			return record
		}
	}
	s.t.Fatalf("the log ended without %q:\n%s", message, strings.Join(s.last, "\n"))
	return nil
}

// awaitEver is await for a message that may have come already, while something else was awaited.
func (s *running) awaitEver(message string) {
	s.t.Helper()
	for _, text := range s.last {
		var record struct{ Msg string }
		if json.Unmarshal([]byte(text), &record) == nil && record.Msg == message {
			return
		}
	}
	s.await(message)
}

// stop ends the process if it still runs and returns its exit code.
func (s *running) stop() int {
	for s.exited != nil {
		select {
		case s.signals <- os.Interrupt:
		case s.code = <-s.exited:
			s.exited = nil
		}
	}
	return s.code
}

// wait returns the exit code of a process that ends by itself.
func (s *running) wait() int {
	if s.exited != nil {
		s.code = <-s.exited
		s.exited = nil
	}
	return s.code
}

// client signs with the keys that the banner printed.
func (s *running) client() *origin.Client {
	s.t.Helper()
	return s.clientWith(s.printed("AWS_ACCESS_KEY_ID="), s.printed("AWS_SECRET_ACCESS_KEY="))
}

// printed returns the word that follows a prefix in the banner.
func (s *running) printed(prefix string) string {
	s.t.Helper()
	_, rest, ok := strings.Cut(s.stdout.String(), prefix)
	if !ok {
		s.t.Fatalf("the banner lacks %s:\n%s", prefix, s.stdout)
	}
	return strings.Fields(rest)[0]
}

func (s *running) clientWith(accessKey, secret string) *origin.Client {
	s.t.Helper()
	c, err := origin.New(s.t.Context(), origin.Config{
		Endpoint: s.urls[listenerS3], Region: "us-east-1", AccessKey: accessKey, SecretKey: secret, Tries: 1,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// putFixture writes the recorded table to s3://lake/db/items.lance, through Hearth.
func (s *running) putFixture() {
	s.t.Helper()
	client := s.client()
	if err := client.CreateBucket(s.t.Context(), "lake"); err != nil {
		s.t.Fatal(err)
	}
	err := fs.WalkDir(lancememwal.FS, "db/items.lance", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(lancememwal.FS, name)
		if err == nil {
			_, err = client.Put(s.t.Context(), "lake", name, bytes.NewReader(data), int64(len(data)), nil)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// get fetches a path of a listener without keeping the connection.
func (s *running) get(listener, path string) (status int, body string) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(s.urls[listener] + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// logWriter turns each written line of JSON into a record.
type logWriter struct{ records chan<- map[string]any }

func (w *logWriter) Write(p []byte) (int, error) {
	record := map[string]any{}
	if err := json.Unmarshal(p, &record); err != nil {
		record["msg"], record["text"] = "not JSON", string(p)
	}
	w.records <- record
	return len(p), nil
}

// writeCertificate makes a certificate for 127.0.0.1 with a serial number and
// returns a pool that trusts it.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "hearth"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

// serial returns the serial number of the certificate that address presents.
func serial(t *testing.T, address string, pool *x509.CertPool) int64 {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(address, "https://"), &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// in returns the path of a file in a directory.
func in(dir, name string) string { return filepath.Join(dir, name) }
