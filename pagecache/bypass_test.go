package pagecache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// full returns a cache of pages pages that are all pinned but for free.
func full(t *testing.T, s Source, pages, free int64, o Options) *Cache {
	t.Helper()
	o.MemoryBytes = pages * 4096
	o.PinBytes = o.MemoryBytes
	if o.RunBytes == 0 {
		o.RunBytes = 4 * 4096
	}
	c := newCache(t, s, o)
	c.Pin("bucket", "pinned")
	for i := range pages - free {
		readAll(t, c, version(fmt.Sprint("pinned/", i), 4096), 0, 4096)
	}
	c.fills.Wait() // readers have their pages before fills have counted them
	return c
}

func TestWithoutMemoryReadsStreamPastTheCache(t *testing.T) {
	s := &script{}
	c := full(t, s, 8, 0, Options{})
	s.calls()
	v := version("k", 1<<40)
	for range 2 {
		stats := readAll(t, c, v, 100, 5*4096)
		if want := (ReadStats{Bypassed: Count{6, 5 * 4096}, Runs: 2}); stats != want {
			t.Errorf("%+v, want %+v", stats, want)
		}
	}
	if diff := cmp.Diff(s.calls(), []string{"100+16284", "16384+4196", "100+16284", "16384+4196"}); diff != "" {
		t.Errorf("calls (-got +want):\n%s", diff)
	}
	if _, err := c.Prefetch(t.Context(), v, 0, 4096, ReadOptions{}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("prefetch: %v, want %v", err, ErrNoSpace)
	}
	if got := c.Stats(); got.Bypassed != 12 || got.UsedBytes != got.PinnedBytes {
		t.Errorf("%+v", got)
	}
	readAll(t, c, v, v.Size-10, 10)
	checkIdle(t, c)
}

func TestABypassEndsAtTheNextPageThatIsThere(t *testing.T) {
	s := &script{}
	c := full(t, s, 8, 2, Options{})
	v := version("k", 8*4096)
	c.Pin("bucket", "k")
	for _, no := range []int64{2, 5} {
		readAll(t, c, v, no*4096, 4096)
	}
	c.fills.Wait()
	s.calls()
	stats := readAll(t, c, v, 0, v.Size)
	if want := (ReadStats{Hit: Count{2, 8192}, Bypassed: Count{6, 6 * 4096}, Runs: 3}); stats != want {
		t.Errorf("%+v, want %+v", stats, want)
	}
	if diff := cmp.Diff(s.calls(), []string{"0+8192", "12288+8192", "24576+8192"}); diff != "" {
		t.Errorf("calls (-got +want):\n%s", diff)
	}
	checkIdle(t, c)
}

func TestReadAheadGoesOnBehindABypass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A fill by somebody else ends while all memory is taken: page 0 has to be
		// streamed, pages 1 and 2 are held from before, and what follows is fetched as
		// ever, not what was streamed already.
		s := &script{gated: true}
		c := full(t, s, 8, 8, Options{RunBytes: 2 * 4096})
		v := version("k", 7*4096)
		other := newBody(context.Background(), v, 4096, 8192, true)
		a := c.Read(t.Context(), v, 0, v.Size, ReadOptions{Body: &Opened{4096, 8192, other}})
		c.Pin("bucket", "")
		go func() {
			synctest.Wait()
			s.body(0).let(8192 + 1)
		}()
		readAll(t, c, version("x", 2*4096), 0, 2*4096)
		for i := range 4 {
			go func() {
				synctest.Wait()
				s.body(1 + i).let(4096 + 1)
			}()
			readAll(t, c, version(fmt.Sprint("y", i), 4096), 0, 4096)
		}
		synctest.Wait()
		s.gated = false
		s.calls()
		next(t, a, v, 0)
		if st := a.Stats(); st.Bypassed.Pages != 1 {
			t.Fatalf("%+v, want a bypassed page", st)
		}
		c.Unpin("bucket", "") // there is memory again
		other.let(8192 + 1)
		for no := int64(1); no < 7; no++ {
			next(t, a, v, no*4096)
			for _, h := range a.ahead {
				if h.no <= no {
					t.Errorf("at page %d, page %d is held ahead", no, h.no)
				}
			}
		}
		if _, err := a.Next(); err != io.EOF {
			t.Error(err)
		}
		if st := a.Stats(); st.Filled.Pages != 6 || st.Bypassed.Pages != 1 {
			t.Errorf("%+v", st)
		}
		_ = a.Close()
		checkIdle(t, c)
	})
}

func TestFaultsOfABypass(t *testing.T) {
	fault := errors.New("fault")
	const size = 3 * 4096
	for _, tc := range []struct {
		name string
		open func(context.Context, Version, int64, int64) error
		wrap func(context.Context, *scriptBody) io.ReadCloser
		want error
	}{
		{"an error instead of a body", func(context.Context, Version, int64, int64) error { return fault }, nil, fault},
		{"the end instead of a body", func(context.Context, Version, int64, int64) error { return io.EOF }, nil, ErrShort},
		{"another version", func(context.Context, Version, int64, int64) error { return fmt.Errorf("412: %w", ErrChanged) }, nil, ErrChanged},
		{"a short body", nil, func(_ context.Context, b *scriptBody) io.ReadCloser {
			return &cutBody{b, size - 1, func([]byte) (int, error) { return 0, io.EOF }}
		}, ErrShort},
		{"a long body", nil, func(_ context.Context, b *scriptBody) io.ReadCloser {
			return &cutBody{b, size, func([]byte) (int, error) { return 1, nil }}
		}, ErrShort},
		{"another version in the body", nil, func(_ context.Context, b *scriptBody) io.ReadCloser {
			return &cutBody{b, size - 1, func([]byte) (int, error) { return 0, ErrChanged }}
		}, ErrChanged},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &script{}
			c := full(t, s, 8, 1, Options{})
			c.Pin("bucket", "k")
			v := version("k", 4*4096)
			readAll(t, c, v, 3*4096, 4096) // takes the last memory
			s.open, s.wrap = tc.open, tc.wrap
			_, err := tryRead(c, v, 0, size, ReadOptions{})
			if !errors.Is(err, tc.want) || errors.Is(err, io.EOF) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			want := int64(1)
			if errors.Is(tc.want, ErrChanged) {
				want = 0
			}
			if n := c.Resident(v, 0, v.Size).ResidentPages; n != want {
				t.Errorf("%d pages of the version stay, want %d", n, want)
			}
			checkIdle(t, c)
		})
	}
}

func TestABypassEndsWithItsReaderOrItsCache(t *testing.T) {
	for _, how := range []string{"reader's context", "cache", "reader"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{}
				c := full(t, s, 8, 0, Options{})
				before := len(s.bodies)
				s.gated = true
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				v := version("k", 4*4096)
				r := c.Read(ctx, v, 0, v.Size, ReadOptions{})
				wait := func(end func()) (p []byte, err error) {
					go func() {
						synctest.Wait()
						end()
					}()
					p, err = r.Next()
					return bytes.Clone(p), err
				}
				_, err := wait(func() {
					switch how {
					case "cache":
						_ = c.Close()
					case "reader's context":
						cancel()
					default:
						s.body(before).let(v.Size + 1)
					}
				})
				var want error
				switch how {
				case "cache":
					want = ErrClosed
				case "reader's context":
					want = context.Canceled
				}
				if !errors.Is(err, want) {
					t.Errorf("error %v, want %v", err, want)
				}
				_ = r.Close()
				if how == "cache" {
					_ = c.Close() // until the other one has done it
				}
				if n := s.body(before).closes; n != 1 {
					t.Errorf("the body was closed %d times", n)
				}
				checkIdle(t, c)
			})
		})
	}
}

func TestABypassGivesItsSlotBack(t *testing.T) {
	s := &script{open: func(context.Context, Version, int64, int64) error { return errors.New("fault") }}
	scheduler := NewScheduler(SchedulerOptions{Concurrency: 1})
	c := full(t, &script{}, 8, 0, Options{Scheduler: scheduler})
	c.source = s
	for range 3 {
		if _, err := tryRead(c, version("k", 10), 0, 10, ReadOptions{}); err == nil {
			t.Error("no error")
		}
	}
	if running, waiting := scheduler.load(Demand); running+waiting != 0 {
		t.Errorf("%d running, %d waiting", running, waiting)
	}
	checkIdle(t, c)
}
