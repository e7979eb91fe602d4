package pagecache

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/hearthcache/hearth/internal/epoch"
)

func TestOptions(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Options
		want string // in the error; none if empty
	}{
		{"the zero value", Options{}, ""},
		{"the smallest", Options{MemoryBytes: 4 * 4096, PageBytes: 4096, RunBytes: 4096, ReadAheadBytes: 4096, PinBytes: 1}, ""},
		{"pages larger than the default run", Options{PageBytes: 8 << 20}, ""},
		{"memory that is no multiple of a page", Options{MemoryBytes: 5*64*kib - 1, PinBytes: 1}, ""},
		{"an odd page size", Options{PageBytes: 5000}, "page size 5000"},
		{"small pages", Options{PageBytes: 2048}, "page size 2048"},
		{"large pages", Options{PageBytes: 16 << 20}, "page size 16777216"},
		{"a negative page size", Options{PageBytes: -4096}, "page size -4096"},
		{"little memory", Options{MemoryBytes: 3 * 64 * kib}, "fewer than four pages"},
		{"negative memory", Options{MemoryBytes: -1}, "fewer than four pages"},
		{"too much memory", Options{MemoryBytes: 1 << 62}, "more than 8 TiB"},
		{"runs below a page", Options{RunBytes: 4096}, "run of 4096 bytes"},
		{"negative runs", Options{RunBytes: -1}, "run of -1 bytes"},
		{"runs as long as can be", Options{RunBytes: 1<<63 - 1}, ""},
		{"read-ahead below a page", Options{ReadAheadBytes: 1}, "read-ahead of 1 bytes"},
		{"pins beyond memory", Options{PinBytes: 2 << 30}, "pin budget"},
		{"negative pins", Options{PinBytes: -1}, "pin budget"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := New(&script{}, tc.o)
			if err != nil {
				if tc.want == "" || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error %v, want %q", err, tc.want)
				}
				return
			}
			defer closeCache(t, c)
			if tc.want != "" {
				t.Fatalf("no error, want %q", tc.want)
			}
			v := version("k", 2*int64(c.PageBytes())+1)
			readAll(t, c, v, v.Size-2, 2)
			c.fills.Wait()
			if c.RunBytes()%int64(c.PageBytes()) != 0 || c.RunBytes() <= 0 {
				t.Errorf("runs of %d bytes", c.RunBytes())
			}
		})
	}
}

func TestReadersShareTheReadAheadMemory(t *testing.T) {
	c := newCache(t, &script{}, Options{MemoryBytes: 1024 * 4096, RunBytes: 32 * 4096, ReadAheadBytes: 100 * 4096})
	for _, tc := range []struct{ readers, window int64 }{
		{1, 100}, {2, 64}, {4, 32}, {16, 32}, {32, 16}, {512, 1}, {5000, 1},
	} {
		c.readers.Store(tc.readers)
		if got := (&Reader{c: c}).window(); got != tc.window {
			t.Errorf("%d readers: %d pages each, want %d", tc.readers, got, tc.window)
		}
	}
	c.readers.Store(0)
}

func TestPrefetchMakesResidentAndCountsApart(t *testing.T) {
	s := &script{}
	reg := prometheus.NewRegistry()
	c := newCache(t, s, Options{Registerer: reg})
	v := version("k", 10*4096+1)
	want := ReadStats{Filled: Count{11, v.Size}, Runs: 2}
	if st, err := c.Prefetch(t.Context(), v, 0, v.Size, ReadOptions{}); err != nil || st != want {
		t.Errorf("%+v, %v, want %+v", st, err, want)
	}
	want = ReadStats{Hit: Count{11, v.Size}}
	if st, err := c.Prefetch(t.Context(), v, 0, v.Size, ReadOptions{}); err != nil || st != want {
		t.Errorf("%+v, %v, want %+v", st, err, want)
	}
	c.table.each("", "", func(o *object) bool {
		o.eachLocked(0, 10, func(p *page) {
			if p.used.Load() {
				t.Errorf("page %d counts as used", p.no)
			}
		})
		return true
	})
	readAll(t, c, v, 1, 4096)
	checkIdle(t, c)
	wipe(c, v)
	got := gather(t, reg)
	for name, n := range map[string]float64{
		"pages_total{prefetch,filled}":   11,
		"pages_total{prefetch,hit}":      11,
		"pages_total{demand,hit}":        2,
		"pages_total{demand,filled}":     0,
		"bytes_total{prefetch,filled}":   float64(v.Size),
		"bytes_total{demand,hit}":        4096,
		"origin_runs_total{}":            2,
		"origin_bytes_total{}":           float64(v.Size),
		"evicted_total{invalidation}":    11,
		"evicted_total{space}":           0,
		"not_admitted_total{}":           0,
		"memory_bytes{}":                 64 * 4096,
		"used_bytes{}":                   0,
		"resident_pages{}":               0,
		"objects{}":                      0,
		"in_flight_bytes{}":              0,
		"origin_slots_used{demand}":      0,
		"origin_slots_waiting{prefetch}": 0,
		"pages_total{demand,bypassed}":   0,
		"pages_total{prefetch,joined}":   0,
		"bytes_total{prefetch,bypassed}": 0,
		"resident_bytes{}":               0,
		"pinned_bytes{}":                 0,
		"origin_slots_used{prefetch}":    0,
		"pages_total{demand,joined}":     0,
		"origin_slots_waiting{demand}":   0,
		"bytes_total{demand,joined}":     0,
		"pages_total{prefetch,bypassed}": 0,
		"bytes_total{prefetch,hit}":      float64(v.Size),
		"bytes_total{demand,filled}":     0,
		"bytes_total{demand,bypassed}":   0,
		"bytes_total{prefetch,joined}":   0,
	} {
		if have, ok := got[name]; !ok || have != n {
			t.Errorf("%s = %v, want %v", name, have, n)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s is not looked at", name)
	}
}

// gather returns samples as name{labels} without the prefix.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			value := m.GetGauge().GetValue()
			if f.GetType() == dto.MetricType_COUNTER {
				value = m.GetCounter().GetValue()
			}
			got[strings.TrimPrefix(f.GetName(), "hearth_pagecache_")+"{"+strings.Join(labels, ",")+"}"] = value
		}
	}
	return got
}

func TestLongReadsReportBeforeTheyEnd(t *testing.T) {
	c := newCache(t, &script{}, Options{MemoryBytes: 1024 * 4096})
	v := version("k", 2*flushPages*4096)
	r := c.Read(t.Context(), v, 0, v.Size, ReadOptions{})
	for i := range int64(flushPages) {
		next(t, r, v, i*4096)
	}
	if n := c.Stats().Filled; n != flushPages {
		t.Errorf("%d pages reported, want %d", n, flushPages)
	}
	next(t, r, v, flushPages*4096)
	_ = r.Close()
	if n := c.Stats().Filled; n != flushPages+1 {
		t.Errorf("%d pages reported, want %d", n, flushPages+1)
	}
}

func TestIntrospection(t *testing.T) {
	c := newCache(t, &script{}, Options{})
	c.Pin("bucket", "a/")
	a, b := version("a/1", 3*4096), version("b/1", 5)
	readAll(t, c, a, 4096, 1)
	readAll(t, c, b, 0, 5)
	c.fills.Wait()
	var got []ObjectInfo
	c.Objects("bucket", "a", func(o ObjectInfo) bool {
		got = append(got, o)
		c.Resident(o.Version, 0, o.Version.Size) // the cache may be called
		return true
	})
	if diff := cmp.Diff(got, []ObjectInfo{{Version: a, Pages: 3, ResidentPages: 1, ResidentBytes: 4096, Pinned: true}}); diff != "" {
		t.Errorf("objects (-got +want):\n%s", diff)
	}
	n := 0
	c.Objects("", "", func(ObjectInfo) bool { n++; return false })
	if n != 1 {
		t.Errorf("%d objects after the first was enough", n)
	}
}

func TestAPanicOfTheSourceIsLogged(t *testing.T) {
	var out strings.Builder
	s := &script{open: func(context.Context, Version, int64, int64) error { panic("boo") }}
	c := newCache(t, s, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	if _, err := tryRead(c, version("k", 10), 0, 10, ReadOptions{}); err == nil {
		t.Error("no error")
	}
	c.fills.Wait()
	if !strings.Contains(out.String(), "source panicked") || !strings.Contains(out.String(), "key=k") {
		t.Errorf("log: %s", out.String())
	}
}

func TestTheHitPathDoesNotAllocate(t *testing.T) {
	c := newCache(t, &script{}, Options{MemoryBytes: 1024 * 4096, PinBytes: 1})
	v := version("k", 512*4096)
	readAll(t, c, v, 0, v.Size)
	c.fills.Wait()
	ctx := context.Background()
	for _, pages := range []int64{1, 16, 512} {
		got := testing.AllocsPerRun(100, func() {
			r := c.Read(ctx, v, 10, pages*4096-20, ReadOptions{})
			if n, err := writeTo(r, io.Discard); n != pages*4096-20 || err != nil {
				t.Error(n, err)
			}
			_ = r.Close()
		})
		if got > 1 { // the reader itself, unless it is put on the stack
			t.Errorf("%d pages: %v allocations", pages, got)
		}
		if got := testing.AllocsPerRun(100, func() { c.Resident(v, 0, v.Size) }); got > 0 {
			t.Errorf("Resident: %v allocations", got)
		}
	}
}

func TestOpeningAndInvalidatingAtOnceKeepsNothingOld(t *testing.T) {
	c := newCache(t, &script{}, Options{})
	for i := range 300 {
		v := version(fmt.Sprint("k", i), 4096)
		since := c.epochs.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := tryRead(c, v, 0, v.Size, ReadOptions{Epoch: since}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() { wipe(c, v) })
		wg.Wait()
		c.fills.Wait()
		if n := c.Resident(v, 0, v.Size).ResidentPages; n != 0 {
			t.Fatalf("round %d: %d pages stay", i, n)
		}
	}
	checkIdle(t, c)
}

func TestManyCachesShareOneEpochLog(t *testing.T) {
	log := epoch.NewLog(2)
	a, b := newCache(t, &script{}, Options{Epochs: log}), newCache(t, &script{}, Options{Epochs: log})
	v := version("k", 10)
	since := log.Now()
	for range 3 { // more than the log remembers
		log.Add(epoch.Scope{Bucket: "elsewhere", Prefix: true})
	}
	for _, c := range []*Cache{a, b} {
		if _, err := tryRead(c, v, 0, 10, ReadOptions{Epoch: since}); err != nil || c.table.len() != 0 {
			t.Errorf("%v; %d objects kept although the log does not reach back", err, c.table.len())
		}
	}
}
