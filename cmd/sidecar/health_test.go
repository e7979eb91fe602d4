package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthAsksTheOpsListener(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte("answer to " + r.URL.Path + "\n"))
	}))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	for _, tc := range []struct {
		name           string
		environ, args  []string
		code           int
		stdout, stderr string
	}{
		{"alive", nil, []string{"--ops", server.URL}, exitOK, "answer to /healthz\n", ""},
		{"alive, found by the server's own variables", []string{"HEARTH_OPS_LISTEN=" + port, "HEARTH_OPS_TLS_CERT=c.pem"}, nil, exitOK, "answer to /healthz\n", ""},
		{"not ready", nil, []string{"--ops", server.URL, "--ready"}, exitFailure, "answer to /readyz\n", "/readyz answered 503 Service Unavailable"},
		{"nobody there", nil, []string{"--ops", nobody.URL}, exitFailure, "", "connection refused"},
		{"no address", nil, []string{"--ops", "ftp://x"}, exitUsage, "", `--ops: "ftp://x" is not host:port or a URL`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, stdout, stderr := run(t, tc.environ, append([]string{"health"}, tc.args...)...)
			if code != tc.code || stdout != tc.stdout || !strings.Contains(stderr, tc.stderr) {
				t.Errorf("exit code %d, %q, %q; want %d, %q, %q", code, stdout, stderr, tc.code, tc.stdout, tc.stderr)
			}
		})
	}
}
