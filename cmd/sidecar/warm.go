package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/internal/config"
)

func (p *process) warmCommand() *cobra.Command {
	var flags *adminFlags
	var request warmRequest
	var wait, deadline time.Duration
	var budget string
	cmd := &cobra.Command{
		Use:   "warm s3://BUCKET/PATH...",
		Short: "Read objects into the cache of a running sidecar",
		Long: `Makes everything below a path resident: a generation, a table, or any prefix. It
waits up to --wait and says what is resident then; the work goes on beyond it.
Exit code 0 means warm, or with --wait 0 begun; 1 means that something is missing.`,
		Example: "  sidecar warm s3://lake/items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/86a4c298_gen_4\n" +
			"  sidecar warm --wait 0 s3://lake/items.lance/",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			request.Wait = wait.String()
			if deadline > 0 {
				request.Deadline = deadline.String()
			}
			if budget != "" {
				n, err := config.ParseBytes(budget)
				if err != nil {
					return usage(cmd, fmt.Errorf("--budget: %w", err))
				}
				request.Budget = int64(n)
			}
			for _, path := range paths {
				if err := s3Path(cmd, path); err != nil {
					return err
				}
			}
			client, err := flags.open(p, cmd)
			if err != nil {
				return err
			}
			defer client.close()
			var faults []error
			for _, path := range paths {
				request.Path = path
				faults = append(faults, warm(cmd, client, flags, request, wait == 0))
			}
			return errors.Join(faults...)
		},
	}
	flags = p.adminCommand(cmd)
	fs := cmd.Flags()
	fs.DurationVar(&wait, "wait", 5*time.Minute, "how long to wait for it to be warm; 0 returns at once")
	fs.DurationVar(&deadline, "deadline", 0, "give up after this long; 0 means the server's own limit")
	fs.StringSliceVar(&request.Roles, "roles", nil, "only these roles of a generation, such as open,pk,fts")
	fs.BoolVar(&request.Pin, "pin", false, "keep the pages until the path is evicted or retired")
	fs.StringVar(&budget, "budget", "", "largest number of bytes to fetch, such as 256MiB")
	return cmd
}

// warmRequest is the body of POST /warm.
type warmRequest struct {
	Path     string   `json:"path"`
	Wait     string   `json:"wait"`
	Deadline string   `json:"deadline,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Pin      bool     `json:"pin,omitempty"`
	Budget   int64    `json:"budget_bytes,omitempty"`
}

// warm warms one path and prints the answer.
func warm(cmd *cobra.Command, client *adminClient, flags *adminFlags, request warmRequest, begunIsEnough bool) error {
	answer, err := client.call(cmd.Context(), http.MethodPost, "/warm", request)
	if err != nil {
		return fmt.Errorf("warm %s: %w", request.Path, err)
	}
	var result struct {
		State   string         `json:"state"`
		Job     string         `json:"job"`
		Receipt map[string]any `json:"receipt"`
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return fmt.Errorf("warm %s: admin API: %w", request.Path, err)
	}
	err = flags.output(cmd.OutOrStdout(), answer, func(w io.Writer) error {
		line := request.Path + ": " + result.State
		if result.Job != "" {
			line += ", job " + result.Job
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
		return printTree(w, result.Receipt, "  ")
	})
	if err != nil {
		return err
	}
	if result.State == "warm" || begunIsEnough && result.State == "warming" {
		return nil
	}
	return errReported
}

// printTree writes nested facts one a line, names in order, so that a person can
// read whatever a receipt holds.
func printTree(w io.Writer, facts map[string]any, indent string) error {
	names := make([]string, 0, len(facts))
	for name := range facts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		var err error
		switch v := facts[name].(type) {
		case map[string]any:
			if _, err = fmt.Fprintf(w, "%s%s\n", indent, name); err == nil {
				err = printTree(w, v, indent+"  ")
			}
		case []any:
			for _, item := range v {
				if m, ok := item.(map[string]any); ok {
					if _, err = fmt.Fprintf(w, "%s%s\n", indent, name); err == nil {
						err = printTree(w, m, indent+"  ")
					}
				} else {
					_, err = fmt.Fprintf(w, "%s%s  %v\n", indent, name, item)
				}
				if err != nil {
					return err
				}
			}
		case float64:
			_, err = fmt.Fprintf(w, "%s%s  %.10g\n", indent, name, v)
		default:
			_, err = fmt.Fprintf(w, "%s%s  %v\n", indent, name, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
