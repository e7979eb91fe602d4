package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lance/inspect"
)

// lsmWriteHelp says where tables are written.
const lsmWriteHelp = `
With --admin the Hearth whose admin listener is there writes, if its setting
engine-write is on; the path is s3://BUCKET/TABLE then. Without, this process writes
to the table itself: a directory, or s3://BUCKET/TABLE at the origin that serve would
use, or with --endpoint through a running Hearth. It takes over the shards that rows
go to from whoever wrote there before, and flushes what it wrote when it ends.`

func (p *process) lsmPutCommand() *cobra.Command {
	return p.lsmRowsCommand(false, &cobra.Command{
		Use:   "put TABLE [FILE]",
		Short: "Write rows, which replace those with the same keys",
		Long: `Writes rows from a file or from standard input: an Arrow IPC stream, or lines of JSON,
each an object with a value for each column. Columns that are missing are null. Binary
values are base64, dates "2026-01-02", timestamps "2026-01-02T15:04:05", vectors arrays.

Rows are durable batch by batch. When the command fails it says how many are; to run
it again as it was is always right.
` + lsmWriteHelp,
		Example: `  sidecar lsm put db/items.lance rows.jsonl
  sidecar lsm scan s3://lake/old.lance --format arrow | sidecar lsm put s3://lake/items.lance --admin 127.0.0.1:9001`,
	})
}

func (p *process) lsmDeleteCommand() *cobra.Command {
	return p.lsmRowsCommand(true, &cobra.Command{
		Use:   "delete TABLE [FILE]",
		Short: "Delete the rows with some primary keys",
		Long: `Deletes rows by their primary keys, from a file or from standard input: an Arrow IPC
stream with the columns of the key, or lines of JSON, each a value, an array with a
value for each column of the key, or an object. Where a table is divided into shards
by a column that is not part of the key, that column is named too. Keys without a row
are no error.
` + lsmWriteHelp,
		Example: `  echo '"id-000800"' | sidecar lsm delete db/items.lance
  sidecar lsm delete s3://lake/orders.lance keys.jsonl --admin 127.0.0.1:9001`,
	})
}

// lsmRowsCommand completes a command that takes rows, or keys.
func (p *process) lsmRowsCommand(keys bool, cmd *cobra.Command) *cobra.Command {
	f := &lsmFlags{}
	cmd.Args = args(cobra.RangeArgs(1, 2))
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		in, closeInput, err := p.input(a[1:])
		if err != nil {
			return err
		}
		defer closeInput()
		sink, err := f.openSink(p, cmd, a[0], false)
		if err != nil {
			return about(a[0], err)
		}
		counted := &countedReader{r: in}
		if terminal(cmd.ErrOrStderr()) {
			counted.w = cmd.ErrOrStderr()
		}
		began := time.Now()
		out, err := sink.rows(cmd.Context(), counted, keys)
		counted.done()
		err = errors.Join(err, sink.close(cmd.Context()))
		if err != nil {
			return about(a[0], fmt.Errorf("%w (%d rows were written)", plain(err), out.Rows))
		}
		verb := "put"
		if keys {
			verb = "deleted"
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d %s %s, %s in %s%s\n", out.Rows, plural(out.Rows, "row"), verb, inspect.SizeText(counted.n),
			time.Since(began).Round(time.Millisecond), sink.flushed())
		return err
	}
	p.lsmWriteFlags(cmd, f)
	return cmd
}

// lsmWriteFlags adds the flags of commands that write.
func (p *process) lsmWriteFlags(cmd *cobra.Command, f *lsmFlags) {
	p.lsmStoreFlags(cmd, f)
	_ = cmd.Flags().MarkHidden("max-age") // it is for reading
	cmd.Flags().Lookup("timeout").Usage = "give up after this long; 0 means never"
}

func (p *process) lsmFlushCommand() *cobra.Command {
	f := &lsmFlags{}
	cmd := &cobra.Command{
		Use:   "flush TABLE",
		Short: "Publish rows that were written",
		Long: `Publishes what was written to a table as generations, so that every reader sees it.
Without --admin, and with it when that Hearth has not written to the table, this takes
over all its shards and publishes what other writers have left in their logs.
` + lsmWriteHelp,
		Example: `  sidecar lsm flush s3://lake/items.lance --admin 127.0.0.1:9001`,
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			sink, err := f.openSink(p, cmd, a[0], false)
			if err != nil {
				return about(a[0], err)
			}
			before, flushes, err := sink.flush(cmd.Context())
			if err = errors.Join(err, sink.close(cmd.Context())); err != nil {
				return about(a[0], plain(err))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d %s published, %d %s found in logs\n",
				flushes, plural(flushes, "generation"), before, plural(before, "row"))
			return err
		},
	}
	p.lsmWriteFlags(cmd, f)
	return cmd
}

func (p *process) lsmCreateCommand() *cobra.Command {
	f := &lsmFlags{}
	cmd := &cobra.Command{
		Use:   "create TABLE [FILE]",
		Short: "Make an empty table",
		Long: `Makes a table from its description, a JSON object in a file or on standard input:

  {"columns": [{"name": "id", "type": "utf8"}, {"name": "text", "type": "utf8"},
               {"name": "vector", "type": "vector[384]"}],
   "primary_key": ["id"],
   "indexes": [{"column": "id", "kind": "btree"}, {"column": "text", "kind": "fts"}],
   "sharding": {"kind": "bucket", "buckets": 4}}
` + lsmWriteHelp,
		Example: `  sidecar lsm create db/items.lance items.json`,
		Args:    args(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, a []string) error {
			in, closeInput, err := p.input(a[1:])
			if err != nil {
				return err
			}
			defer closeInput()
			text, err := io.ReadAll(io.LimitReader(in, maxArgument))
			if err != nil {
				return err
			}
			var n engine.NewTable
			if err := json.Unmarshal(text, &n); err != nil {
				return fmt.Errorf("not the description of a table: %w", err)
			}
			sink, err := f.openSink(p, cmd, a[0], true)
			if err != nil {
				return about(a[0], err)
			}
			if err = errors.Join(sink.create(cmd.Context(), n), sink.close(cmd.Context())); err != nil {
				return about(a[0], plain(err))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s created\n", a[0])
			return err
		},
	}
	p.lsmWriteFlags(cmd, f)
	return cmd
}

// input is the file that is named, or standard input.
func (p *process) input(names []string) (io.Reader, func(), error) {
	if len(names) == 0 || names[0] == "-" {
		return p.stdin, func() {}, nil
	}
	name := names[0]
	if !filepath.IsAbs(name) {
		name = filepath.Join(p.dir, name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { _ = f.Close() }, nil
}

// countedReader counts bytes, and on a terminal shows how many.
type countedReader struct {
	r     io.Reader
	n     int64
	w     io.Writer // nil shows nothing
	shown time.Time
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.w != nil && time.Since(c.shown) > 100*time.Millisecond {
		c.shown = time.Now()
		_, _ = fmt.Fprintf(c.w, "\r%s read\x1b[K", inspect.SizeText(c.n))
	}
	return n, err
}

func (c *countedReader) done() {
	if c.w != nil {
		_, _ = fmt.Fprint(c.w, "\r\x1b[K")
	}
}

// within bounds ctx by --timeout.
func (f *lsmFlags) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.timeout > 0 {
		return context.WithTimeout(ctx, f.timeout)
	}
	return context.WithCancel(ctx)
}
