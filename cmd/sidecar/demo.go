//go:build !noembedded

package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hearthcache/hearth/internal/config"
)

// demoOptions are the flags of the demo besides those of serve.
type demoOptions struct {
	table   string
	latency time.Duration
	every   int
	keep    bool
}

func (p *process) demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Write a table and query it, with an empty cache and a warm one",
		Long: `The whole story on one page: a table is made of ` + novelsInShort + `,
written through Hearth's engine to an embedded store that is made as slow as S3,
flushed in generations, and asked for a phrase, by meaning and by key, with an
empty cache and with a warm one. Every answer is checked. Prints the times, and
the requests that reached the store. Nothing is left behind.

LanceDB asks the same of the same table, each time in a fresh process, if it is
installed for Node.js: node_modules in this folder, below NODE_PATH, or named by
HEARTH_E2E_NODE_MODULES. Otherwise recorded queries of LanceDB are replayed.

With --table the demo reads your own data instead: every object below the prefix
as a client reads it (HEAD, last 64 KiB, all of it), cold and warmed, from the
origin that --origin names. It only reads.`,
		Example: `  sidecar demo
  sidecar demo --keep
  sidecar demo --table s3://lake/db/items.lance --origin aws`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.every < 1 {
				return usage(cmd, errors.New("--every must be at least 1"))
			}
			return p.demo(cmd.Context(), cmd.Flags(), o)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.table, "table", "", "s3://bucket/prefix of your own to read instead")
	fs.DurationVar(&o.latency, "latency", 40*time.Millisecond, "added to each request at the embedded store")
	fs.IntVar(&o.every, "every", 1, "write only every nth passage, to finish sooner")
	fs.BoolVar(&o.keep, "keep", false, "go on serving afterwards, until interrupted")
	config.AddFlags(fs)
	fs.SortFlags = false
	return cmd
}

// demo sets the stage, plays, and takes it down. A signal ends it at any time.
func (p *process) demo(ctx context.Context, flags *pflag.FlagSet, o demoOptions) (err error) {
	signals, stop := p.notify()
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	closed := make(chan os.Signal, 1) // nobody reads the output any more: without a handler that would end the process at once
	signal.Notify(closed, syscall.SIGPIPE)
	defer signal.Stop(closed)
	go func() {
		select {
		case s := <-signals:
			cancel(&interruption{s})
		case s := <-closed:
			cancel(&interruption{s})
		case <-ctx.Done():
		}
	}()
	defer func() { // what broke off because of the signal is no failure of its own
		if cause := (*interruption)(nil); err != nil && errors.As(context.Cause(ctx), &cause) {
			err = cause
		}
	}()
	stage := &demoStage{out: p.stdout, folder: p.dir}
	if stage.folder == "" { // the store changes it
		if stage.folder, err = os.Getwd(); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	play := stage.playNovels
	if o.table != "" {
		play = stage.playTable
	}
	if err := p.setStage(ctx, flags, o, stage); err != nil {
		return err
	}
	if err := play(ctx, p, o); err != nil {
		return err
	}
	if !o.keep {
		return nil
	}
	stage.say("\nServing: S3 %s (no keys asked for), admin %s. Interrupt to stop.\n", stage.server.url(listenerS3), stage.server.url(listenerAdmin))
	<-ctx.Done()
	return nil
}

// interruption ends a demo that was not done.
type interruption struct{ signal os.Signal }

func (i *interruption) Error() string { return "interrupted (" + i.signal.String() + ")" }
