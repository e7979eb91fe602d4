// Command sidecar is Hearth: a caching S3 endpoint beside query pods that read
// Lance tables, and the tools to look into it.
//
//	sidecar serve                run it
//	sidecar warm, evict, retain  move objects into a running one, and out
//	sidecar explain              ask how a key is treated
//	sidecar generations, stats   show what a running one knows and does
//	sidecar lsm                  query MemWAL tables, and write to them
//	sidecar lance                look into Lance tables and files
//	sidecar check-config         show the resolved settings
//	sidecar health               probe a running one
//	sidecar demo                 show what it is good for
//
// This file is the process; root.go the command tree; wiring.go the one place
// where packages meet; every command has a file of its own. Exit codes are 0 for
// success, 1 for failure and 2 for wrong usage or configuration. Errors are one
// line each on standard error and name what failed and where.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(os.Stderr, "sidecar: working directory: %v\n", err)
		os.Exit(exitFailure)
	}
	p := process{
		args: os.Args[1:], environ: os.Environ(), dir: dir,
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	}
	os.Exit(p.run(context.Background()))
}
