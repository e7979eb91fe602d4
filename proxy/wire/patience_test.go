package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A diary is a connection that writes down the deadlines it gets.
type diary struct {
	net.Conn
	deadlines []time.Duration // since the start
}

var start = time.Unix(1e9, 0)

func (c *diary) Write(p []byte) (int, error) { return len(p), nil }

func (c *diary) SetWriteDeadline(at time.Time) error {
	c.deadlines = append(c.deadlines, at.Sub(start))
	return nil
}

type single struct {
	net.Listener
	c net.Conn
}

func (l single) Accept() (net.Conn, error) { return l.c, nil }

func TestDeadlinesOfWritesFollowFromTheirLength(t *testing.T) {
	const patience = time.Minute
	type write struct {
		at    time.Duration
		bytes int
	}
	for name, tt := range map[string]struct {
		patience time.Duration
		writes   []write
		want     []time.Duration
	}{
		"without patience":              {0, []write{{0, 10}}, nil},
		"a short one":                   {patience, []write{{0, 10}}, []time.Duration{2 * patience}},
		"short ones, rarely set":        {patience, []write{{0, 10}, {time.Second, 10}, {59 * time.Second, 10}, {60 * time.Second, 10}}, []time.Duration{2 * patience, 3 * patience}},
		"a long one":                    {patience, []write{{0, 2 * PatientBytes}}, []time.Duration{4 * patience}},
		"a long one after a short one":  {patience, []write{{0, 10}, {0, 2 * PatientBytes}}, []time.Duration{2 * patience, 4 * patience}},
		"one after the deadline passed": {patience, []write{{0, 10}, {time.Hour, 10}}, []time.Duration{2 * patience, time.Hour + 2*patience}},
	} {
		t.Run(name, func(t *testing.T) {
			now, under := start, &diary{}
			l := NewListener(single{c: under}, 0)
			l.now = func() time.Time { return now }
			l.SetPatience(tt.patience)
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range tt.writes {
				now = start.Add(w.at)
				if _, err := c.Write(make([]byte, w.bytes)); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.want, under.deadlines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// endless hands out the same page for ever.
type endless struct{ page []byte }

func (e endless) NextBatch(dst [][]byte) ([][]byte, error) { return append(dst, e.page), nil }

func (e endless) Read(p []byte) (int, error) { return len(p), nil }

func TestAnAnswerThatNobodyTakesEnds(t *testing.T) {
	for name, send := range map[string]func(c net.Conn) error{
		"of pages": func(c net.Conn) error {
			_, err := c.(io.ReaderFrom).ReadFrom(endless{make([]byte, 64<<10)})
			return err
		},
		"of bytes": func(c net.Conn) error {
			for {
				if _, err := c.Write(make([]byte, 64<<10)); err != nil {
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			under, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			l := NewListener(under, 0)
			defer func() { _ = l.Close() }()
			l.SetPatience(10 * time.Millisecond)
			client, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Close() }() // which reads nothing
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if err := send(c); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}
