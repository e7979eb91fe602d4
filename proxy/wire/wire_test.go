package wire_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/proxy/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve answers with h on a real listener and returns its address.
func serve(t *testing.T, max int, h http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ConnContext: wire.ConnContext}
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(wire.NewListener(l, max)) })
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	return l.Addr().String()
}

func body(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }

func TestAnswersArriveWholeWhateverTheirLength(t *testing.T) {
	addr := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
		var n, piece int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d/%d", &n, &piece); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Length", fmt.Sprint(n))
		wire.Gather(r.Context(), int64(n))
		for part := range slices.Chunk([]byte(body(n)), piece) {
			if _, err := w.Write(part); err != nil {
				t.Error(err)
			}
		}
	})
	transport := &http.Transport{MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for _, n := range []int{0, 1, 15, 2047, 2048, 3700, 3900, 4000, 4095, 4096, 4097, 8192, 65536, 1 << 20} {
		for _, piece := range []int{100, 4096, 64 << 10, 2 << 20} {
			r, err := client.Get(fmt.Sprintf("http://%s/%d/%d", addr, n, piece))
			if err != nil {
				t.Fatal(n, piece, err)
			}
			got, err := io.ReadAll(r.Body)
			if err != nil || string(got) != body(n) {
				t.Errorf("%d bytes in pieces of %d: got %d, %v", n, piece, len(got), err)
			}
			_ = r.Body.Close()
		}
	}
}

// A recorder notes how its connection is written to; net.Buffers writes to it part by
// part, as it is no TCP connection.
type recorder struct {
	net.Conn
	writes []int
	fail   error
}

func (c *recorder) Write(p []byte) (int, error) {
	c.writes = append(c.writes, len(p))
	if c.fail != nil {
		return 0, c.fail
	}
	return len(p), nil
}

func (c *recorder) Close() error { return nil }

type one struct {
	net.Listener
	c net.Conn
}

func (l one) Accept() (net.Conn, error) { return l.c, nil }

// gathering returns a connection over c and the context of its requests.
func gathering(t *testing.T, c net.Conn) (net.Conn, context.Context) {
	t.Helper()
	accepted, err := wire.NewListener(one{c: c}, 1).Accept()
	if err != nil {
		t.Fatal(err)
	}
	return accepted, wire.ConnContext(t.Context(), accepted)
}

func TestWritesAreHeldBackOnlyIfMoreMustFollow(t *testing.T) {
	for name, tt := range map[string]struct {
		promised int64
		writes   []int
		want     []int // what has reached the connection after each write, in all
	}{
		"nothing promised":               {0, []int{10, 20}, []int{10, 30}},
		"a head, then the body":          {100, []int{50, 100}, []int{0, 150}},
		"as long as the body":            {100, []int{100, 30}, []int{0, 130}},
		"longer than the body":           {100, []int{101, 30}, []int{101, 131}},
		"only the first one waits":       {100, []int{50, 60, 40}, []int{0, 110, 150}},
		"nothing promised for an answer": {-1, []int{10}, []int{10}},
	} {
		t.Run(name, func(t *testing.T) {
			under := &recorder{}
			c, ctx := gathering(t, under)
			wire.Gather(ctx, tt.promised)
			var got []int
			for _, n := range tt.writes {
				if written, err := c.Write(make([]byte, n)); written != n || err != nil {
					t.Errorf("wrote %d of %d: %v", written, n, err)
				}
				sum := 0
				for _, n := range under.writes {
					sum += n
				}
				got = append(got, sum)
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("bytes on the wire (-got +want):\n%s", diff)
			}
		})
	}
}

// A source hands out pieces of one text, as many at a time as there is room for.
type source struct {
	io.Reader // never read
	pieces    []string
	fail      error
}

func (s *source) NextBatch(dst [][]byte) ([][]byte, error) {
	if len(s.pieces) == 0 {
		if s.fail != nil {
			return dst, s.fail
		}
		return dst, io.EOF
	}
	for len(dst) < cap(dst) && len(s.pieces) > 0 {
		dst = append(dst, []byte(s.pieces[0]))
		s.pieces = s.pieces[1:]
	}
	return dst, nil
}

func TestSourcesGoOutWholeAndInOrder(t *testing.T) {
	addr := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
		var pieces, size int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d/%d", &pieces, &size); err != nil {
			t.Error(err)
		}
		n := pieces * size
		s := &source{}
		for part := range slices.Chunk([]byte(body(n)), size) {
			s.pieces = append(s.pieces, string(part))
		}
		w.Header().Set("Content-Length", fmt.Sprint(n))
		wire.Gather(r.Context(), int64(n))
		w.(http.Flusher).Flush()
		if written, err := w.(io.ReaderFrom).ReadFrom(s); written != int64(n) || err != nil {
			t.Errorf("wrote %d of %d: %v", written, n, err)
		}
	})
	transport := &http.Transport{MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for _, pieces := range []int{1, 2, 16, 17, 18, 50} {
		for _, size := range []int{1, 300, 4096, 64 << 10} {
			r, err := client.Get(fmt.Sprintf("http://%s/%d/%d", addr, pieces, size))
			if err != nil {
				t.Fatal(pieces, size, err)
			}
			got, err := io.ReadAll(r.Body)
			if err != nil || string(got) != body(pieces*size) {
				t.Errorf("%d pieces of %d: got %d bytes, %v", pieces, size, len(got), err)
			}
			_ = r.Body.Close()
		}
	}
}

func TestASourceThatFailsEndsTheWriting(t *testing.T) {
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		source source
		under  recorder
		want   int64
		err    error
	}{
		"at its end":                  {source{pieces: []string{"abc", "de"}}, recorder{}, 5, nil},
		"after some pieces":           {source{pieces: []string{"abc"}, fail: broken}, recorder{}, 3, broken},
		"before any":                  {source{fail: broken}, recorder{}, 0, broken},
		"with nothing":                {source{}, recorder{}, 0, nil},
		"because the connection does": {source{pieces: []string{"abc"}}, recorder{fail: broken}, 0, broken},
	} {
		t.Run(name, func(t *testing.T) {
			c, ctx := gathering(t, &tt.under)
			wire.Gather(ctx, 10)
			if _, err := c.Write([]byte("head")); err != nil {
				t.Fatal(err)
			}
			n, err := c.(io.ReaderFrom).ReadFrom(&tt.source)
			if n != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%d, %v", n, err)
			}
		})
	}
}

func TestAReaderThatIsNoSourceIsCopied(t *testing.T) {
	under := &recorder{}
	c, ctx := gathering(t, under)
	wire.Gather(ctx, 100)
	if _, err := c.Write([]byte("head")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.(io.ReaderFrom).ReadFrom(strings.NewReader("body")); n != 4 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if diff := cmp.Diff(under.writes, []int{4, 4}); diff != "" {
		t.Errorf("writes (-got +want):\n%s", diff)
	}
}

func TestAFailureOfWhatWasHeldBackShowsAtTheNextWrite(t *testing.T) {
	broken := errors.New("broken")
	under := &recorder{fail: broken}
	c, ctx := gathering(t, under)
	wire.Gather(ctx, 100)
	if n, err := c.Write(make([]byte, 50)); n != 50 || err != nil {
		t.Errorf("first: %d, %v", n, err)
	}
	if n, err := c.Write(make([]byte, 100)); n != 0 || !errors.Is(err, broken) {
		t.Errorf("second: %d, %v", n, err)
	}
}

func TestGatherElsewhereDoesNothing(t *testing.T) {
	wire.Gather(t.Context(), 1)
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	wire.Gather(wire.ConnContext(t.Context(), a), 1)
}

func TestNoMoreConnectionsThanAllowedAreAccepted(t *testing.T) {
	addr := serve(t, 1, func(http.ResponseWriter, *http.Request) {})
	ask := func(c net.Conn) error {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		return r.Body.Close()
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first, second := dial(), dial()
	defer func() { _ = second.Close() }()
	if err := ask(first); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() { answered <- ask(second) }()
	select {
	case err := <-answered:
		t.Errorf("answered while another connection was open: %v", err)
	default:
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestCloseEndsAnAcceptThatWaitsForASlot(t *testing.T) {
	l := wire.NewListener(one{Listener: closer{}, c: &recorder{}}, 1)
	if _, err := l.Accept(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// A closer is a listener that can only be closed.
type closer struct{ net.Listener }

func (closer) Close() error { return nil }
