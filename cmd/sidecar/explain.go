package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/proxy/object"
)

func (p *process) explainCommand() *cobra.Command {
	var flags *adminFlags
	cmd := &cobra.Command{
		Use:   "explain s3://BUCKET/KEY",
		Short: "Say how a running sidecar treats a key, and why",
		Long: `Asks a running sidecar for the class of a key, the rule that gave it, the
generation it lies below, and what of it is resident. The origin is not asked.`,
		Example: "  sidecar explain s3://lake/items.lance/_versions/7.manifest",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := s3Path(cmd, a[0]); err != nil {
				return err
			}
			client, err := flags.open(p, cmd)
			if err != nil {
				return err
			}
			defer client.close()
			answer, err := client.call(cmd.Context(), http.MethodGet, "/explain?path="+url.QueryEscape(a[0]), nil)
			if err != nil {
				return err
			}
			return flags.output(cmd.OutOrStdout(), answer, func(w io.Writer) error {
				var e object.Explanation
				if err := json.Unmarshal(answer, &e); err != nil {
					return fmt.Errorf("admin API: %w", err)
				}
				return printExplanation(w, e)
			})
		},
	}
	flags = p.adminCommand(cmd)
	return cmd
}

func printExplanation(w io.Writer, e object.Explanation) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("path", "s3://%s/%s", e.Bucket, e.Key)
	row("class", "%s", e.Class)
	row("why", "%s", e.Why)
	row("rule", "%s", e.Rule)
	if e.MaxAge != "" {
		row("max age", "%s", e.MaxAge)
	}
	if e.Bypassed {
		row("bypass", "the cache is switched off: everything goes to the origin")
	}
	if g := e.Generation; g != nil {
		row("generation", "%d, %s, %d objects, %s below %s", g.Number, g.State, g.Objects, inspect.SizeText(g.Bytes), g.Prefix)
	}
	if s := e.Snapshot; s != nil {
		row("snapshot", "of %s, at most %s old: %s", s.Table, s.MaxAge, s.Why)
	}
	if f := e.Facts; f != nil {
		row("facts", "%s, ETag %s, last modified %s, confirmed %s", inspect.SizeText(f.Size), f.ETag, f.LastModified,
			f.Confirmed.Format(time.RFC3339))
	} else {
		row("facts", "none known")
	}
	for _, v := range e.Versions {
		pinned := ""
		if v.Pinned {
			pinned = ", pinned"
		}
		row("resident", "%d of %d pages, %s, of ETag %s%s", v.ResidentPages, v.Pages, inspect.SizeText(v.ResidentBytes), v.ETag, pinned)
	}
	if len(e.Versions) == 0 {
		row("resident", "nothing")
	}
	return t.Flush()
}
