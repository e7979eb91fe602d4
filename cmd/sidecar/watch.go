package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// watchFlags are what the commands share that can look again and again.
type watchFlags struct {
	on       bool
	interval time.Duration
}

func (f *watchFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "watch", false, "look again and again until interrupted: drawn anew on a terminal, further lines elsewhere")
	cmd.Flags().DurationVar(&f.interval, "interval", 2*time.Second, "time between looks of --watch")
}

func (f *watchFlags) check(cmd *cobra.Command) error {
	if f.interval < 100*time.Millisecond {
		return usage(cmd, fmt.Errorf("--interval: %v is less than 100ms", f.interval))
	}
	return nil
}

// A view is something to look at again and again.
type view interface {
	// look asks for how it is now.
	look(ctx context.Context) error
	// draw writes how it is now for a screen of its own; tell writes what is new, as lines. Both follow a look that went well.
	draw(w io.Writer) error
	tell(w io.Writer) error
}

// lookTimeout bounds a look.
const lookTimeout = 10 * time.Second

// watch looks at v each interval until an interrupt or the end of ctx, which end it well. A look that fails is said, and does
// not end it, but for one that no later look can mend.
func (p *process) watch(ctx context.Context, w io.Writer, screen bool, interval time.Duration, v view) error {
	signals, stop := p.notify()
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	looked := make(chan error, 1)
	away := false
	for {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, lookTimeout)
			defer cancel()
			looked <- v.look(ctx)
		}()
		var err error
		select {
		case err = <-looked:
		case <-signals:
			cancel()
			<-looked
			return nil
		case <-ctx.Done():
			<-looked
			return nil
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errRefused):
			return err
		case err != nil && !away:
			_, err = fmt.Fprintf(w, "%saway: %s; asking again every %v\n", clearScreen(screen), oneLine(err.Error()), interval)
			away = true
		case err != nil:
			err = nil
		case screen:
			away = false
			if _, err = io.WriteString(w, clearScreen(true)); err == nil {
				err = v.draw(w)
			}
		default:
			if away {
				away = false
				fmt.Fprintln(w, "back")
			}
			err = v.tell(w)
		}
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-signals:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// clearScreen begins a terminal's screen anew.
func clearScreen(screen bool) string {
	if !screen {
		return ""
	}
	return "\x1b[H\x1b[2J\x1b[3J"
}
