package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/internal/config"
)

// maxHealthAnswer bounds what is read and shown of a probe's answer.
const maxHealthAnswer = 1 << 10

func (p *process) healthCommand() *cobra.Command {
	var (
		address string
		timeout time.Duration
		ready   bool
	)
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running sidecar whether it is alive",
		Long: `Asks the ops listener for /healthz, or /readyz with --ready, and exits with 0 if the
answer is 200 and with 1 if it is not. It is the health check of the container image,
which has no shell and no curl. Certificates are not verified: the answer is a yes or
a no of a process on this machine, and nothing secret goes either way.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := "/healthz"
			if ready {
				path = "/readyz"
			}
			base := address
			if !strings.Contains(base, "://") {
				base = "http://" + base
			}
			u, err := url.Parse(base)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return usage(cmd, fmt.Errorf("--ops: %q is not host:port or a URL", address))
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			answer, err := probe(ctx, u.JoinPath(path).String())
			if answer != "" {
				fmt.Fprintln(cmd.OutOrStdout(), answer)
			}
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&address, "ops", p.defaultOps(), "host:port or URL of the ops listener ["+config.EnvName("ops-listen")+"]")
	fs.DurationVar(&timeout, "timeout", 2*time.Second, "longest wait for the answer")
	fs.BoolVar(&ready, "ready", false, "ask for /readyz")
	return cmd
}

// defaultOps is where the ops listener of a server with this environment is.
func (p *process) defaultOps() string {
	address := p.env(config.EnvName("ops-listen"))
	if address == "" {
		address = config.Default().OpsListen
	}
	return p.reachable(address, "ops-tls-cert")
}

// reachable turns the address of a listener of this environment into one to call: every
// interface becomes loopback, and https where the listener has a certificate.
func (p *process) reachable(address, certificate string) string {
	if host, port, err := net.SplitHostPort(address); err == nil {
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			address = net.JoinHostPort("127.0.0.1", port)
		}
	}
	if p.env(config.EnvName(certificate)) != "" {
		return "https://" + address
	}
	return address
}

// probe returns the answer's text, and an error unless its status is 200.
func probe(ctx context.Context, url string) (string, error) {
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, //nolint:gosec // see the command's help
		DisableKeepAlives: true,
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return "", fmt.Errorf("%s did not answer in time", url)
		}
		return "", fmt.Errorf("%s: %w", url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxHealthAnswer))
	answer := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return answer, nil
}
