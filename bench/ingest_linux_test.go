package main

import (
	"bytes"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/google/go-cmp/cmp"
)

func TestIngestRefusesWhatMakesNoSense(t *testing.T) {
	modules := t.TempDir()
	if err := os.MkdirAll(modules+"/@lancedb/lancedb", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"-rows 0", "must be positive"},
		{"-base 10", "at least 300"},
		{"-batches 0", "no number of rows"},
		{"-batches 10,x", "no number of rows"},
		{"-latencies x", "-latencies"},
		{"-subjects x", "none of"},
		{"-updates 101", "share of 100"},
		{"-clients 2", "order of puts"},
		{"-modules /nowhere", "-modules"},
		{"more", "unexpected argument"},
	} {
		_, err := parseIngest(append([]string{"-modules", modules}, strings.Fields(c.args)...), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.args, err, c.want)
		}
	}
	o, err := parseIngest([]string{"-modules", modules, "-clients", "2", "-updates", "0", "-latencies", "0,40ms"}, io.Discard)
	if err != nil || o.clients != 2 || !slices.Equal(o.latencies, []time.Duration{0, 40 * time.Millisecond}) {
		t.Errorf("got %+v, %v", o, err)
	}
}

func someSentences() string {
	var b strings.Builder
	for i := range 200 {
		b.WriteString(strings.Repeat("light and colour ", 1+i%4) + "of number " + strings.Repeat("x", i) + ". ")
	}
	return b.String()
}

func TestRowsAreTheSameForASeedAndReplaceEarlierOnes(t *testing.T) {
	read := func(seed uint64) (all [][]byte, r *ingestRows) {
		r, err := newIngestRows(seed, someSentences(), 20, 30)
		if err != nil {
			t.Fatal(err)
		}
		files, err := r.write(t.TempDir(), "rows", 250, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		return all, r
	}
	first, rows := read(1)
	again, _ := read(1)
	other, _ := read(2)
	if !slices.EqualFunc(first, again, bytes.Equal) || slices.EqualFunc(first, other, bytes.Equal) {
		t.Error("rows do not follow from the seed")
	}
	var sizes []int
	seen := map[string]bool{}
	for _, b := range first {
		f, err := ipc.NewFileReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		batch, err := f.RecordBatchAt(0)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, int(batch.NumRows()))
		inBatch := map[string]bool{}
		for i := range int(batch.NumRows()) {
			id := batch.Column(0).(*array.String).Value(i)
			if inBatch[id] {
				t.Errorf("%s twice in a batch", id)
			}
			inBatch[id], seen[id] = true, true
			v := batch.Column(2).(*array.FixedSizeList).ListValues().(*array.Float32).Float32Values()[i*20 : (i+1)*20]
			square := 0.0
			for _, x := range v {
				square += float64(x) * float64(x)
			}
			if math.Abs(square-1) > 1e-5 {
				t.Errorf("%s has a vector of length %g", id, math.Sqrt(square))
			}
		}
		batch.Release()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(sizes, []int{100, 100, 50}); diff != "" {
		t.Errorf("batches (-got +want):\n%s", diff)
	}
	if len(seen) != len(rows.ids) || len(seen) != rows.next || len(seen) > 230 {
		t.Errorf("%d keys, %d known, %d drawn", len(seen), len(rows.ids), rows.next)
	}
}

func TestTextsWithFewSentencesAreRefused(t *testing.T) {
	if _, err := newIngestRows(1, "One. Two. Three.", 8, 0); err == nil {
		t.Error("no error")
	}
}

func TestIngestReportsMediansAndRatios(t *testing.T) {
	r := &ingestResult{Rows: 1000, Dim: 8, Clients: 1}
	for round := range 3 {
		for subject, ms := range map[string]float64{ingestLanceDB: 1000, ingestHearth: 500} {
			m := &ingestMeasured{Subject: subject, Batch: 100, Rows: 1000}
			m.Put, m.Close, m.CPU, m.Puts = ms*float64(round+1), 0, ms, []float64{1}
			r.Measured = append(r.Measured, m)
		}
	}
	if err := r.check(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.write(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "2.00x 2.00x") || !strings.Contains(b.String(), " 1000|") {
		t.Errorf("got\n%s", b.String())
	}
	r.Measured[0].texts, r.Measured[1].texts = [][]string{{"a"}}, [][]string{{"b"}}
	if err := r.check(); err == nil {
		t.Error("other answers passed")
	}
}
