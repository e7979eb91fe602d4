package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/internal/config"
	"github.com/hearthcache/hearth/warm"
)

// adminFlags are what the commands that talk to a running sidecar share.
type adminFlags struct {
	address   string
	token     string
	tokenFile string
	asJSON    bool
}

// adminCommand adds the flags to cmd. Their defaults come from the variables that
// serve reads, so that inside the pod the commands need none.
func (p *process) adminCommand(cmd *cobra.Command) *adminFlags {
	f := &adminFlags{}
	fs := cmd.Flags()
	fs.StringVar(&f.address, "admin", p.defaultAdmin(), "host:port or URL of the admin listener [HEARTH_ADMIN]")
	fs.StringVar(&f.token, "token", "", "bearer token of the admin API ["+config.EnvName("admin-token")+"]")
	fs.StringVar(&f.tokenFile, "token-file", "", "file that holds the token ["+config.EnvName("admin-token-file")+"]")
	fs.BoolVar(&f.asJSON, "json", false, "print the answer as JSON")
	return f
}

// defaultAdmin is HEARTH_ADMIN, or else where a server with this environment
// would listen.
func (p *process) defaultAdmin() string {
	if given := p.env(config.EnvPrefix + "ADMIN"); given != "" {
		return given
	}
	address := p.env(config.EnvName("admin-listen"))
	if address == "" {
		address = config.Default().AdminListen
	}
	return p.reachable(address, "admin-tls-cert")
}

// adminClient speaks to the admin API of a running sidecar.
type adminClient struct {
	base  string
	token string
	http  *http.Client
}

// open makes the client. The caller closes it.
func (f *adminFlags) open(p *process, cmd *cobra.Command) (*adminClient, error) {
	base := f.address
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usage(cmd, fmt.Errorf("--admin: %q is not host:port or a URL", f.address))
	}
	token, file := f.token, f.tokenFile
	if token == "" && file == "" {
		token, file = p.env(config.EnvName("admin-token")), p.env(config.EnvName("admin-token-file"))
	}
	if token == "" && file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("admin token: %w", err)
		}
		token = strings.TrimSpace(string(content))
	}
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}
	return &adminClient{
		base: strings.TrimSuffix(u.String(), "/"), token: token, http: &http.Client{Transport: transport},
	}, nil
}

func (c *adminClient) close() { c.http.CloseIdleConnections() }

// maxAnswer bounds an answer: a receipt is a few KiB.
const maxAnswer = 16 << 20

// call sends body, unless nil, as JSON and returns the answer. An answer that is
// an error of the server comes as an error with its text.
func (c *adminClient) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(encoded)
	}
	req, err := c.request(ctx, method, path, reader)
	if err != nil {
		return nil, err
	}
	resp, err := c.do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("admin API at %s: read answer: %w", c.base, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return answer, c.refused(resp, answer)
	}
	return answer, nil
}

// request makes a request with a body of JSON, or none.
func (c *adminClient) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

// do sends a request. The caller closes the body of the answer.
func (c *adminClient) do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		if cause := (*url.Error)(nil); errors.As(err, &cause) {
			err = cause.Err // without the URL, which is said anyway
		}
		return nil, fmt.Errorf("admin API at %s: %w", c.base, err)
	}
	return resp, nil
}

// refused is the error of an answer that is one.
func (c *adminClient) refused(resp *http.Response, answer []byte) error {
	err := fmt.Errorf("admin API at %s: %s: %s", c.base, resp.Status, problemText(answer))
	if resp.StatusCode < http.StatusInternalServerError && resp.StatusCode != http.StatusTooManyRequests {
		return &refusal{err}
	}
	return err
}

// errRefused marks answers that are the same however often one asks.
var errRefused = errors.New("refused")

// refusal is such an error.
type refusal struct{ error }

func (e *refusal) Is(target error) bool { return target == errRefused }

// problemText returns what an error answer says, in one line.
func problemText(answer []byte) string {
	var body struct {
		Error *warm.Problem `json:"error"`
	}
	if json.Unmarshal(answer, &body) == nil && body.Error != nil {
		text := oneLine(body.Error.Message)
		if body.Error.Field != "" {
			text = body.Error.Field + ": " + text
		}
		return text
	}
	line := oneLine(string(answer))
	if len(line) > 300 {
		line = line[:300] + " ..."
	}
	return line
}

// output writes the answer as it is, or through human.
func (f *adminFlags) output(w io.Writer, answer []byte, human func(io.Writer) error) error {
	if !f.asJSON {
		return human(w)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, answer, "", "  "); err != nil {
		return fmt.Errorf("admin API: the answer is not JSON: %w", err)
	}
	indented.WriteByte('\n')
	_, err := indented.WriteTo(w)
	return err
}

// s3Path checks the form of a path that a person typed.
func s3Path(cmd *cobra.Command, path string) error {
	rest, ok := strings.CutPrefix(path, "s3://")
	if bucket, _, _ := strings.Cut(rest, "/"); !ok || bucket == "" {
		return usage(cmd, fmt.Errorf("%q is not a path such as s3://bucket/key", path))
	}
	return nil
}
