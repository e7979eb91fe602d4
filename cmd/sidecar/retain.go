package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/warm"
)

func (p *process) retainCommand() *cobra.Command {
	var flags *adminFlags
	var shard string
	var version uint64
	cmd := &cobra.Command{
		Use:   "retain s3://BUCKET/TABLE [GENERATION...]",
		Short: "Drop generations of a table that are not live any more",
		Long: `Drops everything that a running sidecar holds of a table's generations, but for
those that are named: directories such as 86a4c298_gen_4, or their paths.
Generations that are not known to be published stay, and with --version those
first seen in a newer manifest of the shard. The origin is not touched.`,
		Example: "  sidecar retain s3://lake/items.lance 86a4c298_gen_4 6ab40b82_gen_3",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s3Path(cmd, args[0]); err != nil {
				return err
			}
			client, err := flags.open(p, cmd)
			if err != nil {
				return err
			}
			defer client.close()
			request := retainRequest{Table: args[0], Shard: shard, Live: append([]string{}, args[1:]...), Version: version}
			answer, err := client.call(cmd.Context(), http.MethodPost, "/retain", request)
			if err != nil {
				return fmt.Errorf("retain %s: %w", args[0], err)
			}
			return flags.output(cmd.OutOrStdout(), answer, func(w io.Writer) error { return printRetained(w, answer) })
		},
	}
	flags = p.adminCommand(cmd)
	cmd.Flags().StringVar(&shard, "shard", "", "only this shard")
	cmd.Flags().Uint64Var(&version, "version", 0, "version of the shard's manifest that names the live generations; needs --shard")
	return cmd
}

// retainRequest is the body of POST /retain.
type retainRequest struct {
	Table   string   `json:"table"`
	Shard   string   `json:"shard,omitempty"`
	Live    []string `json:"live"`
	Version uint64   `json:"shard_manifest_version,omitempty"`
}

func printRetained(w io.Writer, answer []byte) error {
	var r warm.Retained
	if err := json.Unmarshal(answer, &r); err != nil {
		return fmt.Errorf("admin API: %w", err)
	}
	var b strings.Builder
	for _, prefix := range r.Retired {
		fmt.Fprintf(&b, "retired %s\n", prefix)
	}
	fmt.Fprintf(&b, "dropped %d pages (%s) of %d objects, %d generations, %d pins; %d are live, %d spared\n",
		r.Pages, inspect.SizeText(r.Bytes), r.Objects, r.Generations, r.Pins, r.Live, r.Spared)
	_, err := io.WriteString(w, b.String())
	return err
}
