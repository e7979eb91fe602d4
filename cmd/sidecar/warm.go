package main

import (
	"context"
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
	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/warm"
)

func (p *process) warmCommand() *cobra.Command {
	var flags *adminFlags
	var wait, deadline time.Duration
	var pin, decode bool
	var fanout bool
	var budget, priority string
	var roles, pkColumns []string
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
			request := warmRequest{Wait: wait.String(), Roles: roles, PKColumns: pkColumns, Priority: priority, Fanout: fanout}
			for _, role := range roles {
				if _, err := warm.ParseRole(role); err != nil {
					return usage(cmd, fmt.Errorf("--roles: %w", err))
				}
			}
			if _, err := warm.ParsePriority(priority); err != nil {
				return usage(cmd, fmt.Errorf("--priority: %w", err))
			}
			if deadline > 0 {
				request.Deadline = deadline.String()
			}
			if cmd.Flags().Changed("pin") {
				request.Pin = &pin
			}
			if cmd.Flags().Changed("decode") {
				request.Decode = &decode
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
	fs.BoolVar(&decode, "decode", false, "wait until generations are decoded for the engine, or with --decode=false leave them")
	fs.StringVar(&budget, "budget", "", "most bytes to take, such as 256MiB")
	fs.StringSliceVar(&roles, "roles", nil, "comma-separated roles to take, such as open,pk,blocklist; default all")
	fs.StringSliceVar(&pkColumns, "pk-columns", nil, "columns of the primary key; default what the generation says")
	fs.StringVar(&priority, "priority", "", "low, normal or high")
	fs.BoolVar(&fanout, "fanout", false, "warm the peers of the sidecar too")
	return cmd
}

// warmRequest is the body of POST /warm.
type warmRequest struct {
	Path     string `json:"path"`
	Wait     string `json:"wait"`
	Deadline string `json:"deadline,omitempty"`
	Pin      *bool  `json:"pin,omitempty"`
	Decode   *bool  `json:"decode,omitempty"`
	Budget   int64  `json:"budget_bytes,omitempty"`

	Roles     []string `json:"roles,omitempty"`
	PKColumns []string `json:"pk_columns,omitempty"`
	Priority  string   `json:"priority,omitempty"`
	Fanout    bool     `json:"fanout,omitempty"`
}

// warmAnswer is the answer of POST /warm.
type warmAnswer struct {
	warm.Answer
	Peers []struct {
		Address string        `json:"address"`
		Answer  *warm.Answer  `json:"answer"`
		Error   *warm.Problem `json:"error"`
	} `json:"peers"`
}

// warmPath warms one path and prints the answer.
func warmPath(cmd *cobra.Command, client *adminClient, flags *adminFlags, request warmRequest, begunIsEnough bool) error {
	if screen := cmd.ErrOrStderr(); !begunIsEnough && !flags.asJSON && !request.Fanout && terminal(screen) {
		return warmWatched(cmd, client, flags, request, screen)
	}
	body, err := client.call(cmd.Context(), http.MethodPost, "/warm", request)
	return tellWarmed(cmd, flags, request, body, err, begunIsEnough)
}

// tellWarmed prints the answer to a warm and says by its error how it went.
func tellWarmed(cmd *cobra.Command, flags *adminFlags, request warmRequest, body []byte, err error, begunIsEnough bool) error {
	if err != nil {
		return fmt.Errorf("warm %s: %w", request.Path, err)
	}
	var answer warmAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("warm %s: admin API: %w", request.Path, err)
	}
	if err := flags.output(cmd.OutOrStdout(), body, func(w io.Writer) error { return printWarmed(w, answer) }); err != nil {
		return err
	}
	for _, peer := range answer.Peers {
		if peer.Error != nil || peer.Answer == nil || peer.Answer.State != warm.Warm && !(begunIsEnough && peer.Answer.State == warm.Warming) {
			return errReported
		}
	}
	if answer.State == warm.Warm || begunIsEnough && answer.State == warm.Warming {
		return nil
	}
	return errReported
}

// warmWatched begins a warm without waiting and draws its progress until it ends or the
// wait is over.
func warmWatched(cmd *cobra.Command, client *adminClient, flags *adminFlags, request warmRequest, screen io.Writer) error {
	wait, err := time.ParseDuration(request.Wait)
	if err != nil {
		return err
	}
	request.Wait = "0s"
	body, err := client.call(cmd.Context(), http.MethodPost, "/warm", request)
	var begun warm.Answer
	if err == nil && json.Unmarshal(body, &begun) == nil && begun.Job != "" {
		ctx, cancel := context.WithTimeout(cmd.Context(), wait)
		defer cancel()
		// Whatever cuts the progress short, the job's own status is the answer.
		_ = client.followJob(ctx, begun.Job, screen)
		body, err = client.call(cmd.Context(), http.MethodGet, "/warm/"+begun.Job, nil)
	}
	return tellWarmed(cmd, flags, request, body, err, false)
}

// printWarmed writes an answer and those of peers.
func printWarmed(w io.Writer, a warmAnswer) error {
	if err := printAnswer(w, a.Answer); err != nil {
		return err
	}
	for _, peer := range a.Peers {
		line := "no answer"
		switch {
		case peer.Error != nil:
			line = oneLine(peer.Error.Message)
		case peer.Answer != nil:
			line = fmt.Sprintf("%s, %s of %s", peer.Answer.State,
				inspect.SizeText(peer.Answer.Receipt.ResidentBytes), inspect.SizeText(peer.Answer.Receipt.Bytes))
		}
		if _, err := fmt.Fprintf(w, "  peer %s: %s\n", peer.Address, line); err != nil {
			return err
		}
	}
	return nil
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
		r.ResidentObjects, r.Objects, inspect.SizeText(r.ResidentBytes), inspect.SizeText(r.Bytes), r.ResidentPages, r.Pages)
	for _, left := range []struct {
		n    int
		what string
	}{
		{r.CutObjects, "left out by the budget, " + inspect.SizeText(r.CutBytes)},
		{r.SkippedObjects, "that no query reads, or of a class that is never cached"},
		{r.FailedObjects, "could not be read"},
		{r.ChangedObjects, "changed meanwhile"},
	} {
		if left.n > 0 {
			fmt.Fprintf(t, "  besides\t%d objects %s\n", left.n, left.what)
		}
	}
	for _, role := range warm.Roles() {
		if of := r.Roles.Of(role); of.Objects > 0 {
			fmt.Fprintf(t, "  %s\t%s of %s\n", role, inspect.SizeText(of.ResidentBytes), inspect.SizeText(of.Bytes))
		}
	}
	if d := r.Decode; d.State != "" {
		line := string(d.State)
		if d.Generations > 0 {
			line += fmt.Sprintf(": %d objects, %s, of %d generations", d.Objects, inspect.SizeText(d.Bytes), d.Generations)
		}
		if d.Error != "" {
			line += "; " + oneLine(d.Error)
		}
		fmt.Fprintf(t, "  decoded\t%s\n", line)
	}
	fmt.Fprintf(t, "  origin\t%d LIST, %d GET, %d HEAD, %s in %d rounds\n",
		r.Requests.List, r.Requests.Get, r.Requests.Head, inspect.SizeText(r.Source.OriginBytes), r.Rounds)
	fmt.Fprintf(t, "  time\t%s\n", time.Duration(r.Elapsed).Round(time.Microsecond))
	return t.Flush()
}
