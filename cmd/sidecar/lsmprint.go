package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/lance/inspect/cat"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/proxy/objectstore"
)

// rowsOutput prints rows. It is an engine.Output.
type rowsOutput struct {
	w       io.Writer
	format  string
	keys    int // that were asked for
	head    engine.Head
	to      cat.Writer
	printed int64
}

// Start implements engine.Output.
func (o *rowsOutput) Start(h engine.Head) (err error) {
	o.head = h
	if o.format == formatTable {
		o.to = inspect.NewRowWriter(o.w, h.Schema)
		return nil
	}
	o.to, err = cat.NewWriter(o.w, cat.Format(o.format), h.Schema)
	return err
}

// Batch implements engine.Output.
func (o *rowsOutput) Batch(b arrow.RecordBatch) error {
	o.printed += b.NumRows()
	return o.to.Write(b)
}

// close ends the rows.
func (o *rowsOutput) close() error {
	if err := o.to.Close(); err != nil || o.format != formatTable {
		return err
	}
	missing := ""
	if n := int64(o.keys) - o.printed; n > 0 {
		missing = fmt.Sprintf(", %d of %d keys are not there", n, o.keys)
	}
	_, err := fmt.Fprintf(o.w, "\n%d %s of version %d%s\n", o.printed, plural(o.printed, "row"), o.head.Version, missing)
	return err
}

func plural(n int64, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// writeJSONTo prints a value as JSON for people and programs.
func writeJSONTo(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// writeReport prints how a query was answered.
func writeReport(w io.Writer, format string, rep *engine.Report) error {
	if format == formatJSON {
		return writeJSONTo(w, rep)
	}
	if _, err := io.WriteString(w, rep.Plan.String()); err != nil {
		return err
	}
	if (rep.Freshness == objectstore.Counts{} && rep.Query == objectstore.Counts{}) {
		return nil // read without a cache in between
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nstore\thits\tmisses\trevalidated\tnot cached\tlists")
	fmt.Fprintf(t, "what is new\t%d\t%d\t%d\t%d\t%d\n", rep.Freshness.Hits, rep.Freshness.Misses, rep.Freshness.Revalidated, rep.Freshness.Passed, rep.Freshness.Lists)
	fmt.Fprintf(t, "query\t%d\t%d\t%d\t%d\t%d\n", rep.Query.Hits, rep.Query.Misses, rep.Query.Revalidated, rep.Query.Passed, rep.Query.Lists)
	if err := t.Flush(); err != nil {
		return err
	}
	stale := ""
	if rep.Stale {
		stale = ", asked twice: objects of an older state were gone"
	}
	_, err := fmt.Fprintf(w, "\nas of %s, %s in all%s\n", rep.AsOf.UTC().Format(time.RFC3339Nano), rep.Elapsed.Round(time.Microsecond), stale)
	return err
}

func (p *process) lsmInspectCommand() *cobra.Command {
	f := &lsmFlags{}
	var asJSON, count bool
	cmd := &cobra.Command{
		Use:   "inspect TABLE",
		Short: "Say what queries on a table read",
		Long: `Says what queries read: columns, shards, generations newest first and the base, and
the indexes that they may use. "sidecar lance inspect" shows what is in the files.
` + lsmHelp,
		Example: `  sidecar lsm inspect db/items.lance --count
  sidecar lsm inspect s3://lake/items.lance --admin 127.0.0.1:9001 --json`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			source, err := f.open(p, cmd, a[0])
			if err != nil {
				return about(a[0], err)
			}
			defer source.close()
			d, err := source.describe(cmd.Context(), count, f.timeout)
			if err != nil {
				return about(a[0], plain(err))
			}
			d.Table = a[0]
			return pipe(cmd, func(w io.Writer) error {
				if asJSON {
					return writeJSONTo(w, d)
				}
				return writeDescription(w, d)
			})
		},
	}
	cmd.Flags().BoolVar(&count, "count", false, "count the rows that queries see; this may read the primary key of every row")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	p.lsmStoreFlags(cmd, f)
	return cmd
}

// writeDescription prints what a table consists of.
func writeDescription(w io.Writer, d *lsm.Description) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...any) {
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = fmt.Sprint(c)
		}
		fmt.Fprintln(t, strings.TrimRight(strings.Join(texts, "\t"), "\t"))
	}
	row("table", d.Table)
	row("version", fmt.Sprintf("%d, %s", d.Version, d.Committed.Format(time.DateTime+" UTC")))
	if d.Visible >= 0 {
		row("visible", fmt.Sprintf("%d %s", d.Visible, plural(d.Visible, "row")))
	}
	if d.Sharding != "" {
		row("sharding", d.Sharding)
	}
	if d.Compacted > 0 {
		row("compacted", fmt.Sprintf("%d published generations are in the base and not read", d.Compacted))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	row()
	row("COLUMN", "TYPE", "")
	for _, c := range d.Columns {
		var notes []string
		if c.Key > 0 {
			notes = append(notes, fmt.Sprintf("primary key %d", c.Key))
		}
		if !c.Nullable {
			notes = append(notes, "not null")
		}
		if c.Unsupported != "" {
			notes = append(notes, "not read: "+c.Unsupported)
		}
		row(c.Name, c.Type, strings.Join(notes, ", "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	row()
	row("SHARD", "MANIFEST", "EPOCH", "PUBLISHED", "")
	for _, s := range d.Shards {
		sealed := ""
		if s.Sealed {
			sealed = "sealed"
		}
		row(s.ID, s.ManifestVersion, s.WriterEpoch, s.Generations, sealed)
	}
	if len(d.Shards) > 0 {
		if err := t.Flush(); err != nil {
			return err
		}
		row()
	}
	row("SOURCE", "SHARD", "FRAGMENTS", "ROWS", "DELETED", "INDEXES")
	for _, s := range d.Sources {
		var indexes []string
		for _, x := range s.Indexes {
			text := fmt.Sprintf("%s %s(%s)", x.Name, x.Kind, x.Column)
			if x.Uncovered > 0 {
				text += fmt.Sprintf(" without %d fragments", x.Uncovered)
			}
			indexes = append(indexes, text)
		}
		shard, _, _ := strings.Cut(s.Shard, "-")
		row(s.Source, shard, s.Fragments, s.Rows, s.Deleted, strings.Join(indexes, ", "))
	}
	return t.Flush()
}
