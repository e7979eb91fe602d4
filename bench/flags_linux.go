package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// newFlags is the flag set of a command.
func newFlags(command string, stderr io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("bench "+command, flag.ContinueOnError)
	f.SetOutput(stderr)
	return f
}

// parse reads arguments, all of which must be flags.
func parse(f *flag.FlagSet, args []string) error {
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return nil
}

// lanceDBFlags are those of what is measured beside LanceDB.
func lanceDBFlags(f *flag.FlagSet, node, modules, latencies *string) {
	f.StringVar(node, "node", "node", "Node.js")
	f.StringVar(latencies, "latencies", "0,40ms", "what is added to each request at the store")
	f.StringVar(modules, "modules", os.Getenv("HEARTH_LANCEDB_NODE_MODULES"),
		"node_modules with @lancedb/lancedb and apache-arrow [HEARTH_LANCEDB_NODE_MODULES]")
}

// checkModules says whether LanceDB is there.
func checkModules(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "@lancedb", "lancedb")); dir == "" || err != nil {
		return errors.New("-modules names no folder with @lancedb/lancedb")
	}
	return nil
}

// list reads the parts of a flag's value, which commas divide.
func list[T any](name, value string, read func(string) (T, error)) ([]T, error) {
	var out []T
	for part := range strings.SplitSeq(value, ",") {
		v, err := read(part)
		if err != nil {
			return nil, fmt.Errorf("-%s: %w", name, err)
		}
		out = append(out, v)
	}
	return out, nil
}

func durations(name, value string) ([]time.Duration, error) {
	return list(name, value, time.ParseDuration)
}

// some reads names, each one of those that there are.
func some(name, value string, all []string) ([]string, error) {
	return list(name, value, func(part string) (string, error) {
		if !slices.Contains(all, part) {
			return "", fmt.Errorf("%q is none of %s", part, strings.Join(all, ", "))
		}
		return part, nil
	})
}
