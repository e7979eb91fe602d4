package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/internal/config"
	"github.com/hearthcache/hearth/warm"
)

func (p *process) warmCommand() *cobra.Command {
	var flags *adminFlags
	var wait, deadline time.Duration
	var pin bool
	var budget string
	cmd := &cobra.Command{
		Use:   "warm s3://BUCKET/PATH...",
		Short: "Read objects into the cache of a running sidecar",
		Long: `Makes everything at and below a path resident: a generation, a table, or any
directory. It waits up to --wait and says what is resident then; the work goes
on beyond it. Exit code 0 means warm, or with --wait 0 begun; 1 means that
something is missing.`,
		Example: "  sidecar warm s3://lake/items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/86a4c298_gen_4\n" +
			"  sidecar warm --wait 0 s3://lake/items.lance",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			request := warmRequest{Wait: wait.String()}
			if deadline > 0 {
				request.Deadline = deadline.String()
			}
			if cmd.Flags().Changed("pin") {
				request.Pin = &pin
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
				faults = append(faults, warmPath(cmd, client, flags, request, wait == 0))
			}
			return errors.Join(faults...)
		},
	}
	flags = p.adminCommand(cmd)
	fs := cmd.Flags()
	fs.DurationVar(&wait, "wait", 5*time.Minute, "how long to wait for it to be warm; 0 returns at once")
	fs.DurationVar(&deadline, "deadline", 0, "give up after this long; 0 means the server's own limit")
	fs.BoolVar(&pin, "pin", false, "keep the pages until the path is evicted, or with --pin=false no longer")
	fs.StringVar(&budget, "budget", "", "largest sum of object sizes to take, such as 256MiB")
	return cmd
}

// warmRequest is the body of POST /warm.
type warmRequest struct {
	Path     string `json:"path"`
	Wait     string `json:"wait"`
	Deadline string `json:"deadline,omitempty"`
	Pin      *bool  `json:"pin,omitempty"`
	Budget   int64  `json:"budget_bytes,omitempty"`
}

// warmPath warms one path and prints the answer.
func warmPath(cmd *cobra.Command, client *adminClient, flags *adminFlags, request warmRequest, begunIsEnough bool) error {
	body, err := client.call(cmd.Context(), http.MethodPost, "/warm", request)
	if err != nil {
		return fmt.Errorf("warm %s: %w", request.Path, err)
	}
	var answer warm.Answer
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("warm %s: admin API: %w", request.Path, err)
	}
	if err := flags.output(cmd.OutOrStdout(), body, func(w io.Writer) error { return printAnswer(w, answer) }); err != nil {
		return err
	}
	if answer.State == warm.Warm || begunIsEnough && answer.State == warm.Warming {
		return nil
	}
	return errReported
}

// printAnswer writes what a person wants to know of a warm.
func printAnswer(w io.Writer, a warm.Answer) error {
	words := []string{string(a.State)}
	if a.Reason != "" {
		words[0] += " (" + string(a.Reason) + ")"
	}
	if a.Found != "" {
		words = append(words, "was "+string(a.Found))
	}
	if a.Published {
		words = append(words, "published")
	}
	if a.Pinned {
		words = append(words, "pinned")
	}
	if a.Job != "" {
		words = append(words, "job "+a.Job)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s: %s\n", a.Path, strings.Join(words, ", "))
	if a.Error != nil {
		fmt.Fprintf(t, "  error\t%s\n", oneLine(a.Error.Message))
	}
	r := a.Receipt
	fmt.Fprintf(t, "  resident\t%d of %d objects, %s of %s, %d of %d pages\n",
		r.ResidentObjects, r.Objects, config.Bytes(r.ResidentBytes), config.Bytes(r.Bytes), r.ResidentPages, r.Pages)
	for _, left := range []struct {
		n    int
		what string
	}{
		{r.CutObjects, "left out by the budget, " + config.Bytes(r.CutBytes).String()},
		{r.SkippedObjects, "of a class that is never cached"},
		{r.FailedObjects, "could not be read"},
		{r.ChangedObjects, "changed meanwhile"},
	} {
		if left.n > 0 {
			fmt.Fprintf(t, "  besides\t%d objects %s\n", left.n, left.what)
		}
	}
	fmt.Fprintf(t, "  origin\t%d LIST, %d GET, %d HEAD, %s in %d rounds\n",
		r.Requests.List, r.Requests.Get, r.Requests.Head, config.Bytes(r.Source.OriginBytes), r.Rounds)
	fmt.Fprintf(t, "  time\t%s\n", time.Duration(r.Elapsed).Round(time.Microsecond))
	return t.Flush()
}
