package demo

import (
	"context"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Run is what a replay or a walk saw.
type Run struct {
	Requests int
	Bytes    int64
	Elapsed  time.Duration
	// Digests are of status and body of every answer, in order of the requests. Listings
	// are digested by what they say, because two servers word them differently.
	Digests [][sha256.Size]byte
}

// Equal reports whether two runs of the same requests saw the same.
func (r Run) Equal(other Run) bool {
	if len(r.Digests) != len(other.Digests) {
		return false
	}
	for i := range r.Digests {
		if r.Digests[i] != other.Digests[i] {
			return false
		}
	}
	return true
}

// newClient returns a client like a fresh process: no connection, and as many as it likes.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 256}}
}

// Replay sends the requests of t to endpoint, unsigned, from a fresh client. It fails if an
// answer cannot be read, or has another status or length than the recorded one (listings
// and refusals aside, which servers word differently).
func Replay(ctx context.Context, endpoint string, t Trace) (Run, error) {
	client := newClient()
	defer client.CloseIdleConnections()
	steps, order := t.plan()
	position := make([]int, len(order)) // of each request in order
	for at, i := range order {
		position[i] = at
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	run := Run{Requests: len(t.Requests), Digests: make([][sha256.Size]byte, len(t.Requests))}
	answered := make([]chan struct{}, len(order)) // by position
	for i := range answered {
		answered[i] = make(chan struct{})
	}
	type result struct {
		bytes int64
		err   error
	}
	results := make(chan result, len(t.Requests))
	start := time.Now()
	for i, r := range t.Requests {
		go func() {
			defer close(answered[position[i]])
			for at := range steps[i].after {
				<-answered[at]
			}
			if steps[i].think > 0 {
				time.Sleep(steps[i].think)
			}
			n, digest, err := send(ctx, client, endpoint, r)
			if err != nil {
				err = fmt.Errorf("demo: %s %s?%s %s: %w", r.Method, r.Path, r.Query, r.Range, err)
				cancel(err)
			}
			run.Digests[i] = digest
			results <- result{n, err}
		}()
	}
	var err error
	for range t.Requests {
		r := <-results
		run.Bytes += r.bytes
		if err == nil && r.err != nil {
			err = context.Cause(ctx)
		}
	}
	run.Elapsed = time.Since(start)
	return run, err
}

// send makes one request and checks and digests its answer.
func send(ctx context.Context, client *http.Client, endpoint string, r Request) (int64, [sha256.Size]byte, error) {
	var digest [sha256.Size]byte
	target := endpoint + (&url.URL{Path: r.Path}).EscapedPath()
	if r.Query != "" {
		target += "?" + r.Query
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, target, nil)
	if err != nil {
		return 0, digest, err
	}
	if r.Range != "" {
		request.Header.Set("Range", r.Range)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, digest, err
	}
	defer func() { _ = response.Body.Close() }() // read to its end, or given up
	if r.Status != 0 && response.StatusCode != r.Status {
		return 0, digest, fmt.Errorf("status %d, recorded %d", response.StatusCode, r.Status)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%d\n", response.StatusCode)
	var n int64
	switch {
	case response.StatusCode >= 300: // the words of an error are the server's own
		n, err = io.Copy(io.Discard, response.Body)
	case strings.Contains(r.Query, "list-type=2"):
		n, err = digestListing(sum, response.Body)
	default:
		n, err = io.Copy(sum, response.Body)
		if err == nil && r.Status != 0 && r.Method == http.MethodGet && n != r.Bytes {
			err = fmt.Errorf("%d bytes, recorded %d", n, r.Bytes)
		}
	}
	return n, [sha256.Size]byte(sum.Sum(nil)), err
}

// digestListing adds what a listing says to sum.
func digestListing(sum io.Writer, body io.Reader) (int64, error) {
	var list struct {
		Name, Prefix string
		Contents     []struct {
			Key, ETag, LastModified string
			Size                    int64
		}
		CommonPrefixes []struct{ Prefix string }
	}
	counted := &countingReader{r: body}
	if err := xml.NewDecoder(counted).Decode(&list); err != nil {
		return counted.n, err
	}
	_, err := fmt.Fprintf(sum, "%v", list)
	return counted.n, err
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
