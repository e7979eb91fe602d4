package origin_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
)

// inBubble runs f with a fake and a client of it in a bubble of virtual time.
func inBubble(t *testing.T, edit func(*origin.Config), f func(t *testing.T, srv *origintest.Server, c *origin.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := origintest.StartPipe(t)
		srv.CreateBucket("b")
		srv.RequireSignature(testKeys, nil)
		tr := srv.Transport()
		t.Cleanup(tr.CloseIdleConnections)
		c := newClient(t, srv.URL(), func(c *origin.Config) {
			c.Transport, c.Backoff = tr, 50*time.Millisecond
			if edit != nil {
				edit(c)
			}
		})
		f(t, srv, c)
	})
}

func TestAStalledBodyIsCutAndResumed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, srv *origintest.Server, c *origin.Client) {
		data := randomBytes(100_000, 1)
		srv.Put("b", "k", data)
		srv.Inject(origintest.Rule{Nth: 1, Action: origintest.Stall(30_000, nil)})
		start := time.Now()
		_, got, err := fetch(t.Context(), c, origin.GetRequest{Bucket: "b", Key: "k", WantSize: -1})
		if err != nil {
			t.Fatal(err)
		}
		sameBytes(t, got, data)
		if d := time.Since(start); d < 15*time.Second || d > 16*time.Second {
			t.Errorf("took %s", d)
		}
		if srv.Count("GET") != 2 {
			t.Errorf("requests:\n%s", srv)
		}
	})
}

func TestAStallThatStaysIsUnavailable(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, srv *origintest.Server, c *origin.Client) {
		srv.Put("b", "k", randomBytes(100_000, 1))
		srv.Inject(origintest.Rule{Action: origintest.Stall(10, nil)})
		_, _, err := fetch(t.Context(), c, origin.GetRequest{Bucket: "b", Key: "k", WantSize: -1})
		if !errors.Is(err, origin.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		if n := srv.Count("GET"); n != 4 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestNoAnswerInTimeIsTriedAgain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, srv *origintest.Server, c *origin.Client) {
		srv.Put("b", "k", []byte("hello"))
		srv.Inject(origintest.Rule{Nth: 1, Action: origintest.Stall(-1, nil)})
		start := time.Now()
		if _, err := c.Head(t.Context(), "b", "k", nil); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 30*time.Second || d > 31*time.Second {
			t.Errorf("took %s", d)
		}
	})
}

func TestASlowReaderIsNoStall(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, srv *origintest.Server, c *origin.Client) {
		data := randomBytes(500_000, 1)
		srv.Put("b", "k", data)
		obj, err := c.Get(t.Context(), origin.GetRequest{Bucket: "b", Key: "k", WantSize: -1})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = obj.Body.Close() }()
		var got []byte
		buf := make([]byte, 100_000)
		for {
			n, err := obj.Body.Read(buf)
			got = append(got, buf[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Minute)
		}
		sameBytes(t, got, data)
		if srv.Count("GET") != 1 {
			t.Errorf("requests:\n%s", srv)
		}
	})
}

// slowReader takes a minute before it says the next piece.
type slowReader struct{ left int }

func (s *slowReader) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	<-time.After(time.Minute)
	s.left--
	return copy(p, "piece"), nil
}

func TestASlowSenderIsNoStallButASlowStoreIs(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, srv *origintest.Server, c *origin.Client) {
		put := func(key string) error {
			_, err := c.Put(t.Context(), "b", key, &slowReader{left: 10}, 50, nil)
			return err
		}
		if err := put("k"); err != nil {
			t.Fatal(err)
		}
		srv.Inject(origintest.Rule{Action: origintest.Stall(-1, nil)})
		start := time.Now()
		if err := put("l"); !errors.Is(err, origin.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		if d := time.Since(start); d < 15*time.Minute || d > 16*time.Minute {
			t.Errorf("took %s, want ten minutes to send and five to wait", d)
		}
	})
}

func TestAnUploadThatIsNotTakenIsCut(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, srv *origintest.Server, c *origin.Client) {
		srv.Deaf(true)
		start := time.Now()
		data := randomBytes(1<<20, 1)
		_, err := c.Put(t.Context(), "b", "k", &pieces{data: data}, int64(len(data)), nil)
		if !errors.Is(err, origin.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		if d := time.Since(start); d < 15*time.Second || d > 16*time.Second {
			t.Errorf("took %s", d)
		}
	})
}

type pieces struct{ data []byte }

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data)
	p.data = p.data[n:]
	return n, nil
}

func TestPausesGrowAndAreJittered(t *testing.T) {
	for _, tt := range []struct {
		name   string
		action origintest.Action
		tries  int
		want   time.Duration
	}{
		{"with doubling pauses", origintest.Status(503, ""), 4, 350 * time.Millisecond},
		{"up to five seconds", origintest.Status(503, ""), 12, (50 + 100 + 200 + 400 + 800 + 1600 + 3200 + 5000*4) * time.Millisecond},
		{"as long as the origin asks", origintest.RetryAfter(503, "SlowDown", 2), 4, 6 * time.Second},
		{"but not longer than five seconds", origintest.RetryAfter(429, "", 3600), 4, 15 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(c *origin.Config) { c.Tries = tt.tries }, func(t *testing.T, srv *origintest.Server, c *origin.Client) {
				srv.Put("b", "k", nil)
				srv.Inject(origintest.Rule{Action: tt.action})
				start := time.Now()
				_, err := c.Head(t.Context(), "b", "k", nil)
				if err == nil {
					t.Error("no error")
				}
				d := time.Since(start)
				if d < tt.want/2 || d > tt.want {
					t.Errorf("took %s, want up to %s", d, tt.want)
				}
			})
		})
	}
}

func TestAPauseEndsWithTheContext(t *testing.T) {
	inBubble(t, func(c *origin.Config) { c.Backoff = time.Hour }, func(t *testing.T, srv *origintest.Server, c *origin.Client) {
		srv.Put("b", "k", nil)
		srv.Inject(origintest.Rule{Action: origintest.Status(503, "")})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Head(ctx, "b", "k", nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

func TestALongTransferEarnsMoreTries(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, srv *origintest.Server, c *origin.Client) {
		data := randomBytes(7<<20, 1)
		srv.Put("b", "k", data)
		srv.Inject(origintest.Rule{Action: origintest.Truncate(1<<20 + 100)})
		_, got, err := fetch(t.Context(), c, origin.GetRequest{Bucket: "b", Key: "k", WantSize: -1})
		if err != nil {
			t.Fatal(err)
		}
		sameBytes(t, got, data)
	})
}
