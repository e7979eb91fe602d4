package lsm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hearthcache/hearth/lance/storage"
)

// Plan says how a query was answered. A query that is given one fills it in when it ends, also when it fails.
type Plan struct {
	// Query is the query in words.
	Query string `json:"query"`
	// Table and Version name the table and the version of its base.
	Table   string `json:"table"`
	Version uint64 `json:"version"`
	// Sources are the base and the generations, newest first, those that were not looked at included.
	Sources []SourcePlan `json:"sources"`
	// Rows is the number of rows in the answer.
	Rows int64 `json:"rows"`
	// Opens, Lists and Reads count the requests to the store, Bytes what the reads returned. What decoded objects in the
	// cache spared is not among them.
	Opens int64 `json:"opens"`
	Lists int64 `json:"lists"`
	Reads int64 `json:"reads"`
	Bytes int64 `json:"bytes"`
	// Elapsed is the time from the call to the end.
	Elapsed time.Duration `json:"elapsed_ns"`
}

// SourcePlan says what a query did with one source.
type SourcePlan struct {
	// Source is "base", the generation, or "memory of" one that a writer will publish; Shard is the shard's id.
	Source string `json:"source"`
	Shard  string `json:"shard,omitempty"`
	// Rows is how many rows the source has, deleted ones included; -1 when it was not opened.
	Rows int64 `json:"rows"`
	// Access says how rows were found, such as "scan", "index id_idx" or "skipped: bloom filter".
	Access string `json:"access"`
	// Notes say what a reader of the plan should know, such as why an index was not used.
	Notes []string `json:"notes,omitempty"`
	// Hidden is the number of rows that newer sources or tombstones hide, -1 when nobody counted.
	Hidden int64 `json:"hidden"`
	// Matched is how many rows of the source are in the answer, or were candidates for it.
	Matched int64 `json:"matched"`
}

func (p *SourcePlan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// String is the plan for people.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\ntable %s version %d: %d rows in %v, %d bytes in %d reads, %d opens, %d lists\n",
		p.Query, p.Table, p.Version, p.Rows, p.Elapsed.Round(time.Microsecond), p.Bytes, p.Reads, p.Opens, p.Lists)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "source\tshard\trows\thidden\tmatched\taccess")
	count := func(n int64) string {
		if n < 0 {
			return "-"
		}
		return fmt.Sprint(n)
	}
	for _, s := range p.Sources {
		shard, _, _ := strings.Cut(s.Shard, "-")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", s.Source, shard, count(s.Rows), count(s.Hidden), s.Matched, strings.Join(append([]string{s.Access}, s.Notes...), "; "))
	}
	_ = w.Flush() // into memory
	return b.String()
}

// query is a query under way.
type query struct {
	snap  *Snapshot
	plan  *Plan        // nil when nobody asked
	at    []SourcePlan // by source; each is written by whoever reads that source
	meter *meter
	start time.Time

	pruned pruned // by the filter
}

// begin starts a query on a snapshot.
func (s *Snapshot) begin(ctx context.Context, plan *Plan, words string) (context.Context, *query) {
	q := &query{snap: s, plan: plan, at: make([]SourcePlan, len(s.sources)), start: time.Now()}
	ctx, q.meter = withMeter(ctx)
	for i, x := range s.sources {
		q.at[i] = SourcePlan{Source: x.name(), Shard: shardName(x.shard), Rows: -1, Hidden: -1, Access: "not needed"}
	}
	if plan != nil {
		*plan = Plan{Query: words, Table: s.table.path, Version: s.Version()}
	}
	return ctx, q
}

// end fills the plan in and says of the error what a caller can decide by.
func (q *query) end(rows int64, err error) error {
	if p := q.plan; p != nil {
		p.Sources, p.Rows, p.Elapsed = q.at, rows, time.Since(q.start)
		p.Opens, p.Lists, p.Reads, p.Bytes = q.meter.opens.Load(), q.meter.lists.Load(), q.meter.reads.Load(), q.meter.bytes.Load()
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, storage.ErrNotFound) && !errors.Is(err, ErrStale) {
		err = fmt.Errorf("%w: %w", ErrStale, err)
	}
	return fmt.Errorf("lsm: table %q: %w", q.snap.table.path, err)
}

// open opens a source for the query.
func (q *query) open(ctx context.Context, i int) (*source, *opened, error) {
	src := q.snap.sources[i]
	o, err := src.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	q.at[i].Rows = o.rows
	return src, o, nil
}
