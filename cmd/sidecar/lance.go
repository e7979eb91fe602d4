package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func (p *process) lanceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lance",
		Short: "Look into Lance tables, generations, indexes and files",
		Long: `Reads what Lance and LanceDB write, in a directory or at s3://bucket/prefix, and
writes nothing. No running sidecar is needed.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.lanceInspectCommand(), p.lanceCatCommand())
	return cmd
}

// errNoVersion is the answer to a version of what has none.
var errNoVersion = errors.New("--version: only tables have versions")

// pipeBytes is how much output is gathered before it is written.
const pipeBytes = 64 << 10

// pipe runs write with the command's output, buffered. That nobody reads the output to its end, as in "| head", is no
// error: write is then left early.
func pipe(cmd *cobra.Command, write func(w io.Writer) error) error {
	// With a handler, writing to a pipe that was closed is an error and not the end of the process.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGPIPE)
	defer signal.Stop(signals)
	w := bufio.NewWriterSize(cmd.OutOrStdout(), pipeBytes)
	err := write(w)
	if err == nil || !broken(err) {
		err = errors.Join(err, w.Flush())
	}
	if broken(err) {
		return nil
	}
	return err
}

func broken(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

// about names the path that an error is about. Wrong usage names it by itself.
func about(path string, err error) error {
	if err == nil || errors.Is(err, errUsage) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}
