package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

const usage = `usage: bench hits|engine|ingest [flags]

  hits    processor time of a hit in memory, beside nginx, net/http and a bare loop
  engine  time of queries on a table with generations, beside LanceDB
  ingest  time of writing rows durably, with indexes, beside LanceDB

bench hits -h lists the flags.
`

// run executes one command. "serve" and "put" are what the harness starts itself as.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		_, _ = io.WriteString(stderr, usage) // nowhere else to complain
		return errors.New("no command")
	}
	switch args[0] {
	case "hits":
		o, err := parseHits(args[1:], stderr)
		if err != nil {
			return err
		}
		return hits(ctx, o, stdout, stderr)
	case "engine":
		o, err := parseEngine(args[1:], stderr)
		if err != nil {
			return err
		}
		return engineBench(ctx, o, stdout, stderr)
	case "ingest":
		o, err := parseIngest(args[1:], stderr)
		if err != nil {
			return err
		}
		return ingestBench(ctx, o, stdout, stderr)
	case "put":
		return put(ctx, args[1:], stdout)
	case "serve":
		return serve(ctx, args[1:], stdout)
	}
	_, _ = io.WriteString(stderr, usage)
	return fmt.Errorf("unknown command %q", args[0])
}
