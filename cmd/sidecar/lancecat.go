package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/lance/inspect/cat"
	"github.com/hearthcache/hearth/lance/storage"
)

func (p *process) lanceCatCommand() *cobra.Command {
	var flags *lanceFlags
	var format, columns string
	var o cat.Options
	cmd := &cobra.Command{
		Use:   "cat PATH",
		Short: "Print the rows of a table, generation or file",
		Long: `Prints the live rows of a table, of a generation, or all rows of one Lance file, in
the order in which they are stored. Rows of a table are those of the table itself:
its generations are not merged in. A generation's rows include its tombstones
(_tombstone true). Memory is that of a batch, however many rows there are.

  json    one object a line. NaN and infinities are "NaN", "Infinity", "-Infinity";
          binary is base64; vectors and lists are arrays; a map is an array of
          {"key", "value"}; decimals are strings; floats are written so that they
          read back as exactly their value in double precision
  csv     with a header; null is nothing, an empty text is ""; lists, vectors,
          structs and maps are JSON inside of one field
  arrow   an Arrow IPC stream, with types and metadata as they are
` + lanceHelp,
		Example: `  sidecar lance cat db/items.lance --columns id,text --limit 10
  sidecar lance cat --format csv s3://lake/db/items.lance >items.csv
  sidecar lance cat --format arrow db/items.lance | python -c 'import sys, pyarrow as pa; print(pa.ipc.open_stream(sys.stdin.buffer).read_all())'`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if o.Offset < 0 || o.Limit < 0 {
				return usage(cmd, fmt.Errorf("--offset and --limit are not negative"))
			}
			switch f := cat.Format(format); f {
			case cat.Arrow, cat.JSON, cat.CSV:
			default:
				return usage(cmd, fmt.Errorf("--format: %q is not arrow, json or csv", format))
			}
			o.Columns = splitNames(columns)
			target, err := flags.open(cmd.Context(), p, cmd, a[0])
			if err != nil {
				return about(a[0], err)
			}
			defer target.close()
			return about(a[0], target.cat(cmd, flags.version, o, cat.Format(format)))
		},
	}
	cmd.Flags().StringVar(&format, "format", string(cat.JSON), "json, csv or arrow")
	cmd.Flags().StringVar(&columns, "columns", "", "comma-separated top-level columns in the order wanted; empty for all")
	cmd.Flags().Int64Var(&o.Offset, "offset", 0, "rows to leave out at the beginning")
	cmd.Flags().Int64Var(&o.Limit, "limit", 0, "most rows to print; 0 for all")
	flags = p.lanceFlags(cmd)
	return cmd
}

// cat prints the rows of the target.
func (t *lanceTarget) cat(cmd *cobra.Command, version uint64, o cat.Options, format cat.Format) error {
	batches, closeRows, err := t.rows(cmd, version, o)
	if err != nil {
		return err
	}
	defer closeRows()
	return pipe(cmd, func(w io.Writer) error {
		out, err := cat.NewWriter(w, format, batches.Schema)
		if err != nil {
			return err
		}
		for batch, err := range batches.All {
			if err != nil {
				return err
			}
			err = out.Write(batch)
			batch.Release()
			if err != nil {
				return err
			}
		}
		return out.Close()
	})
}

// rows opens the rows of the target. The caller calls what is returned when done.
func (t *lanceTarget) rows(cmd *cobra.Command, version uint64, o cat.Options) (*cat.Batches, func(), error) {
	ctx := cmd.Context()
	kind, err := inspect.Detect(ctx, t.store, t.path)
	if err != nil {
		return nil, nil, err
	}
	if version > 0 && kind == inspect.KindFile {
		return nil, nil, usage(cmd, errNoVersion)
	}
	switch kind {
	case inspect.KindIndex:
		return nil, nil, fmt.Errorf("this is an index, not a table; its files can be printed one by one")
	case inspect.KindFile:
		r, err := file.OpenPath(ctx, t.store, t.path, file.Options{})
		if err != nil {
			return nil, nil, err
		}
		batches, err := cat.File(ctx, r, o)
		if err != nil {
			_ = r.Close()
			return nil, nil, err
		}
		return batches, func() { _ = r.Close() }, nil
	}
	s, err := storage.Sub(t.store, t.path)
	if err != nil {
		return nil, nil, err
	}
	var d *dataset.Dataset
	if version > 0 {
		d, err = dataset.OpenVersion(ctx, s, version, dataset.Options{})
	} else {
		d, err = dataset.Open(ctx, s, dataset.Options{})
	}
	if err != nil {
		return nil, nil, err
	}
	batches, err := cat.Table(ctx, d, o)
	if err != nil {
		_ = d.Close()
		return nil, nil, err
	}
	return batches, func() { _ = d.Close() }, nil
}
