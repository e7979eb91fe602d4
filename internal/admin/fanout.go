package admin

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/warm"
)

const (
	// maxPeers bounds the peers that one call asks, parallelPeers those at a time.
	maxPeers      = 1000
	parallelPeers = 64
	// peerGrace is what a peer may take beyond the wait that it is asked for.
	peerGrace = 10 * time.Second
	// maxPeerAnswer bounds a peer's answer: a receipt is a few KiB.
	maxPeerAnswer = 1 << 20
)

// Peers are the other processes behind one name: the addresses of a headless Service.
// The zero value is not usable; see [NewPeers].
type Peers struct {
	url       *url.URL
	port      string
	token     string
	resolve   func(ctx context.Context, host string) ([]netip.Addr, error)
	ours      func() ([]netip.Addr, error)
	transport *http.Transport
}

// NewPeers returns the peers behind the URL of an admin listener, such as
// http://hearth-headless:9001. token is what they ask for. Close it.
func NewPeers(base, token string) (*Peers, error) {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("admin: peers: %q is not a URL such as http://hearth-headless:9001", base)
	}
	p := &Peers{url: u, port: u.Port(), token: token, ours: ownAddresses}
	if p.port == "" {
		p.port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	p.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	p.transport = &http.Transport{
		DialContext: (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		// Peers are addressed by IP and present the certificate of the name.
		TLSClientConfig: &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12},
	}
	return p, nil
}

// Close closes idle connections.
func (p *Peers) Close() { p.transport.CloseIdleConnections() }

// ownAddresses are the addresses of this machine's interfaces.
func ownAddresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, prefix.Addr().Unmap())
		}
	}
	return own, nil
}

// addresses looks the peers up, this process left out.
func (p *Peers) addresses(ctx context.Context) ([]string, error) {
	found, err := p.resolve(ctx, p.url.Hostname())
	if err != nil {
		return nil, err
	}
	own, err := p.ours()
	if err != nil {
		return nil, err
	}
	var peers []string
	for _, a := range found {
		if a = a.Unmap(); !slices.Contains(own, a) {
			peers = append(peers, net.JoinHostPort(a.String(), p.port))
		}
	}
	slices.Sort(peers)
	peers = slices.Compact(peers)
	if len(peers) > maxPeers {
		return nil, fmt.Errorf("%d addresses, at most %d are asked", len(peers), maxPeers)
	}
	return peers, nil
}

// A peerAnswer is what one peer said.
type peerAnswer struct {
	Address string        `json:"address"`
	Answer  *warm.Answer  `json:"answer,omitempty"`
	Error   *warm.Problem `json:"error,omitempty"`
}

// warm asks all peers to warm what body says, and returns what each answered, by address.
func (p *Peers) warm(ctx context.Context, body []byte, wait time.Duration) ([]peerAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+peerGrace)
	defer cancel()
	addresses, err := p.addresses(ctx)
	if err != nil {
		return nil, &failure{status: http.StatusBadGateway, problem: warm.Problem{
			Code: "peers_not_found", Message: "peers cannot be looked up: " + err.Error(), Field: "fanout",
		}}
	}
	answers := make([]peerAnswer, len(addresses))
	var group errgroup.Group
	group.SetLimit(parallelPeers)
	var mu sync.Mutex
	for i, address := range addresses {
		group.Go(func() error {
			answer, err := p.ask(ctx, address, body)
			a := peerAnswer{Address: address, Answer: answer}
			if err != nil {
				a.Error = &warm.Problem{Code: "peer_failed", Message: err.Error()}
				if f, ok := errors.AsType[*failure](err); ok {
					a.Error = &f.problem
				}
			}
			mu.Lock()
			defer mu.Unlock()
			answers[i] = a
			return nil
		})
	}
	_ = group.Wait() // always nil
	return answers, nil
}

func (p *Peers) ask(ctx context.Context, address string, body []byte) (*warm.Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url.Scheme+"://"+address+"/warm", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := p.transport.RoundTrip(r) // no redirects: the token is for peers alone
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxPeerAnswer))
	if err != nil {
		return nil, err
	}
	var answer struct {
		warm.Answer
		Error *warm.Problem `json:"error"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.State == "" && answer.Error == nil {
		return nil, fmt.Errorf("status %d, and no answer of Hearth's", resp.StatusCode)
	}
	if answer.State == "" {
		return nil, &failure{status: resp.StatusCode, problem: *answer.Error}
	}
	answer.Answer.Error = answer.Error
	return &answer.Answer, nil
}

// peerBody is the body of POST /warm for peers: the same, without fanout.
func (b *warmBody) peerBody(r warm.Request) []byte {
	m := map[string]any{"path": r.Path.String(), "wait": b.wait.String()}
	if b.deadline > 0 {
		m["deadline"] = b.deadline.String()
	}
	if b.pin != nil {
		m["pin"] = *b.pin
	}
	if b.decode != nil {
		m["decode"] = *b.decode
	}
	if b.budgetBytes > 0 {
		m["budget_bytes"] = b.budgetBytes
	}
	if len(b.roles) > 0 {
		m["roles"] = b.roles
	}
	if len(b.pkColumns) > 0 {
		m["pk_columns"] = b.pkColumns
	}
	if b.priority != "" {
		m["priority"] = b.priority
	}
	body, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings, numbers and lists of strings
	}
	return body
}

// fanOut warms here and at the peers at the same time.
func (a *api) fanOut(w http.ResponseWriter, r *http.Request, b *warmBody, request warm.Request) error {
	if a.Peers == nil {
		return faultIn("fanout", "no peers are configured")
	}
	var peers []peerAnswer
	var peersErr error
	var asking sync.WaitGroup
	asking.Go(func() { peers, peersErr = a.Peers.warm(r.Context(), b.peerBody(request), b.wait) })
	answer, err := a.Warmer.Warm(r.Context(), request)
	asking.Wait()
	if peersErr != nil {
		return peersErr
	}
	if answer == nil {
		return err
	}
	status := http.StatusOK
	switch {
	case err != nil:
		status = statusOf(err)
	case answer.State == warm.Warming && b.wait == 0:
		w.Header().Set("Location", "/warm/"+answer.Job)
		status = http.StatusAccepted
	}
	for _, p := range peers {
		if p.Error != nil {
			a.log.Warn("peer not warmed", "peer", p.Address, "path", request.Path.String(), "err", strings.TrimSpace(p.Error.Message))
		}
	}
	if peers == nil {
		peers = []peerAnswer{}
	}
	writeJSON(w, status, struct {
		*warm.Answer
		Peers []peerAnswer `json:"peers"`
	}{answer, peers})
	return nil
}
