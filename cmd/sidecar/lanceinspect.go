package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/lance/inspect"
)

func (p *process) lanceInspectCommand() *cobra.Command {
	var flags *lanceFlags
	var pages, asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect PATH",
		Short: "Describe a table, generation, index or file",
		Long: `Describes what Lance wrote at a path:

  a table        versions, schema, fragments, indexes, and the MemWAL: shards,
                 generations newest first, what of the WAL is to replay
  a generation   the same, and its place in the table
  an index       kind, figures and files: a folder below _indices/, or _pk_index
  a file         columns with their pages, encodings and sizes, global buffers
  a manifest     the table at that version

Only metadata is read. What could not be read is listed at the end; the exit code
is then 1.
` + lanceHelp,
		Example: `  sidecar lance inspect db/items.lance
  sidecar lance inspect --pages db/items.lance/data/0110.lance
  sidecar lance inspect --json s3://lake/db/items.lance --origin aws`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			target, err := flags.open(cmd.Context(), p, cmd, a[0])
			if err != nil {
				return about(a[0], err)
			}
			defer target.close()
			report, err := inspect.Inspect(cmd.Context(), target.store, target.path, inspect.Options{Version: flags.version, Pages: pages})
			if err != nil {
				return about(a[0], err)
			}
			if flags.version > 0 && report.Table == nil {
				return usage(cmd, errNoVersion)
			}
			report.Path = a[0]
			err = pipe(cmd, func(w io.Writer) error {
				if asJSON {
					return writeJSONTo(w, report)
				}
				return inspect.WriteText(w, report, inspect.TextOptions{All: pages})
			})
			if err == nil && len(report.Problems) > 0 {
				return errReported
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&pages, "pages", false, "show every page of every column, and lists to their end")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	flags = p.lanceFlags(cmd)
	return cmd
}
