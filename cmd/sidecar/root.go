package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/internal/config"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// process is what the program has of the world, so that tests can give it
// another one.
type process struct {
	args    []string
	environ []string
	dir     string // working directory at start; empty means the present one
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	signals <-chan os.Signal // nil means those of the process

	// For an origin that the demo made or counts at: its keys, and what it is reached
	// through. Empty means the SDK's chain and the network.
	originAccessKey, originSecretKey string
	originTransport                  http.RoundTripper
}

// env returns the value of a variable, or "".
func (p *process) env(name string) string {
	for _, kv := range p.environ {
		if n, value, _ := strings.Cut(kv, "="); n == name {
			return value
		}
	}
	return ""
}

// run executes the command line and returns the exit code.
func (p *process) run(ctx context.Context) int {
	root := p.root()
	root.SetArgs(longFlags(p.args))
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	problems := config.Problems(err)
	for _, problem := range problems {
		fmt.Fprintf(p.stderr, "sidecar: %s\n", oneLine(problem.Error()))
	}
	if len(problems) == 0 && !errors.Is(err, errReported) {
		fmt.Fprintf(p.stderr, "sidecar: %s\n", oneLine(err.Error()))
	}
	if len(problems) > 0 || errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailure
}

// longFlags lets flags be written with one dash, as Go programs do: -keep for --keep.
// No flag has a short form but -h.
func longFlags(args []string) []string {
	out := slices.Clone(args)
	for i, arg := range out {
		if arg == "--" {
			break
		}
		if len(arg) > 2 && arg[0] == '-' && arg[1] >= 'a' && arg[1] <= 'z' {
			out[i] = "-" + arg
		}
	}
	return out
}

var (
	// errUsage marks what the person typed wrong.
	errUsage = errors.New("wrong usage")
	// errReported ends a command with exit code 1 whose output said why.
	errReported = errors.New("reported already")
)

// usage wraps err as a mistake on the command line.
func usage(cmd *cobra.Command, err error) error {
	return &usageError{err: err, command: cmd.CommandPath()}
}

type usageError struct {
	err     error
	command string
}

func (e *usageError) Error() string {
	return fmt.Sprintf("%s (see %s --help)", e.err, e.command)
}

func (e *usageError) Is(target error) bool { return target == errUsage }

func (e *usageError) Unwrap() error { return e.err }

// oneLine keeps an error with joined causes on one line.
func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ") }

// root builds the command tree.
func (p *process) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sidecar",
		Short: "Hearth keeps freshly flushed Lance data hot",
		Long: `Hearth is a caching S3 endpoint that runs beside query pods. What can never
change is read from the origin once; what can change is always confirmed.

Bare "sidecar serve" runs over an embedded store in ./hearth-data and prints how
to point clients at it. "sidecar demo" shows what it is good for.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := ""
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = fmt.Sprintf(", did you mean %s?", near[0])
			}
			return usage(cmd, fmt.Errorf("there is no command %q%s", args[0], hint))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(usage)
	root.AddCommand(
		p.serveCommand(),
		p.warmCommand(),
		p.retainCommand(),
		p.generationsCommand(),
		p.statsCommand(),
		p.evictCommand(),
		p.explainCommand(),
		p.lanceCommand(),
		p.lsmCommand(),
		p.checkConfigCommand(),
		p.healthCommand(),
		p.versionCommand(),
	)
	if demo := p.demoCommand(); demo != nil {
		root.AddCommand(demo)
	}
	if err := completeFlags(root); err != nil {
		panic(err) // a flag that is visited exists, and is registered once
	}
	return root
}

// args turns a failed check of arguments into a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, a []string) error {
		if err := check(cmd, a); err != nil {
			return usage(cmd, err)
		}
		return nil
	}
}
