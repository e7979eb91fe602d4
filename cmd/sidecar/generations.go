package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/warm"
)

func (p *process) generationsCommand() *cobra.Command {
	var flags *adminFlags
	var limit int
	cmd := &cobra.Command{
		Use:   "generations [s3://BUCKET/PREFIX]",
		Short: "List the generations that a running sidecar knows, with their state",
		Long: `Lists the generations below a prefix of keys, or all: whether they are published,
how far they are warm, and what of them is resident. The origin is not asked.`,
		Example: "  sidecar generations s3://lake/items.lance/",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if len(args) == 1 {
				if err := s3Path(cmd, args[0]); err != nil {
					return err
				}
				query.Set("prefix", args[0])
			}
			client, err := flags.open(p, cmd)
			if err != nil {
				return err
			}
			defer client.close()
			answer, err := client.call(cmd.Context(), http.MethodGet, "/generations?"+query.Encode(), nil)
			if err != nil {
				return fmt.Errorf("generations: %w", err)
			}
			return flags.output(cmd.OutOrStdout(), answer, func(w io.Writer) error { return printGenerations(w, answer) })
		},
	}
	flags = p.adminCommand(cmd)
	cmd.Flags().IntVar(&limit, "limit", 1000, "largest number of generations to list")
	return cmd
}

func printGenerations(w io.Writer, answer []byte) error {
	var list struct {
		Total       int                   `json:"total"`
		Generations []warm.GenerationInfo `json:"generations"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return fmt.Errorf("admin API: %w", err)
	}
	if list.Total == 0 {
		_, err := fmt.Fprintln(w, "no generations are known")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STATE\tPUBLICATION\tRESIDENT\tDECODED\tGENERATION")
	for _, g := range list.Generations {
		resident := "-"
		if g.Objects > 0 {
			resident = fmt.Sprintf("%s of %s", inspect.SizeText(g.ResidentBytes), inspect.SizeText(g.Bytes))
		}
		publication := g.Publication
		if publication == "" {
			publication = "-"
		}
		decoded := "-"
		if g.DecodedObjects > 0 {
			decoded = inspect.SizeText(g.DecodedBytes)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\ts3://%s/%s\n", g.State, publication, resident, decoded, g.Bucket, g.Prefix)
	}
	if more := list.Total - len(list.Generations); more > 0 {
		fmt.Fprintf(t, "and %d more; raise --limit\n", more)
	}
	return t.Flush()
}
