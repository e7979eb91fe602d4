package admin

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestFanOutAsksEachPeerOnce(t *testing.T) {
	asked := make(chan string, 10)
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/warm" || r.Header.Get("Authorization") != "Bearer t0ken" {
			t.Errorf("got %s %v", r.URL, r.Header)
		}
		asked <- r.Host
		if strings.HasPrefix(r.Host, "127.0.0.3") {
			writeFailure(w, fault(http.StatusTooManyRequests, "queue_full", "too many"))
			return
		}
		_, _ = w.Write([]byte(`{"path":"s3://lake/a/","state":"warm","receipt":{"objects":3}}`))
	}))
	defer peer.Close()
	where, err := url.Parse(peer.URL)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPeers("http://hearth-headless:"+where.Port(), "t0ken")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "hearth-headless" {
			t.Errorf("looked up %s", host)
		}
		var all []netip.Addr
		for _, ip := range []string{"127.0.0.1", "127.0.0.1", "127.0.0.3", "10.9.9.9"} {
			all = append(all, netip.MustParseAddr(ip))
		}
		return all, nil
	}
	p.ours = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("10.9.9.9")}, nil }
	// The test server listens on 127.0.0.1 alone: its address stands for every peer's.
	p.transport.DialContext = dialing(where.Host)
	answers, err := p.warm(t.Context(), []byte(`{}`), time.Second)
	if err != nil || len(answers) != 2 || len(asked) != 2 {
		t.Fatalf("got %+v, %v; %d were asked", answers, err, len(asked))
	}
	if a := answers[0]; a.Address != "127.0.0.1:"+where.Port() || a.Answer == nil || a.Answer.Receipt.Objects != 3 || a.Error != nil {
		t.Errorf("got %+v", a)
	}
	if a := answers[1]; a.Answer != nil || a.Error == nil || a.Error.Code != "queue_full" {
		t.Errorf("got %+v", a)
	}
}

// dialing connects to one address, whatever is asked for.
func dialing(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

func TestPeersThatAreNoPeers(t *testing.T) {
	for _, base := range []string{"", "hearth:9001", "ftp://hearth", "http://"} {
		if _, err := NewPeers(base, ""); err == nil {
			t.Errorf("%q is taken", base)
		}
	}
}
