// Package hook calls Hearth from a program that writes Lance tables: after a flush it
// asks the sidecar to make the new generation resident, after a compaction it says what
// is still live.
//
// A hook must never harm the flush that calls it. [Client.Flushed] therefore never fails,
// never repeats itself and never takes longer than [Options.Timeout]; without it queries
// are slower, not wrong. [Client.Warm] and [Client.Retain] are for programs that want to
// know what happened.
//
// A [Client] is safe for concurrent use. Close it for its idle connections. The package
// needs nothing but the standard library and knows nothing of the sidecar's inside, so
// that a writer can take it alone; answers hold what a hook can use, not every field.
package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// DefaultTimeout bounds a call unless told otherwise.
const DefaultTimeout = 5 * time.Second

// maxAnswer bounds an answer: a receipt is a few KiB.
const maxAnswer = 1 << 20

// Options configure a [Client]. The zero value takes its address and token from the
// environment.
type Options struct {
	// Admin is the URL of the sidecar's admin listener. Default HEARTH_ADMIN, or else
	// http://127.0.0.1:9001.
	Admin string
	// Token is the bearer token. Default HEARTH_ADMIN_TOKEN; it may be empty.
	Token string
	// Wait is how long the sidecar may take before it answers what it has done so far; it
	// goes on beyond that. Default 0: it answers at once.
	Wait time.Duration
	// Timeout bounds a call as a whole. Default Wait and DefaultTimeout.
	Timeout time.Duration
	// Fanout warms the sidecar's peers too.
	Fanout bool
	// Transport carries the requests. Default a transport of the client's own.
	Transport http.RoundTripper
	// Logger hears of what Flushed does not return; nil discards.
	Logger *slog.Logger
}

// A Client calls one sidecar.
type Client struct {
	o    Options
	http *http.Client
	own  *http.Transport // nil if it is the caller's
}

// New returns a client. Nothing is sent.
func New(o Options) (*Client, error) {
	if o.Admin == "" {
		o.Admin = os.Getenv("HEARTH_ADMIN")
	}
	if o.Admin == "" {
		o.Admin = "http://127.0.0.1:9001"
	}
	if o.Token == "" {
		o.Token = os.Getenv("HEARTH_ADMIN_TOKEN")
	}
	u, err := url.Parse(o.Admin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("hook: %q is not a URL such as http://127.0.0.1:9001", o.Admin)
	}
	o.Admin = strings.TrimSuffix(o.Admin, "/")
	if o.Wait < 0 || o.Timeout < 0 {
		return nil, fmt.Errorf("hook: wait %s or timeout %s is negative", o.Wait, o.Timeout)
	}
	if o.Timeout == 0 {
		o.Timeout = o.Wait + DefaultTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{o: o}
	if o.Transport == nil {
		c.own = &http.Transport{DialContext: (&net.Dialer{Timeout: 2 * time.Second}).DialContext}
		o.Transport = c.own
	}
	c.http = &http.Client{
		Transport: o.Transport,
		// The token is for the sidecar alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

// An Answer says how far a path is.
type Answer struct {
	// State is warm, warming, partial or failed.
	State string `json:"state"`
	// Reason is why it is partial.
	Reason string `json:"reason"`
	// Published says that the path's generation is known to be published.
	Published bool `json:"published"`
	// Job is the id of the job that goes on.
	Job     string `json:"job"`
	Receipt struct {
		Objects       int   `json:"objects"`
		Bytes         int64 `json:"bytes"`
		ResidentBytes int64 `json:"resident_bytes"`
	} `json:"receipt"`
}

// Flushed tells the sidecar of a generation, or a table, that was just written. It
// returns when the sidecar has answered or Options.Timeout or ctx is over.
func (c *Client) Flushed(ctx context.Context, path string) {
	if _, err := c.Warm(ctx, path); err != nil {
		c.o.Logger.Warn("generation not warmed", "path", path, "err", err)
	}
}

// Warm asks the sidecar to make what lies at and below a path, s3://bucket/key, resident.
func (c *Client) Warm(ctx context.Context, path string) (*Answer, error) {
	body := map[string]any{"path": path, "wait": c.o.Wait.String()}
	if c.o.Fanout {
		body["fanout"] = true
	}
	answer := &Answer{}
	if err := c.call(ctx, "/warm", body, answer); err != nil {
		return nil, fmt.Errorf("hook: warm %s: %w", path, err)
	}
	return answer, nil
}

// Retain tells the sidecar which generations of a table are live: directory names or
// paths. Others that are published are dropped from its cache.
func (c *Client) Retain(ctx context.Context, table string, live []string) error {
	if live == nil {
		live = []string{}
	}
	if err := c.call(ctx, "/retain", map[string]any{"table": table, "live": live}, &struct{}{}); err != nil {
		return fmt.Errorf("hook: retain %s: %w", table, err)
	}
	return nil
}

func (c *Client) call(ctx context.Context, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.Admin+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if c.o.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.o.Token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	if text, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		var problem struct {
			Error struct {
				Message string `json:"message"`
			} `json:"error"`
		}
		_ = json.Unmarshal(text, &problem) // the status says enough
		return fmt.Errorf("%s %s", resp.Status, problem.Error.Message)
	}
	return json.Unmarshal(text, answer)
}
