package pagecache

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMoreDeliversWhatIsResidentAndHoldsItTogether(t *testing.T) {
	const page = 4096
	for name, tt := range map[string]struct {
		resident []int64 // pages
		room     int
		bytes    int64
		want     int // pieces besides the first
	}{
		"all pages":                    {[]int64{0, 1, 2, 3}, 10, 1 << 20, 3},
		"as many as there is room for": {[]int64{0, 1, 2, 3}, 3, 1 << 20, 2},
		"as many bytes as wanted":      {[]int64{0, 1, 2, 3}, 10, page + 1, 2},
		"no bytes":                     {[]int64{0, 1, 2, 3}, 10, 0, 0},
		"fewer than no bytes":          {[]int64{0, 1, 2, 3}, 10, -page, 0},
		"up to the page before a gap":  {[]int64{0, 1, 3}, 10, 1 << 20, 0},
		"nothing that is missing":      {[]int64{0}, 10, 1 << 20, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCache(t, &script{}, Options{})
			v := version("k", 4*page)
			for _, no := range tt.resident {
				readAll(t, c, v, no*page, page)
			}
			c.fills.Wait()
			r := c.Read(t.Context(), v, 100, 4*page-100, ReadOptions{})
			defer func() { _ = r.Close() }()
			first, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			pieces := r.More(append(make([][]byte, 0, tt.room), first), tt.bytes)
			if got := len(pieces) - 1; got > tt.want || (got < tt.want && len(tt.resident) == 4) {
				t.Errorf("%d more pieces, want %d", got, tt.want)
			}
			// Evicting everything takes no byte away from under the reader.
			wipe(c, v)
			if got, want := bytes.Join(pieces, nil), content(v, 100, r.at-100); !bytes.Equal(got, want) {
				t.Error("the pieces are not the range")
			}
		})
	}
}

func TestMoreAndNextTogetherDeliverTheRange(t *testing.T) {
	const page, n = 4096, 10*4096 + 17
	c := newCache(t, &script{}, Options{})
	v := version("k", n)
	for _, no := range []int64{1, 2, 3, 6, 7, 10} {
		readAll(t, c, v, no*page, page)
	}
	r := c.Read(t.Context(), v, 5, n-5, ReadOptions{})
	var got []byte
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, bytes.Join(r.More(append(make([][]byte, 0, 4), b), 1<<20), nil)...)
	}
	if !bytes.Equal(got, content(v, 5, n-5)) {
		t.Errorf("%d bytes that are not the range", len(got))
	}
	stats := r.Stats()
	if diff := cmp.Diff(stats.Hit.Pages+stats.Joined.Pages+stats.Filled.Pages, int64(11)); diff != "" {
		t.Errorf("pages (-got +want):\n%s", diff)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if more := r.More(make([][]byte, 0, 4), 1<<20); len(more) > 0 {
		t.Error("a closed reader delivers")
	}
}
