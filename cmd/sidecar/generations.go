package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/warm"
)

func (p *process) generationsCommand() *cobra.Command {
	var flags *adminFlags
	var watching watchFlags
	var limit int
	cmd := &cobra.Command{
		Use:   "generations [s3://BUCKET/PREFIX]",
		Short: "List the generations that a running sidecar knows, with their state",
		Long: `Lists the generations below a prefix of keys, or all: whether they are published,
how far they are warm, and what of them is resident. The origin is not asked.
With --watch a terminal shows the list as it is, and anything else gets a line
for each generation that has changed.`,
		Example: "  sidecar generations s3://lake/items.lance/\n  sidecar generations --watch",
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
			v := &generationsView{client: client, path: "/generations?" + query.Encode(), asJSON: flags.asJSON, now: time.Now}
			w := cmd.OutOrStdout()
			if watching.on {
				if err := watching.check(cmd); err != nil {
					return err
				}
				return p.watch(cmd.Context(), w, terminal(w) && !flags.asJSON, watching.interval, v)
			}
			if err := v.look(cmd.Context()); err != nil {
				return fmt.Errorf("generations: %w", err)
			}
			return flags.output(w, v.answer, func(w io.Writer) error { return printGenerations(w, v.answer) })
		},
	}
	flags = p.adminCommand(cmd)
	watching.add(cmd)
	cmd.Flags().IntVar(&limit, "limit", 1000, "largest number of generations to list")
	return cmd
}

// generationsView looks at the generations of a sidecar.
type generationsView struct {
	client *adminClient
	path   string
	asJSON bool
	now    func() time.Time

	answer []byte
	told   map[string]string // by path, what was told of each
}

// look implements view.
func (v *generationsView) look(ctx context.Context) (err error) {
	v.answer, err = v.client.call(ctx, http.MethodGet, v.path, nil)
	return err
}

// draw implements view.
func (v *generationsView) draw(w io.Writer) error { return printGenerations(w, v.answer) }

// tell implements view.
func (v *generationsView) tell(w io.Writer) error {
	if v.asJSON {
		var line bytes.Buffer
		if err := json.Compact(&line, v.answer); err != nil {
			return fmt.Errorf("admin API: the answer is not JSON: %w", err)
		}
		line.WriteByte('\n')
		_, err := line.WriteTo(w)
		return err
	}
	list, err := readGenerations(v.answer)
	if err != nil {
		return err
	}
	seen := map[string]string{}
	at := v.now().Format(time.TimeOnly)
	for _, g := range list.Generations {
		name, text := "s3://"+g.Bucket+"/"+g.Prefix, strings.Join(generationColumns(g), "  ")
		seen[name] = text
		if v.told[name] != text {
			fmt.Fprintf(w, "%s  %s  %s\n", at, text, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.told)) {
		if _, still := seen[name]; !still {
			fmt.Fprintf(w, "%s  gone  %s\n", at, name)
		}
	}
	v.told = seen
	return nil
}

// generationList is the answer of GET /generations.
type generationList struct {
	Total       int                   `json:"total"`
	Generations []warm.GenerationInfo `json:"generations"`
}

func readGenerations(answer []byte) (list generationList, err error) {
	if err := json.Unmarshal(answer, &list); err != nil {
		return list, fmt.Errorf("admin API: %w", err)
	}
	return list, nil
}

// generationColumns are state, publication, what is resident and what is decoded.
func generationColumns(g warm.GenerationInfo) []string {
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
	return []string{string(g.State), publication, resident, decoded}
}

func printGenerations(w io.Writer, answer []byte) error {
	list, err := readGenerations(answer)
	if err != nil {
		return err
	}
	if list.Total == 0 {
		_, err := fmt.Fprintln(w, "no generations are known")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STATE\tPUBLICATION\tRESIDENT\tDECODED\tGENERATION")
	for _, g := range list.Generations {
		fmt.Fprintf(t, "%s\ts3://%s/%s\n", strings.Join(generationColumns(g), "\t"), g.Bucket, g.Prefix)
	}
	if more := list.Total - len(list.Generations); more > 0 {
		fmt.Fprintf(t, "and %d more; raise --limit\n", more)
	}
	return t.Flush()
}
