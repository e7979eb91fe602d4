package pagecache

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func TestOpenedBodiesFeedThePagesTheyCover(t *testing.T) {
	const page = 4096
	size := int64(12*page + 100)
	for _, tc := range []struct {
		name      string
		resident  []int64 // pages there before
		off, n    int64   // to read
		from, len int64   // the body
		calls     []string
		kept      []int64 // pages there afterwards
	}{
		{"the range exactly", nil, 0, 2 * page, 0, 2 * page, nil, []int64{0, 1}},
		{"the tail of the object", nil, 12 * page, 100, 12 * page, 100, nil, []int64{12}},
		{"a suffix that begins within a page", nil, 11 * page, page + 100, 11*page - 7, page + 107, nil, []int64{11, 12}},
		{"a partial first page that is needed", nil, 10*page + 50, 2 * page, 10*page + 50, 2*page + 50, []string{"40960+4096"}, []int64{10, 11, 12}},
		{"a partial last page", nil, 0, page + 1, 0, page + 1, []string{"4096+4096"}, []int64{0, 1}},
		{"less than a page", nil, 0, page, 0, 100, []string{"0+4096"}, []int64{0}},
		{"the middle of the range", nil, 0, 4 * page, page, 2 * page, []string{"0+4096", "12288+4096"}, []int64{0, 1, 2, 3}},
		{"what is resident already", []int64{0, 1}, 0, 2 * page, 0, 2 * page, nil, []int64{0, 1}},
		{"what is resident in part", []int64{1, 3}, 0, 5 * page, 0, 5 * page, nil, []int64{0, 1, 2, 3, 4}},
		{"bytes beside the range", nil, 0, page, 6 * page, page, []string{"0+4096"}, []int64{0}},
		{"bytes behind the range", nil, 0, page, 0, 4 * page, nil, []int64{0}},
		{"bytes in front of the range", nil, 2 * page, page, 0, 3 * page, nil, []int64{0, 1, 2}},
		{"more than a run", nil, 0, 10 * page, 0, 10 * page, []string{"32768+8192"}, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"nothing", nil, 0, page, 0, 0, []string{"0+4096"}, []int64{0}},
		{"a negative length", nil, 0, page, 0, -page, []string{"0+4096"}, []int64{0}},
		{"a negative offset", nil, 0, page, -page, page, []string{"0+4096"}, []int64{0}},
		{"bytes past the end", nil, 0, page, 13 * page, page, []string{"0+4096"}, []int64{0}},
		{"bytes over the end", nil, 0, page, 12 * page, page, []string{"0+4096"}, []int64{0}},
		{"an end that overflows", nil, 0, page, page, math.MaxInt64, []string{"0+4096"}, []int64{0}},
		{"an offset that overflows", nil, 0, page, math.MaxInt64, page, []string{"0+4096"}, []int64{0}},
		{"nothing of an empty range", nil, 0, 0, 0, 2 * page, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{}
				c := newCache(t, s, Options{MemoryBytes: 256 * page})
				v := version("k", size)
				for _, no := range tc.resident {
					readAll(t, c, v, no*page, page)
				}
				s.calls()
				body := newBody(context.Background(), v, tc.from, tc.len, false)
				stats, err := tryRead(c, v, tc.off, tc.n, ReadOptions{Body: &Opened{tc.from, tc.len, body}})
				if err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if diff := cmp.Diff(sorted(s.calls()), tc.calls); diff != "" {
					t.Errorf("calls (-got +want):\n%s", diff)
				}
				if stats.Runs != int64(len(tc.calls)) {
					t.Errorf("%d runs, want %d", stats.Runs, len(tc.calls))
				}
				if body.closes != 1 {
					t.Errorf("the body was closed %d times", body.closes)
				}
				var kept []int64
				for _, strip := range c.Strips(v.Bucket, v.Key, 100) {
					for _, run := range strip.Runs {
						for no := run.First; no <= run.Last; no++ {
							kept = append(kept, no)
						}
					}
				}
				if diff := cmp.Diff(kept, tc.kept); diff != "" {
					t.Errorf("pages kept (-got +want):\n%s", diff)
				}
				checkIdle(t, c)
			})
		})
	}
}

func TestAnOpenedBodyOfTheWrongLengthFails(t *testing.T) {
	for _, n := range []int64{0, 4095, 8191, 8193} {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t, &script{}, Options{})
			v := version("k", 16384)
			body := newBody(context.Background(), v, 0, n, false)
			if _, err := tryRead(c, v, 0, 8192, ReadOptions{Body: &Opened{0, 8192, body}}); !errors.Is(err, ErrShort) {
				t.Errorf("body of %d bytes: %v, want %v", n, err, ErrShort)
			}
			synctest.Wait()
			if body.closes != 1 {
				t.Errorf("the body was closed %d times", body.closes)
			}
			checkIdle(t, c)
		})
	}
}

func TestOfTwoOpenedBodiesOneIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		c := newCache(t, s, Options{})
		v := version("k", 8*4096)
		first := newBody(context.Background(), v, 0, v.Size, true)
		second := newBody(context.Background(), v, 0, v.Size, true)
		a := c.Read(t.Context(), v, 0, v.Size, ReadOptions{Body: &Opened{0, v.Size, first}})
		b := c.Read(t.Context(), v, 0, v.Size, ReadOptions{Body: &Opened{0, v.Size, second}})
		if second.closes != 1 {
			t.Errorf("the second body was closed %d times", second.closes)
		}
		_ = a.Close() // the other goes on with the first one's body
		first.let(v.Size + 1)
		for i := range int64(8) {
			next(t, b, v, i*4096)
		}
		if s := b.Stats(); s.Joined.Pages != 8 {
			t.Errorf("%+v", s)
		}
		_ = b.Close()
		synctest.Wait()
		if first.closes != 1 || s.calls() != nil {
			t.Errorf("the first body was closed %d times", first.closes)
		}
		checkIdle(t, c)
	})
}

func TestAnOpenedBodyIsClosedWhenThereIsNoMemory(t *testing.T) {
	s := &script{}
	c := newCache(t, s, Options{MemoryBytes: 4 * 4096, RunBytes: 4096, PinBytes: 4 * 4096})
	c.Pin("bucket", "pinned")
	readAll(t, c, version("pinned", 4*4096), 0, 4*4096)
	v := version("k", 2*4096)
	body := newBody(t.Context(), v, 0, v.Size, false)
	stats, err := tryRead(c, v, 0, v.Size, ReadOptions{Body: &Opened{0, v.Size, body}})
	if err != nil || stats.Bypassed.Bytes != v.Size || body.closes != 1 {
		t.Errorf("%+v, %v; body closed %d times", stats, err, body.closes)
	}
	checkIdle(t, c)
}
