package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/proxy/object"
)

func (p *process) evictCommand() *cobra.Command {
	var flags *adminFlags
	var prefix bool
	cmd := &cobra.Command{
		Use:   "evict s3://BUCKET/PATH...",
		Short: "Drop objects from the cache of a running sidecar",
		Long: `Drops pages and facts of an object, or of everything below a path that ends in a
slash. What is on its way from the origin does not enter either. The origin is
not touched; the next read fetches again.`,
		Example: "  sidecar evict s3://lake/items.lance/\n  sidecar evict --prefix s3://lake/items",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			client, err := flags.open(p, cmd)
			if err != nil {
				return err
			}
			defer client.close()
			for _, path := range paths {
				if err := s3Path(cmd, path); err != nil {
					return err
				}
			}
			var faults []error
			for _, path := range paths {
				faults = append(faults, evict(cmd, client, flags, path, prefix))
			}
			return errors.Join(faults...)
		},
	}
	flags = p.adminCommand(cmd)
	cmd.Flags().BoolVar(&prefix, "prefix", false, "take each path as a prefix of keys, wherever it ends")
	return cmd
}

func evict(cmd *cobra.Command, client *adminClient, flags *adminFlags, path string, prefix bool) error {
	_, key, _ := strings.Cut(strings.TrimPrefix(path, "s3://"), "/")
	field := "path"
	if prefix || key == "" || strings.HasSuffix(key, "/") {
		field = "prefix"
	}
	answer, err := client.call(cmd.Context(), http.MethodPost, "/invalidate", map[string]string{field: path})
	if err != nil {
		return fmt.Errorf("evict %s: %w", path, err)
	}
	return flags.output(cmd.OutOrStdout(), answer, func(w io.Writer) error {
		var d struct {
			object.Dropped
			Pins int `json:"pins"`
		}
		if err := json.Unmarshal(answer, &d); err != nil {
			return fmt.Errorf("admin API: %w", err)
		}
		line := fmt.Sprintf("%s: dropped %d pages (%s) of %d objects, facts of %d, %d generations, %d pins",
			path, d.Pages, inspect.SizeText(d.Bytes), d.Objects, d.Facts, d.Generations, d.Pins)
		if d.Decoded > 0 {
			line += fmt.Sprintf(", %d decoded objects (%s)", d.Decoded, inspect.SizeText(d.DecodedBytes))
		}
		if field == "path" && d.Facts == 0 && d.Objects == 0 {
			line += "; for everything below it, end the path with a slash"
		}
		_, err := fmt.Fprintln(w, line)
		return err
	})
}
