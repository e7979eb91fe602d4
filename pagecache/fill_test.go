package pagecache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// next reads one page and compares it with the content.
func next(t *testing.T, r *Reader, v Version, off int64) {
	t.Helper()
	p, err := r.Next()
	if err != nil {
		t.Fatalf("at %d: %v", off, err)
	}
	if !bytes.Equal(p, content(v, off, int64(len(p)))) {
		t.Errorf("wrong bytes at %d", off)
	}
}

func TestManyReadersMakeOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const readers = 50
		s := &script{gated: true}
		// A run each would need six times the memory.
		c := newCache(t, s, Options{MemoryBytes: 64 * 4096})
		v := version("k", 8*4096)
		var wg sync.WaitGroup
		for range readers {
			wg.Go(func() { readAll(t, c, v, 0, v.Size) })
		}
		synctest.Wait()
		if n := c.inFlight.Load(); n != v.Size {
			t.Errorf("%d bytes reserved, want %d", n, v.Size)
		}
		s.body(0).let(v.Size + 1)
		wg.Wait()
		if diff := cmp.Diff(s.calls(), []string{"0+32768"}); diff != "" {
			t.Errorf("calls (-got +want):\n%s", diff)
		}
		st := c.Stats()
		if st.Filled != 8 || st.Joined+st.Hits != (readers-1)*8 || st.Bypassed != 0 {
			t.Errorf("%+v", st)
		}
		checkIdle(t, c)
	})
}

func TestAPageIsDeliveredWhileTheNextIsStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{gated: true}
		c := newCache(t, s, Options{})
		v := version("k", 2*4096)
		r := c.Read(t.Context(), v, 0, v.Size, ReadOptions{})
		go func() {
			synctest.Wait()
			s.body(0).let(4096)
		}()
		next(t, r, v, 0)
		if got := c.Resident(v, 0, v.Size).ResidentPages; got != 1 {
			t.Errorf("%d pages resident, want 1", got)
		}
		go func() {
			synctest.Wait()
			s.body(0).let(4097)
		}()
		next(t, r, v, 4096)
		_ = r.Close()
		checkIdle(t, c)
	})
}

func TestTheLastPageIsNotDeliveredBeforeTheEndWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{gated: true}
		c := newCache(t, s, Options{})
		v := version("k", 4096)
		done := make(chan struct{})
		go func() {
			readAll(t, c, v, 0, v.Size)
			close(done)
		}()
		synctest.Wait()
		s.body(0).let(4096)
		synctest.Wait()
		select {
		case <-done:
			t.Error("delivered")
		default:
		}
		s.body(0).let(1)
		<-done
		checkIdle(t, c)
	})
}

func TestAFillSurvivesItsStarter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{gated: true}
		c := newCache(t, s, Options{})
		v := version("k", 8*4096)
		ctx, cancel := context.WithCancel(t.Context())
		starter := c.Read(ctx, v, 0, v.Size, ReadOptions{})
		failed := make(chan error)
		go func() {
			_, err := starter.Next()
			failed <- errors.Join(err, starter.Close())
		}()
		synctest.Wait()
		done := make(chan struct{})
		go func() {
			stats := readAll(t, c, v, 4096, v.Size)
			if stats.Joined.Pages != 7 {
				t.Errorf("%+v, want 7 pages joined", stats)
			}
			close(done)
		}()
		synctest.Wait()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("starter: %v", err)
		}
		// Page by page: the other waits for one and holds the next ones too.
		for range 8 {
			s.body(0).let(4096)
			synctest.Wait()
		}
		s.body(0).let(1)
		<-done
		if calls := s.calls(); len(calls) != 1 {
			t.Errorf("calls: %v", calls)
		}
		checkIdle(t, c)
	})
}

func TestAFillThatNobodyWaitsForIsCancelled(t *testing.T) {
	for _, opened := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{gated: true}
			c := newCache(t, s, Options{})
			v := version("k", 8*4096)
			var readers []*Reader
			for range 3 {
				o := ReadOptions{}
				if opened {
					body := newBody(context.Background(), v, 0, v.Size, true)
					s.bodies = append(s.bodies, body)
					o.Body = &Opened{0, v.Size, body}
				}
				readers = append(readers, c.Read(t.Context(), v, 0, v.Size, o))
			}
			for i, r := range readers {
				if i == 0 {
					go func() {
						synctest.Wait()
						s.body(0).let(4096)
					}()
				}
				next(t, r, v, 0)
			}
			for _, r := range readers[:2] {
				_ = r.Close()
			}
			synctest.Wait()
			if c.inFlight.Load() != 7*4096 {
				t.Error("the fill ended although one waits")
			}
			_ = readers[2].Close()
			synctest.Wait()
			select {
			case <-s.body(0).closed:
			default:
				t.Error("the body is still open")
			}
			checkIdle(t, c)
			if n := c.Resident(v, 0, v.Size).ResidentPages; n != 1 {
				t.Errorf("%d pages stay, want the one that came", n)
			}
			s.gated = false
			readAll(t, c, v, 0, v.Size)
			checkIdle(t, c)
		})
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{gated: true}
		c := newCache(t, s, Options{})
		v := version("k", 4096)
		mine := errors.New("client left")
		ctx, cancel := context.WithCancelCause(t.Context())
		r := c.Read(ctx, v, 0, v.Size, ReadOptions{})
		go func() {
			synctest.Wait()
			cancel(mine)
		}()
		if _, err := r.Next(); !errors.Is(err, mine) {
			t.Errorf("error %v, want %v", err, mine)
		}
		_ = r.Close()
		checkIdle(t, c)
		r = c.Read(ctx, v, 0, v.Size, ReadOptions{})
		s.calls()
		if _, err := r.Next(); !errors.Is(err, mine) || s.calls() != nil {
			t.Errorf("a read that was over before it began: %v", err)
		}
		_ = r.Close()
		checkIdle(t, c)
	})
}

func TestErrorsReachAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := errors.New("fault")
		release := make(chan struct{})
		s := &script{open: func(context.Context, Version, int64, int64) error { <-release; return fault }}
		c := newCache(t, s, Options{})
		v := version("k", 8*4096)
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if _, err := tryRead(c, v, int64(i%8)*4096, 4096, ReadOptions{}); !errors.Is(err, fault) {
					t.Errorf("error %v, want %v", err, fault)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		checkIdle(t, c)
	})
}

func TestAReaderLooksAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		c := newCache(t, s, Options{MemoryBytes: 1024 * 4096, RunBytes: 4 * 4096, ReadAheadBytes: 8 * 4096})
		v := version("k", 20*4096)
		r := c.Read(t.Context(), v, 0, v.Size, ReadOptions{})
		var got [][]string
		for i := range int64(20) {
			next(t, r, v, i*4096)
			synctest.Wait()
			if i%4 == 0 {
				calls := s.calls()
				slices.Sort(calls) // those of one look run side by side
				got = append(got, calls)
			}
		}
		// Each run is asked for as soon as a whole one fits into the window.
		want := [][]string{{"0+16384", "16384+16384"}, {"32768+16384"}, {"49152+16384"}, {"65536+16384"}, nil}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("calls at pages 0, 4, 8 ... (-got +want):\n%s", diff)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
		_ = r.Close()
		checkIdle(t, c)
	})
}

func TestRunsEndWhereOthersBegin(t *testing.T) {
	s := &script{}
	c := newCache(t, s, Options{})
	v := version("k", 16*4096)
	for _, no := range []int64{3, 4, 7} {
		readAll(t, c, v, no*4096, 4096)
	}
	c.fills.Wait()
	s.calls()
	stats := readAll(t, c, v, 0, v.Size)
	c.fills.Wait()
	calls := s.calls()
	if len(calls) != 3 && len(calls) != 4 { // the last eight pages: in one run or in two windows
		t.Errorf("calls: %v", calls)
	}
	if stats.Hit.Pages != 3 || stats.Filled.Pages != 13 || stats.Runs != int64(len(calls)) {
		t.Errorf("%+v", stats)
	}
	checkIdle(t, c)
}

func TestCloseEndsReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{gated: true}
		c := newCache(t, s, Options{})
		v := version("k", 8*4096)
		r := c.Read(t.Context(), v, 0, v.Size, ReadOptions{})
		go func() {
			synctest.Wait()
			s.body(0).let(4096)
		}()
		p, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(p, content(v, 0, 4096)) {
			t.Error("a page that a reader is at went away under it")
		}
		if _, err := r.Next(); !errors.Is(err, ErrClosed) {
			t.Errorf("Next after Close: %v", err)
		}
		_ = r.Close()
		for range 2 {
			body := newBody(t.Context(), v, 0, v.Size, false)
			if _, err := tryRead(c, v, 0, v.Size, ReadOptions{Body: &Opened{0, v.Size, body}}); !errors.Is(err, ErrClosed) {
				t.Errorf("Read after Close: %v", err)
			}
			if body.closes != 1 {
				t.Errorf("the opened body was closed %d times", body.closes)
			}
		}
		if _, err := c.Prefetch(t.Context(), v, 0, v.Size, ReadOptions{}); !errors.Is(err, ErrClosed) {
			t.Errorf("Prefetch after Close: %v", err)
		}
		if _, err := tryRead(c, v, 0, 0, ReadOptions{}); err != nil {
			t.Errorf("an empty read after Close: %v", err)
		}
		checkIdle(t, c)
	})
}

func TestCloseWakesThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One slot: of two fills one is at the origin, the other waits for its turn.
		s := &script{gated: true}
		c := newCache(t, s, Options{Scheduler: NewScheduler(SchedulerOptions{Concurrency: 1})})
		var wg sync.WaitGroup
		for _, key := range []string{"a", "b"} {
			wg.Go(func() {
				if _, err := tryRead(c, version(key, 100), 0, 100, ReadOptions{}); !errors.Is(err, ErrClosed) {
					t.Errorf("error %v, want %v", err, ErrClosed)
				}
			})
		}
		synctest.Wait()
		_ = c.Close()
		wg.Wait()
		checkIdle(t, c)
	})
}
