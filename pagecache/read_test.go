package pagecache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRangesAreCutToTheObject(t *testing.T) {
	const tib = 1 << 40
	for _, tc := range []struct {
		name         string
		size, off, n int64
		calls        []string
	}{
		{"a whole small object", 100, 0, 100, []string{"0+100"}},
		{"an empty object", 0, 0, 10, nil},
		{"an object of negative size", -5, 0, 10, nil},
		{"no bytes", 100, 5, 0, nil},
		{"fewer than no bytes", 100, 5, -1, nil},
		{"past the end", 100, 100, 1, nil},
		{"over the end", 100, 99, 1000, []string{"0+100"}},
		{"before the beginning", 100, -5, 10, []string{"0+100"}},
		{"a length that would overflow", 100, 50, math.MaxInt64, []string{"0+100"}},
		{"an offset that would overflow", 100, math.MaxInt64, math.MaxInt64, nil},
		{"in the middle of a page", 8192, 5000, 10, []string{"4096+4096"}},
		{"across a page boundary", 8192, 4090, 10, []string{"0+8192"}},
		{"exactly one page", 12288, 4096, 4096, []string{"4096+4096"}},
		{"more than a run", 40960, 0, 40960, []string{"0+32768", "32768+8192"}},
		{"the end of 5 TiB", 5 * tib, 5*tib - 5000, 5000, []string{fmt.Sprint(5*tib-8192, "+8192")}},
		{"the end of the largest size", math.MaxInt64, math.MaxInt64 - 10, 10, []string{fmt.Sprint(int64(math.MaxInt64)-4095, "+4095")}},
		{"the beginning of the largest size", math.MaxInt64, 0, 10, []string{"0+4096"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &script{}
			c := newCache(t, s, Options{})
			v := version("k", tc.size)
			if r := c.Resident(v, tc.off, tc.n); r.ResidentPages != 0 {
				t.Errorf("resident before: %+v", r)
			}
			readAll(t, c, v, tc.off, tc.n)
			c.fills.Wait()
			if diff := cmp.Diff(s.calls(), tc.calls); diff != "" {
				t.Errorf("calls (-got +want):\n%s", diff)
			}
			readAll(t, c, v, tc.off, tc.n)
			if calls := s.calls(); calls != nil {
				t.Errorf("the second read asked the origin: %v", calls)
			}
			r := c.Resident(v, tc.off, tc.n)
			_, n := clamp(tc.size, tc.off, tc.n)
			if r.Pages != r.ResidentPages || r.ResidentBytes != n {
				t.Errorf("resident after: %+v, want all of %d bytes", r, n)
			}
			c.Objects("bucket", "", func(ObjectInfo) bool { return true })
			checkIdle(t, c)
		})
	}
}

func TestHugeSizesCostNoMemory(t *testing.T) {
	c := newCache(t, &script{}, Options{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 64 {
		v := version(fmt.Sprint(i), math.MaxInt64-int64(i))
		readAll(t, c, v, v.Size/2, 100)
		c.EvictRange(v, 0, v.Size)
		if strips := c.Strips("bucket", v.Key, 10); strips != nil {
			t.Errorf("%+v", strips)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("allocated %d bytes", grown)
	}
	checkIdle(t, c)
}

func TestPagesOfAVersionAreItsOwn(t *testing.T) {
	c := newCache(t, &script{}, Options{})
	for _, v := range []Version{
		{"b", "k", "1", 9000},
		{"b", "k", "2", 9000},
		{"b", "k", "1", 9001},
		{"b2", "k", "1", 9000},
	} {
		readAll(t, c, v, 0, v.Size)
	}
	if n := c.table.len(); n != 4 {
		t.Errorf("%d objects, want 4", n)
	}
	checkIdle(t, c)
}

// A cutBody ends, goes on, fails or stops making sense after some bytes.
type cutBody struct {
	io.ReadCloser
	left int
	then func(p []byte) (int, error)
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return b.then(p)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func TestFaultsOfTheSourceReachTheReaderAndAreForgotten(t *testing.T) {
	fault := errors.New("fault")
	const size = 3*4096 + 100
	cut := func(after int, then func(p []byte) (int, error)) func(context.Context, *scriptBody) io.ReadCloser {
		return func(_ context.Context, b *scriptBody) io.ReadCloser { return &cutBody{b, after, then} }
	}
	for _, tc := range []struct {
		name string
		open func(context.Context, Version, int64, int64) error
		wrap func(context.Context, *scriptBody) io.ReadCloser
		want error
		text string
		kept int64 // pages that stay
	}{
		{"an error instead of a body", func(context.Context, Version, int64, int64) error { return fault }, nil, fault, "", 0},
		{"the end instead of a body", func(context.Context, Version, int64, int64) error { return io.EOF }, nil, ErrShort, "", 0},
		{"a panic instead of a body", func(context.Context, Version, int64, int64) error { panic("boo") }, nil, nil, "boo", 0},
		{"an exit instead of a body", func(context.Context, Version, int64, int64) error { runtime.Goexit(); return nil }, nil, nil, "did not return", 0},
		{"another version", func(context.Context, Version, int64, int64) error { return fmt.Errorf("412: %w", ErrChanged) }, nil, ErrChanged, "", 0},
		{"an error in the body", nil, cut(4096+5, func([]byte) (int, error) { return 0, fault }), fault, "", 1},
		{"another version in the body", nil, cut(4096+5, func([]byte) (int, error) { return 0, fmt.Errorf("x: %w", ErrChanged) }), ErrChanged, "", 0},
		{"a short body", nil, cut(4096+5, func([]byte) (int, error) { return 0, io.EOF }), ErrShort, "", 1},
		{"a body short by one", nil, cut(size-1, func([]byte) (int, error) { return 0, io.EOF }), ErrShort, "", 3},
		{"a body short by pages", nil, cut(4096, func([]byte) (int, error) { return 0, io.EOF }), ErrShort, "", 1},
		{"a body that breaks off", nil, cut(4096, func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }), ErrShort, "", 1},
		{"a long body", nil, cut(size, func(p []byte) (int, error) { return 1, nil }), ErrShort, "", 3},
		{"an error at the very end", nil, cut(size, func([]byte) (int, error) { return 0, fault }), fault, "", 3},
		{"a body that neither ends nor goes on", nil, cut(size, func([]byte) (int, error) { return 0, nil }), io.ErrNoProgress, "", 3},
		{"a panic in the body", nil, cut(5, func([]byte) (int, error) { panic("boo") }), nil, "boo", 0},
		{"more bytes than were asked for", nil, cut(5, func(p []byte) (int, error) { return len(p) + 1, nil }), nil, "claims", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &script{open: tc.open, wrap: tc.wrap}
			c := newCache(t, s, Options{})
			v := version("k", size)
			_, err := tryRead(c, v, 0, v.Size, ReadOptions{})
			switch {
			case err == nil || err == io.EOF || errors.Is(err, io.EOF):
				t.Errorf("error %v looks like the end", err)
			case tc.want != nil && !errors.Is(err, tc.want):
				t.Errorf("error %v, want %v", err, tc.want)
			case !strings.Contains(err.Error(), tc.text):
				t.Errorf("error %v, want %q", err, tc.text)
			}
			checkIdle(t, c)
			if r := c.Resident(v, 0, v.Size); r.ResidentPages != tc.kept {
				t.Errorf("%d pages stay, want %d", r.ResidentPages, tc.kept)
			}
			s.open, s.wrap = nil, nil
			readAll(t, c, v, 0, v.Size)
			checkIdle(t, c)
		})
	}
}

func TestErrorsAreFinal(t *testing.T) {
	s := &script{open: func(context.Context, Version, int64, int64) error { return errors.New("fault") }}
	c := newCache(t, s, Options{})
	r := c.Read(t.Context(), version("k", 100), 0, 100, ReadOptions{})
	_, first := r.Next()
	_, second := r.Next()
	if first == nil || first != second {
		t.Errorf("%v, then %v", first, second)
	}
	_ = r.Close()
	_ = r.Close()
	if _, err := r.Next(); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if n, err := writeTo(r, io.Discard); n != 0 || !errors.Is(err, ErrClosed) {
		t.Errorf("reading after Close: %d, %v", n, err)
	}
	if got := r.Resident(); got != (Residency{}) {
		t.Errorf("residency after Close: %+v", got)
	}
	checkIdle(t, c)
}

func TestReaderTellsResidencyBeforeItBegins(t *testing.T) {
	s := &script{}
	c := newCache(t, s, Options{})
	v := version("k", 10*4096)
	readAll(t, c, v, 2*4096, 4096)
	body := newBody(t.Context(), v, 0, 4096, false)
	r := c.Read(t.Context(), v, 100, 3*4096-100, ReadOptions{Body: &Opened{0, 4096, body}})
	got := r.Resident()
	if want := (Residency{Pages: 3, ResidentPages: 1, ResidentBytes: 4096}); got != want {
		t.Errorf("%+v, want %+v: the opened body's page is not resident", got, want)
	}
	_, _ = writeTo(r, io.Discard)
	_ = r.Close()
	r = c.Read(t.Context(), v, 100, 3*4096-100, ReadOptions{})
	if got := r.Resident(); got.Pages != got.ResidentPages || got.ResidentBytes != 3*4096-100 {
		t.Errorf("%+v, want all", got)
	}
	_ = r.Close()
	checkIdle(t, c)
}
